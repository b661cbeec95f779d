//! The made-up clinic: its configuration, its files in a folder that vanishes,
//! and its running server.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use vault::RootKey;

use super::client::Account;
use super::world::{Authority, World};
use crate::commands::credential;
use crate::config::{Config, from_text};
use crate::engine::Engine;
use crate::installation::{Installation, Seams, private_dir};

/// The name of the clinic's server.
const HOSTNAME: &str = "secure.lakeside.example";

/// The clinic and the world around it.
pub struct Clinic {
    /// The recipients' mail hosts.
    pub world: World,
    /// The clinic's running server.
    pub engine: Engine,
    /// Its configuration.
    pub config: Config,
    /// The front desk's account for submission.
    pub account: Account,
    /// Where the portal is: `http://127.0.0.1:8025`.
    pub portal: String,
    _dir: TempDir,
}

impl Clinic {
    /// Starts all of it, on this database.
    pub async fn open(store: &str) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("sealpost-demo-").tempdir().context("no temporary folder")?;
        let authority = Authority::new()?;
        let world = World::start(&authority).await?;
        let portal = format!("http://{}", port_or_free(8025)?);
        let config = configuration(dir.path(), &authority, &world, &portal, store)?;
        let seams = Seams::default();
        RootKey::generate_file(&dir.path().join("keys/root.key"), &config.server.data_dir, seams.entropy.as_ref())?;
        let installation = Installation::open(&config, &seams).await.context("the demo wants an empty database")?;
        let organisation = installation.organisation(None)?.clone();
        let senders = ["*@lakeside.example".parse()?];
        let secret = credential::generate(&installation.journey, &organisation, "front-desk", &senders).await?;
        let engine = Engine::start(&config, &seams, installation).await?;
        let server = engine.addresses.submission_starttls.first().copied().context("the demo has a listener")?;
        let account = Account {
            server,
            name: HOSTNAME.to_owned(),
            authority: authority.pem(),
            login: "front-desk".to_owned(),
            secret,
        };
        Ok(Self { world, engine, config, account, portal, _dir: dir })
    }
}

/// The usual port of the demo, or a free one where it is taken.
fn port_or_free(port: u16) -> Result<SocketAddr> {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if TcpListener::bind(usual).is_ok() {
        return Ok(usual);
    }
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    Ok(free.local_addr()?)
}

fn configuration(dir: &Path, authority: &Authority, world: &World, portal: &str, store: &str) -> Result<Config> {
    let keys = dir.join("keys");
    private_dir(&keys)?;
    let (certificate, key) = authority.issue(HOSTNAME)?;
    std::fs::write(keys.join("tls.crt"), certificate)?;
    std::fs::write(keys.join("tls.key"), key.serialize_pem())?;
    std::fs::write(keys.join("anchors.pem"), authority.pem())?;
    let submission = port_or_free(1025)?;
    let listen = portal.trim_start_matches("http://");
    let text = format!(
        r#"
        [organisation]
        slug = "lakeside"
        name = "Lakeside Family Clinic"
        phone = "555-0100"
        domains = ["lakeside.example"]

        [server]
        hostname = "{HOSTNAME}"
        data_dir = "{dir}/data"

        [vault]
        root_key_file = "{dir}/keys/root.key"

        [submission]
        starttls = ["{submission}"]
        tls = []
        certificate = "{dir}/keys/tls.crt"
        key = "{dir}/keys/tls.key"

        [delivery]
        mx_port = {mx_port}
        allow_private = true
        name_servers = ["{name_server}"]
        anchors = "{dir}/keys/anchors.pem"

        [portal]
        listen = ["{listen}"]
        url = "{portal}"

        [health]
        listen = "127.0.0.1:0"

        [store]
        url = {store}
        "#,
        store = toml::Value::String(store.to_owned()),
        dir = dir.display(),
        mx_port = world.mx_port,
        name_server = world.name_server,
    );
    Ok(from_text("the demo's configuration", &text)?.config)
}
