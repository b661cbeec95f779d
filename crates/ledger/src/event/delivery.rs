//! What happens to a parcel and to a recipient's copy on the way to its end.

macro_rules! delivery {
    ($families:tt $($before:tt)*) => { gather! { $families $($before)*
    /// A parcel went into the queue.
    Queued = "queued" {
        /// The parcel.
        parcel: ParcelId,
        /// What the parcel is for: `content`, `notice`, `code`, `dsn`.
        kind: String,
        /// Who will get it.
        recipients: Vec<Address>,
    }
    /// One address of one MX host was tried.
    Attempted = "attempted" {
        /// The parcel.
        parcel: ParcelId,
        /// The name of the MX host.
        mx: String,
        /// The address; none where the host's addresses were not found.
        ip: Option<IpAddr>,
        /// How the MX host was known.
        mx_lookup: Option<MxLookup>,
        /// What the connection proved, where there was one.
        level: Option<Level>,
        /// What TLS proved, where there was TLS.
        tls: Option<Tls>,
        /// The peer's last reply, where it matters.
        reply: Option<Reply>,
        /// How it went, for people.
        result: String,
    }
    /// The peer took responsibility for a recipient's copy.
    Delivered = "delivered" {
        /// The parcel.
        parcel: ParcelId,
        /// The recipient.
        recipient: Address,
        /// The peer's reply.
        reply: Reply,
        /// How it was sealed, where it is end to end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealing: Option<Sealing>,
        /// Who signed it, or why nobody did; none where policy wants no signature.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signing: Option<Signing>,
    }
    /// Not now: it is tried again.
    Deferred = "deferred" {
        /// The parcel.
        parcel: ParcelId,
        /// The recipient.
        recipient: Address,
        /// Why.
        because: String,
        /// The peer's reply, where it said so.
        reply: Option<Reply>,
        /// When it is tried again.
        until: Timestamp,
    }
    /// The promise could not be kept; the copy takes the next method.
    Rerouted = "rerouted" {
        /// The parcel that was given up.
        parcel: ParcelId,
        /// The recipient.
        recipient: Address,
        /// The method that could not.
        from: Method,
        /// The method that will.
        to: Method,
        /// Why.
        because: String,
    }
    /// Policy refused a recipient's copy, or the whole message.
    Refused = "refused" {
        /// The recipient; none for all of them.
        recipient: Option<Address>,
        /// Why.
        because: String,
    }
    /// A recipient's copy is not sent: the address is suppressed.
    Suppressed = "suppressed" {
        /// The recipient.
        recipient: Address,
        /// The suppression that counts.
        suppression: SuppressionId,
        /// Why it is suppressed.
        reason: Reason,
        /// The stream that the suppression is for; none for every one.
        stream: Option<String>,
        /// Since when.
        since: Timestamp,
    }
    /// A recipient's copy, or the whole message, waits for a person.
    Held = "held" {
        /// The recipient; none for all of them.
        recipient: Option<Address>,
        /// Why.
        because: String,
    }
    /// A person let it go on.
    Released = "released" {
        /// The recipient; none for all of them.
        recipient: Option<Address>,
        /// Who.
        by: String,
        /// Why, where a reason was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    }
    /// A person decided that a copy that waited is never delivered: one that was
    /// held, or one that was taken out of the queue.
    Rejected = "rejected" {
        /// The recipient.
        recipient: Address,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    }
    /// A recipient's copy will never arrive.
    Bounced = "bounced" {
        /// The parcel.
        parcel: ParcelId,
        /// The recipient.
        recipient: Address,
        /// Why.
        because: String,
        /// The peer's reply, where it said so.
        reply: Option<Reply>,
        /// The class of the cause: `bad_address`, `full`, `blocked`, `policy`,
        /// `content`, `greylisted`, `unknown`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<String>,
    }
    /// An operator did something to a parcel in the queue.
    QueueChanged = "queue_changed" {
        /// The parcel.
        parcel: ParcelId,
        /// Whom it is for.
        recipients: Vec<Address>,
        /// What was done: `hold`, `release`, `retry`, `drop`.
        deed: String,
        /// Who did it.
        by: String,
        /// Why.
        reason: String,
    }
    /// The message was recalled; what that did to one recipient's copy.
    Recalled = "recalled" {
        /// The recipient.
        recipient: Address,
        /// What became of the copy: `withdrawn`, `stopped`.
        outcome: String,
        /// Who recalled it.
        by: String,
        /// Why.
        reason: String,
    }
    /// It came back to whom it had been sent to already, and was not taken again.
    Looped = "looped" {
        /// The recipient.
        recipient: Address,
        /// Who brought it back, in the ledger's words.
        submitter: String,
        /// From where.
        peer: IpAddr,
    }
    /// Its time ended: in the queue, or in the portal.
    Expired = "expired" {
        /// The recipient; none for all of them.
        recipient: Option<Address>,
        /// What ended.
        because: String,
    }
    /// The message's key was destroyed, and with it all that it sealed.
    Erased = "erased" {
        /// Why.
        because: String,
    }
    } };
}

pub(super) use delivery;
