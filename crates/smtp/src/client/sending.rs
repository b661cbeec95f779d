//! A transaction under way: MAIL, RCPT, DATA or BDAT, in as few round trips as
//! the server lets, each reply matched to its command.

use std::collections::VecDeque;

use mail::Reply;

use super::Exchange;
use super::command;
use super::error::ProtocolError;
use super::extensions::Extensions;
use super::reply::ReplyReader;
use super::session::Session;
use super::transaction::{Report, Step, Transaction, Verdict};

/// Commands that may wait for their replies at a time: enough for a round trip,
/// few enough that both sides' buffers hold them (RFC 2920 §3.1).
const WINDOW: usize = 128;
/// How much content is written at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// A transaction under way.
#[derive(Debug)]
pub struct Sending {
    reader: ReplyReader,
    transaction: Transaction,
    offered: Extensions,
    tls: bool,
    asked: VecDeque<Asked>,
    next: Next,
    mail: Option<Reply>,
    rcpts: Vec<Option<Reply>>,
    end: Option<(Step, Reply)>,
    is_over: bool,
    is_content_out: bool,
}

/// A command whose reply is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Rset,
    Mail,
    Rcpt(usize),
    Data,
    End,
}

/// What is to be written next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Rset,
    Mail,
    Rcpt(usize),
    Data,
    /// DATA was asked; the content waits for 354.
    Go,
    /// The content from here on.
    Content(usize),
    /// Only the end of an empty content: no recipient was accepted.
    Nothing,
    /// All is written.
    Wait,
}

/// What came of a transaction.
#[derive(Debug)]
pub struct Sent {
    /// Each recipient's verdict.
    pub report: Report,
    /// The session, unless the server closes it or left the order of things.
    pub session: Option<Session>,
}

impl Sending {
    pub(super) fn new(transaction: Transaction, offered: Extensions, tls: bool, dirty: bool) -> Self {
        let rcpts = vec![None; transaction.recipients.len()];
        let next = if dirty { Next::Rset } else { Next::Mail };
        Self {
            reader: ReplyReader::default(),
            transaction,
            offered,
            tls,
            asked: VecDeque::new(),
            next,
            mail: None,
            rcpts,
            end: None,
            is_over: false,
            is_content_out: false,
        }
    }

    /// Whether the whole content was handed out for writing: from here on the
    /// server may have taken it even if no reply comes.
    pub fn is_content_out(&self) -> bool {
        self.is_content_out
    }

    /// What is known when the connection ends before the transaction does.
    pub fn cut(self) -> Report {
        self.report()
    }

    fn report(&self) -> Report {
        Report { verdicts: self.rcpts.iter().map(|rcpt| self.verdict(rcpt.as_ref())).collect() }
    }

    fn verdict(&self, rcpt: Option<&Reply>) -> Verdict {
        match (&self.mail, rcpt, &self.end) {
            (Some(mail), _, _) if !mail.is_positive() => Verdict::Refused(Step::Mail, mail.clone()),
            (_, Some(rcpt), _) if !rcpt.is_positive() => Verdict::Refused(Step::Rcpt, rcpt.clone()),
            (_, Some(_), Some((Step::End, reply))) if reply.is_positive() => Verdict::Accepted(reply.clone()),
            (_, _, Some((step, reply))) if !reply.is_positive() => Verdict::Refused(*step, reply.clone()),
            (_, Some(_), _) => Verdict::Unanswered(if self.is_content_out() { Step::End } else { Step::Data }),
            (_, None, _) => Verdict::Unanswered(Step::Rcpt),
        }
    }

    fn has_accepted(&self) -> bool {
        self.mail.as_ref().is_some_and(Reply::is_positive) && self.rcpts.iter().flatten().any(|rcpt| rcpt.is_positive())
    }

    fn ask(&mut self, asked: Asked, line: &str, next: Next, out: &mut Vec<u8>) {
        out.extend_from_slice(line.as_bytes());
        self.asked.push_back(asked);
        self.next = next;
    }

