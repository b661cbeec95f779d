//! `cargo xtask tidy`: what neither the compiler nor clippy knows about this
//! project. Each file here holds one kind of rule; every rule gives all that
//! it finds, as `path:line: what is wrong`.

mod columns;
mod dependencies;
mod documents;
mod layers;
mod licences;
mod sizes;
mod tree;
mod used;
mod words;

use anyhow::{Result, ensure};

use crate::cargo;
use tree::Tree;

/// Holds every rule against the tree.
pub fn run() -> Result<()> {
    let tree = Tree::read(&cargo::root())?;
    let metadata = cargo::metadata()?;
    let problems = [
        layers::problems(&metadata),
        columns::problems(&tree),
        sizes::problems(&tree),
        words::problems(&tree),
        documents::problems(&tree),
        dependencies::problems(&tree)?,
        used::problems(&metadata, &tree),
    ]
    .concat();
    for problem in &problems {
        eprintln!("{problem}");
    }
    ensure!(problems.is_empty(), "tidy: {} problems", problems.len());
    eprintln!("tidy: {} files, no problem", tree.files.len());
    Ok(())
}
