//! What an administrator does to put Sealpost beside a mail system: setup, the secret, the check.

use serde_json::Value;
use testkit::loopback;
use testkit::postfix::{Postfix, Tls};

use crate::border::{OFFICE, PROVIDER, PROVIDER_NAME, Peer, accepted};
use crate::clinic::{Clinic, Hosts, Kind};

const SECRET: &str = "sp_k7w2m5q4z3x6c2v5b4n3a6s5d4k7w2m5";

/// A clinic on a provider that others share. Its mail system shows the secret and sends a probe back.
struct Beside {
    clinic: Clinic,
    mail_system: Postfix,
    gateway: std::net::SocketAddr,
}

impl Beside {
    fn new() -> Self {
        let hosts = Hosts::shared();
        let gateway = std::net::SocketAddr::from((loopback::address(), hosts.port));
        let mail_system = Postfix::named("mail.system.test")
            .port(hosts.port)
            .tls(&Tls::Valid(&hosts.ca))
            .relaying(gateway, OFFICE)
            .adding(&format!("X-Sealpost-Tenant: {SECRET}"))
            .set("virtual_alias_maps", "inline:{probe@clinic.example=probe@secure.clinic.example}")
            .start();
        let clinic = Clinic::new("");
        let beside = Self { clinic, mail_system, gateway };
        beside.configure("");
        std::fs::write(beside.clinic.machine.path("tenant.a"), SECRET).unwrap();
        beside.clinic.mx_at("clinic.example", "secure.clinic.example", gateway);
        beside
    }

    /// Its configuration, with more at its end.
    fn configure(&self, more: &str) {
        let file = |name: &str| self.clinic.machine.path(name).display().to_string();
        let host = &self.mail_system;
        self.clinic.machine.write(
            "conf.d/test.toml",
            &format!(
                "[gateway]\nlisten = ['{gateway}']\nanchors = '{anchors}'\n\
                 [[gateway.connector]]\nname = 'tenant'\nkind = 'm365'\nnetworks = ['{OFFICE}/32', '{PROVIDER}/32']\n\
                 secret_files = ['{a}', '{b}']\n\
                 [[gateway.connector]]\nname = 'workspace'\nkind = 'google'\nnetworks = ['192.0.2.0/24']\n\
                 secret_files = ['{a}']\n\
                 [[gateway.inbound]]\ndomains = ['clinic.example']\nhost = '{host}'\nport = {port}\n\
                 tls_name = 'mail.system.test'\nprobe = 'probe@clinic.example'\n{more}",
                gateway = self.gateway,
                anchors = self.clinic.hosts.ca.anchors().display(),
                a = file("tenant.a"),
                b = file("tenant.b"),
                host = host.address().ip(),
                port = host.address().port(),
            ),
        );
    }

