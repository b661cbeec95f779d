//! The commands of a client as their grammar has them (RFC 5321 §4.1, with
//! the extensions that the server side offers).
//!
//! Strict on purpose: one space where the grammar has one, no address
//! literals, no source routes, nothing twice. What two servers could read in
//! two ways is refused here, before either does.

mod parameter;
mod path;
mod xtext;

use mail::envelope::Notify;
use mail::{Address, AddressError};

pub use parameter::{BodyKind, Ret};

/// A command, read.
#[derive(Debug, PartialEq, Eq)]
pub enum Command<'l> {
    /// EHLO with its domain or address literal.
    Ehlo(&'l str),
    /// HELO with its domain.
    Helo(&'l str),
    /// STARTTLS (RFC 3207).
    StartTls,
    /// AUTH (RFC 4954).
    Auth(Auth<'l>),
    /// MAIL FROM.
    Mail(Mail),
    /// RCPT TO.
    Rcpt(Rcpt),
    /// DATA.
    Data,
    /// BDAT (RFC 3030).
    Bdat(Bdat),
    /// RSET.
    Rset,
    /// NOOP; an argument is ignored.
    Noop,
    /// VRFY.
    Vrfy,
    /// EXPN.
    Expn,
    /// HELP.
    Help,
    /// QUIT.
    Quit,
}

/// AUTH and what came on its line.
#[derive(Debug, PartialEq, Eq)]
pub struct Auth<'l> {
    /// The mechanism, as written.
    pub mechanism: &'l str,
    /// The initial response, still in base64; `=` is an empty one.
    pub initial: Option<&'l str>,
}

/// MAIL FROM with its parameters.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The reverse path; none is `<>`.
    pub from: Option<Address>,
    /// SIZE (RFC 1870).
    pub size: Option<u64>,
    /// BODY (RFC 6152).
    pub body: BodyKind,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// REQUIRETLS (RFC 8689 §2).
    pub requiretls: bool,
    /// RET (RFC 3461 §4.3).
    pub ret: Option<Ret>,
    /// ENVID, decoded (RFC 3461 §4.4).
    pub envid: Option<String>,
}

/// RCPT TO with its parameters.
#[derive(Debug, PartialEq, Eq)]
pub struct Rcpt {
    /// The forward path.
    pub to: Address,
    /// NOTIFY (RFC 3461 §4.1).
    pub notify: Notify,
    /// ORCPT as `type;address`, decoded (RFC 3461 §4.2).
    pub orcpt: Option<String>,
    /// Whether any of it needs SMTPUTF8.
    pub international: bool,
}

/// BDAT: how many bytes follow its line, and whether they are the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bdat {
    /// Bytes that follow.
    pub bytes: u64,
    /// Whether the message ends with them.
    pub last: bool,
}

/// Why a line is no command that can be taken. All of it is the client's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Bytes that no command has: controls, or what is no UTF-8.
    #[error("bytes that no command has")]
    Bytes,
    /// No command of that name.
    #[error("unknown command")]
    Unknown,
    /// The first word of an HTTP request: a browser was tricked into speaking
    /// to this port.
    #[error("a request of HTTP")]
    Http,
    /// The command takes no argument and got one.
    #[error("an argument too many")]
    Argument,
    /// EHLO or HELO without a name, or with one that is none.
    #[error("not the name of a host")]
    HostName,
    /// Not `MAIL FROM:<path>`.
    #[error("not MAIL FROM:<path>")]
    MailForm,
    /// Not `RCPT TO:<path>`.
    #[error("not RCPT TO:<path>")]
    RcptForm,
    /// The reverse path is no mailbox.
    #[error("the sender is no mailbox")]
    Sender(#[source] PathError),
    /// The forward path is no mailbox.
    #[error("the recipient is no mailbox")]
    Recipient(#[source] PathError),
    /// An address or parameter beyond ASCII without SMTPUTF8.
    #[error("beyond ASCII without SMTPUTF8")]
    NeedsSmtputf8,
    /// A parameter that no extension offered here has.
    #[error("unknown parameter")]
    UnknownParameter,
    /// A parameter stands twice, or its value breaks its grammar.
    #[error("bad parameter {0}")]
    Parameter(&'static str),
    /// Not `BDAT bytes [LAST]`: how much follows can't be known.
    #[error("not BDAT bytes [LAST]")]
    BdatForm,
    /// Not `AUTH mechanism [initial-response]`.
    #[error("not AUTH mechanism [initial-response]")]
    AuthForm,
}

/// Why a path names no mailbox that mail is taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A source route: `<@relay:mailbox>`. RFC 5321 §4.1.1.3 lets servers refuse it.
    #[error("source routes are not taken")]
    Route,
    /// An address literal: `<p@[192.0.2.1]>`. It has no domain whose TLS could
    /// be known or whose policy could be asked.
    #[error("address literals are not taken")]
    Literal,
    /// Longer than 256 bytes with its brackets (RFC 5321 §4.5.3.1.3).
    #[error("a path has at most 256 bytes")]
    TooLong,
    /// Not `local-part@domain`.
    #[error(transparent)]
    Address(#[from] AddressError),
}

/// Reads a command line without its CRLF. Spaces at its end are ignored, as
/// RFC 5321 §4.1.1 asks.
pub fn parse(line: &[u8]) -> Result<Command<'_>, CommandError> {
    let line = std::str::from_utf8(line).map_err(|_| CommandError::Bytes)?;
    if line.chars().any(char::is_control) {
        return Err(CommandError::Bytes);
    }
    let line = line.trim_end_matches(' ');
    let (verb, argument) = match line.split_once(' ') {
        Some((verb, argument)) => (verb, Some(argument)),
        None => (line, None),
    };
    let verb = Verb::named(verb).ok_or(CommandError::Unknown)?;
    let without_argument = |command| argument.is_none().then_some(command).ok_or(CommandError::Argument);
    match verb {
        Verb::Ehlo => host_name(argument).map(Command::Ehlo),
        Verb::Helo => host_name(argument).map(Command::Helo),
        Verb::Mail => mail(argument.unwrap_or_default()).map(Command::Mail),
        Verb::Rcpt => rcpt(argument.unwrap_or_default()).map(Command::Rcpt),
        Verb::Bdat => bdat(argument.unwrap_or_default()).map(Command::Bdat),
        Verb::Auth => auth(argument.unwrap_or_default()).map(Command::Auth),
        Verb::StartTls => without_argument(Command::StartTls),
        Verb::Data => without_argument(Command::Data),
        Verb::Rset => without_argument(Command::Rset),
        Verb::Quit => without_argument(Command::Quit),
        Verb::Noop => Ok(Command::Noop),
        Verb::Vrfy => Ok(Command::Vrfy),
        Verb::Expn => Ok(Command::Expn),
        Verb::Help => Ok(Command::Help),
        Verb::Http => Err(CommandError::Http),
    }
}

#[derive(Clone, Copy)]
enum Verb {
    Ehlo,
    Helo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Quit,
    Auth,
    StartTls,
    Vrfy,
    Expn,
    Help,
    Http,
}

impl Verb {
    /// The verb of that name. Case does not count.
    fn named(word: &str) -> Option<Verb> {
        const NAMES: [(&str, Verb); 19] = [
            ("MAIL", Verb::Mail),
            ("RCPT", Verb::Rcpt),
            ("DATA", Verb::Data),
            ("BDAT", Verb::Bdat),
            ("EHLO", Verb::Ehlo),
            ("HELO", Verb::Helo),
            ("AUTH", Verb::Auth),
            ("STARTTLS", Verb::StartTls),
            ("RSET", Verb::Rset),
            ("NOOP", Verb::Noop),
            ("QUIT", Verb::Quit),
            ("VRFY", Verb::Vrfy),
            ("EXPN", Verb::Expn),
            ("HELP", Verb::Help),
            ("GET", Verb::Http),
            ("POST", Verb::Http),
            ("PUT", Verb::Http),
            ("OPTIONS", Verb::Http),
            ("CONNECT", Verb::Http),
        ];
        NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, verb)| *verb)
    }
}

