//! The configuration as its users meet it, and its documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::sections::Language;
use super::units::{Size, Span};
use super::*;

const LEAST: &str = r#"
[organisation]
slug = "lakeside"
name = "Lakeside Clinic"
domains = ["clinic.example"]

[server]
hostname = "secure.clinic.example"

[vault]
root_key_file = "/etc/sealpost/root.key"

[submission]
certificate = "/etc/sealpost/tls.pem"
key = "/etc/sealpost/tls.key"
"#;

fn read(text: &str) -> Result<Loaded, String> {
    from_text("sealpost.toml", text).map_err(|problems| problems.to_string())
}

fn refuse(addition: &str, expect: &str) {
    let error = read(&format!("{LEAST}\n{addition}")).map(|_| ()).unwrap_err();
    assert!(error.contains(expect), "{addition}\n  gave {error}\n  not  {expect}");
}

fn replaced(from: &str, to: &str) -> String {
    assert!(LEAST.contains(from), "{from}");
    LEAST.replace(from, to)
}

#[test]
fn the_least_configuration_has_every_default() {
    let Loaded { config, .. } = read(LEAST).unwrap();
    assert_eq!(config.portal_url(), "https://secure.clinic.example");
    assert_eq!(config.helo().as_str(), "secure.clinic.example");
    assert_eq!(config.portal_tls(), config.submission_tls());
    assert_eq!(config.submission.limits.recipients, 500);
    assert_eq!(config.delivery.expiry, Span::days(5));
    assert!(config.named_networks.listen.is_empty());
    assert!(matches!(config.store.url, StoreUrl::Sqlite));
    assert_eq!(config.health.listen.to_string(), "127.0.0.1:9464");
}

#[test]
fn an_unknown_key_has_its_place_and_a_suggestion() {
    refuse(
        "[portal]\nlangauge = \"es\"",
        "sealpost.toml:18: unknown key portal.langauge; did you mean portal.language?",
    );
    refuse("[portl]\nlanguage = \"es\"", "sealpost.toml:17: unknown key portl; did you mean portal?");
    refuse(
        "[[route]]\ndomain='a.example'\nhost='b.example'\nprot=25",
        "unknown key route[0].prot; did you mean route[0].port?",
    );
    refuse("[log]\nverbosity = 3", "unknown key log.verbosity\n".trim_end());
}

