//! The secret by which a tenant's own transport rule proves the tenant: a
//! header field whose value stands in one of two files, so that it can be
//! changed without a moment at which neither is good.
//!
//! The files are looked at again at most once a second. What is compared is a
//! digest, in constant time; the secret itself is kept nowhere.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use mail::header::{self, Field};
use zeroize::Zeroizing;

/// A field and the files with its good values.
pub struct SecretField {
    /// The field's name.
    pub field: String,
    files: Vec<PathBuf>,
    known: Mutex<Known>,
}

/// Why a secret can't be used. All of it is the operator's.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// None of the files can be read.
    #[error("no file with the secret of {0} can be read")]
    Missing(String),
    /// A secret is so short that it could be guessed.
    #[error("{} holds less than {SECRET_CHARACTERS_MIN} characters", path.display())]
    Short {
        /// The file.
        path: PathBuf,
    },
}

/// 128 bits in base 32.
pub const SECRET_CHARACTERS_MIN: usize = 26;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

struct Known {
    digests: Vec<[u8; 32]>,
    stamps: Vec<Stamp>,
    looked: Instant,
}

type Stamp = Option<(u64, u64, i64, i64)>;

impl SecretField {
    /// A field whose secrets stand in these files, of which one must be there.
    pub fn read(field: &str, files: Vec<PathBuf>) -> Result<Self, SecretError> {
        let stamps = stamps(&files);
        let digests = digests(&files)?;
        if digests.is_empty() {
            return Err(SecretError::Missing(field.to_owned()));
        }
        let known = Known { digests, stamps, looked: Instant::now() };
        Ok(Self { field: field.to_owned(), files, known: Mutex::new(known) })
    }

    /// How many are good.
    pub fn count(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).digests.len()
    }

    /// Whether a header block has the field once and with a good value.
    pub fn is_shown_by(&self, header: &[u8]) -> bool {
        let mut shown = header::fields(header).filter(|field| self.is_field(field));
        match (shown.next(), shown.next()) {
            (Some(field), None) => self.is_good(field.value.trim_ascii(), Instant::now()),
            _ => false,
        }
    }

    /// Whether this is the field with the secret: it is never stored.
    pub fn is_field(&self, field: &Field<'_>) -> bool {
        field.is(&self.field)
    }

    fn is_good(&self, value: &[u8], now: Instant) -> bool {
        let shown = digest_of(value);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(&mut known, now);
        // All are compared, so that the time tells not even which one it was.
        known.digests.iter().fold(false, |good, digest| verify_slices_are_equal(digest, &shown).is_ok() | good)
    }

    fn look(&self, known: &mut Known, now: Instant) {
        if now.saturating_duration_since(known.looked) < LOOK_EVERY {
            return;
        }
        known.looked = now;
        let stamps = stamps(&self.files);
        if stamps == known.stamps {
            return;
        }
        known.stamps = stamps;
        match digests(&self.files) {
            Ok(digests) if !digests.is_empty() => {
                known.digests = digests;
                tracing::info!(field = self.field, "the secrets of a connector were read again");
            }
            Ok(_) => tracing::error!(field = self.field, "no secret is left; the old ones stay"),
            Err(error) => tracing::error!(%error, "changed secrets are of no use; the old ones stay"),
        }
    }
}

impl std::fmt::Debug for SecretField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretField").field("field", &self.field).field("files", &self.files).finish_non_exhaustive()
    }
}

/// What the files hold; a file that is not there holds nothing.
fn digests(files: &[PathBuf]) -> Result<Vec<[u8; 32]>, SecretError> {
    let mut found = Vec::new();
    for path in files {
        let Ok(text) = std::fs::read(path).map(Zeroizing::new) else { continue };
        let secret = text.trim_ascii();
        if secret.is_empty() {
            continue;
        }
        if secret.len() < SECRET_CHARACTERS_MIN {
            return Err(SecretError::Short { path: path.clone() });
        }
        found.push(digest_of(secret));
    }
    Ok(found)
}

fn digest_of(secret: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, secret).as_ref());
    bytes
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let file: Metadata = std::fs::metadata(path).ok()?;
        Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
    };
    files.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const NEW: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn shown(field: &SecretField, header: &str) -> bool {
        field.is_shown_by(header.as_bytes())
    }

    #[test]
    fn a_secret_is_shown_once_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, format!("{OLD}\n")).unwrap();
        let field = SecretField::read("X-Tenant", vec![path]).unwrap();
        assert!(shown(&field, &format!("From: a\r\nx-tenant: {OLD}\r\n")));
        assert!(shown(&field, &format!("X-Tenant:\r\n {OLD}\r\n")));
        for wrong in [
            String::new(),
            format!("X-Tenant: {NEW}\r\n"),
            "X-Tenant: \r\n".to_owned(),
            format!("X-Tenant: {OLD}a\r\n"),
            format!("X-Tenant: {OLD}\r\nX-Tenant: {NEW}\r\n"),
            format!("X-Tenant: {OLD}\r\nX-Tenant: {OLD}\r\n"),
            format!("X-Tenant2: {OLD}\r\n"),
        ] {
            assert!(!shown(&field, &wrong), "{wrong}");
        }
    }

    #[test]
    fn two_secrets_are_good_while_one_takes_the_place_of_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&a, OLD).unwrap();
        let field = SecretField::read("X-Tenant", vec![a.clone(), b.clone()]).unwrap();
        let start = Instant::now();
        assert!(field.is_good(OLD.as_bytes(), start) && !field.is_good(NEW.as_bytes(), start));
        std::fs::write(&b, NEW).unwrap();
        assert!(!field.is_good(NEW.as_bytes(), start), "not looked at again within a second");
        let later = start + Duration::from_secs(5);
        assert!(field.is_good(OLD.as_bytes(), later) && field.is_good(NEW.as_bytes(), later));
        std::fs::remove_file(&a).unwrap();
        let later = start + Duration::from_secs(10);
        assert!(!field.is_good(OLD.as_bytes(), later) && field.is_good(NEW.as_bytes(), later));
        std::fs::write(&b, "short").unwrap();
        assert!(field.is_good(NEW.as_bytes(), start + Duration::from_secs(15)), "the old ones stay");
    }

    #[test]
    fn a_secret_that_is_missing_or_short_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert!(matches!(SecretField::read("X-Tenant", vec![path.clone()]), Err(SecretError::Missing(_))));
        std::fs::write(&path, "guessable").unwrap();
        assert!(matches!(SecretField::read("X-Tenant", vec![path]), Err(SecretError::Short { .. })));
    }
}
