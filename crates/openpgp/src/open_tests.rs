//! Messages that are not what they should be: forged, nested, swollen, passed on.

use jiff::Timestamp;
use mail::Entropy;
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use zeroize::Zeroizing;

use crate::container::{self, Format, SessionKey};
use crate::framing::{Packets, tag, write_head};
use crate::judge::{Purpose, View};
use crate::{
    Certificate, Flaw, Integrity, KeyKind, Limits, OpenError, Opened, Options, Protection, SecretIdentity, decrypt,
    encrypt, read_signed, session,
};

struct Counter(std::sync::atomic::AtomicU8);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.0.fetch_add(89, std::sync::atomic::Ordering::Relaxed));
    }
}

static ENTROPY: Counter = Counter(std::sync::atomic::AtomicU8::new(1));
const BINARY: Options = Options { is_armored: false };
const V1: Format = Format::V1 { cipher: SymmetricKeyAlgorithm::AES256 };
const GCM: Format = Format::V2 { cipher: SymmetricKeyAlgorithm::AES256, aead: AeadAlgorithm::Gcm };
const OCB: Format = Format::V2 { cipher: SymmetricKeyAlgorithm::AES128, aead: AeadAlgorithm::Ocb };

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn identity(name: &str, kind: KeyKind) -> SecretIdentity {
    // Another seed for each, so that no two keys are the same.
    let entropy = Counter(std::sync::atomic::AtomicU8::new(name.len() as u8));
    SecretIdentity::generate(&format!("{name} <{name}@clinic.example>"), kind, None, now(), &entropy).unwrap()
}

fn open(message: &[u8], key: &SecretIdentity) -> Result<Opened, OpenError> {
    decrypt(message, std::slice::from_ref(key), &[], now(), &Limits::default())
}

fn literal(content: &[u8]) -> Vec<u8> {
    packet(tag::LITERAL, &[b"b\0\0\0\0\0", content].concat())
}

fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_head(tag, u32::try_from(body.len()).unwrap(), &mut bytes);
    bytes.extend(body);
    bytes
}

/// A message to `to` with these packets inside.
fn sealed(to: &Certificate, format: Format, inner: &[u8]) -> Vec<u8> {
    let key = vec![7; format.cipher().key_size()];
    let protection = if matches!(format, Format::V1 { .. }) { Protection::Mdc } else { Protection::Aead };
    let component = View::now(to, now()).component(Purpose::Encryption).unwrap().component;
    let mut message = session::seal(component, protection, format.cipher(), &key, &ENTROPY).unwrap();
    let mut body = Vec::new();
    container::seal(format, &key, &[3; 32], &[inner], &mut body).unwrap();
    message.extend(packet(tag::SEIPD, &body));
    message
}

/// The packets inside of a message to `key`.
fn inner(message: &[u8], key: &SecretIdentity) -> Zeroizing<Vec<u8>> {
    let packets: Vec<_> = Packets::new(message).map(Result::unwrap).collect();
    let [first, second] = packets.as_slice() else { panic!("two packets") };
    let head = pgp::packet::PacketHeader::new_fixed(
        pgp::types::Tag::PublicKeyEncryptedSessionKey,
        u32::try_from(first.body.len()).unwrap(),
    );
    let packet = pgp::packet::PublicKeyEncryptedSessionKey::try_from_reader(head, first.body.as_ref()).unwrap();
    let sealing = container::sealing(second.tag, &second.body).unwrap();
    let (component, holder) = key.holders().next().unwrap();
    let session: SessionKey = session::open(component, holder, &packet, sealing).unwrap();
    container::open(sealing, &session, &second.body).unwrap().0
}

#[test]
fn every_format_opens() {
    let key = identity("ada", KeyKind::V4);
    for (format, integrity) in [(V1, Integrity::Mdc), (GCM, Integrity::Aead("GCM")), (OCB, Integrity::Aead("OCB"))] {
        for length in [0, 1, 4096, (256 << 10) - 14, (256 << 10) - 13, 700_000] {
            let content = vec![5; length];
            let opened = open(&sealed(key.certificate(), format, &literal(&content)), &key).unwrap();
            assert!(*opened.plain == content, "{format:?} {length}");
            assert_eq!(opened.integrity, integrity);
        }
    }
}

#[test]
fn no_changed_byte_opens() {
    let key = identity("ada", KeyKind::V4);
    for format in [V1, GCM, OCB] {
        let message = sealed(key.certificate(), format, &literal(b"Nothing of this may be another."));
        for at in 0..message.len() {
            for change in [0x01, 0x80, 0xFF] {
                let mut changed = message.clone();
                changed[at] ^= change;
                if let Ok(opened) = open(&changed, &key) {
                    // The name of the recipient is no part of what is protected.
                    assert_eq!(opened.plain.as_slice(), b"Nothing of this may be another.", "{format:?} {at}");
                }
            }
        }
        for end in 0..message.len() {
            assert!(open(&message[..end], &key).is_err(), "{format:?} cut at {end}");
        }
    }
}

