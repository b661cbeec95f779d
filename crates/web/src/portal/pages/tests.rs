//! Every page, in a language whose every word is `⟦key⟧`: what is left when
//! those are taken away are the texts that no translator would ever see.

use flow::judging::{Look, Task};
use flow::org_keys::PublishedKey;
use flow::portal::reply::Offer;
use flow::portal::{
    Catalogue, Clinic, GivenKey, KeyVisit, Language, LinkId, NotOffered, Offered, ReplyForm, Stage, Visit,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail::{Address, KeyFormat, KeyState, OrgKeyId, RecipientKeyId};
use maud::{Markup, PreEscaped};

use trace::evidence::dkim::Checked;
use trace::evidence::gather;
use trace::{Block as Header, HeaderError, Limits, Trust};

use super::{ends, entry, inspect, judging, keys, message, published, reply, verify};
use crate::inspect::NotInspected;
use crate::portal::letter::{Block, FileLine, Letter, Text};
use crate::portal::verify::Verdict;
use crate::portal::words::{EN_SOURCE, Words};

const LINK: LinkId = LinkId::from_bytes([7; 16]);

fn clinic() -> Clinic {
    Clinic { name: "7".into(), phone: "+1 555 0100".into(), time_zone: TimeZone::UTC }
}

/// Each text of the real catalogue as its own key.
fn keys_as_words() -> Catalogue {
    let keys = EN_SOURCE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    let source: String = keys.map(|(key, _)| format!("{key} = ⟦{key}⟧\n")).collect();
    Catalogue::new(Language::En, &source)
}

fn visit() -> Visit {
    let offer = Offer { files_max: 7, bytes_max: 7, kinds: vec![] };
    Visit {
        stage: Stage::Open,
        language: Language::En,
        recipient: Address::parse("p@example.com").unwrap(),
        expires_at: Timestamp::UNIX_EPOCH,
        hint: Some("7".into()),
        passphrase_tries_left: 1,
        reply: Some(ReplyForm { token: "7".into(), offer }),
        sent: Vec::new(),
    }
}

/// What senders are asked for.
fn tasks(words: &Words<'_>) -> Vec<(&'static str, Markup)> {
    let address = || Address::parse("7@7").unwrap();
    let look = |task| Look { language: Language::En, received_at: Timestamp::UNIX_EPOCH, task };
    let judge = look(Task::Judge(vec![(address(), "7".into())]));
    let give = look(Task::GivePassphrase(vec![address()]));
    vec![
        ("to judge", judging::task(words, LINK, &judge, None)),
        ("to judge, without a reason", judging::task(words, LINK, &judge, Some(judging::Wrong::Reason))),
        ("to judge, but staff do", judging::task(words, LINK, &judge, Some(judging::Wrong::Staff))),
        ("to give a passphrase", judging::task(words, LINK, &give, None)),
        ("to give another passphrase", judging::task(words, LINK, &give, Some(judging::Wrong::Passphrase))),
        ("judged", judging::task(words, LINK, &look(Task::Nothing), None)),
    ]
}

fn letter(text: Text) -> Letter {
    let file = |name: &str| FileLine { number: 0, name: name.into(), bytes: 5 };
    Letter {
        subject: String::new(),
        from: "7".into(),
        received_at: Timestamp::UNIX_EPOCH,
        text,
        simplified: true,
        files: vec![file(""), file("7")],
    }
}

fn blocks() -> Vec<Block> {
    vec![Block { nested: true, markup: PreEscaped("<p>7</p>".into()) }]
}

const KEY: RecipientKeyId = RecipientKeyId::from_bytes([7; 16]);

fn key_pages(words: &Words<'_>) -> Vec<(&'static str, Markup)> {
    let given = |format, state| GivenKey {
        id: KEY,
        format,
        fingerprint: "7777".into(),
        state,
        is_unwanted: false,
        since: Timestamp::UNIX_EPOCH,
    };
    let unwanted = GivenKey { is_unwanted: true, ..given(KeyFormat::OpenPgp, KeyState::Active) };
    let keys = vec![given(KeyFormat::OpenPgp, KeyState::Active), given(KeyFormat::Smime, KeyState::HeldBack), unwanted];
    let offered = Offered { format: KeyFormat::Smime, fingerprint: "7777".into(), certificate: Vec::new() };
    let none = KeyVisit { visit: visit(), may_give: false, offered: None, keys: Vec::new() };
    let some = KeyVisit { may_give: true, keys, ..none.clone() };
    let waiting = KeyVisit { offered: Some(offered), ..some.clone() };
    let refused = [
        NotOffered::Unreadable,
        NotOffered::Private,
        NotOffered::OtherAddress,
        NotOffered::Unusable,
        NotOffered::Rejected,
        NotOffered::TooMany,
    ];
    let mut notes: Vec<keys::Note> = refused.into_iter().map(keys::Note::Refused).collect();
    notes.extend([
        keys::Note::Held,
        keys::Note::Kept,
        keys::Note::Removed,
        keys::Note::Asked,
        keys::Note::Empty,
        keys::Note::TooOften,
    ]);
    let mut pages = vec![
        ("keys of who proved little", keys::keys(words, LINK, &none, keys::Note::None)),
        ("keys", keys::keys(words, LINK, &some, keys::Note::None)),
        ("proof of a key", keys::keys(words, LINK, &waiting, keys::Note::None)),
        ("wrong proof of a key", keys::keys(words, LINK, &waiting, keys::Note::Wrong)),
    ];
    pages.extend(notes.into_iter().map(|note| ("keys with a note", keys::keys(words, LINK, &some, note))));
    pages
}

/// Hops of every kind of verdict, with evidence of every kind.
const WAYS: [&str; 4] = [
    "Authentication-Results: mx.b.example; spf=pass\nAuthentication-Results: spf=fail smtp.mailfrom=x\n\
     TLS-Required: No\nX-Originating-IP: 192.0.2.9\nDKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=YQ==; b=YQ==\n\
     DKIM-Signature: x\nARC-Seal: x\nContent-Type: application/pkcs7-mime\n\
     Received: from m (m.a.example [192.0.2.1]) (using TLSv1.1 with cipher RC4-MD5 (128/128 bits)) by mx.b.example (Postfix) with ESMTPS id 1;\n\
     \tTue, 13 Jan 2026 10:00:07 +0000\n\
     Received: from o.c.example (o.c.example [192.0.2.2]) by m.a.example (Postfix) with ESMTP id 1; Tue, 13 Jan 2026 10:00:05 +0000\n\
     Received: (qmail 1 invoked from network); Tue, 13 Jan 2026 10:00:05 +0000\n\
     Received: from p (p.test [192.0.2.3]) by o.c.example with ESMTP id 1; Tue, 13 Jan 2026 10:00:04 +0000\n\
     Received: rubbish\n",
    "Received: from m (m.a.example [192.0.2.1]) by mx.b.example (Postfix) with ESMTPS id 1; Tue, 13 Jan 2026 10:00:07 +0000\n",
    "Received: from m (localhost [127.0.0.1]) by mx.b.example (Postfix) with ESMTP id 1; Tue, 13 Jan 2026 10:00:07 +0000\n",
    "Subject: 7\n",
];

fn told(words: &Words<'_>, header: &str) -> Markup {
    let block = Header::read(header.as_bytes(), &Limits::default()).unwrap();
    let trust = Trust::default();
    let trace = trace::trace(&block, &trust);
    inspect::told(words, &trace, &gather(&block, &trace, b"", &Checked::default()))
}

fn published_keys() -> Vec<PublishedKey> {
    let key = |format, revoked_at| PublishedKey {
        id: OrgKeyId::from_bytes([7; 16]),
        organisation: "7".into(),
        owners: vec!["p@clinic.example".parse().unwrap(), "clinic.example".parse().unwrap()],
        format,
        fingerprint: "12345678".repeat(5),
        expires_at: Some(Timestamp::UNIX_EPOCH),
        revoked_at,
        file: Vec::new(),
    };
    vec![key(KeyFormat::OpenPgp, None), key(KeyFormat::Smime, Some(Timestamp::UNIX_EPOCH))]
}

fn every_page(words: &Words<'_>) -> Vec<(&'static str, Markup)> {
    let visit = visit();
    let verdicts = [
        Verdict::OurLink { host: "7".into() },
        Verdict::ForeignLink,
        Verdict::OurSender,
        Verdict::ForeignSender,
        Verdict::Unclear,
    ];
    let mut pages = vec![
        ("landing", entry::landing(words, LINK)),
        ("code", entry::code(words, LINK, false)),
        ("wrong code", entry::code(words, LINK, true)),
        ("a sender's landing", judging::landing(words, LINK)),
        ("a sender's code", judging::code(words, LINK, false)),
        ("a sender's wrong code", judging::code(words, LINK, true)),
        ("nothing to judge", judging::done(words, LINK)),
        ("passphrase", entry::passphrase(words, LINK, &visit, false)),
        ("wrong passphrase", entry::passphrase(words, LINK, &visit, true)),
        ("framed message", message::message(words, LINK, &visit, &letter(Text::Framed(blocks())), true)),
        ("plain message", message::message(words, LINK, &visit, &letter(Text::Plain(blocks())), false)),
        ("empty message", message::message(words, LINK, &visit, &letter(Text::Empty), false)),
        ("body", message::body(words, &blocks())),
        ("sent", reply::sent(words, LINK)),
        ("a copy", reply::copy(words, LINK, Timestamp::UNIX_EPOCH, "", &[("7".into(), 7)])),
        ("withdrawn", ends::withdrawn(words, LINK)),
        ("expired", ends::expired(words, LINK, &visit)),
        ("gone", ends::gone(words, LINK)),
        ("locked", ends::locked(words, LINK)),
        ("lacks passphrase", ends::lacks_passphrase(words, LINK)),
        ("asked", ends::asked(words, LINK)),
        ("closed", ends::closed(words, LINK)),
        ("home", ends::home(words, true)),
        ("inspect", inspect::form(words)),
        ("verify", verify::verify(words, "7", true, None)),
    ];
    pages.extend(key_pages(words));
    let keys = published_keys();
    pages.extend([
        ("our keys", published::all(words, &keys)),
        ("no keys of ours", published::all(words, &[])),
        ("a sender's keys", published::of_sender(words, &keys)),
        ("no keys of a sender", published::of_sender(words, &[])),
    ]);
    pages.extend(keys.iter().map(|key| ("a key of ours", published::one(words, key))));
    let refusals = [
        NotInspected::NoHeader,
        NotInspected::Header(HeaderError::TooLong { max: 7 }),
        NotInspected::TooLarge { max: 7 },
        NotInspected::BrokeOff,
    ];
    pages.extend(tasks(words));
    pages.extend(refusals.map(|why| ("inspect refused", inspect::refused(words, why))));
    pages.extend(WAYS.map(|header| ("inspected", told(words, header))));
    let refused = [
        reply::Refused::Empty,
        reply::Refused::TooLarge,
        reply::Refused::TooManyFiles,
        reply::Refused::Kind("7".into()),
        reply::Refused::TooOften,
        reply::Refused::Closed,
        reply::Refused::NotNow,
        reply::Refused::Never,
    ];
    pages.extend(refused.iter().map(|refused| {
        let again = reply::Again { topic: None, text: "7", refused };
        ("a reply again", reply::again(words, LINK, &visit, &again))
    }));
    pages.extend(verdicts.iter().map(|verdict| ("verdict", verify::verify(words, "7", false, Some(verdict)))));
    pages
}

/// What a person reads or hears: text, and the attributes that are spoken.
fn spoken(html: &str) -> String {
    let html = match (html.find("<style>"), html.find("</style>")) {
        (Some(from), Some(to)) => format!("{}{}", &html[..from], &html[to..]),
        _ => html.to_owned(),
    };
    // What is quoted from a header is no text of these pages.
    let quotes = html.split("<bdi translate=\"no\">").enumerate();
    let html: String =
        quotes.map(|(at, piece)| if at == 0 { piece } else { piece.split_once("</bdi>").unwrap().1 }).collect();
    let mut out = String::new();
    for piece in html.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        // What an option sends is not what it says.
        let tag = if tag.starts_with("option") { "" } else { tag };
        for attribute in ["title=\"", "aria-label=\"", "alt=\"", "placeholder=\"", "value=\""] {
            if let Some((_, value)) = tag.split_once(attribute) {
                out.push_str(value.split('"').next().unwrap());
            }
        }
        out.push_str(text);
        out.push(' ');
    }
    out
}

