//! Public corpora of mail through accept: each message is taken or refused as
//! RFC 5322 and our bounds have it, goes on byte for byte where it is taken,
//! and its attachments have the names and types by which policy and the
//! portal's page know them.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flow::gateway::{Gateway, RecipientDomain};
use mail::Domain;
use mail::reading::{self, Limits, Place, Reading};
use serde_json::Value;
use testkit::suites::suite;
use transport::{Answer, DnsName, LookupError, Pending, RecordKind, SecureDns};

use crate::check;
use crate::clinic::{Clinic, ORG};

struct Case {
    name: String,
    message: Vec<u8>,
}

impl Case {
    fn read(path: &Path) -> Self {
        Self { name: path.display().to_string(), message: crlf(&fs::read(path).unwrap()) }
    }

    fn header(&self) -> &[u8] {
        let end = self.message.windows(4).position(|window| window == b"\r\n\r\n");
        let empty = self.message.starts_with(b"\r\n");
        if empty { &[] } else { &self.message[..end.map_or(self.message.len(), |end| end + 2)] }
    }

    /// The fields by their names, each with all of its lines.
    fn fields(&self) -> Vec<(String, Vec<u8>)> {
        let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
        for line in self.header().split_inclusive(|byte| *byte == b'\n') {
            match fields.last_mut() {
                Some((_, field)) if line.starts_with(b" ") || line.starts_with(b"\t") => field.extend_from_slice(line),
                _ => {
                    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                    fields.push((String::from_utf8_lossy(name).trim_end().to_ascii_lowercase(), line.to_vec()));
                }
            }
        }
        fields
    }

    /// Why it must be refused, by rules that are written down here once more.
    fn refusal(&self) -> Option<&'static str> {
        let fields = self.fields();
        let count = |name: &str| fields.iter().filter(|(field, _)| field == name).count();
        let is_field = |(name, field): &(String, Vec<u8>)| {
            field.contains(&b':') && !name.is_empty() && name.bytes().all(|byte| (b'!'..=b'~').contains(&byte))
        };
        let address = fields.iter().find(|(name, _)| name == "from").map(|(_, field)| field.contains(&b'@'));
        if self.header().len() > 256 * 1024 {
            Some("header block is too large")
        } else if !fields.iter().all(is_field) {
            Some("no field")
        } else if count("from") > 1 {
            Some("more than one From")
        } else if count("subject") > 1 {
            Some("more than one Subject")
        } else if count("received") > 100 {
            Some("too many servers")
        } else if address != Some(true) {
            Some("no From field")
        } else {
            None
        }
    }

    /// As it must arrive: without what only the last server may write.
    fn passed_on(&self) -> Vec<u8> {
        let fields = self.fields();
        let kept = fields.iter().filter(|(name, _)| name != "return-path").flat_map(|(_, field)| field.clone());
        let body = &self.message[self.header().len()..];
        kept.chain(body.iter().copied()).collect()
    }
}

/// As it crosses SMTP.
fn crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 30);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn files(folder: &Path, ends: &[&str]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| ends.iter().any(|end| path.to_string_lossy().ends_with(end)));
    found.sort();
    found
}

/// What became of a message.
struct Outcome {
    reply: String,
    arrived: Option<Vec<u8>>,
    is_held: bool,
}

/// Hands all of them in.
fn accepted(cases: &[Case]) -> Vec<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clinic = Clinic::new(3);
        clinic.world.heal();
        let running = clinic.start();
        running.journey.open_gateway(Arc::new(gateway()));
        let to = |number: usize| format!("case{number}@clinic.example");
        let mut replies = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            let reply = running.bring(&to(number), &case.message).await;
            replies.push(format!("{} {}", reply.code, reply.text));
        }
        running.run_to_the_end(Duration::from_secs(24 * 3_600)).await;
        let taken = check::taken(&clinic);
        let of = |number: usize| taken.iter().find(|taken| taken.to == [to(number)]).map(|taken| taken.bytes.clone());
        let held = clinic.store().held(ORG, 1_000).await.unwrap();
        let is_held = |reply: &str| held.iter().any(|message| reply.contains(&message.to_string()));
        let outcome =
            |(number, reply): (usize, String)| Outcome { arrived: of(number), is_held: is_held(&reply), reply };
        replies.into_iter().enumerate().map(outcome).collect()
    })
}

