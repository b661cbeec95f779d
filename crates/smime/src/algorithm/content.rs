//! What content is sealed with (RFC 3565, RFC 5084).

use std::fmt;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    self, DecryptingKey, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::iv::FixedLength;

use super::legacy;
use crate::asn1::Oid;

const AES: Oid = Oid::new(&[2, 16, 840, 1, 101, 3, 4, 1]);
const TRIPLE_DES_CBC: Oid = Oid::new(&[1, 2, 840, 113549, 3, 7]);

/// The length of a nonce of GCM; others are refused (RFC 5084 §3.2 recommends it).
pub(crate) const NONCE_BYTES: usize = 12;
/// The length of the tag that we make.
pub(crate) const TAG_BYTES: usize = 16;
/// The shortest tag that we read: the default of RFC 5084 §3.2, and its shortest.
pub(crate) const TAG_BYTES_MIN: usize = 12;

/// A cipher for content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentCipher {
    /// AES-256-GCM, in AuthEnvelopedData.
    Aes256Gcm,
    /// AES-192-GCM; only read.
    Aes192Gcm,
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-CBC, in EnvelopedData.
    Aes256Cbc,
    /// AES-192-CBC; only read.
    Aes192Cbc,
    /// AES-128-CBC.
    Aes128Cbc,
    /// Triple DES in CBC; only read.
    TripleDesCbc,
}

/// The content could not be sealed or opened. Says no more, so that it is no oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CipherFailed;

impl From<aws_lc_rs::error::Unspecified> for CipherFailed {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

impl ContentCipher {
    const ALL: [Self; 7] = [
        Self::Aes256Gcm,
        Self::Aes192Gcm,
        Self::Aes128Gcm,
        Self::Aes256Cbc,
        Self::Aes192Cbc,
        Self::Aes128Cbc,
        Self::TripleDesCbc,
    ];

    pub(crate) fn from_oid(oid: &Oid) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.oid() == *oid)
    }

    pub(crate) fn oid(self) -> Oid {
        match self {
            Self::Aes128Cbc => AES.arc(2),
            Self::Aes128Gcm => AES.arc(6),
            Self::Aes192Cbc => AES.arc(22),
            Self::Aes192Gcm => AES.arc(26),
            Self::Aes256Cbc => AES.arc(42),
            Self::Aes256Gcm => AES.arc(46),
            Self::TripleDesCbc => TRIPLE_DES_CBC,
        }
    }

    /// Whether a change to the content would be noticed.
    pub fn is_aead(self) -> bool {
        match self {
            Self::Aes256Gcm | Self::Aes192Gcm | Self::Aes128Gcm => true,
            Self::Aes256Cbc | Self::Aes192Cbc | Self::Aes128Cbc | Self::TripleDesCbc => false,
        }
    }

    pub(crate) fn key_bytes(self) -> usize {
        match self {
            Self::Aes256Gcm | Self::Aes256Cbc => 32,
            Self::Aes192Gcm | Self::Aes192Cbc | Self::TripleDesCbc => 24,
            Self::Aes128Gcm | Self::Aes128Cbc => 16,
        }
    }

    fn gcm(self) -> Result<&'static aead::Algorithm, CipherFailed> {
        match self {
            Self::Aes256Gcm => Ok(&aead::AES_256_GCM),
            Self::Aes192Gcm => Ok(&aead::AES_192_GCM),
            Self::Aes128Gcm => Ok(&aead::AES_128_GCM),
            Self::Aes256Cbc | Self::Aes192Cbc | Self::Aes128Cbc | Self::TripleDesCbc => Err(CipherFailed),
        }
    }

    fn block_cipher(self) -> Result<&'static cipher::Algorithm, CipherFailed> {
        match self {
            Self::Aes256Gcm | Self::Aes256Cbc => Ok(&cipher::AES_256),
            Self::Aes192Gcm | Self::Aes192Cbc => Ok(&cipher::AES_192),
            Self::Aes128Gcm | Self::Aes128Cbc => Ok(&cipher::AES_128),
            Self::TripleDesCbc => Err(CipherFailed),
        }
    }

    /// Seals content where it stands, with GCM. The key seals nothing else, so the nonce is of no concern.
    pub(crate) fn seal(
        self,
        key: &[u8],
        nonce: [u8; NONCE_BYTES],
        content: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], CipherFailed> {
        let key = LessSafeKey::new(UnboundKey::new(self.gcm()?, key)?);
        let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), content)?;
        tag.as_ref().try_into().map_err(|_| CipherFailed)
    }

    /// Opens content where it stands, with GCM; `content` is worth nothing after a failure.
    pub(crate) fn open(
        self,
        key: &[u8],
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        content: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CipherFailed> {
        let sealing = LessSafeKey::new(UnboundKey::new(self.gcm()?, key)?);
        let place = Nonce::assume_unique_for_key(nonce);
        if tag.len() == TAG_BYTES {
            sealing.open_in_place_separate_tag(place, Aad::from(aad), tag, content)?;
            return Ok(());
        }
        // The provider has no shorter tags. GCM is CTR from the second block on (SP 800-38D §7.2): decrypt so, seal
        // again for the whole tag, and compare as much of it as there is.
        self.count(key, nonce, content)?;
        let whole = sealing.seal_in_place_separate_tag(place, Aad::from(aad), content)?;
        let whole = whole.as_ref().get(..tag.len()).filter(|_| tag.len() >= TAG_BYTES_MIN).ok_or(CipherFailed)?;
        verify_slices_are_equal(whole, tag)?;
        self.count(key, nonce, content)
    }

    fn count(self, key: &[u8], nonce: [u8; NONCE_BYTES], content: &mut [u8]) -> Result<(), CipherFailed> {
        let mut counter = [0; 16];
        counter.iter_mut().zip(nonce.into_iter().chain([0, 0, 0, 2])).for_each(|(to, from)| *to = from);
        let key = DecryptingKey::ctr(UnboundCipherKey::new(self.block_cipher()?, key)?)?;
        key.decrypt(content, DecryptionContext::Iv128(FixedLength::from(counter)))?;
        Ok(())
    }

    /// Seals content where it stands, with CBC and padding.
    pub(crate) fn seal_cbc(self, key: &[u8], vector: [u8; 16], content: &mut Vec<u8>) -> Result<(), CipherFailed> {
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(self.block_cipher()?, key)?)?;
        key.less_safe_encrypt(content, EncryptionContext::Iv128(FixedLength::from(vector)))?;
        Ok(())
    }

    /// Opens content where it stands, with CBC and padding, and tells its length. Whoever knows some of the content can
    /// change the rest unnoticed (EFAIL).
    pub(crate) fn open_cbc(self, key: &[u8], vector: &[u8], content: &mut [u8]) -> Result<usize, CipherFailed> {
        if self == Self::TripleDesCbc {
            return legacy::open_triple_des(key, vector, content).ok_or(CipherFailed);
        }
        let vector: [u8; 16] = vector.try_into().map_err(|_| CipherFailed)?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(self.block_cipher()?, key)?)?;
        Ok(key.decrypt(content, DecryptionContext::Iv128(FixedLength::from(vector)))?.len())
    }
}

