//! What people see of text that strangers wrote: its width, its colours, and
//! nothing that moves a cursor.

use std::io::IsTerminal;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The width where nothing tells it.
const WIDTH: usize = 100;

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns of a line.
    pub width: usize,
    /// Whether colours may be used.
    pub has_colours: bool,
}

impl Look {
    /// For standard output as it is: colours on a terminal, unless `NO_COLOR`
    /// or the command line forbids them.
    pub fn of_stdout(no_color: bool) -> Self {
        let stdout = std::io::stdout();
        let is_terminal = stdout.is_terminal();
        let size = rustix::termios::tcgetwinsize(&stdout).ok().map(|size| usize::from(size.ws_col));
        let named = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = size.filter(|width| is_terminal && *width > 0).or(named).unwrap_or(WIDTH);
        let is_forbidden = no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { width: width.clamp(60, 240), has_colours: is_terminal && !is_forbidden }
    }

    /// Text in a colour, where there are colours.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        if self.has_colours { format!("\u{1b}[{}m{text}\u{1b}[0m", colour.code()) } else { text.to_owned() }
    }
}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// To be looked at.
    Doubtful,
    /// Of less weight.
    Quiet,
    /// Of more weight.
    Strong,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Colour::Good => "32",
            Colour::Bad => "1;31",
            Colour::Doubtful => "33",
            Colour::Quiet => "2",
            Colour::Strong => "1",
        }
    }
}

/// The columns that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Text cut to so many columns and filled up with blanks. A name is cut at its
/// beginning: its end tells whose it is.
pub fn fitted(text: &str, columns: usize) -> String {
    let mut fitted = cut_at_start(text, columns);
    fitted.push_str(&" ".repeat(columns.saturating_sub(width(&fitted))));
    fitted
}

fn cut_at_start(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        let Some(rest) = left.checked_sub(c.width().unwrap_or_default()) else { break };
        (left, from) = (rest, at);
    }
    format!("…{}", text.get(from..).unwrap_or_default())
}

/// Text in lines of so many columns, broken at blanks where there are any.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word = word;
        loop {
            let line = lines.last_mut().map(|line| (width(line), line));
            let Some((used, line)) = line else { return lines };
            let gap = usize::from(used > 0);
            if used + gap + width(word) <= columns {
                line.push_str(if gap > 0 { " " } else { "" });
                line.push_str(word);
                break;
            }
            if used > 0 {
                lines.push(String::new());
                continue;
            }
            // A word that is longer than a line is broken.
            let cut = end_within(word, columns);
            line.push_str(word.get(..cut).unwrap_or_default());
            word = word.get(cut..).unwrap_or_default();
            lines.push(String::new());
        }
    }
    lines
}

fn end_within(word: &str, columns: usize) -> usize {
    let mut used = 0;
    for (at, c) in word.char_indices() {
        used += c.width().unwrap_or_default();
        if used > columns && at > 0 {
            return at;
        }
    }
    word.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fits_its_columns() {
        assert_eq!(fitted("mx.a.example", 14), "mx.a.example  ");
        assert_eq!(fitted("mail.protection.outlook.com", 12), "…outlook.com");
        assert_eq!(fitted("日本語日本語", 5), "…本語");
        assert_eq!(fitted("日本語日本語", 6), "…本語 ");
        assert_eq!(width(&fitted("日本語日本語", 6)), 6);
    }

    #[test]
    fn long_lines_are_broken() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
