//! The root key's clear form: one line in a file of mode 0600 that is not in
//! the data directory, or in the environment.
//!
//! ```text
//! sealpost-root-key-v1 <32 bytes in base64url without padding>
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::error::VaultError;
use crate::secret::Secret;

const WORD: &str = "sealpost-root-key-v1";
/// The line has 64 bytes; whoever named a wrong file gets an error, not a load.
const FILE_BYTES_MAX: u64 = 1024;

pub(crate) fn write(path: &Path, data_dir: &Path, key: &Secret) -> Result<(), VaultError> {
    refuse_inside(path, data_dir)?;
    let failed = |source| VaultError::RootKeyFile { path: path.to_owned(), source };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| {
            match source.kind() {
                ErrorKind::AlreadyExists => VaultError::RootKeyExists { path: path.to_owned() },
                _ => failed(source),
            }
        })?;
    let text = Zeroizing::new(format!("{WORD} {}\n", *encoded(key)));
    file.write_all(text.as_bytes()).map_err(failed)?;
    // A key that a power cut takes away has sealed mail that nobody can open.
    file.sync_all().map_err(failed)?;
    File::open(parent(path)).and_then(|dir| dir.sync_all()).map_err(failed)
}

pub(crate) fn read(path: &Path, data_dir: &Path) -> Result<Secret, VaultError> {
    refuse_inside(path, data_dir)?;
    let failed = |source| VaultError::RootKeyFile { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // Of the open file, not of the path: nobody can swap it in between.
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(VaultError::RootKeyExposed { path: path.to_owned(), mode });
    }
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(VaultError::RootKeyForm { place: path.display().to_string() });
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize));
    match file.take(FILE_BYTES_MAX).read_to_string(&mut text) {
        Ok(_) => parse(&text).ok_or_else(|| VaultError::RootKeyForm { place: path.display().to_string() }),
        Err(source) if source.kind() == ErrorKind::InvalidData => {
            Err(VaultError::RootKeyForm { place: path.display().to_string() })
        }
        Err(source) => Err(failed(source)),
    }
}

pub(crate) fn from_env(name: &str) -> Result<Secret, VaultError> {
    let text = std::env::var_os(name).ok_or_else(|| VaultError::EnvironmentMissing { name: name.to_owned() })?;
    let malformed = || VaultError::RootKeyForm { place: format!("the environment variable {name}") };
    let text = Zeroizing::new(text.into_string().map_err(|_| malformed())?);
    parse(&text).ok_or_else(malformed)
}

fn parse(text: &str) -> Option<Secret> {
    let encoded = text.trim_end_matches(['\r', '\n']).strip_prefix(WORD)?.strip_prefix(' ')?;
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
    Secret::from_slice(&bytes)
}

fn encoded(key: &Secret) -> Zeroizing<String> {
    Zeroizing::new(URL_SAFE_NO_PAD.encode(key.bytes()))
}

/// Refuses a key inside the data directory, whatever links lead there: a
/// backup of the data must never hold the key to it.
fn refuse_inside(path: &Path, data_dir: &Path) -> Result<(), VaultError> {
    let failed = |source| VaultError::RootKeyFile { path: path.to_owned(), source };
    let resolved = [resolve(path).map_err(failed)?, resolve_parent(path).map_err(failed)?];
    let data = resolve(data_dir).map_err(failed)?;
    if resolved.iter().any(|path| path.starts_with(&data)) {
        return Err(VaultError::RootKeyInData { path: path.to_owned(), data_dir: data_dir.to_owned() });
    }
    Ok(())
}

/// The path without links. What does not exist yet is taken as written below
/// its nearest ancestor that does.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => resolve_parent(path),
        done => done,
    }
}

