//! Paths in angle brackets (RFC 5321 §4.1.2).

use mail::Address;

use super::PathError;

/// The longest path with its brackets (RFC 5321 §4.5.3.1.3).
const PATH_BYTES_MAX: usize = 256;

/// Cuts `<path>` or `<path> parameters` into what the brackets hold and the
/// parameters. A bracket within a quoted local part does not close the path.
pub fn split(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('<')?;
    let close = closing_bracket(inside)?;
    let (path, rest) = inside.split_at(close);
    match rest.strip_prefix('>')? {
        "" => Some((path, "")),
        rest => rest.strip_prefix(' ').map(|parameters| (path, parameters)),
    }
}

fn closing_bracket(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quoted => drop(chars.next()),
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// Reads a mailbox with a domain.
pub fn mailbox(path: &str) -> Result<Address, PathError> {
    if path.len() + 2 > PATH_BYTES_MAX {
        return Err(PathError::TooLong);
    }
    if path.starts_with('@') {
        return Err(PathError::Route);
    }
    if path.ends_with(']') {
        return Err(PathError::Literal);
    }
    Ok(Address::parse(path)?)
}