#[test]
fn every_word_of_every_page_is_in_the_catalogue() {
    let (catalogue, clinic) = (keys_as_words(), clinic());
    let words = Words::of(&catalogue, &clinic);
    for (name, page) in every_page(&words) {
        let mut rest = spoken(&page.0).replace("English", "").replace("Español", "").replace("+1", "");
        rest = rest.replace(&KEY.to_string(), "").replace("p@example.com", "");
        rest = rest.replace("p@clinic.example", "").replace("clinic.example", "");
        while let (Some(from), Some(to)) = (rest.find('⟦'), rest.find('⟧')) {
            rest.replace_range(from..to + '⟧'.len_utf8(), "");
        }
        assert!(!rest.contains(char::is_alphabetic), "{name}: {rest}");
    }
}

#[test]
fn every_page_is_small_and_names_its_language_and_its_matter() {
    let clinic = clinic();
    for language in Language::ALL {
        let words = Words::new(language, true, &clinic);
        for (name, page) in every_page(&words) {
            let html = page.0;
            assert!(html.len() < 30 * 1024 - include_str!("../portal.css").len(), "{name}: {} bytes", html.len());
            assert!(html.contains(&format!("<html lang=\"{language}\">")), "{name}");
            assert!(html.contains("<title>") && html.contains("<main>"), "{name}");
            for forbidden in ["<script", " style=", " onclick=", " onload=", "javascript:"] {
                assert!(!html.contains(forbidden), "{name}: {forbidden}");
            }
            if name != "body" {
                assert_eq!(html.matches("<h1").count(), 1, "{name}");
                assert!(html.contains("tel:+15550100"), "{name} has no way out");
            }
        }
    }
}

