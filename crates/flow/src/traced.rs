//! How a message came here from another mail system, as its trace fields tell
//! it, for the first entry of its journal.
//!
//! Only what has trace fields of others is traced: what an application wrote
//! costs one look for the name of the field.

use jiff::Timestamp;
use ledger::{Event, TracedHop, Transit};
use trace::{Block, Hop, Limits, Trust, Verdict};

/// Hops that are kept: more are a loop or a story.
const HOPS_MAX: usize = 30;
/// Characters of what a hop says.
const TEXT_MAX: usize = 200;

/// The way of a message whose header block, with this server's own `Received`
/// field on top, is `header`. None where nobody else wrote one.
pub(crate) fn traced(header: &[u8]) -> Option<Event> {
    let received = mail::header::fields(header).filter(|field| field.is("Received")).count();
    if received < 2 {
        return None;
    }
    // What the door lets in is within the limits.
    let block = Block::read(header, &Limits::default()).ok()?;
    // The topmost field is ours, and names whose servers are own.
    let trust = Trust::default();
    let trace = trace::trace(&block, &trust);
    let left_out = trace.hops.len().saturating_sub(HOPS_MAX);
    Some(Event::Traced {
        verdict: transit(trace.summary.verdict),
        because: cut(&trace.because()),
        hops: trace.hops.iter().take(HOPS_MAX).map(hop).collect(),
        hops_left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
    })
}

fn hop(hop: &Hop<'_>) -> TracedHop {
    let name = |text: Option<&str>| text.map(cut);
    let tls = hop.tls.map(|tls| {
        let version = tls.version_name().or(tls.version).unwrap_or_default();
        let cipher = tls.cipher_name().or_else(|| tls.cipher.map(str::to_owned)).unwrap_or_default();
        (cut(version), cut(&cipher))
    });
    TracedHop {
        from: name(hop.from.written),
        by: name(hop.by.written),
        with: name(hop.with),
        time: hop.time.and_then(|time| Timestamp::from_second(time.0).ok()),
        tls,
        verdict: transit(hop.verdict),
        trusted: hop.trusted,
        because: cut(&hop.because.to_string()),
    }
}

fn transit(verdict: Verdict) -> Transit {
    match verdict {
        Verdict::Encrypted => Transit::Encrypted,
        Verdict::NotEncrypted => Transit::NotEncrypted,
        Verdict::Internal => Transit::Internal,
        Verdict::Unknown => Transit::Unknown,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "Received: from mail.sender.example ([192.0.2.1])\r\n\tby secure.clinic.example with ESMTPS\r\n\t\
        (version=TLSv1.3 cipher=TLS13_AES_256_GCM_SHA384)\r\n\tid msg_1; Tue, 13 Jan 2026 10:00:07 +0000\r\n";
    const OTHER: &str = "Received: from app.sender.example (app.sender.example [203.0.113.25])\r\n\
        \tby mail.other.example (Postfix) with ESMTP id 1; Tue, 13 Jan 2026 10:00:05 +0000\r\n";

    #[test]
    fn what_nobody_else_wrote_is_not_traced() {
        assert_eq!(traced(OWN.as_bytes()), None);
        assert_eq!(traced(b""), None);
        assert_eq!(traced([OWN, "X-Received: from x\r\n"].concat().as_bytes()), None);
    }

    #[test]
    fn the_way_is_kept_with_its_verdicts() {
        let Some(Event::Traced { verdict, because, hops, hops_left_out }) = traced([OWN, OTHER].concat().as_bytes())
        else {
            panic!("not traced");
        };
        assert_eq!((verdict, hops_left_out), (Transit::NotEncrypted, 0));
        assert!(because.starts_with("not encrypted between"), "{because}");
        let kept: Vec<_> = hops.iter().map(|hop| (hop.verdict, hop.trusted)).collect();
        assert_eq!(kept, [(Transit::Encrypted, true), (Transit::NotEncrypted, false)]);
        assert_eq!(hops[0].tls.as_ref().unwrap().0, "TLS 1.3");
        assert_eq!(hops[1].time.unwrap().to_string(), "2026-01-13T10:00:05Z");
    }

    #[test]
    fn a_story_is_cut() {
        let many = [OWN, &OTHER.repeat(90)].concat();
        let Some(Event::Traced { hops, hops_left_out, .. }) = traced(many.as_bytes()) else { panic!("not traced") };
        assert_eq!((hops.len(), hops_left_out), (30, 61));
    }
}
