//! A day in a clinic: 500 messages of every kind, in both directions and
//! through every door, with a restart and a kill -9 in between.
//!
//! At its end each copy is accounted for, each letter has arrived as often as
//! the rule allows, the ledger is whole, and what crossed the wire says nothing
//! in clear that policy wanted sealed.

mod accounts;
mod letters;
mod post;
mod town;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;
use testkit::sealpost::Server;
use testkit::wait;

use crate::api;
use crate::clinic::{Kind, MARKER, find};
use crate::markers::Text;
use crate::replies::Reader;

use accounts::{Accounts, Fate};
use letters::{Act, CHOSEN, Door, Letter};
use post::Post;
use town::Town;

/// The day has three parts; the server ends after the first, and is killed in the second.
const PARTS: usize = 3;

struct Day {
    town: Town,
    letters: Vec<Letter>,
    post: Post,
    key: String,
}

#[test]
fn a_day_in_a_clinic_accounts_for_every_message() {
    let town = Town::new();
    let letters = letters::all(&town);
    let scopes = ["messages:send", "messages:read", "messages:judge"].into_iter().flat_map(|scope| ["--scope", scope]);
    let sender = ["apikey", "create", "refills", "--sender", "refills@clinic.example"];
    let key = town.clinic.machine.ok(sender.into_iter().chain(scopes)).trim().to_owned();
    let day = Day { town, letters, post: Post::default(), key };

    let morning = day.town.clinic.serve();
    day.send(&morning, 0, || false);
    day.judge(&morning, 0);
    let mut replies = day.visit(&morning, 0);
    morning.stop();

    let noon = day.town.clinic.serve();
    let killed_at = day.killed(noon);

    let evening = day.town.clinic.serve();
    // Whoever was not answered tries again.
    day.send(&evening, 1, || false);
    day.send(&evening, 2, || false);
    for part in 1..PARTS {
        day.judge(&evening, part);
        replies += day.visit(&evening, part);
    }
    let accounts = day.settle(&evening, replies);
    evening.stop();
    accounts.check_doubles(&day.letters, &day.town, killed_at);
    accounts.check_others(&day.town, replies);
    day.check_letters(&accounts, killed_at);
    day.check_wire();
    day.town.clinic.machine.ok(["audit", "verify"]);
}

impl Day {
    fn part(&self, part: usize) -> impl Iterator<Item = &Letter> {
        self.letters.iter().filter(move |letter| letter.number % PARTS == part)
    }

    fn client<'s>(&self, server: &'s Server<'s>) -> api::Client<'s> {
        api::Client { server, key: self.key.clone() }
    }

    /// Hands in what of a part was not taken yet, at all doors at once.
    fn send(&self, server: &Server<'_>, part: usize, is_over: impl Fn() -> bool + Sync) {
        let of = |door: Door| {
            let of = self.part(part).filter(|letter| letter.door == door && !self.post.is_taken(letter));
            of.collect::<Vec<_>>()
        };
        std::thread::scope(|scope| {
            scope.spawn(|| self.post.relay(&self.town.office, &of(Door::Office)));
            scope.spawn(|| self.post.relay(&self.town.world, &of(Door::World)));
            scope.spawn(|| self.post.submit(server, self.town.clinic.login(), &of(Door::Ehr)));
            self.post.apply(&self.client(server), &of(Door::Rest), is_over);
        });
    }

