//! The DNS with proofs, over a signed world of zones: what is proven, what is
//! provably unsigned, and what is refused.

mod support;

use std::sync::Arc;

use mail::{Domain, MxLookup};
use support::Counting;
use testkit::dns::{Dns, Failure};
use testkit::knot::{Denial, Knot};
use testkit::signed_zone::{SignedDns, Signing};
use testkit::unbound::Unbound;
use transport::{
    DnsName, DnssecAnchors, HickoryResolver, LocalResolver, LookupError, Presence, RecordKind, ResolveError, Resolver,
    SecureDns,
};

const SECURE: &str = "
    secure.test               MX    10 mx.secure.test
    mx.secure.test            A     192.0.2.1
    _25._tcp.mx.secure.test   TLSA  3 1 1 aabb
    alias.secure.test         CNAME mx.secure.test
    away.secure.test          CNAME mx.plain.test
    bare.secure.test          CNAME text.secure.test
    text.secure.test          TXT   \"v=spf1 -all\" \" more\"
    text.secure.test          CAA   0 issue \"ca.example\"
    *.wild.secure.test        A     192.0.2.7
    real.wild.secure.test     A     192.0.2.8
    broken.secure.test        CNAME mx.bogus.test
";
const PLAIN: &str = "
    plain.test                MX    10 mx.plain.test
    mx.plain.test             A     192.0.2.2
    back.plain.test           CNAME mx.secure.test
";
const BOGUS: &str = "
    bogus.test                MX    10 mx.bogus.test
    mx.bogus.test             A     192.0.2.3
";

fn world() -> SignedDns {
    SignedDns::zones()
        .zone("test", Signing::Secure, "")
        .zone("secure.test", Signing::Secure, SECURE)
        .zone("plain.test", Signing::Insecure, PLAIN)
        .zone("bogus.test", Signing::Bogus, BOGUS)
        .start()
}

fn resolver(dns: &SignedDns) -> HickoryResolver {
    let anchors = DnssecAnchors::parse(dns.anchors()).unwrap();
    HickoryResolver::asking(&[dns.address()]).unwrap().validating(&anchors)
}

/// An answer in one line.
async fn ask(dns: &dyn SecureDns, name: &str, kind: RecordKind) -> String {
    match dns.lookup(&DnsName::parse(name).unwrap(), kind).await {
        Err(LookupError::Bogus) => "bogus".to_owned(),
        Err(LookupError::Failed) => "failed".to_owned(),
        Ok(answer) => {
            let what = match answer.presence {
                Presence::Present => answer.records.len().to_string(),
                Presence::NoData => "none".to_owned(),
                Presence::NoSuchName => "no such name".to_owned(),
            };
            let alias = answer.alias.map(|known| format!(" via alias ({known:?}) to {}", answer.name));
            format!("{what} {:?}{}", answer.proof, alias.unwrap_or_default())
        }
    }
}

#[tokio::test]
async fn signed_answers_and_signed_denials_are_secure() {
    let dns = world();
    let resolver = resolver(&dns);
    for (name, kind, expect) in [
        ("secure.test", RecordKind::Mx, "1 Secure"),
        ("mx.secure.test", RecordKind::A, "1 Secure"),
        ("_25._tcp.mx.secure.test", RecordKind::Tlsa, "1 Secure"),
        ("text.secure.test", RecordKind::Txt, "1 Secure"),
        ("text.secure.test", RecordKind::Caa, "1 Secure"),
        ("mx.secure.test", RecordKind::Aaaa, "none Secure"),
        ("_26._tcp.mx.secure.test", RecordKind::Tlsa, "no such name Secure"),
        ("nobody.secure.test", RecordKind::A, "no such name Secure"),
        ("nobody.test", RecordKind::A, "no such name Secure"),
        ("alias.secure.test", RecordKind::A, "1 Secure via alias (Secure) to mx.secure.test"),
        ("alias.secure.test", RecordKind::Aaaa, "none Secure via alias (Secure) to mx.secure.test"),
        ("bare.secure.test", RecordKind::A, "none Secure via alias (Secure) to text.secure.test"),
    ] {
        assert_eq!(ask(&resolver, name, kind).await, expect, "{name} {kind:?}");
    }
}

#[tokio::test]
async fn provably_unsigned_answers_are_insecure() {
    let dns = world();
    let resolver = resolver(&dns);
    for (name, kind, expect) in [
        ("plain.test", RecordKind::Mx, "1 Insecure"),
        ("mx.plain.test", RecordKind::A, "1 Insecure"),
        ("mx.plain.test", RecordKind::Aaaa, "none Insecure"),
        ("_25._tcp.mx.plain.test", RecordKind::Tlsa, "no such name Insecure"),
        ("away.secure.test", RecordKind::A, "1 Insecure via alias (Secure) to mx.plain.test"),
        ("back.plain.test", RecordKind::A, "1 Insecure via alias (Insecure) to mx.secure.test"),
    ] {
        assert_eq!(ask(&resolver, name, kind).await, expect, "{name} {kind:?}");
    }
}

