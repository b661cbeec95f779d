//! What protection each recipient's copy of a message needs, and why: rules,
//! detectors of health information, and the switches a sender can set.
//!
//! [`decide`] is a pure function: [`Facts`] and a [`Policy`] in, a [`Verdict`]
//! out. The same function judges a live message, explains a past one and tries
//! a new policy on old mail.
//!
//! This crate never does IO, never reads a clock and never makes randomness.
//! What it found in a message leaves it masked.

pub mod config;
mod decide;
pub mod detect;
pub mod explain;
mod facts;
mod finding;
mod glob;
pub mod keys;
mod policy;
mod rule;
mod signing;
mod switch;
mod verdict;

pub use config::{Mistake, PolicyError};
pub use decide::decide;
pub use facts::{Direction, Facts};
pub use finding::{Detector, Finding, Where};
pub use keys::KeyPolicy;
pub use policy::{Policy, SubjectPolicy};
pub use rule::{Act, DetectorCondition, Rule, When};
pub use signing::{Leads, ReplyPolicy, Sign, SigningPolicy, TlsPolicy, Unmet};
pub use switch::{PROTECT_FIELD, clean_subject};
pub use verdict::{Action, Because, Decision, Released, SubjectAction, Verdict};
