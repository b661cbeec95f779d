//! A message for people: one table in the order of travel, what it rests on
//! where that is asked for, and one plain sentence at the end.

use trace::evidence::{Evidence, Item, Kind, Weight};
use trace::{Block, Delay, Hop, Peer, Strength, Trace, Verdict, shown};

use super::reading::Place;
use super::terminal::{Colour, Look, fitted, width, wrapped};

/// How tables are made.
pub struct Table {
    /// Colours and width.
    pub look: Look,
    /// Whether evidence is quoted.
    pub explains: bool,
    /// Whether keys or a receipt were handed in to check with.
    pub checks: bool,
    /// Whether each message is headed by its place.
    pub is_headed: bool,
}

/// Columns of the parts that don't stretch.
const NUMBER: usize = 2;
const TIME: usize = 8;
const DELAY: usize = 7;
const TLS: usize = 8;
const CIPHER: usize = 38;
const VERDICT: usize = 13;
/// The first three parts stand one column apart, the others two.
const STEP: &str = " ";
const GAP: &str = "  ";
const FIXED: usize = NUMBER + STEP.len() + TIME + STEP.len() + DELAY + TLS + VERDICT + GAP.len() * 4;
/// Where the quotes under a hop begin.
const INDENT: usize = 5;
const LABEL: usize = 10;

impl Table {
    /// Writes a message's table.
    pub fn write(&self, place: &Place, block: &Block<'_>, trace: &Trace<'_>, evidence: &Evidence, out: &mut Vec<u8>) {
        let mut lines = Lines { look: self.look, out };
        self.heading(place, block, &mut lines);
        if !trace.hops.is_empty() {
            self.hops(trace, evidence, &mut lines);
        }
        self.other(trace, evidence, &mut lines);
        lines.sentence(Colour::Quiet, &format!("The two ends: {}; {}.", trace.sender_end(), trace.reader_end()));
        if let Some(content) = evidence.content {
            lines.sentence(Colour::Quiet, &format!("By its label {}; that was not opened.", content.words()));
        }
        lines.sentence(colour(trace.summary.verdict, trace.summary.weak > 0), &capitalised(&trace.because()));
        lines.line("");
    }

    fn heading(&self, place: &Place, block: &Block<'_>, lines: &mut Lines<'_>) {
        if self.is_headed || place.number.is_some() {
            let number = place.number.map_or_else(String::new, |number| format!(", message {number}"));
            lines.painted(Colour::Strong, &shown(&format!("{}{number}", place.file)));
        }
        let text = |name| block.first(name).map(|field| shown(&field.text()));
        let id = text("Message-ID").unwrap_or_else(|| "without Message-ID".to_owned());
        lines.painted(Colour::Quiet, fitted(&id, self.look.width).trim_end());
    }

    fn hops(&self, trace: &Trace<'_>, evidence: &Evidence, lines: &mut Lines<'_>) {
        let columns = Columns::of(self.look.width);
        lines.painted(Colour::Quiet, &columns.head());
        let mut day = String::new();
        for (step, (index, hop)) in trace.hops.iter().enumerate().rev().enumerate() {
            let time = hop.time.map(|time| time.to_string()).unwrap_or_default();
            let (date, clock) = time.split_once('T').unwrap_or_default();
            if !date.is_empty() && date != day {
                day = date.to_owned();
                lines.painted(Colour::Quiet, &format!("{}{day}", " ".repeat(NUMBER + STEP.len())));
            }
            lines.row(&columns, step + 1, clock.trim_end_matches('Z'), hop);
            if self.explains {
                explain(index, hop, evidence, lines);
            }
            let is_above_the_line = !hop.trusted && index > 0;
            if is_above_the_line && trace.hops.get(index - 1).is_some_and(|next| next.trusted) {
                lines.painted(Colour::Quiet, &rule(self.look.width));
            }
        }
        lines.line("");
    }

