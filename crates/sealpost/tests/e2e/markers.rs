//! Words that must never be seen where they do not belong, in every form in
//! which mail, files and wires could hold them.

use base64::Engine as _;

/// Bytes to look through.
pub struct Text {
    as_it_is: String,
    /// Without line ends, soft ones of quoted-printable too: an encoding breaks its lines wherever it likes.
    flat: String,
}

impl Text {
    /// These bytes. All forms are ASCII, so that bytes which are no text don't matter.
    pub fn of(bytes: &[u8]) -> Self {
        let as_it_is = String::from_utf8_lossy(bytes).into_owned();
        let flat = as_it_is.replace("=\r\n", "").replace("=\n", "").replace(['\r', '\n'], "");
        Self { as_it_is, flat }
    }

    /// Whether the marker is there in any form.
    pub fn holds(&self, marker: &str) -> bool {
        forms(marker).iter().any(|form| self.as_it_is.contains(form) || self.flat.contains(form))
    }
}

/// The forms in which a marker could lie there: as it is, in the case of an address, as base64 at each of its three
/// places within a group, as quoted-printable, as hexadecimal, as UTF-16.
fn forms(marker: &str) -> Vec<String> {
    let mut forms = vec![marker.to_owned(), marker.to_ascii_lowercase()];
    for shift in 0..3 {
        let shifted = base64(format!("{}{marker}", "x".repeat(shift)).as_bytes());
        // The first group holds what stands before, the last may hold what stands after.
        let whole = (shift + marker.len()) / 3 * 4;
        forms.push(shifted[if shift == 0 { 0 } else { 4 }..whole].to_owned());
    }
    forms.extend([marker.replace('-', "=2D"), marker.replace(' ', "_"), marker.replace(' ', "+")]);
    forms.push(marker.bytes().map(|byte| format!("{byte:02x}")).collect());
    forms.push(marker.chars().flat_map(|c| [c, '\0']).collect());
    forms
}

pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Base64 in lines as mail has it.
pub fn base64_lines(bytes: &[u8]) -> String {
    let coded = base64(bytes);
    coded.as_bytes().chunks(76).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect()
}

#[test]
fn the_search_finds_a_marker_in_every_form() {
    let marker = "Zubrowka-text marker";
    let spread: Vec<u8> = marker.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let coded = (0..90).map(|shift| base64_lines(format!("{}{marker}. And more.", "#".repeat(shift)).as_bytes()));
    let quoted = [marker.replace('-', "=2D"), marker.replace("text", "te=\r\nxt")];
    let plain = coded.chain(quoted).chain([marker.to_owned()]).map(String::into_bytes);
    for there in plain.chain([spread]) {
        let among = [b"before ".as_slice(), &there, b" after"].concat();
        assert!(Text::of(&among).holds(marker), "{there:?}");
    }
    assert!(!Text::of(b"nothing at all").holds(marker));
}
