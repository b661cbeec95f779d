//! The rules under `[[policy.rule]]`.

use mail::Domain;
use toml::{Table, Value};

use super::read::{detector, need};
use super::table::{self, Keys, Mistakes, mistake, suggestion};
use crate::decide::{BUILT_IN, DEFAULT};
use crate::facts::Direction;
use crate::finding::Detector;
use crate::glob::Glob;
use crate::rule::{Act, DetectorCondition, DomainPattern, Judge, Rule, When};

/// The confidence that counts where a rule names none.
const CONFIDENCE: f64 = 0.5;
/// A message's findings end there, so no rule can ask for more.
const COUNT_MAX: u64 = 10_000;

/// The longest banner.
const BANNER_CHARACTERS_MAX: usize = 600;

/// Reads the rules that stand under `path`.
pub(super) fn read(path: &str, values: &[Value], mistakes: &mut Mistakes) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for (number, value) in values.iter().enumerate() {
        let path = format!("{path}[{number}]");
        let Some(table) = value.as_table() else {
            mistake(mistakes, &path, table::wants("a table", value));
            continue;
        };
        if let Some(rule) = read_rule(Keys::new(&path, table), mistakes) {
            if rules.iter().any(|other| other.name == rule.name) {
                mistake(mistakes, &format!("{path}.name"), format!("\"{}\" is the name of a rule above", rule.name));
            }
            rules.push(rule);
        }
    }
    check_exemptions(path, &rules, mistakes);
    rules
}

fn read_rule(mut keys: Keys<'_>, mistakes: &mut Mistakes) -> Option<Rule> {
    let name = keys.read("name", mistakes, rule_name);
    if name.is_none() && !mistakes.iter().any(|mistake| mistake.path == keys.path("name")) {
        mistake(mistakes, &keys.path("name"), "is missing: decisions cite rules by name");
    }
    let reason = keys.read("reason", mistakes, table::text);
    let when = read_when(&mut keys, mistakes);
    let act = read_act(&mut keys, mistakes);
    if matches!(act, Some(Act::Exempt(_))) && reason.is_none() {
        mistake(mistakes, &keys.path("reason"), "is missing: an exemption must give its reason");
    }
    if matches!(act, Some(Act::Banner(_))) && when.direction != Some(Direction::Inbound) {
        mistake(mistakes, &keys.path("direction"), "is to be \"inbound\": a banner is for mail from outside");
    }
    keys.end(mistakes);
    Some(Rule { name: name?, reason, when, act: act? })
}

fn rule_name(value: &Value) -> Result<String, String> {
    let name = table::text(value)?;
    if name.trim() != name || name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err("wants 1 to 100 characters on one line".to_owned());
    }
    if BUILT_IN.contains(&name.as_str()) {
        return Err(format!("\"{name}\" is the name of a built-in rule"));
    }
    Ok(name)
}

fn read_act(keys: &mut Keys<'_>, mistakes: &mut Mistakes) -> Option<Act> {
    let before = mistakes.len();
    let require = keys.read("require", mistakes, need).map(Act::Require);
    let hold = keys.read("hold", mistakes, judge).map(Act::Hold);
    let refuse = keys.read("refuse", mistakes, only_true).map(|()| Act::Refuse);
    let exempt = keys.list("exempt", mistakes, table::text).map(Act::Exempt);
    let banner = keys.read("banner", mistakes, banner).map(Act::Banner);
    let mut acts = [require, hold, refuse, exempt, banner].into_iter().flatten();
    match (acts.next(), acts.next()) {
        (Some(act), None) => Some(act),
        (None, _) if mistakes.len() > before => None,
        (None, _) => {
            mistake(
                mistakes,
                &keys.path("require"),
                "is missing: a rule does one of require, hold, refuse, exempt, banner",
            );
            None
        }
        (Some(_), Some(_)) => {
            mistake(mistakes, &keys.path("require"), "a rule does only one of require, hold, refuse, exempt, banner");
            None
        }
    }
}

/// A few sentences for whoever reads the message.
fn banner(value: &Value) -> Result<String, String> {
    let text = table::text(value)?;
    let is_plain = text.chars().all(|c| c == '\n' || !c.is_control());
    match !text.trim().is_empty() && text.chars().count() <= BANNER_CHARACTERS_MAX && is_plain {
        true => Ok(text.trim().to_owned()),
        false => Err(format!("wants 1 to {BANNER_CHARACTERS_MAX} characters of text")),
    }
}

/// `true`: staff judge it; `"sender"`: its sender may let it go too.
fn judge(value: &Value) -> Result<Judge, String> {
    match value.as_str() {
        Some("sender") => Ok(Judge::Sender),
        Some(_) => Err("is true, or \"sender\" where the sender may let the copy go too".to_owned()),
        None => only_true(value).map(|()| Judge::Staff),
    }
}

fn only_true(value: &Value) -> Result<(), String> {
    if table::boolean(value)? { Ok(()) } else { Err("is either true or left out".to_owned()) }
}

