//! What counts of a certificate, and when; own keys over their lives.

mod seeded;

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};
use mail::Address;
use mail::private_key::{Decrypter, KeyUse, RsaPadding, SignatureScheme, Signer};
use openpgp::{
    Certificate, Flaw, KeyError, KeyKind, Limits, Options, RevocationReason, SecretIdentity, Unusable, UserIdState,
    decrypt, encrypt, sign_detached, verify_detached,
};
use pgp::composed::{Deserializable as _, SignedSecretKey};
use pgp::packet::{Packet, PacketParser};
use pgp::ser::Serialize as _;
use seeded::Seeded;
use testkit::gnupg::GnuPg;
use zeroize::Zeroizing;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn later(days: i64) -> Timestamp {
    now() + (days * 24).hours()
}

fn identity(seed: u64, kind: KeyKind, expires_at: Option<Timestamp>) -> SecretIdentity {
    SecretIdentity::generate("Ada <ada@clinic.example>", kind, expires_at, now(), &Seeded::new(seed)).unwrap()
}

fn ada() -> Address {
    Address::parse("ada@clinic.example").unwrap()
}

#[test]
fn a_key_lives_from_its_making_to_its_end() {
    for kind in [KeyKind::V4, KeyKind::V6] {
        let key = identity(1, kind, Some(later(365)));
        let certificate = key.certificate();
        assert!(certificate.usable_for_encryption(now()).is_ok());
        assert_eq!(certificate.expires_at(now()), Some(later(365)));
        // A clock that is a little behind is no reason to refuse.
        assert!(certificate.usable_for_encryption(now() - 4.minutes()).is_ok());
        assert_eq!(certificate.usable_for_encryption(later(-1)), Err(Unusable::NotYet(now())));
        assert!(certificate.usable_for_encryption(later(364)).is_ok());
        assert_eq!(certificate.usable_for_encryption(later(365)), Err(Unusable::Expired(later(365))));
        assert_eq!(certificate.usable_for_signing(later(366)), Err(Unusable::Expired(later(365))));

        let extended = key.extend(Some(later(800)), later(400), &Seeded::new(2)).unwrap();
        assert!(extended.certificate().usable_for_encryption(later(700)).is_ok());
        assert!(extended.signing(later(700)).is_ok() && extended.can_decrypt(later(700)));
        assert!(extended.certificate().usable_for_encryption(later(801)).is_err());
        // Whoever holds the old copy learns of it by merging.
        let merged = certificate.merge(extended.certificate()).unwrap();
        assert!(merged.usable_for_encryption(later(700)).is_ok());
        let for_ever = extended.extend(None, later(401), &Seeded::new(3)).unwrap();
        assert_eq!(for_ever.certificate().expires_at(later(402)), None);
        assert!(for_ever.certificate().usable_for_encryption(later(9000)).is_ok());
        let again = SecretIdentity::parse(&extended.to_bytes().unwrap(), None).unwrap().remove(0);
        assert_eq!(again.certificate(), extended.certificate());
    }
}

#[test]
fn a_revocation_reaches_as_far_as_its_reason() {
    for (reason, before) in [(RevocationReason::Compromised, Some(Flaw::KeyRevoked)), (RevocationReason::Retired, None)]
    {
        let key = identity(4, KeyKind::V4, None);
        let signed = sign_detached(b"Data.", &key.signing(now()).unwrap(), now(), &Seeded::new(5)).unwrap();
        let revoked = key.revoke(reason, "Gone.", later(10), &Seeded::new(6)).unwrap();
        let known = [revoked.clone()];
        let flaw = |at| verify_detached(b"Data.", signed.armored.as_bytes(), &known, at)[0].flaw;
        assert_eq!(flaw(later(20)), before);
        assert!(matches!(revoked.usable_for_encryption(later(20)), Err(Unusable::Revoked(_))));
        assert_eq!(revoked.revocation(later(20)).unwrap().reason, "Gone.");
        let late = sign_detached(b"Data.", &key.signing(later(15)).unwrap(), later(15), &Seeded::new(7)).unwrap();
        let verdicts = verify_detached(b"Data.", late.armored.as_bytes(), &known, later(20));
        assert_eq!(verdicts[0].flaw, Some(Flaw::KeyRevoked));
        // It comes along in the smallest copy too.
        let minimal = revoked.minimal(&ada(), later(20)).unwrap();
        assert!(minimal.revocation(later(20)).is_some());
    }
}

