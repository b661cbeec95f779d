//! Public-key operations in the crypto provider, which is several times as
//! fast as what rPGP has, and the same for all of Sealpost. What the provider
//! lacks (X448, Ed448, rare hashes) is left to rPGP.

mod encrypt;
mod verify;

use pgp::ser::Serialize;
use pgp::types::PublicParams;

pub use encrypt::{encrypt, rsa_key};
pub use verify::verify;

/// The modulus and the exponent of RSA, as they stand in a key packet (RFC 9580 §5.5.5.1).
pub fn rsa_numbers(params: &PublicParams) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    params.to_writer(&mut bytes).ok()?;
    let (n, rest) = number(&bytes)?;
    let (e, _) = number(rest)?;
    Some((n.to_vec(), e.to_vec()))
}

/// A number with its length in bits before it (RFC 9580 §3.2).
fn number(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (bits, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*bits)).div_ceil(8))
}

/// Numbers on the wire lose their leading zeros; none for one that is too long.
pub fn left_padded(number: &[u8], length: usize) -> Option<Vec<u8>> {
    let zeros = length.checked_sub(number.len())?;
    Some([vec![0; zeros].as_slice(), number].concat())
}
