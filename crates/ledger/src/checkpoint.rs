//! Checkpoints: signed heads of a tree, in the C2SP forms `tlog-checkpoint`
//! and `signed-note` that public witnesses and verifiers read.
//!
//! ```text
//! sealpost.example/org/lakeside
//! 1042
//! <head of the tree in base64>
//!
//! — sealpost.example/org/lakeside <key hash 4 and Ed25519 signature 64 in base64>
//! ```
//!
//! The origin names the tree and is the name of the key that signs it. Other
//! signature lines, those of witnesses, are allowed and not judged here.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::digest::Digest;
use crate::key::SigningKey;

const NOTE_BYTES_MAX: usize = 64 * 1024;
const SIGNATURES_MAX: usize = 100;
/// The signature type of Ed25519 in signed notes.
const ED25519_TYPE: u8 = 0x01;

/// The head of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The tree's name.
    pub origin: String,
    /// How many leaves it has.
    pub size: u64,
    /// Its head.
    pub root: Digest,
}

/// A key that verifies the checkpoints of one origin: `name+hash+base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

/// Why a text is no checkpoint of an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("not a signed note: {0}")]
    Note(&'static str),
    /// A signed note, but its text is no checkpoint.
    #[error("the note is no checkpoint: {0}")]
    Checkpoint(&'static str),
    /// A checkpoint of another tree.
    #[error("a checkpoint of {found:?}, not of {expected:?}")]
    Origin {
        /// The origin line.
        found: String,
        /// The key's name.
        expected: String,
    },
    /// This key did not sign it.
    #[error("no signature of {0}")]
    Unsigned(String),
    /// A signature names this key and does not verify.
    #[error("the signature of {0} does not verify")]
    Signature(String),
    /// The text is no verifier key.
    #[error("not a verifier key of the form name+hash+key")]
    Key,
}

impl Checkpoint {
    /// The signed note for this head. The origin must be a key's name: not
    /// empty, without spaces and plus signs.
    ///
    /// # Panics
    /// If the origin is no such name: it comes from the configuration, which
    /// checks it with [`VerifierKey::is_name`].
    pub fn sign(&self, key: &SigningKey) -> String {
        assert!(VerifierKey::is_name(&self.origin), "an origin is a key's name");
        let text = self.to_string();
        let verifier = key.verifier(&self.origin);
        let mut signature = verifier.hash().to_vec();
        signature.extend_from_slice(&key.sign(text.as_bytes()));
        format!("{text}\n— {} {}\n", self.origin, STANDARD.encode(signature))
    }

    /// Reads a signed note that `key` signed, of the origin that it names.
    pub fn verify(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        let (text, signatures) = split(note)?;
        key.check(text, signatures)?;
        let checkpoint: Self = text.parse()?;
        if checkpoint.origin != key.name {
            return Err(NoteError::Origin { found: checkpoint.origin, expected: key.name.clone() });
        }
        Ok(checkpoint)
    }
}

/// The text that is signed: three lines.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.0))
    }
}

/// Reads the text of a checkpoint, not its signatures. The form allows further
/// lines; ours have none, and a line that nobody reads is refused.
impl FromStr for Checkpoint {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or_default().split('\n').collect();
        let [origin, size, root] = lines[..] else {
            return Err(NoteError::Checkpoint("it has not three lines"));
        };
        if !VerifierKey::is_name(origin) {
            return Err(NoteError::Checkpoint("its origin is no name of a key"));
        }
        let size = read_size(size).ok_or(NoteError::Checkpoint("its size is no decimal number"))?;
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok());
        let root = root.map(Digest).ok_or(NoteError::Checkpoint("its head is not 32 bytes in base64"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// A decimal number in its one form: no sign, no leading zero.
fn read_size(text: &str) -> Option<u64> {
    let size: u64 = text.parse().ok()?;
    (size.to_string() == text).then_some(size)
}

/// Splits a signed note into its text, with its line feed, and the signature
/// lines.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Note("it is too long"));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(NoteError::Note("it has control characters"));
    }
    // The last empty line parts them: a text may have empty lines itself.
    let border = note.rfind("\n\n").ok_or(NoteError::Note("no empty line before its signatures"))?;
    let (text, signatures) = (&note[..=border], &note[border + 2..]);
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(NoteError::Note("its signatures don't end in a line feed"));
    }
    Ok((text, signatures))
}

impl SigningKey {
    /// The key that verifies what this one signs as `name`.
    pub fn verifier(&self, name: &str) -> VerifierKey {
        VerifierKey { name: name.to_owned(), public: *self.jwk().public_key() }
    }
}

