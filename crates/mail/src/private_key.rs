//! The seam of private keys: who signs and who decrypts, in software, in an HSM
//! or in a key service. What seals and opens messages is written against these
//! traits, so that a key never has to be in this process.

use zeroize::Zeroizing;

/// The hash that a signature is made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashName {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureScheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2) over a digest.
    RsaPkcs1(HashName),
    /// RSASSA-PSS (RFC 8017 §8.1) over a digest; MGF1 with the same hash, a
    /// salt as long as the hash.
    RsaPss(HashName),
    /// ECDSA on P-256 over a digest; the signature is DER (RFC 3279 §2.2.3).
    EcdsaP256(HashName),
    /// ECDSA on P-384 over a digest; the signature is DER.
    EcdsaP384(HashName),
    /// Ed25519 (RFC 8032) over the bytes as they are.
    Ed25519,
}

/// How an RSA ciphertext is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RsaPadding {
    /// RSAES-PKCS1-v1_5 (RFC 8017 §7.2).
    Pkcs1,
    /// RSAES-OAEP (RFC 8017 §7.1); MGF1 with the same hash, no label.
    Oaep(OaepHash),
}

/// The hash of OAEP: SHA-1 is what the standard of S/MIME defaults to and is
/// not weak in this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OaepHash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A private key could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyUse {
    /// This key can't do this: another algorithm, another curve.
    #[error("the private key can't be used this way")]
    Unfit,
    /// The keeper of the key failed or refused. Says no more, so that it is no
    /// oracle.
    #[error("the private key could not be used")]
    Failed,
}

/// Signs with one private key.
pub trait Signer: Send + Sync {
    /// The public key as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in DER.
    fn public_key(&self) -> &[u8];

    /// What this key can make, the preferred first.
    fn schemes(&self) -> &[SignatureScheme];

    /// Signs a digest (RSA, ECDSA) or the bytes as they are (Ed25519).
    fn sign(&self, scheme: SignatureScheme, input: &[u8]) -> Result<Vec<u8>, KeyUse>;
}

/// Decrypts with one private key.
pub trait Decrypter: Send + Sync {
    /// The public key as SubjectPublicKeyInfo in DER.
    fn public_key(&self) -> &[u8];

    /// Decrypts an RSA ciphertext, constant in time. With [`RsaPadding::Pkcs1`]
    /// the plaintext has one of the lengths in `expected`. Bad padding or any
    /// other length is no error but yields bytes of the first of these lengths
    /// that nobody can foretell, the same for the same ciphertext, so that
    /// nobody can use the difference as an oracle (RFC 3218 §2.3.2,
    /// draft-irtf-cfrg-rsa-guidance §7).
    fn decrypt_rsa(&self, padding: RsaPadding, sealed: &[u8], expected: &[usize])
    -> Result<Zeroizing<Vec<u8>>, KeyUse>;

    /// The shared secret with `peer` by ECDH (the x coordinate, SEC 1 §3.3.1)
    /// or X25519: `peer` is an uncompressed point or 32 bytes.
    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyUse>;
}
