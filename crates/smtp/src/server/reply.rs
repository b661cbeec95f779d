//! Every reply that the server side gives of its own accord, and how a reply
//! is written (RFC 5321 §4.2, RFC 2034, RFC 3463).
//!
//! The texts speak to whoever reads a client's log: what was wrong and what
//! would be right. They never repeat what the client sent.

use std::io::Write;

use mail::{EnhancedCode, Reply};

use super::Limits;
use super::content::Violation;
use crate::command::{CommandError, PathError};

/// A reply that is always the same.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    code: u16,
    enhanced: EnhancedCode,
    text: &'static str,
}

/// RFC 3463 §2: the class of the enhanced code is the first digit of the reply.
const fn fixed(code: u16, enhanced: (u8, u16, u16), text: &'static str) -> Fixed {
    assert!(enhanced.0 as u16 == code / 100);
    Fixed { code, enhanced: EnhancedCode(enhanced.0, enhanced.1, enhanced.2), text }
}

impl From<Fixed> for Reply {
    fn from(fixed: Fixed) -> Reply {
        Reply::new(fixed.code, fixed.enhanced, fixed.text)
    }
}

pub(super) const BYE: Fixed = fixed(221, (2, 0, 0), "bye");
pub(super) const RESET: Fixed = fixed(250, (2, 0, 0), "forgotten");
pub(super) const NOTHING_DONE: Fixed = fixed(250, (2, 0, 0), "nothing done");
pub(super) const SENDER_TAKEN: Fixed = fixed(250, (2, 1, 0), "sender taken");
pub(super) const RECIPIENT_TAKEN: Fixed = fixed(250, (2, 1, 5), "recipient taken");
pub(super) const CHUNK_TAKEN: Fixed = fixed(250, (2, 0, 0), "chunk taken");
pub(super) const LOGGED_IN: Fixed = fixed(235, (2, 7, 0), "logged in");
pub(super) const START_TLS: Fixed = fixed(220, (2, 0, 0), "begin TLS");
pub(super) const CANNOT_VERIFY: Fixed = fixed(252, (2, 1, 5), "addresses are not verified; send and see");
pub(super) const HELP: Fixed = fixed(214, (2, 0, 0), "RFC 5321 and RFC 6409 say what can be said here");
pub(super) const SEND_CONTENT: &str = "354 send the message, end with CRLF.CRLF\r\n";

/// For the driver: a client took too long.
pub const TIMEOUT: Fixed = fixed(421, (4, 4, 2), "too slow, closing");
/// For the driver: the server stops.
pub const STOPPING: Fixed = fixed(421, (4, 3, 2), "going down, try again soon");
/// For the driver: the server has all the clients it can serve.
pub const TOO_MANY_CLIENTS: Fixed = fixed(421, (4, 3, 2), "too many connections, try again later");
/// For the driver: this address has all the connections it may have.
pub const TOO_MANY_FROM_ADDRESS: Fixed = fixed(421, (4, 7, 0), "too many connections from your address");
/// For the driver: this address is not among the named networks.
pub const NOT_NAMED: Fixed = fixed(554, (5, 7, 1), "your address is not in a network that may send here without login");
/// For the driver: the login or the password is wrong, or the login is locked.
pub const LOGIN_WRONG: Fixed = fixed(535, (5, 7, 8), "login or password wrong");
/// For the driver: logins can't be checked just now.
pub const LOGIN_LATER: Fixed = fixed(454, (4, 7, 0), "logins can't be checked just now, try again later");
/// For the driver: too many failed logins from this address.
pub const LOGIN_TOO_OFTEN: Fixed = fixed(454, (4, 7, 0), "too many failed logins, try again later");
/// For the driver: this client may not use the sender address.
pub const SENDER_NOT_YOURS: Fixed = fixed(553, (5, 7, 1), "you may not send as this address");
/// For the driver: this client may send over TLS only.
pub const TLS_FIRST: Fixed = fixed(530, (5, 7, 0), "send STARTTLS first");
/// For the driver: neither the sender nor the recipient is of an organisation
/// that is served here.
pub const RELAY_DENIED: Fixed = fixed(550, (5, 7, 1), "this server does not relay for you");
/// For the driver: the recipients are of two organisations, which share no
/// transaction.
pub const NEXT_TRANSACTION: Fixed = fixed(452, (4, 5, 3), "please send to this recipient in a transaction of its own");
/// For the driver: this client has sent what it may in a minute.
pub const TOO_MANY_IN_MINUTE: Fixed = fixed(450, (4, 7, 0), "too many messages in this minute, try again in the next");
/// For the driver: the message could not be taken by a fault of ours.
pub const FAULT: Fixed = fixed(451, (4, 3, 0), "fault on our side, try again later");

