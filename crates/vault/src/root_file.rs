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