#[tokio::test]
async fn what_its_owner_did_not_sign_is_no_answer() {
    let dns = world();
    let resolver = resolver(&dns);
    for (name, kind) in [
        ("bogus.test", RecordKind::Mx),
        ("mx.bogus.test", RecordKind::A),
        ("mx.bogus.test", RecordKind::Aaaa),
        ("_25._tcp.mx.bogus.test", RecordKind::Tlsa),
        ("broken.secure.test", RecordKind::A),
    ] {
        assert_eq!(ask(&resolver, name, kind).await, "bogus", "{name} {kind:?}");
    }
    let domain = Domain::parse("bogus.test").unwrap();
    assert_eq!(resolver.exchanges(&domain).await, Err(ResolveError::Failed));
    assert_eq!(resolver.addresses(&Domain::parse("mx.bogus.test").unwrap()).await, Err(ResolveError::Failed));
}

#[tokio::test]
async fn wildcards_of_nsec_zones_are_proven() {
    let dns = world();
    let resolver = resolver(&dns);
    assert_eq!(ask(&resolver, "any.wild.secure.test", RecordKind::A).await, "1 Secure");
    assert_eq!(ask(&resolver, "two.any.wild.secure.test", RecordKind::A).await, "1 Secure");
    assert_eq!(ask(&resolver, "real.wild.secure.test", RecordKind::A).await, "1 Secure");
}

/// What a signer that nobody here wrote makes of wildcards, aliases and empty
/// names, with both kinds of denial.
#[tokio::test]
async fn the_zones_of_knot_are_proven() {
    for denial in [Denial::Nsec, Denial::Nsec3] {
        let knot = Knot::start(denial, SECURE);
        let anchors = DnssecAnchors::parse(&knot.anchors()).unwrap();
        let resolver = HickoryResolver::asking(&[knot.address()]).unwrap().validating(&anchors);
        for (name, kind, expect) in [
            ("mx.secure.test", RecordKind::A, "1 Secure"),
            ("mx.secure.test", RecordKind::Aaaa, "none Secure"),
            ("_25._tcp.mx.secure.test", RecordKind::Tlsa, "1 Secure"),
            ("_25._tcp.real.wild.secure.test", RecordKind::Tlsa, "no such name Secure"),
            ("any.wild.secure.test", RecordKind::A, "1 Secure"),
            ("any.wild.secure.test", RecordKind::Aaaa, "none Secure"),
            ("two.any.wild.secure.test", RecordKind::A, "1 Secure"),
            ("_25._tcp.any.wild.secure.test", RecordKind::Tlsa, "none Secure"),
            ("wild.secure.test", RecordKind::A, "none Secure"),
            ("alias.secure.test", RecordKind::A, "1 Secure via alias (Secure) to mx.secure.test"),
            ("alias.secure.test", RecordKind::Aaaa, "none Secure via alias (Secure) to mx.secure.test"),
            ("nobody.secure.test", RecordKind::A, "no such name Secure"),
            ("_dmarc.sub.secure.test", RecordKind::Txt, "no such name Secure"),
            ("_mta-sts.one.two.secure.test", RecordKind::Txt, "no such name Secure"),
            ("nobody.else", RecordKind::A, "no such name Secure"),
        ] {
            assert_eq!(ask(&resolver, name, kind).await, expect, "{denial:?} {name} {kind:?}");
        }
    }
}

/// A resolver on this machine that validates: its word is taken.
#[tokio::test]
async fn the_word_of_a_local_validator_is_taken() {
    let dns = world();
    let unbound = Unbound::forwarding_to(dns.address(), dns.anchors());
    let resolver = LocalResolver::new(&[unbound.address()], Arc::new(Counting::default())).unwrap();
    for (name, kind, expect) in [
        ("secure.test", RecordKind::Mx, "1 Secure"),
        ("_25._tcp.mx.secure.test", RecordKind::Tlsa, "1 Secure"),
        ("_26._tcp.mx.secure.test", RecordKind::Tlsa, "no such name Secure"),
        ("mx.secure.test", RecordKind::Aaaa, "none Secure"),
        ("any.wild.secure.test", RecordKind::A, "1 Secure"),
        ("alias.secure.test", RecordKind::A, "1 Secure via alias (Secure) to mx.secure.test"),
        ("away.secure.test", RecordKind::A, "1 Insecure via alias (Secure) to mx.plain.test"),
        ("back.plain.test", RecordKind::A, "1 Insecure via alias (Insecure) to mx.secure.test"),
        ("plain.test", RecordKind::Mx, "1 Insecure"),
        ("mx.bogus.test", RecordKind::A, "bogus"),
        ("_25._tcp.mx.bogus.test", RecordKind::Tlsa, "bogus"),
        ("broken.secure.test", RecordKind::A, "bogus"),
    ] {
        assert_eq!(ask(&resolver, name, kind).await, expect, "{name} {kind:?}");
    }
    let long = (0..60).map(|i| format!("long.secure.test TXT \"{i}{}\"\n", "x".repeat(60))).collect::<String>();
    dns.replace("secure.test", &long);
    assert_eq!(ask(&resolver, "long.secure.test", RecordKind::Txt).await, "60 Secure");
}

