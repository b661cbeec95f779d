//! What the rounds came to, for people and as JSON.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use serde_json::{Value, json};

use super::Options;
use super::load::Figures;
use super::relay::SIGNED;

/// Figures by server, and what the machine itself allows.
#[derive(Default)]
pub struct Report {
    rounds: BTreeMap<&'static str, Vec<Figures>>,
    /// What 99 of 100 syncs of the disk stay under, by round.
    pub sync_p99_ms: Vec<f64>,
    /// What a raw signature takes, by round.
    pub signature_ms: Vec<f64>,
}

impl Report {
    /// Takes a round's figures and tells them.
    pub fn add(&mut self, name: &'static str, round: u32, figures: Figures) {
        if self.rounds.is_empty() {
            eprintln!("{HEAD}");
        }
        eprintln!("{}", line(&format!("{name} {round}"), &figures));
        self.rounds.entry(name).or_default().push(figures);
    }

    /// Prints medians and ratios.
    pub fn finish(&self, options: &Options) -> Result<()> {
        let medians: BTreeMap<&str, Figures> =
            self.rounds.iter().filter_map(|(name, rounds)| Some((*name, median(rounds)?))).collect();
        let ratios = medians.get("sealpost").zip(medians.get("postfix")).map(|(ours, theirs)| ratios(ours, theirs));
        let (sync, signature) = (middle(&self.sync_p99_ms), middle(&self.signature_ms));
        let signing =
            medians.get(SIGNED).zip(medians.get("sealpost")).map(|(with, without)| with.cpu_ms - without.cpu_ms);
        let mut out = std::io::stdout().lock();
        if options.json {
            let value = json!({
                "messages": options.messages, "sessions": options.sessions, "dkim": options.dkim,
                "rounds": self.rounds, "medians": medians, "sealpost_to_postfix": ratios,
                "sync_p99_ms": sync, "signature_ms": signature, "signing_ms": signing,
            });
            return Ok(writeln!(out, "{value}")?);
        }
        writeln!(out, "\nmedians of {} rounds, {} messages each\n{HEAD}", options.rounds, options.messages)?;
        for (name, figures) in &medians {
            writeln!(out, "{}", line(name, figures))?;
        }
        if let Some(ratios) = ratios {
            let ratio = |key: &str| ratios[key].as_f64().unwrap_or_default();
            writeln!(
                out,
                "sealpost : postfix   accepted {:.2}, delivered {:.2}, CPU a message {:.2}, memory {:.2}",
                ratio("accepted"),
                ratio("delivered"),
                ratio("cpu"),
                ratio("memory")
            )?;
        }
        if let Some(sync) = sync {
            writeln!(out, "a sync of this disk   {sync:.1} ms at p99, with nothing else to write")?;
        }
        if let Some((signature, signing)) = signature.zip(signing) {
            writeln!(out, "DKIM with RSA-2048   {signing:.3} CPU-ms a message, one raw signature {signature:.3} ms")?;
        }
        Ok(())
    }
}

const HEAD: &str =
    "                 accepted/s  250 p99 ms  delivered/s  CPU-ms a message  peak MiB  TLS connections (resumed)";

fn line(name: &str, figures: &Figures) -> String {
    format!(
        "{name:<16} {:>11.0} {:>11.1} {:>12.0} {:>17.3} {:>9.0}  {} ({})",
        figures.accepted_per_s,
        figures.accept_p99_ms,
        figures.delivered_per_s,
        figures.cpu_ms,
        figures.memory_mib,
        figures.connections,
        figures.resumed
    )
}

/// The median; none of nothing.
pub fn middle(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some((low + high) / 2.0)
}

/// The median of each figure by itself.
pub fn median(rounds: &[Figures]) -> Option<Figures> {
    let of = |figure: fn(&Figures) -> f64| middle(&rounds.iter().map(figure).collect::<Vec<_>>());
    Some(Figures {
        accepted_per_s: of(|figures| figures.accepted_per_s)?,
        accept_p99_ms: of(|figures| figures.accept_p99_ms)?,
        delivered_per_s: of(|figures| figures.delivered_per_s)?,
        cpu_ms: of(|figures| figures.cpu_ms)?,
        memory_mib: of(|figures| figures.memory_mib)?,
        connections: of(|figures| figures.connections as f64)? as u64,
        resumed: of(|figures| figures.resumed as f64)? as u64,
    })
}

fn ratios(ours: &Figures, theirs: &Figures) -> Value {
    json!({
        "accepted": ours.accepted_per_s / theirs.accepted_per_s,
        "delivered": ours.delivered_per_s / theirs.delivered_per_s,
        "cpu": ours.cpu_ms / theirs.cpu_ms,
        "memory": ours.memory_mib / theirs.memory_mib,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(accepted_per_s: f64) -> Figures {
        let cpu_ms = 1.0 / accepted_per_s;
        let (accept_p99_ms, delivered_per_s, memory_mib) = (1.0, 2.0, 3.0);
        Figures { accepted_per_s, accept_p99_ms, delivered_per_s, cpu_ms, memory_mib, connections: 4, resumed: 5 }
    }

    #[test]
    fn medians_are_of_each_figure() {
        let rounds = [figures(4.0), figures(1.0), figures(2.0)];
        assert!(median(&[]).is_none());
        assert!(median(&rounds).is_some_and(|median| median.accepted_per_s == 2.0 && median.cpu_ms == 0.5));
        assert!(median(&rounds[..2]).is_some_and(|median| median.accepted_per_s == 2.5 && median.connections == 4));
    }

    #[test]
    fn ratios_are_ours_to_theirs() {
        let ratios = ratios(&figures(6.0), &figures(2.0));
        assert_eq!((ratios["accepted"].as_f64(), ratios["delivered"].as_f64()), (Some(3.0), Some(1.0)));
    }
}
