//! What version 1 of the envelopes sealed opens for ever: these bytes were made
//! once and checked against an implementation of the same formats over other
//! primitives (Python's `cryptography`). A change of any derivation, label or
//! layout fails here before it makes stored mail unreadable.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mail::{Address, Domain, MessageId, OrgId};
use vault::{Label, MessageKey, OrgVault, RootKey};

const ROOT: &str = "sealpost-root-key-v1 AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const ORGANISATION: &str = concat!(
    "01012b8dc0c2585e39069f3b587a291500b1717c2e6e3ee1fc857eda548ea2c414c9998d6b6569c3c1dcf2008dd48531",
    "8458ecf02dafe60635d28b8357efb2d50a82428dbf0268a9c10f12aa53aa10d82efed92b3aa4ddbc91e56af22fb5972e",
    "6a6c3c81022a35a8252c3488dca9333cb2401f75b60f9120bb307cc3d9c090861c8f1b804ae729fe2467449c0e92a7e7",
    "9913c5d898e7"
);
const MESSAGE_KEY: &str =
    "01016a75f15a5902b7d9bc054c44bf74ac4c012d6c939d127c0f10862222fd343ee76e05e30363890da17bd858c5";
const ENVELOPE: &str = concat!(
    "010236076e1a010707070707070707070707070707070707070707070707070707070707070707d2e957ef28dabd5c17",
    "1506da6b4c9ba1aeabfed378c96789c3ca23"
);
const SECRET: &str = concat!(
    "01026a75f15a050808080808080808080808080808080808080808080808080808080808080808c1a677b07b03efa4c2",
    "323b30c6e6ccc0baecf0220b91"
);
const JOURNAL: &str = concat!(
    "0102ae7532d503090909090909090909090909090909090909090909090909090909090909090970a2badb1c728c5f6c",
    "bdb4aac43e3604758792b660dabe15"
);
const BODY: &str = concat!(
    "010336076e1a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a214f61a60adcd356c6f3",
    "09fae4cf41d7b6c2278141a0"
);

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vault() -> OrgVault {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    fs::write(&path, ROOT).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let root = RootKey::read_file(&path, &dir.path().join("data")).unwrap();
    root.open_org(OrgId(7), &bytes(ORGANISATION)).unwrap()
}

fn message_key() -> MessageKey {
    vault().open_message_key(MessageId::from_bytes([0x11; 16]), &bytes(MESSAGE_KEY)).unwrap()
}

#[test]
fn what_the_organisation_sealed_opens() {
    assert_eq!(vault().earlier_keys(), 1);
    assert_eq!(vault().open(Label::Secret, b"dkim", &bytes(SECRET)).unwrap(), b"a seed");
    assert_eq!(vault().open(Label::Journal, b"head", &bytes(JOURNAL)).unwrap(), b"an event");
}

#[test]
fn what_the_message_key_sealed_opens() {
    assert_eq!(message_key().open(Label::Envelope, b"aad", &bytes(ENVELOPE)).unwrap(), b"an envelope");
    assert_eq!(message_key().open_body(&bytes(BODY)).unwrap(), b"a body");
    assert_eq!(hex(&message_key().salt()), "f2ee6fdbf1e6c2fb69d676a11c97dcb9b381161de23cbbfb8f7c06bae59ffe03");
}

#[test]
fn indexes_find_what_was_stored() {
    let (vault, address) = (vault(), Address::parse("p@example.com").unwrap());
    assert_eq!(hex(&vault.address_index(&address)), "6ca27a1d8f1fc5051db524b306eab99b");
    assert_eq!(hex(&vault.domain_index(&Domain::parse("example.com").unwrap())), "8eab517562468f56f1442c305a0f2734");
    assert_eq!(hex(&vault.subject_index("Results")), "2342ff6eb00f72c50358e691fe019b29");
    assert_eq!(hex(&vault.login_index("app")), "4020ebddfd3691f8d74493c68d2792583b69ba602ae064ff2e11d066ff13bcb6");
    assert_eq!(hex(&vault.link_hash(&[0x22; 16])), "bd1c81b2f7a2dbb4c2fb74ed3abb05ceeed4c2e727113f7daf571ed0518470d8");
    assert_eq!(vault.log_hash(&address), "6d2f82ccf236befa");
    assert_eq!(hex(&*vault.tag_key()), "dde205ddcd4053fecac5cf76fb5c1d51587518d121697cb03b75b142173e3238");
}
