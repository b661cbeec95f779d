//! The project's own verbs, the same on every machine and in CI.
//!
//! `cargo xtask check` judges the code without running it, `cargo xtask test`
//! runs every test, `cargo xtask tidy` is the part of `check` that is ours,
//! `cargo xtask bench` measures.
//! This program never touches the product: it reads the tree, starts cargo and
//! what cargo has built.

mod bench;
mod cargo;
mod check;
mod image;
mod package;
mod packages;
mod soak;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask VERB

  check   format, lints, tidy
  test    every test; installs the Debian packages that are missing, if root
  bench   relay: throughput and cost of a message, beside Postfix
          queue: the same beside a queue that waits, its memory, its start
          profile: where the time of a relayed message goes
          seal: cost of sealing, beside GnuPG, OpenSSL and the raw operations
  soak    the long runs of tests: kill power simulation downgrade welch overload
  package Debian package, folder of an image and bill of materials, in dist/
  image   builds the container image with buildah, and tries it
  tidy    layers, sizes, words, licences, sources, documents";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    match arguments.first().map(String::as_str) {
        Some("check") => check::run(),
        Some("test") => test::run(arguments.get(1..).unwrap_or_default()),
        Some("bench") => bench::run(arguments.get(1..).unwrap_or_default()),
        Some("soak") => soak::run(arguments.get(1..).unwrap_or_default()),
        Some("package") => package::run(arguments.get(1..).unwrap_or_default()),
        Some("image") => image::run(arguments.get(1..).unwrap_or_default()),
        Some("tidy") => tidy::run(),
        Some(other) => bail!("there is no verb {other}\n\n{USAGE}"),
        None => bail!("a verb is missing\n\n{USAGE}"),
    }
}
