//! The watch list: real MX hosts that lose TLS between two rounds, nodes that
//! share a store, a clock that is handed in.

mod nodes;
mod world;

use discovery::watch::Change;
use mail::Level;
use testkit::ca::Ca;
use testkit::postfix::{Postfix, Tls};

use world::{DAY, World};

/// A host that is replaced by another of the same name and address.
fn replaced(host: Postfix, tls: &Tls<'_>) -> Postfix {
    let address = host.address();
    drop(host);
    Postfix::named("mx.safe.test").tls(tls).address(address).start()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_loses_tls_is_told_once_and_so_is_its_recovery() {
    let ca = Ca::new();
    let host = Postfix::named("mx.safe.test").tls(&Tls::Valid(&ca)).start();
    let world = World::new(&ca, host.address().port(), &[("safe.test", &host.mx_of("safe.test"))]);
    let node = world.node(&world.sqlite()).await;
    assert_eq!(node.look().await, 1);
    assert_eq!(node.look().await, 0, "it is not due again");
    world.clock.pass(DAY * 2);
    assert_eq!(node.look().await, 1);
    assert_eq!(node.changes("safe.test").await, [None, Some(Change::First)]);

    let host = replaced(host, &Tls::WrongName(&ca));
    world.clock.pass(DAY * 2);
    node.look().await;
    assert_eq!(node.fallen("safe.test").await.as_deref(), Some("level verified → encrypted"));
    let host = replaced(host, &Tls::None);
    for _ in 0..3 {
        world.clock.pass(DAY * 2);
        assert_eq!(node.look().await, 1);
    }
    assert_eq!(node.fallen("safe.test").await.as_deref(), Some("level verified → none"));
    assert_eq!(node.told("posture_fell").await, 2, "once for each step down, not for each round");

    let _well = replaced(host, &Tls::Valid(&ca));
    world.clock.pass(DAY * 2);
    node.look().await;
    assert_eq!((node.fallen("safe.test").await, node.told("posture_recovered").await), (None, 1));
    let rounds = node.rounds("safe.test").await;
    // The first is older than the ten days for which rounds are kept.
    assert_eq!((rounds.len(), rounds[0].seen.unwrap().level), (6, Level::Verified));
    assert_eq!(rounds[1].findings[0].code, "starttls.missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_nobody_reaches_lost_nothing_yet() {
    let ca = Ca::new();
    let host = Postfix::named("mx.safe.test").tls(&Tls::Valid(&ca)).start();
    let world = World::new(&ca, host.address().port(), &[("safe.test", &host.mx_of("safe.test"))]);
    let node = world.node(&world.sqlite()).await;
    node.look().await;
    drop(host);
    for expect in [None, None, Some("nothing could be told in 3 rounds")] {
        world.clock.pass(DAY * 2);
        node.look().await;
        assert_eq!(node.fallen("safe.test").await.as_deref(), expect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_schedule_and_old_rounds_go() {
    let ca = Ca::new();
    let host = Postfix::named("mx.safe.test").tls(&Tls::Valid(&ca)).start();
    let mx = host.mx_of("safe.test");
    let world = World::new(&ca, host.address().port(), &[("safe.test", &mx)]);
    let dir = world.sqlite();
    let node = world.node(&dir).await;
    node.look().await;
    node.stop().await;
    let again = world.node(&dir).await;
    assert_eq!(again.look().await, 0, "a restart is no reason to probe");
    world.clock.pass(DAY * 2);
    assert_eq!(again.look().await, 1);
    for _ in 0..6 {
        world.clock.pass(DAY * 2);
        again.look().await;
    }
    // Rounds are kept for ten days, and this one is two days after the last.
    assert_eq!(again.rounds("safe.test").await.len(), 6);
}