fn resolve_parent(path: &Path) -> io::Result<PathBuf> {
    match path.file_name() {
        Some(name) => Ok(resolve(parent(path))?.join(name)),
        // `..` of what does not exist, or the root: as the system sees it.
        None => fs::canonicalize(path),
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use tempfile::TempDir;

    use super::*;
    use crate::root::RootKey;
    use crate::test_entropy::Counted;

    struct Places {
        dir: TempDir,
        data: PathBuf,
        key: PathBuf,
    }

    fn places() -> Places {
        let dir = tempfile::tempdir().unwrap();
        let (data, key) = (dir.path().join("data"), dir.path().join("root.key"));
        fs::create_dir(&data).unwrap();
        Places { dir, data, key }
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_is_written_once_and_read_again() {
        let Places { dir: _dir, data, key } = places();
        let made = RootKey::generate_file(&key, &data, &Counted::default()).unwrap();
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(RootKey::read_file(&key, &data).unwrap().key_id(), made.key_id());
        let text = fs::read_to_string(&key).unwrap();
        assert!(text.starts_with("sealpost-root-key-v1 ") && text.len() == 65, "{} bytes", text.len());
        let again = RootKey::generate_file(&key, &data, &Counted::default());
        assert!(matches!(again, Err(VaultError::RootKeyExists { .. })));
        assert_eq!(fs::read_to_string(&key).unwrap(), text);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let Places { dir: _dir, data, key } = places();
        RootKey::generate_file(&key, &data, &Counted::default()).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601, 0o666] {
            set_mode(&key, mode);
            let refused = RootKey::read_file(&key, &data);
            assert!(matches!(refused, Err(VaultError::RootKeyExposed { mode: found, .. }) if found == mode));
        }
        set_mode(&key, 0o400);
        assert!(RootKey::read_file(&key, &data).is_ok());
    }

    #[test]
    fn a_key_in_the_data_directory_is_refused_whatever_leads_there() {
        let Places { dir, data, key } = places();
        RootKey::generate_file(&key, &data, &Counted::default()).unwrap();
        let inside = data.join("root.key");
        fs::copy(&key, &inside).unwrap();
        symlink(&data, dir.path().join("alias")).unwrap();
        symlink(&inside, dir.path().join("link.key")).unwrap();
        symlink(&key, data.join("out.key")).unwrap();
        let paths = [
            inside.clone(),
            dir.path().join("alias/root.key"),
            dir.path().join("link.key"),
            data.join("out.key"),
            data.join("deeper/../root.key"),
            data.join("new.key"),
            dir.path().join("alias/new/deeper.key"),
        ];
        for path in &paths {
            let _ = fs::create_dir(data.join("deeper"));
            let read = RootKey::read_file(path, &data);
            let written = RootKey::generate_file(path, &data, &Counted::default());
            assert!(matches!(read, Err(VaultError::RootKeyInData { .. })), "{}", path.display());
            assert!(matches!(written, Err(VaultError::RootKeyInData { .. })), "{}", path.display());
        }
        // The data directory is itself behind a link, or not made yet.
        let aliased = RootKey::read_file(&inside, &dir.path().join("alias"));
        assert!(matches!(aliased, Err(VaultError::RootKeyInData { .. })));
        let later = dir.path().join("later");
        let refused = RootKey::generate_file(&later.join("root.key"), &later, &Counted::default());
        assert!(matches!(refused, Err(VaultError::RootKeyInData { .. })));
        assert!(RootKey::read_file(&key, &later).is_ok());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let Places { dir, data, key } = places();
        let good = format!("{WORD} {}", "A".repeat(43));
        for text in [
            "",
            "A",
            &good[..good.len() - 1],
            &format!("{good}A"),
            &good.replace("v1", "v2"),
            &good.replace(' ', "  "),
            &format!("{good}\n{good}\n"),
            &good.replace("AAAA", "AA=A"),
            &"x".repeat(5000),
        ] {
            fs::write(&key, text).unwrap();
            set_mode(&key, 0o600);
            let refused = RootKey::read_file(&key, &data).map(|key| key.key_id());
            assert!(matches!(refused, Err(VaultError::RootKeyForm { .. })), "{text}");
        }
        fs::write(&key, [0xff; 64]).unwrap();
        assert!(matches!(RootKey::read_file(&key, &data), Err(VaultError::RootKeyForm { .. })));
        let absent = RootKey::read_file(&dir.path().join("absent"), &data);
        assert!(matches!(absent, Err(VaultError::RootKeyFile { .. })));
        fs::write(&key, format!("{good}\r\n")).unwrap();
        assert!(RootKey::read_file(&key, &data).is_ok());
    }

    /// Setting a variable of one's own process is unsafe with threads, so this
    /// test runs itself in a child that has it.
    #[test]
    fn the_environment_gives_a_key_when_asked_by_name() {
        const NAME: &str = "SEALPOST_TEST_ROOT_KEY";
        let line = format!("{WORD} {}", "A".repeat(43));
        if std::env::var_os(NAME).is_some() {
            assert_eq!(RootKey::from_env(NAME).unwrap().key_id(), Secret::from_slice(&[0; 32]).unwrap().id());
            return;
        }
        assert!(matches!(RootKey::from_env(NAME), Err(VaultError::EnvironmentMissing { .. })));
        assert!(matches!(RootKey::from_env("PATH"), Err(VaultError::RootKeyForm { .. })));
        let name = "root_file::tests::the_environment_gives_a_key_when_asked_by_name";
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", name]).env(NAME, line).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }
}
