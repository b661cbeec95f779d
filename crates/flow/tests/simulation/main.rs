//! Seeded simulations of accept → record: the real journey over a clock, an
//! entropy, a network and a disk that the seed decides. Mail hosts lie, stall
//! and break off; the process dies at any moment and starts again.
//!
//! After each run: nothing that was acknowledged is lost, nothing crossed in
//! clear that policy wanted sealed, nothing arrived twice without a reason, and
//! the ledger has all of it.
//!
//! `SEALPOST_SEED=7` replays one seed; `SEALPOST_SEEDS=100000` runs more.

mod check;
mod clinic;
mod mx;
mod seams;

use std::time::Duration;

use clinic::Clinic;
use seams::Dice;

/// Messages of a run.
const MESSAGES: usize = 8;
/// A run ends after this much of its own time: every retry is over by then.
const RUN: Duration = Duration::from_secs(10 * 24 * 3_600);

fn simulate(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut dice = Dice::new(seed);
        let clinic = Clinic::new(seed);
        let mut acknowledged = Vec::new();
        let lives = 1 + dice.below(4);
        for life in 0..lives {
            let is_last = life + 1 == lives;
            let running = clinic.start();
            for _ in 0..MESSAGES / usize::try_from(lives).unwrap() + 1 {
                acknowledged.extend(running.submit(&mut dice).await);
            }
            // The process is killed somewhere in the middle of what it does.
            if is_last {
                clinic.world.heal();
                running.run_to_the_end(RUN).await;
            } else {
                running.run_for(Duration::from_millis(dice.below(20_000))).await;
            }
        }
        check::all(&clinic, &acknowledged, usize::try_from(lives).unwrap()).await;
    });
}

/// One copy is late for a day; others of the message are rerouted and bounced
/// in the very step that defers it.
#[test]
fn the_sender_is_told_once_that_a_copy_is_late() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (clinic, mut dice) = (Clinic::new(1), Dice::new(1));
        clinic.world.heal();
        let running = clinic.start();
        let to = ["late2@good.example", "nobody2@good.example", "patient2@good.example"].map(str::to_owned).to_vec();
        let sent = loop {
            if let Some(sent) = running.submit_to(to.clone(), &mut dice).await {
                break sent;
            }
        };
        running.run_for(Duration::from_secs(24 * 3_600)).await;
        let told = check::words_to_sender(&clinic, &sent);
        let of = |subject: &str| told.iter().filter(|word| word.contains(subject)).count();
        assert_eq!((of("Delayed:"), of("Not delivered:")), (1, 1), "{told:#?}");
    });
}

#[test]
fn whatever_fails_nothing_acknowledged_is_lost_or_unsealed() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("SEALPOST_SEED") {
        return simulate(seed);
    }
    for seed in 0..number("SEALPOST_SEEDS").unwrap_or(100) {
        let outcome = std::panic::catch_unwind(|| simulate(seed));
        assert!(outcome.is_ok(), "replay it with SEALPOST_SEED={seed}");
    }
}
