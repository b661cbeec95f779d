//! What else a header block tells, read and weighed, never believed blindly.

pub mod dkim;
mod tags;
