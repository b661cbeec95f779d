//! ASN.1 as bytes: a reader that borrows and never copies, a writer, and the few
//! types that certificates and messages are made of.
//!
//! What is signed is kept as the very bytes that were read. Certificates and
//! revocation lists are read as DER (X.690 §10); messages as BER, since most
//! mail programs stream them with indefinite lengths and strings in pieces.

mod oid;
pub(crate) mod pem;
mod read;
mod text;
mod time;
pub(crate) mod write;

pub use oid::Oid;
pub(crate) use read::{Element, Reader, Rules, octets_in, range_in, small_of};
pub(crate) use text::directory_string;
pub(crate) use time::{read_time, write_time};

/// Bytes that are not the ASN.1 that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed ASN.1")]
pub struct Malformed;

/// Tags (X.690 §8.1.2) in their one-byte form.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const TELETEX_STRING: u8 = 0x14;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const UNIVERSAL_STRING: u8 = 0x1c;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// `[n]` around another element, or in place of the tag of a constructed one.
    pub(crate) const fn context(number: u8) -> u8 {
        0xa0 | number
    }

    /// `[n]` in place of the tag of a primitive element.
    pub(crate) const fn implicit(number: u8) -> u8 {
        0x80 | number
    }
}
