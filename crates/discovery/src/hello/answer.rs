//! Reads what a server answers to a ClientHello, up to its first message.

use super::Version;

/// What a server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerAnswer {
    /// It takes the offer, with this much of it.
    Takes {
        /// The version by its number, which may be older than the one offered.
        version: u16,
        /// The suite by its number.
        suite: u16,
        /// The group, where TLS 1.3 names one.
        group: Option<u16>,
    },
    /// It refuses.
    Alert {
        /// The reason (RFC 8446 §6): 40 handshake_failure, 70 protocol_version, …
        description: u8,
    },
}

/// Why the bytes are no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTls {
    /// The first bytes are no record of TLS.
    #[error("the answer is no TLS")]
    Record,
    /// The first message is longer than any ServerHello.
    #[error("the first message is too long")]
    TooLong,
    /// The first message is no ServerHello, or a broken one.
    #[error("the first message is no ServerHello")]
    Message,
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
/// A record's content (RFC 5246 §6.2.1).
const RECORD_MAX: usize = 1 << 14;
/// Far above any ServerHello with whatever extensions.
const MESSAGE_MAX: usize = 1 << 14;

/// Takes the bytes of a server and gives its first message.
#[derive(Debug, Default)]
pub struct AnswerReader {
    /// Not yet cut into records.
    unread: Vec<u8>,
    /// What handshake records held so far.
    message: Vec<u8>,
}

impl AnswerReader {
    /// Takes bytes; gives the answer once it is whole. After an answer or an
    /// error the reader is over.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Option<ServerAnswer>, NotTls> {
        self.unread.extend_from_slice(bytes);
        while let Some((kind, content)) = self.record()? {
            match kind {
                ALERT => return alert(&content),
                _ => self.message.extend(content),
            }
            if let Some(answer) = self.hello()? {
                return Ok(Some(answer));
            }
        }
        Ok(None)
    }

    fn record(&mut self) -> Result<Option<(u8, Vec<u8>)>, NotTls> {
        let mut input = Input(&self.unread);
        // What can't become a record is refused at its first bytes, not when more come.
        let Some(kind) = input.u8() else { return Ok(None) };
        if !matches!(kind, ALERT | HANDSHAKE) {
            return Err(NotTls::Record);
        }
        let Some(version) = input.u16() else { return Ok(None) };
        let Some(length) = input.u16().map(usize::from) else { return Ok(None) };
        if version >> 8 != Version::Ssl3.number() >> 8 || length == 0 || length > RECORD_MAX {
            return Err(NotTls::Record);
        }
        let Some(content) = input.take(length).map(<[u8]>::to_vec) else { return Ok(None) };
        let rest = input.0.to_vec();
        self.unread = rest;
        Ok(Some((kind, content)))
    }

    fn hello(&self) -> Result<Option<ServerAnswer>, NotTls> {
        let mut input = Input(&self.message);
        let Some(kind) = input.u8() else { return Ok(None) };
        if kind != SERVER_HELLO {
            return Err(NotTls::Message);
        }
        let Some(length) = input.u24() else { return Ok(None) };
        if length > MESSAGE_MAX {
            return Err(NotTls::TooLong);
        }
        match input.take(length) {
            Some(body) => server_hello(body).map(Some).ok_or(NotTls::Message),
            None => Ok(None),
        }
    }
}

fn alert(content: &[u8]) -> Result<Option<ServerAnswer>, NotTls> {
    match content {
        [_, description] => Ok(Some(ServerAnswer::Alert { description: *description })),
        _ => Err(NotTls::Record),
    }
}

