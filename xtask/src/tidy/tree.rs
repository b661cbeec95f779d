//! The files of the project, as git knows them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Every text file that git tracks or would add.
pub struct Tree {
    pub files: Vec<File>,
}

/// A file by its path from the root.
pub struct File {
    pub path: String,
    pub text: String,
    /// Whether another file includes it for tests only: `#[cfg(test)] mod NAME;`.
    for_tests: bool,
}

impl Tree {
    pub fn read(root: &Path) -> Result<Self> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let output = Command::new("git").args(arguments).current_dir(root).output().context("git ls-files")?;
        ensure!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
        let listing = String::from_utf8_lossy(&output.stdout).into_owned();
        let read = |path: &str| {
            // A file that was removed and not yet committed is no file, nor is one that is not text.
            let text = String::from_utf8(fs::read(root.join(path)).ok()?).ok()?;
            Some(File { path: path.to_owned(), text, for_tests: false })
        };
        let files = listing.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect();
        Ok(Self { files: mark_tests(files) })
    }

    /// A file's text, if there is such a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }
}

impl File {
    /// Whether all of it is test code: integration tests, modules for tests, the crate of peers, compile-fail cases.
    pub fn is_test(&self) -> bool {
        let is_test = |folder| matches!(folder, "tests" | "testkit" | "benches" | "testdata");
        self.for_tests || self.path.split('/').any(is_test)
    }

    /// The lines before the unit tests at the bottom.
    pub fn product_lines(&self) -> usize {
        if self.is_test() {
            return 0;
        }
        let lines: Vec<&str> = self.text.lines().collect();
        let opens = |line: &str| line.starts_with("mod ") && line.ends_with('{');
        let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && opens(pair[1]));
        tests.unwrap_or(lines.len())
    }

    /// The modules in other files that this one includes for tests only, as paths without `.rs`.
    fn test_modules(&self) -> Vec<String> {
        let Some(stem) = self.path.strip_suffix(".rs") else { return Vec::new() };
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let inside = if matches!(name, "lib" | "main" | "mod") { folder } else { stem };
        let mut found = Vec::new();
        let mut for_tests = false;
        let mut other_path = None;
        for line in self.text.lines().map(str::trim) {
            let module = line.strip_prefix("pub(crate) ").unwrap_or(line);
            let module = module.strip_prefix("mod ").and_then(|module| module.strip_suffix(';'));
            match module {
                _ if line == "#[cfg(test)]" => for_tests = true,
                _ if line.starts_with("#[path") => other_path = line.split('"').nth(1),
                Some(module) if for_tests => found.push(match other_path.take() {
                    Some(path) => format!("{folder}/{}", path.trim_end_matches(".rs")),
                    None => format!("{inside}/{module}"),
                }),
                _ if line.starts_with("#[") => {}
                _ => (for_tests, other_path) = (false, None),
            }
        }
        found
    }
}

fn mark_tests(mut files: Vec<File>) -> Vec<File> {
    let modules: BTreeSet<String> = files.iter().flat_map(File::test_modules).collect();
    for file in &mut files {
        let belongs = |module: &String| {
            let rest = file.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        file.for_tests = modules.iter().any(belongs);
    }
    files
}

#[cfg(test)]
pub fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned(), for_tests: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_tests_at_the_bottom_do_not_count() {
        let lines = |text: &str| file("crates/a/src/lib.rs", text).product_lines();
        assert_eq!(lines("one\ntwo\n#[cfg(test)]\nmod tests {\n}\n"), 2);
        assert_eq!(lines("one\n#[cfg(test)]\nmod fixture;\ntwo\n"), 4);
        assert_eq!(file("crates/testkit/src/ca.rs", "one\n").product_lines(), 0);
    }

    #[test]
    fn modules_for_tests_are_test_code() {
        let tests = |path: &str, text: &str| {
            let names = ["a/src/x.rs", "a/src/x/y.rs", "a/src/b/x.rs", "a/tests/t.rs", "a/src/x_more.rs"];
            let others = names.map(|name| file(name, ""));
            let files = mark_tests([file(path, text)].into_iter().chain(others).collect());
            files.into_iter().filter(File::is_test).map(|file| file.path).collect::<Vec<_>>()
        };
        assert_eq!(
            tests("a/src/lib.rs", "#[cfg(test)]\nmod x;\nmod z;"),
            ["a/src/x.rs", "a/src/x/y.rs", "a/tests/t.rs"]
        );
        assert_eq!(tests("a/src/b.rs", "#[cfg(test)]\npub(crate) mod x;"), ["a/src/b/x.rs", "a/tests/t.rs"]);
        let path = "#[cfg(test)]\n#[path = \"x_more.rs\"]\nmod tests;";
        assert_eq!(tests("a/src/b.rs", path), ["a/tests/t.rs", "a/src/x_more.rs"]);
        assert_eq!(tests("a/src/lib.rs", "mod x;\n#[cfg(test)]\nmod tests {}"), ["a/tests/t.rs"]);
    }
}
