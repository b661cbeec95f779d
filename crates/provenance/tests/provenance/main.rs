//! Verdicts against a DNS in memory: the public suites, and cases of our own.

mod dmarc;
mod sealing;
mod signatures;
mod spf;
mod zone;