/// Port 25 of a clinic that nobody's names are known to.
fn gateway() -> Gateway {
    Gateway {
        connectors: Vec::new(),
        recipient_domains: vec![RecipientDomain { domain: Domain::parse("clinic.example").unwrap(), org: ORG }],
        return_path: None,
        known: HashMap::new(),
        honours_dmarc: false,
        dns: Arc::new(Nameless),
    }
}

struct Nameless;

impl SecureDns for Nameless {
    fn lookup<'a>(&'a self, _: &'a DnsName, _: RecordKind) -> Pending<'a, Result<Answer, LookupError>> {
        Box::pin(async { Err(LookupError::Failed) })
    }
}

/// Each is taken or refused as it must be; what is taken arrives, and every byte of it.
fn check_all(cases: &[Case]) {
    let mut wrong = Vec::new();
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    for (case, Outcome { reply, arrived, .. }) in cases.iter().zip(accepted(cases)) {
        match (case.refusal(), arrived) {
            (Some(why), arrived) => {
                *refused.entry(why).or_default() += 1;
                if !reply.starts_with('5') || arrived.is_some() {
                    wrong.push(format!("{}: {why}, and the reply is {reply}", case.name));
                }
            }
            (None, Some(arrived)) if reply.starts_with("250") && arrived.ends_with(&case.passed_on()) => {
                let read = |bytes: &[u8]| reading::read(bytes, &Limits::default()).map(|reading| reading.parts);
                if read(&arrived) != read(&case.message) {
                    wrong.push(format!("{}: what goes on is read as something else", case.name));
                }
            }
            (None, arrived) => {
                let how = arrived.map_or("nothing arrived", |_| "what arrived is not what came");
                wrong.push(format!("{}: {how}; the reply is {reply}", case.name));
            }
        }
    }
    eprintln!("{} messages, refused: {refused:?}", cases.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn mail_of_the_parsers_corpora_goes_on_as_it_came() {
    let Some(suite) = suite("mime") else { return };
    let mut cases = Vec::new();
    for folder in ["legacy", "malformed", "rfc", "thirdparty"] {
        let all = files(&suite.join("mail-parser").join(folder), &[".eml", ".txt"]);
        cases.extend(all.iter().map(|path| Case::read(path)));
    }
    let kept = files(&suite.join("mimekit/messages"), &[".eml", ".txt"]);
    let partial = files(&suite.join("mimekit/partial"), &[".eml"]);
    cases.extend(kept.iter().chain(&partial).filter(|path| !is_result(path)).map(|path| Case::read(path)));
    assert!(cases.len() > 130, "{} messages", cases.len());
    check_all(&cases);
}

/// Bodies that the corpus expects, beside its messages.
fn is_result(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("body."))
}

/// What bounds are there for: 100 servers, 256 KiB of header, 1,000 parts, 32 levels. What is too large to be judged
/// before it is answered is held instead.
#[test]
fn hostile_messages_are_refused_and_hostile_files_go_on() {
    let Some(suite) = suite("attachments") else { return };
    let expected = [
        ("2231-continuations-100000.eml", Must::Refuse("too large")),
        ("comments-nested-100000.eml", Must::Take),
        ("header-1MiB-line.eml", Must::Refuse("too large")),
        ("headers-20000.eml", Must::Take),
        ("mime-50000-parts.eml", Must::Refuse("more than 1000 parts")),
        ("mime-depth-10000.eml", Must::Hold),
        ("received-loop-101.eml", Must::Refuse("too many servers")),
    ];
    let mut cases: Vec<Case> = expected.iter().map(|(name, _)| Case::read(&suite.join(name))).collect();
    assert_eq!(files(&suite, &[".eml"]).len(), cases.len(), "each case has its expectation");
    let others = files(&suite, &[".png", ".pdf", ".svg"]);
    assert_eq!(others.len(), 4);
    cases.extend(others.iter().map(|path| attached(path)));
    let told = accepted(&cases);
    for ((name, must), Outcome { reply, arrived, is_held }) in expected.iter().zip(&told) {
        let is_right = match must {
            Must::Refuse(why) => reply.starts_with('5') && reply.contains(why),
            Must::Hold => reply.starts_with("250") && *is_held,
            Must::Take => reply.starts_with("250"),
        };
        let comes = matches!(must, Must::Take);
        assert!(is_right && arrived.is_some() == comes, "{name}: {reply}, held: {is_held}");
    }
    for ((path, case), Outcome { reply, arrived, .. }) in
        others.iter().zip(&cases[expected.len()..]).zip(&told[expected.len()..])
    {
        let arrived = arrived.as_ref().unwrap_or_else(|| panic!("{}: {reply}", case.name));
        assert!(arrived.ends_with(&case.passed_on()), "{}", case.name);
        let reading = reading::read(arrived, &Limits::default()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let [part] = &reading.parts[..] else { panic!("{:?}", reading.parts) };
        assert_eq!((&part.place, part.content_type.as_str()), (&Place::Attachment(name), "application/octet-stream"));
        assert_eq!(part.body, reading::Body::Bytes(fs::read(path).unwrap()));
    }
}

enum Must {
    Refuse(&'static str),
    Hold,
    Take,
}

/// A message with that file.
fn attached(path: &Path) -> Case {
    use base64::Engine as _;
    let name = path.file_name().unwrap().to_string_lossy();
    let coded = base64::engine::general_purpose::STANDARD.encode(fs::read(path).unwrap());
    let lines: Vec<&str> = coded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let message = format!(
        "From: a@a.test\nMIME-Version: 1.0\nContent-Type: application/octet-stream\n\
         Content-Disposition: attachment; filename=\"{name}\"\nContent-Transfer-Encoding: base64\n\n{}\n",
        lines.join("\n")
    );
    Case { name: name.into_owned(), message: crlf(message.as_bytes()) }
}

/// What the suite says of each message's attachments: name and type, of those with a name.
#[test]
fn attachments_have_the_names_and_types_that_the_suite_says() {
    let Some(suite) = suite("mime") else { return };
    let (mut checked, mut wrong) = (0, Vec::new());
    for folder in ["legacy", "malformed", "rfc", "thirdparty"] {
        for path in files(&suite.join("mail-parser").join(folder), &[".eml", ".txt"]) {
            let Ok(says) = fs::read(path.with_extension("json")) else { continue };
            let says: Value = serde_json::from_slice(&says).unwrap();
            let case = Case::read(&path);
            let Ok(reading) = reading::read(&case.message, &Limits::default()) else { continue };
            for (name, kind) in said(&says) {
                checked += 1;
                if !has(&reading, &name, &kind) {
                    let found: Vec<_> = reading.parts.iter().map(|part| (&part.place, &part.content_type)).collect();
                    wrong.push(format!("{}: {name:?} {kind}, found {found:?}", case.name));
                }
            }
        }
    }
    assert!(checked > 50, "{checked} attachments");
    assert!(wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
}

fn has(reading: &Reading, name: &str, kind: &str) -> bool {
    let wanted = Place::Attachment(reading::clean_name(name));
    reading.parts.iter().any(|part| part.place == wanted && part.content_type == kind)
}

/// Name and type of the attachments that the suite lists, by their own header fields.
fn said(says: &Value) -> Vec<(String, String)> {
    let parts = says["parts"].as_array().cloned().unwrap_or_default();
    let attachments = says["attachments"].as_array().cloned().unwrap_or_default();
    let indexes = attachments.iter().filter_map(Value::as_u64).filter_map(|index| usize::try_from(index).ok());
    indexes.filter_map(|index| named(parts.get(index)?)).collect()
}

fn named(part: &Value) -> Option<(String, String)> {
    let field = |name: &str| {
        let fields = part["headers"].as_array()?;
        let field = fields.iter().rev().find(|field| field["name"] == name)?;
        Some(field["value"]["ContentType"].clone())
    };
    let attribute = |field: &Value, name: &str| {
        let attributes = field["attributes"].as_array()?;
        let found = attributes.iter().find(|attribute| attribute["name"] == name)?;
        found["value"].as_str().map(str::to_owned)
    };
    let (kind, place) = (field("content_type"), field("content_disposition"));
    let name = place
        .as_ref()
        .and_then(|place| attribute(place, "filename"))
        .or_else(|| kind.as_ref().and_then(|kind| attribute(kind, "name")))?;
    let word = |name: &str| kind.as_ref().and_then(|kind| kind[name].as_str()).map(str::to_ascii_lowercase);
    Some((name, format!("{}/{}", word("c_type")?, word("c_subtype")?)))
}
