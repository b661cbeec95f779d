//! What a certificate's owner has really signed. Found once for a certificate,
//! because it doesn't depend on the time; what counts now is another question.

use jiff::Timestamp;
use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{Signature, SignatureType, SignatureVersion, SubpacketData, SubpacketType};
use pgp::types::{KeyDetails, SignedUser, Tag};

use crate::algorithm::{self, Over};
use crate::component::Component;
use crate::{Revocation, time};

/// The most signatures of one kind on one component that are tried, the newest
/// first, so that a heap of forgeries costs little.
const TRIED_MAX: usize = 32;

/// A signature of the owner that fits.
#[derive(Debug, Clone)]
pub struct Statement {
    pub signature: Signature,
    pub at: Timestamp,
    /// When the statement itself ends (RFC 9580 §5.2.3.18).
    pub ends: Option<Timestamp>,
    /// Whether the subkey signed the primary key in return (RFC 9580 §5.2.1.9).
    pub is_returned: bool,
}

#[derive(Debug, Default)]
pub struct Facts {
    pub revocations: Vec<Revocation>,
    pub direct: Vec<Statement>,
    /// One for each user id, in their order.
    pub users: Vec<Bound>,
    /// One for each subkey, in their order.
    pub subkeys: Vec<Bound>,
}

/// What binds a user id or a subkey, the newest first.
#[derive(Debug, Default)]
pub struct Bound {
    pub statements: Vec<Statement>,
    pub revocations: Vec<Revocation>,
}

impl Facts {
    pub fn of(key: &SignedPublicKey) -> Self {
        let primary = Component::primary(&key.primary_key);
        let direct = newest(&key.details.direct_signatures, SignatureType::Key, Over::Binding);
        let direct: Vec<_> = direct.filter(|one| one.signature.verify_key(&primary).is_ok()).collect();
        let mut revocations: Vec<_> =
            newest_revocations(&key.details.revocation_signatures, SignatureType::KeyRevocation)
                .filter(|(signature, _)| signature.verify_key(&primary).is_ok())
                .map(|(_, revocation)| revocation)
                .collect();
        revocations.extend(by_named_revokers(&key.details.revocation_signatures, &direct));
        Self {
            revocations,
            users: key.details.users.iter().map(|user| of_user(primary, user)).collect(),
            subkeys: key.public_subkeys.iter().map(|subkey| of_subkey(primary, subkey)).collect(),
            direct,
        }
    }
}

fn of_user(primary: Component<'_>, user: &SignedUser) -> Bound {
    let fits = |signature: &Signature| signature.verify_certification(&primary, Tag::UserId, &user.id).is_ok();
    let kinds = [
        SignatureType::CertGeneric,
        SignatureType::CertPersona,
        SignatureType::CertCasual,
        SignatureType::CertPositive,
    ];
    let mut statements: Vec<_> = kinds
        .into_iter()
        .flat_map(|kind| newest(&user.signatures, kind, Over::Binding))
        .filter(|one| fits(&one.signature))
        .collect();
    statements.sort_by_key(|one| std::cmp::Reverse(one.at));
    let revocations = newest_revocations(&user.signatures, SignatureType::CertRevocation)
        .filter(|(signature, _)| fits(signature))
        .map(|(_, revocation)| revocation)
        .collect();
    Bound { statements, revocations }
}

fn of_subkey(primary: Component<'_>, subkey: &SignedPublicSubKey) -> Bound {
    if subkey.key.version() != primary.version() {
        return Bound::default();
    }
    let fits = |signature: &Signature| signature.verify_subkey_binding(&primary, &subkey.key).is_ok();
    let statements = newest(&subkey.signatures, SignatureType::SubkeyBinding, Over::Binding)
        .filter(|one| fits(&one.signature))
        .map(|mut one| {
            one.is_returned = is_returned(&one.signature, primary, subkey);
            one
        })
        .collect();
    let revocations = newest_revocations(&subkey.signatures, SignatureType::SubkeyRevocation)
        .filter(|(signature, _)| fits(signature))
        .map(|(_, revocation)| revocation)
        .collect();
    Bound { statements, revocations }
}

