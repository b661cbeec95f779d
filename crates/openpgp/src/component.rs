//! A primary key or a subkey, seen alike.

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;

use aws_lc_rs::rsa::Pkcs1PublicEncryptingKey;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::errors::Result;
use pgp::packet::{PublicKey, PublicSubkey};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, KeyId, KeyVersion, PublicParams, SignatureBytes, Timestamp, VerifyingKey};

use crate::{Fingerprint, Unusable, algorithm, public};

/// A key packet of a certificate.
#[derive(Clone, Copy)]
pub struct Component<'a> {
    packet: Packet<'a>,
    known: Option<&'a Known>,
}

/// Where the key stands.
#[derive(Clone, Copy)]
pub enum Packet<'a> {
    Primary(&'a PublicKey),
    Subkey(&'a PublicSubkey),
}

/// What a key packet alone tells, found once for a certificate: a fingerprint
/// costs a hash, and an RSA key prepared for use a tenth of its use.
#[derive(Default)]
pub struct Known {
    fingerprint: OnceLock<pgp::types::Fingerprint>,
    id: OnceLock<KeyId>,
    check: OnceLock<std::result::Result<(), Unusable>>,
    algorithm: OnceLock<String>,
    rsa: OnceLock<Option<Pkcs1PublicEncryptingKey>>,
}

impl<'a> Component<'a> {
    pub const fn primary(key: &'a PublicKey) -> Self {
        Self { packet: Packet::Primary(key), known: None }
    }

    pub const fn subkey(key: &'a PublicSubkey) -> Self {
        Self { packet: Packet::Subkey(key), known: None }
    }

    /// The same, with what is known of this very packet.
    pub const fn with(self, known: Option<&'a Known>) -> Self {
        Self { known, ..self }
    }

    pub const fn packet(&self) -> Packet<'a> {
        self.packet
    }

    /// None for versions other than 4 and 6, which no certificate here has.
    pub fn name(&self) -> Option<Fingerprint> {
        Fingerprint::of(self)
    }

    pub const fn is_primary(&self) -> bool {
        matches!(self.packet, Packet::Primary(_))
    }

    /// Whether the key is strong enough, and of a kind that is known here.
    pub fn check(&self) -> std::result::Result<(), Unusable> {
        self.told(|known| &known.check, || algorithm::check(self))
    }

    /// The name of its algorithm for people.
    pub fn algorithm_name(&self) -> String {
        self.told(|known| &known.algorithm, || algorithm::name(self))
    }

    /// What encrypts to an RSA key; none for any other.
    pub fn with_rsa<T>(&self, encrypt: impl FnOnce(&Pkcs1PublicEncryptingKey) -> Option<T>) -> Option<T> {
        let made = || public::rsa_key(self.public_params());
        match self.known {
            Some(known) => encrypt(known.rsa.get_or_init(made).as_ref()?),
            None => encrypt(&made()?),
        }
    }

    fn told<T: Clone + 'a>(&self, of: impl FnOnce(&'a Known) -> &'a OnceLock<T>, find: impl FnOnce() -> T) -> T {
        match self.known {
            Some(known) => of(known).get_or_init(find).clone(),
            None => find(),
        }
    }
}

impl fmt::Debug for Component<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Component").field(&self.name()).finish()
    }
}

/// The same call on whichever packet it is.
macro_rules! of_packet {
    ($component:expr, $packet:ident => $call:expr) => {
        match $component.packet {
            Packet::Primary($packet) => $call,
            Packet::Subkey($packet) => $call,
        }
    };
}

impl KeyDetails for Component<'_> {
    fn version(&self) -> KeyVersion {
        of_packet!(self, key => key.version())
    }

    fn legacy_key_id(&self) -> KeyId {
        self.told(|known| &known.id, || of_packet!(self, key => key.legacy_key_id()))
    }

    fn fingerprint(&self) -> pgp::types::Fingerprint {
        self.told(|known| &known.fingerprint, || of_packet!(self, key => key.fingerprint()))
    }

    fn algorithm(&self) -> PublicKeyAlgorithm {
        of_packet!(self, key => key.algorithm())
    }

    fn created_at(&self) -> Timestamp {
        of_packet!(self, key => key.created_at())
    }

    fn legacy_v3_expiration_days(&self) -> Option<u16> {
        of_packet!(self, key => key.legacy_v3_expiration_days())
    }

    fn public_params(&self) -> &PublicParams {
        of_packet!(self, key => key.public_params())
    }
}

impl VerifyingKey for Component<'_> {
    fn verify(&self, hash: HashAlgorithm, digest: &[u8], signature: &SignatureBytes) -> Result<()> {
        match public::verify(self.public_params(), hash, digest, signature) {
            Some(true) => Ok(()),
            Some(false) => Err(std::io::Error::other("the signature does not fit").into()),
            None => of_packet!(self, key => key.verify(hash, digest, signature)),
        }
    }
}

impl Serialize for Component<'_> {
    fn to_writer<W: Write>(&self, writer: &mut W) -> Result<()> {
        of_packet!(self, key => key.to_writer(writer))
    }

    fn write_len(&self) -> usize {
        of_packet!(self, key => key.write_len())
    }
}
