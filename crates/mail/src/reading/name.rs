//! Names from outside.

/// A name from outside for people to read: no controls, and no marks that turn
/// the direction of writing, by which `exe.pdf` passes for something else.
pub fn clean_name(text: &str) -> String {
    let is_turning =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let words: String =
        text.chars().filter(|c| !is_turning(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_t_turn_their_direction() {
        assert_eq!(clean_name("invoice\u{202e}fdp.exe"), "invoicefdp.exe");
        assert_eq!(clean_name(" a\r\n\tb\0 "), "a b");
    }
}
