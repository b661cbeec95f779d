//! Debian's Chromium, driven by its chromedriver, without a screen.
//!
//! A session has a profile of its own and keeps the browser's log, in which
//! violations of the Content-Security-Policy are told.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use thirtyfour::common::log::LoggingPrefsLogLevel;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use crate::loopback;
use crate::process::Peer;
use crate::wait;

/// How the browser is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What it asks for: `en`, `es`.
    pub language: String,
    /// Width and height in CSS pixels.
    pub window: (u32, u32),
    /// Whether pages may run scripts.
    pub javascript: bool,
    /// Whether pages are asked to be dark.
    pub dark: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { language: "en".to_owned(), window: (1280, 900), javascript: true, dark: false }
    }
}

/// A browser of a test's own.
pub struct Chromium {
    /// The session: everything that thirtyfour can do.
    pub driver: WebDriver,
    peer: Peer,
    folder: TempDir,
}

impl Chromium {
    /// Starts chromedriver and a session.
    ///
    /// # Panics
    ///
    /// When `chromium` or `chromium-driver` is not installed, or will not start.
    pub async fn start(settings: &Settings) -> Self {
        let folder = tempfile::Builder::new().prefix("chromium").tempdir().expect("a temporary folder");
        // chromedriver listens on 127.0.0.1 only, so the port must be free there.
        let port = (0..100).map(|_| loopback::port()).find(|port| is_free(*port)).expect("a free port");
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).env("HOME", folder.path());
        command.env("XDG_CONFIG_HOME", folder.path()).env("TMPDIR", folder.path());
        let mut peer = Peer::start(&mut command, &folder.path().join("chromedriver.log"));
        let listens = wait::within(wait::PATIENCE, || (!is_free(port)).then_some(()));
        assert!(listens.is_some() && peer.ended().is_none(), "chromedriver did not start\n{}", peer.log());
        let capabilities = capabilities(settings, folder.path());
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await;
        let driver = driver.unwrap_or_else(|error| panic!("no session: {error}\n{}", peer.log()));
        if settings.window.0 < NARROWEST {
            emulate_phone(&driver, settings.window).await;
        }
        Self { driver, peer, folder }
    }

    /// What the browser has logged since this was last asked: errors of pages, refusals by policy.
    ///
    /// # Panics
    ///
    /// When the session is gone.
    pub async fn log(&self) -> Vec<String> {
        let entries = self.driver.get_log("browser").await.expect("the browser's log");
        entries.into_iter().map(|entry| entry.message).collect()
    }

    /// The part of [`Self::log`] that tells of violations of the Content-Security-Policy.
    pub async fn csp_violations(&self) -> Vec<String> {
        let about_policy = |line: &String| {
            line.contains("Content Security Policy")
                || line.contains("Content-Security-Policy")
                || line.contains("Refused to")
        };
        self.log().await.into_iter().filter(about_policy).collect()
    }

    /// Where the browser keeps its profile: a test may look for traces there.
    pub fn profile(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the session in good order.
    ///
    /// # Panics
    ///
    /// When the session was already gone.
    pub async fn quit(mut self) {
        self.driver.quit().await.expect("the end of the session");
        self.peer.stop(Duration::from_secs(10));
    }
}

/// Windows are never narrower than this, even without a screen.
const NARROWEST: u32 = 500;

async fn emulate_phone(driver: &WebDriver, (width, height): (u32, u32)) {
    let phone = serde_json::json!({ "width": width, "height": height, "deviceScaleFactor": 2, "mobile": true });
    driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", phone).await.expect("a phone's measures");
}

fn is_free(port: u16) -> bool {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn capabilities(settings: &Settings, profile: &Path) -> thirtyfour::ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    let (width, height) = settings.window;
    let mut arguments = vec![
        "--headless=new".to_owned(),
        // Containers and root have no sandbox to offer; the pages are our own.
        "--no-sandbox".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--disable-gpu".to_owned(),
        "--no-first-run".to_owned(),
        // Certificates are judged elsewhere; a test's authority is in no profile.
        "--ignore-certificate-errors".to_owned(),
        // Whatever a page asks for, nothing but loopback is reached.
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1".to_owned(),
        format!("--user-data-dir={}", profile.join("profile").display()),
        format!("--window-size={width},{height}"),
        format!("--lang={}", settings.language),
    ];
    if settings.dark {
        arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
    }
    let preferences = serde_json::json!({
        "intl.accept_languages": settings.language,
        "profile.managed_default_content_settings.javascript": if settings.javascript { 1 } else { 2 },
    });
    let set = || {
        arguments.iter().try_for_each(|argument| capabilities.add_arg(argument))?;
        capabilities.add_experimental_option("prefs", preferences)?;
        capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)
    };
    set().expect("capabilities");
    capabilities
}
