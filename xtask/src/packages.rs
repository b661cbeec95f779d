//! The Debian packages that the tests' peers come from.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// A package, and a file by which it is known to be there (`*`: any version).
const PACKAGES: &[(&str, &str)] = &[
    ("chromium", "/usr/bin/chromium"),
    ("chromium-driver", "/usr/bin/chromedriver"),
    ("gnupg", "/usr/bin/gpg"),
    ("knot", "/usr/sbin/knotd"),
    ("libfaketime", "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"),
    ("openssl", "/usr/bin/openssl"),
    ("pebble", "/usr/bin/pebble"),
    ("postfix", "/usr/lib/postfix/sbin/master"),
    ("postgresql", "/usr/lib/postgresql/*/bin/initdb"),
    ("python3-cryptography", "/usr/lib/python3/dist-packages/cryptography"),
    ("python3-dkim", "/usr/lib/python3/dist-packages/dkim"),
    ("python3-jwt", "/usr/lib/python3/dist-packages/jwt"),
    ("python3-yaml", "/usr/lib/python3/dist-packages/yaml"),
    ("strace", "/usr/bin/strace"),
    ("swaks", "/usr/bin/swaks"),
    ("uidmap", "/usr/bin/newuidmap"),
    ("unbound", "/usr/sbin/unbound"),
];

/// Sees to it that every package is there: installs what is missing as root, else says how to.
pub fn ensure_present() -> Result<()> {
    let missing: Vec<&str> =
        PACKAGES.iter().filter(|(_, file)| !is_there(Path::new(file))).map(|(package, _)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_root() {
        bail!(
            "the tests need packages that are not there; as root:\n\n    apt-get install --yes {}\n",
            missing.join(" ")
        );
    }
    install(&missing)
}

fn is_there(path: &Path) -> bool {
    match path.to_str().and_then(|text| text.split_once("/*/")) {
        None => path.exists(),
        Some((folder, rest)) => {
            fs::read_dir(folder).into_iter().flatten().flatten().any(|version| version.path().join(rest).exists())
        }
    }
}

/// Whether this process may change users and install packages.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn install(packages: &[&str]) -> Result<()> {
    let _quiet = NoServices::begin()?;
    apt(&["update"])?;
    apt(&[["install", "--yes", "--no-install-recommends"].as_slice(), packages].concat())
}

fn apt(arguments: &[&str]) -> Result<()> {
    eprintln!("$ apt-get {}", arguments.join(" "));
    let status =
        Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status().context("apt-get")?;
    ensure!(status.success(), "apt-get {} failed", arguments.join(" "));
    Ok(())
}

/// Debian starts what it installs, unless this file forbids it; the tests start their own.
const POLICY: &str = "/usr/sbin/policy-rc.d";

struct NoServices {
    ours: bool,
}

impl NoServices {
    fn begin() -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").context(POLICY)?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).context(POLICY)?;
        Ok(Self { ours: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            drop(fs::remove_file(POLICY));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_version_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = folder.path().join("*/bin/initdb");
        assert!(!is_there(&pattern));
        fs::create_dir_all(folder.path().join("15/bin")).unwrap();
        assert!(!is_there(&pattern));
        fs::write(folder.path().join("15/bin/initdb"), "").unwrap();
        assert!(is_there(&pattern));
        assert!(is_there(folder.path()) && !is_there(&folder.path().join("16")));
    }
}
