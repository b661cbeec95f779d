//! Whether a refusal says that there is no such mailbox, and nothing else.
//!
//! Who is taken for gone gets nothing more, so it is no matter of likelihood as
//! the classes of a timeline are: servers write "address rejected" for a rule,
//! 5.1.1 for a sender that they don't like, and "does not exist" of the sender's
//! own domain. Whatever else a refusal says counts against it.

use crate::reply::EnhancedCode;

/// Words that say it. Lower case.
const GONE: &[&str] = &[
    "user unknown",
    "unknown user",
    "unknown local user",
    "unknown local part",
    "unknown recipient",
    "recipient unknown",
    "addressee unknown",
    "no such user",
    "no such mailbox",
    "no such recipient",
    "no such local user",
    "no such address here",
    "no such person at this address",
    "no mailbox here by that name",
    "user not found",
    "mailbox not found",
    "recipient not found",
    "recipnotfound",
    "recipientnotfound",
    "user doesn't exist",
    "user does not exist",
    "mailbox does not exist",
    "mailbox doesn't exist",
    "account does not exist",
    "account that you tried to reach does not exist",
    "recipient does not exist",
    "recipient doesn't exist",
    "recipient address does not exist",
    "email address does not exist",
    "this user doesn't have a",
    "not our customer",
    "unknown or illegal alias",
    "not a known user",
    "user is unknown",
];

/// Words that tell of something else, whatever stands beside them. Lower case.
const OTHERWISE: &[&str] = &[
    "sender",
    "refused",
    "couldn't",
    "could not",
    "mail from",
    "from address",
    "from:",
    "return-path",
    "return path",
    "helo",
    "ehlo",
    "greylist",
    "graylist",
    "quota",
    "full",
    "over limit",
    "too many",
    "rate limit",
    "too large",
    "exceed",
    "spam",
    "virus",
    "malicious",
    "block",
    "black",
    "listed",
    "reputation",
    "dnsbl",
    "spf",
    "dkim",
    "dmarc",
    "policy",
    "denied",
    "relaying",
    "to relay",
    "not authorized",
    "unauthorized",
    "not permitted",
    "not allowed",
    "authenticat",
    "inactive",
    "disabled",
    "suspended",
    "expired",
    "locked",
    "frozen",
    "content",
    "temporar",
    "try again",
    "later",
    "timed out",
    "timeout",
    "dns",
    "domain not found",
    "host not found",
    "loop",
];

/// Whether a refusal for good says that the recipient's mailbox does not exist.
/// A status that is not of class 5 never does.
pub fn is_gone(status: Option<EnhancedCode>, words: &str) -> bool {
    let words = words.to_lowercase();
    if OTHERWISE.iter().any(|other| words.contains(other)) {
        return false;
    }
    let is_said = || GONE.iter().any(|gone| words.contains(gone));
    match status {
        // RFC 3463 §3.2: no such mailbox; it has moved, and nobody knows where to.
        Some(EnhancedCode(5, 1, 1 | 6)) => true,
        // Exchange says 5.1.10 of a recipient who was not found, and RFC 7505
        // §4.2 has it for a domain that takes no mail, as the DNS says. The
        // others say nothing, or that it is about the address or the mailbox.
        Some(EnhancedCode(5, 1, 10) | EnhancedCode(5, 0 | 1 | 2 | 5, 0)) | None => is_said(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: Option<(u8, u16, u16)>, words: &str, expect: bool) {
        let status = status.map(|(class, subject, detail)| EnhancedCode(class, subject, detail));
        assert_eq!(is_gone(status, words), expect, "{status:?} {words}");
    }

    #[test]
    fn a_server_that_says_so_is_believed() {
        check(Some((5, 1, 1)), "<ann@x.example>: Recipient address rejected: User unknown in virtual table", true);
        check(Some((5, 1, 1)), "The email account that you tried to reach does not exist.", true);
        check(Some((5, 1, 10)), "RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", true);
        check(Some((5, 1, 6)), "moved", true);
        check(None, "554 delivery error: dd This user doesn't have a mailbox here", true);
        check(Some((5, 0, 0)), "550 No such user here", true);
    }

    #[test]
    fn whatever_else_it_says_counts_against_it() {
        check(Some((5, 1, 1)), "Sender address rejected: Domain not found", false);
        check(Some((5, 1, 1)), "<ann@x.example>: blocked using a list", false);
        check(Some((5, 1, 1)), "User unknown: mailbox over quota", false);
        check(None, "550 no such user, or relaying denied", false);
        check(Some((5, 1, 1)), "550 5.1.1 RCP-P2 Refused due to recipient preferences", false);
        check(Some((5, 1, 1)), "procmail: Couldn't create \"/var/spool/mail/x\": No such user", false);
        check(Some((5, 1, 8)), "Sender domain does not exist", false);
    }

    #[test]
    fn other_causes_are_no_reason() {
        check(Some((5, 2, 1)), "mailbox disabled", false);
        check(Some((5, 2, 2)), "mailbox full", false);
        check(Some((5, 7, 1)), "User unknown", false);
        check(Some((5, 4, 1)), "Recipient address rejected", false);
        check(Some((5, 1, 10)), "", false);
        check(Some((5, 1, 10)), "recipient domain has a null MX", false);
        check(Some((5, 1, 2)), "bad destination system", false);
        check(Some((4, 1, 1)), "User unknown", false);
        check(Some((5, 0, 0)), "mailbox unavailable", false);
        check(None, "", false);
    }
}