#[test]
fn all_unknown_keys_are_told_at_once() {
    let error = read(&format!("{LEAST}\n[portal]\nlangauge = 'es'\n[log]\nlevle = 'info'")).map(|_| ()).unwrap_err();
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn a_wrong_value_has_its_place() {
    refuse("[delivery]\nexpiry = \"5 days\"", "sealpost.toml:18: delivery.expiry: not a length of time");
    refuse("[delivery]\nmx_port = \"smtp\"", "sealpost.toml:18: delivery.mx_port: invalid type");
    refuse("[delivery]\nmx_port = 70000", "sealpost.toml:18: delivery.mx_port: invalid value");
    refuse("[portal]\nlanguage = \"fr\"", "sealpost.toml:18: portal.language: not one of en, es");
    refuse("[[route]]\ndomain = 'a_b'\nhost = 'x'", "sealpost.toml:18: route[0].domain: not a domain name");
    refuse("[delivery]\nretry = [\n\"1m\",\n\"x\"]", "sealpost.toml:20: delivery.retry: not a length of time");
    refuse("[portal", "sealpost.toml:17: ");
}

#[test]
fn a_missing_key_is_named() {
    let missing = |text: &str| read(text).map(|_| ()).unwrap_err();
    assert_eq!(missing(&replaced("hostname = \"secure.clinic.example\"", "")), "server.hostname is not set");
    assert_eq!(missing(&replaced("slug = \"lakeside\"", "")), "organisation.slug is not set");
    assert_eq!(missing(&replaced("root_key_file = \"/etc/sealpost/root.key\"", "")), "vault.root_key_file is not set");
}

#[test]
fn several_organisations_are_a_list() {
    let two = LEAST.replace("[organisation]", "[[organisation]]")
        + "\n[[organisation]]\nslug = 'harbour'\nname = 'Harbour Clinic'\ndomains = ['harbour.example']";
    assert_eq!(read(&two).unwrap().config.organisation.len(), 2);
    let same_domain = two.replace("harbour.example", "clinic.example");
    assert!(
        read(&same_domain).unwrap_err().contains("organisation[1].domains: clinic.example already belongs to lakeside")
    );
    let same_slug = two.replace("'harbour'", "'lakeside'");
    assert!(read(&same_slug).unwrap_err().contains("organisation[1].slug: also the slug of Lakeside Clinic"));
}

#[test]
fn what_many_customers_share_identifies_no_connector() {
    let connector = |rest: &str| format!("[[gateway.connector]]\nname = 'office'\n{rest}");
    let provider = |rest: &str, name: &str| refuse(&connector(rest), &format!("customers of {name}, not yours: set"));
    // Saying that nobody else sends from there makes it no truer.
    for said in ["", "\nexclusive = true"] {
        provider(&format!("certificate = 'mail.protection.outlook.com'{said}"), "Microsoft 365");
        provider(&format!("networks = ['10.0.0.0/8']\ncertificate = 'smtp-out.google.com'{said}"), "Google Workspace");
        provider(&format!("networks = ['10.0.0.1/32', '40.107.22.0/24']{said}"), "Microsoft 365");
        provider(&format!("networks = ['209.85.220.41/32']{said}"), "Google Workspace");
        provider(&format!("networks = ['2a01:111:f400:7e00::/64']{said}"), "Microsoft 365");
        provider(&format!("networks = ['0.0.0.0/0']{said}"), "Microsoft 365");
    }
    let shared = "others may send from there too: set secret_files, or dkim = true; or exclusive = true";
    refuse(&connector("networks = ['203.0.113.7/32']"), &format!("gateway.connector[0].networks: {shared}"));
    refuse(&connector("networks = ['10.0.0.1/32', '203.0.113.7/32']"), shared);
    refuse(&connector("certificate = 'out.hosting.example'"), &format!("gateway.connector[0].certificate: {shared}"));
    refuse(&connector("certificate = 'out.notclinic.example'"), shared);
    for good in [
        "networks = ['10.0.0.1/32', 'fd00::/8']",
        "networks = ['203.0.113.7/32']\nexclusive = true",
        "networks = ['203.0.113.7/32']\nsecret_files = ['/a']",
        "networks = ['40.107.22.0/24']\ndkim = true",
        "certificate = 'out.clinic.example'",
        "certificate = 'out.clinic.example'\nnetworks = ['0.0.0.0/0']",
        "certificate = 'out.hosting.example'\nexclusive = true",
        "certificate = 'out.hosting.example'\nnetworks = ['10.0.0.0/8']",
        "certificate = 'mail.protection.outlook.com'\nsecret_files = ['/a']",
    ] {
        assert!(read(&format!("{LEAST}\n{}", connector(good))).is_ok(), "{good}");
    }
}

#[test]
fn replies_reach_own_mailboxes_only() {
    let rule = |rest: &str| format!("[[portal.replies.rule]]\n{rest}");
    refuse(&rule("to = 'desk@elsewhere.example'"), "rule[0].to: elsewhere.example is no domain of an organisation's");
    refuse(&rule("topic = 'money'\nto = 'desk@clinic.example'"), "a topic is appointment, billing or clinical");
    let twice =
        format!("{}\n{}", rule("to = 'desk@clinic.example'"), rule("topic = 'billing'\nto = 'b@clinic.example'"));
    refuse(&twice, "portal.replies.rule[1].to: never reached");
    refuse("[portal.replies]\nfrom = 'portal@elsewhere.example'", "portal.replies.from: not of a domain");
    let nowhere = "[policy.replies]\nportal = 'sealed'\n[portal.replies]\nenabled = false";
    refuse(nowhere, "policy.replies.portal: portal.replies.enabled is false");
    refuse("[portal.replies]\nkinds = ['exe']", "is no kind of file that is known: jpeg, ");
    refuse("[portal.replies]\nsize = '300MB'", "portal.replies.size: more than server.judging_memory");
    let inbound = "[[gateway.inbound]]\ndomains = ['mail.example']\nhost = 'mx.mail.example'\n";
    let config = read(&format!("{LEAST}\n{inbound}{}", rule("to = 'desk@mail.example'"))).unwrap().config;
    let replies = config.replies_of(&config.organisation[0]).unwrap();
    assert_eq!((replies.from.to_string().as_str(), replies.rules.len()), ("portal@clinic.example", 1));
}

#[test]
fn a_source_has_addresses_of_its_own_and_the_name_of_a_host() {
    let source = |name: &str, rest: &str| format!("[[source]]\nname = '{name}'\nhelo = 'out.clinic.example'\n{rest}\n");
    let stream = |sources: &str| format!("[[stream]]\nname = 'news'\npriority = 'marketing'\nsources = [{sources}]\n");
    refuse(&source("bulk", ""), "source[0].ipv4: a source has an address");
    refuse(&source("Bulk", "ipv4 = '192.0.2.1'"), "source[0].name: 1 to 40");
    refuse(&source("bulk", "ipv4 = '0.0.0.0'"), "source[0].ipv4: not an address that a machine can send from");
    refuse(&source("bulk", "ipv6 = 'ff02::1'"), "source[0].ipv6: not an address that a machine can send from");
    refuse(&source("bulk", "ipv4 = 'mail'"), "source[0].ipv4");
    for helo in ["localhost", "192.0.2.1", "two words.example"] {
        refuse(&format!("[[source]]\nname = 'bulk'\nipv4 = '192.0.2.1'\nhelo = '{helo}'\n"), "source[0].helo");
    }
    let (one, other) = (source("one", "ipv4 = '192.0.2.1'"), source("other", "ipv4 = '192.0.2.1'"));
    refuse(&(one.clone() + &other), "source[1].ipv4: the address of the source one already");
    refuse(&(one.clone() + &source("one", "ipv4 = '192.0.2.2'")), "source[1].name: two sources have this name");
    refuse(&(one.clone() + &stream("'two'")), "stream[0].sources: there is no source two");
    refuse(&(one.clone() + &stream("'one', 'one'")), "stream[0].sources: names one twice");
    let config = read(&format!("{LEAST}\n{one}{}", stream("'one'"))).unwrap().config;
    assert_eq!(config.stream[0].sources, ["one"]);
    assert_eq!(config.source_addresses().count(), 1);
}

#[test]
fn streams_are_named_once_and_each_submitter_is_of_one() {
    let stream = |name: &str, rest: &str| format!("[[stream]]\nname = '{name}'\npriority = 'marketing'\n{rest}\n");
    refuse(&stream("codes", ""), "stream[0].name: the name of a stream that is not chosen");
    refuse(&stream("Big News", ""), "stream[0].name: 1 to 40 lower-case letters");
    refuse(&(stream("news", "") + &stream("news", "")), "stream[1].name: two streams have this name");
    refuse(&stream("news", "retry = []"), "stream[0].retry: a list of waits");
    refuse(&stream("news", "submitters = ['ehr']"), "stream[0].submitters: each begins with one of credential:");
    let twice = stream("news", "submitters = ['credential:ehr']") + &stream("more", "submitters = ['credential:ehr']");
    refuse(&twice, "stream[1].submitters: credential:ehr is of the stream news already");
    refuse("[[stream]]\nname = 'x'\npriority = 'urgent'", "stream[0].priority");
    let rule = "[[portal.replies.rule]]\nstream = 'visits'\nto = 'desk@clinic.example'\n";
    refuse(rule, "portal.replies.rule[0].stream: there is no such stream");
    refuse(&stream("news", "only = ['ehr']"), "stream[0].only: each begins with one of credential:");
    refuse(&stream("news", "list_id = 'news'"), "stream[0].list_id: a name below a domain");
    refuse(&stream("news", "list_id = \"a.example>\\r\\nBcc: x\""), "stream[0].list_id");
    for id in ["shrt", "much-too-long-an-id", "Upper", "a:b:c"] {
        refuse(&stream("news", &format!("feedback_id = '{id}'")), "stream[0].feedback_id: 5 to 15");
    }
    let fine = stream("visits", "retry = ['2m', '1h']\nexpiry = '1d'");
    let config = read(&format!("{LEAST}\n{rule}{fine}")).unwrap().config;
    assert_eq!(config.stream[0].expiry, Some(super::units::Span::days(1)));
    assert_eq!(config.stream[0].retry.as_ref().unwrap().len(), 2);
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused() {
    refuse(
        "[named_networks]\nlisten = ['0.0.0.0:25']\nnetworks = ['10.0.0.0/8']\nsender_domains = ['clinic.example']",
        "only loopback and private addresses",
    );
    refuse(
        "[named_networks]\nlisten = ['127.0.0.1:25']\nnetworks = ['0.0.0.0/0']\nsender_domains = ['clinic.example']",
        "only loopback and private networks",
    );
    refuse(
        "[named_networks]\nlisten = ['127.0.0.1:25']\nnetworks = ['10.0.0.0/8']\nsender_domains = ['other.example']",
        "other.example belongs to no organisation",
    );
    refuse("[portal]\nurl = 'http://secure.clinic.example'", "portal.url: begins with https://");
    refuse("[portal]\nurl = 'http://127.0.0.1.evil.example'", "portal.url: begins with https://");
    refuse("[dkim]\nselector = 'a b'", "dkim.selector: not a selector");
    refuse("[dkim.second]\n'clinic.example' = 'a b'", "dkim.second.clinic.example: not a selector");
    refuse("[dkim.second]\n'clinic.example' = 'sealpost'", "dkim.second.clinic.example: the selector of its first");
    refuse("[dkim.second]\n'other.example' = 'ed1'", "dkim.second.other.example: no organisation sends");
    refuse(
        "[dkim.selectors]\n'clinic.example' = ''",
        "sealpost.toml:18: dkim.selectors.clinic.example: not a selector",
    );
    refuse("[delivery]\nretry = []", "delivery.retry");
    refuse("[submission.limits]\nrecipients = 0", "0 would refuse everything");
    refuse("[[route]]\ndomain = 'a.example'\nhost = '127.0.0.1'", "an address needs a tls_name");
    refuse("[store]\nurl = 'mysql://user:hunter2@host/db'", "store.url: neither \"sqlite\" nor postgres://");
    let zone = replaced("slug = ", "time_zone = \"Mars/Olympus\"\nslug = ");
    assert!(read(&zone).unwrap_err().contains("sealpost.toml:3: organisation.time_zone: not the IANA name"));
    let beside = replaced("/etc/sealpost/root.key", "/var/lib/sealpost/root.key");
    assert!(read(&beside).unwrap_err().contains("lies inside server.data_dir"));
    let no_tls = replaced("certificate = \"/etc/sealpost/tls.pem\"\nkey = \"/etc/sealpost/tls.key\"", "");
    assert!(read(&no_tls).unwrap_err().contains("listeners that need TLS"));
}

struct Machine {
    folder: tempfile::TempDir,
    inputs: Inputs,
}

fn machine() -> Machine {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sealpost.toml");
    fs::write(&file, LEAST).unwrap();
    Machine { folder, inputs: Inputs { file: Some(file), ..Inputs::default() } }
}

impl Machine {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn set(&mut self, name: &str, value: &str) {
        self.inputs.environment.push((name.to_owned(), value.to_owned()));
    }

    fn load(&self) -> Loaded {
        load(&self.inputs).unwrap()
    }
}

#[test]
fn flags_stand_over_environment_over_credentials_over_drop_ins_over_the_file() {
    let mut machine = machine();
    machine.write("conf.d/10-first.toml", "[log]\nlevel = 'warn'\n[portal]\nlanguage = 'es'");
    machine.write("conf.d/20-second.toml", "[log]\nlevel = 'error'");
    machine.write("conf.d/ignored.toml.bak", "nonsense");
    assert_eq!(machine.load().config.log.level, "error");
    assert_eq!(machine.load().config.portal.language, Language::Es);
    assert!(machine.load().origin("log.level").to_string().ends_with("20-second.toml:2"));
    machine.set("SEALPOST_LOG__LEVEL", "debug");
    assert_eq!(machine.load().config.log.level, "debug");
    assert_eq!(machine.load().origin("log.level"), Origin::Environment("SEALPOST_LOG__LEVEL".to_owned()));
    machine.inputs.flags.push(("--log-level".into(), "log.level".into(), "trace".into()));
    assert_eq!(machine.load().config.log.level, "trace");
    assert_eq!(machine.load().origin("log.level").to_string(), "flag --log-level");
}

#[test]
fn lists_of_tables_in_drop_ins_are_added() {
    let machine = machine();
    machine.write("conf.d/a.toml", "[[route]]\ndomain = 'a.example'\nhost = 'mx.a.example'");
    machine.write("conf.d/b.toml", "[[route]]\ndomain = 'b.example'\nhost = 'mx.b.example'");
    let loaded = machine.load();
    assert_eq!(loaded.config.route.len(), 2);
    assert!(loaded.origin("route[1].domain").to_string().ends_with("b.toml:2"));
}

#[test]
fn text_of_the_environment_takes_the_type_of_its_key() {
    let mut machine = machine();
    machine.set("SEALPOST_DELIVERY__MX_PORT", "2525");
    machine.set("SEALPOST_DELIVERY__ALLOW_PRIVATE", "true");
    machine.set("SEALPOST_DELIVERY__NAME_SERVERS", "127.0.0.1:5353, 192.0.2.1");
    machine.set("SEALPOST_DELIVERY__RETRY", "[\"1s\", \"2s\"]");
    machine.set("SEALPOST_ORGANISATION__NAME", "2525");
    machine.set("SEALPOST_SUBMISSION__LIMITS__MESSAGE_SIZE", "10MB");
    machine.set("SEALPOST_SUITES", "/somewhere");
    let loaded = machine.load();
    let delivery = &loaded.config.delivery;
    assert_eq!((delivery.mx_port, delivery.allow_private), (2525, true));
    assert_eq!((delivery.name_servers.len(), delivery.retry.len()), (2, 2));
    assert_eq!(loaded.config.organisation[0].name, "2525");
    assert_eq!(loaded.config.submission.limits.message_size, Size(10_000_000));
}

#[test]
fn an_unknown_variable_is_refused() {
    let mut machine = machine();
    machine.set("SEALPOST_PORTAL__LANGAUGE", "es");
    let error = load(&machine.inputs).unwrap_err().to_string();
    assert_eq!(
        error,
        "environment SEALPOST_PORTAL__LANGAUGE: unknown key portal.langauge; did you mean portal.language?"
    );
}

#[test]
fn a_secret_comes_from_a_file_or_a_credential_and_is_not_shown() {
    let url = "postgres://sealpost:hunter2@db.example/sealpost";
    let mut by_file = machine();
    let secret = by_file.write("db-url", &format!("{url}\n"));
    by_file.set("SEALPOST_STORE__URL_FILE", secret.to_str().unwrap());
    let mut by_credential = machine();
    by_credential.write("credentials/store.url", url);
    by_credential.write("credentials/vault.root_key_file", "key");
    by_credential.inputs.credentials = Some(by_credential.folder.path().join("credentials"));
    for machine in [&by_file, &by_credential] {
        let loaded = machine.load();
        let StoreUrl::Postgres(secret) = &loaded.config.store.url else { panic!("no PostgreSQL") };
        assert_eq!(secret.reveal(), url);
        for shown in [loaded.show(true), loaded.show_json().to_string(), format!("{loaded:?}")] {
            assert!(shown.contains("********") && !shown.contains("hunter2"), "{shown}");
        }
    }
    let root_key = by_credential.load().config.vault.root_key_file.unwrap();
    assert!(root_key.ends_with("credentials/vault.root_key_file"));
}

#[test]
fn files_that_are_not_there_are_told() {
    let mut machine = machine();
    assert_eq!(machine.load().unreadable_files().len(), 3);
    machine.inputs.file = Some(machine.folder.path().join("absent.toml"));
    assert!(load(&machine.inputs).unwrap_err().to_string().contains("absent.toml: No such file"));
}

#[test]
fn show_has_every_key_with_its_origin() {
    let shown = read(LEAST).unwrap().show(true);
    assert!(shown.contains("organisation.slug = \"lakeside\"  # sealpost.toml:3\n"), "{shown}");
    assert!(shown.contains("portal.language = \"en\"  # default\n"), "{shown}");
    assert!(shown.contains("delivery.helo = (not set)  # default\n"), "{shown}");
}

#[test]
fn the_policy_is_handed_on_as_it_is() {
    let rules =
        format!("{LEAST}\n[policy]\n[[policy.rule]]\nname = 'labs'\nwhen.tag = 'lab'\n[policy.detectors]\nmrn = 3");
    let policy = read(&rules).unwrap().config.policy;
    assert_eq!(policy["rule"][0]["when"]["tag"].as_str(), Some("lab"));
    assert_eq!(policy["detectors"]["mrn"].as_integer(), Some(3));
}

/// Every row `| `key` | default | … |` of the documentation, by its key.
fn documented() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned());
        Some((cells.nth(1)?, cells.next()?))
    };
    text.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