pub(super) const EHLO_FIRST: Fixed = fixed(503, (5, 5, 1), "send EHLO first");
pub(super) const TLS_BEFORE_LOGIN: Fixed =
    fixed(538, (5, 7, 11), "send STARTTLS first: logins are taken over TLS only");
pub(super) const LOGIN_FIRST: Fixed = fixed(530, (5, 7, 0), "log in first");
pub(super) const NO_TLS_HERE: Fixed = fixed(502, (5, 5, 1), "STARTTLS is not offered here");
pub(super) const TLS_ALREADY: Fixed = fixed(503, (5, 5, 1), "TLS is on already");
pub(super) const BYTES_AFTER_STARTTLS: Fixed = fixed(503, (5, 5, 1), "nothing may follow STARTTLS before TLS, closing");
pub(super) const NO_LOGIN_HERE: Fixed = fixed(502, (5, 5, 1), "login is not offered here");
pub(super) const LOGGED_IN_ALREADY: Fixed = fixed(503, (5, 5, 1), "you are logged in already");
pub(super) const UNKNOWN_MECHANISM: Fixed = fixed(504, (5, 5, 4), "mechanisms are PLAIN and LOGIN");
pub(super) const LOGIN_CANCELLED: Fixed = fixed(501, (5, 7, 0), "login cancelled");
pub(super) const LOGIN_SYNTAX: Fixed = fixed(501, (5, 5, 2), "not a response of this mechanism in base64");
pub(super) const SENDER_TWICE: Fixed = fixed(503, (5, 5, 1), "there is a sender already; RSET forgets it");
pub(super) const SENDER_FIRST: Fixed = fixed(503, (5, 5, 1), "send MAIL FROM first");
pub(super) const RECIPIENT_FIRST: Fixed = fixed(554, (5, 5, 1), "no recipient was taken");
pub(super) const CHUNKS_BEGUN: Fixed =
    fixed(503, (5, 5, 1), "the message came by BDAT so far; end it with BDAT LAST or RSET");
pub(super) const CONTENT_TOO_EARLY: Fixed = fixed(503, (5, 5, 1), "wait for the reply to DATA, closing");
pub(super) const NO_EXPN: Fixed = fixed(502, (5, 5, 1), "there are no lists here");
pub(super) const BARE_LINE_END: Fixed =
    fixed(500, (5, 5, 2), "lines end with CRLF; a CR or LF alone is refused, closing");
pub(super) const LINE_TOO_LONG: Fixed = fixed(500, (5, 5, 2), "command line too long");
pub(super) const ENDLESS_LINE: Fixed = fixed(500, (5, 5, 2), "command line without end, closing");
pub(super) const TOO_MANY_BAD: Fixed = fixed(421, (4, 7, 0), "too many refused commands, closing");
pub(super) const TOO_MANY_IDLE: Fixed = fixed(421, (4, 7, 0), "too many commands without a message, closing");
pub(super) const TOO_MANY_MESSAGES: Fixed = fixed(421, (4, 7, 0), "enough messages for one session, connect again");
pub(super) const RECIPIENTS_MAX: Fixed = fixed(452, (4, 5, 3), "no more recipients for this message");
pub(super) const MESSAGE_TOO_LARGE: Fixed = fixed(552, (5, 3, 4), "message too large");

