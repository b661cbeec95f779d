//! Fields in the words of many servers and several of their versions, made up
//! after what each of them writes: verdict, version, cipher and bits.

use trace::{Block, Limits, Trust};

const FROM: &str = "from out.a.example (out.a.example [192.0.2.1])";
const DATE: &str = "Mon, 19 Aug 2019 10:41:21 -0400";

/// `$FROM` and `$DATE` stand for the same in every field.
fn check(field: &str, verdict: &str, (version, cipher, bits): (&str, &str, u32)) {
    let field = field.replace("$FROM", FROM).replace("$DATE", DATE);
    let header = format!("Received: {field}\r\n");
    let block = Block::read(header.as_bytes(), &Limits::default()).unwrap();
    let trust = Trust::default();
    let traced = trace::trace(&block, &trust);
    let hop = &traced.hops[0];
    let tls = hop.tls.unwrap_or_default();
    let found = (tls.version.unwrap_or_default(), tls.cipher.unwrap_or_default(), tls.bits.unwrap_or_default());
    assert_eq!(
        (hop.verdict.to_string().as_str(), found),
        (verdict, (version, cipher, bits)),
        "{field}: {}",
        hop.because
    );
    let time = hop.time.map(|time| time.to_string());
    assert_eq!(time.as_deref(), Some("2019-08-19T14:41:21Z"), "{field}");
}

fn encrypted(field: &str, version: &str, cipher: &str, bits: u32) {
    check(field, "encrypted", (version, cipher, bits));
}

fn silent(field: &str, verdict: &str) {
    check(field, verdict, ("", "", 0));
}

const GCM: &str = "ECDHE-RSA-AES256-GCM-SHA384";
const NEW: &str = "TLS_AES_256_GCM_SHA384";

#[test]
fn postfix() {
    encrypted("$FROM by h.b.example (Postfix) with ESMTPS id 4Xk1 for <p@b.example>; $DATE (EDT)", "", "", 0);
    encrypted(
        "$FROM (using TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)) (Client did not present a \
         certificate) by h.b.example (Postfix) with ESMTPS id 4Xk1; $DATE",
        "TLSv1.2",
        GCM,
        256,
    );
    encrypted(
        "$FROM (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature \
         ECDSA (prime256v1) server-digest SHA256) (Client CN \"x\", Issuer \"y\" (not verified)) by h.b.example \
         (Postfix) with UTF8SMTPS id 4Xk1; $DATE",
        "TLSv1.3",
        NEW,
        256,
    );
    encrypted(
        "$FROM (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519MLKEM768 \
         server-signature RSA-PSS (4096 bits) server-digest SHA256 client-signature RSA-PSS (2048 bits) client-digest \
         SHA256) (Client CN \"x\", Issuer \"y\" (verified OK)) by h.b.example (Postfix/MTA) with ESMTPS id 1; $DATE",
        "TLSv1.3",
        NEW,
        256,
    );
    silent("$FROM by h.b.example (Postfix) with ESMTP id 4Xk1; $DATE", "not_encrypted");
    silent("by h.b.example (Postfix, from userid 33) id 4Xk1; $DATE", "internal");
}

#[test]
fn exim() {
    let exim = |words: &str, version, cipher, bits| {
        let field = format!(
            "from out.a.example ([192.0.2.1]:40000) by h.b.example with {words} (envelope-from <x@a.example>) id \
             1hzi-0004; $DATE"
        );
        encrypted(&field, version, cipher, bits);
    };
    exim(&format!("esmtps  (TLS1.3) tls {NEW} (Exim 4.98)"), "TLS1.3", NEW, 0);
    let iana = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
    exim(&format!("esmtpsa  (TLS1.2) tls {iana} (Exim 4.94.2)"), "TLS1.2", iana, 0);
    exim(&format!("esmtps (TLSv1.2:{GCM}:256) (Exim 4.92.3)"), "TLSv1.2", GCM, 256);
    exim("esmtps (TLSv1:AES256-SHA:256) (Exim 4.69)", "TLSv1", "AES256-SHA", 256);
    exim("esmtps (TLS-1.0:DHE_RSA_AES_256_CBC_SHA1:32) (Exim 4.69)", "TLS-1.0", "DHE_RSA_AES_256_CBC_SHA1", 256);
    exim("smtps (TLSv1:RC4-MD5:128) (Exim 3.36)", "TLSv1", "RC4-MD5", 128);
    exim(&format!("esmtps (UNKNOWN:{GCM}:256) (Exim 4.72)"), "UNKNOWN", GCM, 256);
    let gnutls = "ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM";
    exim(&format!("esmtps (TLS1.3:{gnutls}:256) (Exim 4.92)"), "TLS1.3", gnutls, 256);
    let gnutls = "ECDHE_RSA_AES_256_GCM_SHA384";
    exim(&format!("esmtpsa (TLS1.2:{gnutls}:256) (Exim 4.84)"), "TLS1.2", gnutls, 256);
    exim(&format!("utf8esmtps (TLS1.3) tls {NEW} (Exim 4.96)"), "TLS1.3", NEW, 0);
    silent(
        "from [192.0.2.1] (helo=out.a.example ident=root) by h.b.example with esmtp (Exim 3.35 #1 (Debian)) id 1; $DATE",
        "not_encrypted",
    );
    silent("from root by h.b.example with local (Exim 4.96) (envelope-from <x@b.example>) id 1; $DATE", "internal");
}

