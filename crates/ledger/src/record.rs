//! What one transition leaves: its events and its receipts, packed in one
//! value that is sealed into one journal row.

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventKind};

const FORMAT: u8 = 1;

/// The events and receipts of one transition, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// What happened.
    pub events: Vec<Event>,
    /// Receipts, as compact JWS.
    pub receipts: Vec<String>,
}

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer version.
    #[error("format {0} of a record is not known here")]
    Format(u8),
    /// Not what this version writes.
    #[error("a record is malformed")]
    Malformed(#[source] serde_json::Error),
}

#[derive(Serialize)]
struct Written<'a> {
    v: u8,
    events: &'a [Event],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    receipts: &'a [String],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    #[serde(rename = "v")]
    _format: u8,
    events: Vec<Event>,
    #[serde(default)]
    receipts: Vec<String>,
}

#[derive(Deserialize)]
struct Versioned {
    v: u8,
}

impl Record {
    /// A record of these events, without receipts.
    pub fn new(events: Vec<Event>) -> Self {
        Self { events, receipts: Vec::new() }
    }

    /// The kinds of its events, in order, for the open head of the entry.
    pub fn kinds(&self) -> Vec<EventKind> {
        self.events.iter().map(Event::kind).collect()
    }

    /// The bytes to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let written = Written { v: FORMAT, events: &self.events, receipts: &self.receipts };
        serde_json::to_vec(&written).expect("a record has nothing that JSON can't hold")
    }

    /// Reads what [`Record::to_bytes`] made.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let Versioned { v } = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
        if v != FORMAT {
            return Err(RecordError::Format(v));
        }
        let Read { events, receipts, .. } = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
        Ok(Self { events, receipts })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use mail::suppression::Reason;
    use mail::{ApiKeyId, EnhancedCode, Level, Method, MxLookup, Need, ParcelId, Reply, ReversePath, SuppressionId};

    use super::*;
    use crate::digest::Digest;
    use crate::fact::{Door, Tls, Verdict};
    use crate::fixture::{at, recipient};
    use crate::sealing::{KeyNamed, SealIntegrity, Sealing, Signing};
    use crate::transit::{TracedHop, Transit};

    /// One event of each kind.
    fn events() -> Vec<Event> {
        [events_up_to_the_queue(), events_of_delivery(), events_of_the_portal(), events_of_keys(), last_events()]
            .concat()
    }

    fn events_up_to_the_queue() -> Vec<Event> {
        let recipient = recipient();
        let because = "why".to_owned();
        let parcel = ParcelId::from_bytes([7; 16]);
        vec![
            Event::Accepted {
                door: Door::Smtp,
                submitter: "app".to_owned(),
                peer: IpAddr::from([127, 0, 0, 1]),
                tls: Some(("TLSv1.3".to_owned(), "TLS13_AES_256_GCM_SHA384".to_owned())),
                sender: ReversePath(None),
                recipients: vec![recipient.clone()],
                body_bytes: 1234,
                stream: Some("reminders".to_owned()),
            },
            Event::Traced {
                verdict: Transit::NotEncrypted,
                because: because.clone(),
                hops: vec![TracedHop {
                    from: Some("mail.a.example".to_owned()),
                    by: Some("mx.b.example".to_owned()),
                    with: None,
                    time: Some(at(1)),
                    tls: Some(("TLS 1.3".to_owned(), "TLS_AES_128_GCM_SHA256".to_owned())),
                    verdict: Transit::Encrypted,
                    trusted: false,
                    because: because.clone(),
                }],
                hops_left_out: 2,
            },
            Event::Authenticated {
                results: "mx.clinic.example; spf=pass".to_owned(),
                warnings: vec!["lookalike".to_owned()],
                return_path: true,
            },
            Event::Proven { opened: true, line: "encrypted; not signed".to_owned() },
            Event::Decided {
                recipient: recipient.clone(),
                decision: Verdict::Deliver,
                needs: Some(Need::EndToEnd),
                because: vec!["default".to_owned()],
                policy: Digest::of(&[]),
            },
            Event::TlsRequiredNo { heeded: false, because: because.clone() },
            Event::Sealed { recipient: recipient.clone(), method: Method::Smime, because, key: Some(key_named()) },
            Event::KeySought { recipient: recipient.clone(), found: "nothing".to_owned() },
            Event::Queued { parcel, kind: "content".to_owned(), recipients: vec![recipient] },
        ]
    }

    const SUPPRESSION: SuppressionId = SuppressionId::from_bytes([5; 16]);

    fn events_of_delivery() -> Vec<Event> {
        let recipient = recipient();
        let because = "why".to_owned();
        let parcel = ParcelId::from_bytes([7; 16]);
        let reply = Reply::new(250, EnhancedCode(2, 0, 0), "ok");
        let tls = Tls {
            version: "TLSv1.3".to_owned(),
            cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
            certificate_sha256: Digest::of(&[]),
            verified: "chain and name mx.example".to_owned(),
        };
        vec![
            Event::Attempted {
                parcel,
                mx: "mx.example".to_owned(),
                ip: Some(IpAddr::from([192, 0, 2, 1])),
                mx_lookup: Some(MxLookup::MtaSts),
                level: Some(Level::Verified),
                tls: Some(tls),
                reply: Some(reply.clone()),
                result: "sent".to_owned(),
            },
            Event::Delivered {
                parcel,
                recipient: recipient.clone(),
                reply,
                sealing: Some(sealing()),
                signing: Some(Signing::Unsigned { because: because.clone() }),
            },
            Event::Deferred {
                parcel,
                recipient: recipient.clone(),
                because: because.clone(),
                reply: None,
                until: at(60),
            },
            Event::Rerouted {
                parcel,
                recipient: recipient.clone(),
                from: Method::Tls,
                to: Method::Portal,
                because: because.clone(),
            },
            Event::Refused { recipient: None, because: because.clone() },
            Event::Suppressed {
                recipient: recipient.clone(),
                suppression: SUPPRESSION,
                reason: Reason::HardBounce,
                stream: None,
                since: at(1),
            },
            Event::Held { recipient: Some(recipient.clone()), because: because.clone() },
            Event::Released { recipient: None, by: "admin".to_owned(), reason: Some("looked at".to_owned()) },
            Event::Rejected { recipient: recipient.clone(), by: "admin".to_owned(), reason: because.clone() },
            Event::Bounced { parcel, recipient, because, reply: None, class: Some("full".to_owned()) },
        ]
    }

    fn events_of_the_portal() -> Vec<Event> {
        let recipient = recipient();
        let because = "why".to_owned();
        let peer = Some(IpAddr::from([192, 0, 2, 1]));
        vec![
            Event::Notified { recipient: recipient.clone(), level: Level::Encrypted },
            Event::CodeSent { recipient: recipient.clone(), needs: Level::Encrypted },
            Event::CodeWithheld { recipient: recipient.clone(), because: because.clone() },
            Event::CodeWrong { recipient: recipient.clone(), peer },
            Event::CodeAccepted { recipient: recipient.clone(), peer },
            Event::PassphraseWrong { recipient: recipient.clone(), peer: None },
            Event::PassphraseMissing { recipient: recipient.clone(), because: because.clone() },
            Event::QueueChanged {
                parcel: ParcelId::from_bytes([7; 16]),
                recipients: vec![recipient.clone()],
                deed: "hold".to_owned(),
                by: "operator:ada".to_owned(),
                reason: "a wrong list".to_owned(),
            },
            Event::Opened { recipient: recipient.clone(), met: vec!["code".to_owned()], peer },
            Event::Replied {
                recipient: recipient.clone(),
                reply: mail::MessageId::from_bytes([8; 16]),
                to: recipient.clone(),
                topic: Some("billing".into()),
                peer,
            },
            Event::Recalled {
                recipient: recipient.clone(),
                outcome: "withdrawn".into(),
                by: "operator:root".into(),
                reason: because.clone(),
            },
            Event::ResendAsked { recipient: recipient.clone() },
            Event::Looped {
                recipient: recipient.clone(),
                submitter: "connector:m365".to_owned(),
                peer: IpAddr::from([192, 0, 2, 1]),
            },
            Event::Expired { recipient: None, because: because.clone() },
            Event::CredentialMade {
                login: "ehr".into(),
                senders: vec!["*@clinic.example".into()],
                by: "operator:root".into(),
            },
            Event::CredentialRevoked { login: "ehr".into(), by: "operator:root".into() },
        ]
    }

    fn last_events() -> Vec<Event> {
        let (recipient, because) = (recipient(), "why".to_owned());
        let parcel = ParcelId::from_bytes([7; 16]);
        let reply = Reply::new(250, EnhancedCode(2, 0, 0), "ok");
        vec![
            Event::Erased { because: because.clone() },
            Event::SuppressionAdded {
                suppression: SUPPRESSION,
                recipient: recipient.clone(),
                reason: Reason::Complaint,
                stream: Some("news".into()),
                origin: "report msg_… about msg_…".into(),
            },
            Event::SuppressionRemoved {
                suppression: SUPPRESSION,
                recipient: recipient.clone(),
                reason: Reason::Manual,
                stream: None,
                by: "operator:root".into(),
                because: because.clone(),
            },
            Event::Complained {
                recipient: recipient.clone(),
                feedback: "abuse".into(),
                by: "provider.example".into(),
                report: mail::MessageId::from_bytes([6; 16]),
                proof: "return_path".into(),
            },
            Event::DsnReceived {
                recipient: recipient.clone(),
                action: "failed".into(),
                status: Some(EnhancedCode(5, 1, 1)),
                class: "bad_address".into(),
                because: because.clone(),
                by: "mx.example".into(),
                dsn: mail::MessageId::from_bytes([6; 16]),
                proof: "return_path".into(),
            },
            Event::DsnSent { parcel, recipient: recipient.clone(), reply },
            Event::DsnFailed { parcel: Some(parcel), recipient, because },
        ]
    }

    fn events_of_keys() -> Vec<Event> {
        let (recipient, key, by) = (recipient(), key_named(), "operator:root".to_owned());
        let (because, own) = ("why".to_owned(), mail::OrgKeyId::from_bytes([8; 16]));
        let fingerprint = key.fingerprint.clone();
        vec![
            Event::KeyLearned { recipient: recipient.clone(), key: key.clone(), by: by.clone() },
            Event::KeyHeld { recipient: recipient.clone(), key: key.clone(), by: by.clone(), because: because.clone() },
            Event::KeyUpdated { recipient: recipient.clone(), key: key.clone(), by: by.clone() },
            Event::KeyAccepted { recipient: recipient.clone(), key: key.clone(), by: by.clone() },
            Event::KeyReplaced { recipient: recipient.clone(), key: key.clone(), with: key.id },
            Event::KeyRejected { recipient: recipient.clone(), key: key.clone(), by: by.clone() },
            Event::KeyWithdrawn { recipient: recipient.clone(), key: key.clone(), by: by.clone() },
            Event::KeyUnwanted { recipient: recipient.clone(), key: key.clone(), by: by.clone() },
            Event::KeyRemoved { recipient: recipient.clone(), key, by: by.clone() },
            Event::KeyOffered { recipient: recipient.clone(), fingerprint: fingerprint.clone(), peer: None },
            Event::KeyProofWrong { recipient: recipient.clone(), peer: None },
            Event::KeyProven { recipient, fingerprint: fingerprint.clone(), peer: None },
            Event::OrgKeyMade {
                key: own,
                fingerprint: fingerprint.clone(),
                owners: vec!["*@clinic.example".to_owned()],
                how: "generated".to_owned(),
                by: by.clone(),
            },
            Event::OrgKeyRetired { key: own, fingerprint: fingerprint.clone(), by: by.clone() },
            Event::OrgKeyPublished { key: own, fingerprint: fingerprint.clone(), by: by.clone() },
            Event::OrgKeyWithdrawn { key: own, fingerprint: fingerprint.clone(), by: by.clone() },
            Event::OrgKeyExpiring { key: own, fingerprint: fingerprint.clone(), ends_at: at(90) },
            Event::OrgKeyRevoked { key: own, fingerprint, because, by },
            Event::PostureFell {
                domain: mail::Domain::parse("partner.example").unwrap(),
                noticed_by: "watch".to_owned(),
                because: vec!["grade B → F".to_owned()],
            },
            Event::PostureRecovered {
                domain: mail::Domain::parse("partner.example").unwrap(),
                noticed_by: "watch".to_owned(),
                because: vec!["grade B".to_owned()],
            },
            Event::CertificateIssued {
                names: vec![mail::Domain::parse("secure.clinic.example").unwrap()],
                issuer: "CN=R1".to_owned(),
                sha256: "00".repeat(32),
                ends_at: at(90),
            },
            Event::CertificateFailed {
                names: vec![mail::Domain::parse("secure.clinic.example").unwrap()],
                because: "not proven".to_owned(),
            },
            Event::ApiKeyMade {
                key: ApiKeyId::from_bytes([9; 16]),
                name: "refills".into(),
                scopes: vec!["messages:send".into()],
                senders: vec!["*@clinic.example".into()],
                test: false,
                by: "operator:root".into(),
            },
            Event::ApiKeyRevoked { key: ApiKeyId::from_bytes([9; 16]), by: "operator:root".into() },
            Event::ConnectorSecret { connector: "m365".into(), what: "made".into(), by: "operator:root".into() },
        ]
    }

    fn key_named() -> KeyNamed {
        KeyNamed {
            id: mail::RecipientKeyId::from_bytes([9; 16]),
            format: mail::KeyFormat::Smime,
            fingerprint: "AB".repeat(32),
            source: mail::KeySource::SignedMail,
        }
    }

    fn sealing() -> Sealing {
        Sealing {
            format: mail::KeyFormat::Smime,
            fingerprint: "AB".repeat(32),
            algorithm: "RSA-OAEP".to_owned(),
            cipher: "AES-256-GCM".to_owned(),
            integrity: SealIntegrity::Aead,
            signed_by: None,
        }
    }

    /// What version 1 wrote before keys were known is read for ever.
    #[test]
    fn earlier_records_are_read() {
        let text = r#"{"v":1,"events":[{"event":"sealed","recipient":"p@x.example","method":"tls","because":"why"}]}"#;
        let record = Record::from_bytes(text.as_bytes()).unwrap();
        assert!(matches!(&record.events[0], Event::Sealed { key: None, .. }));
        assert_eq!(record.to_bytes(), text.as_bytes());
    }

    #[test]
    fn every_kind_of_event_is_written_and_read_again() {
        let record = Record { events: events(), receipts: vec!["a.b.c".to_owned()] };
        assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record);
        let mut kinds = record.kinds();
        kinds.sort_unstable();
        assert_eq!(kinds, EventKind::ALL, "this test has an event of each kind");
    }

    #[test]
    fn the_word_of_a_kind_is_its_word_in_json() {
        for event in events() {
            let json = serde_json::to_value(&event).unwrap();
            assert_eq!(json["event"], event.kind().word());
            assert_eq!(EventKind::from_word(event.kind().word()), Some(event.kind()));
        }
    }

    #[test]
    fn what_is_no_record_of_this_format_is_refused() {
        let bytes = Record::new(events()).to_bytes();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with(r#"{"v":1,"events":[{"event":"accepted""#), "{text}");
        let newer = text.replacen("\"v\":1", "\"v\":2", 1);
        assert!(matches!(Record::from_bytes(newer.as_bytes()), Err(RecordError::Format(2))));
        for bad in ["", "{}", "[]", r#"{"v":1}"#, r#"{"v":1,"events":[{"event":"vanished"}]}"#] {
            assert!(matches!(Record::from_bytes(bad.as_bytes()), Err(RecordError::Malformed(_))), "{bad}");
        }
        let more = text.replacen(r#""event":"accepted""#, r#""event":"accepted","more":1"#, 1);
        assert!(Record::from_bytes(more.as_bytes()).is_err());
    }
}
