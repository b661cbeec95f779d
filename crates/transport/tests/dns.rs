//! The resolver against a name server: which hosts take a domain's mail
//! (RFC 5321 §5.1, RFC 7505).

use mail::{Domain, MxLookup};
use testkit::dns::{Dns, Failure};
use transport::{HickoryResolver, ResolveError, Resolver};

const ZONE: &str = "
    usual.example      MX    10 mx.usual.example
    usual.example      MX    20 backup.usual.example
    mx.usual.example   A     192.0.2.1
    mx.usual.example   A     192.0.2.2
    mx.usual.example   AAAA  2001:db8::1
    backup.usual.example CNAME mx.usual.example
    alias.example      CNAME usual.example
    dangling.example   CNAME nowhere.example
    bare.example       A     192.0.2.3
    text.example       TXT   \"nothing here\"
    null.example       MX    0 .
    odd.example        MX    0 .
    odd.example        MX    10 mx.usual.example
    strange.example    MX    10 under_score.example
";

async fn exchanges(dns: &Dns, domain: &str) -> Result<Vec<(u16, String)>, ResolveError> {
    let resolver = HickoryResolver::asking(&[dns.address()]).unwrap();
    let found = resolver.exchanges(&Domain::parse(domain).unwrap()).await?;
    assert_eq!(found.lookup, MxLookup::Insecure);
    let mut hosts: Vec<_> = found.hosts.into_iter().map(|host| (host.preference, host.host.to_string())).collect();
    hosts.sort();
    Ok(hosts)
}

async fn addresses(dns: &Dns, host: &str) -> Result<Vec<String>, ResolveError> {
    let resolver = HickoryResolver::asking(&[dns.address()]).unwrap();
    let found = resolver.addresses(&Domain::parse(host).unwrap()).await?;
    let mut found: Vec<String> = found.iter().map(ToString::to_string).collect();
    found.sort();
    Ok(found)
}

async fn check(dns: &Dns, domain: &str, expect: Result<&[(u16, &str)], ResolveError>) {
    let expect = expect.map(|hosts| hosts.iter().map(|(at, host)| (*at, (*host).to_owned())).collect::<Vec<_>>());
    assert_eq!(exchanges(dns, domain).await, expect, "{domain}");
}

#[tokio::test]
async fn hosts_are_found() {
    let dns = Dns::start(ZONE);
    let usual: &[(u16, &str)] = &[(10, "mx.usual.example"), (20, "backup.usual.example")];
    check(&dns, "usual.example", Ok(usual)).await;
    check(&dns, "alias.example", Ok(usual)).await;
    check(&dns, "bare.example", Ok(&[(0, "bare.example")])).await;
    check(&dns, "odd.example", Ok(&[(10, "mx.usual.example")])).await;
}

#[tokio::test]
async fn domains_that_take_no_mail_are_told_apart() {
    let dns = Dns::start(ZONE);
    check(&dns, "null.example", Err(ResolveError::NullMx)).await;
    check(&dns, "nowhere.example", Err(ResolveError::NoSuchName)).await;
    check(&dns, "strange.example", Err(ResolveError::NoAddress)).await;
    // No MX: its own host, which then has no address.
    check(&dns, "text.example", Ok(&[(0, "text.example")])).await;
    assert_eq!(addresses(&dns, "text.example").await, Err(ResolveError::NoAddress));
    assert_eq!(addresses(&dns, "nowhere.example").await, Err(ResolveError::NoSuchName));
    assert_eq!(addresses(&dns, "dangling.example").await, Err(ResolveError::NoSuchName));
}

#[tokio::test]
async fn addresses_are_found_through_aliases() {
    let dns = Dns::start(ZONE);
    for host in ["mx.usual.example", "backup.usual.example"] {
        assert_eq!(addresses(&dns, host).await.unwrap(), ["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    }
    assert_eq!(addresses(&dns, "bare.example").await.unwrap(), ["192.0.2.3"]);
}

#[tokio::test]
async fn what_fails_is_no_answer() {
    let dns = Dns::start(ZONE);
    for failure in [Failure::ServFail, Failure::Refused] {
        dns.fail("usual.example", failure);
        check(&dns, "usual.example", Err(ResolveError::Failed)).await;
        dns.fail("mx.usual.example", failure);
        assert_eq!(addresses(&dns, "mx.usual.example").await, Err(ResolveError::Failed));
        dns.heal("mx.usual.example");
    }
}

#[tokio::test]
async fn no_search_list_of_the_machine_is_applied() {
    let dns = Dns::start("r.example.example MX 10 mx.example\n r.example.example A 192.0.2.1");
    check(&dns, "r.example", Err(ResolveError::NoSuchName)).await;
}
