//! `cargo xtask check`: what can be judged without running anything.

use anyhow::Result;

use crate::{cargo, tidy};

/// Cheapest first.
pub fn run() -> Result<()> {
    cargo::run(&["fmt", "--all", "--check"])?;
    tidy::run()?;
    cargo::run(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
}
