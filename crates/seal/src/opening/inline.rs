//! OpenPGP in the text of a mail (RFC 9580 §6 and §7): an armored message, or a
//! signed text. It is read, never written, and always covers only a part: what
//! stands around it is in the same text.

/// A block in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// An armored message.
    Message(Vec<u8>),
    /// A text in clear with its signature: the text as it is read, as it was
    /// signed, and the armored signature.
    Signed {
        /// Without the escapes.
        text: Vec<u8>,
        /// In canonical form (RFC 9580 §7.2).
        canonical: Vec<u8>,
        /// Armored.
        signature: Vec<u8>,
    },
}

const MESSAGE: &str = "-----BEGIN PGP MESSAGE-----";
const MESSAGE_END: &str = "-----END PGP MESSAGE-----";
const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &str = "-----END PGP SIGNATURE-----";

/// The one block in a text; none where there is none, or several.
pub(super) fn find(text: &[u8]) -> Option<Block> {
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let at = |mark: &str| -> Vec<usize> {
        lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.trim_ascii_end() == mark.as_bytes())
            .map(|(at, _)| at)
            .collect()
    };
    match (at(MESSAGE).as_slice(), at(SIGNED).as_slice()) {
        ([from], []) => {
            let end = at(MESSAGE_END).into_iter().find(|end| end > from)?;
            Some(Block::Message(lines.get(*from..=end)?.concat()))
        }
        ([], [from]) => {
            let signature = at(SIGNATURE).into_iter().find(|signature| signature > from)?;
            let end = at(SIGNATURE_END).into_iter().find(|end| *end > signature)?;
            signed(lines.get(*from..signature)?, lines.get(signature..=end)?.concat())
        }
        _ => None,
    }
}

/// After the first line come fields such as `Hash`, then an empty line.
fn signed(lines: &[&[u8]], signature: Vec<u8>) -> Option<Block> {
    let empty = lines.iter().position(|line| line.trim_ascii().is_empty())?;
    let is_field = |line: &&[u8]| line.starts_with(b"Hash: ");
    // Text that stands where fields are would be shown as signed by some readers.
    if !lines.get(1..empty)?.iter().all(is_field) {
        return None;
    }
    let (mut text, mut canonical) = (Vec::new(), Vec::new());
    for line in lines.get(empty + 1..)? {
        let line = line.strip_prefix(b"- ").unwrap_or(line);
        text.extend_from_slice(line);
        let content =
            line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).map_or(0, |at| at + 1);
        canonical.extend_from_slice(line.get(..content)?);
        canonical.extend_from_slice(b"\r\n");
    }
    // The line end before the signature is not signed.
    canonical.truncate(canonical.len().saturating_sub(2));
    let text_end = text.strip_suffix(b"\n").map(|text| text.strip_suffix(b"\r").unwrap_or(text).len());
    text.truncate(text_end.unwrap_or(text.len()));
    Some(Block::Signed { text, canonical, signature })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_between_other_text() {
        let text = b"hi\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n-----END PGP MESSAGE-----\r\nbye\r\n";
        let expect = b"-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n-----END PGP MESSAGE-----\r\n".to_vec();
        assert_eq!(find(text), Some(Block::Message(expect)));
        assert_eq!(find(&[&text[..], &text[..]].concat()), None);
        assert_eq!(find(b"-----BEGIN PGP MESSAGE-----\n"), None);
    }

    #[test]
    fn a_signed_text_is_read_as_it_was_signed() {
        let text = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n- -dash \nend\n-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n";
        let Some(Block::Signed { text, canonical, .. }) = find(text) else { panic!("not found") };
        assert_eq!(text, b"-dash \nend");
        assert_eq!(canonical, b"-dash\r\nend");
    }

    #[test]
    fn text_among_the_fields_is_not_signed() {
        let text = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\nPay me\n\nend\n-----BEGIN PGP SIGNATURE-----\n-----END PGP SIGNATURE-----\n";
        assert_eq!(find(text), None);
    }
}