    /// Runs the check; the legs by name, and those that are not well.
    #[track_caller]
    fn check(&self, wait: &str) -> (Vec<String>, Vec<String>) {
        let output = self.clinic.machine.run(["gateway", "check", "--json", "--wait", wait]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let legs: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let bad: Vec<&Value> = legs.iter().filter(|leg| leg["ok"] == false).collect();
        assert!(!legs.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.success(), bad.is_empty(), "{text}");
        assert!(bad.iter().all(|leg| leg["fix"].is_string()), "{text}");
        let name = |leg: &Value| leg["leg"].as_str().unwrap().to_owned();
        (legs.iter().map(name).collect(), bad.into_iter().map(name).collect())
    }

    #[track_caller]
    fn check_fails(&self, leg: &str, why: &str) {
        assert_eq!(self.check("2").1, [leg], "{why}");
    }
}

#[test]
fn each_leg_is_tried_and_told() {
    let beside = Beside::new();
    let machine = &beside.clinic.machine;
    let server = beside.clinic.serve();
    let all = ["mx", "connect", "tls", "certificate", "relay", "secret", "secret", "next_hop", "probe"];
    let (legs, bad) = beside.check("60");
    assert_eq!(
        (legs.as_slice(), bad.as_slice()),
        (all.map(str::to_owned).as_slice(), &[] as &[String]),
        "{}",
        beside.mail_system.log()
    );
    // Nothing of a probe is left, and nobody got it.
    assert_eq!(machine.ok(["message", "list"]), "");

    beside.clinic.mx("clinic.example", Kind::Good);
    beside.check_fails("mx", "the mail goes elsewhere");
    beside.clinic.mx_at("clinic.example", "secure.clinic.example", beside.gateway);
    machine.write("tenant.b", "sp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    std::fs::remove_file(machine.path("tenant.a")).unwrap();
    // The mail system shows an old secret now, and one connector has none.
    testkit::wait::until("the old secret to count no more", || {
        (beside.check("10").1 == ["secret", "probe"]).then_some(())
    });
    machine.write("tenant.a", SECRET);
    server.stop();

    let (_, bad) = beside.check("2");
    assert_eq!(bad, ["connect", "probe"], "nobody listens");
    let changed = |more: &str| {
        beside.configure(more);
        beside.clinic.serve()
    };
    let own = beside.clinic.hosts.ca.self_signed(&["secure.clinic.example"]);
    machine.write(
        "conf.d/zz.toml",
        &format!("[gateway]\ncertificate = '{}'\nkey = '{}'\n", own.certificate.display(), own.key.display()),
    );
    let server = changed("");
    beside.check_fails("certificate", "nobody vouches for it");
    server.stop();
    machine.write("conf.d/zz.toml", "[organisation]\nslug = 'lakeside'\nname = 'Lakeside Clinic'\ndomains = ['clinic.example', 'stranger.example']\n");
    let server = changed(
        "[[gateway.connector]]\nname = 'open'\nnetworks = ['127.0.0.0/8']\nsender_domains = ['stranger.example']\n",
    );
    beside.check_fails("relay", "whoever is here sends as an own domain");
    server.stop();
    machine.write("conf.d/zz.toml", "");
    beside.configure("");
    let text = std::fs::read_to_string(machine.path("conf.d/test.toml")).unwrap();
    machine.write("conf.d/test.toml", &text.replace("mail.system.test", "other.name.test"));
    let server = beside.clinic.serve();
    beside.check_fails("next_hop", "its certificate is for another name");
    server.stop();
    machine.write("conf.d/test.toml", &text.replace("probe@clinic.example", "nobody@clinic.example"));
    let keeps = beside.clinic.hosts.get(Kind::Good);
    let text = std::fs::read_to_string(machine.path("conf.d/test.toml")).unwrap();
    let host = format!("host = '{}'", beside.mail_system.address().ip());
    let text = text
        .replace(&host, &format!("host = '{}'", keeps.address().ip()))
        .replace("mail.system.test", keeps.hostname());
    machine.write("conf.d/test.toml", &text);
    let _server = beside.clinic.serve();
    beside.check_fails("probe", "the mailbox keeps what it gets");
}

#[test]
fn a_secret_changes_without_a_moment_in_which_none_is_good() {
    let beside = Beside::new();
    let machine = &beside.clinic.machine;
    let server = beside.clinic.serve();
    let patient = beside.clinic.patient(Kind::Good);
    let shown = beside.clinic.hosts.ca.issue(&[PROVIDER_NAME]);
    let send = |secret: &str| {
        let message =
            format!("From: {0}\nTo: you\nSubject: s\nX-Sealpost-Tenant: {secret}\n\nSee you.\n", beside.clinic.nurse);
        let peer = Peer {
            address: PROVIDER,
            tls: true,
            certificate: Some(&shown),
            from: &beside.clinic.nurse,
            to: &[&patient],
            message: &message,
        };
        peer.bring(&server)
    };
    accepted(send(SECRET));
    let output = machine.run(["gateway", "secret", "rotate", "--connector", "tenant"]);
    assert!(output.status.success() && output.stdout.is_empty(), "the secret is not printed: {output:?}");
    let new = machine.ok(["gateway", "secret", "show", "--connector", "tenant", "--reveal"]).trim().to_owned();
    assert!(new.starts_with("sp_") && new != SECRET);
    testkit::wait::until("the new secret to be good", || send(&new).success.then_some(()));
    accepted(send(SECRET));
    let listed = machine.ok(["gateway", "secret", "show", "--connector", "tenant"]);
    assert!(listed.lines().count() == 2 && !listed.contains(&new) && !listed.contains(SECRET), "{listed}");
    let third = machine.run(["gateway", "secret", "rotate", "--connector", "tenant"]);
    assert!(!third.status.success(), "a third one would end one that is in use");
    machine.ok(["gateway", "secret", "retire", "--connector", "tenant", "--yes"]);
    testkit::wait::until("the old secret to be refused", || (!send(SECRET).success).then_some(()));
    accepted(send(&new));
    assert!(!machine.run(["gateway", "secret", "retire", "--connector", "tenant", "--yes"]).status.success());
    server.stop();
    machine.ok(["audit", "verify"]);
}

#[test]
fn what_is_set_up_in_microsoft_365_is_printed_and_so_is_how_it_is_undone() {
    let beside = Beside::new();
    let machine = &beside.clinic.machine;
    let setup = ["gateway", "setup", "m365", "--address", "192.0.2.25", "--address", "2001:db8::25"];
    let script = machine.ok(setup);
    for line in [
        "New-OutboundConnector -Name 'Sealpost tenant outbound' `",
        "    -SmartHosts 'secure.clinic.example' `",
        "    -TlsSettings DomainValidation `",
        "    -TlsDomain 'secure.clinic.example' `",
        "    -IsTransportRuleScoped $true `",
        "New-InboundConnector -Name 'Sealpost tenant inbound' `",
        // IPv4 only, and of any effect only where others are turned away: so it is switched off until the MX has changed.
        "    -SenderIPAddresses '192.0.2.25' `",
        "    -RestrictDomainsToIPAddresses $true `",
        "New-TransportRule -Name 'Sealpost tenant route' `",
        "    -RouteMessageOutboundConnector 'Sealpost tenant outbound' `",
        "    -ExceptIfSenderIpRanges '192.0.2.25', '2001:db8::25' `",
        "    -SetHeaderName 'X-Sealpost-Tenant' `",
        "    -SetHeaderValue $secret `",
        "    -SenderDomainIs 'clinic.example' `",
        "#   clinic.example. MX 10 secure.clinic.example.",
        "#   Set-InboundConnector -Identity 'Sealpost tenant inbound' -Enabled $true",
    ] {
        assert!(script.lines().any(|found| found == line), "{line}\n{script}");
    }
    assert_eq!(
        script.matches("-Enabled $false").count(),
        2,
        "neither the way in nor the rule is on at first\n{script}"
    );
    let ipv6_only = machine.run(["gateway", "setup", "m365", "--address", "2001:db8::25"]);
    assert!(String::from_utf8_lossy(&ipv6_only.stderr).contains("IPv4 addresses only"), "{ipv6_only:?}");
    assert!(!script.contains(SECRET), "the secret is asked for when the script runs");
    assert!(machine.ok(setup.into_iter().chain(["--with-secret"])).contains(&format!("$secret = '{SECRET}'")));
    let rollback = machine.ok(["gateway", "setup", "m365", "--rollback"]);
    let made = script.lines().filter_map(|line| line.strip_prefix("New-")?.split_once(" -Name "));
    let mut count = 0;
    for (cmdlet, name) in made {
        let remove = format!("Remove-{cmdlet} -Identity {} -Confirm:$false", name.trim_end_matches(" `"));
        assert!(rollback.lines().any(|line| line == remove), "{remove}\n{rollback}");
        count += 1;
    }
    assert_eq!(count, 3);
    let at = |what: &str| rollback.find(what).unwrap_or_else(|| panic!("{what}\n{rollback}"));
    assert!(at("Remove-TransportRule") < at("Remove-OutboundConnector"), "mail would be routed to nothing");
    let missing = machine.run(["gateway", "setup", "m365", "--connector", "workspace"]);
    assert!(!missing.status.success(), "workspace is no connector of Microsoft's");
}

#[test]
fn what_is_set_up_in_google_workspace_is_printed_in_steps() {
    let beside = Beside::new();
    let machine = &beside.clinic.machine;
    let steps = machine.ok(["gateway", "setup", "google", "--address", "192.0.2.25"]);
    for words in [
        "1. Hosts > Add route",
        "Single host: secure.clinic.example, port 25",
        "Validate certificate hostname: yes",
        "Source IP is not within the following range: 192.0.2.25/32",
        "Headers > Add custom headers: X-Sealpost-Tenant with the value (what",
        "Gateway IPs: 192.0.2.25",
        "clinic.example. MX 10 secure.clinic.example.",
    ] {
        assert!(steps.contains(words), "{words}\n{steps}");
    }
    assert!(!steps.contains(SECRET));
    let told: Value =
        serde_json::from_str(&machine.ok(["gateway", "setup", "google", "--rollback", "--json"])).unwrap();
    let titles: Vec<&str> =
        told["steps"].as_array().unwrap().iter().map(|step| step["title"].as_str().unwrap()).collect();
    let place = |what: &str| titles.iter().position(|title| title.contains(what)).unwrap();
    assert!(place("MX") < place("Content compliance") && place("Content compliance") < place("Hosts"), "{titles:?}");
    // Without an address in the DNS there is nothing to fill in.
    beside.clinic.dns.remove("secure.clinic.example");
    assert!(!machine.run(["gateway", "setup", "google"]).status.success());
}
