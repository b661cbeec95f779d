//! Own keys that are kept in an HSM: a thread that holds them and answers what
//! it is asked over a channel. No private key is in the journey's hands.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow::org_keys::Keeper;
use keyring::org::{OrgKey, OrgKeyState, OrgMaterial, Owner, PrivateKey, SmimePair};
use mail::private_key::{Decrypter, KeyUse, RsaPadding, SignatureScheme, Signer};
use mail::{OrgId, OrgKeyId};
use openpgp::{Limits, Options, SecretIdentity};
use zeroize::Zeroizing;

use crate::check;
use crate::clinic::{Acknowledged, Clinic, KEYED, MARKER, ORG, Running, futures_now, holder};
use crate::seams::Dice;

const SENDER: &str = "nurse@clinic.example";
/// An adapter waits no longer for its HSM.
const PATIENCE: Duration = Duration::from_millis(200);

type Answer = Result<Zeroizing<Vec<u8>>, KeyUse>;
type Job = Box<dyn FnOnce() -> Answer + Send>;

/// The adapter's side of an HSM.
#[derive(Clone)]
struct Hsm {
    asks: Sender<(Job, Sender<Answer>)>,
    asked: Arc<AtomicUsize>,
    mood: Arc<Mutex<Mood>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Answers,
    Slow,
    Refuses,
    Silent,
}

impl Hsm {
    fn start() -> Self {
        let (asks, asked) = mpsc::channel::<(Job, Sender<Answer>)>();
        let mood = Arc::new(Mutex::new(Mood::Answers));
        let own = mood.clone();
        std::thread::spawn(move || {
            for (job, answer) in asked {
                let mood = *own.lock().unwrap();
                let said = match mood {
                    Mood::Answers => job(),
                    Mood::Slow => {
                        std::thread::park_timeout(PATIENCE / 4);
                        job()
                    }
                    Mood::Refuses => Err(KeyUse::Failed),
                    // The answer is dropped later than anybody waits.
                    Mood::Silent => {
                        std::mem::forget(answer);
                        continue;
                    }
                };
                let _ = answer.send(said);
            }
        });
        Self { asks, asked: Arc::default(), mood }
    }

