//! An API key: what an application shows to the REST door, what it may do
//! there, and the sender addresses that it may use. The store keeps it sealed.
//!
//! A key as its owner holds it is its public id and a generated secret, joined
//! by a dot: `key_01K….sp_…`. The id finds it and stands in the ledger; the
//! secret is shown once.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use mail::{ApiKeyId, Entropy, OrgId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::principal::{Principal, Submitter};
use crate::secret::{GeneratedSecret, SecretHash, has_form};
use crate::sender::{Sender, SenderPattern};

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Hand in messages.
    #[serde(rename = "messages:send")]
    Send,
    /// See messages, their timelines and receipts.
    #[serde(rename = "messages:read")]
    Read,
    /// Let held messages go, reject them, and recall what was sent.
    #[serde(rename = "messages:judge")]
    Judge,
    /// Have header blocks traced that the key's owner hands in.
    #[serde(rename = "headers:inspect")]
    Inspect,
    /// See who is suppressed, and why.
    #[serde(rename = "suppressions:read")]
    ReadSuppressions,
    /// Suppress addresses, and take that back.
    #[serde(rename = "suppressions:write")]
    WriteSuppressions,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 6] =
        [Scope::Send, Scope::Read, Scope::Judge, Scope::Inspect, Scope::ReadSuppressions, Scope::WriteSuppressions];

    /// The word for it: `messages:send`.
    pub const fn word(self) -> &'static str {
        match self {
            Scope::Send => "messages:send",
            Scope::Read => "messages:read",
            Scope::Judge => "messages:judge",
            Scope::Inspect => "headers:inspect",
            Scope::ReadSuppressions => "suppressions:read",
            Scope::WriteSuppressions => "suppressions:write",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The text is no scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is messages:send, messages:read, messages:judge, headers:inspect, suppressions:read or suppressions:write"
)]
pub struct NoScope;

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        Scope::ALL.into_iter().find(|scope| scope.word() == text).ok_or(NoScope)
    }
}

/// The text is no API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("that is no API key")]
pub struct NoApiKey;

/// A key as its owner shows it.
pub struct Shown {
    /// Which key.
    pub id: ApiKeyId,
    secret: Zeroizing<String>,
}

impl FromStr for Shown {
    type Err = NoApiKey;

    fn from_str(text: &str) -> Result<Self, NoApiKey> {
        let (id, secret) = text.split_once('.').ok_or(NoApiKey)?;
        if !has_form(secret) {
            return Err(NoApiKey);
        }
        Ok(Self { id: id.parse().map_err(|_| NoApiKey)?, secret: Zeroizing::new(secret.to_owned()) })
    }
}

/// A key of the REST door.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The organisation that it belongs to.
    pub org: OrgId,
    /// Its public name.
    pub id: ApiKeyId,
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// The sender addresses that it may use.
    pub senders: Vec<SenderPattern>,
    /// A test key: what it hands in never leaves the machine.
    pub test: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends by itself, if it does.
    pub expires: Option<Timestamp>,
    /// When it was ended, if it was.
    pub revoked: Option<Timestamp>,
    secret: SecretHash,
}

/// What a new key is to be.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// The sender addresses that it may use.
    pub senders: Vec<SenderPattern>,
    /// Whether what it hands in stays on the machine.
    pub test: bool,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
}

/// Why a key is not made, or not read.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The name is not one.
    #[error("a name is 1 to 100 characters on one line")]
    Name,
    /// A key without a scope could do nothing.
    #[error("a key has at least one scope")]
    NoScope,
    /// A key that sends names whom it sends as.
    #[error("a key with messages:send names at least one sender")]
    NoSender,
    /// The kept bytes are of a later format.
    #[error("an API key of format {found}, and {known} is the latest that is known")]
    Newer {
        /// The format of the bytes.
        found: u32,
        /// The format that is written here.
        known: u32,
    },
    /// The kept bytes are no key.
    #[error("the kept API key can't be read")]
    Damaged(#[source] serde_json::Error),
}

const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Kept<'k> {
    format: u32,
    api_key: &'k ApiKey,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

#[derive(Deserialize)]
struct Read {
    api_key: ApiKey,
}

