//! Fetches over real sockets and TLS: what is had, and every way in which a
//! stranger's document could reach where it must not.

mod support;

use std::time::Duration;

use discovery::fetch::{Bounds, FetchConfig, FetchError, Fetched, Fetcher, Url, UrlError};
use support::{Clock2026, Site, World};
use testkit::ca::Ca;
use transport::{Anchors, Fault};

const BOUNDS: Bounds =
    Bounds { body_bytes_max: 1000, time: Duration::from_secs(20), redirects_max: 2, addresses_max: 4 };

/// A site that gives this answer to whoever asks for `/`.
fn site(head: &str, body: &str) -> Site {
    Site::default().page("/", &format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

fn redirect(to: &str) -> Site {
    site(&format!("302 Found\r\nLocation: {to}"), "")
}

async fn get(world: &World, url: &str) -> Result<Fetched, FetchError> {
    world.fetcher().get(&Url::parse(url).unwrap(), BOUNDS).await
}

async fn check(world: &World, url: &str, expect: Result<(u16, &str), FetchError>) {
    let got = get(world, url).await;
    let got = got.map(|fetched| (fetched.status, String::from_utf8(fetched.body).unwrap()));
    assert_eq!(got, expect.map(|(status, body)| (status, body.to_owned())), "{url}");
}

#[tokio::test]
async fn a_document_is_fetched_with_its_type() {
    let site = site("200 OK\r\nContent-Type: Text/Plain; charset=utf-8", "hello");
    let world = World::default().host("a.example", &["203.0.114.1"], site).await;
    let fetched = get(&world, "https://a.example/").await.unwrap();
    assert_eq!((fetched.status, fetched.body.as_slice()), (200, b"hello".as_slice()));
    assert_eq!(fetched.media_type().as_deref(), Some("text/plain"));
    let asked = world.asked("a.example");
    assert!(asked.starts_with("GET / HTTP/1.1\r\n"), "{asked}");
    assert!(asked.to_ascii_lowercase().contains("\r\nhost: a.example\r\n"), "{asked}");
    assert!(!asked.to_ascii_lowercase().contains("cookie"), "{asked}");
}

#[tokio::test]
async fn what_is_missing_is_told_by_its_status() {
    let world = World::default().host("a.example", &["203.0.114.1"], Site::default()).await;
    check(&world, "https://a.example/other", Ok((404, ""))).await;
}

#[tokio::test]
async fn bodies_have_a_bound() {
    let long = "x".repeat(1001);
    let chunked = Site::default().page(
        "/",
        &format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n", long.len()),
    );
    let world = World::default()
        .host("just.example", &["203.0.114.1"], site("200 OK", &long[..1000]))
        .await
        .host("long.example", &["203.0.114.2"], site("200 OK", &long))
        .await
        .host("chunked.example", &["203.0.114.3"], chunked)
        .await;
    check(&world, "https://just.example/", Ok((200, &long[..1000]))).await;
    check(&world, "https://long.example/", Err(FetchError::TooLarge(1000))).await;
    check(&world, "https://chunked.example/", Err(FetchError::TooLarge(1000))).await;
}

#[tokio::test]
async fn heads_have_a_bound() {
    let endless = format!("200 OK\r\nX-Long: {}", "x".repeat(64 * 1024));
    let world = World::default().host("a.example", &["203.0.114.1"], site(&endless, "")).await;
    check(&world, "https://a.example/", Err(FetchError::Http)).await;
}

#[tokio::test]
async fn an_encoded_body_is_refused() {
    let world =
        World::default().host("a.example", &["203.0.114.1"], site("200 OK\r\nContent-Encoding: gzip", "x")).await;
    check(&world, "https://a.example/", Err(FetchError::Encoding)).await;
}

#[tokio::test]
async fn what_is_cut_is_no_document() {
    let cut = Site::default().page("/", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal");
    let nonsense = Site::default().page("/", "220 mx ESMTP\r\n\r\n");
    let world = World::default()
        .host("cut.example", &["203.0.114.1"], cut)
        .await
        .host("smtp.example", &["203.0.114.2"], nonsense)
        .await;
    check(&world, "https://cut.example/", Err(FetchError::Http)).await;
    check(&world, "https://smtp.example/", Err(FetchError::Http)).await;
}

#[tokio::test]
async fn redirects_are_followed_a_few_times() {
    let world = World::default()
        .host("one.example", &["203.0.114.1"], redirect("https://two.example/"))
        .await
        .host("two.example", &["203.0.114.2"], redirect("//three.example"))
        .await
        .host("three.example", &["203.0.114.3"], site("200 OK", "here"))
        .await
        .host("zero.example", &["203.0.114.4"], redirect("https://one.example/"))
        .await
        .host("round.example", &["203.0.114.5"], redirect("/"))
        .await;
    check(&world, "https://one.example/", Ok((200, "here"))).await;
    assert_eq!(get(&world, "https://one.example/").await.unwrap().url.to_string(), "https://three.example/");
    check(&world, "https://zero.example/", Err(FetchError::Redirected(302))).await;
    check(&world, "https://round.example/", Err(FetchError::Redirected(302))).await;
    let none = Bounds { redirects_max: 0, ..BOUNDS };
    let got = world.fetcher().get(&Url::parse("https://one.example/").unwrap(), none).await;
    assert_eq!(got, Err(FetchError::Redirected(302)));
}

#[tokio::test]
async fn a_redirect_leads_to_https_and_names_only() {
    let world = World::default()
        .host("clear.example", &["203.0.114.1"], redirect("http://a.example/"))
        .await
        .host("literal.example", &["203.0.114.2"], redirect("https://169.254.169.254/latest/"))
        .await
        .host("port.example", &["203.0.114.3"], redirect("https://port.example:25/"))
        .await
        .host("inward.example", &["203.0.114.4"], redirect("https://inside.example/"))
        .await
        .host("inside.example", &["10.0.0.1"], site("200 OK", "secret"))
        .await;
    check(&world, "https://clear.example/", Err(FetchError::RedirectUrl(UrlError::Scheme))).await;
    check(&world, "https://literal.example/", Err(FetchError::RedirectUrl(UrlError::Host))).await;
    check(&world, "https://port.example/", Err(FetchError::Port)).await;
    check(&world, "https://inward.example/", Err(FetchError::PrivateAddress)).await;
    assert_eq!(world.connections("inside.example"), 0);
}

#[tokio::test]
async fn neighbours_are_never_connected_to() {
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "168.63.129.16",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:192.168.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
    ] {
        let world = World::default().host("a.example", &[address], site("200 OK", "secret")).await;
        check(&world, "https://a.example/", Err(FetchError::PrivateAddress)).await;
        assert_eq!(world.connections("a.example"), 0, "{address}");
        let allowed = FetchConfig { allow_private: true, ..FetchConfig::default() };
        let got = world.fetcher_with(allowed).get(&Url::parse("https://a.example/").unwrap(), BOUNDS).await;
        assert_eq!(got.map(|fetched| fetched.status), Ok(200), "{address}");
    }
}

#[tokio::test]
async fn a_name_that_also_leads_inward_is_reached_outside_only() {
    let world = World::default().host("a.example", &["127.0.0.1", "203.0.114.1"], site("200 OK", "outside")).await;
    check(&world, "https://a.example/", Ok((200, "outside"))).await;
    assert_eq!(world.connected("a.example"), ["203.0.114.1:443"]);
}

#[tokio::test]
async fn the_certificate_is_for_the_host_and_in_time() {
    let ca = Ca::new();
    let other = Ca::new();
    let here = || site("200 OK", "secret");
    let world = World::with_ca(ca);
    let (wrong, expired) = (world.ca.issue(&["b.example"]), world.ca.expired(&["expired.example"]));
    let alone = world.ca.self_signed(&["alone.example"]);
    let world = world
        .host("wrong.example", &["203.0.114.1"], here().identity(wrong))
        .await
        .host("expired.example", &["203.0.114.2"], here().identity(expired))
        .await
        .host("alone.example", &["203.0.114.3"], here().identity(alone))
        .await
        .host("other.example", &["203.0.114.4"], here().identity(other.issue(&["other.example"])))
        .await;
    check(&world, "https://wrong.example/", Err(FetchError::Certificate(Fault::WrongName))).await;
    check(&world, "https://expired.example/", Err(FetchError::Certificate(Fault::Expired))).await;
    check(&world, "https://alone.example/", Err(FetchError::Certificate(Fault::UnknownIssuer))).await;
    // An authority of the same name with another key: a signature that does not hold.
    check(&world, "https://other.example/", Err(FetchError::Certificate(Fault::Unusable))).await;
    for host in ["wrong.example", "expired.example", "alone.example", "other.example"] {
        assert_eq!(world.asked(host), "", "{host} was asked before its certificate was judged");
    }
}

#[tokio::test]
async fn names_that_lead_nowhere_are_told_apart() {
    let world = World::default().failing("broken.example");
    check(&world, "https://missing.example/", Err(FetchError::NoSuchHost)).await;
    check(&world, "https://broken.example/", Err(FetchError::DnsFailed)).await;
    let world = World::default()
        .host("a.example", &["203.0.114.1"], Site::default())
        .await
        .unreachable("203.0.114.9", "b.example");
    check(&world, "https://b.example/", Err(FetchError::Unreachable(std::io::ErrorKind::ConnectionRefused))).await;
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_time() {
    let world = World::default().host("a.example", &["203.0.114.1"], Site::default().silent()).await;
    let short = Bounds { time: Duration::from_millis(300), ..BOUNDS };
    let got = world.fetcher().get(&Url::parse("https://a.example/").unwrap(), short).await;
    assert_eq!(got, Err(FetchError::TimedOut));
}

#[test]
fn a_fetcher_needs_anchors() {
    let world = World::default();
    let anchors = Anchors::public();
    let made = Fetcher::new(
        FetchConfig::default(),
        &anchors,
        world.network.clone(),
        world.names.clone(),
        std::sync::Arc::new(Clock2026),
    );
    assert!(made.is_ok());
}

#[tokio::test]
async fn a_body_is_sent_and_answered_without_tls_where_the_answer_is_signed() {
    let world = World::default().plain_host("a.example", "203.0.114.1", 80, site("200 OK", "signed")).await;
    let url = Url::parse_of_signed("http://a.example/").unwrap();
    let fetched = world.fetcher().post(&url, "application/ocsp-request", b"question", BOUNDS).await.unwrap();
    assert_eq!((fetched.status, fetched.body.as_slice()), (200, b"signed".as_slice()));
    let asked = world.asked("a.example");
    assert!(asked.starts_with("POST / HTTP/1.1\r\n") && asked.ends_with("\r\n\r\nquestion"), "{asked}");
    assert!(asked.to_ascii_lowercase().contains("\r\ncontent-type: application/ocsp-request\r\n"), "{asked}");
    assert_eq!(world.fetcher().get(&url, BOUNDS).await.map(|fetched| fetched.body), Ok(b"signed".to_vec()));
}

#[tokio::test]
async fn without_tls_every_other_bound_holds() {
    let plain = |site| World::default().plain_host("a.example", "203.0.114.1", 80, site);
    let url = Url::parse_of_signed("http://a.example/").unwrap();
    let post = async |world: World| world.fetcher().post(&url, "text/plain", b"", BOUNDS).await.err();
    assert_eq!(post(plain(site("200 OK", &"x".repeat(1001))).await).await, Some(FetchError::TooLarge(1000)));
    // A body is sent once, to whom it was meant for.
    assert_eq!(post(plain(redirect("http://b.example/")).await).await, Some(FetchError::Redirected(302)));
    let inward = World::default().plain_host("a.example", "10.0.0.1", 80, site("200 OK", "secret")).await;
    assert_eq!(inward.fetcher().get(&url, BOUNDS).await, Err(FetchError::PrivateAddress));
    assert_eq!(inward.connections("a.example"), 0);
}

#[tokio::test]
async fn another_port_is_connected_to_only_where_that_is_wanted() {
    let world = World::default().plain_host("a.example", "203.0.114.1", 8080, site("200 OK", "signed")).await;
    let others = FetchConfig { other_ports: true, ..FetchConfig::default() };
    let get = async |config: FetchConfig, url: &str| {
        let url = Url::parse_of_signed(url).unwrap();
        world.fetcher_with(config).get(&url, BOUNDS).await.map(|fetched| fetched.status)
    };
    assert_eq!(get(others, "http://a.example:8080/").await, Ok(200));
    assert_eq!(get(FetchConfig::default(), "http://a.example:8080/").await, Err(FetchError::Port));
    // Whatever listens at the ports of old protocols is not talked to.
    assert_eq!(get(others, "http://a.example:25/").await, Err(FetchError::Port));
}