#[test]
fn chunks_can_not_be_left_out_or_moved() {
    let key = identity("ada", KeyKind::V4);
    let chunk = (256 << 10) + 16;
    for format in [GCM, OCB] {
        let message = sealed(key.certificate(), format, &literal(&vec![5; 600 << 10]));
        let packets: Vec<_> = Packets::new(&message).map(Result::unwrap).collect();
        let session = packet(tag::PKESK, &packets[0].body);
        let body = packets[1].body.to_vec();
        let (head, chunks) = body.split_at(36);
        let again = |parts: &[&[u8]]| open(&[session.clone(), packet(tag::SEIPD, &parts.concat())].concat(), &key);
        assert!(again(&[head, chunks]).is_ok());
        let (first, rest) = chunks.split_at(chunk);
        let (second, last) = rest.split_at(chunk);
        assert_eq!(again(&[head, second, first, last]).err(), Some(OpenError::Undecryptable));
        assert_eq!(again(&[head, first, last]).err(), Some(OpenError::Undecryptable));
        assert_eq!(again(&[head, first, second, &last[last.len() - 16..]]).err(), Some(OpenError::Undecryptable));
        assert_eq!(again(&[head, first, second]).err(), Some(OpenError::Undecryptable));
    }
}

#[test]
fn protection_can_not_be_taken_off() {
    let key = identity("ada", KeyKind::V4);
    let message = sealed(key.certificate(), V1, &literal(b"Protected."));
    let packets: Vec<_> = Packets::new(&message).map(Result::unwrap).collect();
    let session = packet(tag::PKESK, &packets[0].body);
    // The same bytes in the old packet without protection.
    let stripped = [session.clone(), packet(tag::SED, &packets[1].body[1..])].concat();
    assert_eq!(open(&stripped, &key).err(), Some(OpenError::Unprotected));
    // Without the code at the end.
    let length = packets[1].body.len();
    let short = [session.clone(), packet(tag::SEIPD, &packets[1].body[..length - 22])].concat();
    assert_eq!(open(&short, &key).err(), Some(OpenError::Undecryptable));
    // A session key of version 3 before a content of version 2.
    let other = sealed(key.certificate(), GCM, &literal(b"Protected."));
    let others: Vec<_> = Packets::new(&other).map(Result::unwrap).collect();
    let mixed = [session, packet(tag::SEIPD, &others[1].body)].concat();
    assert_eq!(open(&mixed, &key).err(), Some(OpenError::NoKey));
}

#[test]
fn a_message_has_one_meaning() {
    let key = identity("ada", KeyKind::V4);
    let check = |inner: &[u8], expect: Result<&[u8], OpenError>| {
        let found = open(&sealed(key.certificate(), GCM, inner), &key).map(|opened| opened.plain.to_vec());
        assert_eq!(found, expect.map(<[u8]>::to_vec));
    };
    let nested = sealed(key.certificate(), GCM, &literal(b"Deeper."));
    check(&literal(b"One."), Ok(b"One."));
    check(&[literal(b"One."), literal(b"Two.")].concat(), Err(OpenError::Malformed));
    check(&nested, Err(OpenError::Malformed));
    check(&[literal(b"One."), nested].concat(), Err(OpenError::Malformed));
    check(&[packet(tag::MARKER, b"PGP"), literal(b"One."), packet(tag::PADDING, &[0; 9])].concat(), Ok(b"One."));
    check(&packet(tag::USER_ID, b"Ada"), Err(OpenError::Malformed));
    check(b"", Err(OpenError::Malformed));
    check(&packet(tag::LITERAL, b"b"), Err(OpenError::Malformed));
    check(&packet(tag::LITERAL, b"b\xFF\0\0\0\0"), Err(OpenError::Malformed));
    // In parts, as software writes what it reads from a pipe.
    let parts = [&[0xCB, 0xE9][..], b"b\0\0\0\0\0", &[1; 506], &[2], b"!?"].concat();
    check(&parts, Ok(&[&[1; 506][..], b"!?"].concat()));
    // Behind what is protected, and before it.
    let message = sealed(key.certificate(), GCM, &literal(b"One."));
    let open = |message: &[u8]| open(message, &key).map(|opened| opened.plain.to_vec());
    assert_eq!(open(&[message.clone(), literal(b"Two.")].concat()), Err(OpenError::Malformed));
    assert_eq!(open(&[message.clone(), message.clone()].concat()), Err(OpenError::Malformed));
    assert_eq!(open(&[message.clone(), b"\xC0".to_vec()].concat()), Err(OpenError::Malformed));
    assert_eq!(open(&[literal(b"Zero."), message.clone()].concat()), Err(OpenError::NotEncrypted));
    assert_eq!(open(&[packet(tag::USER_ID, b"Ada"), message.clone()].concat()), Err(OpenError::Malformed));
    assert_eq!(open(&[message, packet(tag::PADDING, &[0; 9])].concat()), Ok(b"One.".to_vec()));
}

