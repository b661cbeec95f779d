//! Where a message really comes from: SPF, DKIM, DMARC and ARC verdicts on
//! inbound mail, and whom it pretends to come from.
//!
//! The DNS is asked through [`transport::SecureDns`] and nothing else; there
//! is no socket here, no clock and no store. A verdict says what was found,
//! never what is to be done about it.
//!
//! Standards: RFC 7208 (SPF), RFC 6376, 8301 and 8463 (DKIM), RFC 9989
//! (DMARC), RFC 8617 (ARC), RFC 8601 (Authentication-Results).

mod bounded;
mod dmarc;
mod impersonation;
mod inquiry;
mod lookalike;
mod names;
pub mod results;
mod reverse;
mod signatures;
pub mod spf;

pub use dmarc::{Asked, Dmarc, DmarcResult};
pub use impersonation::{Impersonation, Known};
pub use inquiry::{Inquiry, Verdicts};
pub use reverse::reverse_name;
pub use signatures::{Arc, CheckResult, Dkim};
pub use spf::{Client, Spf, SpfResult};
