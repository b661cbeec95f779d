//! The writing side of bodies: append-only segment files.
//!
//! Bodies of a group are gathered, written with one call and synced before the
//! transaction that refers to them commits. Bytes that no row refers to (a torn
//! tail, a group that was rolled back) are never read.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::fault;
use crate::StoreError;

/// A new segment is begun when the current one is larger.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// What the buffer keeps between groups.
const BUFFER_KEPT: usize = 4 * 1024 * 1024;

/// The file name of a segment.
pub(crate) fn segment_name(number: u64) -> String {
    format!("segment-{number:08}")
}

/// The number of a segment, from its file name.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    name.strip_prefix("segment-")?.parse().ok()
}

/// Appends bodies to the current segment.
pub(crate) struct Segments {
    dir: PathBuf,
    number: u64,
    file: Option<File>,
    /// How much of the file is written.
    length: u64,
    /// What is to be appended to it.
    gathered: Vec<u8>,
    /// What the last group appended, while it may have to be taken back.
    before: u64,
}

impl Segments {
    /// Goes on in segment `number`, at the end of what is there.
    pub(crate) fn open(dir: &Path, number: u64) -> Result<Self, StoreError> {
        let length = match std::fs::metadata(dir.join(segment_name(number))) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(fault::file("looking at the newest segment", error)),
        };
        let dir = dir.to_owned();
        Ok(Self { dir, number, file: None, length, gathered: Vec::new(), before: length })
    }

    /// Takes a body for the next [`flush`](Self::flush) and says where it will
    /// lie: the segment and the offset.
    pub(crate) fn gather(&mut self, body: &[u8]) -> (u64, u64) {
        if self.gathered.is_empty() && self.length >= SEGMENT_BYTES {
            self.number = self.number.saturating_add(1);
            self.file = None;
            self.length = 0;
        }
        let offset = self.length.saturating_add(self.gathered.len() as u64);
        self.gathered.extend_from_slice(body);
        (self.number, offset)
    }

    /// Writes and syncs what was gathered.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        self.before = self.length;
        if self.gathered.is_empty() {
            return Ok(());
        }
        let written = self.write();
        let bytes = self.gathered.len() as u64;
        self.gathered.clear();
        self.gathered.shrink_to(BUFFER_KEPT);
        match written {
            Ok(()) => self.length = self.length.saturating_add(bytes),
            Err(_) => self.take_back(),
        }
        written
    }

    /// Gives the room of the last flush back, after its group failed for want
    /// of room. Only for groups that surely did not commit.
    pub(crate) fn take_back(&mut self) {
        self.gathered.clear();
        self.length = self.before;
        if let Some(file) = &self.file {
            // Harmless where it fails: nothing refers to the bytes.
            let _ = file.set_len(self.before);
        }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        if self.file.is_none() {
            self.file = Some(self.open_file()?);
        }
        let Some(file) = &self.file else { return Ok(()) };
        file.write_all_at(&self.gathered, self.length).map_err(|error| fault::file("writing a segment", error))?;
        fault::synced("syncing a segment", file.sync_data());
        Ok(())
    }

    fn open_file(&self) -> Result<File, StoreError> {
        let path = self.dir.join(segment_name(self.number));
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = file.map_err(|error| fault::file("opening a segment", error))?;
        sync_dir(&self.dir)?;
        Ok(file)
    }
}

/// Makes the names of new files in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    let opened = File::open(dir).map_err(|error| fault::file("opening the directory of bodies", error))?;
    fault::synced("syncing the directory of bodies", opened.sync_all());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_named_and_recognised() {
        assert_eq!(segment_name(7), "segment-00000007");
        assert_eq!(segment_number("segment-00000007"), Some(7));
        assert_eq!(segment_number("segment-"), None);
        assert_eq!(segment_number("msg_01"), None);
    }

    #[test]
    fn bodies_of_a_group_lie_one_after_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let mut segments = Segments::open(dir.path(), 1).unwrap();
        assert_eq!(segments.gather(b"abc"), (1, 0));
        assert_eq!(segments.gather(b"de"), (1, 3));
        segments.flush().unwrap();
        assert_eq!(segments.gather(b"f"), (1, 5));
        segments.flush().unwrap();
        segments.take_back();
        let path = dir.path().join("segment-00000001");
        assert_eq!(std::fs::read(path).unwrap(), b"abcde");
        assert_eq!(Segments::open(dir.path(), 1).unwrap().gather(b"g"), (1, 5));
    }
}
