//! What became of each copy, by the timeline of its message.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use crate::api;

use super::has;
use super::letters::{Door, Letter};
use super::town::Town;

/// Where a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Queued,
    Delivered,
    Bounced,
    Held,
    Portal,
    /// Staff said no.
    Rejected,
    /// Staff took it back.
    Recalled,
    /// A word to the sender that could not be said.
    Failed,
}

/// A message as its timeline tells it.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: String,
    pub events: Vec<Value>,
}

impl Account {
    fn accepted(&self) -> &Value {
        let first = self.events.iter().find(|event| event["event"] == "accepted");
        first.unwrap_or_else(|| panic!("{} was never accepted: {:#?}", self.id, self.events))
    }

    fn at(&self) -> Timestamp {
        self.accepted()["at"].as_str().unwrap().parse().unwrap()
    }

    fn door(&self) -> &str {
        self.accepted()["door"].as_str().unwrap()
    }

    fn recipients(&self) -> Vec<String> {
        let all = self.accepted()["recipients"].as_array().unwrap();
        all.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// Where each recipient's copy is: exactly one place.
    pub fn fates(&self) -> BTreeMap<String, Fate> {
        let mut fates: BTreeMap<String, Fate> =
            self.recipients().into_iter().map(|recipient| (recipient, Fate::Queued)).collect();
        for event in self.events.iter().filter(|event| !self.is_of_notice(event)) {
            let fate = match event["event"].as_str().unwrap() {
                "delivered" => Fate::Delivered,
                "bounced" => Fate::Bounced,
                "held" => Fate::Held,
                "notified" => Fate::Portal,
                "released" => Fate::Queued,
                "rejected" => Fate::Rejected,
                "recalled" => Fate::Recalled,
                "refused" | "expired" => Fate::Failed,
                _ => continue,
            };
            let whom = event["recipient"].as_str();
            let of = fates.iter_mut().filter(|(recipient, _)| whom.is_none_or(|whom| whom == *recipient));
            of.for_each(|(_, place)| *place = fate);
        }
        fates
    }

    /// Whether it tells of a parcel without content: a notice, a code, a word to the sender.
    fn is_of_notice(&self, event: &Value) -> bool {
        let is_queued = |one: &&Value| one["event"] == "queued" && one["parcel"] == event["parcel"];
        let queued = self.events.iter().find(is_queued);
        !event["parcel"].is_null() && queued.is_some_and(|queued| queued["kind"] != "content")
    }

    /// How often a copy came to an end by itself.
    fn ends(&self, recipient: &str) -> usize {
        let is_end = |event: &&Value| ["delivered", "bounced", "notified"].iter().any(|end| event["event"] == *end);
        let ends = self.events.iter().filter(is_end).filter(|event| !self.is_of_notice(event));
        ends.filter(|event| event["recipient"] == recipient).count()
    }

    /// When each delivery of its content was recorded.
    fn delivered<'a>(&'a self, recipient: &'a str) -> impl Iterator<Item = Timestamp> + 'a {
        let events = self.events.iter().filter(|event| event["event"] == "delivered" && !self.is_of_notice(event));
        let of = events.filter(move |event| event["recipient"] == recipient || recipient.is_empty());
        of.map(|event| event["at"].as_str().unwrap().parse().unwrap())
    }
}

/// All messages that there are.
#[derive(Default)]
pub struct Accounts {
    all: BTreeMap<String, Account>,
    /// Those that are where they belong need no second look.
    settled: Vec<String>,
}

/// One message; none while it can't be asked for.
pub fn account(client: &api::Client<'_>, id: &str) -> Option<Account> {
    let answer = client.get(&format!("/v1/messages/{id}/events"));
    let events = answer.json["events"].as_array()?.clone();
    Some(Account { id: id.to_owned(), events })
}

impl Accounts {
    /// Reads what is new.
    pub fn look(&mut self, client: &api::Client<'_>) {
        let mut cursor = String::new();
        loop {
            let page = client.get(&format!("/v1/messages?limit=100{cursor}")).expect(200).json;
            for item in page["items"].as_array().unwrap() {
                let id = item["id"].as_str().unwrap();
                if !self.settled.iter().any(|settled| settled == id) {
                    self.all.insert(id.to_owned(), account(client, id).expect("its events"));
                }
            }
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return,
            }
        }
    }

