//! What a machine does to a server: full disks, disks that fail, files that
//! are missing, damaged or taken. Nothing that was acknowledged is lost, and
//! what a person must do is said.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testkit::clients::{Security, s_client};
use testkit::process::{self, Peer, is_root};
use testkit::sealpost::is_on_sqlite;
use testkit::suites::not_run;
use testkit::wait;

use crate::api;
use crate::ward::{Client, Ward, message};

fn letter(number: usize, bytes: usize) -> String {
    let line = "A line of text that fills the disk, some seventy bytes of it at a time.\r\n";
    message(&format!("Subject: letter {number}\r\n"), &line.repeat(bytes / line.len()))
}

/// How many different letters have arrived.
fn arrived(ward: &Ward) -> usize {
    let subjects: std::collections::BTreeSet<_> =
        ward.sink.look(|all| all.iter().filter_map(|taken| taken.field("Subject")).collect());
    subjects.len()
}

/// A file system of a set size, gone when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: &Path, size: &str) -> Self {
        fs::create_dir_all(path).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs", path.to_str().unwrap()]);
        Self(path.to_owned())
    }

    fn resize(&self, size: &str) {
        mount(&["-o", &format!("remount,size={size}"), self.0.to_str().unwrap()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

fn mount(arguments: &[&str]) {
    let output = process::run(Command::new("mount").args(arguments), b"");
    assert!(output.status.success(), "mount {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_full_disk_is_452_and_is_taken_again_once_there_is_room() {
    if !is_root() {
        return not_run("only root can mount a small disk");
    }
    let ward = Ward::without_keys("");
    let disk = Disk::mount(&ward.machine.path("data"), "12m");
    ward.machine.init();
    let server = ward.machine.serve();
    let mut client = Client::to(&server);
    let mut ids = Vec::new();
    let mut send = |ids: &mut Vec<String>, bytes: usize| {
        let reply = client.send(&["p@sink.example"], letter(ids.len(), bytes).as_bytes()).unwrap();
        if reply.code == 250 {
            ids.push(reply.id());
        }
        reply
    };
    // Deliveries are on their way while the disk fills up, and end when it is full to the last page.
    ward.sink.close();
    for bytes in [300_000, 20_000, 100] {
        let refused = (0..500).map(|_| send(&mut ids, bytes)).find(|reply| reply.code != 250).expect("a full disk");
        refused.expect(452, "4.3.1 insufficient system storage");
    }
    assert!(ids.len() > 5, "the disk was full after {}", ids.len());
    ward.sink.open();
    wait::until("some of the accepted letters", || (arrived(&ward) >= 20.min(ids.len())).then_some(()));
    server.wait_for_log("what came of a delivery can't be recorded yet");
    disk.resize("64m");
    wait::until("room to be seen", || (send(&mut ids, 100).code == 250).then_some(()));
    for _ in 0..5 {
        send(&mut ids, 300_000).expect(250, "accepted");
    }
    wait::until("every accepted letter", || (arrived(&ward) == ids.len()).then_some(()));
    let mut unrecorded = ids.clone();
    wait::until("the record of every delivery", || {
        unrecorded.retain(|id| !ward.events(id).iter().any(|event| event["event"] == "delivered"));
        unrecorded.is_empty().then_some(())
    });
    server.stop();
    assert_eq!(ward.sink.taken().len(), ids.len(), "a letter went twice");
    assert_eq!(ward.stored(), ids.len());
    ward.assert_ledger_is_whole();
    drop(disk);
}

#[test]
fn a_full_disk_is_507_to_an_application_and_it_is_taken_again_once_there_is_room() {
    if !is_root() {
        return not_run("only root can mount a small disk");
    }
    let ward = Ward::without_keys("[portal]\nurl = 'http://127.0.0.1'\n");
    let disk = Disk::mount(&ward.machine.path("data"), "12m");
    ward.machine.init();
    let server = ward.machine.serve();
    let client = api::client(&ward, &server, &[]);
    let mut taken = 0;
    let mut send = |bytes: usize| {
        let mut letter = api::letter("p@sink.example");
        letter["text"] = "A line that fills the disk.\n".repeat(bytes / 28).into();
        let answer = client.send("", &letter);
        taken += usize::from(answer.status == 202);
        answer
    };
    ward.sink.close();
    let refused = (0..500).map(|_| send(300_000)).find(|answer| answer.status != 202).expect("a full disk");
    let problem = refused.problem(507, "insufficient_storage");
    assert!(problem["title"].is_string(), "{problem}");
    ward.sink.open();
    disk.resize("64m");
    wait::until("room to be seen", || (send(300).status == 202).then_some(()));
    send(300_000).expect(202);
    wait::until("every accepted letter", || (ward.sink.taken().len() == taken).then_some(()));
    server.stop();
    assert_eq!(ward.stored(), taken);
    ward.assert_ledger_is_whole();
    drop(disk);
}

#[test]
fn a_failed_sync_ends_the_process_and_loses_nothing() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let mut client = Client::to(&server);
    for number in 0..5 {
        client.send(&["p@sink.example"], letter(number, 1_000).as_bytes()).unwrap().expect(250, "accepted");
    }
    let mut strace = Command::new("strace");
    strace.args(["-f", "-p", &server.id().to_string(), "-e", "trace=fsync,fdatasync"]);
    strace.args(["-e", "inject=fsync,fdatasync:error=EIO"]);
    let tracer = Peer::start(&mut strace, &ward.machine.path("strace.log"));
    wait::until("strace", || tracer.log().contains("attached").then_some(()));
    let reply = client.send(&["p@sink.example"], letter(5, 1_000).as_bytes());
    assert!(reply.as_ref().map_or(true, |reply| reply.code != 250), "acknowledged after a failed sync: {reply:?}");
    let (status, log) = server.end_by_itself();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(6), "SIGABRT, not {status:?}\n{log}");
    assert!(log.contains("fsync") || log.contains("sync"), "the log says nothing of it: {log}");
    drop(tracer);
    let server = ward.machine.serve();
    wait::until("the acknowledged letters", || (arrived(&ward) >= 5).then_some(()));
    Client::to(&server).send(&["p@sink.example"], letter(6, 1_000).as_bytes()).unwrap().expect(250, "accepted");
    wait::until("a letter after the fault", || {
        ward.sink.taken().iter().any(|taken| taken.field("Subject").as_deref() == Some("letter 6")).then_some(())
    });
    server.stop();
    ward.assert_ledger_is_whole();
}

/// The server must not start, say all these words and end with 1.
#[track_caller]
fn refuses(ward: &Ward, words: &[&str]) {
    let mut peer = Peer::start(&mut ward.machine.command(["serve"]), &ward.machine.path("refused.log"));
    let (status, said) = (peer.join(), peer.log());
    assert_eq!(status.code(), Some(1), "{status}: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn what_keeps_it_from_starting_is_named_with_the_remedy() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    Client::to(&server).send(&["p@sink.example"], letter(0, 1_000).as_bytes()).unwrap().expect(250, "accepted");
    wait::until("the letter", || (arrived(&ward) == 1).then_some(()));
    if is_on_sqlite() {
        refuses(&ward, &["data", "another process has", "stop it, or choose another data directory"]);
    }
    server.stop();

    root_key_faults(&ward);
    listener_faults(&ward);
    certificate_faults(&ward);
    if is_on_sqlite() {
        database_faults(&ward);
    }

    let server = ward.machine.serve();
    Client::to(&server).send(&["p@sink.example"], letter(1, 1_000).as_bytes()).unwrap().expect(250, "accepted");
    wait::until("a letter after all faults", || (arrived(&ward) == 2).then_some(()));
    server.stop();
    assert_eq!(ward.stored(), 2);
    ward.assert_ledger_is_whole();
}

/// Does `harm` with a file moved aside, and puts it back.
fn with_file(path: &Path, harm: impl FnOnce(&Path)) {
    let (kept, mode) = (fs::read(path).unwrap(), fs::metadata(path).unwrap().permissions());
    harm(path);
    if path.is_dir() {
        fs::remove_dir(path).unwrap();
    }
    fs::write(path, kept).unwrap();
    fs::set_permissions(path, mode).unwrap();
}

fn root_key_faults(ward: &Ward) {
    let path = ward.machine.path("root.key");
    let name = path.to_str().unwrap().to_owned();
    with_file(&path, |path| {
        fs::remove_file(path).unwrap();
        refuses(ward, &[&name, "No such file"]);
    });
    with_file(&path, |path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
        refuses(ward, &[&name, "chmod 0600"]);
    });
    with_file(&path, |path| {
        fs::write(path, "not a key").unwrap();
        refuses(ward, &[&name]);
    });
    with_file(&path, |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        refuses(ward, &[&name]);
    });
    let inside = ward.machine.path("data/root.key");
    fs::copy(&path, &inside).unwrap();
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o600)).unwrap();
    with_configuration(ward, &format!("[vault]\nroot_key_file = '{}'\n", inside.display()), || {
        refuses(ward, &["vault.root_key_file", "lies inside server.data_dir"]);
    });
    fs::remove_file(inside).unwrap();
}

