//! The running server: what was opened, wired together, and stopped in order.
//!
//! A stop closes the doors first, lets what is under way end, gives the last
//! journal rows their positions in the ledger, and then closes the store.

mod given;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use discovery::fetch::{FetchConfig, Fetcher};
use flow::application::Applications;
use flow::keys::{Finder, Inquirer};
use flow::listener::tls::{CertificateFiles, Source, server_config};
use flow::listener::{Door, Exchange, NamedNetworks, Reception};
use flow::org_keys::{Publication, PublishedKeys};
use flow::portal::Portal;
use flow::{Courier, Journey, LinkDesk, Senders, SubmissionDesk};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use transport::Anchors;
use web::{PlainPages, ServeError, ServeLimits, Tls};

use self::given::{api_settings, listener_settings, site, watch_list, web_limits};
use crate::certificates::{self, HadByAcme};
use crate::config::Config;
use crate::gateway;
use crate::installation::{Installation, Seams};
use crate::ledger_keeper::LedgerKeeper;
use crate::meters;
use crate::reach;
use crate::sockets::Sockets;
use crate::wake::{self, Bell};

/// Where a running server listens.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// Submission with STARTTLS.
    pub submission_starttls: Vec<SocketAddr>,
    /// Submission over TLS from the first byte.
    pub submission_tls: Vec<SocketAddr>,
    /// The door for named networks.
    pub named_networks: Vec<SocketAddr>,
    /// The gateway.
    pub gateway: Vec<SocketAddr>,
    /// The portal.
    pub portal: Vec<SocketAddr>,
    /// Plain HTTP, which sends visitors on to the portal.
    pub portal_http: Vec<SocketAddr>,
    /// Health.
    pub health: Option<SocketAddr>,
}

/// A running server.
pub struct Engine {
    /// What it runs.
    pub journey: Arc<Journey>,
    /// Where it listens.
    pub addresses: Addresses,
    doors: Doors,
    inner: Doors,
    ledger: LedgerKeeper,
    senders: Senders,
    sockets: Arc<Sockets>,
    data_dir: PathBuf,
    had_by_acme: Option<HadByAcme>,
}

/// Ends when the doors are to close.
type Stopped = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who is there when another configuration takes the doors may go on for so long under the old one.
const VISITS_AFTER_RELOAD: Duration = Duration::from_secs(10);

/// Tasks with the signals that close and stop them. None runs before all of them are
/// ready: a configuration that fails halfway has taken no client.
struct Doors {
    closed: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    ready: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
    tasks: JoinSet<()>,
}

impl Doors {
    fn new() -> Self {
        Self {
            closed: watch::channel(false).0,
            stop: watch::channel(false).0,
            ready: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.ready.push(Box::pin(task));
    }

    fn open(&mut self) {
        for task in self.ready.drain(..) {
            self.tasks.spawn(task);
        }
    }

    /// Nobody new is let in; who is there goes on.
    fn close(&self) {
        self.closed.send_replace(true);
    }

    async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    async fn stop(mut self) {
        self.close();
        self.stop.send_replace(true);
        self.ended().await;
    }
}

impl Engine {
    /// Opens the doors of an installation.
    pub async fn start(config: &Config, seams: &Seams, installation: Installation) -> Result<Self> {
        meters::begin();
        let ledger = LedgerKeeper::new(config, seams, installation.journey.clone())?;
        ledger.catch_up().await?;
        Self::open(config, seams, installation.journey, ledger, Arc::default()).await
    }

    /// Another configuration over the same store and sockets. Nothing has
    /// changed when it fails; when it succeeds, this one is to be [retired](Self::retire).
    pub async fn succeeding(&self, config: &Config, seams: &Seams) -> Result<Self> {
        let installation = Installation::succeeding(&self.journey, config, seams).await?;
        let ledger = self.ledger.succeeding(config, installation.journey.clone());
        self.sockets.begin();
        let next = Self::open(config, seams, installation.journey, ledger, self.sockets.clone()).await;
        match next {
            Ok(_) => self.sockets.end(),
            Err(_) => self.sockets.give_up(),
        }
        next
    }

