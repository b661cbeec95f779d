//! One order: the names are proven, the key is made here, the chain is had
//! (RFC 8555 §7.4, §7.5).

use std::time::Duration;

use discovery::probe::read_certificate;
use instant_acme::{
    Account, AuthorizationStatus, ChallengeHandle, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use mail::Domain;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use zeroize::Zeroizing;

use crate::account;
use crate::answer::{Answer, Challenge};
use crate::authority::{Authority, Desk, Wanted};
use crate::error::{AcmeError, Kind, plain};
use crate::issued::Issued;

/// Validation takes seconds; an authority under load takes a minute.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_secs(150));

impl Authority {
    /// Has a certificate issued for what is wanted.
    ///
    /// # Errors
    /// [`AcmeError`], which says who has to mend what.
    pub async fn order(&self, wanted: &Wanted, desk: &dyn Desk) -> Result<Issued, AcmeError> {
        let account = account::account(self, wanted, desk).await?;
        let identifiers: Vec<_> = wanted.names.iter().map(|name| Identifier::Dns(name.to_string())).collect();
        let new = NewOrder::new(&identifiers);
        let mut order = match account.new_order(&new).await.map_err(AcmeError::from) {
            // The authority has forgotten the account: it was ended there, or the authority was made anew.
            Err(error) if error.kind() == Some(Kind::NoSuchAccount) => {
                let account: Account = account::create(self, wanted, desk).await?;
                account.new_order(&new).await?
            }
            made => made?,
        };
        prove(&mut order, wanted.challenge, desk).await?;
        issue(&mut order, &wanted.names).await
    }
}

/// Answers the challenge of every name that is not proven yet, and waits for the authority's word.
async fn prove(order: &mut Order, challenge: Challenge, desk: &dyn Desk) -> Result<(), AcmeError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status != AuthorizationStatus::Pending {
            continue;
        }
        let name = name_of(&authorization.identifier().to_string())?;
        let mut handle = authorization
            .challenge(kind_of(challenge))
            .ok_or_else(|| AcmeError::NotOffered { name: name.clone(), challenge })?;
        desk.show(answer(&handle, name, challenge)?).await?;
        handle.set_ready().await?;
    }
    match order.poll_ready(&PATIENCE).await {
        Ok(OrderStatus::Ready) => Ok(()),
        // One that was issued before, and is given again.
        Ok(_) | Err(Error::Api(_)) => Err(why_invalid(order, challenge).await),
        Err(error) => Err(error.into()),
    }
}

fn answer(handle: &ChallengeHandle<'_>, name: Domain, challenge: Challenge) -> Result<Answer, AcmeError> {
    let authorization = handle.key_authorization();
    match challenge {
        Challenge::Http01 => Ok(Answer::Http { token: handle.token.clone(), text: authorization.as_str().to_owned() }),
        Challenge::TlsAlpn01 => {
            let digest = authorization.digest().as_ref().try_into().map_err(|_| AcmeError::Crypto)?;
            Ok(Answer::Tls { name, digest })
        }
    }
}

/// The problem of the first name that was not proven.
async fn why_invalid(order: &mut Order, challenge: Challenge) -> AcmeError {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { continue };
        if authorization.refresh().await.is_err() || authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let Ok(name) = name_of(&authorization.identifier().to_string()) else { continue };
        if let Some(problem) = authorization.challenges.iter().find_map(|one| one.error.as_ref()) {
            let detail = plain(problem.detail.as_deref().unwrap_or("no reason given"));
            return AcmeError::NotProven { name, challenge, kind: Kind::of(problem), detail };
        }
    }
    AcmeError::Refused { kind: Kind::Other, detail: "the order became invalid, without a reason".to_owned() }
}

/// Sends the request for the certificate and gets the chain.
async fn issue(order: &mut Order, names: &[Domain]) -> Result<Issued, AcmeError> {
    let key = KeyPair::generate().map_err(|_| AcmeError::Crypto)?;
    let texts: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(texts).map_err(|_| AcmeError::Crypto)?;
    params.distinguished_name = DistinguishedName::new();
    // What a certificate over this key will say of it, to know ours by.
    let own = params.self_signed(&key).map_err(|_| AcmeError::Crypto)?;
    let sha256 = read_certificate(own.der()).key_sha256.ok_or(AcmeError::Crypto)?;
    let request = params.serialize_request(&key).map_err(|_| AcmeError::Crypto)?;
    order.finalize_csr(request.der()).await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Issued::judge(chain, Zeroizing::new(key.serialize_pem()), names, &sha256)
}

const fn kind_of(challenge: Challenge) -> ChallengeType {
    match challenge {
        Challenge::Http01 => ChallengeType::Http01,
        Challenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
    }
}

fn name_of(text: &str) -> Result<Domain, AcmeError> {
    Domain::parse(text).map_err(|_| AcmeError::NotAcme { what: "it names what was not asked for".to_owned() })
}
