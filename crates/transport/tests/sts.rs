//! MTA-STS policies over time (RFC 8461 §3.3, §5.1): what was had once holds
//! until its time is over, whatever becomes of record, host and process.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use mail::{Clock, Domain, OrgId};
use support::bonds::{Bonds, HandClock, Shelf, cache, policy};
use transport::mta_sts::{PoliciesUnknown, StsCache, StsTrouble};

const ORG: OrgId = OrgId(1);
const DAY: u32 = 86_400;

struct Scene {
    bonds: Arc<Bonds>,
    shelf: Arc<Shelf>,
    hand: Arc<HandClock>,
}

impl Scene {
    fn new(mode: &str, max_age_s: u32) -> Self {
        let scene = Self { bonds: Arc::default(), shelf: Arc::default(), hand: HandClock::now() };
        scene.publish("1", mode, max_age_s);
        scene
    }

    fn publish(&self, id: &str, mode: &str, max_age_s: u32) {
        *self.bonds.id.lock().unwrap() = Some(id.to_owned());
        *self.bonds.policy.lock().unwrap() = Some(policy(mode, "mx.r.example", max_age_s));
    }

    /// The record vanishes, or the host falls silent, or both.
    fn suppress(&self, record: bool, host: bool) {
        if record {
            *self.bonds.id.lock().unwrap() = None;
        }
        if host {
            *self.bonds.policy.lock().unwrap() = None;
        }
    }

    /// A process begins.
    fn start(&self) -> StsCache {
        let clock: Arc<dyn Clock> = self.hand.clone();
        cache(&self.bonds, &self.shelf, &clock)
    }

    fn pass(&self, seconds: u32) {
        self.hand.pass(SignedDuration::from_secs(seconds.into()));
    }

    fn fetches(&self) -> usize {
        self.bonds.fetches.load(Ordering::SeqCst)
    }
}

async fn enforced(cache: &StsCache) -> bool {
    cache.enforced(ORG, &Domain::parse("r.example").unwrap()).await.unwrap().is_some()
}

#[tokio::test]
async fn a_policy_is_fetched_once_for_many_and_asked_for_seldom() {
    let scene = Scene::new("enforce", 7 * DAY);
    let cache = scene.start();
    let all = futures::future::join_all((0..20).map(|_| enforced(&cache))).await;
    assert!(all.into_iter().all(|is_enforced| is_enforced));
    assert_eq!((scene.fetches(), scene.bonds.questions.load(Ordering::SeqCst)), (1, 1));
    scene.pass(600);
    assert!(enforced(&cache).await);
    assert_eq!((scene.fetches(), scene.bonds.questions.load(Ordering::SeqCst)), (1, 2), "the record has not changed");
}

#[tokio::test]
async fn nobody_suppresses_a_policy_while_it_holds() {
    for (record, host) in [(true, false), (false, true), (true, true)] {
        let scene = Scene::new("enforce", 7 * DAY);
        assert!(enforced(&scene.start()).await);
        scene.suppress(record, host);
        let restarted = scene.start();
        scene.pass(6 * DAY);
        assert!(enforced(&restarted).await, "{record} {host}");
        // A record with another id, and a host that gives nothing.
        *scene.bonds.id.lock().unwrap() = Some("2".to_owned());
        scene.pass(600);
        scene.suppress(false, true);
        assert!(enforced(&restarted).await);
        let trouble = || restarted.trouble(ORG, &Domain::parse("r.example").unwrap());
        assert_eq!(trouble(), None, "what is remembered holds");
        scene.pass(DAY);
        assert!(!enforced(&restarted).await, "its time is over");
        assert_eq!(trouble(), Some(StsTrouble::Fetch), "and reports tell why");
    }
}

#[tokio::test]
async fn its_time_begins_anew_while_it_is_used() {
    let scene = Scene::new("enforce", 7 * DAY);
    let cache = scene.start();
    for _ in 0..20 {
        assert!(enforced(&cache).await);
        scene.pass(DAY + 1);
    }
    assert_eq!(scene.fetches(), 20, "once a day, and not once in its whole life");
    scene.suppress(true, true);
    scene.pass(5 * DAY);
    assert!(enforced(&cache).await);
}

#[tokio::test]
async fn the_end_is_told_within_the_time_in_which_the_record_is_not_asked() {
    let scene = Scene::new("enforce", 120);
    let cache = scene.start();
    assert!(enforced(&cache).await);
    scene.pass(121);
    assert!(enforced(&cache).await, "fetched again, not taken for none");
    assert_eq!(scene.fetches(), 2);
}

#[tokio::test]
async fn a_domain_takes_its_policy_back_by_a_new_one() {
    let scene = Scene::new("enforce", 7 * DAY);
    let cache = scene.start();
    assert!(enforced(&cache).await);
    scene.publish("2", "none", DAY);
    scene.pass(600);
    assert!(!enforced(&cache).await);
    assert!(!enforced(&scene.start()).await);
    scene.publish("3", "testing", DAY);
    scene.pass(600);
    assert!(!enforced(&cache).await);
}

#[tokio::test]
async fn what_can_not_be_remembered_is_not_taken_for_none() {
    let scene = Scene::new("enforce", 7 * DAY);
    *scene.shelf.is_broken.lock().unwrap() = true;
    let told = scene.start().enforced(ORG, &Domain::parse("r.example").unwrap()).await;
    assert_eq!(told, Err(PoliciesUnknown));
}

#[tokio::test]
async fn organisations_learn_nothing_from_each_other() {
    let scene = Scene::new("enforce", 7 * DAY);
    let cache = scene.start();
    assert!(enforced(&cache).await);
    scene.suppress(true, true);
    let other = cache.enforced(OrgId(2), &Domain::parse("r.example").unwrap()).await;
    assert_eq!(other, Ok(None));
}
