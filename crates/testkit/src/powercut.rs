//! Power cuts: what a process did to a folder is written down, and any state
//! that a cut could leave is made again from that.
//!
//! A library of our own is preloaded into the process (`powercut/shim.c`, which
//! the C compiler makes when it is first needed). A disk keeps what was synced:
//! the content of a file by a sync of the file, its name by a sync of its
//! folder. Of what was not, anything may be there or not, and a write may be
//! there in part. What the process wrote to its standard output stands in the
//! same log, so that what it had promised at a moment is known.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::process;

/// A folder under watch.
pub struct PowerCut {
    dir: PathBuf,
    folder: TempDir,
}

/// What became of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsynced {
    /// All of it is lost.
    Lost,
    /// All of it had reached the disk.
    Kept,
    /// Some is there, some is not, some is there in part, as this seed has it.
    Torn(u64),
}

#[derive(Clone, Debug)]
enum Record {
    Created { inode: u64, path: PathBuf },
    FolderMade(PathBuf),
    Write { inode: u64, offset: u64, data: Vec<u8> },
    Size { inode: u64, size: u64 },
    Synced(u64),
    FolderSynced(PathBuf),
    Renamed { from: PathBuf, to: PathBuf },
    Removed(PathBuf),
    Said(Vec<u8>),
}

/// What the process did, in order.
#[derive(Clone, Debug)]
pub struct Story {
    dir: PathBuf,
    records: Vec<Record>,
}

impl PowerCut {
    /// Watches an empty folder.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn over(dir: &Path) -> Self {
        let dir = dir.canonicalize().expect("the folder to be watched");
        Self { dir, folder: tempfile::tempdir().expect("a folder for the log") }
    }

    /// Has a command be watched.
    pub fn watch<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("LD_PRELOAD", shim()).env("SEALPOST_POWER_DIR", &self.dir).env("SEALPOST_POWER_LOG", self.log())
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What was done so far.
    ///
    /// # Panics
    ///
    /// When nothing was.
    pub fn story(&self) -> Story {
        let log = fs::read(self.log()).expect("the log of the shim: was the process watched?");
        let mut reader = Reader(&log);
        Story { dir: self.dir.clone(), records: std::iter::from_fn(|| reader.record()).collect() }
    }
}

/// The library, compiled once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = SHIM.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder for the shim");
        let (source, library) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
        fs::write(&source, include_str!("powercut/shim.c")).expect("the source of the shim");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source);
        let output = process::run(&mut compiler, b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (folder, library)
    });
    path
}

struct Reader<'l>(&'l [u8]);

impl Reader<'_> {
    /// None at the end, or where a killed process was cut short.
    fn record(&mut self) -> Option<Record> {
        let kind = self.bytes(1)?[0];
        Some(match kind {
            b'C' => Record::Created { inode: self.number()?, path: self.path()? },
            b'D' => Record::FolderMade(self.path()?),
            b'W' => Record::Write { inode: self.number()?, offset: self.number()?, data: self.data()? },
            b'T' => Record::Size { inode: self.number()?, size: self.number()? },
            b'S' => Record::Synced(self.number()?),
            b'F' => Record::FolderSynced(self.path()?),
            b'R' => Record::Renamed { from: self.path()?, to: self.path()? },
            b'U' => Record::Removed(self.path()?),
            b'A' => Record::Said(self.data()?),
            other => panic!("no record begins with {other}"),
        })
    }

    fn bytes(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_ne_bytes(self.bytes(8)?.try_into().ok()?))
    }

    fn data(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.number()?).ok()?;
        self.bytes(length).map(<[u8]>::to_vec)
    }

    fn path(&mut self) -> Option<PathBuf> {
        String::from_utf8(self.data()?).ok().map(PathBuf::from)
    }
}

impl Story {
    /// How many moments there are: a cut may come before each record, and after the last.
    pub fn moments(&self) -> usize {
        self.records.len() + 1
    }

    /// What the process had said by then.
    pub fn said(&self, moment: usize) -> String {
        let said = self.records.iter().take(moment).filter_map(|record| match record {
            Record::Said(data) => Some(data.as_slice()),
            _ => None,
        });
        String::from_utf8_lossy(&said.collect::<Vec<_>>().concat()).into_owned()
    }

    /// The same on a disk that says it has synced and has not.
    #[must_use]
    pub fn on_a_disk_that_lies(mut self) -> Self {
        self.records.retain(|record| !matches!(record, Record::Synced(_) | Record::FolderSynced(_)));
        self
    }