#[test]
fn without_a_number_no_page_has_a_gap() {
    let clinic = Clinic { phone: String::new(), ..clinic() };
    for language in Language::ALL {
        for (name, page) in every_page(&Words::new(language, false, &clinic)) {
            let text = spoken(&page.0);
            assert!(!page.0.contains("tel:") && !text.contains(" at .") && !text.contains("al ."), "{name}: {text}");
        }
    }
}

#[test]
fn what_a_header_says_is_never_markup() {
    let clinic = clinic();
    let words = Words::new(Language::En, false, &clinic);
    let evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}";
    let header = format!(
        "Received: from {evil} ({evil} [192.0.2.1]) (using {evil} with cipher {evil} (1/1 bits)) by {evil} ({evil}) with {evil} \
         id {evil} for {evil}; Tue, 13 Jan 2026 10:00:07 +0000\nAuthentication-Results: {evil}; x={evil}\n\
         X-Originating-IP: {evil}\nDKIM-Signature: v=1; a=rsa-sha256; d={evil}; s={evil}; h=from; bh=YQ==; b=YQ==\n"
    );
    for with in ["", "Received: from x by y (Postfix) with ESMTP id 1; Tue, 13 Jan 2026 10:00:07 +0000\n"] {
        let html = told(&words, &[with, &header].concat()).0;
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script") && !html.contains("<img"), "{html}");
        assert!(!html.contains('\u{202e}'), "nothing turns the direction of writing");
    }
}