/// RFC 8446 §4.1.3; a HelloRetryRequest has the same form.
fn server_hello(body: &[u8]) -> Option<ServerAnswer> {
    let mut input = Input(body);
    let named = input.u16()?;
    input.take(32)?;
    let session = input.u8()?;
    if session > 32 {
        return None;
    }
    input.take(session.into())?;
    let suite = input.u16()?;
    input.u8()?;
    let (mut version, mut group) = (named, None);
    if !input.0.is_empty() {
        let length = input.u16()?;
        let mut extensions = Input(input.take(length.into())?);
        while !extensions.0.is_empty() {
            let (kind, length) = (extensions.u16()?, extensions.u16()?);
            let mut extension = Input(extensions.take(length.into())?);
            match kind {
                SUPPORTED_VERSIONS => version = extension.u16()?,
                KEY_SHARE => group = Some(extension.u16()?),
                _ => {}
            }
        }
    }
    input.0.is_empty().then_some(ServerAnswer::Takes { version, suite, group })
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u24(&mut self) -> Option<usize> {
        Some(self.take(3)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ServerHello in one record.
    fn hello(version: u16, suite: u16, extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([9; 32]);
        body.push(0);
        body.extend(suite.to_be_bytes());
        body.push(0);
        if !extensions.is_empty() {
            let all: Vec<u8> = extensions
                .iter()
                .flat_map(|(kind, content)| {
                    [&kind.to_be_bytes()[..], &u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
                })
                .collect();
            body.extend(u16::try_from(all.len()).unwrap().to_be_bytes());
            body.extend(all);
        }
        let mut message = vec![2, 0];
        message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend(body);
        record(22, &message)
    }

    fn record(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3][..], &length, content].concat()
    }

    fn read(bytes: &[u8]) -> Result<Option<ServerAnswer>, NotTls> {
        AnswerReader::default().read(bytes)
    }

    #[test]
    fn answers_are_read() {
        let takes = |version, suite, group| Ok(Some(ServerAnswer::Takes { version, suite, group }));
        assert_eq!(read(&hello(0x0300, 0x000a, &[])), takes(0x0300, 0x000a, None));
        assert_eq!(read(&hello(0x0303, 0xc02f, &[(0xff01, &[0])])), takes(0x0303, 0xc02f, None));
        let retry: &[(u16, &[u8])] = &[(43, &[3, 4]), (51, &[0, 0x1d])];
        assert_eq!(read(&hello(0x0303, 0x1302, retry)), takes(0x0304, 0x1302, Some(0x1d)));
        assert_eq!(read(&record(21, &[2, 40])), Ok(Some(ServerAnswer::Alert { description: 40 })));
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_come() {
        let whole = hello(0x0303, 0xc02f, &[(0xff01, &[0])]);
        let mut reader = AnswerReader::default();
        let (last, before) = whole.split_last().unwrap();
        assert!(before.iter().all(|byte| reader.read(&[*byte]) == Ok(None)));
        assert!(matches!(reader.read(&[*last]), Ok(Some(ServerAnswer::Takes { suite: 0xc02f, .. }))));
        // One message in a record for each of its bytes.
        let pieces: Vec<u8> = whole[5..].iter().flat_map(|byte| record(22, &[*byte])).collect();
        assert!(matches!(read(&pieces), Ok(Some(ServerAnswer::Takes { suite: 0xc02f, .. }))));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert_eq!(read(b"220 mx.example ESMTP\r\n"), Err(NotTls::Record));
        assert_eq!(read(b"5"), Err(NotTls::Record));
        assert_eq!(read(&[22, 9, 9, 0, 1, 0]), Err(NotTls::Record));
        assert_eq!(read(&[22, 3, 3, 0, 0]), Err(NotTls::Record));
        assert_eq!(read(&[22, 3, 3, 0xff, 0xff]), Err(NotTls::Record));
        assert_eq!(read(&record(21, &[2])), Err(NotTls::Record));
        assert_eq!(read(&record(22, &[1, 0, 0, 0])), Err(NotTls::Message));
        assert_eq!(read(&record(22, &[2, 0xff, 0, 0])), Err(NotTls::TooLong));
        assert_eq!(read(&record(22, &[2, 0, 0, 3, 3, 3, 3])), Err(NotTls::Message));
        assert_eq!(read(&hello(0x0303, 1, &[(43, &[3])])), Err(NotTls::Message));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[22, 3]), Ok(None));
    }

    /// Whatever a server says: an answer, an error or a wait for more, within
    /// bounds, and the same however the bytes are cut.
    #[test]
    fn any_bytes_are_survived() {
        bolero::check!().with_type::<(u8, Vec<u8>, u8)>().for_each(|(kind, bytes, cut)| {
            // Mostly framed well enough to get further than the first byte.
            let bytes = &match kind % 4 {
                0 => bytes.clone(),
                1 => record(22, bytes),
                2 => record(22, &[&[2, 0, 0, u8::try_from(bytes.len()).unwrap_or(0)], bytes.as_slice()].concat()),
                _ => hello(0x0303, 1, &[(43, bytes), (51, bytes)]),
            };
            let whole = read(bytes);
            let mut reader = AnswerReader::default();
            let cut = usize::from(*cut).min(bytes.len());
            let parts = match reader.read(&bytes[..cut]) {
                Ok(None) => reader.read(&bytes[cut..]),
                over => over,
            };
            // An end that came early is the same end.
            assert_eq!(parts, whole);
            if !matches!(whole, Err(NotTls::Record)) {
                assert!(bytes.first().is_none_or(|kind| matches!(*kind, 21 | 22)));
            }
        });
    }
}
