//! What `sealpost key import` reads: the files of a folder, the rows of a CSV
//! file, or one file with keys.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use mail::Address;

/// A file to read keys from, and the address that they are for.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    /// The file.
    pub file: PathBuf,
    /// The address; those that the keys name, where there is none.
    pub address: Option<Address>,
}

/// What is to be imported.
pub fn items(path: &Path) -> Result<Vec<Item>> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).with_context(|| format!("can't read {}", path.display()))?;
        let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.retain(|file| file.is_file());
        files.sort();
        return Ok(files.into_iter().map(|file| Item { file, address: None }).collect());
    }
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
        let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
        return rows(&text, path);
    }
    Ok(vec![Item { file: path.to_owned(), address: None }])
}

/// Rows of `address,file`; the file is looked for beside the CSV file. Nothing
/// is imported of a list with a row that can't be read.
fn rows(text: &str, path: &Path) -> Result<Vec<Item>> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut items = Vec::new();
    // Spreadsheets begin a file with a byte order mark.
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = line.trim();
        // Names of columns have no @; an address may begin with any word.
        if line.is_empty() || (number == 1 && !line.contains('@')) {
            continue;
        }
        let wrong = || format!("{}:{number}: not a row of address,file", path.display());
        let (address, file) = line.split_once(',').with_context(wrong)?;
        let address = Address::parse(address.trim().trim_matches('"')).with_context(wrong)?;
        items.push(Item { file: folder.join(file.trim().trim_matches('"')), address: Some(address) });
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[(&str, &str)]) {
        let expect: Vec<Item> = expect
            .iter()
            .map(|(address, file)| Item { file: file.into(), address: Some(Address::parse(address).unwrap()) })
            .collect();
        assert_eq!(rows(text, Path::new("/lists/people.csv")).unwrap(), expect, "{text:?}");
    }

    #[test]
    fn a_list_is_read_as_people_and_spreadsheets_write_it() {
        let pat = [("pat@x.example", "/lists/pat.asc")];
        check("pat@x.example,pat.asc", &pat);
        check("\u{feff}address,file\r\n\"pat@x.example\", \"pat.asc\"\r\n\r\n", &pat);
        check("Address,File\npat@x.example,/keys/pat.pem\n", &[("pat@x.example", "/keys/pat.pem")]);
        check("address.book@x.example,book.asc\n", &[("address.book@x.example", "/lists/book.asc")]);
        check("", &[]);
    }

    #[test]
    fn a_row_that_can_t_be_read_stops_all() {
        for text in ["pat@x.example,pat.asc\nann@x.example\n", "pat@x.example,a\nann,b\n", "x@,a"] {
            let error = rows(text, Path::new("people.csv")).unwrap_err();
            assert!(format!("{error:#}").contains("not a row of address,file"), "{error:#}");
        }
    }
}