impl fmt::Display for ContentCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes256Gcm => "AES-256-GCM",
            Self::Aes192Gcm => "AES-192-GCM",
            Self::Aes128Gcm => "AES-128-GCM",
            Self::Aes256Cbc => "AES-256-CBC",
            Self::Aes192Cbc => "AES-192-CBC",
            Self::Aes128Cbc => "AES-128-CBC",
            Self::TripleDesCbc => "3DES-CBC",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GCM: [ContentCipher; 3] = [ContentCipher::Aes256Gcm, ContentCipher::Aes192Gcm, ContentCipher::Aes128Gcm];

    #[test]
    fn tags_may_be_shorter_but_not_wrong() {
        for (cipher, len) in GCM.into_iter().flat_map(|cipher| [0, 1, 16, 33].map(|len| (cipher, len))) {
            let (key, nonce) = (vec![9; cipher.key_bytes()], [3; NONCE_BYTES]);
            let content: Vec<u8> = (0..len).collect();
            let mut sealed = content.clone();
            let aad = b"attributes";
            let whole = LessSafeKey::new(UnboundKey::new(cipher.gcm().unwrap(), &key).unwrap());
            let nonce_of = Nonce::assume_unique_for_key(nonce);
            let tag = whole.seal_in_place_separate_tag(nonce_of, Aad::from(aad), &mut sealed).unwrap();
            let open = |tag: &[u8], aad: &[u8]| {
                let mut opened = sealed.clone();
                cipher.open(&key, nonce, aad, &mut opened, tag).map(|()| opened)
            };
            for tag_len in TAG_BYTES_MIN..=TAG_BYTES {
                let mut tag = tag.as_ref()[..tag_len].to_vec();
                assert_eq!(open(&tag, aad), Ok(content.clone()), "{cipher} {len} {tag_len}");
                assert_eq!(open(&tag, b""), Err(CipherFailed));
                tag[tag_len - 1] ^= 1;
                assert_eq!(open(&tag, aad), Err(CipherFailed));
            }
            assert_eq!(open(&tag.as_ref()[..TAG_BYTES_MIN - 1], aad), Err(CipherFailed));
            assert_eq!(open(&[], aad), Err(CipherFailed));
        }
    }

    #[test]
    fn padding_is_checked() {
        let (cipher, key, vector) = (ContentCipher::Aes256Cbc, [9; 32], [3; 16]);
        for len in 0..40 {
            let content: Vec<u8> = (0..len).collect();
            let mut sealed = content.clone();
            cipher.seal_cbc(&key, vector, &mut sealed).unwrap();
            assert_eq!(sealed.len(), content.len() / 16 * 16 + 16);
            let len = cipher.open_cbc(&key, &vector, &mut sealed).unwrap();
            assert_eq!(sealed[..len], content);
        }
        for len in [0, 1, 15, 17] {
            assert_eq!(cipher.open_cbc(&key, &vector, &mut vec![0; len]), Err(CipherFailed));
        }
        assert_eq!(cipher.open_cbc(&key, &vector[1..], &mut [0; 16]), Err(CipherFailed));
    }

    #[test]
    fn names_and_lengths_belong_together() {
        for cipher in ContentCipher::ALL {
            assert_eq!(ContentCipher::from_oid(&cipher.oid()), Some(cipher));
            assert_eq!(cipher.is_aead(), cipher.gcm().is_ok());
        }
    }
}
