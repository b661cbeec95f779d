//! Made-up messages whose header blocks are like those of today's mail: some 5
//! KiB, seven hops in the words of several servers, signatures, ARC, and the
//! fields of a filter. No two are alike.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// Writes so many messages, a file each.
pub fn write(folder: &Path, messages: usize) -> Result<Vec<PathBuf>> {
    let mut files = Vec::with_capacity(messages);
    for number in 0..messages {
        let path = folder.join(format!("{number:05}.eml"));
        fs::write(&path, message(number))?;
        files.push(path);
    }
    Ok(files)
}

/// All of them as one mbox.
pub fn mbox(files: &[PathBuf]) -> Result<Vec<u8>> {
    let mut mbox = Vec::new();
    for file in files {
        mbox.extend_from_slice(b"From ana@sender.example Tue Jan 13 10:00:00 2026\n");
        mbox.extend_from_slice(&fs::read(file)?.split(|byte| *byte == b'\r').collect::<Vec<_>>().concat());
        mbox.extend_from_slice(b"\n");
    }
    Ok(mbox)
}

fn message(number: usize) -> String {
    let mut message = String::with_capacity(8 << 10);
    let site = Site { number };
    for field in site.fields() {
        message.push_str(&field);
        message.push_str("\r\n");
    }
    message.push_str("\r\nDear Pat,\r\n\r\nyour appointment is on Thursday at ten.\r\n");
    message
}

struct Site {
    number: usize,
}

impl Site {
    fn fields(&self) -> Vec<String> {
        let mut fields = vec![
            "Return-Path: <ana@sender.example>".to_owned(),
            "Delivered-To: p@clinic.example".to_owned(),
            self.inside(),
            self.edge(),
            self.results("Authentication-Results: mx.clinic.example"),
            self.spam(),
            self.exchange("AM0PR01", "DB7PR02"),
        ];
        fields.extend(self.arc());
        fields.extend([self.provider(), self.results("Authentication-Results: relay.provider.example")]);
        fields.extend([self.signature("sender.example"), self.signature("provider.example")]);
        fields.extend([self.exchange("DB7PR02", "DB7PR03"), self.queue(), self.submission()]);
        fields.extend(self.author());
        fields
    }

    /// A second later with each hop.
    fn date(&self, hop: usize) -> String {
        format!("Tue, {:02} Jan 2026 10:{:02}:{:02} +0000", self.number % 28 + 1, self.number % 60, 50 - hop)
    }

    fn address(&self) -> String {
        format!("192.0.2.{}", self.number % 250 + 1)
    }

