//! What happens to a message before it is queued: taken, looked into, decided, sealed.

macro_rules! arrival {
    ($families:tt $($before:tt)*) => { gather! { $families $($before)*
    /// The door took the message and answered for it.
    Accepted = "accepted" {
        /// The door.
        door: Door,
        /// Who handed it in: the login, or the network's name.
        submitter: String,
        /// The client's address.
        peer: IpAddr,
        /// TLS version and cipher of the submission, where there was TLS.
        tls: Option<(String, String)>,
        /// The reverse path.
        sender: ReversePath,
        /// The recipients.
        recipients: Vec<Address>,
        /// Size of the message as it was received.
        body_bytes: u64,
        /// The stream that it is of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stream: Option<String>,
    }
    /// Its way here, as its trace fields tell it: it came from another mail
    /// system.
    Traced = "traced" {
        /// What can be said of its way between organisations.
        verdict: Transit,
        /// What that rests on.
        because: String,
        /// Its hops, the newest first.
        hops: Vec<TracedHop>,
        /// Older hops that are not kept.
        hops_left_out: u32,
    }
    /// Where an inbound message comes from was looked at.
    Authenticated = "authenticated" {
        /// The value of Authentication-Results (RFC 8601).
        results: String,
        /// Whom it pretends to come from.
        warnings: Vec<String>,
        /// Whether the sender's address is proven, so that failures are told.
        return_path: bool,
    }
    /// It came sealed or signed end to end, and was looked into.
    Proven = "proven" {
        /// Whether it was opened with a key of the organisation's own.
        opened: bool,
        /// What was proven: by whom signed, over what, or that nothing was.
        line: String,
    }
    /// Policy decided about one recipient's copy.
    Decided = "decided" {
        /// The recipient.
        recipient: Address,
        /// What it decided.
        decision: Verdict,
        /// The least protection that will do; none unless it is delivered.
        needs: Option<Need>,
        /// The rules that count.
        because: Vec<String>,
        /// The hash under which the policy is kept.
        policy: Digest,
    }
    /// Its sender asks by `TLS-Required: No` (RFC 8689 §4.1) that TLS not be
    /// insisted on.
    TlsRequiredNo = "tls_required_no" {
        /// Whether policy heeds it.
        heeded: bool,
        /// What that means, for people.
        because: String,
    }
    /// A recipient's copy got its method.
    Sealed = "sealed" {
        /// The recipient.
        recipient: Address,
        /// The method.
        method: Method,
        /// Why this one.
        because: String,
        /// The key that it will be sealed to, where it is end to end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyNamed>,
    }
    /// A recipient's key was looked for before the message was decided.
    KeySought = "key_sought" {
        /// The recipient.
        recipient: Address,
        /// What came of it.
        found: String,
    }
    } };
}

pub(super) use arrival;