    /// Makes in an empty folder what a cut at that moment leaves.
    ///
    /// # Panics
    ///
    /// When it can't be written.
    pub fn leave(&self, moment: usize, unsynced: Unsynced, into: &Path) {
        let mut disk = Disk::default();
        self.records.iter().take(moment).for_each(|record| disk.take(record));
        let mut whim = Whim(unsynced);
        let (names, folders) = disk.names(&mut whim);
        let here = |path: &Path| into.join(path.strip_prefix(&self.dir).expect("a path in the folder"));
        folders.iter().for_each(|path| fs::create_dir_all(here(path)).expect("a folder"));
        for (path, file) in names {
            let parent = path.parent().unwrap_or(&self.dir);
            if parent != self.dir && !folders.iter().any(|folder| folder == parent) {
                continue;
            }
            fs::write(here(&path), disk.files[file].left(&mut whim)).expect("a file");
        }
    }
}

/// Which of what was not synced is there.
struct Whim(Unsynced);

impl Whim {
    /// How much of a change of this size: none of it, all, or a part.
    fn part(&mut self, size: usize) -> usize {
        match &mut self.0 {
            Unsynced::Lost => 0,
            Unsynced::Kept => size,
            Unsynced::Torn(state) => {
                // SplitMix64.
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 8;
                match mixed % 3 {
                    0 => 0,
                    1 => size,
                    _ => usize::try_from(mixed / 3).unwrap_or_default() % (size + 1),
                }
            }
        }
    }
}

#[derive(Default)]
struct Content {
    synced: Vec<u8>,
    /// Writes and sizes since.
    since: Vec<(u64, Option<Vec<u8>>)>,
}

impl Content {
    fn sync(&mut self) {
        for (at, data) in std::mem::take(&mut self.since) {
            change(&mut self.synced, at, data.as_deref());
        }
    }

    fn left(&self, whim: &mut Whim) -> Vec<u8> {
        let mut content = self.synced.clone();
        for (at, data) in &self.since {
            let size = data.as_ref().map_or(1, Vec::len);
            match (whim.part(size), data) {
                (0, _) => {}
                (_, None) => change(&mut content, *at, None),
                (part, Some(data)) => change(&mut content, *at, data.get(..part)),
            }
        }
        content
    }
}

/// Writes data there, or makes the content as long as that.
fn change(content: &mut Vec<u8>, at: u64, data: Option<&[u8]>) {
    let at = usize::try_from(at).expect("an offset");
    let Some(data) = data else { return content.resize(at, 0) };
    if content.len() < at + data.len() {
        content.resize(at + data.len(), 0);
    }
    content[at..at + data.len()].copy_from_slice(data);
}

#[derive(Clone)]
enum Naming {
    File(PathBuf, usize),
    Folder(PathBuf),
    Gone(PathBuf),
    Renamed(PathBuf, PathBuf),
}

impl Naming {
    fn folder(&self) -> Option<&Path> {
        match self {
            Naming::File(path, _) | Naming::Folder(path) | Naming::Gone(path) | Naming::Renamed(_, path) => {
                path.parent()
            }
        }
    }
}

/// A disk with a cache: what is synced, and what is not yet.
#[derive(Default)]
struct Disk {
    files: Vec<Content>,
    by_inode: HashMap<u64, usize>,
    /// As the process sees it.
    seen: HashMap<PathBuf, usize>,
    names: BTreeMap<PathBuf, usize>,
    folders: Vec<PathBuf>,
    since: Vec<Naming>,
}

impl Disk {
    fn take(&mut self, record: &Record) {
        match record {
            Record::Said(_) => {}
            Record::Created { inode, path } => self.created(*inode, path),
            Record::FolderMade(path) => self.since.push(Naming::Folder(path.clone())),
            Record::Write { inode, offset, data } => self.changed(*inode, *offset, Some(data.clone())),
            Record::Size { inode, size } => self.changed(*inode, *size, None),
            Record::Synced(inode) => {
                if let Some(file) = self.by_inode.get(inode) {
                    self.files[*file].sync();
                }
            }
            Record::FolderSynced(path) => {
                let (now, later) =
                    self.since.drain(..).partition::<Vec<_>, _>(|naming| naming.folder() == Some(path.as_path()));
                self.since = later;
                now.into_iter().for_each(|naming| name(&mut self.names, &mut self.folders, naming));
            }
            Record::Renamed { from, to } => {
                if let Some(file) = self.seen.remove(from) {
                    self.seen.insert(to.clone(), file);
                }
                self.since.push(Naming::Renamed(from.clone(), to.clone()));
            }
            Record::Removed(path) => {
                self.seen.remove(path);
                self.since.push(Naming::Gone(path.clone()));
            }
        }
    }

