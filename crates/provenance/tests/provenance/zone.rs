//! A DNS in memory.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use transport::{Answer, DnsName, DnsProof, LookupError, Pending, Presence, Record, RecordKind, SecureDns};

/// A zone: what it does not name does not exist.
#[derive(Default)]
pub struct Zone {
    records: HashMap<String, Vec<(RecordKind, Record)>>,
    /// Names of which whatever is not in the zone can't be found out.
    silent: HashSet<String>,
    /// Every question.
    pub asked: Mutex<Vec<(String, RecordKind)>>,
}

impl Zone {
    pub fn add(&mut self, name: &str, kind: RecordKind, record: Record) {
        self.records.entry(name.to_ascii_lowercase()).or_default().push((kind, record));
    }

    pub fn txt(&mut self, name: &str, text: &str) {
        self.add(name, RecordKind::Txt, Record::Text(text.as_bytes().to_vec()));
    }

    pub fn fail(&mut self, name: &str) {
        self.silent.insert(name.to_ascii_lowercase());
    }

    fn find(&self, name: &DnsName, kind: RecordKind) -> Result<Answer, LookupError> {
        let mut at = name.clone();
        for _ in 0..8 {
            let own = self.records.get(at.as_str()).map(Vec::as_slice).unwrap_or_default();
            let records: Vec<Record> =
                own.iter().filter(|(own, _)| *own == kind).map(|(_, record)| record.clone()).collect();
            if !records.is_empty() {
                return Ok(Answer { records, ..Answer::none(at, Presence::Present, DnsProof::Insecure) });
            }
            match own.iter().find_map(|(_, record)| if let Record::Alias(name) = record { Some(name) } else { None }) {
                Some(target) => at = target.clone(),
                None => break,
            }
        }
        if self.silent.contains(at.as_str()) {
            return Err(LookupError::Failed);
        }
        let below = format!(".{at}");
        let exists = self.records.contains_key(at.as_str()) || self.records.keys().any(|name| name.ends_with(&below));
        let presence = if exists { Presence::NoData } else { Presence::NoSuchName };
        Ok(Answer::none(at, presence, DnsProof::Insecure))
    }
}

impl SecureDns for Zone {
    fn lookup<'a>(&'a self, name: &'a DnsName, kind: RecordKind) -> Pending<'a, Result<Answer, LookupError>> {
        self.asked.lock().unwrap().push((name.to_string(), kind));
        Box::pin(async move { self.find(name, kind) })
    }
}
