//! The server side against scripts of conversations, in every cut, and
//! against the public suites of smuggling and STARTTLS where they are.

mod properties;
mod script;
mod suites;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use script::Script;

fn scripts() -> Vec<(String, Script)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dialogue/server");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 12, "scripts are missing");
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.file_name().unwrap().to_string_lossy().into_owned(), Script::parse(&text))
        })
        .collect()
}

#[test]
fn conversations_go_as_written_in_one_lump() {
    for (name, script) in scripts() {
        script.play(&name, || usize::MAX);
    }
}

#[test]
fn conversations_go_the_same_byte_by_byte() {
    for (name, script) in scripts().iter().filter(|(_, script)| !script.lump_only) {
        script.play(name, || 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn conversations_go_the_same_in_random_cuts(sizes in proptest::collection::vec(1usize..40, 1..50)) {
        for (name, script) in scripts().iter().filter(|(_, script)| !script.lump_only) {
            let mut next = sizes.iter().cycle();
            script.play(name, || *next.next().unwrap_or(&1));
        }
    }
}