/// Every key there is, with its default as the documentation writes it.
fn keys() -> BTreeMap<String, String> {
    let sample = format!(
        "{LEAST}\n[[route]]\ndomain = 'a.example'\nhost = 'mx.a.example'\n\
         [[gateway.connector]]\nname = 'office'\nnetworks = ['10.0.0.1/32']\n\
         [[gateway.inbound]]\ndomains = ['clinic.example']\nhost = 'mx.clinic.example'\n\
         [[portal.replies.rule]]\nto = 'desk@clinic.example'\n\
         [[stream]]\nname = 'reminders'\npriority = 'marketing'\n\
         [[source]]\nname = 'bulk'\nhelo = 'mail2.clinic.example'\nipv4 = '192.0.2.10'\n\
         [[shaping]]\nname = 'hosting'\nmx = ['hosting.example']"
    );
    let required = [
        "route[0].domain",
        "route[0].host",
        "gateway.connector[0].name",
        "gateway.inbound[0].domains",
        "gateway.inbound[0].host",
        "portal.replies.rule[0].to",
        "shaping[0].name",
        "shaping[0].mx",
        "source[0].name",
        "source[0].helo",
        "stream[0].name",
        "stream[0].priority",
    ];
    let default = |loaded: &Loaded, key: &str, value: serde_json::Value| match value {
        _ if loaded.origins.contains_key(key) && (key.starts_with("organisation") || key.starts_with("server")) => {
            "required".to_owned()
        }
        _ if required.contains(&key) => "required".to_owned(),
        _ if key == "gateway.connector[0].networks" => "[]".to_owned(),
        _ if loaded.origins.contains_key(key) => String::new(),
        serde_json::Value::Null => String::new(),
        value => value.to_string().replace("\",\"", "\", \""),
    };
    let loaded = read(&sample).unwrap();
    let values = show::values(&loaded).into_iter();
    values.map(|(key, value)| (key.replace("[0]", ""), default(&loaded, &key, value))).collect()
}