    /// A file that is opened again is the one that it was; the number of one that is gone may be given anew.
    fn created(&mut self, inode: u64, path: &Path) {
        let known = self.by_inode.get(&inode);
        if known.is_some() && self.seen.get(path) == known {
            return;
        }
        let file = self.files.len();
        self.files.push(Content::default());
        self.by_inode.insert(inode, file);
        self.seen.insert(path.to_owned(), file);
        self.since.push(Naming::File(path.to_owned(), file));
    }

    fn changed(&mut self, inode: u64, at: u64, data: Option<Vec<u8>>) {
        if let Some(file) = self.by_inode.get(&inode) {
            self.files[*file].since.push((at, data));
        }
    }

    /// The names of files and folders that are there. A file system keeps the order of what is done to names.
    fn names(&self, whim: &mut Whim) -> (BTreeMap<PathBuf, usize>, Vec<PathBuf>) {
        let (mut names, mut folders) = (self.names.clone(), self.folders.clone());
        let kept = whim.part(self.since.len());
        self.since.iter().take(kept).cloned().for_each(|naming| name(&mut names, &mut folders, naming));
        // SQLite makes its index of the log anew.
        names.retain(|path, _| !path.to_string_lossy().ends_with("-shm"));
        (names, folders)
    }
}

fn name(names: &mut BTreeMap<PathBuf, usize>, folders: &mut Vec<PathBuf>, naming: Naming) {
    match naming {
        Naming::File(path, file) => drop(names.insert(path, file)),
        Naming::Folder(path) => folders.push(path),
        Naming::Gone(path) => drop(names.remove(&path)),
        Naming::Renamed(from, to) => {
            if let Some(file) = names.remove(&from) {
                names.insert(to, file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python writes as libc does.
    const PROGRAM: &str = "import os, sys\n\
        os.chdir(sys.argv[1])\n\
        def write(name, text, at=0):\n\
        \x20   fd = os.open(name, os.O_CREAT | os.O_WRONLY)\n\
        \x20   os.pwrite(fd, text, at)\n\
        \x20   return fd\n\
        folder = os.open(sys.argv[1], os.O_RDONLY)\n\
        os.fsync(write(sys.argv[1] + '/synced', b'one'))\n\
        os.fsync(folder)\n\
        os.write(1, b'promised')\n\
        write(sys.argv[1] + '/synced', b'two', 3)\n\
        write(sys.argv[1] + '/unnamed', b'x')\n\
        os.rename(sys.argv[1] + '/unnamed', sys.argv[1] + '/named')\n";

    fn left(story: &Story, moment: usize, unsynced: Unsynced) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        story.leave(moment, unsynced, folder.path());
        let mut found = Vec::new();
        crate::sealpost::collect(folder.path(), &mut found);
        let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let mut left: Vec<_> =
            found.into_iter().map(|(path, content)| (name(path), String::from_utf8(content).unwrap())).collect();
        left.sort();
        left
    }

    #[test]
    fn a_disk_keeps_what_was_synced() {
        let dir = tempfile::tempdir().unwrap();
        let power = PowerCut::over(dir.path());
        let mut python = Command::new("python3");
        python.args(["-c", PROGRAM]).arg(dir.path());
        let output = process::run(power.watch(&mut python), b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let story = power.story();
        let end = story.moments() - 1;
        assert_eq!((story.said(end).as_str(), story.said(2).as_str()), ("promised", ""));
        let pair = |name: &str, content: &str| (name.to_owned(), content.to_owned());
        assert_eq!(left(&story, end, Unsynced::Lost), [pair("synced", "one")]);
        assert_eq!(left(&story, end, Unsynced::Kept), [pair("named", "x"), pair("synced", "onetwo")]);
        assert_eq!(left(&story, 1, Unsynced::Lost), []);
        let torn: std::collections::BTreeSet<_> = (0..50).map(|seed| left(&story, end, Unsynced::Torn(seed))).collect();
        assert!(torn.len() > 5 && torn.iter().all(|left| left.iter().any(|(_, content)| content.starts_with("one"))));
        assert_eq!(left(&story.on_a_disk_that_lies(), end, Unsynced::Lost), []);
    }
}
