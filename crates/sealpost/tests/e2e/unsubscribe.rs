//! Unsubscribing: what stands in the header of a campaign's copies, and what comes of the click, the page and the
//! mail.

use std::net::SocketAddr;

use serde_json::{Value, json};
use testkit::clients::python;
use testkit::loopback;
use testkit::postfix::Letter;
use testkit::sealpost::Server;

use crate::border::{accepted, stranger};
use crate::clinic::{Clinic, Hosts, Kind, Mail, find};
use crate::methods::dkim_verdict;

const NEWS: &str = "[[stream]]\nname = 'news'\npriority = 'marketing'\nlist_id = 'news.clinic.example'\n\
    feedback_id = 'lakesidemail'\n";
const OF_NEWS: &str = "X-Sealpost-Stream: news\n";
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

fn clinic() -> Clinic {
    let hosts = Hosts::shared();
    let (next, gateway): (_, SocketAddr) = (hosts.get(Kind::Good), loopback::free());
    Clinic::new(&format!(
        "{NEWS}[gateway]\nlisten = ['{gateway}']\nreturn_path = 'bounces.clinic.example'\n[[gateway.inbound]]\n\
         domains = ['clinic.example']\nhost = '{host}'\nport = {port}\ntls_name = '{name}'\n",
        host = next.address().ip(),
        port = next.address().port(),
        name = next.hostname(),
    ))
}

/// The path of a copy's link, and the address to which mail unsubscribes.
#[track_caller]
fn ways(letter: &Letter) -> (String, String) {
    let fields = letter.header("List-Unsubscribe");
    assert_eq!(fields.len(), 1, "{}", letter.text());
    let (link, mail) = fields[0].split_once(",").expect("a link and an address");
    let path = link.trim().strip_prefix("<https://secure.clinic.example").and_then(|rest| rest.strip_suffix('>'));
    let mail = mail.trim().strip_prefix("<mailto:").and_then(|rest| rest.strip_suffix("?subject=unsubscribe>"));
    (path.expect("a link to the portal").to_owned(), mail.expect("an address").to_owned())
}

/// Status, header and text of an answer, as a provider asks: no cookies, no redirects, no language.
fn ask(server: &Server<'_>, method: &str, path: &str, body: &str) -> Value {
    let program = "import http.client, json, ssl, sys\n\
        job = json.load(sys.stdin)\n\
        c = http.client.HTTPSConnection(job['host'], job['port'], context=ssl._create_unverified_context())\n\
        kind = {'Content-Type': 'application/x-www-form-urlencoded'} if job['body'] else {}\n\
        kind |= {'Sec-Fetch-Site': 'cross-site', 'Origin': 'https://webmail.example'} if job['method'] == 'POST' else {}\n\
        c.request(job['method'], job['path'], job['body'] or None, kind)\n\
        r = c.getresponse()\n\
        print(json.dumps({'status': r.status, 'headers': [k.lower() for k, _ in r.getheaders()], 'text': r.read().decode()}))";
    let portal = server.address("portal");
    let job =
        json!({ "host": portal.ip().to_string(), "port": portal.port(), "method": method, "path": path, "body": body });
    serde_json::from_str(&python(program, job.to_string().as_bytes()).expect_success().text).unwrap()
}

struct World<'c> {
    clinic: &'c Clinic,
    server: &'c Server<'c>,
}

impl World<'_> {
    fn send(&self, to: &[&str], header: &str) -> String {
        self.clinic.send(self.server, &Mail { to, header, ..self.clinic.mail() })
    }

    /// What became of news for somebody: whether a copy went, or was stopped because they unsubscribed.
    fn news_reach(&self, patient: &str) -> bool {
        let id = self.send(&[patient], OF_NEWS);
        let events = testkit::wait::until("news to be sent or stopped", || {
            let events = self.clinic.events(&id);
            ["delivered", "suppressed"].iter().any(|name| find(&events, name, patient).is_some()).then_some(events)
        });
        let stopped = find(&events, "suppressed", patient);
        if let Some(stopped) = &stopped {
            assert_eq!((&stopped["reason"], &stopped["stream"]), (&"unsubscribe".into(), &"news".into()), "{stopped}");
        }
        stopped.is_none()
    }

    fn click(&self, path: &str) -> Value {
        ask(self.server, "POST", path, ONE_CLICK)
    }
}

