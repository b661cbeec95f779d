//! `cargo xtask package`: what an administrator installs, in `dist/`: a Debian
//! package with its unit, man pages and completions, and the bill of materials.

mod debian;
mod sbom;

use std::fs;

use anyhow::{Context, Result};

use crate::cargo;

/// Builds the release and packs it.
pub fn run() -> Result<()> {
    cargo::run(&["build", "--release", "--locked", "--package", "sealpost"])?;
    let metadata = cargo::metadata()?;
    let dist = cargo::root().join("dist");
    fs::create_dir_all(&dist).with_context(|| format!("can't make {}", dist.display()))?;
    let bill = sbom::bill(&metadata)?;
    let package = debian::Package::new(&metadata)?;
    let path = dist.join(format!("sealpost_{}.cdx.json", package.version()));
    fs::write(&path, &bill).with_context(|| format!("can't write {}", path.display()))?;
    eprintln!("{}", path.display());
    eprintln!("{}", package.pack(&dist, &bill)?.display());
    Ok(())
}
