//! An installation: the configuration with what it leads to on this machine
//! opened: root key, store, organisations with their keys.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use flow::streams::{Stream, Streams};
use flow::{Journey, Organisations, Profile, Settings};
use ledger::SigningKey;
use mail::{Clock, Domain, Entropy, OrgId, Priority};
use policy::Policy;
use seal::{DkimKey, TagKey};
use smime::trust::{Crl, Trust};
use store::{OrgRow, PostgresOptions, SqliteOptions, Store};
use vault::{Label, OrgVault, RootKey};
use zeroize::Zeroizing;

use crate::config::{self, Config, StoreUrl};
use crate::seams::{SystemClock, SystemEntropy};

/// The seams of a real run.
#[derive(Clone)]
pub struct Seams {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Default for Seams {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
    }
}

/// What a configuration leads to on this machine, opened.
pub struct Installation {
    /// The journey over it.
    pub journey: Arc<Journey>,
    /// The key that wraps the organisations' keys.
    pub root: RootKey,
}

impl Installation {
    /// Opens everything; what an organisation still lacks is made.
    pub async fn open(config: &Config, seams: &Seams) -> Result<Self> {
        let store = open_store(config, SqliteOptions::default()).await?;
        Self::over(store, config, seams).await
    }

    /// The same beside a server that may be running on it, for a command.
    pub async fn beside(config: &Config, seams: &Seams) -> Result<Self> {
        let store = open_store(config, SqliteOptions { beside: true, readers: 1, ..SqliteOptions::default() }).await?;
        Self::over(store, config, seams).await
    }

    /// What another configuration makes of an installation that is open: the store stays.
    pub async fn succeeding(before: &Journey, config: &Config, seams: &Seams) -> Result<Self> {
        let root = root_key(config)?;
        let all = organisations(&root, before.store.as_ref(), config, seams).await?;
        Ok(Self { journey: before.succeeding(all, settings(config)), root })
    }

    async fn over(store: Arc<dyn Store>, config: &Config, seams: &Seams) -> Result<Self> {
        let root = root_key(config)?;
        let all = organisations(&root, store.as_ref(), config, seams).await?;
        let journey = Journey::new(store, seams.clock.clone(), seams.entropy.clone(), all, settings(config));
        Ok(Self { journey, root })
    }

    /// The organisation with that slug, or the first one.
    pub fn organisation(&self, slug: Option<&str>) -> Result<&Arc<flow::Organisation>> {
        let mut all: Vec<_> = self.journey.organisations.iter().collect();
        all.sort_by_key(|organisation| organisation.org);
        let found = match slug {
            Some(slug) => all.into_iter().find(|organisation| organisation.profile.slug == slug),
            None => all.into_iter().next(),
        };
        found.with_context(|| match slug {
            Some(slug) => format!("there is no organisation {slug:?} in the configuration"),
            None => "the configuration names no organisation".to_owned(),
        })
    }
}

/// Where checkpoints are written outside the database.
pub fn checkpoint_dir(config: &Config) -> PathBuf {
    config.server.data_dir.join("checkpoints")
}

/// The origin line of an organisation's checkpoints.
pub fn origin(config: &Config, slug: &str) -> String {
    format!("{}/org/{slug}", config.server.hostname)
}

fn root_key(config: &Config) -> Result<RootKey> {
    match (&config.vault.root_key_file, &config.vault.root_key_env) {
        (Some(file), _) => RootKey::read_file(file, &config.server.data_dir)
            .with_context(|| format!("the root key {} can't be used", file.display())),
        (None, Some(name)) => RootKey::from_env(name).with_context(|| format!("the root key in ${name} can't be used")),
        (None, None) => bail!("no root key is configured: set vault.root_key_file, or run sealpost init"),
    }
}

async fn open_store(config: &Config, options: SqliteOptions) -> Result<Arc<dyn Store>> {
    match &config.store.url {
        StoreUrl::Sqlite => {
            let dir = &config.server.data_dir;
            std::fs::create_dir_all(dir).with_context(|| format!("can't make {}", dir.display()))?;
            store::open_sqlite(dir, options)
                .with_context(|| format!("the database in {} can't be opened", dir.display()))
        }
        StoreUrl::Postgres(url) => {
            let opened = store::open_postgres(url.reveal(), PostgresOptions::default()).await;
            opened.context("the database of store.url can't be opened")
        }
    }
}

