//! A credential of submission: a login, what proves it, and the sender
//! addresses that it may use. The store keeps it sealed.

use std::fmt;

use jiff::Timestamp;
use mail::{Entropy, OrgId};
use serde::{Deserialize, Serialize};

use crate::password::{ChosenHash, PasswordRefused};
use crate::principal::Submitter;
use crate::secret::{GeneratedSecret, SecretHash};
use crate::sender::{Sender, SenderPattern};

/// A login that may hand in mail.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The organisation that it belongs to.
    pub org: OrgId,
    /// The name of the login.
    pub login: String,
    /// The sender addresses that it may use.
    pub senders: Vec<SenderPattern>,
    /// When it was made, or its secret was changed.
    pub created: Timestamp,
    /// When it was ended, if it was.
    pub revoked: Option<Timestamp>,
    pub(crate) proof: Proof,
}

/// What proves the login.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Proof {
    Generated(SecretHash),
    Chosen(ChosenHash),
}

/// Why a credential is not made, or not read.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The name is not one.
    #[error("a login is 1 to 64 letters, digits and any of . _ - @ +")]
    Login,
    /// A credential without senders could send nothing.
    #[error("a credential names at least one sender")]
    NoSender,
    /// The password is not taken.
    #[error(transparent)]
    Password(#[from] PasswordRefused),
    /// The kept bytes are of a later format.
    #[error("a credential of format {found}, and {known} is the latest that is known")]
    Newer {
        /// The format of the bytes.
        found: u32,
        /// The format that is written here.
        known: u32,
    },
    /// The kept bytes are no credential.
    #[error("the kept credential can't be read")]
    Damaged(#[source] serde_json::Error),
}

/// The format that is written.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Kept<'c> {
    format: u32,
    credential: &'c Credential,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Deserialize)]
struct Read {
    credential: Credential,
}

impl Credential {
    /// A credential with a secret that is made here; it is shown once.
    pub fn generate(
        org: OrgId,
        login: &str,
        senders: Vec<SenderPattern>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(Self, GeneratedSecret), CredentialError> {
        let secret = GeneratedSecret::new(entropy);
        let credential = Self::new(org, login, senders, now, Proof::Generated(secret.hash()))?;
        Ok((credential, secret))
    }

    /// A credential with a password that someone chose. Takes tens of milliseconds.
    pub fn choose(
        org: OrgId,
        login: &str,
        senders: Vec<SenderPattern>,
        password: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, CredentialError> {
        let hash = ChosenHash::new(login, password, entropy)?;
        Self::new(org, login, senders, now, Proof::Chosen(hash))
    }

    fn new(
        org: OrgId,
        login: &str,
        senders: Vec<SenderPattern>,
        created: Timestamp,
        proof: Proof,
    ) -> Result<Self, CredentialError> {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte);
        if !(1..=64).contains(&login.len()) || !login.bytes().all(is_letter) {
            return Err(CredentialError::Login);
        }
        if senders.is_empty() {
            return Err(CredentialError::NoSender);
        }
        Ok(Self { org, login: login.to_owned(), senders, created, revoked: None, proof })
    }

    /// Ends it. The time of the first end stays.
    pub fn revoke(&mut self, now: Timestamp) {
        self.revoked.get_or_insert(now);
    }

    /// Whoever logged in with it.
    pub fn sender(&self) -> Sender {
        Sender { org: self.org, by: Submitter::Credential(self.login.clone()), senders: self.senders.clone() }
    }

    /// The form to be sealed and kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and lists only: nothing in it can fail.
        serde_json::to_vec(&Kept { format: FORMAT, credential: self }).unwrap_or_default()
    }

    /// Reads the kept form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CredentialError> {
        let Format { format } = serde_json::from_slice(bytes).map_err(CredentialError::Damaged)?;
        if format > FORMAT {
            return Err(CredentialError::Newer { found: format, known: FORMAT });
        }
        let Read { credential } = serde_json::from_slice(bytes).map_err(CredentialError::Damaged)?;
        Ok(credential)
    }
}

/// Without the hash of the secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("org", &self.org)
            .field("login", &self.login)
            .field("senders", &self.senders)
            .field("created", &self.created)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn senders() -> Vec<SenderPattern> {
        vec!["*@clinic.example".parse().unwrap()]
    }

    #[test]
    fn a_credential_is_kept_and_read() {
        let (mut credential, secret) =
            Credential::generate(OrgId(1), "ehr", senders(), Timestamp::UNIX_EPOCH, &Fixed).unwrap();
        credential.revoke(Timestamp::UNIX_EPOCH);
        let bytes = credential.to_bytes();
        assert_eq!(Credential::from_bytes(&bytes).unwrap(), credential);
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains(secret.expose()) && text.starts_with("{\"format\":1,"));
        assert_eq!(credential.sender().principal().to_string(), "credential:ehr");
    }

    #[test]
    fn a_later_format_and_damage_are_told_apart() {
        let later = br#"{"format":2,"credential":{"anything":1}}"#;
        assert!(matches!(Credential::from_bytes(later), Err(CredentialError::Newer { found: 2, .. })));
        for bad in [&b""[..], b"{}", br#"{"format":1}"#, br#"{"format":1,"credential":{}}"#] {
            assert!(matches!(Credential::from_bytes(bad), Err(CredentialError::Damaged(_))));
        }
    }

    #[test]
    fn a_login_is_a_plain_name() {
        let make = |login| Credential::generate(OrgId(1), login, senders(), Timestamp::UNIX_EPOCH, &Fixed);
        for fine in ["ehr", "front-desk", "a@clinic.example"] {
            assert!(make(fine).is_ok(), "{fine}");
        }
        for bad in ["", "a b", "a\0b", "é", &"x".repeat(65)] {
            assert!(matches!(make(bad), Err(CredentialError::Login)), "{bad}");
        }
    }
}