impl ApiKey {
    /// A new key, and the text that its owner is shown once.
    pub fn generate(
        org: OrgId,
        wanted: NewApiKey,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(Self, Zeroizing<String>), ApiKeyError> {
        let NewApiKey { name, mut scopes, senders, test, expires } = wanted;
        if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(ApiKeyError::Name);
        }
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(ApiKeyError::NoScope);
        }
        if senders.is_empty() && scopes.contains(&Scope::Send) {
            return Err(ApiKeyError::NoSender);
        }
        let (id, secret) = (ApiKeyId::new(now, entropy), GeneratedSecret::new(entropy));
        let shown = Zeroizing::new(format!("{id}.{}", secret.expose()));
        let hash = secret.hash();
        Ok((Self { org, id, name, scopes, senders, test, created: now, expires, revoked: None, secret: hash }, shown))
    }

    /// Whether this is the key that was shown and it holds at `now`. Without a
    /// key the same is computed, so that the time does not tell whether there is one.
    pub fn check(kept: Option<&ApiKey>, shown: &Shown, now: Timestamp) -> bool {
        let unknown = SecretHash::unknown();
        let matches = kept.map_or(&unknown, |key| &key.secret).matches(&shown.secret);
        let holds = |key: &ApiKey| key.revoked.is_none() && key.expires.is_none_or(|end| now < end);
        matches && kept.is_some_and(holds)
    }

    /// Ends it. The time of the first end stays.
    pub fn revoke(&mut self, now: Timestamp) {
        self.revoked.get_or_insert(now);
    }

    /// Whoever shows it.
    pub fn principal(&self) -> Principal {
        Principal::Application { org: self.org, key: self.id, scopes: self.scopes.clone(), test: self.test }
    }

    /// Whoever hands in mail with it.
    pub fn sender(&self) -> Sender {
        Sender { org: self.org, by: Submitter::ApiKey(self.id), senders: self.senders.clone() }
    }

    /// The form to be sealed and kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and lists only: nothing in it can fail.
        serde_json::to_vec(&Kept { format: FORMAT, api_key: self }).unwrap_or_default()
    }

    /// Reads the kept form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ApiKeyError> {
        let Format { format } = serde_json::from_slice(bytes).map_err(ApiKeyError::Damaged)?;
        if format > FORMAT {
            return Err(ApiKeyError::Newer { found: format, known: FORMAT });
        }
        let Read { api_key } = serde_json::from_slice(bytes).map_err(ApiKeyError::Damaged)?;
        Ok(api_key)
    }
}

/// Without the hash of the secret.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("org", &self.org).field("id", &self.id).finish_non_exhaustive()
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

    fn wanted() -> NewApiKey {
        NewApiKey {
            name: "refills".to_owned(),
            scopes: vec![Scope::Send, Scope::Read, Scope::Send],
            senders: vec!["refills@clinic.example".parse().unwrap()],
            test: false,
            expires: Timestamp::from_second(100).ok(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_key_is_shown_once_kept_and_checked() {
        let (key, text) = ApiKey::generate(OrgId(1), wanted(), at(0), &Fixed).unwrap();
        assert_eq!(key.scopes, [Scope::Send, Scope::Read]);
        let shown: Shown = text.parse().unwrap();
        assert_eq!(shown.id, key.id);
        let kept = key.to_bytes();
        assert!(!String::from_utf8_lossy(&kept).contains("sp_"));
        let mut read = ApiKey::from_bytes(&kept).unwrap();
        assert_eq!(read, key);
        assert!(ApiKey::check(Some(&read), &shown, at(99)));
        assert!(!ApiKey::check(Some(&read), &shown, at(100)), "it has ended");
        assert!(!ApiKey::check(None, &shown, at(0)));
        let other: Shown = text.replace("sp_a", "sp_b").parse().unwrap();
        assert!(text.contains("sp_a") && !ApiKey::check(Some(&read), &other, at(0)));
        read.revoke(at(5));
        assert!(!ApiKey::check(Some(&read), &shown, at(6)));
        assert_eq!(read.principal().to_string(), format!("api:{}", read.id));
    }

    #[test]
    fn a_key_that_could_do_nothing_is_not_made() {
        let make = |change: fn(&mut NewApiKey)| {
            let mut wanted = wanted();
            change(&mut wanted);
            ApiKey::generate(OrgId(1), wanted, at(0), &Fixed).map(|_| ())
        };
        assert!(matches!(make(|wanted| wanted.scopes.clear()), Err(ApiKeyError::NoScope)));
        assert!(matches!(make(|wanted| wanted.senders.clear()), Err(ApiKeyError::NoSender)));
        assert!(matches!(make(|wanted| wanted.name = "a\nb".to_owned()), Err(ApiKeyError::Name)));
    }

    #[test]
    fn what_is_no_key_is_not_looked_up() {
        let id = "key_01K00000000000000000000000";
        for bad in ["", "sp_x", id, &format!("{id}.sp_short"), "key_other.sp_aebagbafaydqqcikbmga2dqpcaireeyu"] {
            assert!(bad.parse::<Shown>().is_err(), "{bad}");
        }
    }
}