fn profiles(config: &Config) -> Result<Vec<Profile>> {
    let one = |organisation: &crate::config::Organisation| -> Result<Profile> {
        Ok(Profile {
            slug: organisation.slug.clone(),
            name: organisation.name.clone(),
            phone: organisation.phone.clone().unwrap_or_default(),
            time_zone: organisation.zone().with_context(|| format!("{:?} is no time zone", organisation.time_zone))?,
            portal_url: config.portal_url(),
            language: config.portal.language.tag().to_owned(),
            domains: organisation.domains.clone(),
            replies: config.replies_of(organisation),
        })
    };
    config.organisation.iter().map(one).collect()
}

async fn organisations(root: &RootKey, store: &dyn Store, config: &Config, seams: &Seams) -> Result<Organisations> {
    let policy = Policy::from_table(&config.policy).context("the policy can't be read")?;
    let mut all = Vec::new();
    for profile in profiles(config)? {
        all.push(open_organisation(config, root, store, &policy, profile, seams).await?);
    }
    Ok(Organisations::new(all))
}

async fn open_organisation(
    config: &Config,
    root: &RootKey,
    store: &dyn Store,
    policy: &Policy,
    profile: Profile,
    seams: &Seams,
) -> Result<flow::Organisation> {
    let vault = Arc::new(open_vault(root, store, &profile.slug, seams).await?);
    let org = vault.org();
    store.keep_policy(org, policy.hash(), &policy.canonical()).await?;
    let keys = Keys { store, vault: &vault, entropy: seams.entropy.as_ref() };
    let mut dkim = HashMap::new();
    for domain in profile.domains.iter().filter(|_| config.dkim.sign) {
        let first = keys.dkim(domain, config.dkim_selector(domain), DkimKey::generate_rsa).await?;
        let key = match config.dkim.second.get(domain) {
            Some(selector) => first.with_second(keys.dkim(domain, selector, DkimKey::generate_ed25519).await?),
            None => first,
        };
        dkim.insert(domain.clone(), key);
    }
    Ok(flow::Organisation {
        org,
        tag_key: TagKey::new(&vault.tag_key()),
        signing_key: keys.signing().await?,
        policy: policy.clone(),
        policy_hash: policy.hash(),
        dkim,
        trust: Arc::new(trust(config)?),
        vault,
        profile,
    })
}

/// The organisation's keys; new ones, under the next number, if it has none.
async fn open_vault(root: &RootKey, store: &dyn Store, slug: &str, seams: &Seams) -> Result<OrgVault> {
    let known = store.orgs().await?;
    let row = match known.iter().find(|row| row.slug == slug) {
        Some(row) => row.clone(),
        None => {
            let org = OrgId(known.iter().map(|row| row.org.0).max().unwrap_or(0) + 1);
            let (_, wrapped_key) = root.new_org(org, seams.entropy.as_ref());
            store.ensure_org(OrgRow { org, slug: slug.to_owned(), wrapped_key }).await?
        }
    };
    root.open_org(row.org, &row.wrapped_key).with_context(|| {
        format!("the keys of the organisation {slug:?} don't open: is this the root key that they were made with?")
    })
}

/// What makes a DKIM key, as PKCS#8.
pub type MakeDkim = fn() -> Result<Vec<u8>, seal::BadKey>;

fn dkim_secret(domain: &Domain, selector: &str) -> String {
    format!("dkim/{domain}/{selector}")
}

impl Installation {
    /// The DKIM key of a domain under a selector; where there is none, it is
    /// made by `make`, if that is given.
    pub async fn dkim_key(
        &self,
        organisation: &flow::Organisation,
        domain: &Domain,
        selector: &str,
        make: Option<MakeDkim>,
    ) -> Result<Option<DkimKey>> {
        let (store, entropy) = (self.journey.store.as_ref(), self.journey.entropy.as_ref());
        let keys = Keys { store, vault: &organisation.vault, entropy };
        let name = dkim_secret(domain, selector);
        let pkcs8 = match make {
            None if store.secret(organisation.org, &name).await?.is_none() => return Ok(None),
            None => keys.secret(&name, || anyhow::bail!("the DKIM key vanished from the store")).await?,
            Some(make) => keys.secret(&name, || make().context("no DKIM key could be made")).await?,
        };
        let key = DkimKey::from_pkcs8(domain.clone(), selector, &pkcs8);
        Ok(Some(key.context("the DKIM key in the store is damaged")?))
    }
}

/// An organisation's own secrets, made when they are first asked for.
struct Keys<'a> {
    store: &'a dyn Store,
    vault: &'a OrgVault,
    entropy: &'a dyn Entropy,
}

