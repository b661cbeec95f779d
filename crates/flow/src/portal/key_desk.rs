//! What the portal needs of the rest of the journey for keys that recipients
//! give: whether one is fit for use, and what is done about it.
//!
//! A key is kept and taken back within the change of the link that says so
//! ([`PortalDesk::save`]), never beside it.

use jiff::Timestamp;
use mail::{Address, KeyFormat, KeyState, RecipientKeyId};

use super::desk::{DeskError, Pending, PortalDesk, Ticket};
use super::proof::{Offered, ProofCode};

/// Why a file is not taken as a key; for the recipient, who can do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOffered {
    /// There is no key in it that could be read, or more than one.
    Unreadable,
    /// It has a private key, which nobody may have but its holder.
    Private,
    /// It does not name the address of this link.
    OtherAddress,
    /// It has ended, was revoked, or is too weak, or can't encrypt.
    Unusable,
    /// The clinic does not use it.
    Rejected,
    /// There are too many already.
    TooMany,
}

/// A key of the recipient's, as the recipient sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenKey {
    /// Its id.
    pub id: RecipientKeyId,
    /// OpenPGP or S/MIME.
    pub format: KeyFormat,
    /// Its fingerprint, hexadecimal.
    pub fingerprint: String,
    /// Whether it may be used.
    pub state: KeyState,
    /// Whether the recipient asked that it be used no more.
    pub is_unwanted: bool,
    /// When it became known.
    pub since: Timestamp,
}

/// What a step of a link does about a key, beside the link's own change.
#[derive(Debug, Clone)]
pub enum KeyStep {
    /// The code is sealed to the key, and mailed.
    Offered(Offered, ProofCode),
    /// A wrong code was entered.
    Wrong,
    /// The right one was: the key is kept, and the address is told.
    Proven(Offered),
    /// The recipient wants a key used no more: the address is told.
    Removed(GivenKey),
}

/// What became of a key that a step was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOutcome {
    /// It is kept, and held back until somebody accepts it.
    Held,
    /// It is kept, and may be used.
    Kept,
    /// It can't be kept; nobody is told.
    Refused(NotOffered),
    /// It is used no more.
    Removed,
    /// Others stand for it: they were asked.
    Asked,
}

/// The portal's window to keys.
pub trait KeyDesk: PortalDesk {
    /// Whether policy uses keys that recipients give.
    fn takes_keys(&self, ticket: &Ticket) -> bool;

    /// The key in a file, if it may be offered for that address.
    fn read_key<'a>(
        &'a self,
        ticket: &'a Ticket,
        address: &'a Address,
        file: &'a [u8],
    ) -> Pending<'a, Result<Result<Offered, NotOffered>, DeskError>>;

    /// The keys that this recipient gave.
    fn given_keys<'a>(
        &'a self,
        ticket: &'a Ticket,
        address: &'a Address,
    ) -> Pending<'a, Result<Vec<GivenKey>, DeskError>>;
}