fn packets(bytes: &[u8]) -> Vec<Packet> {
    PacketParser::new(bytes).map(Result::unwrap).collect()
}

fn written(packets: &[Packet]) -> Vec<u8> {
    let mut bytes = Vec::new();
    packets.iter().for_each(|packet| packet.to_writer(&mut bytes).unwrap());
    bytes
}

#[test]
fn nobody_else_gives_a_key_an_address() {
    let key = identity(8, KeyKind::V4, None).certificate().to_bytes();
    let other =
        SecretIdentity::generate("Boss <boss@clinic.example>", KeyKind::V4, None, now(), &Seeded::new(9)).unwrap();
    let others = packets(&other.certificate().to_bytes());
    // The other's user id with the other's signature over the other's key.
    let mut forged = packets(&key);
    forged.insert(3, others[1].clone());
    forged.insert(4, others[2].clone());
    let certificate = Certificate::parse(&written(&forged)).unwrap().remove(0);
    assert_eq!(certificate.addresses(now()), [ada()]);
    assert!(!certificate.speaks_for(&Address::parse("boss@clinic.example").unwrap(), now()));
    let states: Vec<UserIdState> = certificate.user_ids(now()).into_iter().map(|user_id| user_id.state).collect();
    assert_eq!(states, [UserIdState::Valid, UserIdState::Unsigned]);
    // Without any signature.
    let mut bare = packets(&key);
    bare.insert(1, others[1].clone());
    let certificate = Certificate::parse(&written(&bare)).unwrap().remove(0);
    assert_eq!(certificate.addresses(now()), [ada()]);
    // Case and look-alikes are other addresses.
    assert!(!certificate.speaks_for(&Address::parse("Ada@clinic.example").unwrap(), now()));
    assert!(!certificate.speaks_for(&Address::parse("ada@cl\u{456}nic.example").unwrap(), now()));
    assert!(certificate.speaks_for(&Address::parse("ada@CLINIC.example").unwrap(), now()));
}

#[test]
fn anothers_signing_key_can_not_be_claimed() {
    use pgp::packet::{
        KeyFlags, PubKeyInner, PublicKey, PublicSubkey, SignatureConfig, SignatureType, Subpacket, SubpacketData,
    };
    use pgp::types::{KeyDetails as _, Password, Timestamp as Seconds};
    let victim = identity(10, KeyKind::V4, None);
    let mallory = SecretIdentity::generate("M <m@evil.example>", KeyKind::V4, None, now(), &Seeded::new(11)).unwrap();
    let secret = SignedSecretKey::from_bytes(mallory.to_bytes().unwrap().as_slice()).unwrap();
    let stolen = packets(&victim.certificate().to_bytes()).remove(0);
    let Packet::PublicKey(stolen) = stolen else { panic!("a key") };
    let stolen = PubKeyInner::new(
        stolen.version(),
        stolen.algorithm(),
        stolen.created_at(),
        None,
        stolen.public_params().clone(),
    );
    let stolen = PublicSubkey::from_inner(stolen.unwrap()).unwrap();
    let mut flags = KeyFlags::default();
    flags.set_sign(true);
    let mut config = SignatureConfig::v4(
        SignatureType::SubkeyBinding,
        secret.primary_key.algorithm(),
        pgp::crypto::hash::HashAlgorithm::Sha256,
    );
    let seconds = Seconds::from_secs(u32::try_from(now().as_second()).unwrap());
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(seconds)).unwrap(),
        Subpacket::regular(SubpacketData::IssuerFingerprint(secret.primary_key.fingerprint())).unwrap(),
        Subpacket::regular(SubpacketData::KeyFlags(flags)).unwrap(),
    ];
    let primary: &PublicKey = secret.primary_key.public_key();
    let binding = config.sign_subkey_binding(&secret.primary_key, primary, &Password::empty(), &stolen).unwrap();
    let claimed = [mallory.certificate().to_bytes(), written(&[Packet::from(stolen), Packet::from(binding)])];
    let claimed = Certificate::parse(&claimed.concat()).unwrap().remove(0);
    let signed = sign_detached(b"By the victim.", &victim.signing(now()).unwrap(), now(), &Seeded::new(12)).unwrap();
    let verdicts = verify_detached(b"By the victim.", signed.armored.as_bytes(), &[claimed], now());
    assert_eq!(verdicts[0].flaw, Some(Flaw::NotForSigning), "{verdicts:?}");
    assert!(!verdicts[0].is_by(&Address::parse("m@evil.example").unwrap()));
}

