//! PKCS#12 (RFC 7292): a private key and its certificates in one locked file.

pub(crate) mod derivation;
mod read;
mod write;

pub(crate) use read::is_pkcs12;
pub use read::{Contents, read};
pub use write::write;

use crate::asn1::Oid;

const PKCS12: Oid = Oid::new(&[1, 2, 840, 113549, 1, 12, 10, 1]);
const KEY_BAG: Oid = PKCS12.arc(1);
const SHROUDED_KEY_BAG: Oid = PKCS12.arc(2);
const CERTIFICATE_BAG: Oid = PKCS12.arc(3);
const CONTENTS_BAG: Oid = PKCS12.arc(6);
const PKCS9: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9]);
const FRIENDLY_NAME: Oid = PKCS9.arc(20);
const LOCAL_KEY_ID: Oid = PKCS9.arc(21);
const X509_CERTIFICATE: Oid = PKCS9.arc(22).arc(1);
