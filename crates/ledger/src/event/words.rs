//! What is told of a message: words to its sender, and reports of others about it.

macro_rules! words {
    ($families:tt $($before:tt)*) => { gather! { $families $($before)*
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
