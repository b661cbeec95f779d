//! The account at the authority, made when there is none.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::authority::{Authority, Desk, Wanted};
use crate::error::AcmeError;
use crate::http::Carried;

/// An account that the authority knows from elsewhere, to which ours is bound (RFC 8555 §7.3.4).
#[derive(Clone)]
pub struct ExternalAccount {
    /// Its key identifier.
    pub id: String,
    key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalAccount").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no base64url")]
pub struct KeyForm;

impl ExternalAccount {
    /// With its MAC key as authorities hand it out: base64url, some base64.
    ///
    /// # Errors
    /// [`KeyForm`] where it is neither.
    pub fn new(id: &str, key: &str) -> Result<Self, KeyForm> {
        let text = key.trim().trim_end_matches('=');
        let decoded = URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).map_err(|_| KeyForm)?;
        if decoded.is_empty() {
            return Err(KeyForm);
        }
        Ok(Self { id: id.to_owned(), key: Zeroizing::new(decoded) })
    }
}

/// The account as it is kept; it holds the account's private key.
#[derive(Serialize, Deserialize)]
pub struct KeptAccount {
    directory: String,
    external: Option<String>,
    contact: Vec<String>,
    credentials: AccountCredentials,
}

impl KeptAccount {
    fn fits(&self, authority: &Authority, wanted: &Wanted) -> bool {
        let external = wanted.external.as_ref().map(|external| &external.id);
        self.directory == authority.directory() && self.external.as_ref() == external
    }
}

/// The account that was kept, or a new one.
pub(crate) async fn account(authority: &Authority, wanted: &Wanted, desk: &dyn Desk) -> Result<Account, AcmeError> {
    let kept = desk.account().await?.filter(|kept| kept.fits(authority, wanted));
    let Some(kept) = kept else { return create(authority, wanted, desk).await };
    let told = kept.contact == wanted.contact;
    let builder = Account::builder_with_http(Box::new(Carried(authority.fetcher.clone())));
    let account = builder.from_credentials(kept.credentials).await?;
    if !told {
        let contact = contact(wanted);
        account.update_contacts(&contact.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    }
    Ok(account)
}

/// A new account, kept before it is used.
pub(crate) async fn create(authority: &Authority, wanted: &Wanted, desk: &dyn Desk) -> Result<Account, AcmeError> {
    let terms = authority.terms().await?;
    if let (Some(url), false) = (&terms.url, wanted.terms_agreed) {
        return Err(AcmeError::TermsNotAgreed { url: crate::error::plain(url) });
    }
    if terms.needs_external_account && wanted.external.is_none() {
        return Err(AcmeError::ExternalAccountNeeded);
    }
    let contact = contact(wanted);
    let new = NewAccount {
        contact: &contact.iter().map(String::as_str).collect::<Vec<_>>(),
        terms_of_service_agreed: wanted.terms_agreed,
        only_return_existing: false,
    };
    let external = wanted.external.as_ref().map(|one| ExternalAccountKey::new(one.id.clone(), &one.key));
    let builder = Account::builder_with_http(Box::new(Carried(authority.fetcher.clone())));
    let (account, credentials) = builder.create(&new, authority.directory(), external.as_ref()).await?;
    let kept = KeptAccount {
        directory: authority.directory(),
        external: wanted.external.as_ref().map(|one| one.id.clone()),
        contact: wanted.contact.clone(),
        credentials,
    };
    desk.keep_account(kept).await?;
    Ok(account)
}

fn contact(wanted: &Wanted) -> Vec<String> {
    wanted.contact.iter().map(|address| format!("mailto:{address}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_key_is_read_in_either_alphabet_and_never_shown() {
        for text in ["-_-_", "+/+/", "+/+/\n", "-_8=", "-_8"] {
            assert!(ExternalAccount::new("kid", text).is_ok(), "{text}");
        }
        for text in ["", "=", "a b", "ä"] {
            assert!(matches!(ExternalAccount::new("kid", text), Err(KeyForm)), "{text}");
        }
        let shown = format!("{:?}", ExternalAccount::new("kid", "c2VjcmV0").unwrap());
        assert!(shown.contains("kid") && !shown.contains("115"), "{shown}");
    }
}