#[test]
fn the_smallest_copy_is_small_and_whole() {
    let gnupg = GnuPg::new();
    let fingerprint = gnupg.generate("Ada <ada@clinic.example>", "ed25519", "cv25519");
    gnupg.must(&["--quick-add-uid", &fingerprint, "Ada <ada@other.example>"], b"");
    let now = Timestamp::now();
    let whole = Certificate::parse(&gnupg.must(&["--export", &fingerprint], b"")).unwrap().remove(0);
    assert_eq!(whole.addresses(now).len(), 2);
    let minimal = whole.minimal(&ada(), now).unwrap();
    assert_eq!(minimal.addresses(now), [ada()]);
    assert!(minimal.to_bytes().len() < whole.to_bytes().len());
    assert_eq!(minimal.usable_for_encryption(now), whole.usable_for_encryption(now));
    assert_eq!(minimal.fingerprint(), whole.fingerprint());
    assert!(whole.minimal(&Address::parse("eve@clinic.example").unwrap(), now).is_none());
    // Others' signatures and a second copy change nothing.
    assert_eq!(minimal.merge(&whole).unwrap().addresses(now).len(), 2);
    let twice = [minimal.to_armor(), whole.to_armor()].concat();
    let read = Certificate::parse(twice.as_bytes()).unwrap();
    assert_eq!((read.len(), read[0].addresses(now).len()), (1, 2));
}

#[test]
fn a_private_key_yields_its_public_half() {
    let key = identity(13, KeyKind::V6, None);
    let bytes = key.to_bytes().unwrap();
    assert_eq!(Certificate::parse(&bytes).unwrap(), [key.certificate().clone()]);
    assert_eq!(SecretIdentity::parse(&key.certificate().to_bytes(), None).err(), Some(KeyError::None));
    assert_eq!(Certificate::parse(b"words").err(), Some(KeyError::Malformed));
    assert_eq!(Certificate::parse(b"").err(), Some(KeyError::Malformed));
}

#[test]
fn a_key_that_is_offline_leaves_the_rest() {
    let gnupg = GnuPg::new();
    let fingerprint = gnupg.generate("Ada <ada@clinic.example>", "ed25519", "cv25519");
    let bytes = gnupg.must(&["--export-secret-subkeys", &fingerprint], b"");
    let now = Timestamp::now();
    let key = SecretIdentity::parse(&bytes, None).unwrap().remove(0);
    assert!(key.signing(now).is_err());
    assert!(key.can_decrypt(now));
    assert_eq!(key.extend(None, now, &Seeded::new(14)).err(), Some(KeyError::Unsupported));
    let sealed = gnupg.must(&["--encrypt", "-r", &fingerprint], b"Still read.");
    let opened = decrypt(&sealed, &[key], &[], now, &Limits::default()).unwrap();
    assert_eq!(opened.plain.as_slice(), b"Still read.");
}

