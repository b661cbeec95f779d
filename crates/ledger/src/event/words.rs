//! What is told of a message: words to its sender, and reports of others about
//! it, with whom nothing more is sent after them.

macro_rules! words {
    ($families:tt $($before:tt)*) => { gather! { $families $($before)*
    /// From now on an address gets nothing more, as far as the reason goes.
    SuppressionAdded = "suppression_added" {
        /// The suppression.
        suppression: SuppressionId,
        /// The address.
        recipient: Address,
        /// Why.
        reason: Reason,
        /// The stream that it is for; none for every one.
        stream: Option<String>,
        /// Where it came from: a delivery, a bounce, a report, a person.
        origin: String,
    }
    /// A suppression was taken back.
    SuppressionRemoved = "suppression_removed" {
        /// The suppression.
        suppression: SuppressionId,
        /// The address.
        recipient: Address,
        /// Why it was suppressed.
        reason: Reason,
        /// The stream that it was for; none for every one.
        stream: Option<String>,
        /// Who took it back.
        by: String,
        /// Why.
        because: String,
    }
    /// A recipient told a provider that the message was unwanted (RFC 5965), and
    /// the report is shown to be about it.
    Complained = "complained" {
        /// The recipient.
        recipient: Address,
        /// The type of the feedback: `abuse`, `fraud`, …
        feedback: String,
        /// Who reports, as it says.
        by: String,
        /// The message that it came as.
        report: MessageId,
        /// What shows that it is about this message: `return_path`, `envelope_id`, `passage`.
        proof: String,
    }
    /// A report about a recipient's copy came in, and is shown to be about it.
    DsnReceived = "dsn_received" {
        /// The recipient.
        recipient: Address,
        /// What it says was done: `failed`, `delayed`, `delivered`, `relayed`, `expanded`, `unknown`.
        action: String,
        /// RFC 3463.
        status: Option<EnhancedCode>,
        /// The cause by class.
        class: String,
        /// What the reporting server said.
        because: String,
        /// Who reports, as it says.
        by: String,
        /// The message that it came as.
        dsn: MessageId,
        /// What shows that it is about this message: `return_path`, `envelope_id`, `passage`.
        proof: String,
    }
    /// A word to the sender was taken by the sender's server.
    DsnSent = "dsn_sent" {
        /// The parcel.
        parcel: ParcelId,
        /// Who was told.
        recipient: Address,
        /// The server's reply.
        reply: Reply,
    }
    /// A word to the sender could not be sent. It is never bounced itself.
    DsnFailed = "dsn_failed" {
        /// The parcel; none where none could be made.
        parcel: Option<ParcelId>,
        /// Who was to be told.
        recipient: Address,
        /// Why.
        because: String,
    }
    } };
}

pub(super) use words;