    async fn open(
        config: &Config,
        seams: &Seams,
        journey: Arc<Journey>,
        ledger: LedgerKeeper,
        sockets: Arc<Sockets>,
    ) -> Result<Self> {
        flow::keys::refresh(&journey).await.context("recipients' keys can't be read")?;
        flow::suppression::refresh(&journey).await.context("who is suppressed can't be read")?;
        let senders = reach::senders(config, seams, &journey)?;
        let mut engine = Self {
            journey,
            addresses: Addresses::default(),
            doors: Doors::new(),
            inner: Doors::new(),
            ledger,
            senders: senders.clone(),
            sockets,
            data_dir: config.server.data_dir.clone(),
            had_by_acme: None,
        };
        engine.keep_certificate(config, seams).await?;
        engine.open_submission(config).await?;
        engine.open_gateway(config, seams).await?;
        engine.open_portal(config, seams).await?;
        engine.open_health(config).await?;
        let finder = finder(config, seams, engine.journey.clone())?;
        ask_issuers(config, seams, &engine.journey)?;
        engine.run_inner(senders, finder);
        engine.run_watch(config, seams)?;
        engine.run_reports(config, seams)?;
        match Bell::hang(config) {
            Ok(bell) => engine.inner.add(bell.listen(engine.journey.clone(), engine.inner.stop.subscribe())),
            Err(error) => tracing::warn!(error = format!("{error:#}"), "commands can't wake this server"),
        }
        engine.doors.open();
        engine.inner.open();
        Ok(engine)
    }

    /// The first address of each listener, for whoever started the process.
    pub fn announcement(&self) -> serde_json::Value {
        let first = |addresses: &[SocketAddr]| addresses.first().map(ToString::to_string);
        let all = [
            ("submission_starttls", first(&self.addresses.submission_starttls)),
            ("submission_tls", first(&self.addresses.submission_tls)),
            ("named_networks", first(&self.addresses.named_networks)),
            ("gateway", first(&self.addresses.gateway)),
            ("portal", first(&self.addresses.portal)),
            ("portal_http", first(&self.addresses.portal_http)),
            ("health", self.addresses.health.as_ref().map(ToString::to_string)),
        ];
        all.into_iter().filter_map(|(name, address)| Some((name, address?))).collect()
    }

    /// Stops: no accepted message is lost, no delivery is cut in the middle.
    pub async fn stop(self) -> Result<()> {
        self.sockets.close();
        self.doors.stop.send_replace(true);
        let (store, ledger, data_dir) = (self.journey.store.clone(), self.ledger.clone(), self.data_dir.clone());
        self.retire().await;
        wake::take_down(&data_dir);
        ledger.catch_up().await?;
        store.close().await.context("the store did not close")
    }

    /// Leaves whoever comes from now on to the [succeeding](Self::succeeding) engine.
    pub fn close_doors(&self) {
        self.doors.close();
    }

    /// Ends what is under way here and takes nothing more; the store goes on.
    pub async fn retire(mut self) {
        self.doors.close();
        let doors = async {
            if !*self.doors.stop.borrow() {
                let _ = timeout(VISITS_AFTER_RELOAD, self.doors.ended()).await;
            }
            self.doors.stop().await;
            tracing::info!("the doors are closed: deliveries that are under way are ended");
        };
        // Nothing is begun under the old configuration once another holds, whoever is still at the doors.
        tokio::join!(doors, self.inner.stop());
        self.senders.close().await;
    }

    /// Gives every journal row its position now.
    pub async fn seal_ledger(&self) -> Result<()> {
        self.ledger.catch_up().await
    }

    async fn open_submission(&mut self, config: &Config) -> Result<()> {
        let desk = Arc::new(SubmissionDesk::new(self.journey.clone()));
        let reception = Reception::new(desk, listener_settings(config));
        let source = self.source(config, config.server.hostname.as_str(), config.submission_tls());
        if let Some(source) = source {
            let tls = server_config(source, &[]).context("submission: no TLS")?;
            for address in &config.submission.starttls {
                let at =
                    self.open_door("submission.starttls", &reception, *address, Door::StartTls(tls.clone())).await?;
                self.addresses.submission_starttls.push(at);
            }
            for address in &config.submission.tls {
                let at = self.open_door("submission.tls", &reception, *address, Door::ImplicitTls(tls.clone())).await?;
                self.addresses.submission_tls.push(at);
            }
        } else {
            tracing::warn!("submission has no certificate: its listeners stay closed");
        }
        if !config.named_networks.listen.is_empty() {
            let named = self.named_networks(config)?;
            for address in &config.named_networks.listen {
                let at = self.open_door("named_networks", &reception, *address, Door::Named(named.clone())).await?;
                self.addresses.named_networks.push(at);
            }
        }
        Ok(())
    }

