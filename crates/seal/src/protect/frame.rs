//! The frames of sealed messages: boundaries, the parts of PGP/MIME and S/MIME,
//! base64 in lines. Everything is written straight into the one message that
//! goes out, so that a large one is not copied again and again.

use std::fmt;

use mail::Entropy;
use mail::seam::random;

use super::lines::{base64_len, base64_lines};
use crate::opening::hex;

/// A boundary that nothing else has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Boundary(String);

impl Boundary {
    pub fn new(entropy: &dyn Entropy) -> Self {
        let bytes: [u8; 16] = random(entropy);
        // `=_` can't stand in quoted-printable or base64 (RFC 2045 §6.7).
        Self(format!("=_{}", hex(&bytes)))
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The outer message of PGP/MIME encryption (RFC 3156 §4).
pub(super) fn encrypted_openpgp(outer: Vec<u8>, armored: &[u8], boundary: &Boundary) -> Vec<u8> {
    let head = format!(
        "MIME-Version: 1.0\r\n\
         Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n boundary=\"{boundary}\"\r\n\r\n\
         This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)\r\n\
         --{boundary}\r\n\
         Content-Type: application/pgp-encrypted\r\n\
         Content-Description: PGP/MIME version identification\r\n\r\n\
         Version: 1\r\n\r\n\
         --{boundary}\r\n\
         Content-Type: application/octet-stream; name=\"encrypted.asc\"\r\n\
         Content-Description: OpenPGP encrypted message\r\n\
         Content-Disposition: inline; filename=\"encrypted.asc\"\r\n\r\n"
    );
    framed(outer, &head, armored, boundary)
}

/// The outer message of S/MIME encryption (RFC 8551 §3.3 and §3.4).
pub(super) fn encrypted_smime(outer: Vec<u8>, sealed: &[&[u8]], is_authenticated: bool) -> Vec<u8> {
    let kind = if is_authenticated { "authEnveloped-data" } else { "enveloped-data" };
    let head = format!(
        "MIME-Version: 1.0\r\n\
         Content-Type: application/pkcs7-mime; smime-type={kind};\r\n name=\"smime.p7m\"\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Description: S/MIME encrypted message\r\n\
         Content-Disposition: attachment; filename=\"smime.p7m\"\r\n\r\n"
    );
    let bytes = sealed.iter().map(|piece| piece.len()).sum();
    let mut out = reserved(outer, head.len() + base64_len(bytes));
    out.extend_from_slice(head.as_bytes());
    base64_lines(sealed, &mut out);
    out
}

/// What a frame of signed content says of the signature.
pub(super) struct Signed {
    /// The type of the signature's part.
    pub protocol: &'static str,
    /// The hash, as the protocol names it.
    pub micalg: &'static str,
}

/// The outer message of `multipart/signed` (RFC 1847 §2.1): the payload, and
/// the signature as its format has it: armored, or DER.
pub(super) fn signed(outer: Vec<u8>, payload: &[u8], signature: &[u8], frame: &Signed, boundary: &Boundary) -> Vec<u8> {
    let Signed { protocol, micalg } = frame;
    let head = format!(
        "MIME-Version: 1.0\r\n\
         Content-Type: multipart/signed; protocol=\"{protocol}\";\r\n micalg={micalg}; boundary=\"{boundary}\"\r\n\r\n\
         This is a signed message; its signature is attached.\r\n--{boundary}\r\n"
    );
    let mut out = reserved(outer, head.len() + payload.len() + signature.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(payload);
    let part = match *protocol {
        OPENPGP_SIGNATURE => {
            "Content-Type: application/pgp-signature; name=\"signature.asc\"\r\n\
             Content-Description: OpenPGP digital signature\r\n\
             Content-Disposition: attachment; filename=\"signature.asc\"\r\n\r\n"
        }
        _ => {
            "Content-Type: application/pkcs7-signature; name=\"smime.p7s\"\r\n\
             Content-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=\"smime.p7s\"\r\n\r\n"
        }
    };
    let head = format!("\r\n--{boundary}\r\n{part}");
    if *protocol == OPENPGP_SIGNATURE {
        return framed(out, &head, signature, boundary);
    }
    let mut lines = Vec::with_capacity(base64_len(signature.len()));
    base64_lines(&[signature], &mut lines);
    framed(out, &head, &lines, boundary)
}

/// The type of an OpenPGP signature's part (RFC 3156 §5).
pub(super) const OPENPGP_SIGNATURE: &str = "application/pgp-signature";

/// The type of an S/MIME signature's part (RFC 8551 §3.5.3.1).
pub(super) const SMIME_SIGNATURE: &str = "application/pkcs7-signature";

/// The last part of a multipart, closed.
fn framed(outer: Vec<u8>, head: &str, content: &[u8], boundary: &Boundary) -> Vec<u8> {
    let mut out = reserved(outer, head.len() + content.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(content.trim_ascii_end());
    out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    out
}

fn reserved(mut out: Vec<u8>, more: usize) -> Vec<u8> {
    out.reserve_exact(more + 256);
    out
}
