//! What this crate's tests share: keys, entries, and whole ledgers
//! made without a database.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use mail::{Address, EnhancedCode, Level, MessageId, Method, MxLookup, Need, OrgId, Reply};
use store::{JournalRow, RunRow};

use crate::auditor::{Auditor, Seen};
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::digest::{Digest, Salt};
use crate::entry::Head;
use crate::event::EventKind;
use crate::fact::{Tls, Verdict};
use crate::finding::{Finding, Report};
use crate::key::SigningKey;
use crate::merkle::Frontier;
use crate::receipt::{ContentDigest, PeerReply, Receipt, ReceiptKind, Status, recipient_digest};
use crate::sequencer::{Ledger, run_of};

pub(crate) const ORG: OrgId = OrgId(7);
pub(crate) const ORIGIN: &str = "sealpost.example/org/lakeside";

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// A time some seconds after the beginning of these tests.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::constant(1_700_000_000, 0) + SignedDuration::from_secs(seconds)
}

pub(crate) fn message(number: u64) -> MessageId {
    MessageId::from_bytes(((7 << 76) | u128::from(number)).to_be_bytes())
}

/// An entry of `ORG`, different for each number.
pub(crate) fn row(number: u64) -> JournalRow {
    let (message, at) = (Some(message(number / 3)), at(number as i64));
    let head = Head::new(ORG, message, at, vec![EventKind::Queued, EventKind::Delivered]);
    let entry = head.entry(format!("ciphertext {number}").into_bytes());
    JournalRow { id: 100 + number as i64, message, at, entry: entry.to_bytes() }
}

/// A ledger in memory, as a database would hold it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) rows: BTreeMap<i64, JournalRow>,
    pub(crate) runs: Vec<RunRow>,
    pub(crate) verifier: VerifierKey,
}

impl World {
    /// A ledger with runs of these lengths.
    pub(crate) fn new(lengths: &[usize]) -> Self {
        let key = key(1);
        let ledger = Ledger { org: ORG, origin: ORIGIN, key: &key };
        let mut world = Self { rows: BTreeMap::new(), runs: Vec::new(), verifier: ledger.verifier() };
        let (mut frontier, mut number) = (Frontier::new(), 0);
        for length in lengths {
            let rows: Vec<JournalRow> = (0..*length as u64).map(|more| row(number + more)).collect();
            number += *length as u64;
            let (run, _) = run_of(&ledger, frontier, &rows, at(number as i64)).unwrap();
            frontier = crate::run::RunTree::from_bytes(&run.frontier).unwrap().frontier;
            world.rows.extend(rows.into_iter().map(|row| (row.id, row)));
            world.runs.push(run);
        }
        world
    }

    /// The signed head after the first `runs` runs.
    pub(crate) fn checkpoint(&self, runs: usize) -> Checkpoint {
        Checkpoint::verify(&self.runs[runs - 1].checkpoint, &self.verifier).unwrap()
    }

    /// What an audit of it finds, given earlier checkpoints.
    pub(crate) fn audit(&self, earlier: &[Checkpoint]) -> Report {
        let mut auditor = Auditor::new(&self.verifier, earlier);
        for run in &self.runs {
            let seen: Vec<Seen> = run.journal_ids.iter().map(|id| Seen::new(ORG, *id, self.rows.get(id))).collect();
            auditor.run(run, &seen);
        }
        auditor.finish()
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.audit(&[]).findings
    }
}

pub(crate) fn salt() -> Salt {
    Salt::new([5; 32])
}

pub(crate) fn recipient() -> Address {
    Address::parse("jane.doe@example.com").unwrap()
}

/// A receipt with a value in each field.
pub(crate) fn receipt() -> Receipt {
    let reply = Reply::new(250, EnhancedCode(2, 0, 0), "<jane.doe@example.com> Ok: queued as 4F2B");
    let mut content = ContentDigest::new(&salt());
    content.update(b"Subject: Results\r\n\r\nYour results.\r\n");
    Receipt {
        message: message(1),
        organisation: "lakeside".to_owned(),
        recipient_sha256: recipient_digest(&salt(), &recipient()),
        content_sha256: content.finish(),
        policy_sha256: Digest::of(&[b"policy"]),
        decision: Verdict::Deliver,
        because: vec!["default".to_owned()],
        need: Some(Need::Verified),
        proved: Some(Level::Verified),
        method: Method::Tls,
        kind: ReceiptKind::Content,
        status: Status::Delivered,
        tls: Some(Tls {
            version: "TLSv1.3".to_owned(),
            cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
            certificate_sha256: Digest::of(&[b"certificate"]),
            verified: "chain and name mx.example.com".to_owned(),
        }),
        mx_lookup: Some(MxLookup::Insecure),
        mx: Some("mx.example.com".to_owned()),
        mx_address: Some(IpAddr::from([192, 0, 2, 25])),
        reply: Some(PeerReply::masked(&reply, &recipient())),
        accepted_at: at(0),
        sent_at: at(2),
        seal: None,
        signature: None,
        requiretls: false,
    }
}
