//! Files that grew too long, and files and crates that do not say what they are.
//! Functions are clippy's: `too_many_lines`, `excessive_nesting`.

use super::tree::{File, Tree};

/// Over this a file wants splitting.
const WARN: usize = 500;

/// Over this it has to be split.
const MOST: usize = 800;

/// Over this a file says in its first lines what it owns.
const HEAD: usize = 100;

pub fn problems(tree: &Tree) -> Vec<String> {
    for file in tree.rust().filter(|file| (WARN + 1..=MOST).contains(&file.product_lines())) {
        eprintln!("warning: {}: {} lines without tests; over {WARN} wants splitting", file.path, file.product_lines());
    }
    tree.rust().filter(|file| !file.path.contains("/testdata/")).flat_map(of_file).collect()
}

fn of_file(file: &File) -> Vec<String> {
    let all = file.text.lines().count();
    let product = if file.is_test() { all } else { file.product_lines() };
    let mut problems = Vec::new();
    if product > MOST {
        problems.push(format!("{}: {product} lines without tests; {MOST} is the most", file.path));
    }
    let is_crate = file.path.ends_with("/src/lib.rs") || file.path.ends_with("/src/main.rs");
    if (all > HEAD || is_crate) && !file.text.starts_with("//!") {
        problems.push(format!("{}:1: begins without //! (what it owns, what it never does)", file.path));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    fn check(path: &str, text: &str, expect: usize) {
        assert_eq!(of_file(&file(path, text)).len(), expect, "{path}");
    }

    #[test]
    fn long_files_are_split_and_say_what_they_are() {
        check("crates/a/src/b.rs", &"x\n".repeat(100), 0);
        check("crates/a/src/b.rs", &"x\n".repeat(101), 1);
        check("crates/a/src/b.rs", &format!("//! b\n{}", "x\n".repeat(799)), 0);
        check("crates/a/src/b.rs", &format!("//! b\n{}", "x\n".repeat(800)), 1);
        check("crates/a/src/b.rs", &format!("//! b\n#[cfg(test)]\nmod tests {{\n{}", "x\n".repeat(800)), 0);
        check("crates/a/tests/b.rs", &format!("//! b\n{}", "x\n".repeat(800)), 1);
        check("crates/a/src/lib.rs", "mod b;\n", 1);
    }
}