    async fn open_gateway(&mut self, config: &Config, seams: &Seams) -> Result<()> {
        let dns = reach::dns(&config.delivery, seams)?.secure;
        let Some(gateway) = gateway::gateway(config, &self.journey.organisations, dns)? else { return Ok(()) };
        self.journey.open_gateway(gateway.clone());
        let source = self.source(config, config.server.hostname.as_str(), config.gateway_tls());
        let source = source.context("the gateway has no certificate")?;
        let anchors = match &config.gateway.anchors {
            Some(path) => gateway::anchors("gateway.anchors", path)?,
            None => Anchors::public(),
        };
        let exchange = Exchange::new(source, gateway, anchors, seams.clock.clone());
        let door = Door::Exchange(exchange.context("gateway: no TLS")?);
        let desk = Arc::new(SubmissionDesk::new(self.journey.clone()));
        let reception = Reception::new(desk, gateway::listener_settings(config));
        for address in &config.gateway.listen {
            let at = self.open_door("gateway", &reception, *address, door.clone()).await?;
            self.addresses.gateway.push(at);
        }
        Ok(())
    }

    fn named_networks(&self, config: &Config) -> Result<NamedNetworks> {
        let named = &config.named_networks;
        let owns = |organisation: &&Arc<flow::Organisation>| {
            named.sender_domains.iter().all(|domain| organisation.profile.domains.contains(domain))
        };
        let organisation = self.journey.organisations.iter().find(owns);
        let organisation = organisation.context("named_networks.sender_domains: no organisation has all of them")?;
        let made = NamedNetworks::new(
            organisation.org,
            "named_networks",
            named.networks.clone(),
            named.sender_domains.clone(),
        );
        made.context("named_networks")
    }

    async fn open_door(
        &mut self,
        section: &'static str,
        reception: &Arc<Reception>,
        address: SocketAddr,
        door: Door,
    ) -> Result<SocketAddr> {
        let listener = reception.listen(self.sockets.bind(section, address).await?, door)?;
        let at = listener.address();
        self.doors.add(listener.run(self.doors.closed.subscribe(), self.doors.stop.subscribe()));
        Ok(at)
    }

    async fn open_portal(&mut self, config: &Config, seams: &Seams) -> Result<()> {
        let desk = Arc::new(LinkDesk::new(self.journey.clone()));
        let portal = Portal::new(desk.clone(), seams.clock.clone(), seams.entropy.clone()).with_keys(desk);
        let portal = Arc::new(portal);
        let door = Applications::new(self.journey.clone());
        let api = web::api::router(door, seams.clock.clone(), api_settings(config));
        let keys: Arc<dyn PublishedKeys> = Arc::new(Publication::new(self.journey.clone()));
        let pages = web::portal::router(site(config, keys.clone(), self.journey.clone())?, portal, seams.clock.clone());
        let router = pages.merge(api).merge(web::wkd::router(keys));
        let tls = self.portal_tls(config)?;
        let answers = self.had_by_acme.as_ref().map(|had| had.answers.clone());
        for address in &config.portal.listen {
            let limits = web_limits(config);
            let (router, tls) = (router.clone(), tls.clone());
            let served = |socket, stopped| web::serve(socket, router, tls, limits, stopped);
            let at = self.open_web("portal", *address, served).await?;
            self.addresses.portal.push(at);
        }
        for address in &config.portal.listen_http {
            let pages = PlainPages::new(&config.portal_url(), answers.clone());
            let limits = web_limits(config);
            let served = |socket, stopped| web::serve_plain(socket, pages, limits, stopped);
            let at = self.open_web("portal.listen_http", *address, served).await?;
            self.addresses.portal_http.push(at);
        }
        Ok(())
    }

    fn portal_tls(&self, config: &Config) -> Result<Option<Tls>> {
        if !config.portal_url().starts_with("https://") {
            return Ok(None);
        }
        let host = config.portal_host().map(|host| host.to_string()).unwrap_or_default();
        let Some(source) = self.source(config, &host, config.portal_tls()) else { return Ok(None) };
        let tls = server_config(source, &["h2", "http/1.1"]).context("portal: no TLS")?;
        let answers = self.had_by_acme.as_ref().map(|had| had.answers.clone());
        Ok(Some(Tls { config: tls, answers }))
    }

    /// What a listener of that name shows.
    fn source(&self, config: &Config, name: &str, files: Option<(&Path, &Path)>) -> Option<Source> {
        let files = files.map(|(chain, key)| CertificateFiles { chain: chain.to_owned(), key: key.to_owned() });
        certificates::source(config, self.had_by_acme.as_ref(), name, files.map(Source::from))
    }