#[test]
fn sendmail_and_proofpoint() {
    encrypted(
        "$FROM by h.b.example (8.15.2/8.15.2/Debian-22) with ESMTPS id x7JEf (version=TLSv1.3 \
         cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NOT) for <p@b.example>; $DATE",
        "TLSv1.3",
        NEW,
        256,
    );
    encrypted(
        "$FROM by h.b.example (8.11.0/8.11.0) with ESMTP id x7JEf (using TLSv1/SSLv3 with cipher EDH-RSA-DES-CBC3-SHA \
         (168 bits) verified NO); $DATE",
        "TLSv1/SSLv3",
        "EDH-RSA-DES-CBC3-SHA",
        168,
    );
    encrypted(
        "$FROM by mx0a-1.pphosted.com (8.17.1.19/8.17.1.19) with ESMTPS id 3x (version=TLSv1.2 \
         cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256 verify=NOT); $DATE",
        "TLSv1.2",
        GCM,
        256,
    );
    encrypted("$FROM by mx0b-1.pphosted.com (PPS) with ESMTPS id 3x; $DATE", "", "", 0);
    silent("$FROM by h.b.example (8.17.1/8.17.1) with ESMTP id x7JEf; $DATE", "not_encrypted");
    silent("$FROM by mx0a-1.pphosted.com (PPS) with ESMTP id 3x; $DATE", "not_encrypted");
}

#[test]
fn qmail_and_its_patches() {
    let from = "from unknown (HELO out.a.example) (192.0.2.1) by h.b.example";
    let date = "19 Aug 2019 14:41:21 -0000";
    let qmail = |words: &str, cipher| encrypted(&format!("{from} with {words}; {date}"), "", cipher, 0);
    qmail("(DHE-RSA-AES256-SHA encrypted) SMTP", "DHE-RSA-AES256-SHA");
    qmail("(ECDHE-RSA-AES256-GCM-SHA384 encrypted) ESMTPS", GCM);
    qmail("ECDHE-RSA-AES256-GCM-SHA384 encrypted SMTP", GCM);
    qmail("ESMTPS (TLS_AES_256_GCM_SHA384 encrypted)", NEW);
    qmail("ESMTPS", "");
    qmail("ESMTPSA", "");
    encrypted(&format!("{from} with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384); {date}"), "TLSv1.3", NEW, 0);
    encrypted(&format!("{from} with (TLSv1.2 {GCM} encrypted) ESMTPS; {date}"), "TLSv1.2", GCM, 0);
    silent(&format!("{from} with SMTP; {date}"), "unknown");
    silent(&format!("(qmail 31337 invoked by uid 89); {date}"), "internal");
}