impl VerifierKey {
    /// The name: the origin of the checkpoints that it verifies.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a text can name a key: not empty, no white space, no plus sign,
    /// no control characters.
    pub fn is_name(name: &str) -> bool {
        !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
    }

    /// The key hash: SHA-256(name || 0x0A || 0x01 || public key)[..4].
    fn hash(&self) -> [u8; 4] {
        let Digest([a, b, c, d, ..]) = Digest::of(&[self.name.as_bytes(), b"\n", &[ED25519_TYPE], &self.public]);
        [a, b, c, d]
    }

    /// Checks that this key signed. Lines of other keys are skipped once they
    /// are well formed; one that names this key must verify.
    fn check(&self, text: &str, signatures: &str) -> Result<(), NoteError> {
        let mut signed = false;
        for (number, line) in signatures.lines().enumerate() {
            if number >= SIGNATURES_MAX {
                return Err(NoteError::Note("it has too many signatures"));
            }
            let (name, hash, signature) = read_signature(line)?;
            if name != self.name || hash != self.hash() {
                continue;
            }
            let public = UnparsedPublicKey::new(&ED25519, self.public);
            public.verify(text.as_bytes(), &signature).map_err(|_| NoteError::Signature(self.name.clone()))?;
            signed = true;
        }
        if signed { Ok(()) } else { Err(NoteError::Unsigned(self.name.clone())) }
    }
}