    /// Writes one command or one piece; false when nothing may be written now.
    fn write_one(&mut self, out: &mut Vec<u8>) -> bool {
        let may_ask = if self.offered.pipelining { self.asked.len() < WINDOW } else { self.asked.is_empty() };
        match self.next {
            Next::Rset if may_ask => self.ask(Asked::Rset, "RSET\r\n", Next::Mail, out),
            Next::Mail if may_ask => {
                let line = command::mail(&self.transaction, self.offered);
                self.ask(Asked::Mail, &line, Next::Rcpt(0), out);
            }
            Next::Rcpt(index) if may_ask => match self.transaction.recipients.get(index) {
                Some(recipient) => {
                    let line = command::rcpt(recipient, self.offered);
                    self.ask(Asked::Rcpt(index), &line, Next::Rcpt(index + 1), out);
                }
                None => self.next = Next::Data,
            },
            Next::Data if may_ask => return self.write_data(out),
            Next::Content(at) => self.write_content(at, out),
            Next::Nothing => self.ask(Asked::End, ".\r\n", Next::Wait, out),
            Next::Rset | Next::Mail | Next::Rcpt(_) | Next::Data | Next::Go | Next::Wait => return false,
        }
        true
    }

    /// DATA may go along with the recipients (RFC 2920 §3.1). BDAT may not
    /// here: its content would cross for recipients who are refused.
    fn write_data(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.offered.chunking {
            self.ask(Asked::Data, "DATA\r\n", Next::Go, out);
            return true;
        }
        if !self.asked.is_empty() {
            return false;
        }
        let line = command::line(format!("BDAT {} LAST", self.transaction.content.size()));
        out.extend_from_slice(line.as_bytes());
        self.next = Next::Content(0);
        true
    }

    fn write_content(&mut self, at: usize, out: &mut Vec<u8>) {
        let content = &self.transaction.content;
        let chunking = self.offered.chunking;
        let after = match chunking {
            true => content.write_plain(at, PIECE_BYTES, out),
            false => content.write_stuffed(at, PIECE_BYTES, out),
        };
        if after < content.as_bytes().len() {
            self.next = Next::Content(after);
            return;
        }
        self.is_content_out = true;
        self.ask(Asked::End, if chunking { "" } else { ".\r\n" }, Next::Wait, out);
    }

    /// Takes one reply; gives whether the transaction is over.
    fn take(&mut self, reply: Reply) -> Result<bool, ProtocolError> {
        let Some(asked) = self.asked.pop_front() else { return self.take_early(reply) };
        if reply.code == 421 {
            return Ok(self.close(asked, reply));
        }
        match (asked, reply.code) {
            (Asked::Rset, 200..=299) => Ok(false),
            (Asked::Mail, 200..=299 | 400..=599) => {
                let refused = !reply.is_positive();
                self.mail = Some(reply);
                Ok(refused && self.asked.is_empty())
            }
            (Asked::Rcpt(index), 200..=299 | 400..=599) => {
                if let Some(slot) = self.rcpts.get_mut(index) {
                    *slot = Some(reply);
                }
                Ok(self.is_pointless())
            }
            (Asked::Data, 300..=399) => {
                self.next = if self.has_accepted() { Next::Content(0) } else { Next::Nothing };
                Ok(false)
            }
            (Asked::Data, 400..=599) => {
                self.end = Some((Step::Data, reply));
                Ok(true)
            }
            (Asked::End, 200..=299 | 400..=599) => {
                self.end = Some((Step::End, reply));
                Ok(true)
            }
            (_, code) => Err(ProtocolError::WrongCode(code)),
        }
    }

    /// A server may refuse the content before it has it all; it may not take it.
    fn take_early(&mut self, reply: Reply) -> Result<bool, ProtocolError> {
        match self.next {
            Next::Content(_) if !reply.is_positive() && reply.code >= 400 => {
                self.end = Some((Step::Data, reply));
                Ok(true)
            }
            _ => Err(ProtocolError::Unasked),
        }
    }

