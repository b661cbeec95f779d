//! What happens in the portal, and with what opens it.

macro_rules! portal {
    ($families:tt $($before:tt)*) => { gather! { $families $($before)*
    /// The portal's notice was taken by the recipient's server.
    Notified = "notified" {
        /// The recipient.
        recipient: Address,
        /// What its transit proved.
        level: Level,
    }
    /// A one-time code was asked for and sent.
    CodeSent = "code_sent" {
        /// The recipient.
        recipient: Address,
        /// The least level that its transit must prove.
        needs: Level,
    }
    /// A one-time code was asked for and not sent.
    CodeWithheld = "code_withheld" {
        /// The recipient.
        recipient: Address,
        /// Why.
        because: String,
    }
    /// A wrong code was given.
    CodeWrong = "code_wrong" {
        /// The recipient.
        recipient: Address,
        /// From where.
        peer: Option<IpAddr>,
    }
    /// A right code was given, and a passphrase is asked next.
    CodeAccepted = "code_accepted" {
        /// The recipient.
        recipient: Address,
        /// From where.
        peer: Option<IpAddr>,
    }
    /// A wrong passphrase was given.
    PassphraseWrong = "passphrase_wrong" {
        /// The recipient.
        recipient: Address,
        /// From where.
        peer: Option<IpAddr>,
    }
    /// A passphrase is needed and the sender gave none.
    PassphraseMissing = "passphrase_missing" {
        /// The recipient.
        recipient: Address,
        /// Why it is needed.
        because: String,
    }
    /// The recipient read the message in the portal.
    Opened = "opened" {
        /// The recipient.
        recipient: Address,
        /// What was asked and met: `code`, `passphrase`.
        met: Vec<String>,
        /// From where.
        peer: Option<IpAddr>,
    }
    /// The recipient replied in the portal: a message of its own.
    Replied = "replied" {
        /// The recipient, who replied.
        recipient: Address,
        /// The reply's own message.
        reply: MessageId,
        /// Where it goes.
        to: Address,
        /// What the recipient says that it is about: `billing`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<String>,
        /// From where.
        peer: Option<IpAddr>,
    }
    /// The recipient asked for it to be sent again.
    ResendAsked = "resend_asked" {
        /// The recipient.
        recipient: Address,
    }
    } };
}

pub(super) use portal;
