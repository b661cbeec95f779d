//! Whom to trust: chains that openssl made, revocation lists and answers of its OCSP responder.

use super::peers::{Desk, KEYS, Person, Random};
use jiff::{SignedDuration, Timestamp};
use mail::Address;
use smime::issue::{Draft, Role};
use smime::trust::{
    Crl, Evidence, Invalid, OcspResponse, Purpose, Reason, Revocation, Said, Trust, Unknown, chain_to_ask, ocsp,
    standing, validate, vouched,
};
use smime::{Certificate, KeyKind, SoftwareKey};

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

fn reason(result: Result<smime::trust::Chain, Invalid>) -> Reason {
    result.expect_err("no trust").reason
}

#[test]
fn dates_usage_and_address_are_checked() {
    let desk = Desk::new();
    let trust = Trust::new(vec![desk.authority()]);
    let person = desk.person_with("ana", "rsa:2048", "keyUsage=critical,digitalSignature");
    let now = Timestamp::now();
    let check = |now, purpose, who: Option<&str>| {
        validate(&person.certificate, &[], &trust, now, purpose, who.map(address).as_ref())
    };
    let chain = check(now, Purpose::Sign, Some("ana@example.com")).unwrap();
    assert_eq!(chain.certificates, [person.certificate.clone(), desk.authority()]);
    assert_eq!((chain.revocation, chain.is_pinned), (Revocation::Unknown, false));
    assert!(check(now, Purpose::Sign, Some("ana@EXAMPLE.com")).is_ok());
    for who in
        ["Ana@example.com", "ana@example.org", "ana@mail.example.com", "\u{430}na@example.com", "an\u{430}@example.com"]
    {
        assert_eq!(reason(check(now, Purpose::Sign, Some(who))), Reason::Address, "{who}");
    }
    assert_eq!(reason(check(now, Purpose::Encrypt, None)), Reason::KeyUsage);
    let year = SignedDuration::from_hours(24 * 366);
    assert_eq!(reason(check(now + year, Purpose::Sign, None)), Reason::Expired);
    assert_eq!(reason(check(now - year, Purpose::Sign, None)), Reason::NotYet);
    assert_eq!(
        reason(validate(&person.certificate, &[], &Trust::default(), now, Purpose::Sign, None)),
        Reason::NoChain
    );
}

#[test]
fn a_certificate_must_be_for_mail() {
    let desk = Desk::new();
    let trust = Trust::new(vec![desk.authority()]);
    let with = |usage: &str| {
        // The later of two extensions would be refused, so the whole file is written anew.
        desk.write(
            "ana.ext",
            format!("basicConstraints=CA:FALSE\nsubjectAltName=email:ana@example.com\n{usage}").as_bytes(),
        );
        desk.run(
            "x509 -req -in ana.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile ana.ext -out ana.pem",
        );
        let certificate = Certificate::read_all(&desk.read("ana.pem")).unwrap().remove(0);
        validate(&certificate, &[], &trust, Timestamp::now(), Purpose::Sign, None)
    };
    desk.person("ana", "rsa:2048");
    assert!(with("").is_ok());
    assert!(with("extendedKeyUsage=emailProtection").is_ok());
    assert!(with("extendedKeyUsage=clientAuth,anyExtendedKeyUsage").is_ok());
    assert_eq!(reason(with("extendedKeyUsage=serverAuth,clientAuth")), Reason::ExtendedUsage);
    assert_eq!(reason(with("keyUsage=keyCertSign")), Reason::KeyUsage);
    assert!(matches!(reason(with("1.2.3.4=critical,ASN1:NULL")), Reason::Extension(_)));
}

/// An SmtpUTF8Mailbox, as a section of its own since it has a comma.
fn utf8(address: &str) -> String {
    format!("@names\n[names]\notherName.1=1.3.6.1.5.5.7.8.9;FORMAT:UTF8,UTF8:{address}")
}