/// A signature line: em dash, name, and key hash with signature in base64.
fn read_signature(line: &str) -> Result<(&str, [u8; 4], Vec<u8>), NoteError> {
    let malformed = NoteError::Note("a signature line is malformed");
    let (name, encoded) = line.strip_prefix("— ").and_then(|line| line.split_once(' ')).ok_or(malformed.clone())?;
    let decoded = STANDARD.decode(encoded).map_err(|_| malformed.clone())?;
    match decoded.split_first_chunk() {
        Some((hash, signature)) if VerifierKey::is_name(name) && !signature.is_empty() => {
            Ok((name, *hash, signature.to_vec()))
        }
        _ => Err(malformed),
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519_TYPE], self.public.as_slice()].concat();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.hash()), STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        // A key in base64 may hold plus signs; name and hash can't.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let decoded = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let (kind, public) = decoded.split_first().ok_or(NoteError::Key)?;
        let public = public.try_into().map_err(|_| NoteError::Key)?;
        let verifier = Self { name: name.to_owned(), public };
        let is_whole = *kind == ED25519_TYPE && Self::is_name(name);
        // The hash guards against a key that was copied with a mistake.
        let expected = format!("{:08x}", u32::from_be_bytes(verifier.hash()));
        if is_whole && hash == expected { Ok(verifier) } else { Err(NoteError::Key) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{ORIGIN, key};

    /// The example of Go's `note` package, the first implementation of the form.
    const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\
        \n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: ORIGIN.to_owned(), size: 1042, root: Digest::of(&[b"a tree"]) }
    }

    #[test]
    fn a_note_of_another_implementation_verifies() {
        let verifier: VerifierKey = GO_KEY.parse().unwrap();
        let (text, signatures) = split(GO_NOTE).unwrap();
        assert_eq!(verifier.check(text, signatures), Ok(()));
        assert_eq!(verifier.to_string(), GO_KEY);
        assert!(matches!(Checkpoint::verify(GO_NOTE, &verifier), Err(NoteError::Checkpoint(_))));
    }

    #[test]
    fn the_key_of_a_public_log_is_read() {
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        let verifier: VerifierKey = text.parse().unwrap();
        assert_eq!((verifier.name(), verifier.to_string().as_str()), ("sum.golang.org", text));
    }

    #[test]
    fn a_checkpoint_has_its_form_and_verifies() {
        let note = checkpoint().sign(&key(1));
        let lines: Vec<&str> = note.split('\n').collect();
        assert_eq!(lines[..2], [ORIGIN, "1042"]);
        assert_eq!(lines[3], "");
        assert!(lines[4].starts_with(&format!("— {ORIGIN} ")) && lines[5].is_empty() && lines.len() == 6);
        let verifier: VerifierKey = key(1).verifier(ORIGIN).to_string().parse().unwrap();
        assert_eq!(Checkpoint::verify(&note, &verifier), Ok(checkpoint()));
    }

    #[test]
    fn signatures_of_witnesses_are_allowed_and_ours_is_required() {
        let ours = key(1).verifier(ORIGIN);
        let note = checkpoint().sign(&key(1));
        let (_, line) = note.split_once("\n\n").unwrap();
        let witness = format!("— witness.example {}\n", STANDARD.encode([9; 80]));
        assert!(Checkpoint::verify(&format!("{note}{witness}"), &ours).is_ok());
        assert!(Checkpoint::verify(&note.replace(line, &format!("{witness}{line}")), &ours).is_ok());
        let unsigned = Checkpoint::verify(&note.replace(line, &witness), &ours);
        assert_eq!(unsigned, Err(NoteError::Unsigned(ORIGIN.to_owned())));
        // A bad signature of ours beside a good one is still a bad one.
        let (_, encoded) = line.trim_end().rsplit_once(' ').unwrap();
        let mut signature = STANDARD.decode(encoded).unwrap();
        *signature.last_mut().unwrap() ^= 1;
        let bad = format!("— {ORIGIN} {}\n", STANDARD.encode(signature));
        let refused = Checkpoint::verify(&format!("{note}{bad}"), &ours);
        assert_eq!(refused, Err(NoteError::Signature(ORIGIN.to_owned())));
    }

    #[test]
    fn another_tree_or_another_key_is_refused() {
        let note = checkpoint().sign(&key(1));
        let other = Checkpoint { origin: "sealpost.example/org/hillside".to_owned(), ..checkpoint() };
        assert!(matches!(Checkpoint::verify(&note, &key(2).verifier(ORIGIN)), Err(NoteError::Unsigned(_))));
        assert!(matches!(
            Checkpoint::verify(&other.sign(&key(1)), &key(1).verifier(ORIGIN)),
            Err(NoteError::Unsigned(_))
        ));
        // A key that signs for one name does not vouch for another's origin.
        let text = other.to_string();
        let verifier = key(1).verifier(ORIGIN);
        let signature = [&verifier.hash()[..], &key(1).sign(text.as_bytes())].concat();
        let forged = format!("{text}\n— {ORIGIN} {}\n", STANDARD.encode(signature));
        assert!(matches!(Checkpoint::verify(&forged, &verifier), Err(NoteError::Origin { .. })));
    }

    #[test]
    fn other_forms_of_the_same_head_are_refused() {
        let root = STANDARD.encode([7; 32]);
        assert!(format!("{ORIGIN}\n10\n{root}\n").parse::<Checkpoint>().is_ok());
        for text in [
            "",
            "\n",
            &format!("{ORIGIN}\n10\n{root}"),
            &format!("{ORIGIN}\n10\n{root}\n\n"),
            &format!("{ORIGIN}\n10\n{root}\nextension\n"),
            &format!("{ORIGIN}\n010\n{root}\n"),
            &format!("{ORIGIN}\n+10\n{root}\n"),
            &format!("{ORIGIN}\n-1\n{root}\n"),
            &format!("{ORIGIN}\n18446744073709551616\n{root}\n"),
            &format!("{ORIGIN}\n10\n{}\n", root.trim_end_matches('=')),
            &format!("{ORIGIN}\n10\n{}\n", STANDARD.encode([7; 31])),
            &format!("\n10\n{root}\n"),
            &format!("two words\n10\n{root}\n"),
            &format!("a+b\n10\n{root}\n"),
            &format!("{ORIGIN}\r\n10\n{root}\n"),
        ] {
            assert!(text.parse::<Checkpoint>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_copied_key_with_a_mistake_is_refused() {
        let text = key(1).verifier(ORIGIN).to_string();
        assert!(text.parse::<VerifierKey>().is_ok());
        for bad in [
            text.replacen("sealpost", "sealpots", 1),
            text.replace("+A", "+B"),
            text.to_uppercase(),
            text.trim_end_matches('=')[..text.len() - 4].to_owned(),
            text.replacen('+', " ", 1),
            format!(" {text}"),
            String::new(),
        ] {
            assert_eq!(bad.parse::<VerifierKey>(), Err(NoteError::Key), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_flip_of_a_checkpoint_is_refused(at: prop::sample::Index, bit in 0u8..7) {
            let mut note = checkpoint().sign(&key(1)).into_bytes();
            let at = at.index(note.len());
            note[at] ^= 1 << bit;
            let refused = String::from_utf8(note).map(|note| Checkpoint::verify(&note, &key(1).verifier(ORIGIN)));
            prop_assert!(!matches!(refused, Ok(Ok(_))));
        }

        #[test]
        fn any_text_is_read_without_harm(text in "(?s).{0,200}", note in "[a—\n +1=]{0,60}") {
            prop_assert!(Checkpoint::verify(&text, &key(1).verifier(ORIGIN)).is_err());
            prop_assert!(Checkpoint::verify(&note, &key(1).verifier(ORIGIN)).is_err());
            prop_assert!(text.parse::<VerifierKey>().is_err() && note.parse::<VerifierKey>().is_err());
        }
    }
}
