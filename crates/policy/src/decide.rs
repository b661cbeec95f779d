//! From facts to decisions. Every matching rule counts and the strictest wins:
//! none < encrypted < verified < anchored < end_to_end < portal < hold < refuse.
//!
//! The order of rules matters only for the order of reasons.

use mail::{Address, Need};

use crate::detect;
use crate::facts::Facts;
use crate::finding::{Finding, Where};
use crate::policy::Policy;
use crate::rule::{Act, Judge, Rule, Seen};
use crate::switch;
use crate::verdict::{Action, Because, Decision, Released, SubjectAction, Verdict};

/// The built-in rule that gives every copy its least need.
pub(crate) const DEFAULT: &str = "default";
/// The built-in rule for a message that can't be read.
const UNREADABLE: &str = "unreadable";
/// The built-in rule for the field `X-Sealpost-Protect`.
const PROTECT: &str = "header-protect";
/// The built-in rule for a message whose client asked for REQUIRETLS (RFC 8689).
const REQUIRETLS: &str = "requiretls";
/// The built-in rule for needs that no one copy can meet.
const CONTRADICTION: &str = "contradiction";

/// Names that no configured rule may have.
pub(crate) const BUILT_IN: [&str; 7] =
    [DEFAULT, UNREADABLE, PROTECT, REQUIRETLS, CONTRADICTION, switch::TAGS[0].1, switch::TAGS[1].1];

/// Judges a message: one decision for each recipient, with the rules that
/// caused it. The same input always gives the same verdict.
pub fn decide(policy: &Policy, facts: &Facts<'_>, recipients: &[Address]) -> Verdict {
    let findings = match facts.reading {
        Ok(reading) => detect::scan(&policy.detectors, reading),
        Err(_) => Vec::new(),
    };
    let seen = see(facts, &findings);
    let matching: Vec<&Rule> = policy.rules.iter().filter(|rule| rule.when.matches_message(&seen)).collect();
    let built_in = built_in_claims(facts, &seen.subject);
    let recipients = recipients
        .iter()
        .map(|recipient| (recipient.clone(), decide_one(policy, &matching, &built_in, recipient)))
        .collect();
    let subject = subject_action(policy, facts, &seen.subject, &findings);
    Verdict { recipients, findings, subject }
}

fn see<'a>(facts: &Facts<'a>, findings: &'a [Finding]) -> Seen<'a> {
    let attachments = match facts.reading {
        Ok(reading) => reading.parts.iter().filter_map(attachment).collect(),
        Err(_) => Vec::new(),
    };
    Seen {
        sender: facts.sender,
        subject: facts.subject(),
        header: decoded_fields(facts.header),
        direction: facts.direction,
        body_bytes: facts.body_bytes,
        attachments,
        findings,
    }
}

fn attachment(part: &mail::reading::Part) -> Option<(&str, &str)> {
    match &part.place {
        mail::reading::Place::Attachment(name) => Some((name, &part.content_type)),
        mail::reading::Place::Text | mail::reading::Place::Html => None,
    }
}

fn decoded_fields(header: &[u8]) -> Vec<(String, String)> {
    mail::header::fields(header)
        .map(|field| {
            let name = String::from_utf8_lossy(field.name).trim_end().to_ascii_lowercase();
            (name, mail::reading::unstructured(field.value))
        })
        .collect()
}

/// What one rule asks for.
struct Claim {
    action: Action,
    because: Because,
}

/// The claims of the built-in rules, which no exemption cancels.
fn built_in_claims(facts: &Facts<'_>, subject: &str) -> Vec<Claim> {
    let mut claims = Vec::new();
    if facts.reading.is_err() {
        claims.push(Claim {
            action: Action::Hold,
            because: Because::built_in(UNREADABLE, Some("the message can't be read, so nobody can say what is in it")),
        });
    }
    if facts.requiretls {
        // Beside this, the connection must lead to a host that is bound and promises the same.
        let action = Action::Deliver { needs: Need::Verified };
        claims.push(Claim { action, because: Because::built_in(REQUIRETLS, Some("its sender asked for REQUIRETLS")) });
    }
    for rule in switch::tags_in(subject) {
        let action = Action::Deliver { needs: Need::EndToEnd };
        claims.push(Claim { action, because: Because::built_in(rule, None) });
    }
    for asked in switch::protect_fields(facts.header) {
        claims.push(match asked {
            Some(needs) => Claim { action: Action::Deliver { needs }, because: Because::built_in(PROTECT, None) },
            None => Claim {
                action: Action::Hold,
                because: Because::built_in(PROTECT, Some("X-Sealpost-Protect names no level that there is")),
            },
        });
    }
    claims
}

