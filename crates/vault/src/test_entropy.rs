//! Repeatable entropy for this crate's tests.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use mail::{Entropy, MessageId, OrgId};

use crate::message::MessageKey;
use crate::org::OrgVault;
use crate::root::RootKey;

/// SHA-256 of a counter.
#[derive(Default)]
pub(crate) struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let block = digest(&SHA256, &number.to_be_bytes());
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        }
    }
}

pub(crate) const ORG: OrgId = OrgId(1);
pub(crate) const OTHER_ORG: OrgId = OrgId(2);

pub(crate) fn message(number: u8) -> MessageId {
    MessageId::from_bytes([number; 16])
}

pub(crate) fn vault(entropy: &Counted) -> OrgVault {
    RootKey::ephemeral(entropy).new_org(ORG, entropy).0
}

pub(crate) fn message_key(entropy: &Counted) -> MessageKey {
    vault(entropy).new_message_key(message(1), entropy).0
}