#[test]
fn courier_opensmtpd_and_haraka() {
    encrypted(
        "from out.a.example ([192.0.2.1]) (TLS: TLSv1.2,256bits,ECDHE-RSA-AES256-GCM-SHA384) by h.b.example with \
         ESMTPS; $DATE id 0000",
        "TLSv1.2",
        GCM,
        256,
    );
    encrypted(
        "$FROM (TLS: TLSv1.3,256bits,TLS_AES_256_GCM_SHA384) by h.b.example with UTF8ESMTPS; $DATE",
        "TLSv1.3",
        NEW,
        256,
    );
    encrypted(
        "$FROM by h.b.example (OpenSMTPD) with ESMTPS id b95fa3b0 (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256:NO) for \
         <p@b.example>; $DATE",
        "TLSv1.2",
        GCM,
        256,
    );
    encrypted(
        "$FROM by h.b.example (OpenSMTPD) with ESMTPSA id 1 (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO) auth=yes user=x \
         for <p@b.example>; $DATE",
        "TLSv1.3",
        NEW,
        256,
    );
    encrypted(
        "$FROM by h.b.example (OpenSMTPD) with ESMTPS id b95fa3b0 TLS version=TLSv1/SSLv3 cipher=DHE-RSA-AES128-SHA \
         bits=128 verify=NO; $DATE",
        "TLSv1/SSLv3",
        "DHE-RSA-AES128-SHA",
        128,
    );
    silent("$FROM by h.b.example (OpenSMTPD) with ESMTP id b95fa3b0 for <p@b.example>; $DATE", "not_encrypted");
    let haraka = "$FROM by h.b.example (Haraka/2.8.28) with ESMTPS id 7A.1 envelope-from <x@a.example>";
    encrypted(&format!("{haraka} (cipher={NEW}); $DATE"), "", NEW, 0);
    encrypted(&format!("{haraka} tls {NEW} (authenticated bits=0); $DATE"), "", NEW, 0);
    encrypted(&format!("{haraka} (version=TLSv1.2 cipher={GCM} verify=NO); $DATE"), "TLSv1.2", GCM, 0);
}

#[test]
fn exchange_and_windows() {
    let server = "from A.b.example (192.0.2.1) by C.d.example (198.51.100.7) with Microsoft SMTP Server";
    let iana = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
    encrypted(&format!("{server} (version=TLS1_2, cipher={iana}) id 15.20.4; $DATE"), "TLS1_2", iana, 0);
    encrypted(
        &format!("{server} (version=TLS1_2, cipher={iana}) id 15.1.2 via Frontend Transport; $DATE"),
        "TLS1_2",
        iana,
        0,
    );
    encrypted(&format!("{server} (version=TLS1_3, cipher={NEW}) id 15.2.1; $DATE"), "TLS1_3", NEW, 0);
    let curve = "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P256";
    encrypted(
        &format!("{server} (version=TLS1_2, cipher={curve}) id 15.1.1713.5 via Mailbox Transport; $DATE"),
        "TLS1_2",
        curve,
        0,
    );
    encrypted(&format!("{server} (TLS) id 15.0.1497.2; $DATE"), "", "", 0);
    silent(&format!("{server} id 14.3.319.2; $DATE"), "not_encrypted");
    encrypted(
        "from out.a.example ([192.0.2.1]) by BAY004-MC1F.hotmail.com over TLS secured channel with Microsoft \
         SMTPSVC(7.5.7601.23143); $DATE",
        "",
        "",
        0,
    );
    silent("from out.a.example ([192.0.2.1]) by h.b.example with Microsoft SMTPSVC(10.0.14393); $DATE", "unknown");
}