const BYTES: Fixed = fixed(500, (5, 5, 2), "a command is printable text");
const UNKNOWN: Fixed = fixed(500, (5, 5, 1), "unknown command");
const HTTP: Fixed = fixed(500, (5, 5, 1), "this is no web server, closing");
const ARGUMENT: Fixed = fixed(501, (5, 5, 4), "this command takes no argument");
const HOST_NAME: Fixed = fixed(501, (5, 5, 4), "EHLO and HELO want the name of your host or its [address]");
const MAIL_FORM: Fixed = fixed(501, (5, 5, 4), "write MAIL FROM:<address> or MAIL FROM:<>, no space after the colon");
const RCPT_FORM: Fixed = fixed(501, (5, 5, 4), "write RCPT TO:<address>, no space after the colon");
const SENDER_BAD: Fixed = fixed(501, (5, 1, 7), "the sender is not local-part@domain");
const SENDER_ROUTE: Fixed = fixed(501, (5, 1, 7), "source routes are not taken");
const SENDER_LITERAL: Fixed = fixed(501, (5, 1, 7), "address literals are not taken");
const SENDER_LONG: Fixed = fixed(501, (5, 1, 7), "a sender has at most 254 bytes");
const RECIPIENT_BAD: Fixed = fixed(501, (5, 1, 3), "the recipient is not local-part@domain");
const RECIPIENT_ROUTE: Fixed = fixed(501, (5, 1, 3), "source routes are not taken");
const RECIPIENT_LITERAL: Fixed = fixed(501, (5, 1, 3), "address literals are not taken");
const RECIPIENT_LONG: Fixed = fixed(501, (5, 1, 3), "a recipient has at most 254 bytes");
const BDAT_FORM: Fixed =
    fixed(501, (5, 5, 4), "write BDAT bytes or BDAT bytes LAST; what follows can't be told apart, closing");
const AUTH_FORM: Fixed = fixed(501, (5, 5, 4), "write AUTH mechanism or AUTH mechanism response");
pub(super) const UNKNOWN_PARAMETER: Fixed = fixed(555, (5, 5, 4), "a parameter that was not offered");
const BAD_PARAMETER: Fixed = fixed(501, (5, 5, 4), "a parameter is given twice or has a bad value");
/// An address beyond ASCII without SMTPUTF8 (RFC 6531 §3.5).
pub const NEEDS_SMTPUTF8: Fixed = fixed(553, (5, 6, 7), "an address beyond ASCII needs SMTPUTF8 at MAIL FROM");

/// The reply to a line that is no command that can be taken.
pub(super) fn to_command_error(error: &CommandError) -> Fixed {
    match error {
        CommandError::Bytes => BYTES,
        CommandError::Unknown => UNKNOWN,
        CommandError::Http => HTTP,
        CommandError::Argument => ARGUMENT,
        CommandError::HostName => HOST_NAME,
        CommandError::MailForm => MAIL_FORM,
        CommandError::RcptForm => RCPT_FORM,
        CommandError::Sender(PathError::Address(_)) => SENDER_BAD,
        CommandError::Sender(PathError::Route) => SENDER_ROUTE,
        CommandError::Sender(PathError::Literal) => SENDER_LITERAL,
        CommandError::Sender(PathError::TooLong) => SENDER_LONG,
        CommandError::Recipient(PathError::Address(_)) => RECIPIENT_BAD,
        CommandError::Recipient(PathError::Route) => RECIPIENT_ROUTE,
        CommandError::Recipient(PathError::Literal) => RECIPIENT_LITERAL,
        CommandError::Recipient(PathError::TooLong) => RECIPIENT_LONG,
        CommandError::NeedsSmtputf8 => NEEDS_SMTPUTF8,
        CommandError::UnknownParameter => UNKNOWN_PARAMETER,
        CommandError::Parameter(_) => BAD_PARAMETER,
        CommandError::BdatForm => BDAT_FORM,
        CommandError::AuthForm => AUTH_FORM,
    }
}

