//! What a recipient's program can read: SMIMECapabilities (RFC 8551 §2.5.2,
//! RFC 4262), from a certificate or from a signed message.

use mail::private_key::OaepHash;

use crate::algorithm::transport::{self, oaep_identifier};
use crate::algorithm::{ContentCipher, Identifier, bare};
use crate::asn1::{Malformed, Oid, Reader, write};

/// More than any program announces.
const ENTRIES_MAX: usize = 100;

/// Announced capabilities, the preferred first.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Capabilities {
    der: Vec<u8>,
    oids: Vec<Oid>,
    oaep: Vec<OaepHash>,
}

impl Capabilities {
    /// Reads SMIMECapabilities in DER. Entries that are not understood are kept and mean nothing.
    pub fn from_der(der: &[u8]) -> Result<Self, Malformed> {
        let mut list = Reader::sequence_in(der)?;
        let mut capabilities = Self { der: der.to_vec(), ..Self::default() };
        while !list.is_empty() {
            let identifier = Identifier::read(&mut list)?;
            capabilities.oids.push(identifier.oid);
            capabilities.oaep.extend(transport::oaep_of(&identifier));
            if capabilities.oids.len() > ENTRIES_MAX {
                return Err(Malformed);
            }
        }
        Ok(capabilities)
    }

    /// The DER, to be kept.
    pub fn to_der(&self) -> &[u8] {
        &self.der
    }

    /// What Sealpost itself can read, for its own certificates and signatures.
    pub fn ours() -> Self {
        let ciphers =
            [ContentCipher::Aes256Gcm, ContentCipher::Aes128Gcm, ContentCipher::Aes256Cbc, ContentCipher::Aes128Cbc];
        let mut entries: Vec<Vec<u8>> = ciphers.iter().map(|cipher| bare(&cipher.oid())).collect();
        entries.push(oaep_identifier(OaepHash::Sha256));
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        Self::from_der(&write::sequence(&entries)).unwrap_or_default()
    }

    /// Whether content sealed with this cipher can be read.
    pub fn reads(&self, cipher: ContentCipher) -> bool {
        self.oids.contains(&cipher.oid())
    }

    /// The hashes with which RSA-OAEP can be read, the preferred first; none where it was not announced.
    pub fn oaep(&self) -> &[OaepHash] {
        &self.oaep
    }
}
