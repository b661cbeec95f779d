//! Who someone is and what they may do: principals, credentials of submission,
//! the checking of logins, and the one [`authorize`] that stands before every
//! route and command.
//!
//! This crate never stores anything, never opens a socket and never logs a
//! login, a secret or an address of mail: it is handed what the store keeps
//! and says yes or no.

pub mod api_key;
pub mod authorize;
pub mod block;
pub mod credential;
pub mod logins;
pub mod password;
pub mod principal;
pub mod secret;
pub mod sender;

pub use api_key::{ApiKey, ApiKeyError, NewApiKey, Scope, Shown};
pub use authorize::{Action, Forbidden, Resource, authorize};
pub use block::block_of;
pub use credential::{Credential, CredentialError};
pub use logins::{AuthRefused, LoginLimits, Logins};
pub use password::PasswordRefused;
pub use principal::{Principal, Submitter};
pub use secret::GeneratedSecret;
pub use sender::{PatternError, Sender, SenderPattern};
