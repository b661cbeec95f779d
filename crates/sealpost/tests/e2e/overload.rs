//! More clients than there is room for: those who come new are served, memory
//! stays within its bounds, and nothing that was accepted is lost.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use testkit::clients::python;
use testkit::sealpost::Server;
use testkit::{soak, wait};

use crate::ward::Ward;

/// How much comes at once.
struct Crowd {
    slow: usize,
    logins: usize,
    large: usize,
    large_bytes: usize,
    /// Whether times are judged too: on a machine that does nothing else, with an optimised build.
    is_timed: bool,
}

impl Crowd {
    /// What CI has time for; `SEALPOST_OVERLOAD` asks for so much of a hundred of all: 2,000 slow clients, 10,000
    /// logins, 200 messages of 50 MB.
    fn wanted() -> Self {
        match soak::count("SEALPOST_OVERLOAD", 0) {
            0 => Self { slow: 200, logins: 300, large: 20, large_bytes: 10_000_000, is_timed: false },
            part => {
                Self { slow: 20 * part, logins: 100 * part, large: 2 * part, large_bytes: 50_000_000, is_timed: true }
            }
        }
    }
}

const MEMORY_MAX: usize = 512 << 20;

#[test]
fn a_crowd_is_served_within_bounds_and_loses_nothing() {
    let crowd = Crowd::wanted();
    let ward = Ward::new("[log]\nlevel = 'warn'\n");
    for number in 0..3 {
        ward.machine.login(&format!("nurse{number}"), "*@clinic.example");
    }
    ward.sink.keep(4_000);
    let group = Group::new();
    let server = ward.machine.serve_with(|command| group.enclose(command));
    let told = press(&ward, &server, &crowd);
    let peak = peak_bytes(&server);
    let [slow, logins, large, probes] = &told;

    // Each crowd was there, and was told what is right.
    assert!(slow["220"].as_u64() >= Some(crowd.slow as u64), "{slow}");
    let refused: u64 = ["535", "454", "421"].iter().filter_map(|code| logins[*code].as_u64()).sum();
    assert_eq!(refused, crowd.logins as u64, "{logins}");
    let sent: Vec<(&String, &Value)> = large.as_object().unwrap().iter().filter(|(key, _)| *key != "refused").collect();
    let turned_away = large["refused"].as_array().cloned().unwrap_or_default();
    assert_eq!(sent.len() + turned_away.len(), crowd.large, "{turned_away:?}");
    assert!(turned_away.iter().all(|said| said.as_str().is_some_and(|said| said.starts_with('4'))), "{turned_away:?}");
    let mut times: Vec<f64> = probes["times"].as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    assert!(times.len() > 20, "{probes}");
    assert_eq!(probes["other"], json!([]), "new clients were not served");
    times.sort_by(f64::total_cmp);
    let p99 = times[times.len() * 99 / 100];
    let small = probes["ids"].as_array().unwrap().len();
    soak::report(&format!(
        "overload: {} slow clients, {} wrong logins ({logins}), {} × {} MB at once: {} taken, {} told 4xx; {} new \
         clients, 220 within {:.3} s at p99, {:.3} s at the most; peak {} MiB{}",
        crowd.slow,
        crowd.logins,
        crowd.large,
        crowd.large_bytes / 1_000_000,
        sent.len(),
        turned_away.len(),
        times.len(),
        p99,
        times[times.len() - 1],
        peak >> 20,
        group.describe(),
    ));
    assert!(peak <= MEMORY_MAX, "{} MiB at the most", peak >> 20);
    assert!(!crowd.is_timed || p99 < 1.0, "a new client waits {p99} s at p99");

    arrived(&ward, &sent, small, &crowd);
    server.stop();
    ward.assert_ledger_is_whole();
}

/// All crowds at once; what each was told: slow ones, logins, large messages, new clients.
fn press(ward: &Ward, server: &Server<'_>, crowd: &Crowd) -> [Value; 4] {
    let over = ward.machine.path("over");
    let gather = |name: &str, door: &str, count: usize, at_once: usize| {
        let address = server.address(door);
        let job = json!({
            "crowd": name, "host": address.ip().to_string(), "port": address.port(), "count": count,
            "at_once": at_once, "bytes": crowd.large_bytes, "until": over,
        });
        let told = python(include_str!("overload.py"), job.to_string().as_bytes()).expect_success();
        serde_json::from_str::<Value>(&told.text).expect("what the crowd was told")
    };
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| gather("slow", "submission_starttls", crowd.slow, crowd.slow));
        let probes = scope.spawn(|| gather("probe", "named_networks", 4, 4));
        let logins = scope.spawn(|| gather("login", "submission_tls", crowd.logins, 100));
        let large = gather("large", "named_networks", crowd.large, crowd.large);
        let logins = logins.join().expect("the logins");
        fs::write(&over, "").unwrap();
        [slow.join().expect("the slow clients"), logins, large, probes.join().expect("the new clients")]
    })
}

/// Every message that was accepted arrives, as it was sent, once.
fn arrived(ward: &Ward, large: &[(&String, &Value)], small: usize, crowd: &Crowd) {
    let patience = wait::PATIENCE * if crowd.is_timed { 40 } else { 10 };
    let count = large.len() + small;
    let all = wait::within(patience, || ward.sink.look(|taken| taken.len() >= count).then_some(()));
    assert!(all.is_some(), "{} of {count} arrived", ward.sink.look(<[_]>::len));
    let taken = ward.sink.taken();
    assert_eq!(taken.len(), count, "something came twice");
    for (number, accepted) in large {
        let subject = format!("large {number}");
        let of = taken.iter().filter(|taken| taken.field("Subject").as_deref() == Some(&subject)).collect::<Vec<_>>();
        let [copy] = of[..] else { panic!("{} copies of {subject}", of.len()) };
        assert_eq!(Some(u64::from(copy.body_crc32)), accepted[0].as_u64(), "{subject} was altered");
        assert!(copy.bytes > crowd.large_bytes * 9 / 10 && copy.tls);
    }
}

/// The most memory that the process ever had (proc(5), `VmHWM`).
fn peak_bytes(server: &Server<'_>) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).expect("the process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

/// A control group whose memory is bounded, page cache and all, where this machine lets us make one.
struct Group(Option<PathBuf>);

impl Group {
    fn new() -> Self {
        let path = PathBuf::from(format!("/sys/fs/cgroup/memory/sealpost-test-{}", std::process::id()));
        let made =
            fs::create_dir(&path).and_then(|()| fs::write(path.join("memory.limit_in_bytes"), MEMORY_MAX.to_string()));
        Self(made.is_ok().then_some(path))
    }

    fn enclose<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        let Some(path) = &self.0 else { return command };
        let mut enclosed = Command::new("sh");
        let script = "echo $$ > \"$0\" && exec \"$@\"";
        enclosed
            .args(["-c", script])
            .arg(path.join("cgroup.procs"))
            .arg(command.get_program())
            .args(command.get_args());
        enclosed.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        *command = enclosed;
        command
    }

    fn describe(&self) -> String {
        let words = |path: &PathBuf| {
            let failures = fs::read_to_string(path.join("memory.failcnt")).unwrap_or_default();
            format!(", within a control group of {} MiB ({} times at its limit)", MEMORY_MAX >> 20, failures.trim())
        };
        self.0.as_ref().map_or_else(String::new, words)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            wait::within(wait::PATIENCE, || fs::remove_dir(path).ok());
        }
    }
}