#[test]
fn large_providers() {
    let google = "$FROM by mx.google.com with ESMTPS id a1si1.2019.08.19 for <p@b.example>";
    encrypted(&format!("{google} (version=TLS1_3 cipher={NEW} bits=256/256); $DATE (EDT)"), "TLS1_3", NEW, 256);
    let ecdsa = "ECDHE-ECDSA-AES128-GCM-SHA256";
    encrypted(&format!("{google} (version=TLS1_2 cipher={ecdsa} bits=128/128); $DATE (EDT)"), "TLS1_2", ecdsa, 128);
    encrypted(&format!("{google} (version=TLSv1/SSLv3 cipher=OTHER); $DATE (EDT)"), "TLSv1/SSLv3", "OTHER", 0);
    encrypted(
        "$FROM by mx.google.com with SMTPS id a1 for <p@b.example> (Google Transport Security); $DATE",
        "",
        "",
        0,
    );
    silent("$FROM by mx.google.com with ESMTP id a1si1.2019 for <p@b.example>; $DATE (EDT)", "not_encrypted");
    let iana = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
    encrypted(
        &format!(
            "from 192.0.2.1 (EHLO out.a.example) by 10.217.151.75 with SMTPs (version=TLS1_2 cipher={iana}); $DATE"
        ),
        "TLS1_2",
        iana,
        0,
    );
    encrypted("$FROM by mx.zohomail.com with SMTPS id 1566225681123; $DATE (EDT)", "", "", 0);
    encrypted(
        "from out.a.example ([192.0.2.1]) by mx-ha.gmx.net (mxgmx117 [212.227.17.5]) with ESMTPS (Nemesis) id 1M; $DATE",
        "",
        "",
        0,
    );
    encrypted(
        "$FROM (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)) (No client certificate requested) by \
         mailin012.protonmail.ch (Postfix) with ESMTPS id 46; $DATE",
        "TLSv1.3",
        NEW,
        256,
    );
    encrypted(
        "$FROM by mxfront1.yp-c.yandex.net (mxfront/Yandex) with ESMTPS id x; $DATE (using TLSv1.3 with cipher \
         TLS_AES_256_GCM_SHA384 (256/256 bits)) (Client certificate not present)",
        "TLSv1.3",
        NEW,
        256,
    );
    encrypted(
        "$FROM by pv50p00im-zteg1001.me.com (Oracle Communications Messaging Server 8.1 64bit (built Jan 1 2019)) with \
         ESMTPS id <0PWH@me.com> for p@b.example; $DATE",
        "",
        "",
        0,
    );
    silent("$FROM by inbound-smtp.us-east-1.amazonaws.com with SMTP id 5a for p@b.example; $DATE", "unknown");
    silent("$FROM by geopod-ismtpd-3-0 (SG) with ESMTP id X; $DATE", "unknown");
    encrypted(
        "$FROM by 4b1dc0ffee with SMTP id 5d5a (version=TLS1.3, cipher=TLS_AES_128_GCM_SHA256); $DATE",
        "TLS1.3",
        "TLS_AES_128_GCM_SHA256",
        0,
    );
}

#[test]
fn gateways() {
    encrypted(
        "$FROM by relay.mimecast.com with ESMTP with STARTTLS (version=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384) id \
         us-mta-1; $DATE",
        "TLSv1.3",
        NEW,
        0,
    );
    encrypted("$FROM (Using TLS) by relay.mimecast.com with ESMTP id us-mta-1; $DATE", "", "", 0);
    encrypted(
        "$FROM by mx-inbound12-33.us-east-2b.ess.aws.cudaops.com (version=TLSv1.2 \
         cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256 verify=NO); $DATE",
        "TLSv1.2",
        GCM,
        256,
    );
    let cisco = "from out.a.example ([192.0.2.1]) by esa1.b.example with ESMTP";
    encrypted(&format!("{cisco}/TLS/{GCM}; 19 Aug 2019 10:41:21 -0400"), "", GCM, 0);
    encrypted(&format!("{cisco}/TLS/{NEW}; 19 Aug 2019 10:41:21 -0400"), "", NEW, 0);
    silent(&format!("{cisco}; 19 Aug 2019 10:41:21 -0400"), "not_encrypted");
    encrypted(
        "$FROM by h.b.example with ESMTP id x7J-x7K (version=TLSv1.2 cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256 \
         verify=NO); $DATE",
        "TLSv1.2",
        GCM,
        256,
    );
    encrypted(
        "from out.a.example (Not Verified[192.0.2.1]) by h.b.example with Trustwave SEG (v8,2,2) (using TLS: TLSv1.2, \
         ECDHE-RSA-AES256-GCM-SHA384) id <B5d>; $DATE",
        "TLSv1.2",
        GCM,
        0,
    );
    encrypted(
        "$FROM by h.b.example with smtp (TLS: TLSv1/SSLv3,256bits,ECDHE-RSA-AES256-SHA384) id 1a; $DATE",
        "TLSv1/SSLv3",
        "ECDHE-RSA-AES256-SHA384",
        256,
    );
    silent("$FROM by h.b.example (Symantec Messaging Gateway) with SMTP id 1A; $DATE", "unknown");
}

