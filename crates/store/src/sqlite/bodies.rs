//! The reading side of bodies, and the names of those with a file of their own.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use mail::{MessageId, OrgId};

use super::fault;
use super::runner::locked;
use super::segments::segment_name;
use crate::body::checksum_of;
use crate::{BodyRef, StoreError};

/// How many segments stay open for reading.
const OPEN_MAX: usize = 64;

/// Reads sealed bodies.
pub(crate) struct Bodies {
    dir: PathBuf,
    open: Mutex<HashMap<u64, Arc<File>>>,
}

/// The file name of a body that has a file of its own.
pub(crate) fn file_name(org: OrgId, message: MessageId) -> String {
    format!("{message}.{org}")
}

/// Whose body a file holds, from its name.
pub(crate) fn file_owner(name: &str) -> Option<(OrgId, MessageId)> {
    let (message, org) = name.split_once('.')?;
    Some((OrgId(org.strip_prefix("org_")?.parse().ok()?), message.parse().ok()?))
}

impl Bodies {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), open: Mutex::new(HashMap::new()) }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The sealed bytes of a body, whole and as they were written.
    pub(crate) fn read(&self, org: OrgId, message: MessageId, body: &BodyRef) -> Result<Vec<u8>, StoreError> {
        let damaged = |why: &str| StoreError::corrupt(format!("the body of {message} {why}"));
        let file = match body.segment {
            0 => Arc::new(self.open_file(&file_name(org, message))?),
            number => self.segment(number)?,
        };
        // A damaged length must not make this machine run out of memory.
        let size = file.metadata().map_err(|error| fault::file("looking at a body", error))?.len();
        if body.offset.checked_add(body.length).is_none_or(|end| end > size) {
            return Err(damaged("is cut short"));
        }
        let length = usize::try_from(body.length).map_err(|_| damaged("is too long"))?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, body.offset).map_err(|error| fault::file("reading a body", error))?;
        let mut checksum = checksum_of(org, message);
        checksum.update(&bytes);
        if checksum.finalize() != body.checksum {
            return Err(damaged("is not what was written"));
        }
        Ok(bytes)
    }

    fn segment(&self, number: u64) -> Result<Arc<File>, StoreError> {
        if let Some(file) = locked(&self.open).get(&number) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(self.open_file(&segment_name(number))?);
        let mut open = locked(&self.open);
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        open.insert(number, Arc::clone(&file));
        Ok(file)
    }

    fn open_file(&self, name: &str) -> Result<File, StoreError> {
        File::open(self.dir.join(name)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                StoreError::corrupt(format!("bodies/{name} is missing; restore it from the backup"))
            }
            _ => fault::file("opening a body", error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_tells_its_owner() {
        let message = MessageId::from_bytes([3; 16]);
        assert_eq!(file_owner(&file_name(OrgId(9), message)), Some((OrgId(9), message)));
        for other in ["segment-00000001", "", "msg_1.org_1", "a.b"] {
            assert_eq!(file_owner(other), None, "{other}");
        }
    }
}
