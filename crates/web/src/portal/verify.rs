//! "Is this mail really from us?" answered from what was pasted alone.
//!
//! No link is looked up, so that the answer tells nothing about any: whether an
//! address leads to this host, or a sender is in a domain of the clinic's.

use mail::{Address, Domain};

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It leads here.
    OurLink {
        /// Where, as the browser would show it.
        host: String,
    },
    /// It leads elsewhere.
    ForeignLink,
    /// The address is in a domain of ours, which proves little.
    OurSender,
    /// The address is in no domain of ours.
    ForeignSender,
    /// Neither a link nor an address.
    Unclear,
}

/// Judges a link or a sender that was pasted.
pub(super) fn judge(pasted: &str, origin: &str, senders: &[Domain]) -> Verdict {
    let pasted = pasted.trim().trim_matches(['<', '>', '"', '\'', '“', '”', '«', '»']).trim();
    if let Some((scheme, rest)) = pasted.split_once("://") {
        return link(scheme, rest, origin);
    }
    let address = pasted.rsplit(['<', ' ']).next().unwrap_or_default();
    if let Ok(address) = Address::parse(address) {
        let is_ours = senders.iter().any(|domain| address.domain().is_within(domain));
        return if is_ours { Verdict::OurSender } else { Verdict::ForeignSender };
    }
    // `portal.clinic.example/m/…` without its scheme, as some mail clients show it.
    let host = pasted.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = host.contains('.') && !host.contains(char::is_whitespace);
    if is_host { link("https", pasted, origin) } else { Verdict::Unclear }
}

/// Whether a browser would come to this origin by it. What browsers take for
/// something else than it looks like (`\`, `@`, controls) is never ours.
fn link(scheme: &str, rest: &str, origin: &str) -> Verdict {
    let is_odd = |c: char| c == '\\' || c == '@' || c.is_whitespace() || c.is_control();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((our_scheme, our_authority)) = origin.split_once("://") else { return Verdict::Unclear };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Verdict::ForeignLink;
    }
    let (host, our_host) = (without_default_port(authority), without_default_port(our_authority));
    // Plain http for our https comes here all the same: the browser is sent on.
    let is_scheme = scheme.eq_ignore_ascii_case(our_scheme) || our_scheme == "https";
    if rest.contains(is_odd) || !host.eq_ignore_ascii_case(our_host) || !is_scheme {
        return Verdict::ForeignLink;
    }
    Verdict::OurLink { host: our_host.to_owned() }
}

fn without_default_port(authority: &str) -> &str {
    let authority = authority.strip_suffix(":443").or_else(|| authority.strip_suffix(":80")).unwrap_or(authority);
    authority.strip_suffix('.').unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "https://portal.clinic.example";

    fn check(pasted: &str, expect: &Verdict) {
        let senders = [Domain::parse("clinic.example").unwrap()];
        assert_eq!(&judge(pasted, ORIGIN, &senders), expect, "{pasted}");
    }

    #[test]
    fn a_link_to_us_is_ours() {
        let ours = Verdict::OurLink { host: "portal.clinic.example".into() };
        for pasted in [
            "https://portal.clinic.example/m/00000000000000000000000000",
            " <https://PORTAL.clinic.example/m/x?lang=es> ",
            "http://portal.clinic.example:80/",
            "https://portal.clinic.example:443",
            "https://portal.clinic.example./m/x",
            "portal.clinic.example/m/x",
        ] {
            check(pasted, &ours);
        }
    }

    #[test]
    fn a_link_that_only_looks_like_ours_is_foreign() {
        for pasted in [
            "https://portal.clinic.example.evil.example/m/x",
            "https://portal-clinic.example/m/x",
            "https://portal.clinic.example@evil.example/m/x",
            "https://portal.clinic.example:8443/m/x",
            "https://evil.example/https://portal.clinic.example/m/x",
            "https://evil.example\\@portal.clinic.example/",
            "https://portal.clinic.example\\.evil.example/",
            "https://portal.cl\u{456}nic.example/",
            "javascript://portal.clinic.example/%0aalert(1)",
            "evil.example/m/x",
        ] {
            check(pasted, &Verdict::ForeignLink);
        }
    }

    #[test]
    fn a_sender_is_ours_by_its_domain() {
        check("care@clinic.example", &Verdict::OurSender);
        check("Lakeside Clinic <care@mail.clinic.example>", &Verdict::OurSender);
        check("care@clinic.example.evil.example", &Verdict::ForeignSender);
        check("care@notclinic.example", &Verdict::ForeignSender);
    }

    #[test]
    fn what_is_neither_is_unclear() {
        for pasted in ["", "hello", "my mail.", "@", "://"] {
            assert!(matches!(judge(pasted, ORIGIN, &[]), Verdict::Unclear | Verdict::ForeignLink), "{pasted}");
        }
        check("hello", &Verdict::Unclear);
    }
}