impl Keys<'_> {
    async fn signing(&self) -> Result<SigningKey> {
        let made = || Ok(SigningKey::generate(self.entropy).1.to_vec());
        let seed = self.secret("ledger", made).await?;
        let seed: [u8; 32] = seed.as_slice().try_into().context("the signing key in the store is damaged")?;
        Ok(SigningKey::from_seed(&seed))
    }

    async fn dkim(&self, domain: &Domain, selector: &str, make: MakeDkim) -> Result<DkimKey> {
        let made = || make().context("no DKIM key could be made");
        let pkcs8 = self.secret(&dkim_secret(domain, selector), made).await?;
        DkimKey::from_pkcs8(domain.clone(), selector, &pkcs8).context("the DKIM key in the store is damaged")
    }

    async fn secret(&self, name: &str, make: impl FnOnce() -> Result<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>> {
        let org = self.vault.org();
        if self.store.secret(org, name).await?.is_none() {
            let sealed = self.vault.seal(Label::Secret, name.as_bytes(), &make()?, self.entropy);
            self.store.put_secret(org, name, sealed).await?;
        }
        let sealed = self.store.secret(org, name).await?.context("a secret vanished from the store")?;
        Ok(Zeroizing::new(self.vault.open(Label::Secret, name.as_bytes(), &sealed)?))
    }
}

/// Whom S/MIME certificates are believed from. What it means that nobody says whether one is revoked is policy's.
fn trust(config: &Config) -> Result<Trust> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("can't read {}", path.display()));
    let anchors = match &config.smime.anchors {
        None => Vec::new(),
        Some(path) => smime::Certificate::read_all(&read(path)?)
            .with_context(|| format!("smime.anchors: {} holds no certificate", path.display()))?,
    };
    let mut crls = Vec::new();
    for path in &config.smime.crls {
        let lists = Crl::read_all(&read(path)?);
        crls.extend(lists.with_context(|| format!("smime.crls: {} is no revocation list", path.display()))?);
    }
    Ok(Trust::new(anchors).with_crls(crls))
}

fn settings(config: &Config) -> Settings {
    let defaults = Settings::new(config.server.hostname.as_str());
    Settings {
        portal_life: config.portal.expiry.0,
        mime: mail::reading::Limits {
            depth_max: config.submission.limits.mime_depth as usize,
            parts_max: config.submission.limits.mime_parts as usize,
        },
        memory_bytes_max: usize::try_from(config.server.judging_memory.0).unwrap_or(usize::MAX),
        deliveries_max: usize::try_from(config.delivery.concurrency).unwrap_or(usize::MAX),
        retry: config.delivery.retry.iter().map(|span| span.0).collect(),
        expire_after: config.delivery.expiry.0,
        reroute_after: config.delivery.reroute_after.0,
        posture_hold: config.delivery.posture_hold.0,
        hold_life: config.holds.expiry.0,
        streams: Streams::new(config.stream.iter().map(stream)),
        return_path: config.gateway.return_path.clone(),
        reports_address: config.reports.address.clone(),
        tls_reports: config.reports.tls,
        lease: config.store.lease.0,
        login_failures_max: login_failures_max(&config.store.url),
        wkd: config.keys.wkd,
        wkd_wait: config.keys.wkd_wait.0,
        wkd_again: config.keys.wkd_again.0,
        harvest: config.keys.harvest,
        org_key_warning: config.orgkeys.warn.0,
        ..defaults
    }
}

/// Each node counts the failures that it sees: with up to four of them on one
/// database the whole is 100 in a row at the most (SP 800-63B §3.2.2).
const fn login_failures_max(store: &StoreUrl) -> u32 {
    match store {
        StoreUrl::Sqlite => 100,
        StoreUrl::Postgres(_) => 25,
    }
}

fn stream(wanted: &config::Stream) -> Stream {
    Stream {
        name: wanted.name.clone(),
        priority: wanted.priority,
        retry: wanted.retry.as_ref().map(|waits| waits.iter().map(|wait| wait.0).collect()),
        expire_after: wanted.expiry.map(|span| span.0),
        submitters: wanted.submitters.clone(),
        only: wanted.only.clone(),
        unsubscribe: wanted.unsubscribe.unwrap_or(wanted.priority == Priority::Marketing),
        list_id: wanted.list_id.as_ref().map(ToString::to_string),
        feedback_id: wanted.feedback_id.clone(),
    }
}

/// Makes a folder that only this user can read.
pub fn private_dir(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("can't make {}", path.display()))
}