    fn of(&self, letter: &Letter) -> Vec<&Account> {
        let first = &letter.to[0].0;
        self.all.values().filter(|account| account.recipients().contains(first) && !is_other(account)).collect()
    }

    /// What is not where it belongs, for people.
    pub fn unsettled(&mut self, letters: &[Letter], replies: usize) -> Vec<String> {
        let mut left = Vec::new();
        let mut settled = Vec::new();
        for letter in letters {
            let wanted: BTreeMap<String, Fate> = letter.to.iter().cloned().collect();
            let accounts = self.of(letter);
            let is_there = |account: &&Account| {
                account.fates() == wanted && (!letter.bounces_later || has(&account.events, "dsn_received"))
            };
            match accounts.is_empty() || !accounts.iter().all(is_there) {
                true => left.push(format!("{letter:?}: {accounts:#?}")),
                false => settled.extend(accounts.iter().map(|account| account.id.clone())),
            }
        }
        let others: Vec<&Account> = self.all.values().filter(|account| is_other(account)).collect();
        // A bounce goes on to whom it is for, under another address than it came to.
        let waits = |account: &&&Account| account.delivered("").count() == 0;
        left.extend(others.iter().filter(waits).map(|account| format!("{account:#?}")));
        let came = others.iter().filter(|account| account.door() == "portal").count();
        if came != replies {
            left.push(format!("{came} of {replies} replies"));
        }
        self.settled = settled;
        left
    }

    /// When each of a recipient's deliveries was recorded.
    pub fn delivered(&self, recipient: &str) -> Vec<Timestamp> {
        self.all
            .values()
            .filter(|account| !is_other(account))
            .flat_map(|account| account.delivered(recipient))
            .collect()
    }

    /// Whether it was under way at the kill: accepted before, and recorded as delivered after it.
    pub fn crossed_the_kill(&self, recipient: &str, killed_at: Timestamp) -> bool {
        let of = self.all.values().filter(|account| account.recipients().iter().any(|one| one == recipient));
        of.min_by_key(|account| account.at()).is_some_and(|first| first.at() < killed_at)
            && self.delivered(recipient).iter().any(|at| *at > killed_at)
    }

    /// One message each, or two where the kill took the first one's reply; each copy came to one end.
    pub fn check_doubles(&self, letters: &[Letter], town: &Town, killed_at: Timestamp) {
        let mut doubles = 0;
        for letter in letters {
            let mut accounts = self.of(letter);
            accounts.sort_by_key(|account| account.at());
            for (account, (recipient, fate)) in
                accounts.iter().flat_map(|one| letter.to.iter().map(move |to| (one, to)))
            {
                let ends = account.ends(recipient);
                assert!(ends <= 1, "{letter:?} has {ends} ends: {account:#?}");
                assert!(*fate != Fate::Bounced || has(&account.events, "dsn_sent"), "{account:#?}");
            }
            let [first, rest @ ..] = &accounts[..] else { panic!("{letter:?} is nowhere") };
            assert!(rest.len() <= 1, "{letter:?} was accepted {} times", accounts.len());
            for second in rest {
                let is_allowed = letter.door != Door::Rest && first.at() < killed_at && second.at() > killed_at;
                assert!(is_allowed, "{letter:?} twice: {first:#?} {second:#?}\n{}", town.office.log());
                doubles += 1;
            }
        }
        assert!(doubles <= 40, "{doubles} messages were accepted twice");
    }

    /// What nobody on the list wrote: words of other hosts about bounces, and patients' replies.
    pub fn check_others(&self, town: &Town, replies: usize) {
        let mut doors: HashMap<&str, usize> = HashMap::new();
        for account in self.all.values().filter(|account| is_other(account)) {
            *doors.entry(account.door()).or_default() += 1;
            assert_eq!(account.delivered("").count(), 1, "{account:#?}");
        }
        assert_eq!(doors.get("portal"), Some(&replies));
        assert!(doors.get("inbound").is_some_and(|bounces| *bounces >= 5), "{doors:?}\n{}", town.world.log());
        assert_eq!(doors.len(), 2, "{doors:?}");
    }
}

/// Whether it is a bounce that came in, or a reply.
fn is_other(account: &Account) -> bool {
    let is_bounce = account.door() == "inbound"
        && account
            .recipients()
            .iter()
            .any(|one| one.ends_with("@bounces.clinic.example") || one == "ehr@clinic.example");
    is_bounce || account.door() == "portal"
}
