//! At rest: whatever a message says, to whom, and under which passphrase, is
//! found nowhere on the machine in clear: not in the database, its log, bodies,
//! temporary files, the server's log at level debug, its health pages or what
//! the system shows of the process.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use testkit::postgres::Postgres;
use testkit::sealpost::{Server, is_on_sqlite};
use testkit::wait;

use crate::markers::{Text, base64};
use crate::visit::{Visitor, code, links, portal_address, portal_at};
use crate::ward::{Client, Ward, message};

/// What must not be found, one word for each place where it is planted.
const MARKERS: [(&str, &str); 9] = [
    ("subject", "Zubrowka-subject-marker"),
    ("text", "Zubrowka-text-marker"),
    ("large text", "Zubrowka-large-marker"),
    ("encoded text", "Zubrowka-coded-marker"),
    ("attachment name", "Zubrowka-attachment-marker"),
    ("recipient", "zubrowka-recipient-marker"),
    ("passphrase", "Zubrowka passphrase marker"),
    ("hint", "Zubrowka hint marker"),
    ("header field", "Zubrowka-field-marker"),
];

fn marker(place: &str) -> &'static str {
    MARKERS.iter().find(|(name, _)| *name == place).map(|(_, marker)| *marker).expect("a place")
}

/// Which markers are in there, and where.
fn found(name: &str, bytes: &[u8]) -> Vec<String> {
    let text = Text::of(bytes);
    let markers = MARKERS.iter().filter(|(_, marker)| text.holds(marker));
    markers.map(|(place, _)| format!("the {place} is in {name}")).collect()
}

fn letter(text: &str, extra: &str) -> String {
    let fields = format!(
        "To: {to}@portal.example\r\nSubject: {subject}\r\nX-Note: {field}\r\nMIME-Version: 1.0\r\n{extra}\
         Content-Type: multipart/mixed; boundary=b\r\n",
        to = marker("recipient"),
        subject = marker("subject"),
        field = marker("header field"),
    );
    let coded = base64(format!("{} in base64", marker("encoded text")).as_bytes());
    message(
        &fields,
        &format!(
            "--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n\
             --b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}\r\n\
             --b\r\nContent-Type: application/pdf; name=\"{name}.pdf\"\r\n\
             Content-Disposition: attachment; filename=\"{name}.pdf\"\r\n\r\n%PDF\r\n--b--\r\n",
            name = marker("attachment name")
        ),
    )
}

#[test]
fn nothing_of_a_message_lies_on_the_machine_in_clear() {
    let portal = portal_address();
    let ward = Ward::new(&format!("[log]\nlevel = 'trace'\n{}", portal_at(&portal)));
    let server = ward.machine.serve_with(with_core_files);
    let everybody = everyone(marker("recipient"));
    let to: Vec<&str> = everybody.iter().map(String::as_str).collect();
    let mut client = Client::to(&server);
    let passphrase = format!(
        "X-Sealpost-Passphrase: {}\r\nX-Sealpost-Passphrase-Hint: {}\r\n",
        marker("passphrase"),
        marker("hint")
    );
    let small = client.send(&to, letter(marker("text"), &passphrase).as_bytes()).unwrap().expect(250, "accepted").id();
    let line = format!("{} on a line of its own, many times\r\n", marker("large text"));
    let large = letter(&line.repeat(2_000_000 / line.len()), "");
    client.send(&to, large.as_bytes()).unwrap().expect(250, "accepted");
    // One that is refused at its end, and one that is never ended.
    let with_nul = letter(marker("text"), "").replace("%PDF", "%PDF\0");
    client.send(&to, with_nul.as_bytes()).unwrap().expect(554, "zero byte");
    let mut broken_off = Client::to(&server);
    broken_off.envelope(&to).unwrap().expect(354, "");
    broken_off.write(&large.as_bytes()[..1_200_000]).unwrap();
    wait::until("both copies by TLS", || (ward.sink.taken().len() >= 2).then_some(()));
    let opened = open_in_portal(&ward, &server);
    assert!(opened.contains(marker("text")), "{opened}");

    // While it runs, with everything in its write-ahead log, and after it has stopped.
    look_at_process(&server);
    look_at_files(&ward);
    for page in ["/livez?verbose", "/readyz?verbose", "/metrics"] {
        let answer = Visitor::at(server.address("health")).get(page);
        assert_eq!(found(page, &[answer.head.as_bytes(), &answer.body].concat()), [""; 0]);
    }
    drop(broken_off);
    server.stop();
    look_at_files(&ward);
    let shown = ward.machine.ok(["message", "show", &small]);
    assert!(!shown.contains(marker("subject")) && !shown.contains(marker("text")), "{shown}");
}

/// The same local part at the host with good TLS and at the one whose patients use the portal.
fn everyone(local: &str) -> [String; 2] {
    [format!("{local}@sink.example"), format!("{local}@portal.example")]
}

fn look_at_files(ward: &Ward) {
    let mut seen = Vec::new();
    let mut leaks = Vec::new();
    let mut files: Vec<_> = ["data", "tmp", "conf.d"].iter().flat_map(|folder| ward.machine.files(folder)).collect();
    if let Some(database) = &ward.machine.database {
        files.extend(Postgres::shared().files(database));
    }
    for (path, bytes) in files {
        leaks.extend(found(&path.display().to_string(), &bytes));
        seen.push(path);
    }
    for path in ["serve.log", "announcement"].map(|name| ward.machine.path(name)) {
        leaks.extend(found(&path.display().to_string(), &fs::read(&path).unwrap()));
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
    let has = |name: &str| seen.iter().any(|path: &PathBuf| path.to_string_lossy().contains(name));
    let looked = if is_on_sqlite() { has("sealpost.db") && has("bodies/") } else { has("/base/") };
    assert!(looked, "nothing was looked at: {seen:?}");
}

/// As on a machine whose administrator wants core files.
fn with_core_files(command: &mut Command) -> &mut Command {
    let mut limited = Command::new("prlimit");
    limited.arg("--core=unlimited").arg(command.get_program()).args(command.get_args()).env_clear();
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    *command = limited;
    command
}

/// What other users can read of the process, and where its memory would go if it died.
fn look_at_process(server: &Server<'_>) {
    for file in ["cmdline", "environ", "comm", "status", "maps"] {
        let path = format!("/proc/{}/{file}", server.id());
        assert_eq!(found(&path, &fs::read(&path).unwrap()), [""; 0]);
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
    let soft = core.split_whitespace().nth(4).unwrap_or_default();
    assert_eq!(soft, "0", "a crash would write the memory to disk: {core}");
}

/// The recipient's whole way, so that what the portal stores is there to be looked at.
fn open_in_portal(ward: &Ward, server: &Server<'_>) -> String {
    let to = everyone(marker("recipient"))[1].clone();
    let mut pages = links(ward, &to, 2).into_iter().enumerate().map(|(number, link)| {
        let mut visitor = Visitor::at(server.address("portal"));
        visitor.post(&format!("{link}/code"), "");
        let code = code(ward, &to, number + 1);
        visitor.post(&format!("{link}/open"), &format!("code={code}"));
        let phrase = format!("passphrase={}", marker("passphrase").replace(' ', "+"));
        visitor.post(&format!("{link}/passphrase"), &phrase).text()
    });
    pages.find(|page| page.contains(marker("text"))).expect("a message that was opened")
}