/// What a client calls itself. It goes into Received, so only what a name or
/// an address literal is made of; RFC 5321 §4.1.4 forbids to judge it further.
fn host_name(argument: Option<&str>) -> Result<&str, CommandError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    argument
        .filter(|name| !name.is_empty() && name.len() <= 255 && name.bytes().all(is_name))
        .ok_or(CommandError::HostName)
}

fn mail(argument: &str) -> Result<Mail, CommandError> {
    let rest = strip_keyword(argument, "FROM:").ok_or(CommandError::MailForm)?;
    let (path, parameters) = path::split(rest).ok_or(CommandError::MailForm)?;
    let mut mail = Mail::default();
    parameter::read(parameters, |keyword, value| mail.parameter(keyword, value))?;
    if !mail.smtputf8 && !argument.is_ascii() {
        return Err(CommandError::NeedsSmtputf8);
    }
    mail.from = match path {
        "" => None,
        path => Some(path::mailbox(path).map_err(CommandError::Sender)?),
    };
    Ok(mail)
}

fn rcpt(argument: &str) -> Result<Rcpt, CommandError> {
    let rest = strip_keyword(argument, "TO:").ok_or(CommandError::RcptForm)?;
    let (path, parameters) = path::split(rest).ok_or(CommandError::RcptForm)?;
    let to = path::mailbox(path).map_err(CommandError::Recipient)?;
    let mut rcpt = Rcpt { to, notify: Notify::default(), orcpt: None, international: !argument.is_ascii() };
    parameter::read(parameters, |keyword, value| rcpt.parameter(keyword, value))?;
    Ok(rcpt)
}

/// `BDAT 1*DIGIT [SP "LAST"]` (RFC 3030 §2).
fn bdat(argument: &str) -> Result<Bdat, CommandError> {
    let (digits, last) = match argument.split_once(' ') {
        Some((digits, last)) if last.eq_ignore_ascii_case("LAST") => (digits, true),
        Some(_) => return Err(CommandError::BdatForm),
        None => (argument, false),
    };
    Ok(Bdat { bytes: number(digits).ok_or(CommandError::BdatForm)?, last })
}

fn auth(argument: &str) -> Result<Auth<'_>, CommandError> {
    let (mechanism, initial) = match argument.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial)),
        None => (argument, None),
    };
    if mechanism.is_empty() || initial.is_some_and(|initial| initial.is_empty() || initial.contains(' ')) {
        return Err(CommandError::AuthForm);
    }
    Ok(Auth { mechanism, initial })
}

/// What follows `keyword`, whose case does not count.
fn strip_keyword<'l>(text: &'l str, keyword: &str) -> Option<&'l str> {
    let (head, rest) = text.split_at_checked(keyword.len())?;
    head.eq_ignore_ascii_case(keyword).then_some(rest)
}

/// A number of 1 to 20 digits and nothing else: no sign, no space.
fn number(digits: &str) -> Option<u64> {
    let is_number = (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
#[path = "command/tests.rs"]
mod tests;
