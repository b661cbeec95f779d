//! A session key that is wrong in any way costs and tells what another's does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents};
use mail::private_key::KeyUse;
use pgp::types::Mpi;
use testkit::gnupg::GnuPg;
use testkit::side_channel::{self, Welch};

use super::*;
use crate::container::Format;
use crate::framing::{tag, write_head};
use crate::judge::{Purpose, View};
use crate::{Certificate, Limits, OpenError, SecretIdentity, decrypt};

const FORMAT: Format = Format::V1 { cipher: SymmetricKeyAlgorithm::AES256 };
const KEY: [u8; 32] = [7; 32];

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).unwrap();
    }
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

fn rsa_key() -> SecretIdentity {
    let gpg = GnuPg::new();
    gpg.generate("Ada <ada@clinic.example>", "rsa2048", "rsa2048");
    let secret = gpg.must(&["--export-secret-keys", "ada@clinic.example"], b"");
    SecretIdentity::parse(&secret, None).unwrap().remove(0)
}

fn encrypting(certificate: &Certificate) -> (Vec<u8>, Pkcs1PublicEncryptingKey) {
    let view = View::now(certificate, now());
    let component = view.component(Purpose::Encryption).unwrap().component;
    let (n, e) = public::rsa_numbers(component.public_params()).unwrap();
    let key: PublicEncryptingKey = PublicKeyComponents { n: n.as_slice(), e: e.as_slice() }.try_into().unwrap();
    (component.legacy_key_id().as_ref().to_vec(), Pkcs1PublicEncryptingKey::new(key).unwrap())
}

/// A message with this RSA ciphertext in front of a content under [`KEY`].
fn message(id: &[u8], sealed: &[u8]) -> Vec<u8> {
    let mpi = Mpi::from_slice(sealed);
    let mut body = [&[3][..], id, &[1]].concat();
    pgp::ser::Serialize::to_writer(&mpi, &mut body).unwrap();
    let mut message = packet(tag::PKESK, &body);
    let mut content = Vec::new();
    let literal = packet(tag::LITERAL, b"b\0\0\0\0\0Nothing to see.");
    crate::container::seal(FORMAT, &KEY, &[3; 32], &[&literal], &mut content).unwrap();
    message.extend(packet(tag::SEIPD, &content));
    message
}

fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_head(tag, u32::try_from(body.len()).unwrap(), &mut bytes);
    bytes.extend(body);
    bytes
}

/// What stands in a ciphertext.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The right key.
    Right,
    /// Another key, whole in every way.
    Other,
    /// Of a length that no key has.
    Length,
    /// With a checksum that is wrong.
    Checksum,
    /// With a cipher that is not read (3DES).
    Cipher,
    /// Badly padded.
    Padding,
}

const WRONG: [Kind; 5] = [Kind::Other, Kind::Length, Kind::Checksum, Kind::Cipher, Kind::Padding];

fn made(kind: Kind, id: &[u8], public: &Pkcs1PublicEncryptingKey) -> Vec<u8> {
    let (mut noise, mut key) = (vec![0; public.ciphertext_size()], [0; 32]);
    Random.fill(&mut noise);
    Random.fill(&mut key);
    let whole = |cipher: u8, key: &[u8], more: u16| {
        let sum = key.iter().fold(more, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        [&[cipher][..], key, &sum.to_be_bytes()].concat()
    };
    let plain = match kind {
        Kind::Right => whole(9, &KEY, 0),
        Kind::Other => whole(9, &key, 0),
        Kind::Length => whole(9, &key[..21], 0),
        Kind::Checksum => whole(9, &key, 1),
        Kind::Cipher => whole(2, &key[..24], 0),
        Kind::Padding => {
            noise[0] = 0;
            return message(id, &noise);
        }
    };
    let mut sealed = vec![0; public.ciphertext_size()];
    message(id, public.encrypt(&plain, &mut sealed).unwrap())
}

/// Counts what it is asked.
struct Counting {
    holder: Arc<dyn Decrypter>,
    asked: AtomicUsize,
    last: Mutex<Vec<usize>>,
}

impl Decrypter for Counting {
    fn public_key(&self) -> &[u8] {
        self.holder.public_key()
    }

    fn decrypt_rsa(
        &self,
        padding: RsaPadding,
        sealed: &[u8],
        expected: &[usize],
    ) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        *self.last.lock().unwrap() = expected.to_vec();
        self.holder.decrypt_rsa(padding, sealed, expected)
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        self.holder.agree(peer)
    }
}