    /// Evidence that belongs to no hop, or how much there is.
    fn other(&self, trace: &Trace<'_>, evidence: &Evidence, lines: &mut Lines<'_>) {
        if !self.explains {
            let is_shown = |item: &&Item| self.checks && matches!(item.kind, Kind::Dkim | Kind::Arc | Kind::Receipt);
            evidence.items.iter().filter(is_shown).for_each(|item| lines.item(item));
            return;
        }
        let hops = trace.hops.len();
        evidence.items.iter().filter(|item| item.hop.is_none_or(|hop| hop >= hops)).for_each(|item| lines.item(item));
        if evidence.items.iter().any(|item| item.hop.is_none()) {
            lines.line("");
        }
    }
}

/// How many columns names get, and whether the cipher is shown.
struct Columns {
    from: usize,
    by: usize,
    has_cipher: bool,
}

impl Columns {
    fn of(width: usize) -> Self {
        let has_cipher = width >= FIXED + CIPHER + GAP.len() + 60;
        let left = width.saturating_sub(FIXED + if has_cipher { CIPHER + GAP.len() } else { 0 }).max(16);
        Self { from: left / 2, by: left - left / 2, has_cipher }
    }

    fn head(&self) -> String {
        let start = [fitted("#", NUMBER), fitted("UTC", TIME), format!("{:>DELAY$}", "delay")].join(STEP);
        let mut cells = vec![start, fitted("from", self.from), fitted("by", self.by), fitted("TLS", TLS)];
        if self.has_cipher {
            cells.push(fitted("cipher", CIPHER));
        }
        format!("{}{GAP}verdict", cells.join(GAP))
    }
}

/// What is written so far.
struct Lines<'o> {
    look: Look,
    out: &'o mut Vec<u8>,
}

impl Lines<'_> {
    fn line(&mut self, text: &str) {
        self.out.extend_from_slice(text.trim_end().as_bytes());
        self.out.push(b'\n');
    }

    fn painted(&mut self, colour: Colour, text: &str) {
        let painted = self.look.paint(colour, text.trim_end());
        self.line(&painted);
    }

    /// A sentence, in as many lines as it needs.
    fn sentence(&mut self, colour: Colour, text: &str) {
        for line in wrapped(&shown(text), self.look.width) {
            self.painted(colour, &line);
        }
    }

    fn row(&mut self, columns: &Columns, step: usize, clock: &str, hop: &Hop<'_>) {
        let delay = hop.delay_s.map_or_else(String::new, |seconds| Delay(seconds).to_string());
        let start = [format!("{step:>NUMBER$}"), fitted(clock, TIME), format!("{:>DELAY$}", delay)];
        let mut cells = vec![
            start.join(STEP),
            fitted(&named(hop.from), columns.from),
            fitted(&named(hop.by), columns.by),
            fitted(version(hop), TLS),
        ];
        if columns.has_cipher {
            let cipher = hop.tls.and_then(|tls| tls.cipher_name().or_else(|| tls.cipher.map(str::to_owned)));
            cells.push(fitted(&shown(&cipher.unwrap_or_default()), CIPHER));
        }
        let is_weak = is_weak(hop);
        let verdict = self.look.paint(colour(hop.verdict, is_weak), words(hop.verdict, is_weak));
        self.line(&format!("{}{GAP}{verdict}", cells.join(GAP)));
    }

    /// A label and what stands beside it, under a hop.
    fn quote(&mut self, label: &str, text: &str) {
        let columns = self.look.width.saturating_sub(INDENT + LABEL).max(20);
        for (at, line) in wrapped(&shown(text), columns).iter().enumerate() {
            let label = fitted(if at == 0 { label } else { "" }, LABEL);
            let text = format!("{}{label}{line}", " ".repeat(INDENT));
            self.painted(Colour::Quiet, &text);
        }
    }

    fn item(&mut self, item: &Item) {
        let text = format!("{} ({}): {}", subject(item), item.weight.word(), item.says);
        let colour = match item.weight {
            Weight::Proved => Colour::Good,
            Weight::Refuted => Colour::Bad,
            Weight::Believed | Weight::Claimed => Colour::Quiet,
        };
        self.sentence(colour, &text);
    }
}