/// A configuration laid over everything for as long as `check` runs.
fn with_configuration(ward: &Ward, text: &str, check: impl FnOnce()) {
    ward.machine.write("conf.d/zz-fault.toml", text);
    check();
    fs::remove_file(ward.machine.path("conf.d/zz-fault.toml")).unwrap();
}

fn listener_faults(ward: &Ward) {
    let taken = TcpListener::bind(testkit::loopback::free()).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (section, key) in
        [("submission", "tls"), ("submission", "starttls"), ("named_networks", "listen"), ("portal", "listen")]
    {
        with_configuration(ward, &format!("[{section}]\n{key} = ['{address}']\n"), || {
            refuses(ward, &[&address, "in use"]);
        });
    }
    with_configuration(ward, &format!("[health]\nlisten = '{address}'\n"), || {
        refuses(ward, &[&address, "in use"]);
    });
}

fn certificate_faults(ward: &Ward) {
    for path in [&ward.machine.identity.certificate, &ward.machine.identity.key] {
        let name = path.to_str().unwrap();
        with_file(path, |path| {
            fs::remove_file(path).unwrap();
            refuses(ward, &[name, "No such file"]);
        });
        with_file(path, |path| {
            fs::write(path, "-----BEGIN NOTHING-----\n").unwrap();
            refuses(ward, &[name]);
        });
    }
    let other = ward.ca.issue(&["secure.clinic.example"]);
    with_file(&ward.machine.identity.key, |path| {
        fs::write(path, &other.key_pem).unwrap();
        refuses(ward, &[path.to_str().unwrap()]);
    });
}

