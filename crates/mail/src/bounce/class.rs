//! The cause of a bounce by class: what the enhanced code says (RFC 3463), and
//! where it says little, the words of the reply.

use crate::reply::EnhancedCode;

/// Why a message did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// There is no such mailbox or domain.
    BadAddress,
    /// The mailbox is full.
    Full,
    /// The sender, or its server, is on a list.
    Blocked,
    /// A rule of the receiver forbids it.
    Policy,
    /// What it says or holds is not taken: spam, a virus, too large.
    Content,
    /// It is to be tried again, as greylisting asks.
    Greylisted,
    /// Nobody can say.
    Unknown,
}

/// Words by which a class is known, the most telling first. Lower case.
const WORDS: &[(Class, &[&str])] = &[
    (Class::Greylisted, &["greylist", "graylist", "grey-list", "gray-list"]),
    (
        Class::Full,
        &[
            "quota",
            "mailbox full",
            "mailbox is full",
            "mailfolder is full",
            "insufficient disk",
            "over its limit",
            "exceeded storage",
            "storage limit",
            "mailbox size limit",
            "not enough storage",
            "user is over",
        ],
    ),
    (
        Class::Blocked,
        &[
            "blacklist",
            "block list",
            "blocklist",
            "black list",
            "blocked using",
            "spamhaus",
            "spamcop",
            "dnsbl",
            " rbl",
            "poor reputation",
            "bad reputation",
            "banned sending ip",
            "listed in",
            "listed at",
            "blocked ip",
            "frequency limited",
            "reverse dns",
            "network not allowed",
            "bad dns ptr",
            "client host rejected",
            "ip address has been blocked",
            "your ip",
            "access denied. ip",
        ],
    ),
    (
        Class::Content,
        &[
            "spam",
            "virus",
            "malware",
            "message too large",
            "message size exceeds",
            "size limit",
            "too big",
            "content rejected",
            "suspicious",
            "phishing",
            "attachment",
            "message filtered",
        ],
    ),
    (
        Class::BadAddress,
        &[
            "user unknown",
            "unknown user",
            "no such user",
            "no such mailbox",
            "does not exist",
            "doesn't exist",
            "unknown recipient",
            "recipient unknown",
            "invalid recipient",
            "invalid mailbox",
            "no mailbox",
            "not our customer",
            "address rejected",
            "mailbox unavailable",
            "mailbox not found",
            "user not found",
            "unknown address",
            "unknown or illegal alias",
            "account has been disabled",
            "account is disabled",
            "mailbox disabled",
            "host or domain name not found",
            "domain not found",
            "unrouteable address",
            "no longer valid",
            "inactive",
            "doesn't have a",
            "invalid domain",
            "no such domain",
            "nxdomain",
            "no relevant answers",
            "doesn't receive email",
            "domain is not reachable",
            "mailbox is frozen",
        ],
    ),
    (
        Class::Policy,
        &[
            "policy",
            "dmarc",
            "spf",
            "dkim",
            "not authorized",
            "not permitted",
            "relay",
            "authentication",
            "unauthenticated",
            "not verified",
            "access denied",
        ],
    ),
];

impl Class {
    /// Every class.
    pub const ALL: [Class; 7] = [
        Class::BadAddress,
        Class::Full,
        Class::Blocked,
        Class::Policy,
        Class::Content,
        Class::Greylisted,
        Class::Unknown,
    ];

    /// The word for it in events and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Class::BadAddress => "bad_address",
            Class::Full => "full",
            Class::Blocked => "blocked",
            Class::Policy => "policy",
            Class::Content => "content",
            Class::Greylisted => "greylisted",
            Class::Unknown => "unknown",
        }
    }

    /// The class of a status with the words that came with it. A code that
    /// names one cause counts before any words; a general one after them.
    pub fn of(status: Option<EnhancedCode>, words: &str) -> Self {
        let status = status.or_else(|| enhanced_in(words));
        status
            .and_then(certain)
            .or_else(|| by_words(words))
            .or_else(|| status.and_then(likely))
            .unwrap_or(Class::Unknown)
    }
}

/// Codes that name one cause (RFC 3463 §3, RFC 7372, RFC 7505).
fn certain(EnhancedCode(_, subject, detail): EnhancedCode) -> Option<Class> {
    match (subject, detail) {
        (1, 1 | 2 | 3 | 6 | 10) | (2, 1) => Some(Class::BadAddress),
        (2, 2) => Some(Class::Full),
        (2, 3) | (3, 4) => Some(Class::Content),
        (7, 20..=29) => Some(Class::Policy),
        _ => None,
    }
}

/// What a general code says where no words tell more.
fn likely(EnhancedCode(_, subject, detail): EnhancedCode) -> Option<Class> {
    match (subject, detail) {
        // 5.4.4: no route to the domain.
        (1, _) | (4, 4) => Some(Class::BadAddress),
        (6, _) => Some(Class::Content),
        (7, _) => Some(Class::Policy),
        _ => None,
    }
}

fn by_words(words: &str) -> Option<Class> {
    let words = words.to_lowercase();
    WORDS.iter().find(|(_, known)| known.iter().any(|word| words.contains(word))).map(|(class, _)| *class)
}

/// `5.1.1` in a reply.
pub(super) fn enhanced_in(words: &str) -> Option<EnhancedCode> {
    words.split([' ', '-', '(', ')', '#', ':', ';']).find_map(|word| match EnhancedCode::split(word) {
        Some((code, "")) if code.0 != 2 => Some(code),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: Option<(u8, u16, u16)>, words: &str, expect: Class) {
        let status = status.map(|(class, subject, detail)| EnhancedCode(class, subject, detail));
        assert_eq!(Class::of(status, words), expect, "{status:?} {words}");
    }

    #[test]
    fn the_cause_is_named_by_code_and_words() {
        check(Some((5, 1, 1)), "no such user", Class::BadAddress);
        check(Some((5, 2, 2)), "", Class::Full);
        check(Some((5, 0, 0)), "552 mailbox is full", Class::Full);
        check(Some((5, 7, 1)), "550 5.7.1 Service unavailable; client blocked using Spamhaus", Class::Blocked);
        check(Some((5, 7, 1)), "not permitted", Class::Policy);
        check(Some((5, 7, 26)), "unauthenticated mail is prohibited", Class::Policy);
        check(Some((5, 7, 1)), "rejected as spam", Class::Content);
        check(Some((4, 7, 1)), "Greylisted, come again later", Class::Greylisted);
        check(None, "550 5.1.1 <x@y.example>: gone", Class::BadAddress);
        check(None, "550-5.2.2 over", Class::Full);
        check(None, "something else", Class::Unknown);
        check(Some((4, 4, 7)), "delivery time expired", Class::Unknown);
    }
}