#[test]
fn one_click_ends_the_stream_for_whom_the_copy_was_and_for_nobody_else() {
    let clinic = clinic();
    let server = clinic.serve();
    let world = World { clinic: &clinic, server: &server };
    let domain = clinic.domain();
    clinic.mx(&domain, Kind::Good);
    let (ann, ben) = (format!("ann@{domain}"), format!("ben@{domain}"));
    let own = "List-Unsubscribe: <https://elsewhere.example/x>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n\
               List-ID: theirs <theirs.example>\n";
    world.send(&[&ann, &ben], &format!("{OF_NEWS}{own}"));
    let letters = [&ann, &ben].map(|to| clinic.letter(Kind::Good, to));
    for letter in &letters {
        assert_eq!(letter.header("List-Unsubscribe-Post"), [ONE_CLICK]);
        assert_eq!(letter.header("List-Id"), ["<news.clinic.example>"]);
        assert_eq!(letter.header("Feedback-ID"), ["news:lakeside:marketing:lakesidemail"]);
        assert!(!letter.text().contains("elsewhere.example"), "{}", letter.text());
        assert_eq!(dkim_verdict(&clinic, &letter.text()), "True", "{}", letter.text());
        let signed = letter.header("DKIM-Signature")[0].to_ascii_lowercase().replace([' ', '\t'], "");
        // RFC 8058 §4: both are covered.
        assert!(signed.contains(":list-unsubscribe:list-unsubscribe-post:"), "{signed}");
    }
    let [(path, _), (other, _)] = [ways(&letters[0]), ways(&letters[1])];
    assert_ne!(path, other);
    assert!(!path.contains("ann") && !path.contains("clinic.example"), "{path}");

    for _ in 0..2 {
        let page = ask(&server, "GET", &path, "");
        assert_eq!(page["status"], 200);
        assert!(page["text"].as_str().unwrap().contains("No more mail like this?"), "{page}");
    }
    assert!(world.news_reach(&ann), "looking changes nothing");
    assert_eq!(ask(&server, "POST", &path, "a=b")["status"], 400);
    // The number of the other recipient, and another tag: neither was written here.
    let forged = [path.replace("-0000-", "-0001-"), format!("{}0", &path[..path.len() - 1]), format!("{path}0")];
    for path in forged.iter().filter(|forged| **forged != path).map(String::as_str).chain(["/u/x"]) {
        assert_eq!(world.click(path)["status"], 404, "{path}");
    }
    assert!(world.news_reach(&ann));

    for _ in 0..3 {
        let answer = world.click(&path);
        let headers = answer["headers"].as_array().unwrap();
        let is_there = |name: &str| headers.iter().any(|header| header == name);
        assert!(answer["status"] == 200 && !is_there("location") && !is_there("set-cookie"), "{answer}");
    }
    assert!(!world.news_reach(&ann) && world.news_reach(&ben));
    let urgent = world.send(&[&ann], "X-Sealpost-Stream: transactional\n");
    clinic.wait_for(&urgent, "delivered", &ann);
    let letter = clinic.letters(Kind::Good, &ann, 3).pop().unwrap();
    assert!(letter.header("List-Unsubscribe").is_empty(), "{}", letter.text());
    let log = server.stop();
    assert!(!log.contains(path.trim_start_matches("/u/")), "a token is in the log");
}

#[test]
fn a_mail_to_the_address_in_the_header_unsubscribes_and_a_mail_servers_words_do_not() {
    let clinic = clinic();
    let server = clinic.serve();
    let world = World { clinic: &clinic, server: &server };
    let ann = clinic.patient(Kind::Good);
    world.send(&[&ann], OF_NEWS);
    let (_, address) = ways(&clinic.letter(Kind::Good, &ann));
    let message = "From: ann@patient.example\nTo: list\nSubject: unsubscribe\n\nunsubscribe\n";
    let forged = format!("u-{}", &address[3..]);
    let refused = stranger(&[&forged], message).bring(&server);
    assert!(!refused.success && refused.text.contains("550"), "{}", refused.text);
    let automatic = [address.as_str()];
    let automatic = crate::border::Peer { from: "", ..stranger(&automatic, message) };
    accepted(automatic.bring(&server));
    assert!(world.news_reach(&ann));
    let to = [address.to_uppercase().replace("BOUNCES.CLINIC.EXAMPLE", "bounces.clinic.example")];
    let to = to.each_ref().map(String::as_str);
    let id = accepted(stranger(&to, message).bring(&server));
    assert!(!world.news_reach(&ann));
    let read = clinic.wait_for(&id, "refused", "");
    assert!(read["because"].as_str().unwrap().contains("unsubscribes"), "{read}");
    server.stop();
}

#[test]
fn a_notice_of_a_campaign_lets_its_reader_unsubscribe_too() {
    let clinic = clinic();
    let server = clinic.serve();
    let world = World { clinic: &clinic, server: &server };
    let ann = clinic.patient(Kind::Good);
    world.send(&[&ann], &format!("{OF_NEWS}X-Sealpost-Protect: portal\n"));
    let notice = clinic.letter(Kind::Good, &ann);
    assert!(notice.text().contains("/m/"), "{}", notice.text());
    assert_eq!(dkim_verdict(&clinic, &notice.text()), "True");
    assert_eq!(world.click(&ways(&notice).0)["status"], 200);
    assert!(!world.news_reach(&ann));
    server.stop();
}
