//! Fields of single providers that speak of the connection or of who handed
//! the message in, as data. What they say is quoted, never trusted by itself.

use super::Kind;

/// What is made of a field's value.
#[derive(Clone, Copy)]
enum Reading {
    /// It speaks of TLS: its presence says that TLS was used.
    Tls,
    /// It speaks of TLS in one of its parts, between these separators: the
    /// part that begins with `TLS=`; `1` and `yes` are yes.
    TlsFlag(&'static [char]),
    /// It speaks of TLS: `yes` and `Used` are yes.
    TlsWord,
    /// It is quoted whole.
    Whole,
    /// The parts that begin so are quoted.
    Parts(&'static [&'static str]),
    /// Its value is not for people; that it is there says something.
    Presence,
}

struct Known {
    name: &'static str,
    kind: Kind,
    reading: Reading,
}

const fn tls(name: &'static str, reading: Reading) -> Known {
    Known { name, kind: Kind::Transport, reading }
}

const fn microsoft(name: &'static str, reading: Reading) -> Known {
    Known { name, kind: Kind::Microsoft, reading }
}

const fn google(name: &'static str, reading: Reading) -> Known {
    Known { name, kind: Kind::Google, reading }
}

/// The fields, with who writes them.
const KNOWN: &[Known] = &[
    // Proton: version and cipher of the connection that brought the message.
    tls("X-Pm-Transfer-Encryption", Reading::Tls),
    // MailProtector: `TLSv1.2|host|address`.
    tls("X-MailProtector-Connection", Reading::Tls),
    // Barracuda Email Security Gateway: the cipher suite.
    tls("X-Barracuda-Encrypted", Reading::Tls),
    // Hornetsecurity: `host[address], TLS=1, IP=…`.
    tls("X-Cloud-Security-Connect", Reading::TlsFlag(&[',', ' '])),
    tls("X-Last-TLS-Session-Version", Reading::Tls),
    // Comcast: `IPv6:Y;TLS=1;SPF=1`.
    tls("X-Xfinity-Message-Heuristics", Reading::TlsFlag(&[';'])),
    // Anti-Spam SMTP Proxy.
    tls("X-ASSP-Client-TLS", Reading::TlsWord),
    // Trend Micro Deep Discovery Email Inspector.
    tls("X-DDEI-TLS-USAGE", Reading::TlsWord),
    tls("X-TLS", Reading::Tls),
    // How the message came into an Exchange organisation: Internal, Partner, Anonymous.
    microsoft("X-MS-Exchange-Organization-AuthAs", Reading::Whole),
    microsoft("X-MS-Exchange-Organization-AuthSource", Reading::Whole),
    microsoft("X-MS-Exchange-CrossTenant-AuthAs", Reading::Whole),
    microsoft("X-MS-Exchange-CrossTenant-AuthSource", Reading::Whole),
    microsoft("X-MS-Exchange-CrossTenant-FromEntityHeader", Reading::Whole),
    microsoft("X-MS-Exchange-Organization-MessageDirectionality", Reading::Whole),
    microsoft("X-MS-Exchange-Organization-OriginalServerIPAddress", Reading::Whole),
    microsoft("X-MS-Exchange-Organization-OriginalClientIPAddress", Reading::Whole),
    // The address and the name that Exchange Online saw at its edge.
    microsoft("X-Forefront-Antispam-Report", Reading::Parts(&["CIP:", "H:", "DIR:"])),
    microsoft("X-Originating-IP", Reading::Whole),
    // A message that was handed to Google by SMTP with a login.
    google("X-Google-Smtp-Source", Reading::Presence),
    // Google's signature for itself; its key is nobody else's.
    google("X-Google-DKIM-Signature", Reading::Presence),
    // Google's copy of a Received field of its own inside.
    google("X-Received", Reading::Whole),
];

/// What a field says.
pub(super) struct Said {
    pub(super) kind: Kind,
    pub(super) says: String,
    /// Whether TLS was used, where it speaks of that.
    pub(super) tls: Option<bool>,
}

/// What is known of a field of this name.
pub(super) fn read(name: &[u8], value: impl FnOnce() -> String) -> Option<Said> {
    let known = KNOWN.iter().find(|known| name.eq_ignore_ascii_case(known.name.as_bytes()))?;
    let value = value();
    let (says, tls) = match known.reading {
        Reading::Tls => (value, Some(true)),
        Reading::TlsFlag(separators) => {
            let flag = value.split(separators).find_map(|part| part.trim().strip_prefix("TLS="))?;
            (format!("TLS={flag}"), Some(is_yes(flag)))
        }
        Reading::TlsWord => {
            let yes = is_yes(&value);
            (value, Some(yes))
        }
        Reading::Whole => {
            let tls = (known.name == "X-Received" && value.contains("version=TLS")).then_some(true);
            (value, tls)
        }
        Reading::Parts(wanted) => {
            let is_wanted = |part: &&str| wanted.iter().any(|start| part.starts_with(start));
            (value.split(';').map(str::trim).filter(is_wanted).collect::<Vec<_>>().join("; "), None)
        }
        Reading::Presence => ("present".to_owned(), None),
    };
    (!says.trim().is_empty()).then_some(Said { kind: known.kind, says, tls })
}

fn is_yes(word: &str) -> bool {
    ["1", "y", "yes", "used", "true"].iter().any(|yes| word.trim().eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expect: Option<(Kind, &str, Option<bool>)>) {
        let said = read(name.as_bytes(), || value.to_owned());
        assert_eq!(said.as_ref().map(|said| (said.kind, said.says.as_str(), said.tls)), expect, "{name}: {value}");
    }

    #[test]
    fn fields_are_read_in_their_own_ways() {
        use Kind::{Google, Microsoft, Transport};
        check(
            "x-pm-transfer-encryption",
            "TLSv1.3 with cipher X (256/256 bits)",
            Some((Transport, "TLSv1.3 with cipher X (256/256 bits)", Some(true))),
        );
        check(
            "X-Cloud-Security-Connect",
            "mx.a.example[192.0.2.1], TLS=0, IP=192.0.2.1",
            Some((Transport, "TLS=0", Some(false))),
        );
        check("X-Xfinity-Message-Heuristics", "IPv6:N;TLS=1;SPF=1", Some((Transport, "TLS=1", Some(true))));
        check("X-Xfinity-Message-Heuristics", "IPv6:N;SPF=1", None);
        check("X-ASSP-Client-TLS", "yes", Some((Transport, "yes", Some(true))));
        check("X-DDEI-TLS-USAGE", "Unused", Some((Transport, "Unused", Some(false))));
        let report = "CIP:192.0.2.1;CTRY:;LANG:en;SCL:1;H:mail.a.example;DIR:INB";
        check(
            "X-Forefront-Antispam-Report",
            report,
            Some((Microsoft, "CIP:192.0.2.1; H:mail.a.example; DIR:INB", None)),
        );
        check("X-Google-Smtp-Source", "AGHT+IE", Some((Google, "present", None)));
        check("X-Mailer", "x", None);
    }
}
