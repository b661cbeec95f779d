//! Words that have no place in the tree: code that was left for later, tests
//! that do not run or wait for nothing, panics on outside data, and what
//! belongs to one machine.

use super::tree::{File, Tree};

/// A word, where it is banned, and why. The words are written in two halves, so that this file may hold them.
struct Ban {
    word: [&'static str; 2],
    place: Place,
    why: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// All Rust code.
    Rust,
    /// Rust code that is no test.
    Product,
    /// Tests, where time is not paused.
    Test,
    /// Every text file but `Cargo.lock`.
    Everywhere,
}

const BANS: [Ban; 15] = [
    Ban { word: ["todo", "!("], place: Place::Rust, why: "finish it" },
    Ban { word: ["unimplemented", "!("], place: Place::Rust, why: "finish it" },
    Ban { word: ["dbg", "!("], place: Place::Rust, why: "a trace of debugging" },
    Ban { word: ["#[ign", "ore"], place: Place::Rust, why: "every test runs" },
    Ban { word: ["#[al", "low("], place: Place::Rust, why: "#[expect(lint, reason = \"…\")] says why" },
    Ban { word: ["thread::sl", "eep"], place: Place::Rust, why: "wait on a condition; testkit::wait does" },
    Ban { word: ["time::sl", "eep"], place: Place::Test, why: "wait on a condition; testkit::wait does" },
    Ban {
        word: [".unw", "rap()"],
        place: Place::Product,
        why: "outside data never panics; an own invariant is an expect",
    },
    Ban { word: ["mod uti", "ls;"], place: Place::Rust, why: "a module is named for what it owns" },
    Ban { word: ["mod hel", "pers;"], place: Place::Rust, why: "a module is named for what it owns" },
    Ban { word: ["mod com", "mon;"], place: Place::Rust, why: "a module is named for what it owns" },
    Ban { word: ["/ro", "ot/"], place: Place::Everywhere, why: "a path of one machine" },
    Ban { word: ["/wo", "rk/"], place: Place::Everywhere, why: "a path of one machine" },
    Ban {
        word: ["crates", ".io"],
        place: Place::Everywhere,
        why: "a registry's host belongs to a machine's configuration",
    },
    Ban {
        word: ["pypi", ".org"],
        place: Place::Everywhere,
        why: "a registry's host belongs to a machine's configuration",
    },
];

pub fn problems(tree: &Tree) -> Vec<String> {
    let paused: Vec<&str> =
        tree.rust().filter(|file| file.text.contains(PAUSED)).map(|file| reach(&file.path)).collect();
    let files = tree.files.iter().filter(|file| file.path != "Cargo.lock");
    files.flat_map(|file| of_file(file, paused.iter().any(|reach| file.path.starts_with(reach)))).collect()
}

/// Where tokio's clock is paused a sleep takes no time: it is the test's own clock that moves.
const PAUSED: &str = "start_paused";

/// The files for which a pause in this one counts: a test's own folder, else the file.
fn reach(path: &str) -> &str {
    path.strip_suffix("main.rs").filter(|folder| folder.contains("/tests/")).unwrap_or(path)
}

fn of_file(file: &File, paused: bool) -> Vec<String> {
    let rust = file.path.ends_with(".rs");
    let product_lines = file.product_lines();
    let mut problems = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let test = index >= product_lines;
        let code = line.split("//").next().unwrap_or_default();
        for ban in &BANS {
            let counts = match ban.place {
                Place::Everywhere => true,
                Place::Rust => rust,
                Place::Product => rust && !test,
                Place::Test => rust && test && !paused,
            };
            let text = if ban.place == Place::Everywhere { line } else { code };
            if counts && text.contains(&ban.word.concat()) {
                problems.push(format!("{}:{}: {}: {}", file.path, index + 1, ban.word.concat(), ban.why));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::tree::file;
    use super::*;

    fn check(path: &str, text: &str, expect: usize) {
        let problems = problems(&Tree { files: vec![file(path, text)] });
        assert_eq!(problems.len(), expect, "{path}: {text}: {problems:?}");
    }

    fn word(index: usize) -> String {
        BANS[index].word.concat()
    }

    #[test]
    fn every_word_is_found_where_it_is_banned() {
        for ban in &BANS {
            let path = if ban.place == Place::Test { "crates/a/tests/b.rs" } else { "crates/a/src/b.rs" };
            check(path, &format!("    {}x\n", ban.word.concat()), 1);
        }
    }

    #[test]
    fn a_word_may_stand_where_it_is_not_banned() {
        let unwrap = format!("x{};\n", word(7));
        check("crates/a/src/b.rs", &unwrap, 1);
        check("crates/a/src/b.rs", &format!("#[cfg(test)]\nmod tests {{\n{unwrap}"), 0);
        check("crates/a/tests/b.rs", &unwrap, 0);
        check("crates/a/src/b.rs", &format!("// {unwrap}"), 0);
        check("docs/b.md", &format!("{}x)\n", word(0)), 0);
        let sleep = format!("{}(day)\n", word(6));
        check("crates/a/tests/b.rs", &format!("#[tokio::test(start_paused = true)]\n{sleep}"), 0);
        let files =
            vec![file("a/tests/b/main.rs", PAUSED), file("a/tests/b/c.rs", &sleep), file("a/tests/d.rs", &sleep)];
        assert_eq!(problems(&Tree { files }).len(), 1);
        check("docs/b.md", &format!("cd {}x\n", word(11)), 1);
    }
}
