//! The organisation's own keys on a message's journey: kept, made, used.
//!
//! | file | what |
//! | --- | --- |
//! | `book` | own keys as they are kept: sealed rows of the store |
//! | `ring` | the same opened, in memory: what signs and what opens |
//! | `make` | new keys and requests for certificates |
//! | `manage` | what a person does to them; the ledger tells of it |
//! | `opening` | mail that is sealed to them is opened |
//! | `publication` | what anybody may have of them: the web key directory, the page of keys |
//! | `warn` | a key that ends soon is told of ahead |
//! | `signing` | copies are signed when they are sent |
//!
//! What a key may still do is judged by [`keyring::org`]; private keys are used
//! through the traits of [`mail::private_key`] alone.

mod book;
mod make;
mod manage;
mod opening;
mod publication;
mod ring;
mod signing;
mod warn;

pub use book::{Kept, OrgKeyTrouble, all, find};
pub use make::{NotMade, Wanted, WantedKind, make, may_own, request};
pub use manage::{NotChanged, certify, keep, publish, renew, retire, revoke, withdraw};
pub use publication::{Publication, PublishedKey, PublishedKeys};
pub use ring::Keeper;
pub use warn::{ends_soon, expiring};

pub(crate) use opening::{Looked, Proven, Unsealed, inside, look, unsealed};
pub(crate) use ring::{Ring, refresh};
pub(crate) use signing::{Missing, Original, Signature, Signs, autocrypt_field, replies, sign_original};
pub(crate) use warn::warn;
