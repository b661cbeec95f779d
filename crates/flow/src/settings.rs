//! What an operator may set about the journey, with its defaults.

use std::time::Duration;

use mail::{Address, Domain};

use crate::streams::Streams;

/// What an operator may set about the journey.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This server's name: in trace fields, Message-IDs and DSNs.
    pub hostname: String,
    /// This node's name among those that share a database.
    pub node: String,
    /// How long a portal link shows its message.
    pub portal_life: Duration,
    /// How deep and in how many parts a message may be.
    pub mime: mail::reading::Limits,
    /// Memory for judging and sending, in bytes.
    pub memory_bytes_max: usize,
    /// Passphrases hashed at a time.
    pub hashing_max: usize,
    /// Parcels delivered at a time.
    pub deliveries_max: usize,
    /// Waits between the attempts for a parcel; the last one repeats.
    pub retry: Vec<Duration>,
    /// After this a parcel that is still waiting bounces.
    pub expire_after: Duration,
    /// After this a parcel that is deferred because TLS fails takes the next method.
    pub reroute_after: Duration,
    /// How long the best level that a domain showed is held to after it was last shown.
    pub posture_hold: Duration,
    /// After this a message that nobody judged is not delivered.
    pub hold_life: Duration,
    /// After this the sender is told once that a copy is late.
    pub tell_late_after: Duration,
    /// Whether keys are looked for in web key directories.
    pub wkd: bool,
    /// How long that may take before the message goes on without.
    pub wkd_wait: Duration,
    /// How long an answer holds before it is asked again.
    pub wkd_again: Duration,
    /// Whether keys are taken from inbound mail that passes DMARC.
    pub harvest: bool,
    /// How long ahead the end of an own key is told of.
    pub org_key_warning: Duration,
    /// How long a leased parcel is this node's. It is renewed while the node
    /// lives: after that time others finish what a dead one began.
    pub lease: Duration,
    /// Failures in a row at a chosen password, after which only a new one helps:
    /// 100 (SP 800-63B §3.2.2), parted among the nodes, each of which counts its own.
    pub login_failures_max: u32,
    /// The streams that messages are of.
    pub streams: Streams,
    /// The domain of signed return paths; none: MAIL FROM stays the sender's.
    pub return_path: Option<Domain>,
    /// The own address at which reports of others are read; none: they are not.
    pub reports_address: Option<Address>,
    /// Whether TLS sessions are counted, to be reported to their domains.
    pub tls_reports: bool,
}

impl Settings {
    /// The defaults, under this name.
    pub fn new(hostname: impl Into<String>) -> Self {
        const HOUR: u64 = 3_600;
        Self {
            hostname: hostname.into(),
            node: "local".into(),
            portal_life: Duration::from_secs(30 * 24 * HOUR),
            mime: mail::reading::Limits::default(),
            memory_bytes_max: 256 * 1024 * 1024,
            hashing_max: 2,
            deliveries_max: 200,
            retry: [60, 300, 900, 1_800, HOUR].map(Duration::from_secs).to_vec(),
            expire_after: Duration::from_secs(5 * 24 * HOUR),
            reroute_after: Duration::from_secs(4 * HOUR),
            posture_hold: Duration::from_secs(30 * 24 * HOUR),
            hold_life: Duration::from_secs(14 * 24 * HOUR),
            tell_late_after: Duration::from_secs(4 * HOUR),
            wkd: false,
            wkd_wait: Duration::from_secs(10),
            wkd_again: Duration::from_secs(24 * HOUR),
            harvest: true,
            org_key_warning: Duration::from_secs(30 * 24 * HOUR),
            lease: Duration::from_secs(120),
            login_failures_max: 100,
            streams: Streams::default(),
            return_path: None,
            reports_address: None,
            tls_reports: false,
        }
    }
}
