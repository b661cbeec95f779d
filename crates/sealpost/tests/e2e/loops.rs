//! A mail system that sends everything back: the loop is found, ended and recorded, in both directions.

use serde_json::Value;
use testkit::loopback;
use testkit::postfix::{Postfix, Tls};
use testkit::sealpost::Server;

use crate::border::{OFFICE, Peer, accepted, stranger};
use crate::clinic::{Clinic, Hosts, Kind, Mail};

const INBOUND: &str = "From: Ann <ann@patient.example>\nTo: staff\nSubject: A question\n\
    Date: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <1@patient.example>\n\nMay I come?\n";

/// A clinic whose mail system brings back whatever it is given.
fn clinic() -> (Clinic, Postfix) {
    let hosts = Hosts::shared();
    let gateway = loopback::free();
    let mail_system =
        Postfix::named("mail.loop.test").port(hosts.port).tls(&Tls::Valid(&hosts.ca)).relaying(gateway, OFFICE).start();
    let clinic = Clinic::new(&format!(
        "[gateway]\nlisten = ['{gateway}']\n\
         [[gateway.connector]]\nname = 'office'\nnetworks = ['{OFFICE}/32']\n\
         [[gateway.inbound]]\ndomains = ['clinic.example']\nhost = '{host}'\nport = {port}\ntls_name = 'mail.loop.test'\n",
        host = mail_system.address().ip(),
        port = mail_system.address().port(),
    ));
    (clinic, mail_system)
}

fn messages(clinic: &Clinic) -> Vec<Value> {
    let listed = clinic.machine.ok(["message", "list", "--json"]);
    listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Neither of the two sends anything any more once the queue of the mail system is empty.
fn wait_for_silence(mail_system: &Postfix, refusals: usize) {
    let done = testkit::wait::within(testkit::wait::PATIENCE, || {
        let log = mail_system.log();
        let refused = log.matches("554 5.4.6").count();
        (refused >= refusals && log.matches(": removed").count() >= log.matches("(queue active)").count()).then_some(())
    });
    done.unwrap_or_else(|| panic!("the mail system does not give up\n{}", mail_system.log()));
}

#[test]
fn inbound_mail_that_the_mail_system_brings_back_is_not_taken_again() {
    let (clinic, mail_system) = clinic();
    let staff = clinic.nurse.clone();
    let server: Server<'_> = clinic.serve();
    let id = accepted(stranger(&[&staff], INBOUND).bring(&server));
    let looped = clinic.wait_for(&id, "looped", &staff);
    assert_eq!(looped["peer"], OFFICE);
    wait_for_silence(&mail_system, 1);
    let all = messages(&clinic);
    assert_eq!(all.len(), 1, "{all:#?}");
    assert_eq!(clinic.wait_for(&id, "delivered", &staff)["recipient"], staff.as_str());
}

#[test]
fn outbound_mail_in_a_loop_ends_with_a_bounce() {
    let (clinic, mail_system) = clinic();
    let domain = clinic.domain();
    clinic.mx_at(&domain, mail_system.hostname(), mail_system.address());
    let patient = format!("pat@{domain}");
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
    let looped = clinic.wait_for(&id, "looped", &patient);
    assert_eq!(looped["submitter"], "connector:office");
    // The mail system's bounce for the nurse is mail for its own recipient, and comes back once, too.
    let bounce = testkit::wait::until("the bounce to loop", || {
        let others = messages(&clinic).into_iter().map(|one| one["id"].as_str().unwrap().to_owned());
        others.filter(|other| *other != id).find(|other| {
            clinic
                .events(other)
                .iter()
                .any(|event| event["event"] == "looped" && event["recipient"] == clinic.nurse.as_str())
        })
    });
    assert_eq!(clinic.wait_for(&bounce, "accepted", "")["door"], "inbound");
    wait_for_silence(&mail_system, 2);
    assert_eq!(messages(&clinic).len(), 2);
}

#[test]
fn nobody_outside_can_write_that_a_message_passed() {
    let (clinic, _mail_system) = clinic();
    let good = clinic.hosts.get(Kind::Good);
    let moved = std::fs::read_to_string(clinic.machine.path("conf.d/test.toml")).unwrap();
    let next = format!("host = '{}'", good.address().ip());
    let moved: Vec<&str> =
        moved.lines().map(|line| if line.starts_with("host") { next.as_str() } else { line }).collect();
    clinic.machine.write("conf.d/test.toml", &moved.join("\n").replace("mail.loop.test", good.hostname()));
    let staff = clinic.nurse.clone();
    let server = clinic.serve();
    let first = accepted(stranger(&[&staff], INBOUND).bring(&server));
    clinic.wait_for(&first, "delivered", &staff);
    let letter = clinic.letter(Kind::Good, &staff);
    let [passed] = &letter.header("X-Sealpost-Passed")[..] else { panic!("{}", letter.text()) };
    // Whoever has a copy can show its field in a message for the same recipient, and only that message ends.
    let copied = format!("X-Sealpost-Passed: {passed}\n{INBOUND}");
    stranger(&[&staff], &copied).bring(&server).expect_failure("data 554 5.4.6");
    // For others it counts for nothing and stays, and an edited one is taken out.
    let other = format!("other-{staff}");
    let id = accepted(stranger(&[&other], &copied).bring(&server));
    clinic.wait_for(&id, "delivered", &other);
    assert_eq!(clinic.letter(Kind::Good, &other).header("X-Sealpost-Passed").len(), 2);
    let third = format!("third-{staff}");
    let edited = copied.replace("; by=", "; by=0");
    let id = accepted(Peer { tls: false, ..stranger(&[&third], &edited) }.bring(&server));
    clinic.wait_for(&id, "delivered", &third);
    assert_eq!(clinic.letter(Kind::Good, &third).header("X-Sealpost-Passed").len(), 1);
}
