//! Delivery of a parcel: the hosts of a domain in order, all their addresses,
//! and one fate for each recipient.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::{Clock, Domain, Entropy, Level, MxLookup, Priority};
use seal::{Parcel, TlsAsked};
use smtp::client::{Step, Verdict};
use tokio::time::{Instant, timeout_at};

use crate::binding::Binding;
use crate::bindings::{Bindings, Mx};
use crate::cause::Cause;
use crate::channel::{self, Channel, NotMet, Shortfall, Unsent};
use crate::config::TransportConfig;
use crate::delivery::{Attempt, Delivery, Fate, PolicyFound, Tried, Wire};
use crate::hosts::{Finder, Host, Hosts};
use crate::network::Network;
use crate::open::{OpenError, Opener, Target};
use crate::pool::{Key, Pool};
use crate::proof::Proof;
use crate::resolver::Resolver;
use crate::run::{Again, Run, tried};
use crate::shaping::{Destination, Permit, Shaper, Table, Wait};
use crate::source::Source;
use crate::tls::{Anchors, Tls};

/// What delivers parcels.
pub struct Transport {
    config: TransportConfig,
    source: Option<Arc<Source>>,
    network: Arc<dyn Network>,
    resolver: Arc<dyn Resolver>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tls: Tls,
    pool: Pool,
    bindings: Option<Arc<Bindings>>,
    shaper: Shaper,
    destinations: Mutex<HashMap<Domain, (Arc<Destination>, Instant)>>,
}

/// A domain's destination is looked up again after this.
const DESTINATION_LIFE: Duration = Duration::from_secs(600);
/// So many domains' destinations are remembered.
const DESTINATIONS_MAX: usize = 50_000;

/// One parcel on its way.
#[derive(Clone, Copy)]
struct Job<'a> {
    parcel: &'a Parcel,
    wire: &'a dyn Wire,
    /// The least that it may cross with, whatever it needs.
    least: Level,
    /// Its turn at the destination of its domain, if it came for one.
    turn: Option<&'a Permit>,
    until: Instant,
}

impl Job<'_> {
    /// The level that it needs; the highest where no connection is enough.
    fn needed(&self) -> Level {
        channel::needed(self.parcel).unwrap_or(Level::Anchored).max(self.least)
    }
}

/// Where to go on after an address.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Onward {
    NextAddress,
    NextHost,
    /// The same as the next address, and nothing is known of the host by this one.
    NoWay(Cause),
}

impl Transport {
    /// A transport over these seams.
    pub fn new(
        config: TransportConfig,
        anchors: Anchors,
        network: Arc<dyn Network>,
        resolver: Arc<dyn Resolver>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let pool = Pool::new(config.limits, &config.timeouts);
        let table = Table::new(config.shapes.clone());
        let shaper = Shaper::new(table, config.limits.connections_max, config.sending_since, clock.clone());
        let (tls, destinations) = (Tls::new(anchors, clock.clone()), Mutex::default());
        let source = None;
        Self { config, source, network, resolver, clock, entropy, tls, pool, bindings: None, shaper, destinations }
    }

    /// Another one that delivers from this source, with connections, TLS
    /// sessions and books of its own: receivers count by address.
    #[must_use]
    pub fn leaving_from(&self, source: Source, anchors: Anchors) -> Self {
        let mut config = self.config.clone();
        config.own_names.push(std::mem::replace(&mut config.helo, source.helo.clone()));
        config.sending_since = source.since;
        let source = Arc::new(source);
        let (network, resolver) = (source.clone(), self.resolver.clone());
        let made = Self::new(config, anchors, network, resolver, self.clock.clone(), self.entropy.clone());
        Self { source: Some(source), bindings: self.bindings.clone(), ..made }
    }

    /// Where it delivers from; none: wherever the kernel sees fit.
    pub fn source(&self) -> Option<&Source> {
        self.source.as_deref()
    }

    /// Holds deliveries to what binds MX hosts to their domains: DANE and
    /// MTA-STS. Without it they are held to what each parcel needs alone.
    #[must_use]
    pub fn bound(self, bindings: Bindings) -> Self {
        Self { bindings: Some(Arc::new(bindings)), ..self }
    }

    /// Takes other anchors: for what is judged from now on, and no connection
    /// that was judged by the old ones is used again.
    pub fn set_anchors(&self, anchors: Anchors) {
        self.tls.set_anchors(anchors);
    }

    /// Takes leave on every idle connection and keeps none from now on.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// What holds deliveries to how much each destination is sent.
    pub fn shaper(&self) -> &Shaper {
        &self.shaper
    }