#[test]
fn every_key_and_its_default_are_documented() {
    let (documented, keys) = (documented(), keys());
    let undocumented: BTreeSet<_> = keys.keys().filter(|key| !documented.contains_key(*key)).collect();
    let stale: BTreeSet<_> = documented.keys().filter(|key| !keys.contains_key(*key)).collect();
    assert!(undocumented.is_empty() && stale.is_empty(), "without a line: {undocumented:?}; without a key: {stale:?}");
    for (key, default) in keys {
        assert_eq!(documented[&key], default, "the default of {key}");
    }
}

#[test]
fn secrets_and_files_name_keys_that_exist() {
    let keys = keys();
    for key in layers::SECRETS.iter().chain(&layers::FILES) {
        assert!(keys.contains_key(*key), "{key}");
    }
}

/// All code of the binary but this module, which reads every key by itself; what is derived from keys here counts.
fn code_of_the_binary(folder: &Path) -> String {
    let mut code = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let own = |name: &str| fs::read_to_string(path.join(name)).unwrap();
            code += &match path.ends_with("config") {
                true => own("sections.rs") + &own("replies.rs"),
                false => code_of_the_binary(&path),
            };
        } else {
            code += &fs::read_to_string(&path).unwrap();
        }
    }
    code
}

#[test]
fn every_key_is_used() {
    let code = code_of_the_binary(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for key in keys().keys() {
        let field = format!(".{}", key.rsplit('.').next().unwrap());
        let after = |at: usize| code[at + field.len()..].chars().next();
        let used =
            code.match_indices(&field).any(|(at, _)| !after(at).is_some_and(|c| c.is_alphanumeric() || c == '_'));
        assert!(used, "nothing reads {key}");
    }
}