#[test]
fn senders_for_many() {
    silent(
        "from out.a.example (192.0.2.1) by h.b.example (PowerMTA v5.0r6) id hv7i for <p@b.example>; $DATE",
        "unknown",
    );
    encrypted(
        "from out.a.example (192.0.2.1:40000) by h.b.example (KumoMTA 198.51.100.7) with ESMTPS \
         (TLSv1_3:TLS13_AES_256_GCM_SHA384) id 5c for <p@b.example>; $DATE",
        "TLSv1_3",
        "TLS13_AES_256_GCM_SHA384",
        0,
    );
    silent(
        "from out.a.example (192.0.2.1:40000) by h.b.example (KumoMTA 198.51.100.7) with ESMTP id 5c; $DATE",
        "not_encrypted",
    );
    encrypted(
        "$FROM by h.b.example (envelope-from <x@a.example>) (ecelerity 4.2.38 r(Core:4.2)) with ESMTPS \
         (cipher=DHE-RSA-AES256-SHA) id 00/11; $DATE",
        "",
        "DHE-RSA-AES256-SHA",
        0,
    );
    encrypted("$FROM by h.b.example (Halon) with ESMTPS id 5c0f; $DATE", "", "", 0);
    encrypted(
        "$FROM by h.b.example (Halon) with ESMTPS (TLSv1.3:TLS_AES_256_GCM_SHA384:256) id 5c0f; $DATE",
        "TLSv1.3",
        NEW,
        256,
    );
}

#[test]
fn others() {
    // SmarterMail names the algorithm in the words of .NET.
    encrypted("$FROM by h.b.example with SMTP (version=Tls12 cipher=Aes256 bits=256); $DATE", "Tls12", "Aes256", 256);
    encrypted(
        "from out.a.example ([192.0.2.1]) by h.b.example with ESMTPS (version=TLSv1.2 \
         cipher=ECDHE-RSA-AES256-GCM-SHA384 bits=256) ; $DATE",
        "TLSv1.2",
        GCM,
        256,
    );
    encrypted(
        "from out.a.example (192.0.2.1) by h.b.example (Axigen) with (ECDHE-RSA-AES256-GCM-SHA384 encrypted) ESMTPS id 0A; \
         $DATE",
        "",
        GCM,
        0,
    );
    // GroupWise says it both ways.
    encrypted("$FROM by h.b.example with ESMTP (TLS encrypted); $DATE", "", "", 0);
    silent("$FROM by h.b.example with ESMTP (NOT encrypted); $DATE", "not_encrypted");
    encrypted("$FROM by h.b.example (SurgeMail 7.3) with ESMTP (TLS) id 5; $DATE", "", "", 0);
    encrypted("$FROM by h.b.example (IceWarp 12.0.4) with ESMTP (SSL) id 201908; $DATE", "", "", 0);
    encrypted(
        "$FROM (using TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256 bits)) by h.b.example with ESMTPS; $DATE",
        "TLSv1.2",
        GCM,
        256,
    );
    encrypted(
        "from out.a.example ([192.0.2.1] verified) by h.b.example (CommuniGate Pro SMTP 6.2) with ESMTPS id 1; $DATE",
        "",
        "",
        0,
    );
    encrypted(
        "$FROM by h.b.example (MDaemon PRO v21.0.2) with ESMTPS id md5.msg (version=TLSv1.2 cipher=ECDHE-RSA-AES256-GCM-SHA384 \
         bits=256); $DATE",
        "TLSv1.2",
        GCM,
        256,
    );
    encrypted(
        "$FROM by h.b.example with MailEnable ESMTPS (version=TLS1_2 cipher=Aes256); $DATE",
        "TLS1_2",
        "Aes256",
        0,
    );
    silent(
        "from out.a.example ([192.0.2.1]) by h.b.example (HCL Domino Release 12.0.1) with ESMTP id 2019; $DATE",
        "unknown",
    );
    encrypted("$FROM by h.b.example with ESMTPS (TLSv1.2/ECDHE-RSA-AES256-GCM-SHA384/256); $DATE", "TLSv1.2", GCM, 256);
    encrypted(
        "$FROM by h.b.example with ESMTPS (TLS-V1.2:ECDHE-RSA-AES256-GCM-SHA384:256) id 1; $DATE",
        "TLS-V1.2",
        GCM,
        256,
    );
    encrypted(
        "$FROM by h.b.example with ESMTP id 1 (protocol=TLSv1.2, cipher=ECDHE-RSA-AES256-GCM-SHA384, bits=256); $DATE",
        "TLSv1.2",
        GCM,
        256,
    );
    encrypted(
        "$FROM (version=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, keysize=256) by h.b.example (x) with ESMTPS; $DATE",
        "TLSv1.3",
        NEW,
        256,
    );
}
