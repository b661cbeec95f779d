//! The portal with two made-up messages on loopback, to look at its pages.
//! Every code and where to begin is written to standard error.

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the preview needs less than the tests")]
mod support;

use std::sync::Arc;

use flow::portal::{Language, LinkId, Portal};
use support::{MemoryDesk, TestClock, TestEntropy};
use tokio::net::TcpListener;
use web::{ServeLimits, portal, serve};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).map_or(Ok(0), |port| port.parse::<u16>())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let clock = TestClock::new();
    let desk = Arc::new(MemoryDesk::default());
    let (letter, note) = (LinkId::from_bytes([1; 16]), LinkId::from_bytes([2; 16]));
    desk.add(letter, support::link_state(&clock, Language::En, None), support::LETTER);
    desk.add(note, support::link_state(&clock, Language::Es, Some("blue kettle")), support::NOTE);
    let service = Arc::new(Portal::new(desk.clone(), clock.clone(), TestEntropy::new()));
    for link in [letter, note] {
        service.request_code(flow::portal::Caller { link, peer: None }, None).await?;
        eprintln!("{origin}/m/{link} {}", desk.last_code());
    }
    let router = portal::router(support::site(&origin), service, clock);
    serve(listener, router, None, ServeLimits::default(), std::future::pending()).await?;
    Ok(())
}