    /// So many characters that look like base 64 and differ from message to message.
    fn base64(&self, length: usize) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut state = self.number as u64 + 1;
        let mut text = String::with_capacity(length + length / 60);
        for at in 0..length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push(char::from(DIGITS[(state >> 58) as usize]));
            if at % 64 == 63 {
                text.push_str("\r\n\t");
            }
        }
        text
    }

    fn inside(&self) -> String {
        format!(
            "Received: from mx.clinic.example (mx.clinic.example [10.1.2.3])\r\n\tby store.clinic.example (Postfix) with LMTP id {:08X}\r\n\tfor <p@clinic.example>; {}",
            self.number,
            self.date(0)
        )
    }

    fn edge(&self) -> String {
        let tls = "(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\t key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)\r\n\t(No client certificate requested)";
        let words = if self.number.is_multiple_of(5) { ("", "ESMTP") } else { (tls, "ESMTPS") };
        format!(
            "Received: from out{n}.provider.example (out{n}.provider.example [{}])\r\n\t{}\r\n\tby mx.clinic.example (Postfix) with {} id 4X{:06X}\r\n\tfor <p@clinic.example>; {}",
            self.address(),
            words.0,
            words.1,
            self.number,
            self.date(1),
            n = self.number % 90,
        )
    }

    fn exchange(&self, from: &str, by: &str) -> String {
        format!(
            "Received: from {from}MB{n:04}.eurprd01.prod.outlook.com (2603:10a6:20b:{n:x}::15)\r\n by {by}MB{n:04}.eurprd01.prod.outlook.com (2603:10a6:10:{n:x}::22) with Microsoft SMTP\r\n Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\r\n 15.20.9520.{}; {}",
            self.number % 28,
            self.date(2),
            n = self.number % 9_999,
        )
    }

    fn provider(&self) -> String {
        format!(
            "Received: from mail-{n}.sender.example (mail-{n}.sender.example. [198.51.100.{}])\r\n        by mx.google.com with ESMTPS id a{n}si{}.2026.01.13.10.00.00\r\n        for <p@provider.example>\r\n        (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256 bits=128/128);\r\n        {} (UTC)",
            self.number % 250 + 1,
            self.number * 7,
            self.date(3),
            n = self.number % 700,
        )
    }

    fn queue(&self) -> String {
        format!(
            "Received: from localhost (localhost [127.0.0.1])\r\n\tby mail-{n}.sender.example (8.17.1/8.17.1) with ESMTP id 60DA{:06}\r\n\tfor <p@provider.example>; {}",
            self.number,
            self.date(4),
            n = self.number % 700,
        )
    }

    fn submission(&self) -> String {
        format!(
            "Received: from [192.168.178.{}] (helo=laptop)\r\n\tby mail.sender.example with esmtpsa  (TLS1.3) tls TLS_AES_256_GCM_SHA384\r\n\t(Exim 4.96)\r\n\t(envelope-from <ana@sender.example>)\r\n\tid 1vg{:06}-0000; {}",
            self.number % 250 + 1,
            self.number,
            self.date(5)
        )
    }

    fn results(&self, head: &str) -> String {
        format!(
            "{head};\r\n\tdkim=pass (2048-bit key) header.d=sender.example header.i=@sender.example header.b={};\r\n\tspf=pass (sender SPF authorized) smtp.mailfrom=ana@sender.example smtp.remote-ip={};\r\n\tdmarc=pass (p=REJECT) header.from=sender.example",
            self.base64(8),
            self.address()
        )
    }

    fn signature(&self, domain: &str) -> String {
        format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=s{};\r\n\th=from:to:subject:date:message-id:mime-version:content-type;\r\n\tbh={}; b={}",
            self.number % 9,
            self.base64(43),
            self.base64(342)
        )
    }

    fn arc(&self) -> [String; 3] {
        let signed = format!("bh={};\r\n b={}", self.base64(43), self.base64(342));
        [
            format!(
                "ARC-Seal: i=1; a=rsa-sha256; s=arcselector; d=provider.example; cv=none;\r\n b={}",
                self.base64(342)
            ),
            format!(
                "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=provider.example; s=arcselector;\r\n h=From:Date:Subject:Message-ID:Content-Type:MIME-Version;\r\n {signed}"
            ),
            self.results("ARC-Authentication-Results: i=1; mx.provider.example 1"),
        ]
    }

    fn spam(&self) -> String {
        let mut report = String::from("X-Forefront-Antispam-Report: ");
        let _written = write!(
            report,
            "CIP:{};CTRY:DE;LANG:en;SCL:1;SRV:;IPV:NLI;SFV:NSPM;\r\n H:out.provider.example;PTR:out.provider.example;CAT:NONE;SFS:(13230040)(1800799024)(376014)(366016);DIR:INB;",
            self.address()
        );
        report
    }

    fn author(&self) -> [String; 9] {
        [
            "From: Ana Sender <ana@sender.example>".to_owned(),
            "To: \"p@clinic.example\" <p@clinic.example>".to_owned(),
            format!("Subject: Your appointment, number {}", self.number),
            "Thread-Topic: Your appointment".to_owned(),
            format!("Date: {}", self.date(6)),
            format!("Message-ID: <{}.{}@sender.example>", self.number, self.base64(20)),
            "MIME-Version: 1.0".to_owned(),
            "Content-Type: text/plain; charset=\"utf-8\"".to_owned(),
            "Content-Transfer-Encoding: 8bit".to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_of_five_kibibytes() {
        let length = |number| message(number).split("\r\n\r\n").next().map(str::len).unwrap_or_default();
        for number in [1, 77, 1_999] {
            assert!((4_800..=5_500).contains(&length(number)), "{}", length(number));
        }
        assert_ne!(message(1), message(2));
    }
}
