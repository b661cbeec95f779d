//! Several nodes on one PostgreSQL.

use std::sync::Arc;

use testkit::ca::Ca;
use testkit::postfix::{Postfix, Tls};
use testkit::postgres::Postgres;
use tokio::net::TcpListener;

use crate::world::{DAY, Disk, MINUTE, World};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_probes() {
    let ca = Ca::new();
    let host = Postfix::named("mx.safe.test").tls(&Tls::Valid(&ca)).start();
    let mx = host.mx_of("a.test");
    let other = "b.test MX 10 mx.safe.test\n".to_owned();
    let world = World::new(&ca, host.address().port(), &[("a.test", &mx), ("b.test", &other)]);
    let disk = Disk::Postgres(Postgres::shared().database());
    let (one, two) = (world.node(&disk).await, world.node(&disk).await);
    for round in 1..4 {
        let (first, second) = tokio::join!(one.look(), two.look());
        // Whoever comes too late for one may have the other, and none is probed twice.
        let later = one.look().await + two.look().await;
        assert_eq!(first + second + later, 2, "round {round}");
        for domain in ["a.test", "b.test"] {
            assert_eq!(two.rounds(domain).await.len(), round, "{domain}");
        }
        world.clock.pass(DAY * 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claim_of_a_node_that_died_ends() {
    let ca = Ca::new();
    // A host that takes a connection and says nothing.
    let silent = TcpListener::bind((testkit::loopback::address(), 0)).await.unwrap();
    let at = silent.local_addr().unwrap();
    let records = format!("safe.test MX 10 mx.safe.test\nmx.safe.test A {}\n", at.ip());
    let world = World::new(&ca, at.port(), &[("safe.test", &records)]);
    let disk = Disk::Postgres(Postgres::shared().database());
    let (one, two) = (Arc::new(world.node(&disk).await), world.node(&disk).await);
    let dying = tokio::spawn({
        let one = one.clone();
        async move { one.look().await }
    });
    let connection = silent.accept().await.unwrap();
    dying.abort();
    drop(dying.await);
    drop((connection, silent));
    assert_eq!(two.look().await, 0, "the claim holds");
    world.clock.pass(MINUTE * 24);
    assert_eq!(two.look().await, 0, "it still does");
    world.clock.pass(MINUTE * 2);
    assert_eq!(two.look().await, 1);
}