fn decide_one(policy: &Policy, matching: &[&Rule], built_in: &[Claim], recipient: &Address) -> Decision {
    let matching: Vec<&Rule> = matching.iter().copied().filter(|rule| rule.when.matches_recipient(recipient)).collect();
    let mut cancelled: Vec<&str> = matching.iter().flat_map(|rule| exempted(rule)).collect();
    let claims: Vec<Action> = matching.iter().filter_map(|rule| claim(rule, &cancelled)).collect();
    if claims.is_empty() {
        // The default gives way only to a rule of the policy that says what is
        // needed instead; a sender's switch, which only raises, is none.
        cancelled.retain(|name| *name != DEFAULT);
    }
    let default = Action::Deliver { needs: policy.default };
    let is_default = !cancelled.contains(&DEFAULT);
    let claims = built_in.iter().map(|claim| claim.action).chain(claims);
    let claims: Vec<Action> = claims.chain(is_default.then_some(default)).collect();
    let is_outdone =
        claims.iter().filter(|claim| **claim != default).any(|claim| claim.strictness() >= default.strictness())
            || claims.iter().filter(|claim| **claim == default).count() > 1;

    let mut because = Vec::new();
    if is_default && !is_outdone {
        because.push(Because::built_in(DEFAULT, None));
    }
    because.extend(listed(&matching, built_in, &cancelled));
    let action = strictest(&claims);
    if action.is_none() {
        because.push(Because::built_in(CONTRADICTION, Some("no one copy can meet these needs")));
    }
    let action = action.unwrap_or(Action::Hold);
    let released = matches!(action, Action::Hold).then(|| Released {
        needs: needs_when_released(&claims),
        // A built-in hold and a contradiction are staff's.
        by_sender: !built_in.iter().any(|claim| claim.action == Action::Hold) && only_senders_hold(&matching),
    });
    let banners = matching.iter().filter_map(|rule| match &rule.act {
        Act::Banner(text) => Some(text.clone()),
        Act::Require(_) | Act::Hold(_) | Act::Refuse | Act::Exempt(_) => None,
    });
    Decision { action, released, because, banners: banners.collect() }
}

/// What a copy that is held needs once a person lets it go: all that is asked
/// of it beside the hold. Needs that contradict each other are met by the
/// portal, which is stricter than each of them.
fn needs_when_released(claims: &[Action]) -> Need {
    let needs: Vec<Action> = claims.iter().copied().filter(|claim| matches!(claim, Action::Deliver { .. })).collect();
    match strictest(&needs) {
        Some(Action::Deliver { needs }) => needs,
        Some(Action::Hold | Action::Refuse) | None => Need::Portal,
    }
}

/// Whether a rule holds, and every rule that holds lets the sender judge.
fn only_senders_hold(matching: &[&Rule]) -> bool {
    let mut holding = matching.iter().filter_map(|rule| match rule.act {
        Act::Hold(judge) => Some(judge),
        Act::Require(_) | Act::Refuse | Act::Exempt(_) | Act::Banner(_) => None,
    });
    match holding.next() {
        Some(first) => first == Judge::Sender && holding.all(|judge| judge == Judge::Sender),
        None => false,
    }
}

/// The rules that an exemption cancels.
fn exempted(rule: &Rule) -> impl Iterator<Item = &str> {
    match &rule.act {
        Act::Exempt(rules) => rules.as_slice(),
        Act::Require(_) | Act::Hold(_) | Act::Refuse | Act::Banner(_) => &[],
    }
    .iter()
    .map(String::as_str)
}

/// What a rule asks for, unless it is cancelled. Only what requires a protection
/// can be cancelled, never hold or refuse.
fn claim(rule: &Rule, cancelled: &[&str]) -> Option<Action> {
    match rule.act {
        Act::Require(_) if cancelled.contains(&rule.name.as_str()) => None,
        Act::Require(needs) => Some(Action::Deliver { needs }),
        Act::Hold(_) => Some(Action::Hold),
        Act::Refuse => Some(Action::Refuse),
        Act::Exempt(_) | Act::Banner(_) => None,
    }
}

/// The reasons in order: built-in rules, then the policy's; exemptions where
/// they cancelled something that matched.
fn listed(matching: &[&Rule], built_in: &[Claim], cancelled: &[&str]) -> Vec<Because> {
    let mut reasons: Vec<Because> = built_in.iter().map(|claim| claim.because.clone()).collect();
    for rule in matching {
        let exempts: Vec<String> =
            exempted(rule).filter(|name| did_cancel(name, matching, cancelled)).map(str::to_owned).collect();
        if !exempts.is_empty() || claim(rule, cancelled).is_some() || matches!(rule.act, Act::Banner(_)) {
            reasons.push(Because { rule: rule.name.clone(), reason: rule.reason.clone(), exempts });
        }
    }
    reasons
}

fn did_cancel(name: &str, matching: &[&Rule], cancelled: &[&str]) -> bool {
    cancelled.contains(&name)
        && (name == DEFAULT || matching.iter().any(|rule| rule.name == name && matches!(rule.act, Act::Require(_))))
}

/// The strictest of the actions; `None` where they contradict each other:
/// OpenPGP with S/MIME, or either with the portal.
fn strictest(actions: &[Action]) -> Option<Action> {
    let asks = |need: Need| actions.contains(&Action::Deliver { needs: need });
    let strictest = actions.iter().copied().max_by_key(|action| (action.strictness(), exactness(*action)))?;
    let exact = [Need::OpenPgp, Need::Smime, Need::Portal].into_iter().filter(|need| asks(*need)).count();
    match strictest {
        Action::Hold | Action::Refuse => Some(strictest),
        Action::Deliver { .. } if exact > 1 => None,
        Action::Deliver { .. } => Some(strictest),
    }
}

/// Of `end_to_end` and an exact method, which are equally strict, the exact one counts.
fn exactness(action: Action) -> u8 {
    match action {
        Action::Deliver { needs: Need::OpenPgp | Need::Smime } => 1,
        Action::Deliver { .. } | Action::Hold | Action::Refuse => 0,
    }
}

fn subject_action(policy: &Policy, facts: &Facts<'_>, subject: &str, findings: &[Finding]) -> SubjectAction {
    let tells = |finding: &Finding| {
        finding.place == Where::Subject
            && finding.confidence >= policy.subject.confidence
            && !policy.subject.ignore.contains(&finding.detector)
    };
    if policy.subject.replace && findings.iter().any(tells) {
        return SubjectAction::Replace(policy.subject.replaced(facts.organisation));
    }
    switch::clean_subject(subject).map_or(SubjectAction::Keep, SubjectAction::Clean)
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
