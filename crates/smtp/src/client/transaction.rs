//! A transaction and what came of it, each recipient apart.

use mail::{Recipient, Reply, ReversePath};

use super::content::Content;
use super::extensions::Extensions;

/// One message for some recipients.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// The reverse path.
    pub sender: ReversePath,
    /// ENVID of RFC 3461, decoded.
    pub envid: Option<String>,
    /// Whether the server must promise TLS on the whole way (RFC 8689).
    pub requiretls: bool,
    /// Who gets it: at least one.
    pub recipients: Vec<Recipient>,
    /// What they get.
    pub content: Content,
}

/// Why a server can't take a transaction, known before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// An address has UTF-8 beyond ASCII and SMTPUTF8 is not offered.
    #[error("an address needs SMTPUTF8, which is not offered")]
    NeedsSmtputf8,
    /// The body has bytes above 127 and 8BITMIME is not offered.
    #[error("the body needs 8BITMIME, which is not offered")]
    NeedsEightbit,
    /// The message needs REQUIRETLS and it is not offered (RFC 8689 §4.2.1).
    #[error("the message needs REQUIRETLS, which is not offered")]
    NeedsRequireTls,
    /// The content is larger than the server takes.
    #[error("the content is larger than {0} bytes")]
    TooLarge(u64),
}

impl Transaction {
    /// Whether an address needs SMTPUTF8.
    pub fn needs_smtputf8(&self) -> bool {
        let sender = self.sender.0.iter();
        let mut addresses = sender.chain(self.recipients.iter().map(|recipient| &recipient.address));
        addresses.any(|address| !address.is_ascii())
    }

    /// Whether a server that offers this can take it.
    pub fn fits(&self, offered: Extensions) -> Result<(), Unfit> {
        if self.needs_smtputf8() && !offered.smtputf8 {
            return Err(Unfit::NeedsSmtputf8);
        }
        if self.content.has_eightbit_body() && !offered.eightbit {
            return Err(Unfit::NeedsEightbit);
        }
        if self.requiretls && !offered.requiretls {
            return Err(Unfit::NeedsRequireTls);
        }
        match offered.size_max {
            Some(max) if self.content.size() > max => Err(Unfit::TooLarge(max)),
            _ => Ok(()),
        }
    }
}

/// A step of the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The server's first words.
    Greeting,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS.
    StartTls,
    /// RSET.
    Rset,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, or content that is not yet whole.
    Data,
    /// After the whole content.
    End,
    /// QUIT.
    Quit,
}

/// What came of a transaction, in the order of its recipients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One for each recipient.
    pub verdicts: Vec<Verdict>,
}

/// What came of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server took responsibility (2yz to the content).
    Accepted(Reply),
    /// The server refused at this step, now (4yz) or for good (5yz).
    Refused(Step, Reply),
    /// The dialogue ended at this step without a reply. At [`Step::End`] the
    /// server had the whole content and may have taken it.
    Unanswered(Step),
}