/// Without this, anybody could bind another's signing subkey to his own
/// certificate and claim what it signed.
fn is_returned(binding: &Signature, primary: Component<'_>, subkey: &SignedPublicSubKey) -> bool {
    let Some(back) = binding.embedded_signature() else {
        return false;
    };
    sound(back, SignatureType::KeyBinding, Over::Binding).is_some()
        && back.verify_primary_key_binding(&Component::subkey(&subkey.key), &primary).is_ok()
}

/// The sound ones of a kind, the newest first, not yet verified.
fn newest(signatures: &[Signature], kind: SignatureType, over: Over) -> impl Iterator<Item = Statement> {
    let mut found: Vec<Statement> = signatures.iter().filter_map(|signature| sound(signature, kind, over)).collect();
    // The last of two with the same time counts, as it does for other software.
    found.reverse();
    found.sort_by_key(|one| std::cmp::Reverse(one.at));
    found.into_iter().take(TRIED_MAX)
}

/// A signature of the kind whose form and hash can be relied on.
fn sound(signature: &Signature, kind: SignatureType, over: Over) -> Option<Statement> {
    if signature.typ() != Some(kind) || !is_understood(signature) {
        return None;
    }
    let at = time::from_packet(signature.created()?);
    let is_sound = signature.hash_alg().is_some_and(|hash| algorithm::is_sound(hash, over, at));
    let ends = signature.signature_expiration_time().and_then(|life| time::end(at, life.as_secs()));
    is_sound.then(|| Statement { signature: signature.clone(), at, ends, is_returned: false })
}

/// Whether the version and every part that is marked critical is understood (RFC 9580 §5.2.3.7).
pub fn is_understood(signature: &Signature) -> bool {
    let Some(config) =
        signature.config().filter(|config| matches!(config.version(), SignatureVersion::V4 | SignatureVersion::V6))
    else {
        return false;
    };
    config.hashed_subpackets().all(|part| {
        !part.is_critical
            || !matches!(
                part.typ(),
                SubpacketType::Notation
                    | SubpacketType::RegularExpression
                    | SubpacketType::Experimental(_)
                    | SubpacketType::Other(_)
            )
    })
}

/// Revocations count whatever hash they were made with: a forged one takes a
/// key out of use, an ignored one lets a stolen key speak.
fn newest_revocations(signatures: &[Signature], kind: SignatureType) -> impl Iterator<Item = (&Signature, Revocation)> {
    let mut found: Vec<_> = signatures
        .iter()
        .filter(|signature| signature.typ() == Some(kind))
        .filter_map(|signature| Some((signature, revocation(signature)?)))
        .collect();
    found.sort_by_key(|(_, revocation)| std::cmp::Reverse(revocation.at));
    found.into_iter().take(TRIED_MAX)
}

fn revocation(signature: &Signature) -> Option<Revocation> {
    use pgp::packet::RevocationCode;
    let is_soft = matches!(
        signature.revocation_reason_code(),
        Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired | RevocationCode::CertUserIdInvalid)
    );
    let words = signature.revocation_reason_string().map(|words| String::from_utf8_lossy(words)).unwrap_or_default();
    let reason = words.chars().filter(|c| !c.is_control()).take(256).collect();
    Some(Revocation { hard: !is_soft, at: time::from_packet(signature.created()?), reason })
}

/// A revocation by another key that the owner named as a revoker (RFC 9580
/// §5.2.3.23): it can't be checked without that key, so it counts.
fn by_named_revokers(signatures: &[Signature], direct: &[Statement]) -> Vec<Revocation> {
    let named: Vec<&[u8]> = direct
        .iter()
        .filter_map(|one| one.signature.config())
        .flat_map(|config| config.hashed_subpackets())
        .filter_map(|part| match &part.data {
            SubpacketData::RevocationKey(revoker) => Some(revoker.fingerprint.as_ref()),
            _ => None,
        })
        .collect();
    let is_named = |signature: &Signature| {
        named.iter().any(|revoker| {
            signature.issuer_fingerprint().iter().any(|issuer| issuer.as_bytes() == *revoker)
                || signature.issuer_key_id().iter().any(|id| revoker.ends_with(id.as_ref()))
        })
    };
    newest_revocations(signatures, SignatureType::KeyRevocation)
        .filter(|(signature, _)| is_named(signature))
        .map(|(_, revocation)| revocation)
        .collect()
}
