//! Nobody's copy tells of a hidden recipient, whatever becomes of the others'.

use std::time::Duration;

use testkit::gnupg::GnuPg;

use crate::check;
use crate::clinic::{Clinic, MARKER};
use crate::seams::Dice;

const HOUR: Duration = Duration::from_secs(3_600);

/// The key ids for which a copy is sealed.
fn sealed_to(gpg: &GnuPg, content: &str) -> Vec<String> {
    let Some(begin) = content.find("-----BEGIN PGP MESSAGE-----") else { return Vec::new() };
    let listed = gpg.run(&["--list-packets"], &content.as_bytes()[begin..]);
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let ids = text.lines().filter_map(|line| line.split("pubkey enc packet:").nth(1)?.split("keyid ").nth(1));
    ids.map(str::to_owned).collect()
}

/// Two recipients are named and one is hidden, all of one domain. The keys of
/// those who are named end while their copies wait, so that the hidden one is
/// the last who is left of those that were to be sealed.
#[test]
fn who_is_hidden_stays_hidden_when_all_others_are_rerouted() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (clinic, mut dice, gpg) = (Clinic::new(5), Dice::new(5), GnuPg::new());
        clinic.world.heal();
        let running = clinic.start();
        let (named, hidden) = (["late1@good.example", "late2@good.example"], "patient9@good.example");
        for (address, lives) in [(named[0], HOUR), (named[1], 30 * HOUR), (hidden, 1_000 * HOUR)] {
            let key = clinic.key(address, lives);
            clinic.know(&running.journey, &key, address);
        }
        let to: Vec<String> = named.iter().chain([&hidden]).map(ToString::to_string).collect();
        let sent = loop {
            let content = format!(
                "From: nurse@clinic.example\r\nTo: {}\r\nSubject: [secure] Hello\r\n\r\n{MARKER} token-5\r\n",
                named.join(", ")
            );
            if let Some(sent) = running.submit_content(&content, "token-5", to.clone(), &mut dice).await {
                break sent;
            }
        };
        running.run_for(Duration::from_secs(6 * 24 * 3_600)).await;
        let events = check::events(&clinic, &sent).await;
        let rerouted = events.iter().filter(|event| event["event"] == "rerouted").count();
        assert!(rerouted >= 1, "{events:#?}");
        let copies: Vec<_> =
            check::taken(&clinic).into_iter().filter(|copy| copy.to != ["nurse@clinic.example"]).collect();
        assert!(copies.iter().any(|copy| copy.to == [hidden]), "the hidden one got a copy");
        for copy in copies {
            let ids = sealed_to(&gpg, &copy.content);
            if copy.to.iter().any(|to| to == hidden) {
                assert_eq!(copy.to, [hidden], "a hidden one is alone");
                assert!(ids.len() <= 1, "{ids:?}");
            }
            let others = if copy.to == [hidden] { "no one" } else { "patient9" };
            assert!(!copy.content.contains(others), "{:?}: {}", copy.to, copy.content);
            assert!(ids.len() <= copy.to.len(), "{:?}: {ids:?}", copy.to);
        }
        check::nothing_in_clear(&clinic);
    });
}