    /// Where a domain's mail goes, as far as it matters for how much is sent.
    /// A domain whose hosts can't be found is a destination of its own.
    pub async fn destination(&self, domain: &Domain) -> Arc<Destination> {
        let now = Instant::now();
        let known = self.known_destinations().get(domain).filter(|(_, until)| *until > now).cloned();
        if let Some((destination, _)) = known {
            return destination;
        }
        let hosts = self.finder().hosts(domain).await;
        let best = hosts.ok().and_then(|hosts| hosts.hosts.into_iter().next());
        let destination = Arc::new(match best {
            // Where a route leads is the operator's own affair.
            Some(host) if host.lookup == MxLookup::Pinned => Destination::own(&host.name.to_str()),
            Some(host) => self.shaper.destination(&host.name.to_str()),
            None => self.shaper.destination(domain.as_str()),
        });
        let mut known = self.known_destinations();
        if known.len() >= DESTINATIONS_MAX {
            known.clear();
        }
        known.insert(domain.clone(), (destination.clone(), now + DESTINATION_LIFE));
        destination
    }

    fn known_destinations(&self) -> MutexGuard<'_, HashMap<Domain, (Arc<Destination>, Instant)>> {
        self.destinations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers a parcel to its recipients, who share a domain.
    ///
    /// Never fails as a whole: each recipient has a fate. It takes as long as
    /// the hosts make it take, within [`Timeouts`](crate::Timeouts); dropping
    /// the future cuts the dialogue where it is.
    pub async fn deliver(&self, parcel: &Parcel, wire: &dyn Wire) -> Delivery {
        self.deliver_at(parcel, wire, Level::None, None).await
    }

    /// The same, at no less than `least`, which is proven as a need is. Whoever
    /// came for a `turn` has one at the destination of the domain; at a host of
    /// another one it needs another turn, and goes without that host where
    /// there is none.
    pub async fn deliver_at(&self, parcel: &Parcel, wire: &dyn Wire, least: Level, turn: Option<&Permit>) -> Delivery {
        let mut run = Run::new(parcel);
        let job = Job { parcel, wire, least, turn, until: Instant::now() + self.config.timeouts.whole };
        if let Some(recipient) = parcel.recipients().first() {
            match self.finder().hosts(recipient.address.domain()).await {
                Ok(hosts) => self.try_hosts(&mut run, job, hosts).await,
                Err(cause) => run.failed(&cause),
            }
        }
        run.finish()
    }

