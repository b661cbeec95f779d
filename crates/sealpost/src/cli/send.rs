//! The words of `sealpost send`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use flow::application::Correspondent;
use mail::{Address, Need};

use super::Organisation;

/// `sealpost send`.
#[derive(Debug, Args)]
#[command(
    override_usage = "sealpost send --from ADDRESS --to ADDRESS... [--subject TEXT] [--text FILE] [...]\n       \
                            sealpost send MESSAGE [--from ADDRESS] [--to ADDRESS...]"
)]
pub struct Send {
    /// A whole message to be sent as it is; - is stdin. It goes to --to, --cc and --bcc, or else to its own fields
    #[arg(value_name = "MESSAGE", conflicts_with = "parts")]
    pub message: Option<PathBuf>,
    /// The author; with a name as "Name <address>"
    #[arg(long, value_name = "ADDRESS", required_unless_present = "message")]
    pub from: Option<Mailbox>,
    /// Recipients
    #[arg(long, num_args = 1.., value_name = "ADDRESS")]
    pub to: Vec<Mailbox>,
    /// Recipients of a copy
    #[arg(long, num_args = 1.., value_name = "ADDRESS")]
    pub cc: Vec<Mailbox>,
    /// Recipients whom nobody else sees
    #[arg(long, num_args = 1.., value_name = "ADDRESS")]
    pub bcc: Vec<Mailbox>,
    #[command(flatten)]
    pub parts: Parts,
    /// A repeat with the same key within 24 hours finds the message of the first
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    pub idempotency_key: Option<String>,
    /// Say what policy would decide, and by which method; write nothing
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub organisation: Organisation,
}

/// What a message is made from.
#[derive(Debug, Args)]
#[group(id = "parts", multiple = true)]
pub struct Parts {
    /// Where answers go
    #[arg(long, num_args = 1.., value_name = "ADDRESS")]
    pub reply_to: Vec<Mailbox>,
    /// The subject
    #[arg(long, value_name = "TEXT", value_parser = line)]
    pub subject: Option<String>,
    /// The body as plain text, from this file; - is stdin
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,
    /// The body as HTML, from this file; - is stdin
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Files that go along
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub attach: Vec<PathBuf>,
    /// More fields: "X-Refill: 8841"
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub headers: Vec<(String, String)>,
    /// The stream, for reports
    #[arg(long, value_parser = line)]
    pub stream: Option<String>,
    /// The campaign, for reports
    #[arg(long, value_parser = line)]
    pub campaign: Option<String>,
    /// Tags, for reports
    #[arg(long = "tag", value_name = "TAG", value_parser = line)]
    pub tags: Vec<String>,
    /// The least protection: verified, end_to_end, portal …; policy may ask for more
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub protect: Option<String>,
    /// The language of the portal's notice: en, es
    #[arg(long, value_parser = language)]
    pub language: Option<String>,
    /// A passphrase that the recipient knows, for the portal: the first line of this file; - is stdin
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// What reminds the recipient of the passphrase
    #[arg(long, requires = "passphrase_file", value_parser = line)]
    pub passphrase_hint: Option<String>,
}

/// `p@example.com`, or `Name <p@example.com>`.
#[derive(Clone, Debug)]
pub struct Mailbox(pub Correspondent);

impl FromStr for Mailbox {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = line(text)?;
        let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => (Some(name.trim().trim_matches('"').to_owned()), address.to_owned()),
            None => (None, text),
        };
        let address = Address::parse(address.trim()).map_err(|why| why.to_string())?;
        Ok(Self(Correspondent { name: name.filter(|name| !name.is_empty()), address }))
    }
}

/// A control character would begin a field of its own.
fn line(text: &str) -> Result<String, String> {
    match text.chars().any(char::is_control) {
        true => Err("a control character can't stand here".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a field is NAME: VALUE")?;
    Ok((line(name.trim())?, line(value.trim())?))
}

fn level(text: &str) -> Result<String, String> {
    let known = Need::from_word(text).is_some();
    known.then(|| text.to_owned()).ok_or_else(|| "no level of protection has that name".to_owned())
}

fn language(text: &str) -> Result<String, String> {
    text.parse::<flow::portal::Language>().map(|language| language.to_string()).map_err(|why| why.to_string())
}

fn idempotency_key(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let fits = (1..=255).contains(&text.len()) && is_plain && text.trim() == text;
    fits.then(|| text.to_owned()).ok_or_else(|| "1 to 255 visible ASCII characters".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(Option<&str>, &str)>) {
        let found = text.parse::<Mailbox>().ok().map(|one| (one.0.name, one.0.address.to_string()));
        assert_eq!(found, expect.map(|(name, address)| (name.map(str::to_owned), address.to_owned())), "{text}");
    }

    #[test]
    fn a_mailbox_may_have_a_name() {
        check("p@example.com", Some((None, "p@example.com")));
        check("Front Desk <p@example.com>", Some((Some("Front Desk"), "p@example.com")));
        check("\"Desk, Front\" <p@example.com>", Some((Some("Desk, Front"), "p@example.com")));
        check("<p@example.com>", Some((None, "p@example.com")));
        check("p", None);
        check("a\nb <p@example.com>", None);
    }

    #[test]
    fn a_field_has_a_name_and_a_value() {
        assert_eq!(header("X-A: b: c"), Ok(("X-A".to_owned(), "b: c".to_owned())));
        assert!(header("X-A").is_err() && header("X-A: b\r\nBcc: c").is_err());
    }
}