#[tokio::test]
async fn only_a_validator_on_this_machine_is_believed() {
    let entropy: Arc<Counting> = Arc::default();
    assert!(LocalResolver::new(&["192.0.2.53:53".parse().unwrap()], entropy.clone()).is_err());
    assert!(LocalResolver::new(&[], entropy.clone()).is_err());
    let silent = Dns::start("");
    silent.fail("a.test", Failure::ServFail);
    let resolver = LocalResolver::new(&[silent.address()], entropy).unwrap();
    assert_eq!(ask(&resolver, "a.test", RecordKind::A).await, "failed");
    assert_eq!(ask(&resolver, "b.test", RecordKind::A).await, "no such name Insecure");
}

#[tokio::test]
async fn exchanges_say_how_they_are_known() {
    let dns = world();
    let resolver = resolver(&dns);
    for (domain, expect) in [("secure.test", MxLookup::Dnssec), ("plain.test", MxLookup::Insecure)] {
        let found = resolver.exchanges(&Domain::parse(domain).unwrap()).await.unwrap();
        assert_eq!(found.lookup, expect, "{domain}");
    }
    // No MX, provably: the domain itself.
    let found = resolver.exchanges(&Domain::parse("mx.secure.test").unwrap()).await.unwrap();
    assert_eq!((found.lookup, found.hosts.len()), (MxLookup::Dnssec, 1));
}

#[tokio::test]
async fn other_anchors_and_stripped_signatures_prove_nothing() {
    let (dns, other) = (world(), world());
    let anchors = DnssecAnchors::parse(other.anchors()).unwrap();
    let resolver = HickoryResolver::asking(&[dns.address()]).unwrap().validating(&anchors);
    assert_eq!(ask(&resolver, "secure.test", RecordKind::Mx).await, "bogus");
    assert_eq!(ask(&resolver, "plain.test", RecordKind::Mx).await, "bogus");
    // A name server that knows nothing of DNSSEC.
    let stripped = Dns::start("secure.test MX 10 mx.secure.test\n mx.secure.test A 192.0.2.1");
    let anchors = DnssecAnchors::parse(dns.anchors()).unwrap();
    let resolver = HickoryResolver::asking(&[stripped.address()]).unwrap().validating(&anchors);
    assert_eq!(ask(&resolver, "secure.test", RecordKind::Mx).await, "bogus");
    assert_eq!(ask(&resolver, "nobody.secure.test", RecordKind::Mx).await, "bogus");
}

#[tokio::test]
async fn without_validation_everything_is_insecure() {
    let dns = world();
    let resolver = HickoryResolver::asking(&[dns.address()]).unwrap();
    assert_eq!(ask(&resolver, "secure.test", RecordKind::Mx).await, "1 Insecure");
    assert_eq!(ask(&resolver, "nobody.secure.test", RecordKind::Mx).await, "no such name Insecure");
    assert_eq!(ask(&resolver, "bogus.test", RecordKind::Mx).await, "1 Insecure");
}

#[tokio::test]
async fn what_the_name_servers_can_decides_whether_to_validate() {
    let dns = world();
    let anchors = DnssecAnchors::parse(dns.anchors()).unwrap();
    let resolver = HickoryResolver::asking(&[dns.address()]).unwrap().validating_if_possible(&anchors);
    assert_eq!(ask(&resolver, "secure.test", RecordKind::Mx).await, "1 Secure");
    assert_eq!(ask(&resolver, "bogus.test", RecordKind::Mx).await, "bogus");
    let stripped = Dns::start("secure.test MX 10 mx.secure.test");
    let resolver = HickoryResolver::asking(&[stripped.address()]).unwrap().validating_if_possible(&anchors);
    assert_eq!(ask(&resolver, "secure.test", RecordKind::Mx).await, "1 Insecure");
    assert_eq!(ask(&resolver, "nobody.test", RecordKind::Mx).await, "no such name Insecure");
}

#[tokio::test]
async fn what_changes_in_a_zone_is_seen() {
    let dns = world();
    let resolver = resolver(&dns);
    assert_eq!(ask(&resolver, "_25._tcp.mx.secure.test", RecordKind::Tlsa).await, "1 Secure");
    dns.replace("secure.test", "mx.secure.test A 192.0.2.1");
    assert_eq!(ask(&resolver, "_25._tcp.mx.secure.test", RecordKind::Tlsa).await, "no such name Secure");
    assert_eq!(ask(&resolver, "mx.secure.test", RecordKind::A).await, "1 Secure");
}
