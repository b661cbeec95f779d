//! `cargo xtask image`: builds the container image with buildah, and tries it
//! as it is meant to run: no root, no capability, a root that can't be written.

mod bundle;
mod trial;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::package;

/// The name of the image that is built.
const IMAGE: &str = "localhost/sealpost";
/// The name of the base that is made here where no registry is at hand.
const OWN_BASE: &str = "localhost/sealpost-base";

/// Builds and tries it. `--base IMAGE` takes another base, `--debootstrap`
/// makes one from Debian's packages, `--binary FILE` packs what was built before.
pub fn run(arguments: &[String]) -> Result<()> {
    ensure!(crate::packages::is_root(), "images are made and tried as root");
    let mut base = None;
    let mut binary = None;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().with_context(|| format!("{word} what?"));
        match word.as_str() {
            "--base" => base = Some(value()?),
            "--debootstrap" => base = Some(own_base()?),
            "--binary" => binary = Some(PathBuf::from(value()?)),
            other => bail!("there is no {other}: --base IMAGE, --debootstrap, --binary FILE"),
        }
    }
    let folder = package::image_folder(binary.as_deref())?;
    build(&folder, base.as_deref())?;
    trial::run(IMAGE)
}

fn build(folder: &Path, base: Option<&str>) -> Result<()> {
    // The OCI format would leave the HEALTHCHECK out.
    let mut build = Command::new("buildah");
    build.args(["build", "--isolation", "chroot", "--format", "docker", "--tag", IMAGE]);
    if let Some(base) = base {
        build.args(["--build-arg", &format!("BASE={base}")]);
    }
    told(build.arg("--file").arg(folder.join("Containerfile")).arg(folder))
}

/// A base from the packages of Debian 12, as small as they get.
fn own_base() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root");
    told(Command::new("debootstrap").args(["--variant=minbase", "bookworm"]).arg(&root))?;
    for list in ["var/cache/apt/archives", "var/lib/apt/lists"] {
        std::fs::remove_dir_all(root.join(list))?;
    }
    let container = output(Command::new("buildah").args(["from", "scratch"]))?;
    told(Command::new("buildah").args(["add", "--quiet", &container]).arg(&root).arg("/"))?;
    told(Command::new("buildah").args(["commit", "--quiet", &container, OWN_BASE]))?;
    told(Command::new("buildah").args(["rm", &container]))?;
    Ok(OWN_BASE.to_owned())
}

/// Runs it, told on stderr; fails when it does.
fn told(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", line(command));
    let status = command.stdout(std::io::stderr()).status().with_context(|| line(command))?;
    ensure!(status.success(), "{} failed", line(command));
    Ok(())
}

/// What it prints, without the line's end.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| line(command))?;
    ensure!(output.status.success(), "{}: {}", line(command), String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