/// Whatever is pasted: a page within bounds, and nothing of it is markup.
#[test]
fn any_header_makes_a_page() {
    let heads = [
        "",
        "Received: from ",
        "Received: from a (b [192.0.2.1]) (using ",
        "Authentication-Results: ",
        "X-Originating-IP: ",
    ];
    bolero::check!().with_type::<Vec<(u8, Vec<u8>)>>().for_each(|fields| {
        let clinic = clinic();
        let words = Words::new(Language::Es, false, &clinic);
        let mut header = Vec::new();
        for (head, value) in fields {
            header.extend_from_slice(heads[usize::from(*head) % heads.len()].as_bytes());
            header.extend_from_slice(b"<i>");
            header.extend_from_slice(value);
            header.push(b'\n');
        }
        let Ok(block) = Header::read(&header, &Limits::default()) else { return };
        let trust = Trust::default();
        let trace = trace::trace(&block, &trust);
        let html = inspect::told(&words, &trace, &gather(&block, &trace, block.body(), &Checked::default())).0;
        assert!(!html.contains("<i>") && html.ends_with("</html>") && html.len() < 1 << 20);
    });
}

#[test]
fn a_page_of_a_thousand_steps_is_bounded() {
    let clinic = clinic();
    let words = Words::new(Language::En, false, &clinic);
    let header = WAYS[1].repeat(1_000);
    let html = told(&words, &header).0;
    assert!(html.len() < 100_000 && html.contains("960 earlier steps"), "{}", html.len());
}

#[test]
fn labels_and_descriptions_point_at_what_is_there() {
    let clinic = clinic();
    let words = Words::new(Language::En, false, &clinic);
    for (name, page) in every_page(&words) {
        let html = page.0;
        for attribute in [" for=\"", " aria-describedby=\"", " aria-labelledby=\""] {
            for value in html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
                let is_there = |id: &str| html.contains(&format!(" id=\"{id}\""));
                assert!(value.split(' ').all(is_there), "{name}:{attribute}{value}");
            }
        }
    }
}