fn compressed(inner: &[u8]) -> Vec<u8> {
    use pgp::composed::MessageBuilder;
    use pgp::types::CompressionAlgorithm;
    let mut builder = MessageBuilder::from_bytes("", inner.to_vec());
    builder.compression(CompressionAlgorithm::ZLIB);
    // A compressed literal, of which only the packing is wanted.
    builder.to_vec(crate::rng::Rng(&ENTROPY)).unwrap()
}

#[test]
fn swollen_and_nested_contents_are_bounded() {
    let limits = Limits { content_bytes_max: 1 << 20, ..Limits::default() };
    let small = compressed(b"Small.");
    assert_eq!(read_signed(&small, &[], now(), &limits).unwrap().0, b"Small.");
    let bomb = compressed(&vec![0; 40 << 20]);
    assert!(bomb.len() < 100_000);
    assert_eq!(read_signed(&bomb, &[], now(), &limits).err(), Some(OpenError::TooLarge));
    let key = identity("ada", KeyKind::V4);
    let message = sealed(key.certificate(), GCM, &bomb);
    let opened = decrypt(&message, std::slice::from_ref(&key), &[], now(), &limits);
    assert_eq!(opened.err(), Some(OpenError::TooLarge));
    let large = literal(&vec![0; (1 << 20) + 1]);
    assert_eq!(read_signed(&large, &[], now(), &limits).err(), Some(OpenError::TooLarge));
    let longer = vec![0x20; 3 << 20];
    assert_eq!(read_signed(&longer, &[], now(), &limits).err(), Some(OpenError::TooLarge));
}

#[test]
fn layers_are_counted() {
    use std::io::Write as _;
    // Stored blocks of deflate (RFC 1951 §3.2.4), so that each layer is as long as what it holds.
    let wrapped = |inner: &[u8]| {
        let length = u16::try_from(inner.len()).unwrap();
        let mut body = vec![1, 1];
        body.write_all(&length.to_le_bytes()).unwrap();
        body.write_all(&(!length).to_le_bytes()).unwrap();
        body.write_all(inner).unwrap();
        packet(tag::COMPRESSED, &body)
    };
    let mut message = literal(b"Deep.");
    for depth in 1..8 {
        message = wrapped(&message);
        let found = read_signed(&message, &[], now(), &Limits::default()).map(|(plain, _)| plain);
        let expect = if depth <= 4 { Ok(b"Deep.".to_vec()) } else { Err(OpenError::TooLarge) };
        assert_eq!(found, expect, "{depth}");
    }
}

#[test]
fn session_keys_are_bounded() {
    let key = identity("ada", KeyKind::V4);
    let message = sealed(key.certificate(), V1, &literal(b"One."));
    let packets: Vec<_> = Packets::new(&message).map(Result::unwrap).collect();
    let session = packet(tag::PKESK, &packets[0].body);
    let many = |count: usize| [session.repeat(count), packet(tag::SEIPD, &packets[1].body)].concat();
    assert!(open(&many(200), &key).is_ok());
    assert_eq!(open(&many(300), &key).err(), Some(OpenError::TooLarge));
}

#[test]
fn a_message_that_is_passed_on_does_not_count_as_written_to_another() {
    let (ada, mallory, victim) =
        (identity("ada", KeyKind::V4), identity("mallory", KeyKind::V4), identity("victim12", KeyKind::V4));
    let known = [ada.certificate().clone()];
    let signer = ada.signing(now()).unwrap();
    let to = [mallory.certificate().clone()];
    let message = encrypt(b"I resign.", &to, Some(&signer), &BINARY, now(), &ENTROPY).unwrap().bytes;
    let judged = |message: &[u8], key: &SecretIdentity| {
        let opened = decrypt(message, std::slice::from_ref(key), &known, now(), &Limits::default()).unwrap();
        assert_eq!(opened.plain.as_slice(), b"I resign.");
        opened.signatures.iter().map(|verdict| verdict.flaw).collect::<Vec<_>>()
    };
    assert_eq!(judged(&message, &mallory), [None]);
    let passed_on = sealed(victim.certificate(), GCM, &inner(&message, &mallory));
    assert_eq!(judged(&passed_on, &victim), [Some(Flaw::OtherRecipients)]);
}

#[test]
fn all_recipients_are_served_with_what_all_can_read() {
    let (four, six) = (identity("ada", KeyKind::V4), identity("grace", KeyKind::V6));
    let to = [four.certificate().clone(), six.certificate().clone()];
    let sealed = encrypt(b"Both.", &to, None, &BINARY, now(), &ENTROPY).unwrap();
    assert_eq!((sealed.cipher, sealed.integrity), ("AES-256", Integrity::Aead("GCM")));
    for key in [&four, &six] {
        assert_eq!(open(&sealed.bytes, key).unwrap().plain.as_slice(), b"Both.");
    }
}

#[test]
fn errors_and_values_show_nothing_of_the_content() {
    let key = identity("ada", KeyKind::V4);
    let opened = open(&sealed(key.certificate(), GCM, &literal(b"Diagnosis")), &key).unwrap();
    let shown = format!("{opened:?} {key:?} {:?}", key.signing(now()));
    assert!(!shown.contains("Diagnosis") && !shown.contains("68, 105"), "{shown}");
}
