//! What is to be inspected: files, Maildirs and folders, found one after the
//! other so that none of them has to fit into memory.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A stream of bytes to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Source {
    /// How it is named to people and in JSON.
    pub fn name(&self) -> String {
        match self {
            Source::Stdin => "-".to_owned(),
            Source::File(path) => path.display().to_string(),
        }
    }
}

/// Folders inside each other; deeper is a loop or a mistake.
const DEPTH_MAX: usize = 64;

/// Gives each source under `path` to `visit`, folders in the order of their
/// names, until it says that nobody wants more; what can't be listed is given
/// as an error with its name. Says whether more is wanted.
pub fn each(path: &Path, visit: &mut dyn FnMut(Result<Source, (String, io::Error)>) -> bool) -> bool {
    if path.as_os_str() == "-" {
        return visit(Ok(Source::Stdin));
    }
    match fs::metadata(path) {
        Err(error) => visit(Err((path.display().to_string(), error))),
        Ok(found) if found.is_dir() => folder(path, 0, visit),
        Ok(_) => visit(Ok(Source::File(path.to_owned()))),
    }
}

fn folder(path: &Path, depth: usize, visit: &mut dyn FnMut(Result<Source, (String, io::Error)>) -> bool) -> bool {
    let entries = match listed(path) {
        Ok(entries) => entries,
        Err(error) => return visit(Err((path.display().to_string(), error))),
    };
    let is_maildir = ["cur", "new"].iter().all(|name| path.join(name).is_dir());
    for (name, is_dir) in entries {
        let inside = path.join(&name);
        let goes_on = match is_dir {
            true if depth >= DEPTH_MAX => {
                visit(Err((inside.display().to_string(), io::Error::other("too many folders inside each other"))))
            }
            true if !is_maildir && is_hidden(&name) => true,
            // Half-written messages; the other folders are `cur`, `new` and mailboxes below this one.
            true if is_maildir && name == "tmp" => true,
            true => folder(&inside, depth + 1, visit),
            // Beside its folders a Maildir has only its server's own files.
            false if is_maildir || is_hidden(&name) => true,
            false => visit(Ok(Source::File(inside))),
        };
        if !goes_on {
            return false;
        }
    }
    true
}

fn is_hidden(name: &OsString) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The entries of a folder in the order of their names, and whether each is a
/// folder. Links to folders are not followed: they may lead back.
fn listed(path: &Path) -> io::Result<Vec<(OsString, bool)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let is_link_to_folder = kind.is_symlink() && fs::metadata(entry.path()).is_ok_and(|found| found.is_dir());
        if !is_link_to_folder {
            entries.push((entry.file_name(), kind.is_dir()));
        }
    }
    entries.sort();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &Path) -> Vec<String> {
        let mut found = Vec::new();
        each(path, &mut |source| {
            found.push(match source {
                Ok(Source::File(file)) => file.strip_prefix(path).unwrap().display().to_string(),
                Ok(Source::Stdin) => "-".to_owned(),
                Err((name, _)) => format!("!{name}"),
            });
            true
        });
        found
    }

    #[test]
    fn folders_and_maildirs_are_walked_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        };
        for name in ["b.eml", "a/2.eml", "a/1.eml", ".hidden", ".git/config", "box/cur/1:2,S", "box/new/2"] {
            write(name);
        }
        for name in ["box/tmp/3", "box/dovecot.index", "box/.Sent/cur/4", "box/.Sent/new/5"] {
            write(name);
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        assert_eq!(
            found(folder.path()),
            ["a/1.eml", "a/2.eml", "b.eml", "box/.Sent/cur/4", "box/.Sent/new/5", "box/cur/1:2,S", "box/new/2"]
        );
        assert_eq!(found(Path::new("-")), ["-"]);
        assert_eq!(found(&folder.path().join("missing")).len(), 1);
    }
}
