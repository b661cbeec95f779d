//! `cargo xtask package`: what an administrator installs, in `dist/`: a Debian
//! package with its unit, man pages and completions, the folder that an image
//! is made from, and the bill of materials that both hold.

mod debian;
mod sbom;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo;

/// Builds the release, or takes the one of `--binary FILE`, and packs it.
pub fn run(arguments: &[String]) -> Result<()> {
    let binary = match arguments {
        [] => None,
        [flag, file] if flag == "--binary" => Some(Path::new(file)),
        _ => bail!("cargo xtask package [--binary FILE]"),
    };
    let release = Release::new(binary)?;
    let path = release.dist.join(format!("sealpost_{}.cdx.json", release.version));
    fs::write(&path, &release.bill).with_context(|| format!("can't write {}", path.display()))?;
    eprintln!("{}", path.display());
    eprintln!("{}", debian::Package::of(&release).pack(&release.dist)?.display());
    eprintln!("{}", release.image_folder()?.display());
    Ok(())
}

/// The folder that an image is made from, with the release of now or this binary.
pub fn image_folder(binary: Option<&Path>) -> Result<PathBuf> {
    Release::new(binary)?.image_folder()
}

/// What is packed.
struct Release {
    version: String,
    binary: PathBuf,
    /// The bill of materials.
    bill: String,
    /// Where packages are put.
    dist: PathBuf,
}

impl Release {
    fn new(binary: Option<&Path>) -> Result<Self> {
        if binary.is_none() {
            cargo::run(&["build", "--release", "--locked", "--package", "sealpost"])?;
        }
        let metadata = cargo::metadata()?;
        let built = || metadata["target_directory"].as_str().map(|target| Path::new(target).join("release/sealpost"));
        let binary = binary.map(Path::to_owned).or_else(built).context("no target directory")?;
        let dist = cargo::root().join("dist");
        fs::create_dir_all(&dist).with_context(|| format!("can't make {}", dist.display()))?;
        Ok(Self { version: version(&metadata)?, binary, bill: sbom::bill(&metadata)?, dist })
    }

    fn image_folder(&self) -> Result<PathBuf> {
        let (root, folder) = (cargo::root(), self.dist.join("image"));
        fs::create_dir_all(&folder)?;
        for (from, to) in [
            (root.join("packaging/Containerfile"), "Containerfile"),
            (root.join("LICENSE"), "LICENSE"),
            (self.binary.clone(), "sealpost"),
        ] {
            fs::copy(&from, folder.join(to)).with_context(|| format!("can't copy {}", from.display()))?;
        }
        fs::write(folder.join("sbom.cdx.json"), &self.bill)?;
        Ok(folder)
    }
}

fn version(metadata: &Value) -> Result<String> {
    let packages = metadata["packages"].as_array().context("no packages")?;
    let product = packages.iter().find(|package| package["name"] == "sealpost").context("no package sealpost")?;
    Ok(product["version"].as_str().context("no version")?.to_owned())
}
