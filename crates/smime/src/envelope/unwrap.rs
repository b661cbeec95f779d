//! Gets the key of the content by a private key.

use mail::private_key::{Decrypter, KeyUse, RsaPadding};
use zeroize::Zeroizing;

use super::found::{Agreement, Transport};
use crate::algorithm::agreement::{Derivation, shared_info};
use crate::algorithm::wrap::Wrap;
use crate::algorithm::{Identifier, KeyAlgorithm, KeyTransport, PublicKey, transport as names};
use crate::limits::OpenError;

type Unwrapped = (KeyTransport, Zeroizing<Vec<u8>>);

/// Why a key could not be used is not told: it may depend on the message.
fn failed(_: KeyUse) -> OpenError {
    OpenError::Failed
}

fn of_length(key: Zeroizing<Vec<u8>>, expected: usize) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if key.len() == expected { Ok(key) } else { Err(OpenError::Failed) }
}

/// By RSA. With PKCS#1 v1.5 there is always a key: a wrong one if the padding is wrong, so that the failure shows only
/// at the content (RFC 3218 §2.3.2).
pub(super) fn transport(info: &Transport<'_>, key: &dyn Decrypter, expected: usize) -> Result<Unwrapped, OpenError> {
    let transport = names::rsa_of(&info.algorithm).ok_or(OpenError::KeyTransport)?;
    let padding = match transport {
        KeyTransport::RsaOaep(hash) => RsaPadding::Oaep(hash),
        _ => RsaPadding::Pkcs1,
    };
    let content_key = key.decrypt_rsa(padding, &info.sealed, &[expected]).map_err(failed)?;
    Ok((transport, of_length(content_key, expected)?))
}

/// By ECDH or X25519.
pub(super) fn agreement(info: &Agreement<'_>, key: &dyn Decrypter, expected: usize) -> Result<Unwrapped, OpenError> {
    let public = PublicKey::from_der(key.public_key()).map_err(|_| OpenError::Failed)?;
    let transport = match public.algorithm() {
        KeyAlgorithm::P256 => KeyTransport::EcdhP256,
        KeyAlgorithm::P384 => KeyTransport::EcdhP384,
        KeyAlgorithm::P521 => KeyTransport::EcdhP521,
        KeyAlgorithm::X25519 => KeyTransport::X25519,
        _ => return Err(OpenError::Failed),
    };
    let derivation = Derivation::from_oid(&info.algorithm.oid).ok_or(OpenError::KeyTransport)?;
    let wrap_element = info.algorithm.parameters.ok_or(OpenError::Malformed)?;
    let wrap = Identifier::inside(wrap_element)?;
    let wrap = Wrap::from_oid(&wrap.oid).ok_or(OpenError::KeyTransport)?;
    let secret = key.agree(info.originator).map_err(failed)?;
    let shared = shared_info(wrap_element.whole, info.added.as_deref(), wrap.key_bytes());
    let with = derivation.derive(&secret, &shared, wrap.key_bytes()).ok_or(OpenError::KeyTransport)?;
    let content_key = wrap.unwrap(&with, &info.wrapped).ok_or(OpenError::Failed)?;
    Ok((transport, of_length(content_key, expected)?))
}
