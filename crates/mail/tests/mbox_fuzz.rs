//! Whatever bytes a stream has, and however it is cut into buffers: the same
//! messages, within the bound, and never a panic.

use bolero::{TypeGenerator, check};
use mail::mbox::{Cutter, LOOKAHEAD, Piece, Unquoter};

const HEADER_MAX: usize = 64;

/// A stream of words that mean something to an mbox, and how it is cut.
#[derive(Debug, TypeGenerator)]
struct Stream {
    words: Vec<(u8, Vec<u8>)>,
    cuts: Vec<u8>,
}

const WORDS: [&str; 14] = [
    "From a@b.example Tue Jan 13 10:00:00 2026\n",
    "\n\nFrom a@b.example Tue Jan 13 10:00:00 2026\r\n",
    "\r\n\r\nFrom ",
    "From: x\n",
    ">From ",
    "\n>>From ",
    "\n",
    "\r\n",
    "\r",
    "A: 1\r\n",
    "\u{feff}",
    "\0",
    " ",
    "2026\n",
];

/// What was found: header blocks, bodies, and whether it is an mbox.
#[derive(Debug, Default, PartialEq)]
struct Found {
    is_mbox: bool,
    messages: Vec<(Option<Vec<u8>>, Vec<u8>, bool)>,
}

fn cut(bytes: &[u8], sizes: impl Iterator<Item = usize>) -> Found {
    let (mut cutter, mut found) = (Cutter::new(HEADER_MAX), Found::default());
    let (mut buffer, mut at) = (Vec::new(), 0);
    let mut take = |buffer: &mut Vec<u8>, is_last: bool| {
        let taken = cutter.cut(buffer, is_last, &mut |piece| note(&mut found, piece));
        buffer.drain(..taken);
        assert!(buffer.len() <= LOOKAHEAD, "{} bytes are not done with", buffer.len());
    };
    for size in sizes {
        let end = (at + size).min(bytes.len());
        buffer.extend_from_slice(&bytes[at..end]);
        at = end;
        take(&mut buffer, false);
        if at == bytes.len() {
            break;
        }
    }
    buffer.extend_from_slice(&bytes[at..]);
    take(&mut buffer, true);
    assert!(buffer.is_empty());
    found
}

fn note(found: &mut Found, piece: Piece<'_>) {
    match piece {
        Piece::Mbox => found.is_mbox = true,
        Piece::Header(header) => {
            assert!(header.len() <= HEADER_MAX);
            found.messages.push((Some(header.to_vec()), Vec::new(), false));
        }
        Piece::Oversized => found.messages.push((None, Vec::new(), false)),
        Piece::Body(bytes) => found.messages.last_mut().expect("a header before a body").1.extend_from_slice(bytes),
        Piece::End => found.messages.last_mut().expect("a header before an end").2 = true,
    }
}

fn judge(bytes: &[u8], cuts: &[u8]) {
    let whole = cut(bytes, std::iter::empty());
    let sizes = cuts.iter().map(|cut| usize::from(*cut)).chain(std::iter::repeat(1));
    assert_eq!(cut(bytes, sizes), whole);
    assert!(whole.messages.iter().all(|message| message.2), "every message ends");
    let mut unquoted = Vec::new();
    let mut unquoter = Unquoter::default();
    bytes.chunks(3).for_each(|piece| unquoter.push(piece, &mut |bytes| unquoted.extend_from_slice(bytes)));
    unquoter.finish(&mut |bytes| unquoted.extend_from_slice(bytes));
    assert!(unquoted.len() <= bytes.len());
}

#[test]
fn any_bytes() {
    check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(bytes, cuts)| judge(bytes, cuts));
}

#[test]
fn any_words() {
    check!().with_type::<Stream>().for_each(|stream| {
        let mut bytes = Vec::new();
        for (word, filler) in &stream.words {
            bytes.extend_from_slice(WORDS[usize::from(*word) % WORDS.len()].as_bytes());
            bytes.extend(filler.iter().take(5));
        }
        judge(&bytes, &stream.cuts);
    });
}