    fn ask(&self, job: impl FnOnce() -> Answer + Send + 'static) -> Answer {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (answer, answers) = mpsc::channel();
        self.asks.send((Box::new(job), answer)).map_err(|_| KeyUse::Failed)?;
        answers.recv_timeout(PATIENCE).unwrap_or(Err(KeyUse::Failed))
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn count(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

/// A key behind the HSM: what holds it is used by the HSM's thread alone.
struct Slot<K: ?Sized> {
    hsm: Hsm,
    key: Arc<K>,
    public: Vec<u8>,
    schemes: Vec<SignatureScheme>,
}

fn signer(hsm: &Hsm, key: Arc<dyn Signer>) -> Arc<dyn Signer> {
    let (public, schemes) = (key.public_key().to_vec(), key.schemes().to_vec());
    Arc::new(Slot { hsm: hsm.clone(), key, public, schemes })
}

fn decrypter(hsm: &Hsm, key: Arc<dyn Decrypter>) -> Arc<dyn Decrypter> {
    let public = key.public_key().to_vec();
    Arc::new(Slot { hsm: hsm.clone(), key, public, schemes: Vec::new() })
}

impl Signer for Slot<dyn Signer> {
    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    fn sign(&self, scheme: SignatureScheme, input: &[u8]) -> Result<Vec<u8>, KeyUse> {
        let (key, input) = (self.key.clone(), input.to_vec());
        self.hsm.ask(move || key.sign(scheme, &input).map(Zeroizing::new)).map(|signature| signature.to_vec())
    }
}

impl Decrypter for Slot<dyn Decrypter> {
    fn public_key(&self) -> &[u8] {
        &self.public
    }

    fn decrypt_rsa(&self, padding: RsaPadding, sealed: &[u8], expected: &[usize]) -> Answer {
        let (key, sealed, expected) = (self.key.clone(), sealed.to_vec(), expected.to_vec());
        self.hsm.ask(move || key.decrypt_rsa(padding, &sealed, &expected))
    }

    fn agree(&self, peer: &[u8]) -> Answer {
        let (key, peer) = (self.key.clone(), peer.to_vec());
        self.hsm.ask(move || key.agree(&peer))
    }
}

struct Kept(Vec<OrgKey>);

impl Keeper for Kept {
    fn keys(&self, org: OrgId) -> Vec<OrgKey> {
        assert_eq!(org, ORG);
        self.0.clone()
    }
}

fn own(clinic: &Clinic, number: u8, material: OrgMaterial) -> OrgKey {
    OrgKey {
        id: OrgKeyId::from_bytes([number; 16]),
        owners: vec![SENDER.parse::<Owner>().unwrap()],
        state: OrgKeyState::Active,
        is_published: false,
        revoked: None,
        material,
        made_at: clinic.now(),
    }
}

/// A clinic whose keys are in an HSM: OpenPGP, and S/MIME by RSA.
struct Setting {
    clinic: Clinic,
    hsm: Hsm,
    openpgp: SecretIdentity,
    pair: SmimePair,
    dice: Dice,
}

impl Setting {
    fn new(seed: u64) -> Self {
        let (clinic, hsm) = (Clinic::new(seed), Hsm::start());
        clinic.world.heal();
        let made = clinic.own_key(SENDER, Duration::from_secs(3_600_000));
        let (signers, decrypters) = made.uses();
        let signers = signers.into_iter().map(|(name, key)| (name, signer(&hsm, key))).collect();
        let decrypters = decrypters.into_iter().map(|(name, key)| (name, decrypter(&hsm, key))).collect();
        let openpgp = SecretIdentity::kept_elsewhere(made.certificate().clone(), signers, decrypters);
        let key = Arc::new(smime::SoftwareKey::generate(smime::KeyKind::Rsa2048, clinic.entropy()).unwrap());
        let draft = smime::issue::Draft {
            common_name: "Nurse",
            organisation: None,
            addresses: &[SENDER.parse().unwrap()],
            role: smime::issue::Role::Both,
            not_before: clinic.now(),
            not_after: clinic.now() + Duration::from_secs(3_600_000),
        };
        let certificate = draft.self_signed(key.as_ref(), clinic.entropy()).unwrap();
        let public = Arc::new(key.public().clone());
        let key = PrivateKey::Elsewhere { public, signer: signer(&hsm, key.clone()), decrypter: decrypter(&hsm, key) };
        let pair = SmimePair { key, certificates: vec![certificate], chain: Vec::new() };
        Self { clinic, hsm, openpgp, pair, dice: Dice::new(seed) }
    }

    fn start(&self) -> Running {
        let running = self.clinic.start();
        let keys = vec![
            own(&self.clinic, 1, OrgMaterial::OpenPgp(self.openpgp.clone())),
            own(&self.clinic, 2, OrgMaterial::Smime(self.pair.clone())),
        ];
        assert!(keys.iter().all(|key| key.material.is_elsewhere() && key.to_bytes().is_err()));
        running.journey.keep_keys_elsewhere(Arc::new(Kept(keys)));
        futures_now(flow::keys::refresh(&running.journey)).unwrap();
        running
    }

    /// Sends this and works until it is over; what arrived of it.
    async fn sends(&mut self, to: &str, content: &str, token: &str) -> (Acknowledged, Vec<String>) {
        let running = self.start();
        let to = vec![to.to_owned()];
        let sent = loop {
            if let Some(sent) = running.submit_content(content, token, to.clone(), &mut self.dice).await {
                break sent;
            }
        };
        running.run_to_the_end(Duration::from_secs(10 * 24 * 3_600)).await;
        let arrived = check::taken(&self.clinic).into_iter().filter(|copy| copy.to == to).map(|copy| copy.content);
        (sent, arrived.collect())
    }
}

fn run(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(test());
}

fn secure() -> String {
    format!("From: {SENDER}\r\nSubject: [secure] Hello\r\n\r\n{MARKER} token\r\n")
}

#[test]
fn an_hsm_signs_what_is_sealed() {
    for mood in [Mood::Answers, Mood::Slow] {
        run(async || {
            let mut setting = Setting::new(11);
            setting.hsm.becomes(mood);
            let (_, arrived) = setting.sends(KEYED, &secure(), "token").await;
            assert_eq!(setting.hsm.count(), 1, "one signature");
            let begin = arrived[0].find("-----BEGIN PGP").unwrap();
            let known = [setting.openpgp.certificate().clone()];
            let opened = openpgp::decrypt(
                &arrived[0].as_bytes()[begin..],
                &[holder()],
                &known,
                setting.clinic.now(),
                &Limits::default(),
            );
            let opened = opened.unwrap();
            assert!(opened.signatures[0].is_by(&SENDER.parse().unwrap()), "{:?}", opened.signatures);
        });
    }
}

#[test]
fn where_the_hsm_does_not_sign_nothing_goes_unsigned() {
    for mood in [Mood::Refuses, Mood::Silent] {
        run(async || {
            let mut setting = Setting::new(12);
            setting.hsm.becomes(mood);
            let (sent, arrived) = setting.sends(KEYED, &secure(), "token").await;
            assert!(setting.hsm.count() >= 1);
            assert!(arrived.iter().all(|copy| !copy.contains("BEGIN PGP") && !copy.contains(MARKER)), "{arrived:?}");
            let events = check::events(&setting.clinic, &sent).await;
            let rerouted = events.iter().find(|event| event["event"] == "rerouted").unwrap();
            assert_eq!(rerouted["to"], "portal");
            assert!(rerouted["because"].as_str().unwrap().contains("could not sign"), "{rerouted}");
            check::nothing_in_clear(&setting.clinic);
        });
    }
}

#[test]
fn a_recipient_with_two_keys_is_not_sent_from_one_to_the_other() {
    run(async || {
        let mut setting = Setting::new(14);
        setting.hsm.becomes(Mood::Refuses);
        let clinic = &setting.clinic;
        let key = smime::SoftwareKey::generate(smime::KeyKind::P256, clinic.entropy()).unwrap();
        let draft = smime::issue::Draft {
            common_name: "K",
            organisation: None,
            addresses: &[KEYED.parse().unwrap()],
            role: smime::issue::Role::Both,
            not_before: clinic.now(),
            not_after: clinic.now() + Duration::from_secs(3_600_000),
        };
        let certificate = draft.self_signed(&key, clinic.entropy()).unwrap();
        let key = keyring::SmimeKey { certificate, chain: Vec::new(), announced: None };
        clinic.know_material(&setting.start().journey, keyring::Material::Smime(key), KEYED);
        let (sent, _) = setting.sends(KEYED, &secure(), "token").await;
        let events = check::events(&setting.clinic, &sent).await;
        let rerouted: Vec<_> = events.iter().filter(|event| event["event"] == "rerouted").collect();
        assert_eq!(rerouted.len(), 1, "{rerouted:?}");
        assert_eq!(rerouted[0]["to"], "portal");
        check::nothing_in_clear(&setting.clinic);
    });
}

#[test]
fn what_was_opened_when_it_came_waits_for_the_hsm_when_it_goes() {
    for format in 0..2 {
        run(async || {
            let mut setting = Setting::new(15);
            let content = to_herself(&setting)[format].clone();
            let to = vec!["patient1@good.example".to_owned()];
            let running = setting.start();
            let sent = loop {
                if let Some(sent) = running.submit_content(&content, "token", to.clone(), &mut setting.dice).await {
                    break sent;
                }
            };
            setting.hsm.becomes(Mood::Refuses);
            running.run_for(Duration::from_secs(7_200)).await;
            assert_eq!(check::taken(&setting.clinic).len(), 0, "nothing goes that is not opened");
            setting.hsm.becomes(Mood::Answers);
            setting.start().run_to_the_end(Duration::from_secs(3 * 24 * 3_600)).await;
            let taken = check::taken(&setting.clinic);
            assert!(taken.iter().any(|copy| copy.to == to && copy.content.contains(MARKER)), "{taken:?}");
            let events = check::events(&setting.clinic, &sent).await;
            assert!(!events.iter().any(|event| event["event"] == "bounced"), "{events:?}");
        });
    }
}

#[test]
fn what_the_hsm_never_opens_is_told_of_and_comes_back() {
    run(async || {
        let mut setting = Setting::new(16);
        let content = to_herself(&setting)[0].clone();
        let to = vec!["patient1@good.example".to_owned()];
        let running = setting.start();
        let sent = loop {
            if let Some(sent) = running.submit_content(&content, "token", to.clone(), &mut setting.dice).await {
                break sent;
            }
        };
        setting.hsm.becomes(Mood::Refuses);
        running.run_for(Duration::from_secs(3 * 3_600)).await;
        let journey = setting.clinic.journey(setting.clinic.store());
        let waits = flow::queue::of_message(&journey, ORG, sent.message).await.unwrap();
        assert!(
            waits.parcels[0].why.contains("the key that opens the message can't be used"),
            "{}",
            waits.parcels[0].why
        );
        drop(journey);
        setting.start().run_to_the_end(Duration::from_secs(10 * 24 * 3_600)).await;
        let words = check::words_to_sender(&setting.clinic, &sent);
        let of = |subject: &str| words.iter().filter(|word| word.contains(subject)).count();
        assert_eq!((of("Delayed:"), of("Not delivered:")), (1, 1), "{words:#?}");
        assert!(words.iter().all(|word| !word.contains(MARKER)));
        let events = check::events(&setting.clinic, &sent).await;
        assert!(events.iter().any(|event| event["event"] == "bounced"), "{events:?}");
        assert!(!check::taken(&setting.clinic).iter().any(|copy| copy.to == to), "nothing went that was not opened");
    });
}

/// What the nurse seals to herself, in either format.
fn to_herself(setting: &Setting) -> [String; 2] {
    let inside = format!("Content-Type: text/plain\r\n\r\n{MARKER} token\r\n");
    let fields = format!("From: {SENDER}\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n");
    let (now, entropy) = (setting.clinic.now(), setting.clinic.entropy());
    let to = [setting.openpgp.certificate().clone()];
    let sealed = openpgp::encrypt(inside.as_bytes(), &to, None, &Options { is_armored: true }, now, entropy).unwrap();
    let pgp = format!(
        "{fields}Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\n\
         Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--b\r\n\
         Content-Type: application/octet-stream\r\n\r\n{}\r\n--b--\r\n",
        String::from_utf8(sealed.bytes).unwrap().replace('\n', "\r\n").replace("\r\r", "\r")
    );
    let to = [setting.pair.certificates[0].usable_for_encryption(now).unwrap()];
    let gcm = smime::algorithm::ContentCipher::Aes256Gcm;
    let sealed = smime::encrypt(inside.into_bytes(), &to, Some(gcm), entropy).unwrap();
    let der = sealed.pieces().concat();
    let lines: String = base64(&der);
    let smime = format!(
        "{fields}Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data; name=smime.p7m\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{lines}"
    );
    [pgp, smime]
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (at, group) in bytes.chunks(3).enumerate() {
        let word = group.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = char::from(DIGITS[(word >> (18 - 6 * place)) as usize & 63]);
            text.push(if place <= group.len() { digit } else { '=' });
        }
        if at % 19 == 18 {
            text.push_str("\r\n");
        }
    }
    text + "\r\n"
}

#[test]
fn an_hsm_opens_what_is_sealed_to_its_keys_and_without_it_all_goes_on_as_it_came() {
    for (mood, opens) in [(Mood::Answers, true), (Mood::Slow, true), (Mood::Refuses, false), (Mood::Silent, false)] {
        for format in 0..2 {
            run(async || {
                let mut setting = Setting::new(13);
                setting.hsm.becomes(mood);
                let content = to_herself(&setting)[format].clone();
                let (sent, arrived) = setting.sends("patient1@good.example", &content, "token").await;
                assert!(setting.hsm.count() >= 1, "the HSM was asked");
                assert_eq!(arrived.iter().any(|copy| copy.contains(MARKER)), opens, "{arrived:?}");
                let events = check::events(&setting.clinic, &sent).await;
                let proven = events.iter().find(|event| event["event"] == "proven").unwrap();
                assert_eq!(proven["opened"], opens, "{proven}");
                let line = proven["line"].as_str().unwrap();
                assert_eq!(line.starts_with("not opened:"), !opens, "{line}");
            });
        }
    }
}

#[test]
fn an_hsm_signs_by_rsa_for_smime() {
    let setting = Setting::new(14);
    let now = setting.clinic.now();
    let signing = setting.pair.signing().unwrap();
    let made = smime::sign(b"x\r\n", &signing, smime::Form::Detached, now).unwrap();
    assert_eq!(setting.hsm.count(), 1);
    assert!(!made.der.is_empty());
    setting.hsm.becomes(Mood::Refuses);
    assert!(smime::sign(b"x\r\n", &signing, smime::Form::Detached, now).is_err());
}
