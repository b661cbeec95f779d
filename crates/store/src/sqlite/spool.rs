//! A body on its way in: small ones stay in memory, a large one gets a file of
//! its own that goes again unless its message is committed.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use mail::{MessageId, OrgId};

use super::bodies::file_name;
use super::fault;
use super::runner::Runner;
use super::shared::Shared;
use crate::body::{BodyRef, BodyWriter, OpenBody, Spool, Spooled, SpooledBody, checksum_of};
use crate::{Pending, StoreError};

/// Takes one body.
pub(crate) struct BodySpool {
    path: PathBuf,
    runner: Arc<Runner<()>>,
    content: Content,
    length: u64,
    checksum: crc32fast::Hasher,
    open: OpenBody,
}

enum Content {
    Memory(Vec<u8>),
    File(SpoolFile),
    /// A write failed or was abandoned midway.
    Lost,
}

/// A body's own file, removed when dropped unless kept.
#[derive(Debug)]
struct SpoolFile {
    file: Option<File>,
    path: PathBuf,
    runner: Arc<Runner<()>>,
    kept: bool,
}

impl BodySpool {
    pub(crate) fn new(shared: &Shared, runner: &Arc<Runner<()>>, org: OrgId, message: MessageId) -> Self {
        Self {
            path: shared.bodies.dir().join(file_name(org, message)),
            runner: Arc::clone(runner),
            content: Content::Memory(Vec::new()),
            length: 0,
            checksum: checksum_of(org, message),
            open: OpenBody::new(&shared.open_bodies),
        }
    }

    async fn take(&mut self, sealed: Vec<u8>) -> Result<(), StoreError> {
        self.checksum.update(&sealed);
        self.length = self.length.saturating_add(sealed.len() as u64);
        let (file, bytes) = match std::mem::replace(&mut self.content, Content::Lost) {
            Content::Lost => return Err(StoreError::Closed),
            Content::Memory(mut bytes) => {
                bytes.extend_from_slice(&sealed);
                if self.open.stays_in_memory(bytes.len()) {
                    self.content = Content::Memory(bytes);
                    return Ok(());
                }
                (self.begin_file().await?, bytes)
            }
            Content::File(file) => (file, sealed),
        };
        let write = move |_: &mut ()| file.write(&bytes).map(|()| file);
        self.content = Content::File(self.runner.run(write).await?);
        Ok(())
    }

    async fn begin_file(&self) -> Result<SpoolFile, StoreError> {
        let (path, runner) = (self.path.clone(), Arc::clone(&self.runner));
        let create = move |_: &mut ()| {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = file.map_err(|error| match error.kind() {
                std::io::ErrorKind::AlreadyExists => StoreError::Conflict,
                _ => fault::file("making a body's file", error),
            })?;
            Ok(SpoolFile { file: Some(file), path, runner, kept: false })
        };
        self.runner.run(create).await
    }

    async fn end(self) -> Result<SpooledBody, StoreError> {
        let place = BodyRef { segment: 0, offset: 0, length: self.length, checksum: self.checksum.finalize() };
        let content = match self.content {
            Content::Lost => return Err(StoreError::Closed),
            Content::Memory(bytes) => Spooled::Memory(bytes),
            Content::File(file) => {
                let sync = move |_: &mut ()| Ok(file.sync());
                Spooled::Elsewhere(Box::new(self.runner.run(sync).await?))
            }
        };
        Ok(SpooledBody { content, place, _open: self.open })
    }
}

impl BodyWriter for BodySpool {
    fn push(&mut self, sealed: Vec<u8>) -> Pending<'_, ()> {
        Box::pin(self.take(sealed))
    }

    fn finish(self: Box<Self>) -> Pending<'static, SpooledBody> {
        Box::pin(self.end())
    }
}

impl SpoolFile {
    fn write(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(mut file) = self.file.as_ref() else { return Err(StoreError::Closed) };
        file.write_all(bytes).map_err(|error| fault::file("writing a body's file", error))
    }

    /// Makes the bytes durable; its name becomes so with the commit.
    fn sync(mut self) -> Self {
        if let Some(file) = self.file.take() {
            fault::synced("syncing a body's file", file.sync_data());
        }
        self
    }
}

impl Spool for SpoolFile {
    fn keep(&mut self) {
        self.kept = true;
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        let path = std::mem::take(&mut self.path);
        // Unlinking a large file takes long: not on the writer.
        self.runner.remove_file(path);
    }
}
