//! The newest checkpoint outside the database: one small file an organisation.
//!
//! Whoever can change the database can put an older state of it back. What it
//! can't put back is this file on another disk, or a copy that was taken away:
//! against it a cut tail shows.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mail::OrgId;

/// The file of an organisation's newest checkpoint in `dir`.
pub fn checkpoint_path(dir: &Path, org: OrgId) -> PathBuf {
    dir.join(format!("{org}.checkpoint"))
}

/// The note in the file, if there is one.
pub(crate) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces the file: readers see the old note or the new one, and after a
/// power cut one of the two is there.
pub(crate) fn write(path: &Path, note: &str) -> io::Result<()> {
    let dir = path.parent().ok_or(ErrorKind::InvalidInput)?;
    let beside = path.with_extension("checkpoint.new");
    let mut file = File::create(&beside)?;
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(dir)?.sync_all()
}

/// Sets the file aside after an operator restored an older database on
/// purpose, so that the sequencer goes on from there; gives its new name. The
/// positions after the restored ones are given a second time: whoever holds
/// the file can see that, and nothing can hide it.
pub fn set_aside(dir: &Path, org: OrgId, now: Timestamp) -> io::Result<PathBuf> {
    let path = checkpoint_path(dir, org);
    let aside = dir.join(format!("{org}.checkpoint.before-restore-{}", now.as_second()));
    fs::rename(&path, &aside)?;
    File::open(dir)?.sync_all()?;
    Ok(aside)
}