fn counted(key: &SecretIdentity) -> (SecretIdentity, Arc<Counting>) {
    let (component, holder) = key.holders().last().unwrap();
    let Holder::Seam(holder) = holder else { panic!("RSA is behind the seam") };
    let counting = Arc::new(Counting { holder: holder.clone(), asked: AtomicUsize::new(0), last: Mutex::default() });
    let decrypters: Vec<(_, Arc<dyn Decrypter>)> = vec![(component.name().unwrap(), counting.clone())];
    (SecretIdentity::kept_elsewhere(key.certificate().clone(), Vec::new(), decrypters), counting)
}

#[test]
fn whatever_is_wrong_the_private_key_is_used_once_and_nothing_tells_what() {
    let key = rsa_key();
    let (counted, counting) = counted(&key);
    let (id, public) = encrypting(key.certificate());
    let open = |message: &[u8]| {
        let before = counting.asked.load(Ordering::Relaxed);
        let opened = decrypt(message, std::slice::from_ref(&counted), &[], now(), &Limits::default());
        assert_eq!(counting.asked.load(Ordering::Relaxed), before + 1);
        opened.map(|opened| opened.plain.to_vec())
    };
    assert_eq!(open(&made(Kind::Right, &id, &public)).unwrap(), b"Nothing to see.");
    for kind in WRONG {
        let message = made(kind, &id, &public);
        assert_eq!(open(&message), Err(OpenError::Undecryptable), "{kind:?}");
        assert_eq!(*counting.last.lock().unwrap(), LENGTHS);
        // Always the same other key, with which the content is tried.
        let (component, holder) = key.holders().last().unwrap();
        let first = crate::framing::Packets::new(&message).next().unwrap().unwrap();
        let head = pgp::packet::PacketHeader::new_fixed(
            pgp::types::Tag::PublicKeyEncryptedSessionKey,
            u32::try_from(first.body.len()).unwrap(),
        );
        let packet = PublicKeyEncryptedSessionKey::try_from_reader(head, first.body.as_ref()).unwrap();
        let found = [(); 2].map(|()| super::open(component, holder, &packet, Sealing::V1).unwrap());
        let cipher = found[0].cipher.unwrap();
        assert!(found[0].key == found[1].key && *found[0].key != KEY, "{kind:?}");
        assert!(algorithm::is_read(cipher) && cipher.key_size() == found[0].key.len(), "{kind:?}: {cipher:?}");
    }
}

#[test]
fn a_message_costs_a_bounded_number_of_private_operations() {
    let key = rsa_key();
    let (counted, counting) = counted(&key);
    let (id, public) = encrypting(key.certificate());
    let right = made(Kind::Right, &id, &public);
    let session_keys: Vec<u8> = (0..200)
        .flat_map(|_| crate::framing::Packets::new(&made(Kind::Other, &[0; 8], &public)).next().map(whole))
        .flatten()
        .collect();
    // What names the key is tried first, wherever it stands.
    let opened = |message: &[u8]| decrypt(message, std::slice::from_ref(&counted), &[], now(), &Limits::default());
    assert!(opened(&[&session_keys, right.as_slice()].concat()).is_ok());
    assert_eq!(counting.asked.load(Ordering::Relaxed), 1);
    let anonymous = [session_keys, made(Kind::Right, &[0; 8], &public)].concat();
    assert_eq!(opened(&anonymous).err(), Some(OpenError::Undecryptable));
    assert_eq!(counting.asked.load(Ordering::Relaxed), 1 + 16);
}

fn whole(found: Result<crate::framing::Packet<'_>, impl std::fmt::Debug>) -> Vec<u8> {
    packet(tag::PKESK, &found.unwrap().body)
}

/// Welch's t of opening messages with a whole session key of another's, and with
/// one that is wrong in this way.
#[test]
fn time_does_not_tell_how_a_session_key_is_padded() {
    let key = rsa_key();
    let (id, public) = encrypting(key.certificate());
    let many = |kind| (0..side_channel::VARIANTS).map(|_| made(kind, &id, &public)).collect::<Vec<_>>();
    let whole = many(Kind::Other);
    for kind in [Kind::Padding, Kind::Length, Kind::Checksum] {
        let wrong = many(kind);
        let welch = Welch::least(|is_second, round| {
            let messages = if is_second { &wrong } else { &whole };
            let message = &messages[round % messages.len()];
            let opened = decrypt(message, std::slice::from_ref(&key), &[], now(), &Limits::default());
            assert_eq!(std::hint::black_box(opened).err(), Some(OpenError::Undecryptable));
        });
        welch.assert_alike(&format!("openpgp, {kind:?}"));
    }
}
