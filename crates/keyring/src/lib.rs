//! Recipients' keys: what is known of each, what becomes of one that is found,
//! and which of them may seal a copy; and the organisation's own ([`org`]).
//!
//! Pure: no IO, no clock, no randomness of its own. Whether a certificate can
//! be used is judged by `openpgp` and `smime`; what counts for which need is
//! policy's ([`policy::KeyPolicy`]).
//!
//! **Invariant**: a key is used for an address only if it was learned for that
//! very mailbox, names it still, and neither a person nor policy's rule for
//! changes holds it back.

#[cfg(test)]
mod addresses_tests;
mod again;
mod candidates;
mod checked;
#[cfg(test)]
mod fixture;
mod known;
mod learn;
mod material;
pub mod org;
mod withdraw;

pub use candidates::{Candidate, Candidates, candidates, wants_asking};
pub use checked::Checked;
pub use known::{Claim, Known, NotKnown};
pub use learn::{Found, Lesson, NotLearned, learn, replaced_by};
pub use material::{Material, NotAKey, NotUsable, SmimeKey, Usable};
pub use withdraw::{Withdrawal, withdraw};
