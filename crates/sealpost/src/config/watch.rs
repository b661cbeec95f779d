//! `[watch]`: domains that are probed on a schedule.

use mail::Domain;
use serde::{Deserialize, Serialize};

use super::Config;
use super::check::Found;
use super::units::Span;

/// `[watch]`: off while `domains` is empty.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Watch {
    /// The domains.
    pub domains: Vec<Domain>,
    /// Whose ledger tells of them, by slug; none: the only organisation.
    pub organisation: Option<String>,
    /// The time between two rounds of a domain.
    pub interval: Span,
    /// One connection an address: no old versions, no weak ciphers.
    pub quick: bool,
    /// How long rounds are kept.
    pub keep: Span,
}

impl Default for Watch {
    fn default() -> Self {
        Self { domains: Vec::new(), organisation: None, interval: Span::days(1), quick: false, keep: Span::days(365) }
    }
}

impl Found<'_> {
    pub(super) fn watch(&mut self, config: &Config) {
        let watch = &config.watch;
        // A round may take minutes, and the hosts are not ours.
        if watch.interval < Span::hours(1) {
            self.wrong("watch.interval", "less than an hour would be a nuisance to the hosts of others");
        }
        if watch.keep.0 < watch.interval.0.saturating_mul(2) {
            self.wrong("watch.keep", "less than two rounds: there would be nothing to compare with");
        }
        let known = |slug: &String| config.organisation.iter().any(|organisation| organisation.slug == *slug);
        match &watch.organisation {
            Some(slug) if !known(slug) => self.wrong("watch.organisation", format!("there is no organisation {slug}")),
            None if !watch.domains.is_empty() && config.organisation.len() > 1 => {
                self.wrong("watch.organisation", "not set, and there are several organisations");
            }
            Some(_) | None => {}
        }
    }
}
