//! The one way in which a command asks before it does what nobody can undo.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result, ensure};

use super::say;
use crate::cli::Cli;

/// Goes on with `--yes`, or where a person at a terminal answers `y`; `deed` is
/// what would be done, as a question without its mark.
///
/// # Errors
/// Nobody agreed. Where nobody can be asked (no terminal, `--no-input`,
/// `--json`) that takes `--yes`.
pub fn confirm(cli: &Cli, deed: &str) -> Result<()> {
    if cli.yes {
        return Ok(());
    }
    let can_ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !cli.no_input && !cli.json;
    ensure!(can_ask, "this can't be undone: {deed}? If so, say --yes");
    say(&format!("This can't be undone: {deed}? [y/N]"));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("no answer")?;
    ensure!(is_yes(&answer), "nothing was done");
    Ok(())
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].iter().any(|yes| answer.trim().eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for (answer, expect) in [("y\n", true), ("YES\r\n", true), ("\n", false), ("", false), ("yup", false)] {
            assert_eq!(is_yes(answer), expect, "{answer:?}");
        }
    }
}
