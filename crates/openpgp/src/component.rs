//! A primary key or a subkey, seen alike.

use std::io::Write;

use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::errors::Result;
use pgp::packet::{PublicKey, PublicSubkey};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, KeyId, KeyVersion, PublicParams, SignatureBytes, Timestamp, VerifyingKey};

use crate::{Fingerprint, public};

/// A key packet of a certificate.
#[derive(Debug, Clone, Copy)]
pub enum Component<'a> {
    Primary(&'a PublicKey),
    Subkey(&'a PublicSubkey),
}

impl Component<'_> {
    /// None for versions other than 4 and 6, which no certificate here has.
    pub fn name(&self) -> Option<Fingerprint> {
        Fingerprint::of(self)
    }

    pub const fn is_primary(&self) -> bool {
        matches!(self, Self::Primary(_))
    }
}

/// The same call on whichever packet it is.
macro_rules! of_packet {
    ($component:expr, $packet:ident => $call:expr) => {
        match $component {
            Component::Primary($packet) => $call,
            Component::Subkey($packet) => $call,
        }
    };
}

impl KeyDetails for Component<'_> {
    fn version(&self) -> KeyVersion {
        of_packet!(self, key => key.version())
    }

    fn legacy_key_id(&self) -> KeyId {
        of_packet!(self, key => key.legacy_key_id())
    }

    fn fingerprint(&self) -> pgp::types::Fingerprint {
        of_packet!(self, key => key.fingerprint())
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