    /// 421: over for everyone who has no reply yet.
    fn close(&mut self, asked: Asked, reply: Reply) -> bool {
        match asked {
            Asked::Rset | Asked::Mail => self.mail = Some(reply),
            Asked::Rcpt(_) => {
                for slot in self.rcpts.iter_mut().filter(|slot| slot.is_none()) {
                    *slot = Some(reply.clone());
                }
                self.end = Some((Step::Rcpt, reply));
            }
            Asked::Data => self.end = Some((Step::Data, reply)),
            Asked::End => self.end = Some((Step::End, reply)),
        }
        self.is_over = true;
        true
    }

    /// Whether every recipient was refused and no DATA is under way.
    fn is_pointless(&self) -> bool {
        let all_asked = matches!(self.next, Next::Data) || self.next == Next::Rcpt(self.rcpts.len());
        self.asked.is_empty() && all_asked && !self.has_accepted()
    }

    fn finish(&mut self) -> Sent {
        let report = self.report();
        // Content that was begun and not ended leaves no way back to commands.
        let in_content = matches!(self.next, Next::Content(_));
        let in_order = self.reader.is_empty() && self.asked.is_empty() && !in_content && !self.is_over;
        // The end of content by DATA ends the transaction whatever the reply;
        // everything else leaves it open, and RSET costs no round trip later.
        let ended = matches!(&self.end, Some((Step::End, reply)) if reply.is_positive() || !self.offered.chunking);
        let session = in_order.then(|| Session::after(self.offered, self.tls, !ended));
        Sent { report, session }
    }
}

impl Exchange for Sending {
    type Outcome = Sent;

    fn write(&mut self, out: &mut Vec<u8>) {
        while out.len() < PIECE_BYTES && self.write_one(out) {}
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Option<Sent>, ProtocolError> {
        self.reader.feed(bytes);
        while let Some(reply) = self.reader.next()? {
            if self.take(reply)? {
                return Ok(Some(self.finish()));
            }
            // The content must not be answered by what came before it.
            if self.asked.is_empty() && !self.reader.is_empty() && !matches!(self.next, Next::Content(at) if at > 0) {
                return Err(ProtocolError::Unasked);
            }
        }
        Ok(None)
    }

    fn awaits(&self) -> Step {
        match self.asked.front() {
            Some(Asked::Rset) => Step::Rset,
            Some(Asked::Mail) => Step::Mail,
            Some(Asked::Rcpt(_)) => Step::Rcpt,
            Some(Asked::Data) | None => Step::Data,
            Some(Asked::End) => Step::End,
        }
    }

    fn replies_due(&self) -> usize {
        self.asked.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Content;
    use mail::{Address, Recipient, ReversePath};
    use proptest::prelude::*;

    fn sending(recipients: usize, content: Vec<u8>, offered: Extensions, dirty: bool) -> Sending {
        let to = |index| Recipient::new(Address::parse(&format!("r{index}@r.example")).unwrap());
        let transaction = Transaction {
            sender: ReversePath(None),
            envid: None,
            requiretls: false,
            recipients: (0..recipients).map(to).collect(),
            content: Content::new(content).unwrap(),
        };
        Sending::new(transaction, offered, true, dirty)
    }

    fn written(sending: &mut Sending) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let mut out = Vec::new();
            sending.write(&mut out);
            assert!(out.len() < 4 * PIECE_BYTES, "pieces are bounded");
            if out.is_empty() {
                return all;
            }
            all.append(&mut out);
        }
    }

    fn pipelining() -> Extensions {
        Extensions { pipelining: true, ..Extensions::default() }
    }