fn read_when(keys: &mut Keys<'_>, mistakes: &mut Mistakes) -> When {
    When {
        sender: keys.list("sender", mistakes, glob).unwrap_or_default(),
        sender_domain: keys.list("sender_domain", mistakes, domain).unwrap_or_default(),
        recipient: keys.list("recipient", mistakes, glob).unwrap_or_default(),
        recipient_domain: keys.list("recipient_domain", mistakes, domain).unwrap_or_default(),
        subject_tag: keys.list("subject_tag", mistakes, tag).unwrap_or_default(),
        header: keys.read("header", mistakes, header).unwrap_or_default(),
        direction: keys.read("direction", mistakes, direction),
        size_min: keys.read("size_min", mistakes, size),
        attachment_name: keys.list("attachment_name", mistakes, glob).unwrap_or_default(),
        attachment_type: keys.list("attachment_type", mistakes, glob).unwrap_or_default(),
        detector: keys.list("detector", mistakes, detector_condition).unwrap_or_default(),
    }
}

fn glob(value: &Value) -> Result<Glob, String> {
    let text = tag(value)?;
    Ok(Glob::new(&text))
}

fn tag(value: &Value) -> Result<String, String> {
    let text = table::text(value)?;
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text) }
}

fn domain(value: &Value) -> Result<DomainPattern, String> {
    let text = table::text(value)?;
    let (read, name): (fn(Domain) -> DomainPattern, &str) = match text.strip_prefix("*.") {
        Some(parent) => (DomainPattern::Below, parent),
        None => (DomainPattern::Exact, &text),
    };
    Domain::parse(name)
        .map(read)
        .map_err(|_| format!("\"{text}\" is no domain; write clinic.example or *.clinic.example"))
}

fn header(value: &Value) -> Result<Vec<(String, Glob)>, String> {
    let table = value.as_table().filter(|table| !table.is_empty());
    let table = table.ok_or_else(|| "wants a table of field names and patterns".to_owned())?;
    table.iter().map(|(name, value)| Ok((name.to_ascii_lowercase(), glob(value)?))).collect()
}

fn direction(value: &Value) -> Result<Direction, String> {
    let all = [Direction::Outbound, Direction::Inbound];
    table::word(value, "direction", &all.map(Direction::word), |word| all.into_iter().find(|one| one.word() == word))
}

/// Bytes as a number, or as a text with KB, MB or GB (powers of 1,024).
fn size(value: &Value) -> Result<u64, String> {
    let Some(text) = value.as_str() else {
        return table::whole(value, 0, u64::MAX / 2);
    };
    let wrong = || "wants a size such as 500000 or \"10 MB\"".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1 << 10,
        "mb" => 1 << 20,
        "gb" => 1 << 30,
        _ => return Err(wrong()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|bytes| *bytes <= u64::MAX / 2)
        .ok_or_else(wrong)
}

/// `"ssn"`, `"any"`, or a table with `name`, `confidence` and `count`.
fn detector_condition(value: &Value) -> Result<DetectorCondition, String> {
    let Some(table) = value.as_table() else {
        return Ok(DetectorCondition { detector: any_or_detector(value)?, confidence: CONFIDENCE, count: 1 });
    };
    let mut mistakes = Mistakes::new();
    let condition = read_condition(table, &mut mistakes);
    match mistakes.first() {
        Some(first) => Err(first.to_string()),
        None => Ok(condition),
    }
}

fn read_condition(table: &Table, mistakes: &mut Mistakes) -> DetectorCondition {
    let mut keys = Keys::new("", table);
    let name = keys.read("name", mistakes, any_or_detector);
    if name.is_none() && mistakes.is_empty() {
        mistake(mistakes, "name", "is missing");
    }
    let confidence = keys.read("confidence", mistakes, table::share).unwrap_or(CONFIDENCE);
    let count = keys.read("count", mistakes, |value| table::whole(value, 1, COUNT_MAX)).unwrap_or(1);
    keys.end(mistakes);
    DetectorCondition { detector: name.flatten(), confidence, count }
}

fn any_or_detector(value: &Value) -> Result<Option<Detector>, String> {
    if value.as_str() == Some("any") { Ok(None) } else { detector(value).map(Some) }
}

/// An exemption names rules that there are and that require a protection:
/// what holds or refuses can't be cancelled, and a policy that tries is refused
/// as a whole rather than read as something that its author did not mean.
fn check_exemptions(path: &str, rules: &[Rule], mistakes: &mut Mistakes) {
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).chain([DEFAULT]).collect();
    for (number, rule) in rules.iter().enumerate() {
        let Act::Exempt(exempted) = &rule.act else { continue };
        for name in exempted {
            let target = rules.iter().find(|other| other.name == *name).map(|other| &other.act);
            let problem = match target {
                Some(Act::Require(_)) => continue,
                Some(Act::Hold(_) | Act::Refuse) => format!("\"{name}\" holds or refuses, which no exemption cancels"),
                Some(Act::Exempt(_)) => format!("\"{name}\" is itself an exemption"),
                Some(Act::Banner(_)) => format!("\"{name}\" only shows a banner, and requires nothing"),
                None if name == DEFAULT => continue,
                None if BUILT_IN.contains(&name.as_str()) => format!("the built-in rule \"{name}\" can't be cancelled"),
                None => format!("there is no rule \"{name}\"{}", suggestion(name, &names)),
            };
            mistake(mistakes, &format!("{path}[{number}].exempt"), problem);
        }
    }
}
