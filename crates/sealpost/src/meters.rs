//! The meters' keeper: gathers what [`flow::meters`] counts and writes it in
//! the text format of Prometheus. Only the listener of `[health]` shows it.

use std::sync::{Arc, OnceLock};

use flow::Journey;
use flow::meters::{
    HELD, METERS, ORG_KEYS_EXPIRING, QUEUE_OVERDUE, QUEUE_PAUSED, QUEUE_PAUSED_AGE, QUEUE_WAITING, Reading,
};
use jiff::Timestamp;
use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds: from what a relay takes to what a retry schedule takes.
const BUCKETS: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 600.0, 3_600.0, 86_400.0];

/// Begins to count. The recorder is one for the whole process; a second server
/// in it counts into the same.
pub fn begin() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
            .expect("the buckets are not empty");
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Nothing else in this process sets one.
        let _ = metrics::set_global_recorder(recorder);
        for (name, reading, help) in METERS {
            match reading {
                Reading::Counter => describe_counter!(*name, *help),
                Reading::Gauge => describe_gauge!(*name, *help),
                Reading::Histogram => describe_histogram!(*name, *help),
            }
        }
        handle
    })
}

/// The meters as they stand now.
pub async fn page(journey: Arc<Journey>) -> Result<String, store::StoreError> {
    let handle = begin();
    let (mut waiting, mut held, mut overdue) = (0, 0, 0.0_f64);
    let (mut paused, mut paused_age) = (0, 0.0_f64);
    for organisation in journey.organisations.iter() {
        let queue = journey.store.queue(organisation.org).await?;
        waiting += queue.waiting;
        held += queue.held;
        paused += queue.paused;
        let since = |at: Timestamp| journey.clock.now().duration_since(at).as_secs_f64();
        overdue = overdue.max(queue.oldest_due.map_or(0.0, since));
        paused_age = paused_age.max(queue.oldest_paused.map_or(0.0, since));
    }
    // Counts far below 2^52.
    gauge!(QUEUE_WAITING).set(waiting as f64);
    gauge!(HELD).set(held as f64);
    gauge!(QUEUE_PAUSED).set(paused as f64);
    gauge!(QUEUE_PAUSED_AGE).set(paused_age);
    gauge!(QUEUE_OVERDUE).set(overdue);
    gauge!(ORG_KEYS_EXPIRING).set(flow::org_keys::expiring(&journey) as f64);
    handle.run_upkeep();
    Ok(handle.render())
}
