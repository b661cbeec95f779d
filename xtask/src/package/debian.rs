//! The Debian package: a tree of files and its control data, packed by `dpkg-deb`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Release;
use crate::cargo;

/// The package of a release.
pub(super) struct Package<'r> {
    release: &'r Release,
}

impl<'r> Package<'r> {
    pub(super) fn of(release: &'r Release) -> Self {
        Self { release }
    }

    /// Packs it into `dist`.
    pub(super) fn pack(&self, dist: &Path) -> Result<PathBuf> {
        let folder = tempfile::tempdir()?;
        let tree = Tree(folder.path().join("sealpost"));
        self.fill(&tree)?;
        tree.text("DEBIAN/control", &self.control(&tree)?, 0o644)?;
        for script in ["postinst", "prerm", "postrm"] {
            tree.copy(&cargo::root().join("packaging").join(script), &format!("DEBIAN/{script}"), 0o755)?;
        }
        let path = dist.join(format!("sealpost_{}_{}.deb", self.release.version, architecture()?));
        let mut pack = Command::new("dpkg-deb");
        pack.args(["--root-owner-group", "-Zxz", "--build"]).arg(&tree.0).arg(&path);
        run(&mut pack)?;
        Ok(path)
    }

    fn fill(&self, tree: &Tree) -> Result<()> {
        let root = cargo::root();
        tree.copy(&self.release.binary, "usr/bin/sealpost", 0o755)?;
        tree.copy(&root.join("packaging/sealpost.service"), "lib/systemd/system/sealpost.service", 0o644)?;
        tree.copy(&root.join("LICENSE"), "usr/share/doc/sealpost/copyright", 0o644)?;
        tree.copy(&root.join("CHANGELOG.md"), "usr/share/doc/sealpost/changelog", 0o644)?;
        // Beside each other as in the source, so that what leads from one to another does here too.
        tree.copy(&root.join("README.md"), "usr/share/doc/sealpost/README.md", 0o644)?;
        for page in fs::read_dir(root.join("docs"))? {
            let page = page?;
            tree.copy(&page.path(), &format!("usr/share/doc/sealpost/docs/{}", page.file_name().display()), 0o644)?;
        }
        tree.text("usr/share/doc/sealpost/sbom.cdx.json", &self.release.bill, 0o644)?;
        let completions = [
            ("bash", "usr/share/bash-completion/completions/sealpost"),
            ("zsh", "usr/share/zsh/vendor-completions/_sealpost"),
            ("fish", "usr/share/fish/vendor_completions.d/sealpost.fish"),
        ];
        for (shell, path) in completions {
            let script = output(Command::new(&self.release.binary).args(["completions", shell]))?;
            tree.text(path, &script, 0o644)?;
        }
        let manual = tree.0.join("usr/share/man/man1");
        run(Command::new(&self.release.binary).arg("manual").arg(&manual))?;
        for page in fs::read_dir(&manual)? {
            run(Command::new("gzip").args(["--best", "--no-name"]).arg(page?.path()))?;
        }
        run(Command::new("gzip").args(["--best", "--no-name"]).arg(tree.0.join("usr/share/doc/sealpost/changelog")))
    }

    fn control(&self, tree: &Tree) -> Result<String> {
        let libc = glibc(&fs::read(&self.release.binary)?);
        let installed_kib = tree.bytes(&tree.0)?.div_ceil(1024);
        Ok(format!(
            "Package: sealpost\nVersion: {}\nArchitecture: {}\nMaintainer: Sealpost <security@sealpost.example>\n\
             Installed-Size: {installed_kib}\nDepends: libc6 (>= {libc}), ca-certificates, passwd\nSection: mail\nPriority: optional\n\
             Description: secure email for healthcare\n \
             Takes an organisation's mail, decides by policy what each recipient's copy\n \
             needs, seals it, delivers it and keeps proof.\n",
            self.release.version,
            architecture()?
        ))
    }
}

/// The files of the package as they will be installed.
struct Tree(PathBuf);

impl Tree {
    fn place(&self, path: &str) -> Result<PathBuf> {
        let place = self.0.join(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(place)
    }

    fn copy(&self, from: &Path, to: &str, mode: u32) -> Result<()> {
        let place = self.place(to)?;
        fs::copy(from, &place).with_context(|| format!("can't copy {}", from.display()))?;
        Ok(fs::set_permissions(place, fs::Permissions::from_mode(mode))?)
    }

    fn text(&self, to: &str, text: &str, mode: u32) -> Result<()> {
        let place = self.place(to)?;
        fs::write(&place, text)?;
        Ok(fs::set_permissions(place, fs::Permissions::from_mode(mode))?)
    }

    fn bytes(&self, folder: &Path) -> Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            bytes += if entry.file_type()?.is_dir() { self.bytes(&entry.path())? } else { entry.metadata()?.len() };
        }
        Ok(bytes)
    }
}

/// The oldest glibc that has every symbol that the program asks for: the release
/// whose symbols are the newest among those that its table of versions names.
fn glibc(binary: &[u8]) -> String {
    let prefix = b"GLIBC_2.";
    let minors = memchr::memmem::find_iter(binary, prefix).map(|at| {
        let digits =
            binary.get(at + prefix.len()..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0_u32, |minor, digit| minor.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
    });
    format!("2.{}", minors.max().unwrap_or_default())
}

fn architecture() -> Result<String> {
    Ok(output(Command::new("dpkg").arg("--print-architecture"))?.trim().to_owned())
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdout(Stdio::null()).status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_symbols_say_which_glibc_is_needed() {
        assert_eq!(glibc(b"\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0GLIBC_PRIVATE"), "2.34");
        assert_eq!(glibc(b"GLIBC_2."), "2.0");
    }
}
