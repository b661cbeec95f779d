//! What unlocks private keys: from files, or asked for on a terminal. Never an
//! argument, which every user of the machine could read.

use std::fs::File;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::cli::Cli;

/// Passphrases to try.
pub struct Passphrases {
    given: Vec<Zeroizing<String>>,
    may_ask: bool,
}

impl Passphrases {
    /// The first line of each file; a person is asked for more, unless `--no-input` forbids it.
    pub fn read(cli: &Cli, files: &[PathBuf]) -> Result<Self> {
        let given = files.iter().map(|path| first_line(path)).collect::<Result<_>>()?;
        Ok(Self { given, may_ask: !cli.no_input })
    }

    /// What `open` gives with the first passphrase for which `is_wrong` does
    /// not hold; on a terminal the user is asked where none was given.
    pub fn unlock<T, E>(
        &self,
        what: &Path,
        is_wrong: impl Fn(&E) -> bool,
        mut open: impl FnMut(&str) -> Result<T, E>,
    ) -> Result<T>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let named = || what.display().to_string();
        for passphrase in &self.given {
            match open(passphrase) {
                Err(error) if is_wrong(&error) => {}
                opened => return opened.with_context(named),
            }
        }
        if !self.given.is_empty() {
            bail!("{}: no passphrase that was given unlocks the private key", named());
        }
        if !self.may_ask || !std::io::stdin().is_terminal() {
            bail!("{}: the private key is locked; --passphrase-file names the file with its passphrase", named());
        }
        open(&asked(what)?).with_context(named)
    }
}

fn first_line(path: &Path) -> Result<Zeroizing<String>> {
    let named = || format!("can't read {}", path.display());
    let mut line = Zeroizing::new(String::new());
    BufReader::new(File::open(path).with_context(named)?).read_line(&mut line).with_context(named)?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Asks on the terminal, without showing what is typed.
fn asked(what: &Path) -> Result<Zeroizing<String>> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").context("there is no terminal")?;
    write!(terminal, "Passphrase of {}: ", what.display())?;
    let shown = tcgetattr(&terminal)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
    let mut line = Zeroizing::new(String::new());
    let read = BufReader::new(&terminal).read_line(&mut line);
    tcsetattr(&terminal, OptionalActions::Flush, &shown)?;
    writeln!(terminal)?;
    read?;
    Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}
