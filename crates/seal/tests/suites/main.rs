//! Public suites of sealed, signed and forged messages: header protection,
//! EFAIL, spoofed signers and authors. docs/conformance.md lists what deviates.

mod efail;
mod header_protection;
mod johnny;
mod keys;
mod mailsploit;