    fn finder(&self) -> Finder<'_> {
        Finder { config: &self.config, resolver: &*self.resolver, entropy: &*self.entropy }
    }

    async fn try_hosts(&self, run: &mut Run, job: Job<'_>, hosts: Hosts) {
        for host in hosts.hosts {
            if run.is_done() {
                return;
            }
            match self.turn_at(job, &host).await {
                Ok(turn) => {
                    let tried = run.attempts().len();
                    self.try_host(run, job, &host).await;
                    let new = run.attempts().get(tried..).unwrap_or_default();
                    turn.iter().for_each(|turn| turn.note_attempts(new));
                }
                Err(wait) => give_up(run, &host, Cause::Waits(wait)),
            }
        }
        if hosts.is_cut {
            run.failed(&Cause::TooManyHosts);
        }
    }

    /// The turn at a host's own destination, where the delivery has none there.
    async fn turn_at(&self, job: Job<'_>, host: &Host) -> Result<Option<Permit>, Wait> {
        let Some(turn) = job.turn.filter(|_| host.lookup != MxLookup::Pinned) else { return Ok(None) };
        let own = self.shaper.destination(&host.name.to_str());
        if own.name == turn.destination().name {
            return Ok(None);
        }
        self.shaper.enter(&Arc::new(own), turn.priority()).await.map(Some).map_err(|put_off| put_off.wait)
    }

    async fn try_host(&self, run: &mut Run, job: Job<'_>, host: &Host) {
        let (binding, addresses) = match self.place(job.parcel, host).await {
            Ok(placed) => placed,
            Err(cause) => return give_up(run, host, cause),
        };
        let domain = job.parcel.recipients().first().map(|recipient| recipient.address.domain());
        if let (Binding::Found(_), Some(bindings), Some(domain)) = (&binding, &self.bindings, domain) {
            run.sts_trouble = bindings.trouble(job.parcel.org(), domain);
        }
        let (mut no_way, mut is_known) = (None, false);
        for address in addresses.iter().take(self.config.limits.addresses_max) {
            if Instant::now() >= job.until {
                return run.failed(&Cause::OutOfTime);
            }
            let has_other_family = addresses.iter().any(|other| other.is_ipv4() != address.is_ipv4());
            let address = SocketAddr::new(*address, host.port);
            let anchors = host.anchors.clone();
            let target = Target { name: host.name.clone(), address, binding: binding.clone(), anchors };
            match self.try_target(run, job, &target, has_other_family).await {
                Onward::NextHost => return,
                Onward::NextAddress => is_known = true,
                Onward::NoWay(cause) => no_way = Some(cause),
            }
        }
        // No way to any of its addresses says nothing of a host, and may pass.
        if let Some(cause) = no_way.filter(|_| !is_known) {
            run.failed(&cause);
        }
        if addresses.len() > self.config.limits.addresses_max {
            run.failed(&Cause::TooManyHosts);
        }
    }

    /// What binds a host to the domain, and where it is.
    async fn place(&self, parcel: &Parcel, host: &Host) -> Result<(Binding, Vec<IpAddr>), Cause> {
        let domain = parcel.recipients().first().map(|recipient| recipient.address.domain());
        let binding = match (&self.bindings, domain, host.domain()) {
            (Some(bindings), Some(domain), Some(name)) => {
                let mx = Mx { domain, host: name, port: host.port, lookup: host.lookup };
                match bindings.of(parcel.org(), mx).await {
                    // What the domain asks for is not insisted on for this one (RFC 8689 §4.1).
                    Err(_) if parcel.tls_asked() == TlsAsked::NotInsisted => Binding::Found(host.lookup),
                    bound => bound?,
                }
            }
            _ => Binding::Found(host.lookup),
        };
        Ok((binding, self.finder().addresses(host).await?))
    }

    /// One address, on an idle connection if there is one. An idle connection
    /// may have ended meanwhile: then nothing was said of the parcel, and a
    /// new connection is tried at once.
    async fn try_target(&self, run: &mut Run, job: Job<'_>, target: &Target, has_other_family: bool) -> Onward {
        let is_urgent = job.turn.is_some_and(|turn| turn.priority() == Priority::Transactional);
        let Ok(Some(_place)) = timeout_at(job.until, self.pool.place(&target.mx(), is_urgent)).await else {
            run.failed(&Cause::OutOfTime);
            return Onward::NextHost;
        };
        let key = Key { target: target.clone(), anchors: self.tls.generation() };
        let needed = job.needed();
        let level = needed.max(channel::floor(job.parcel, target.binding.floor()));
        if let Some(channel) = self.pool.take(&key, level).await
            && let Some(onward) = self.transact(run, job, &key, channel, true).await
        {
            return onward;
        }
        match self.open(run, target, level).await {
            Ok(channel) => self.transact(run, job, &key, channel, false).await.unwrap_or(Onward::NextHost),
            Err(Shortfall::Failed(cause)) if has_other_family && is_family_missing(&cause) => {
                note(run, target, None, true, Tried::Failed(cause.clone()));
                Onward::NoWay(cause)
            }
            Err(Shortfall::Unable(inability)) if needed == Level::None => {
                // Its domain needs TLS and the parcel does not: that is no inability.
                run.failed(&Cause::Unbound);
                note(run, target, None, true, Tried::Unable(inability));
                Onward::NextAddress
            }
            Err(shortfall) => {
                note_shortfall(run, target, None, true, shortfall);
                Onward::NextAddress
            }
        }
    }

    /// Opens a channel. Where TLS fails and the parcel needs none, a second
    /// connection goes without; whoever needs TLS never gets there.
    async fn open(&self, run: &mut Run, target: &Target, level: Level) -> Result<Channel, Shortfall> {
        let opener = Opener {
            network: &*self.network,
            tls: &self.tls,
            helo: &self.config.helo,
            timeouts: &self.config.timeouts,
        };
        let opened = match opener.open(target, None).await {
            Err(OpenError::Tls(shortfall)) if level == Level::None => {
                note(run, target, None, true, tried_in_vain(shortfall.clone()));
                opener.open(target, Some(shortfall)).await
            }
            opened => opened,
        };
        opened.map_err(|error| match error {
            OpenError::Tls(shortfall) => shortfall,
            OpenError::Failed(cause) => Shortfall::Failed(cause),
        })
    }

    /// As many transactions on a channel as its recipients take. None if the
    /// channel was idle before and turned out to be dead.
    async fn transact(
        &self,
        run: &mut Run,
        job: Job<'_>,
        key: &Key,
        mut channel: Channel,
        was_idle: bool,
    ) -> Option<Onward> {
        let mut queue = run.open();
        let mut onward = Onward::NextAddress;
        while !queue.is_empty() && channel.is_usable() {
            let rest = queue.split_off(queue.len().min(self.config.limits.recipients_max.max(1)));
            match transact_once(run, job, &key.target, &mut channel, &queue, was_idle).await {
                Once::Stale => return None,
                Once::Over(next) => {
                    onward = next;
                    break;
                }
                Once::Done { again } => queue = again,
            }
            onward = Onward::NextHost;
            queue.extend(rest);
        }
        let most = self.shaper.transactions_max(&key.target.mx());
        match most.is_some_and(|most| channel.transactions >= most) {
            true => drop(tokio::spawn(channel.quit())),
            false => self.pool.put(key.clone(), channel),
        }
        Some(onward)
    }
}

