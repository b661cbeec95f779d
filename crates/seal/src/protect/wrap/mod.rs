//! A payload becomes a message: signed or encrypted, and put into its frame.

mod openpgp;
mod smime;

use mail::{Method, sevenbit};

pub(super) use openpgp::openpgp;
pub(super) use smime::{Smime, smime};

use super::{Facts, Integrity};

impl Facts {
    const fn signed(method: Method, signed_by: Option<String>) -> Self {
        Self { method, cipher: None, integrity: Integrity::None, to: Vec::new(), signed_by }
    }
}

/// The payload as no relay on the way changes it (RFC 3156 §3, RFC 8551
/// §3.1.2). One with parts that the sender has signed, or that is malformed,
/// stays as it is.
fn unchanging(payload: Vec<u8>) -> Vec<u8> {
    sevenbit::unchanging(&payload).unwrap_or(payload)
}