    /// Shows the certificate that is kept before any listener opens, and keeps it from then on.
    async fn keep_certificate(&mut self, config: &Config, seams: &Seams) -> Result<()> {
        let Some((keeper, had)) = certificates::keeper(config, seams, &self.journey)? else { return Ok(()) };
        if !keeper.show().await.context("acme")? {
            tracing::warn!("there is no certificate by ACME yet: until it is had, files or a stand-in are shown");
        }
        self.had_by_acme = Some(had);
        self.inner.add(keeper.run(self.inner.stop.subscribe()));
        Ok(())
    }

    async fn open_health(&mut self, config: &Config) -> Result<()> {
        let store = self.journey.store.clone();
        let ready = web::health::Check {
            name: "store",
            run: Arc::new(move || {
                let store = store.clone();
                Box::pin(async move { store.ready().await.map_err(|error| error.to_string()) })
            }),
        };
        let journey = self.journey.clone();
        let page: web::health::Meters = Arc::new(move || {
            let journey = journey.clone();
            Box::pin(async move { meters::page(journey).await.map_err(|error| error.to_string()) })
        });
        let router = web::health::router(Vec::new(), vec![ready]).merge(web::health::meters(page));
        let limits = ServeLimits { connections_per_address_max: None, ..ServeLimits::default() };
        let served = |socket, stopped| web::serve(socket, router, None, limits, stopped);
        let at = self.open_web("health", config.health.listen, served).await?;
        self.addresses.health = Some(at);
        Ok(())
    }

    async fn open_web<F>(
        &mut self,
        section: &'static str,
        address: SocketAddr,
        served: impl FnOnce(TcpListener, Stopped) -> F,
    ) -> Result<SocketAddr>
    where
        F: Future<Output = Result<(), ServeError>> + Send + 'static,
    {
        let socket = self.sockets.bind(section, address).await?;
        let at = socket.local_addr()?;
        let mut stop = self.doors.closed.subscribe();
        let stopped: Stopped = Box::pin(async move {
            let _ = stop.wait_for(|stopped| *stopped).await;
        });
        let served = served(socket, stopped);
        self.doors.add(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, %at, "a listener of the web ended");
            }
        });
        Ok(at)
    }

    fn run_watch(&mut self, config: &Config, seams: &Seams) -> Result<()> {
        if let Some(watch) = watch_list(config, seams, &self.journey)? {
            self.inner.add(watch.run(self.inner.stop.subscribe()));
        }
        Ok(())
    }

    fn run_reports(&mut self, config: &Config, seams: &Seams) -> Result<()> {
        self.inner.add(flow::reports::run(self.journey.clone(), self.inner.stop.subscribe()));
        if config.reports.tls {
            let reporter = reach::reporter(&config.delivery, seams, &self.journey)?;
            self.inner.add(reporter.run(self.inner.stop.subscribe()));
        }
        Ok(())
    }

    fn run_inner(&mut self, senders: Senders, finder: Arc<Finder>) {
        let courier = Courier::new(self.journey.clone(), senders);
        self.inner.add(courier.run(self.inner.stop.subscribe()));
        self.inner.add(flow::resume::run(self.journey.clone(), Some(finder), self.inner.stop.subscribe()));
        self.inner.add(flow::harvest::run(self.journey.clone(), self.inner.stop.subscribe()));
        self.inner.add(flow::keys::run(self.journey.clone(), self.inner.stop.subscribe()));
        self.inner.add(flow::suppression::run(self.journey.clone(), self.inner.stop.subscribe()));
        self.inner.add(self.ledger.clone().run(self.inner.stop.subscribe()));
    }
}

/// What looks for keys in the directories of recipients' domains.
pub fn finder(config: &Config, seams: &Seams, journey: Arc<Journey>) -> Result<Arc<Finder>> {
    let wanted = FetchConfig {
        port: config.keys.wkd_port,
        allow_private: config.delivery.allow_private,
        ..FetchConfig::default()
    };
    Ok(Finder::new(journey, fetcher(config, seams, wanted)?))
}

/// Has the issuers of recipients' certificates asked, where the configuration says so.
pub fn ask_issuers(config: &Config, seams: &Seams, journey: &Journey) -> Result<()> {
    if config.smime.revocation {
        // An authority's certificates name its servers' ports.
        let wanted =
            FetchConfig { allow_private: config.delivery.allow_private, other_ports: true, ..FetchConfig::default() };
        let fetcher = fetcher(config, seams, wanted)?;
        let (wait, again) = (config.smime.revocation_wait.0, config.smime.revocation_again.0);
        journey.ask_issuers(Inquirer::new(fetcher, wait, again));
    }
    Ok(())
}

fn fetcher(config: &Config, seams: &Seams, wanted: FetchConfig) -> Result<Fetcher> {
    reach::fetcher(&config.delivery, &reach::anchors(&config.delivery)?, seams, wanted)
}