/// The reply to content that is refused.
pub(super) fn to_violation(violation: Violation) -> Fixed {
    match violation {
        Violation::BareCr => fixed(554, (5, 6, 0), "the message has a CR without LF; lines end with CRLF"),
        Violation::BareLf => fixed(554, (5, 6, 0), "the message has an LF without CR; lines end with CRLF"),
        Violation::Nul => fixed(554, (5, 6, 0), "the message has a zero byte; encode it as base64"),
        Violation::LongLine => fixed(500, (5, 6, 0), "the message has a line that is too long (RFC 5321: 998 bytes)"),
        Violation::TooLarge => MESSAGE_TOO_LARGE,
        Violation::HeaderTooLarge => fixed(552, (5, 3, 4), "the header of the message is too large"),
        Violation::HeaderNotAscii => fixed(554, (5, 6, 9), "a header beyond ASCII needs SMTPUTF8 or encoded words"),
        Violation::HeaderNotUtf8 => fixed(554, (5, 6, 9), "the header of the message is not UTF-8"),
    }
}

/// Writes the greeting.
pub(super) fn write_greeting(hostname: &str, out: &mut Vec<u8>) {
    push(out, format_args!("220 {hostname} ESMTP Sealpost\r\n"));
}

/// What EHLO offers beside the extensions that are always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// STARTTLS, and no AUTH before it (RFC 4954 §4).
    StartTls,
    /// AUTH.
    Login,
    /// Neither.
    Nothing,
}

/// Writes the reply to EHLO. REQUIRETLS is offered over TLS and only there
/// (RFC 8689 §2).
pub(super) fn write_ehlo(hostname: &str, limits: &Limits, offer: Offer, is_tls: bool, out: &mut Vec<u8>) {
    let size = limits.message_bytes_max;
    push(out, format_args!("250-{hostname}\r\n250-PIPELINING\r\n250-SIZE {size}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"));
    push(out, format_args!("250-CHUNKING\r\n250-DSN\r\n"));
    match offer {
        Offer::StartTls => push(out, format_args!("250-STARTTLS\r\n")),
        Offer::Login => push(out, format_args!("250-AUTH PLAIN LOGIN\r\n")),
        Offer::Nothing => {}
    }
    if is_tls {
        push(out, format_args!("250-REQUIRETLS\r\n"));
    }
    push(out, format_args!("250 ENHANCEDSTATUSCODES\r\n"));
}

/// Writes the reply to HELO.
pub(super) fn write_helo(hostname: &str, out: &mut Vec<u8>) {
    push(out, format_args!("250 {hostname}\r\n"));
}

/// Writes a challenge of AUTH (RFC 4954 §4).
pub(super) fn write_challenge(challenge: &str, out: &mut Vec<u8>) {
    push(out, format_args!("334 {challenge}\r\n"));
}

/// Writes a fixed reply.
pub(super) fn write_fixed(fixed: Fixed, out: &mut Vec<u8>) {
    push(out, format_args!("{} {} {}\r\n", fixed.code, fixed.enhanced, fixed.text));
}

/// Writes a reply of the journey: a line for each line of its text, each with
/// the enhanced code, and no byte that a client could take for a line of ours.
pub fn write(reply: &Reply, out: &mut Vec<u8>) {
    let mut lines = reply.text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let parting = if lines.peek().is_some() { '-' } else { ' ' };
        push(out, format_args!("{}{parting}", reply.code));
        if let Some(enhanced) = reply.enhanced {
            push(out, format_args!("{enhanced} "));
        }
        // RFC 5321 §4.5.3.1.5: 512 bytes a line with all that belongs to it.
        out.extend(line.bytes().filter(|byte| matches!(byte, b' '..=b'~')).take(480));
        out.extend_from_slice(b"\r\n");
    }
}

/// Writing to memory can't fail.
fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reply: Reply, expect: &str) {
        let mut out = Vec::new();
        write(&reply, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }

    #[test]
    fn a_reply_is_written_line_by_line() {
        check(Reply::new(250, EnhancedCode(2, 0, 0), "queued"), "250 2.0.0 queued\r\n");
        check(Reply { code: 451, enhanced: None, text: "a\nb".into() }, "451-a\r\n451 b\r\n");
        check(Reply::new(550, EnhancedCode(5, 7, 1), "a\nb"), "550-5.7.1 a\r\n550 5.7.1 b\r\n");
        check(Reply::new(550, EnhancedCode(5, 7, 1), "a\r250 ok\0é"), "550 5.7.1 a250 ok\r\n");
    }
}