fn database_faults(ward: &Ward) {
    let database = ward.machine.path("data/sealpost.db");
    with_file(&database, |path| {
        fs::write(path, "this was a database once, and then somebody wrote over it".repeat(200)).unwrap();
        refuses(ward, &["data", "backup"]);
    });
    with_file(&database, |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0x5a);
        fs::write(path, bytes).unwrap();
        refuses(ward, &["data", "backup"]);
    });
}

#[test]
fn a_certificate_that_is_replaced_is_used_without_a_restart() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let doors = [
        (server.address("submission_starttls"), Security::Starttls),
        (server.address("submission_tls"), Security::Tls),
        (server.address("portal"), Security::Tls),
    ];
    let identity = &ward.machine.identity;
    for (address, security) in doors {
        assert!(certificate_at(address, security).contains(&core_of(&identity.certificate_pem)), "{address}");
    }
    let fresh = ward.ca.issue(&["secure.clinic.example"]);
    // As certificate clients do it: each file is replaced whole.
    for (from, to) in [(&fresh.key, &identity.key), (&fresh.certificate, &identity.certificate)] {
        fs::rename(from, to).unwrap();
    }
    for (address, security) in doors {
        let is_used = || certificate_at(address, security).contains(&core_of(&fresh.certificate_pem)).then_some(());
        let found = wait::within(Duration::from_secs(30), is_used);
        assert!(found.is_some(), "the new certificate is not used at {address}\n{}", server.log());
    }
    // A damaged one is not: the good one stays, and the log says why.
    fs::write(&identity.certificate, "damaged").unwrap();
    wait::until("a word about the damaged certificate", || {
        for (address, security) in doors {
            assert!(certificate_at(address, security).contains(&core_of(&fresh.certificate_pem)), "{address}");
        }
        server.log().contains("the old certificate stays").then_some(())
    });
    server.stop();
}

fn certificate_at(address: SocketAddr, security: Security) -> String {
    s_client(address, security, &["-servername", "secure.clinic.example"], "QUIT\r\n").text
}

/// The first lines of the end entity's certificate in base64, as openssl prints them too.
fn core_of(pem: &str) -> String {
    pem.lines().skip(1).take(3).map(str::to_owned).collect::<Vec<_>>().join("\n")
}