/// What a hop's line rests on.
fn explain(index: usize, hop: &Hop<'_>, evidence: &Evidence, lines: &mut Lines<'_>) {
    lines.quote("from", &whole(hop.from));
    let software = hop.software.map_or_else(String::new, |software| format!(", {software}"));
    lines.quote("by", &format!("{}{software}", whole(hop.by)));
    if let Some(with) = hop.with {
        lines.quote("with", with);
    }
    if let Some(tls) = hop.tls {
        let parts = [tls.version, tls.cipher, tls.key_exchange, tls.client_certificate];
        let written: Vec<&str> = parts.into_iter().flatten().collect();
        if !written.is_empty() {
            lines.quote("TLS", &written.join(", "));
        }
    }
    if let Some(Strength::Weak(weakness)) = hop.strength() {
        lines.quote("weak", &weakness.to_string());
    }
    lines.quote("because", &hop.because.to_string());
    lines.quote("told by", if hop.trusted { "a server that you trust" } else { "another server: a claim" });
    for item in evidence.items.iter().filter(|item| item.hop == Some(index)) {
        lines.quote("beside", &format!("{} ({}): {}", subject(item), item.weight.word(), item.says));
    }
    lines.quote("field", &format!("Received: {}", hop.text));
}

/// Who says what kind of thing.
fn subject(item: &Item) -> String {
    match item.kind {
        Kind::AuthenticationResults => format!("Authentication-Results of {}", item.source),
        Kind::Arc if item.source.is_empty() => "ARC sets".to_owned(),
        Kind::Arc => format!("ARC sets, sealed last by {}", item.source),
        Kind::Dkim => format!("DKIM signature of {}", item.source),
        Kind::Receipt => format!("Sealpost's {}", item.source),
        Kind::TlsRequired | Kind::Transport | Kind::Microsoft | Kind::Google => item.source.clone(),
    }
}

fn named(peer: Peer<'_>) -> String {
    peer.label().map_or_else(|| "–".to_owned(), |label| shown(&label))
}

/// All that is known of an end.
fn whole(peer: Peer<'_>) -> String {
    let mut parts: Vec<String> = peer.name.map(str::to_owned).into_iter().collect();
    if let Some(reverse) = peer.reverse.filter(|reverse| peer.name != Some(reverse)) {
        parts.push(format!("by its address {reverse}"));
    }
    if let Some(address) = peer.address {
        parts.push(format!("[{address}]"));
    }
    if parts.is_empty() { "nobody named".to_owned() } else { parts.join(" ") }
}

fn version(hop: &Hop<'_>) -> &'static str {
    match (hop.tls, hop.verdict) {
        (Some(tls), _) => tls.version_name().unwrap_or("some TLS"),
        (None, Verdict::Encrypted) => "some TLS",
        (None, Verdict::NotEncrypted) => "none",
        (None, Verdict::Internal | Verdict::Unknown) => "–",
    }
}

fn is_weak(hop: &Hop<'_>) -> bool {
    matches!(hop.strength(), Some(Strength::Weak(_)))
}

fn words(verdict: Verdict, is_weak: bool) -> &'static str {
    match verdict {
        Verdict::Encrypted if is_weak => "weak TLS",
        Verdict::Encrypted => "encrypted",
        Verdict::NotEncrypted => "not encrypted",
        Verdict::Internal => "internal",
        Verdict::Unknown => "not provable",
    }
}

fn colour(verdict: Verdict, is_weak: bool) -> Colour {
    match verdict {
        Verdict::Encrypted if is_weak => Colour::Doubtful,
        Verdict::Encrypted => Colour::Good,
        Verdict::NotEncrypted => Colour::Bad,
        Verdict::Internal => Colour::Quiet,
        Verdict::Unknown => Colour::Doubtful,
    }
}

/// The line between what others claim and what own servers wrote.
fn rule(columns: usize) -> String {
    let text = " above: other servers' word; below: servers that you trust ";
    let left = columns.saturating_sub(width(text)) / 2;
    let right = columns.saturating_sub(width(text) + left);
    format!("{}{text}{}", "─".repeat(left), "─".repeat(right))
}

fn capitalised(sentence: &str) -> String {
    let mut rest = sentence.chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", rest.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fill_the_width() {
        for width in [70, 80, 100, 120, 160, 240] {
            let columns = Columns::of(width);
            let cipher = if columns.has_cipher { CIPHER + GAP.len() } else { 0 };
            assert_eq!(FIXED + columns.from + columns.by + cipher, width);
            assert!(super::width(&columns.head()) <= width);
        }
    }
}