#[test]
fn addresses_of_every_kind_are_known() {
    let desk = Desk::new();
    desk.person("ana", "rsa:2048");
    let of = |names: &str, subject: &str| {
        desk.write("x.ext", names.as_bytes());
        desk.run(&format!("req -new -key ana.key -utf8 -subj {subject} -out x.csr"));
        desk.run("x509 -req -in x.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile x.ext -out x.pem");
        let certificate = Certificate::read_all(&desk.read("x.pem")).unwrap().remove(0);
        certificate.addresses().iter().map(Address::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        of("subjectAltName=email:A.na@Example.COM,email:b@example.org,DNS:c.example", "/CN=x"),
        ["A.na@example.com", "b@example.org"]
    );
    assert_eq!(
        of(&format!("subjectAltName={}", utf8("jörg@xn--bcher-kva.example")), "/CN=x"),
        ["jörg@xn--bcher-kva.example"]
    );
    // The subject's address counts only where there is no other (RFC 8550 §3).
    assert_eq!(of("basicConstraints=CA:FALSE", "/CN=x/emailAddress=old@example.com"), ["old@example.com"]);
    assert_eq!(of("subjectAltName=email:new@example.com", "/CN=x/emailAddress=old@example.com"), ["new@example.com"]);
    assert_eq!(of("subjectAltName=DNS:c.example", "/CN=x@example.com"), Vec::<String>::new());
    assert_eq!(
        of("subjectAltName=email:no-address,email:a@b@c.example,email:@example.com", "/CN=x"),
        Vec::<String>::new()
    );
}

#[test]
fn a_pinned_certificate_needs_no_chain() {
    let desk = Desk::new();
    let key = SoftwareKey::generate(KeyKind::P256, &Random).unwrap();
    let now = Timestamp::now();
    let draft = Draft {
        common_name: "Own",
        organisation: Some("Clinic"),
        addresses: &[address("own@example.com"), address("jörg@example.com")],
        role: Role::Both,
        not_before: now,
        not_after: now + SignedDuration::from_hours(24),
    };
    let own = draft.self_signed(&key, &Random).unwrap();
    assert_eq!(own.addresses(), draft.addresses);
    assert!(own.is_self_signed() && !own.is_authority());
    let trust = Trust::new(vec![desk.authority()]);
    let check = |trust: &Trust, now, who: &str| validate(&own, &[], trust, now, Purpose::Encrypt, Some(&address(who)));
    assert_eq!(reason(check(&trust, now, "own@example.com")), Reason::NoChain);
    let trust = trust.pinning(own.fingerprint_sha256());
    assert!(check(&trust, now, "own@example.com").unwrap().is_pinned);
    assert_eq!(reason(check(&trust, now, "other@example.com")), Reason::Address);
    assert_eq!(
        reason(check(&trust, draft.not_after + SignedDuration::from_secs(2), "own@example.com")),
        Reason::Expired
    );
    // As an anchor it vouches for itself, and for nobody else.
    assert!(check(&Trust::new(vec![own.clone()]), now, "own@example.com").is_ok());
}

#[test]
fn own_certificates_and_requests_are_read_by_openssl() {
    let desk = Desk::new();
    let now = Timestamp::now();
    for kind in [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384, KeyKind::Ed25519] {
        let key = SoftwareKey::generate(kind, &Random).unwrap();
        let draft = Draft {
            common_name: "Jörg, the \"first\"",
            organisation: Some("Clinic"),
            addresses: &[address("own@example.com")],
            role: Role::Both,
            not_before: now,
            not_after: now + SignedDuration::from_hours(24),
        };
        desk.write("own.pem", draft.self_signed(&key, &Random).unwrap().to_pem().as_bytes());
        desk.run("verify -x509_strict -purpose smimesign -CAfile own.pem -partial_chain own.pem");
        desk.write("own.csr", &draft.request(&key).unwrap());
        desk.run("req -in own.csr -inform DER -verify -noout");
        let text = String::from_utf8(desk.run("req -in own.csr -inform DER -noout -text")).unwrap();
        assert!(text.contains("email:own@example.com") && text.contains("E-mail Protection"), "{text}");
    }
}

#[test]
fn chains_of_our_own_hold() {
    let desk = Desk::new();
    let now = Timestamp::now();
    let (root, user) = (
        SoftwareKey::generate(KeyKind::P384, &Random).unwrap(),
        SoftwareKey::generate(KeyKind::P256, &Random).unwrap(),
    );
    let draft = |role| Draft {
        common_name: "Own",
        organisation: None,
        addresses: &[],
        role,
        not_before: now,
        not_after: now + SignedDuration::from_hours(24),
    };
    let authority = draft(Role::Authority).self_signed(&root, &Random).unwrap();
    let addresses = [address("u@example.com")];
    let user = Draft { addresses: &addresses, common_name: "User", ..draft(Role::Encrypt) }
        .issued_by(user.public(), &authority, &root, &Random)
        .unwrap();
    let trust = Trust::new(vec![authority.clone()]);
    assert!(validate(&user, &[], &trust, now, Purpose::Encrypt, Some(&addresses[0])).is_ok());
    desk.write("authority.pem", authority.to_pem().as_bytes());
    desk.write("user.pem", user.to_pem().as_bytes());
    desk.run("verify -x509_strict -CAfile authority.pem user.pem");
    assert!(user.capabilities().is_some_and(|known| known.reads(smime::algorithm::ContentCipher::Aes256Gcm)));
}

fn with_revoker() -> (Desk, Person, Person) {
    let desk = Desk::new();
    let (good, bad) = (desk.person("good", KEYS[1].1), desk.person("bad", KEYS[1].1));
    desk.revoke();
    (desk, good, bad)
}

fn list(desk: &Desk) -> Crl {
    Crl::read_all(&desk.read("list.pem")).unwrap().remove(0)
}

#[test]
fn lists_tell_who_is_revoked() {
    let (desk, good, bad) = with_revoker();
    let list = list(&desk);
    let trust = |unknown| Trust::new(vec![desk.authority()]).unknown_revocation(unknown);
    let now = list.this_update();
    let check =
        |person: &Person, trust: &Trust, now| validate(&person.certificate, &[], trust, now, Purpose::Sign, None);
    assert_eq!(check(&bad, &trust(Unknown::Accept), now).unwrap().revocation, Revocation::Unknown);
    assert_eq!(reason(check(&good, &trust(Unknown::Refuse), now)), Reason::RevocationUnknown);
    let known = trust(Unknown::Refuse).with_crls([list.clone()]);
    assert_eq!(check(&good, &known, now).unwrap().revocation, Revocation::Good);
    assert!(matches!(reason(check(&bad, &known, now)), Reason::Revoked { .. }));
    // A list that is too old, or of the future, tells nothing.
    let next = list.next_update().unwrap();
    assert!(check(&good, &known, next).is_ok());
    assert_eq!(reason(check(&good, &known, next + SignedDuration::from_secs(1))), Reason::RevocationUnknown);
    let before = now - SignedDuration::from_mins(6);
    let reason_before = reason(check(&good, &known, before));
    assert!(matches!(reason_before, Reason::RevocationUnknown | Reason::NotYet), "{reason_before:?}");
    // Nor one whose signature is broken, or that another authority of the same name signed.
    let mut forged = list.to_der().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let other = Desk::new();
    other.revoke();
    for list in [Crl::from_der(&forged).unwrap(), self::list(&other)] {
        let trust = trust(Unknown::Refuse).with_crls([list]);
        let now = Timestamp::now();
        assert_eq!(reason(check(&good, &trust, now)), Reason::RevocationUnknown);
        assert_eq!(reason(check(&bad, &trust, now)), Reason::RevocationUnknown);
    }
}

#[test]
fn a_list_that_came_along_hides_no_newer_one() {
    let (desk, good, bad) = with_revoker();
    let newer = list(&desk);
    // The older list, from before the revocation, is still in its time.
    desk.write("index.txt", b"");
    desk.run("ca -config ca.cnf -valid good.pem");
    desk.run("ca -config ca.cnf -valid bad.pem");
    desk.run(
        "ca -config ca.cnf -gencrl -crl_lastupdate 20240101000000Z -crl_nextupdate 20990101000000Z -out older.pem",
    );
    let older = Crl::read_all(&desk.read("older.pem")).unwrap().remove(0);
    let now = newer.this_update();
    let check = |person: &Person, lists: [Crl; 2]| {
        let trust = Trust::new(vec![desk.authority()]).with_crls(lists);
        validate(&person.certificate, &[], &trust, now, Purpose::Sign, None)
    };
    for lists in [[older.clone(), newer.clone()], [newer, older]] {
        assert!(matches!(reason(check(&bad, lists.clone())), Reason::Revoked { .. }));
        assert_eq!(check(&good, lists).unwrap().revocation, Revocation::Good);
    }
}

/// Answers of openssl's responder about a certificate.
fn answer(desk: &Desk, person: &Person, responder: &str, options: &str) -> OcspResponse {
    desk.write("request.der", &ocsp::request(&person.certificate, &desk.authority()));
    desk.run(&format!(
        "ocsp -index index.txt -CA ca.pem -rsigner {responder}.pem -rkey {responder}.key -reqin request.der -respout answer.der {options}"
    ));
    OcspResponse::from_der(&desk.read("answer.der")).unwrap()
}

#[test]
fn answers_of_ocsp_tell_who_is_revoked() {
    let (desk, good, bad) = with_revoker();
    // Made by the authority for this alone.
    desk.person("plain", "rsa:2048");
    desk.write("responder.ext", b"extendedKeyUsage=OCSPSigning\nbasicConstraints=CA:FALSE\n");
    desk.run("req -new -newkey rsa:2048 -nodes -keyout responder.key -out responder.csr -subj /CN=responder");
    desk.run("x509 -req -in responder.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile responder.ext -out responder.pem");
    let check = |person: &Person, answer: &OcspResponse, now| {
        let trust = Trust::new(vec![desk.authority()]).with_ocsp([answer.clone()]).unknown_revocation(Unknown::Refuse);
        validate(&person.certificate, &[], &trust, now, Purpose::Sign, None)
    };
    for responder in ["ca", "responder"] {
        for options in ["-ndays 1", "-ndays 1 -resp_key_id"] {
            let about_good = answer(&desk, &good, responder, options);
            let now = Timestamp::now();
            assert_eq!(check(&good, &about_good, now).unwrap().revocation, Revocation::Good, "{responder} {options}");
            assert_eq!(reason(check(&bad, &about_good, now)), Reason::RevocationUnknown);
            let about_bad = answer(&desk, &bad, responder, options);
            assert!(matches!(reason(check(&bad, &about_bad, now)), Reason::Revoked { .. }));
            let later = about_good.good_until().unwrap() + SignedDuration::from_secs(1);
            assert_eq!(reason(check(&good, &about_good, later)), Reason::RevocationUnknown);
        }
    }
    let now = Timestamp::now();
    // One whom nobody made a responder speaks for nobody, nor does a forged answer.
    let foreign = answer(&desk, &good, "plain", "-ndays 1");
    assert_eq!(reason(check(&good, &foreign, now)), Reason::RevocationUnknown);
    let mut forged = answer(&desk, &good, "ca", "-ndays 1 -resp_no_certs").to_der().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(reason(check(&good, &OcspResponse::from_der(&forged).unwrap(), now)), Reason::RevocationUnknown);
    // Without an end, an answer is good for a day.
    let endless = answer(&desk, &good, "ca", "");
    assert_eq!(check(&good, &endless, now).unwrap().revocation, Revocation::Good);
    let tomorrow = now + SignedDuration::from_hours(25);
    assert_eq!(reason(check(&good, &endless, tomorrow)), Reason::RevocationUnknown);
}

#[test]
fn constraints_bind_addresses() {
    let desk = Desk::new();
    desk.write(
        "sub.ext",
        b"basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nextendedKeyUsage=emailProtection\n\
          nameConstraints=permitted;email:example.com,excluded;email:boss@example.com\n",
    );
    desk.run("req -new -newkey rsa:2048 -nodes -keyout sub.key -out sub.csr -subj /CN=sub");
    desk.run("x509 -req -in sub.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile sub.ext -out sub.pem");
    let sub = Certificate::read_all(&desk.read("sub.pem")).unwrap();
    desk.run("req -new -newkey rsa:2048 -nodes -keyout u.key -out u.csr -subj /CN=u");
    let trust = Trust::new(vec![desk.authority()]);
    let check = |name: &str| {
        desk.write("u.ext", format!("basicConstraints=CA:FALSE\nsubjectAltName={name}\n").as_bytes());
        desk.run("x509 -req -in u.csr -CA sub.pem -CAkey sub.key -CAcreateserial -days 9 -extfile u.ext -out u.pem");
        let certificate = Certificate::read_all(&desk.read("u.pem")).unwrap().remove(0);
        validate(&certificate, &sub, &trust, Timestamp::now(), Purpose::Sign, None)
    };
    assert!(check("email:u@example.com").is_ok());
    assert!(check("email:u@EXAMPLE.com").is_ok());
    assert!(check(&utf8("jörg@example.com")).is_ok());
    for name in ["email:u@mail.example.com", "email:u@example.org", "email:boss@example.com", &utf8("jörg@example.org")]
    {
        assert_eq!(reason(check(name)), Reason::NameConstraints, "{name}");
    }
    // An authority for servers makes no certificates for mail.
    desk.write("sub.ext", b"basicConstraints=critical,CA:TRUE\nextendedKeyUsage=serverAuth\n");
    desk.run("x509 -req -in sub.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile sub.ext -out sub.pem");
    let sub = Certificate::read_all(&desk.read("sub.pem")).unwrap();
    let user = Certificate::read_all(&desk.read("u.pem")).unwrap().remove(0);
    assert_eq!(reason(validate(&user, &sub, &trust, Timestamp::now(), Purpose::Sign, None)), Reason::ExtendedUsage);
}

#[test]
fn a_crowd_of_authorities_costs_little() {
    // Each of the authorities has the same name, so that each may have issued each: paths without end.
    let now = Timestamp::now();
    let key = || SoftwareKey::generate(KeyKind::P256, &Random).unwrap();
    let draft = Draft {
        common_name: "Crowd",
        organisation: None,
        addresses: &[],
        role: Role::Authority,
        not_before: now,
        not_after: now + SignedDuration::from_hours(1),
    };
    let keys: Vec<SoftwareKey> = (0..12).map(|_| key()).collect();
    let mut crowd = Vec::new();
    for signer in &keys {
        let issuer = draft.self_signed(signer, &Random).unwrap();
        for subject in &keys {
            crowd.push(draft.issued_by(subject.public(), &issuer, signer, &Random).unwrap());
        }
    }
    let begin = std::time::Instant::now();
    let leaf = Draft { role: Role::Sign, ..draft }.issued_by(key().public(), &crowd[0], &keys[0], &Random).unwrap();
    let anchor = draft.self_signed(&key(), &Random).unwrap();
    let invalid = validate(&leaf, &crowd, &Trust::new(vec![anchor]), now, Purpose::Sign, None);
    assert!(matches!(reason(invalid), Reason::Costly | Reason::Signature(_)));
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}

#[test]
fn what_lists_and_answers_say_is_kept_for_as_long_as_it_holds() {
    let desk = Desk::new();
    let (good, bad) = (desk.person("good", KEYS[1].1), desk.person("bad", KEYS[1].1));
    let other = Desk::new();
    desk.revoke();
    let now = Timestamp::now() + SignedDuration::from_secs(60);
    let trust = Trust::new(vec![desk.authority()]);
    let list = Crl::from_der(&desk.read("list.der")).unwrap();
    let answer = |person: &Person| {
        desk.write("request.der", &ocsp::request(&person.certificate, &desk.authority()));
        desk.run(
            "ocsp -index index.txt -CA ca.pem -rsigner ca.pem -rkey ca.key -reqin request.der -respout a.der -ndays 2",
        );
        OcspResponse::from_der(&desk.read("a.der")).unwrap()
    };
    let by_list = Evidence { crls: vec![list.clone()], ocsp: Vec::new() };
    for (person, is_good) in [(&good, true), (&bad, false)] {
        let chain = chain_to_ask(&person.certificate, &[], &trust, now);
        assert_eq!(chain, [person.certificate.clone(), desk.authority()]);
        let by_answer = Evidence { crls: Vec::new(), ocsp: vec![answer(person)] };
        for evidence in [&by_list, &by_answer] {
            let said = standing(&chain, 0, evidence, now).expect("it is said");
            assert_eq!(said.said == Said::Good, is_good);
            let knowing = trust.clone().unknown_revocation(Unknown::Refuse).with_standings([said]);
            let check = |now| validate(&person.certificate, &[], &knowing, now, Purpose::Encrypt, None);
            match is_good {
                true => assert_eq!(check(now).unwrap().revocation, Revocation::Good),
                false => assert!(matches!(reason(check(now)), Reason::Revoked { .. })),
            }
            // A list of seven days, an answer of two.
            let week = now + SignedDuration::from_hours(24 * 8);
            let later = if is_good { Reason::RevocationUnknown } else { reason(check(now)) };
            assert_eq!(reason(check(week)), later);
        }
        // Nothing is said of the anchor, nor by whoever is not the issuer, nor by nobody.
        assert_eq!(standing(&chain, 1, &by_list, now), None);
        assert_eq!(standing(&chain, 0, &Evidence::default(), now), None);
        let strange = [person.certificate.clone(), other.authority()];
        assert_eq!(standing(&strange, 0, &by_answer, now), None);
    }
    // One that is old says nothing.
    let chain = chain_to_ask(&good.certificate, &[], &trust, now);
    let later = now + SignedDuration::from_hours(24 * 8);
    assert_eq!(standing(&chain, 0, &by_list, later), None);
}

#[test]
fn who_is_vouched_for_is_asked_about_as_far_as_its_issuer_is_known() {
    let desk = Desk::new();
    let place = "crlDistributionPoints=URI:http://crl.example/l";
    let (given, bad) = (desk.person_with("given", KEYS[1].1, place), desk.person("bad", KEYS[1].1));
    desk.revoke();
    let now = Timestamp::now() + SignedDuration::from_secs(60);
    let list = Crl::from_der(&desk.read("list.der")).unwrap();
    let refuse = Trust::default().unknown_revocation(Unknown::Refuse);
    let with_list = refuse.clone().with_crls([list]);
    let issuer = [desk.authority()];
    let check = |person: &Person, chain: &[Certificate], trust: &Trust| {
        vouched(&person.certificate, chain, trust, now).map_err(|invalid| invalid.reason)
    };
    // The issuer is no anchor, and its list counts about its own all the same.
    assert_eq!(check(&given, &issuer, &with_list), Ok(Revocation::Good));
    assert!(matches!(check(&bad, &issuer, &with_list), Err(Reason::Revoked { .. })));
    // Without the issuer's certificate nobody can tell whose list it is.
    assert_eq!(check(&given, &[], &with_list), Err(Reason::RevocationUnknown));
    assert_eq!(check(&given, &[], &Trust::default()), Ok(Revocation::Unknown));
    // One that names no place is left to whoever vouches.
    assert_eq!(check(&bad, &[], &with_list), Ok(Revocation::Unknown));
    let authority = desk.authority();
    assert_eq!(vouched(&authority, &[], &with_list, now).map_err(|invalid| invalid.reason), Ok(Revocation::Unknown));
}