/// A key service that keeps Ed25519 and X25519 for us.
struct Service {
    signing: aws_lc_rs::signature::Ed25519KeyPair,
    agreeing: aws_lc_rs::agreement::PrivateKey,
}

impl Service {
    fn holding(key: &SecretIdentity) -> Self {
        use pgp::types::{PlainSecretParams, SecretParams};
        let secret = SignedSecretKey::from_bytes(key.to_bytes().unwrap().as_slice()).unwrap();
        let SecretParams::Plain(PlainSecretParams::Ed25519(signing)) = secret.primary_key.secret_params() else {
            panic!("Ed25519")
        };
        let SecretParams::Plain(PlainSecretParams::X25519(agreeing)) = secret.secret_subkeys[0].key.secret_params()
        else {
            panic!("X25519")
        };
        let x25519 = &aws_lc_rs::agreement::X25519;
        Self {
            signing: aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(signing.as_bytes()).unwrap(),
            agreeing: aws_lc_rs::agreement::PrivateKey::from_private_key(x25519, agreeing.as_bytes()).unwrap(),
        }
    }
}

impl Signer for Service {
    fn public_key(&self) -> &[u8] {
        &[]
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::Ed25519]
    }

    fn sign(&self, scheme: SignatureScheme, input: &[u8]) -> Result<Vec<u8>, KeyUse> {
        assert_eq!(scheme, SignatureScheme::Ed25519);
        Ok(self.signing.sign(input).as_ref().to_vec())
    }
}

impl Decrypter for Service {
    fn public_key(&self) -> &[u8] {
        &[]
    }

    fn decrypt_rsa(&self, _: RsaPadding, _: &[u8], _: &[usize]) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        Err(KeyUse::Unfit)
    }

    fn agree(&self, peer: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyUse> {
        let peer = aws_lc_rs::agreement::UnparsedPublicKey::new(&aws_lc_rs::agreement::X25519, peer);
        aws_lc_rs::agreement::agree(&self.agreeing, peer, KeyUse::Failed, |shared| Ok(Zeroizing::new(shared.to_vec())))
    }
}

#[test]
fn keys_may_be_kept_elsewhere() {
    let key = identity(15, KeyKind::V6, None);
    let service = Arc::new(Service::holding(&key));
    let parts = key.certificate().parts(now());
    let signers: Vec<(_, Arc<dyn Signer>)> = vec![(parts[0].key, service.clone())];
    let decrypters: Vec<(_, Arc<dyn Decrypter>)> = vec![(parts[1].key, service)];
    let kept = SecretIdentity::kept_elsewhere(key.certificate().clone(), signers, decrypters);
    assert!(kept.to_bytes().is_none() && kept.can_decrypt(now()));
    let to = [key.certificate().clone()];
    let signer = kept.signing(now()).unwrap();
    let sealed = encrypt(b"Kept.", &to, Some(&signer), &Options::default(), now(), &Seeded::new(16)).unwrap();
    let opened = decrypt(&sealed.bytes, std::slice::from_ref(&kept), &to, now(), &Limits::default()).unwrap();
    assert_eq!(opened.plain.as_slice(), b"Kept.");
    assert!(opened.signatures[0].is_by(&ada()));
    let extended = kept.extend(Some(later(9)), now() + 1.second(), &Seeded::new(17)).unwrap();
    assert_eq!(extended.certificate().expires_at(later(1)), Some(later(9)));
}

#[test]
fn a_tampered_private_key_is_refused() {
    let key = identity(18, KeyKind::V6, None);
    let bytes = key.to_bytes().unwrap();
    assert!(SecretIdentity::parse(&bytes, None).is_ok());
    // The first secret byte of the primary key stands behind 10 bytes of head, 32 of public key and one for "in clear".
    let at = 2 + 10 + 32 + 1;
    let mut changed = bytes.to_vec();
    changed[at] ^= 1;
    assert_eq!(SecretIdentity::parse(&changed, None).err(), Some(KeyError::Mismatch));
}