    #[test]
    fn a_transaction_that_was_left_open_is_reset_without_a_round_trip() {
        let mut first = sending(1, b"a".to_vec(), pipelining(), false);
        written(&mut first);
        let sent = first.read(b"250 ok\r\n550 no\r\n503 no recipients\r\n").unwrap().unwrap();
        let next = sending(1, b"a".to_vec(), pipelining(), false).transaction;
        let mut again = sent.session.unwrap().send(next).unwrap();
        assert!(written(&mut again).starts_with(b"RSET\r\nMAIL FROM:<>\r\n"));
        assert!(again.read(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n").unwrap().is_none());
        written(&mut again);
        let sent = again.read(b"250 ok\r\n").unwrap().unwrap();
        let next = sending(1, b"a".to_vec(), pipelining(), false).transaction;
        assert!(written(&mut sent.session.unwrap().send(next).unwrap()).starts_with(b"MAIL"));
    }

    #[test]
    fn a_server_that_knows_no_rset_is_no_refusal_of_the_mail() {
        let mut sending = sending(1, b"a".to_vec(), Extensions::default(), true);
        assert_eq!(written(&mut sending), b"RSET\r\n");
        assert_eq!(sending.read(b"500 what\r\n").unwrap_err(), ProtocolError::WrongCode(500));
    }

    #[test]
    fn many_recipients_go_in_windows() {
        let mut sending = sending(WINDOW * 2, b"a".to_vec(), pipelining(), false);
        let first = written(&mut sending);
        assert_eq!(first.split(|byte| *byte == b'\n').count() - 1, WINDOW);
        assert!(sending.read(b"250 ok\r\n250 ok\r\n").unwrap().is_none());
        assert_eq!(written(&mut sending).split(|byte| *byte == b'\n').count() - 1, 2);
    }

    #[test]
    fn content_may_be_refused_early_but_not_taken_early() {
        let content = b"0123456789012345678901234567890123456789\r\n".repeat(5000);
        let under_way = || {
            let mut sending = sending(1, content.clone(), pipelining(), false);
            written(&mut sending);
            assert!(sending.read(b"250 ok\r\n250 ok\r\n354 go\r\n").unwrap().is_none());
            sending.write(&mut Vec::new());
            sending
        };
        let sent = under_way().read(b"552 too big\r\n").unwrap().unwrap();
        assert!(matches!(&sent.report.verdicts[..], [Verdict::Refused(Step::Data, reply)] if reply.code == 552));
        assert!(sent.session.is_none());
        assert_eq!(under_way().read(b"250 queued\r\n").unwrap_err(), ProtocolError::Unasked);
    }

    #[test]
    fn large_content_comes_in_pieces_and_whole() {
        let content = b".123456789\r\n".repeat(50_000);
        let mut sending = sending(1, content.clone(), pipelining(), false);
        written(&mut sending);
        assert!(sending.read(b"250 ok\r\n250 ok\r\n354 go\r\n").unwrap().is_none());
        assert!(!sending.is_content_out());
        assert_eq!(written(&mut sending).len(), content.len() + 50_000 + 3);
        assert!(sending.is_content_out());
    }

    proptest! {
        #[test]
        fn whatever_the_server_says_every_recipient_has_a_verdict(
            said in proptest::collection::vec("(220|250|251|354|421|450|452|500|550|554)[ -]x\r\n", 0..12),
            recipients in 1usize..4,
            pipelining: bool, chunking: bool, dirty: bool,
        ) {
            let offered = Extensions { pipelining, chunking, ..Extensions::default() };
            let mut sending = sending(recipients, b"a\r\n".to_vec(), offered, dirty);
            for line in said {
                written(&mut sending);
                match sending.read(line.as_bytes()) {
                    Ok(None) => {}
                    Ok(Some(sent)) => {
                        prop_assert_eq!(sent.report.verdicts.len(), recipients);
                        prop_assert!(sent.report.verdicts.iter().all(|v| !matches!(v, Verdict::Unanswered(_))));
                        return Ok(());
                    }
                    Err(_) => break,
                }
            }
            let report = sending.cut();
            prop_assert_eq!(report.verdicts.len(), recipients);
            let accepted = report.verdicts.iter().any(|v| matches!(v, Verdict::Accepted(_)));
            prop_assert!(!accepted, "a dialogue that did not end accepted nothing");
        }
    }
}