    /// The second part, cut short in the middle by kill -9; gives when.
    fn killed(&self, server: Server<'_>) -> Timestamp {
        let before = self.post.taken(Door::Rest);
        let enough = || self.post.taken(Door::Rest) >= before + 8;
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| self.send(&server, 1, enough));
            wait::until("some messages of the afternoon", || enough().then_some(()));
            server.signal("KILL");
            drop(sending.join());
        });
        let killed_at = Timestamp::now();
        server.kill();
        killed_at
    }

    /// Staff release, reject and recall what they must.
    fn judge(&self, server: &Server<'_>, part: usize) {
        let client = self.client(server);
        for letter in self.part(part) {
            let Some(act) = letter.act else { continue };
            let (id, before) = (self.post.id(letter), act.before());
            wait::until(&format!("{before:?} of {letter:?}"), || {
                let account = accounts::account(&client, &id)?;
                (account.fates().get(&letter.to[0].0) == Some(&before)).then_some(())
            });
            let verb = match act {
                Act::Release => "release",
                Act::Reject => "reject",
                Act::RecallWaiting | Act::RecallFromPortal => "recall",
            };
            let reason = json!({ "reason": "seen by the front desk" }).to_string();
            client.ask("POST", &format!("/v1/messages/{id}/{verb}"), "", &reason).expect(200);
        }
    }

    /// Patients open what waits for them in the portal, and reply; gives how many.
    fn visit(&self, server: &Server<'_>, part: usize) -> usize {
        let readers: Vec<(String, String)> = self
            .part(part)
            .filter(|letter| letter.is_read)
            .map(|letter| (self.post.id(letter), letter.to[0].0.clone()))
            .collect();
        for (id, patient) in readers.iter().cloned() {
            let mut reader = Reader::open(&self.town.clinic, server, id, patient.clone());
            let page = reader.reply("", &format!("{MARKER}: thank you, says {patient}"), &[]);
            assert!(page.contains("Your reply was sent"), "{page}");
        }
        readers.len()
    }

    /// Waits until each copy has come to where it belongs.
    fn settle(&self, server: &Server<'_>, replies: usize) -> Accounts {
        let client = self.client(server);
        let mut accounts = Accounts::default();
        let settled = wait::within(wait::PATIENCE * 4, || {
            accounts.look(&client);
            accounts.unsettled(&self.letters, replies).is_empty().then_some(())
        });
        let left = accounts.unsettled(&self.letters, replies);
        assert!(settled.is_some(), "{} are not where they belong: {left:#?}\n{}", left.len(), self.town.office.log());
        accounts
    }

    /// What was delivered is in its mailbox, whole and once, or as often as the kill allows.
    fn check_letters(&self, accounts: &Accounts, killed_at: Timestamp) {
        let boxes = self.town.mailboxes();
        let mut doubles = 0;
        for letter in &self.letters {
            for (recipient, fate) in &letter.to {
                let came = boxes.get(recipient).map(Vec::as_slice).unwrap_or_default();
                let notices = came.iter().filter(|one| one.text().contains("/m/")).count();
                let contents = came.iter().filter(|one| Text::of(&one.0).holds(letter.marker())).count();
                match fate {
                    Fate::Portal | Fate::Recalled if letter.act != Some(Act::RecallWaiting) => {
                        assert!(notices >= 1 && contents == 0, "{letter:?}: {notices} notices, {contents} contents");
                    }
                    Fate::Delivered if letter.is_sealed => assert!(came.len() == 1 && contents == 0, "{letter:?}"),
                    Fate::Delivered if letter.bounces_later => {}
                    Fate::Delivered => {
                        let known = accounts.delivered(recipient);
                        assert!(contents >= known.len(), "{letter:?} was recorded {known:?} and came {contents} times");
                        let extra = contents - known.len();
                        let is_excused = accounts.crossed_the_kill(recipient, killed_at);
                        assert!(extra == 0 || (extra == 1 && is_excused), "{letter:?} came {contents} times");
                        doubles += extra;
                        let ids: BTreeSet<_> = came.iter().flat_map(|one| one.header("Message-ID")).collect();
                        assert_eq!(ids.len(), 1, "{letter:?}");
                    }
                    Fate::Held if letter.door == Door::Ehr && notices > 0 => assert_eq!(contents, 0, "{letter:?}"),
                    _ => assert_eq!(contents, 0, "{letter:?} came although it is {fate:?}"),
                }
            }
        }
        assert!(doubles <= 40, "{doubles} doubles");
    }

    /// Only what patients chose to get in clear crossed in clear.
    fn check_wire(&self) {
        let mut chosen = 0;
        for (name, recordings) in self.town.crossed() {
            assert!(!recordings.is_empty(), "nothing crossed to {name}");
            for recording in recordings {
                let text = Text::of(&recording);
                assert!(!text.holds(MARKER), "in clear to {name}: {}", String::from_utf8_lossy(&recording));
                chosen += usize::from(text.holds(CHOSEN));
            }
        }
        assert!(chosen >= 1, "the recording sees what crosses in clear");
        let office = self.town.clinic.hosts.get(Kind::Clear).letters();
        assert!(office.iter().any(|letter| Text::of(&letter.0).holds(CHOSEN)));
    }
}

/// Whether an event of this kind is there for anybody.
fn has(events: &[serde_json::Value], event: &str) -> bool {
    find(events, event, "").is_some()
}
