//! Reports that mail systems send each other about mail: TLS-RPT (RFC 8460),
//! both ways, and aggregate reports of DMARC (RFC 7489 appendix C) that come in.
//!
//! Everything that comes in is a stranger's: it is unpacked and read within
//! bounds on bytes, depth and number, and every text of it is cut and without
//! control characters before anybody sees it.
//!
//! This crate never does IO, never reads a clock and decides nothing.

mod dmarc;
mod letter;
mod packed;
mod text;
mod tls;
mod xml;

pub use dmarc::{DmarcReport, DmarcRow, NotDmarc};
pub use letter::{Found, REPORTS_MAX, find, find_within};
pub use packed::{NotUnpacked, PACKED_BYTES_MAX, UNPACKED_BYTES_MAX, pack, unpack};
pub use text::clean;
pub use tls::{
    DateRange, FailureDetail, NotTls, PolicyReport, PolicySeen, Summary, TlsFailure, TlsPolicyType, TlsReport,
};
pub use xml::XmlError;
