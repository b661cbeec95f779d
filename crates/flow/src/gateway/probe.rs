//! A probe of the administrator's: a message that the organisation hands to
//! its own mail system, to see whether it comes back through a connector, with
//! the proof of the tenant. It is never delivered to anybody.
//!
//! Its field is tagged with a key of the organisation and holds for an hour,
//! so that nobody else can make a message vanish as a probe.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use mail::header;
use mail::seam::random;
use mail::{Entropy, Reply};
use store::{StoreError, Transition, Write};
use vault::{OrgVault, TagFor};

use crate::case::later;
use crate::journey::Journey;
use crate::organisation::Organisation;
use crate::reply;

/// The name of the field.
pub const FIELD: &str = "X-Sealpost-Probe";
/// So long a probe is one.
const LIFE: std::time::Duration = std::time::Duration::from_secs(3_600);
const TAG_BYTES: usize = 16;

/// A probe that was sent or has come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    made_at: i64,
    nonce: [u8; 8],
}

/// What became of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It came back through this connector, and its tenant was proven.
    Proven(String),
    /// It came back through a connector, without the proof of its tenant.
    NotProven,
}

impl Probe {
    /// A new one.
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self { made_at: now.as_second(), nonce: random(entropy) }
    }

    /// Its field, with its CRLF.
    pub fn field(&self, vault: &OrgVault) -> String {
        let nonce = u64::from_be_bytes(self.nonce);
        let tag = u128::from_be_bytes(self.tag(vault));
        format!("{FIELD}: {} {nonce:016x} {tag:032x}\r\n", self.made_at)
    }

    /// The genuine one that a header block bears, if it bears one that holds.
    pub fn read(vault: &OrgVault, header: &[u8], now: Timestamp) -> Option<Self> {
        let text = header::first(header, FIELD)?;
        let mut words = text.split_ascii_whitespace();
        let made_at = words.next()?.parse().ok()?;
        let nonce = u64::from_str_radix(words.next()?, 16).ok()?.to_be_bytes();
        let tag = u128::from_str_radix(words.next()?, 16).ok()?.to_be_bytes();
        let probe = Self { made_at, nonce };
        let life = i64::try_from(LIFE.as_secs()).unwrap_or(0);
        let is_fresh = (0..=life).contains(&now.as_second().saturating_sub(made_at));
        (is_fresh && verify_slices_are_equal(&probe.tag(vault), &tag).is_ok()).then_some(probe)
    }

    /// What has become of it so far.
    pub async fn found(&self, journey: &Journey, organisation: &Organisation) -> Result<Option<Found>, StoreError> {
        let told = |proven| journey.store.once(organisation.org, self.mark(&organisation.vault, proven));
        if let Some(connector) = told(true).await? {
            return Ok(Some(Found::Proven(String::from_utf8_lossy(&connector).into_owned())));
        }
        Ok(told(false).await?.map(|_| Found::NotProven))
    }

    /// It has come back: through this connector, or without proof.
    pub(crate) async fn arrived(&self, journey: &Journey, organisation: &Organisation, by: Option<&str>) -> Reply {
        let now = journey.clock.now();
        let mark = self.mark(&organisation.vault, by.is_some());
        let value = by.unwrap_or_default().as_bytes().to_vec();
        let write = Write::Once { mark, value, now, until: later(now, LIFE) };
        match journey.commit(Transition { org: organisation.org, writes: vec![write], journal: None }).await {
            Ok(()) | Err(StoreError::Conflict) => reply::probe_taken(),
            Err(why) => reply::not_stored(&why),
        }
    }

    fn tag(&self, vault: &OrgVault) -> [u8; TAG_BYTES] {
        let tag = vault.tag(TagFor::Probe, &[&self.made_at.to_be_bytes()[..], &self.nonce].concat());
        std::array::from_fn(|at| tag[at])
    }

    fn mark(&self, vault: &OrgVault, proven: bool) -> [u8; 32] {
        vault.once_hash(&[&b"probe\n"[..], &[u8::from(proven)], &self.nonce].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::OrgId;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn vault(org: u8) -> OrgVault {
        vault::RootKey::ephemeral(&Fixed(org)).new_org(OrgId(u32::from(org)), &Fixed(org)).0
    }

    #[test]
    fn only_a_fresh_probe_of_ones_own_is_one() {
        let (own, other) = (vault(1), vault(2));
        let at = |second| Timestamp::from_second(second).unwrap();
        let probe = Probe::new(at(1_000_000), &Fixed(7));
        let header = format!("A: 1\r\n{}B: 2\r\n", probe.field(&own));
        let read = |vault: &OrgVault, header: &str, second| Probe::read(vault, header.as_bytes(), at(second));
        assert_eq!(read(&own, &header, 1_000_000), Some(probe));
        assert_eq!(read(&own, &header, 1_003_600), Some(probe));
        assert_eq!(read(&own, &header, 1_003_601), None, "it is over");
        assert_eq!(read(&own, &header, 999_999), None, "it is of the future");
        assert_eq!(read(&other, &header, 1_000_000), None);
        for edited in
            [header.replace("1000000", "1000001"), header.replace("0707", "0708"), "X-Sealpost-Probe: \r\n".to_owned()]
        {
            assert_eq!(read(&own, &edited, 1_000_001), None, "{edited}");
        }
    }
}
