//! A desk that records, and listeners in front of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use flow::listener::tls::{CertificateFiles, server_config};
use flow::listener::{
    Answer, Attempt, AuthRefused, ClientLimits, Desk, Door, Intake, NamedNetworks, Reception, Settings, Submission,
};
use identity::{Sender, Submitter};
use mail::{Address, Domain, EnhancedCode, OrgId, Reply};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// A message that was taken.
pub struct Taken {
    pub submission: Submission,
    pub content: Vec<u8>,
}

/// Takes everything and remembers it.
#[derive(Default)]
pub struct Recorder {
    pub taken: Mutex<Vec<Taken>>,
    pub begun: AtomicUsize,
    pub abandoned: AtomicUsize,
    pub changed: Notify,
}

impl Recorder {
    /// Waits until `count` messages were begun and not finished.
    pub async fn abandoned(&self, count: usize) {
        self.until(|recorder| recorder.abandoned.load(Ordering::SeqCst) == count).await;
    }

    pub async fn begun(&self, count: usize) {
        self.until(|recorder| recorder.begun.load(Ordering::SeqCst) == count).await;
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if is_so(self) {
                return;
            }
            changed.await;
        }
    }
}

/// The desk's own handle on the recorder.
struct Front(Arc<Recorder>);

impl Desk for Front {
    fn authenticate(&self, attempt: Attempt) -> Answer<'_, Result<Sender, AuthRefused>> {
        Box::pin(async move {
            match (attempt.login.as_str(), attempt.password.as_str()) {
                ("ehr", "secret") => Ok(sender()),
                ("busy", _) => Err(AuthRefused::Busy),
                _ => Err(AuthRefused::Wrong),
            }
        })
    }

    fn allows<'a>(&'a self, _: &'a Sender, from: Option<&'a Address>) -> Answer<'a, Result<(), Reply>> {
        let revoked = from.is_some_and(|from| from.local() == "revoked");
        let refusal = Reply::new(530, EnhancedCode(5, 7, 0), "revoked");
        Box::pin(async move { if revoked { Err(refusal) } else { Ok(()) } })
    }

    fn begin(&self, submission: Submission) -> Answer<'_, Result<Box<dyn Intake>, Reply>> {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
        let recorder = self.0.clone();
        let taking = Taking { recorder, taken: Some(Taken { submission, content: Vec::new() }) };
        Box::pin(async move { Ok(Box::new(taking) as Box<dyn Intake>) })
    }
}

struct Taking {
    recorder: Arc<Recorder>,
    taken: Option<Taken>,
}

impl Intake for Taking {
    fn push<'a>(&'a mut self, content: &'a [u8]) -> Answer<'a, Result<(), Reply>> {
        assert!(!content.is_empty());
        if let Some(taken) = &mut self.taken {
            taken.content.extend_from_slice(content);
        }
        Box::pin(async move { Ok(()) })
    }

    fn finish(mut self: Box<Self>) -> Answer<'static, Reply> {
        Box::pin(async move {
            self.recorder.taken.lock().unwrap().extend(self.taken.take());
            Reply::new(250, EnhancedCode(2, 0, 0), "stored")
        })
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        if self.taken.is_some() {
            self.recorder.abandoned.fetch_add(1, Ordering::SeqCst);
            self.recorder.changed.notify_waiters();
        }
    }
}

fn sender() -> Sender {
    Sender {
        org: OrgId(1),
        by: Submitter::Credential("ehr".to_owned()),
        senders: vec!["*@clinic.example".parse().unwrap()],
    }
}

/// Writes a new certificate for localhost and its key into `folder`.
pub fn certify(folder: &Path) -> CertificateFiles {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = CertificateFiles { chain: folder.join("chain.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.chain, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

/// The three doors, open.
pub struct House {
    pub recorder: Arc<Recorder>,
    pub starttls: SocketAddr,
    pub tls: SocketAddr,
    pub named: SocketAddr,
    /// The certificate that clients trust.
    pub chain: PathBuf,
    pub stop: watch::Sender<bool>,
    pub runs: Vec<JoinHandle<()>>,
    pub folder: tempfile::TempDir,
}

impl House {
    pub async fn open() -> Self {
        Self::open_with(ClientLimits::default(), &["127.0.0.0/8"]).await
    }

    pub async fn open_with(clients: ClientLimits, networks: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = certify(folder.path());
        let config = server_config(files.clone(), &[]).unwrap();
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        let ward =
            NamedNetworks::new(OrgId(1), "ward", networks, vec![Domain::parse("clinic.example").unwrap()]).unwrap();

        let recorder = Arc::new(Recorder::default());
        let settings = Settings { clients, ..Settings::new("mx.clinic.example") };
        let reception = Reception::new(Arc::new(Front(recorder.clone())), settings);
        let (stop, stopped) = watch::channel(false);
        let mut addresses = Vec::new();
        let mut runs = Vec::new();
        for door in [Door::StartTls(config.clone()), Door::ImplicitTls(config), Door::Named(ward)] {
            let listener = reception.listen(TcpListener::bind("127.0.0.1:0").await.unwrap(), door).unwrap();
            addresses.push(listener.address());
            runs.push(tokio::spawn(listener.run(stopped.clone(), stopped.clone())));
        }
        let [starttls, tls, named] = addresses[..] else { panic!("three doors") };
        Self { recorder, starttls, tls, named, chain: files.chain, stop, runs, folder }
    }
}