/// What came of one transaction, for what comes next on its channel.
enum Once {
    /// It was carried through; these are to be asked again in the next one.
    Done { again: Vec<usize> },
    /// The channel had been idle and was dead.
    Stale,
    /// No transaction can be on this channel.
    Over(Onward),
}

async fn transact_once(
    run: &mut Run,
    job: Job<'_>,
    target: &Target,
    channel: &mut Channel,
    whom: &[usize],
    was_idle: bool,
) -> Once {
    let mut proof = channel.proof.clone();
    let is_new = !was_idle && channel.transactions == 0;
    let cleared = match channel.clear_at(job.parcel, job.least) {
        Ok(cleared) => cleared,
        Err(NotMet { why, .. }) => {
            note_shortfall(run, target, Some(proof), is_new, why);
            return Once::Over(Onward::NextAddress);
        }
    };
    let sent = match channel::send(cleared, whom, job.wire).await {
        Ok(sent) => sent,
        Err(unsent) => return Once::Over(note_unsent(run, target, proof, is_new, unsent)),
    };
    proof.requiretls = sent.requiretls;
    if was_idle && is_stale(&sent.report.verdicts) {
        return Once::Stale;
    }
    let broken = sent.broken.as_ref();
    let result = tried(&sent.report.verdicts, broken);
    let progress = result == Tried::Sent;
    note(run, target, Some(proof.clone()), is_new, result);
    let verdicts = whom.iter().zip(sent.report.verdicts);
    let taken = verdicts.map(|(index, verdict)| (*index, run.take(*index, verdict, broken, &proof)));
    // "Too many" means the next transaction, as long as each takes some.
    let again = taken.filter(|(_, again)| *again == Again::SameSession && progress).map(|(index, _)| index);
    Once::Done { again: again.collect() }
}

/// Goes on without a host that was not connected to.
fn give_up(run: &mut Run, host: &Host, cause: Cause) {
    run.failed(&cause);
    let mx = host.name.to_str().into_owned();
    let policy = demanded(&cause);
    run.note(Attempt { mx, address: None, proof: None, policy, result: Tried::Failed(cause) });
}

/// Notes an attempt; `is_new` where it opened a session of its own.
fn note(run: &mut Run, target: &Target, proof: Option<Proof>, is_new: bool, result: Tried) {
    let policy = target.binding.policy_found().filter(|_| is_new);
    run.note(Attempt { mx: target.mx(), address: Some(target.address), proof, policy, result });
}

/// What a domain demands of a host that was given up before it was connected to.
fn demanded(cause: &Cause) -> Option<PolicyFound> {
    match cause {
        Cause::DaneFailed => Some(PolicyFound::Tlsa(Vec::new())),
        Cause::NotNamed => Some(PolicyFound::Sts),
        _ => None,
    }
}

fn tried_in_vain(why: Shortfall) -> Tried {
    match why {
        Shortfall::Unable(inability) => Tried::Unable(inability),
        Shortfall::Failed(cause) => Tried::Failed(cause),
    }
}

fn note_shortfall(run: &mut Run, target: &Target, proof: Option<Proof>, is_new: bool, why: Shortfall) {
    match &why {
        Shortfall::Unable(_) => run.unable(),
        Shortfall::Failed(cause) => run.failed(cause),
    }
    note(run, target, proof, is_new, tried_in_vain(why));
}

fn note_unsent(run: &mut Run, target: &Target, proof: Proof, is_new: bool, unsent: Unsent) -> Onward {
    let cause = match unsent {
        Unsent::Peer(cause) => {
            run.failed(&cause);
            cause
        }
        Unsent::Message(cause) => {
            run.settle(&match cause.may_retry() {
                true => Fate::Deferred(cause.clone()),
                false => Fate::Refused { cause: cause.clone(), proof: None },
            });
            cause
        }
    };
    note(run, target, Some(proof), is_new, Tried::Failed(cause));
    Onward::NextHost
}

/// Whether this machine has no way at all into the address's family. Such an
/// address says nothing of its host where another family leads there: else a
/// machine without IPv6 could never prove that a host is unable.
fn is_family_missing(cause: &Cause) -> bool {
    use std::io::ErrorKind;
    matches!(
        cause,
        Cause::Unreachable(ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)
    )
}

/// Whether an idle connection had ended before the peer heard of the parcel:
/// no content was sent, and nothing but goodbye was said.
fn is_stale(verdicts: &[Verdict]) -> bool {
    verdicts.iter().all(|verdict| match verdict {
        Verdict::Accepted(_) | Verdict::Unanswered(Step::End) => false,
        Verdict::Refused(Step::Mail, reply) => reply.code == 421,
        Verdict::Refused(_, _) => false,
        Verdict::Unanswered(_) => true,
    })
}
