//! The command lines of a client, with only the parameters that the server
//! offered to understand.

use std::fmt::Write;

use mail::{Domain, Recipient};

use super::extensions::Extensions;
use super::transaction::Transaction;

pub(super) fn ehlo(name: &Domain) -> String {
    line(format!("EHLO {name}"))
}

pub(super) fn helo(name: &Domain) -> String {
    line(format!("HELO {name}"))
}

pub(super) fn mail(transaction: &Transaction, offered: Extensions) -> String {
    let mut text = format!("MAIL FROM:<{}>", transaction.sender);
    let content = &transaction.content;
    if offered.size {
        let _ = write!(text, " SIZE={}", content.size());
    }
    if offered.eightbit && content.has_eightbit_body() {
        text.push_str(" BODY=8BITMIME");
    }
    if offered.smtputf8 && (transaction.needs_smtputf8() || content.has_utf8_header()) {
        text.push_str(" SMTPUTF8");
    }
    if transaction.requiretls && offered.requiretls {
        text.push_str(" REQUIRETLS");
    }
    if offered.dsn {
        // Whatever the sender asked for, a DSN about a protected message may
        // not carry the message back (RFC 3461 §4.3).
        text.push_str(" RET=HDRS");
        if let Some(envid) = &transaction.envid {
            let _ = write!(text, " ENVID={}", xtext(envid));
        }
    }
    line(text)
}

pub(super) fn rcpt(recipient: &Recipient, offered: Extensions) -> String {
    let mut text = format!("RCPT TO:<{}>", recipient.address);
    if offered.dsn {
        let _ = write!(text, " NOTIFY={}", notify(recipient));
        if let Some((kind, address)) = recipient.orcpt.as_deref().and_then(|orcpt| orcpt.split_once(';')) {
            let _ = write!(text, " ORCPT={};{}", kind, xtext(address));
        }
    }
    line(text)
}

/// A command line with its end. What is in it was checked where it came in;
/// this holds in every build, since one line more is one command more.
pub(super) fn line(mut text: String) -> String {
    assert!(!text.contains(['\r', '\n', '\0']), "a command is one line");
    text.push_str("\r\n");
    text
}

fn notify(recipient: &Recipient) -> String {
    let notify = recipient.notify;
    let words = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
    let chosen: Vec<&str> = words.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
    if chosen.is_empty() { "NEVER".to_owned() } else { chosen.join(",") }
}

/// xtext of RFC 3461 §4: what is not printable ASCII, and `+` and `=`, in hex.
fn xtext(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if matches!(byte, b'!'..=b'~') && !matches!(byte, b'+' | b'=') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "+{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Content;
    use mail::{Address, ReversePath, envelope::Notify};

    fn transaction(content: &str) -> Transaction {
        Transaction {
            sender: ReversePath(Some(Address::parse("a@s.example").unwrap())),
            envid: Some("x+y z\r\n".to_owned()),
            requiretls: false,
            recipients: vec![Recipient::new(Address::parse("b@r.example").unwrap())],
            content: Content::new(content.as_bytes().to_vec()).unwrap(),
        }
    }

    #[test]
    fn parameters_are_written_only_where_offered() {
        assert_eq!(mail(&transaction("é"), Extensions::default()), "MAIL FROM:<a@s.example>\r\n");
        let all = Extensions { size: true, eightbit: true, smtputf8: true, dsn: true, ..Extensions::default() };
        assert_eq!(
            mail(&transaction("A: 1\r\n\r\né"), all),
            "MAIL FROM:<a@s.example> SIZE=12 BODY=8BITMIME RET=HDRS ENVID=x+2By+20z+0D+0A\r\n"
        );
        assert_eq!(
            mail(&transaction("A: é\r\n\r\n"), Extensions { dsn: false, ..all }),
            "MAIL FROM:<a@s.example> SIZE=9 SMTPUTF8\r\n"
        );
    }

    #[test]
    fn tls_on_the_whole_way_is_asked_where_it_is_offered_and_nowhere_else() {
        let asking = Transaction { requiretls: true, ..transaction("a") };
        let offered = Extensions { requiretls: true, ..Extensions::default() };
        assert_eq!(mail(&asking, offered), "MAIL FROM:<a@s.example> REQUIRETLS\r\n");
        assert_eq!(mail(&transaction("a"), offered), "MAIL FROM:<a@s.example>\r\n");
        assert_eq!(asking.fits(offered), Ok(()));
        assert_eq!(asking.fits(Extensions::default()), Err(crate::client::Unfit::NeedsRequireTls));
    }

    #[test]
    fn recipients_keep_what_their_sender_asked() {
        let mut recipient = Recipient::new(Address::parse("b@r.example").unwrap());
        recipient.orcpt = Some("rfc822;b+1@r.example".to_owned());
        assert_eq!(rcpt(&recipient, Extensions::default()), "RCPT TO:<b@r.example>\r\n");
        let dsn = Extensions { dsn: true, ..Extensions::default() };
        let expect = "RCPT TO:<b@r.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;b+2B1@r.example\r\n";
        assert_eq!(rcpt(&recipient, dsn), expect);
        recipient.notify = Notify::NEVER;
        recipient.orcpt = None;
        assert_eq!(rcpt(&recipient, dsn), "RCPT TO:<b@r.example> NOTIFY=NEVER\r\n");
    }

    #[test]
    #[should_panic(expected = "a command is one line")]
    fn a_second_line_is_never_written() {
        line("RCPT TO:<a@b>\r\nDATA".to_owned());
    }
}
