//! A day in the life of an image: an installation is made in its volumes, the
//! server runs over them and takes a message, nothing else can be written, the
//! image's own HEALTHCHECK tells the truth, and it stops when it is told to.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::bundle::{Bundle, PLACES, USER};
use super::{output, told};

/// How long the server may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// No container lives longer.
const LIFE_S: &str = "120";
const SERVER: &str = "sealpost-trial";

/// Tries the image.
pub fn run(image: &str) -> Result<()> {
    let working = Working::of(image)?;
    let about = working.about()?;
    ensure!(about["config"]["User"] == format!("{USER}:{USER}"), "the image's user is {}", about["config"]["User"]);
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let entry = words(&about["config"]["Entrypoint"]);
    let health: Vec<String> = words(&about["config"]["Healthcheck"]["Test"]).into_iter().skip(1).collect();
    ensure!(!health.is_empty(), "the image has no HEALTHCHECK");
    let trial = Trial { bundle: Bundle::new(working.root()?)?, health };

    let init = ["init", "secure.clinic.example", "--domain", "clinic.example"].map(str::to_owned);
    trial.must("init", &[entry.as_slice(), &init].concat(), &PLACES)?;
    let sick = trial.run("sick", &trial.health, &[])?;
    ensure!(!sick.status.success(), "the HEALTHCHECK is content where no server runs");
    let serve = [entry, words(&about["config"]["Cmd"])].concat();
    trial.serve(&serve)?;
    eprintln!("✓ {image}: read-only, without root and capabilities; took a message, told its health, stopped");
    Ok(())
}

/// A container of buildah's over the image, removed at the end.
struct Working(String);

impl Working {
    fn of(image: &str) -> Result<Self> {
        output(Command::new("buildah").args(["from", image])).map(Self)
    }

    fn root(&self) -> Result<PathBuf> {
        output(Command::new("buildah").args(["mount", &self.0])).map(PathBuf::from)
    }

    fn about(&self) -> Result<Value> {
        let told = output(Command::new("buildah").args(["inspect", &self.0]))?;
        Ok(serde_json::from_str::<Value>(&told)?["Docker"].take())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        drop(told(Command::new("buildah").args(["rm", &self.0])));
    }
}

struct Trial {
    bundle: Bundle,
    /// The command of the HEALTHCHECK.
    health: Vec<String>,
}

impl Trial {
    fn run(&self, name: &str, command: &[String], writable: &[&str]) -> Result<Output> {
        let folder = self.bundle.describe(name, command, writable)?;
        Ok(crun(&["run", "--bundle", &folder.to_string_lossy(), name]).output()?)
    }

    fn must(&self, name: &str, command: &[String], writable: &[&str]) -> Result<()> {
        let output = self.run(name, command, writable)?;
        ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Serves with only the data writable, and looks at it meanwhile.
    fn serve(&self, command: &[String]) -> Result<()> {
        let folder = self.bundle.describe(SERVER, command, &["/var/lib/sealpost"])?;
        let mut run = crun(&["run", "--bundle", &folder.to_string_lossy(), SERVER]);
        let mut server = Server(run.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().context("crun")?);
        let looked = self.ready(&mut server).and_then(|()| looked_at());
        let stopped = server.stop();
        looked.and(stopped)
    }

    fn ready(&self, server: &mut Server) -> Result<()> {
        let health: Vec<&str> = self.health.iter().map(String::as_str).collect();
        let mut said = String::new();
        let ready = within(|| {
            if let Some(status) = server.0.try_wait()? {
                anyhow::bail!("the server ended: {status}");
            }
            let asked = inside(&health)?;
            said = String::from_utf8_lossy(&asked.stderr).into_owned();
            Ok(asked.status.success().then_some(()))
        });
        ready.with_context(|| format!("the HEALTHCHECK never became content: {said}"))
    }
}

/// What holds of a server that is ready.
fn looked_at() -> Result<()> {
    for place in ["/", "/usr/bin", "/tmp", "/etc/sealpost"] {
        let written = inside(&["/usr/bin/touch", &format!("{place}/written")])?;
        ensure!(!written.status.success(), "{place} can be written");
    }
    let send = ["/usr/bin/sealpost", "send", "--from", "nurse@clinic.example", "--to", "pat@example.com"];
    let sent =
        inside(&[send.as_slice(), &["--subject", "A message", "--text", "/etc/debian_version", "--json"]].concat())?;
    ensure!(sent.status.success(), "send: {}", String::from_utf8_lossy(&sent.stderr));
    let list = inside(&["/usr/bin/sealpost", "message", "list", "--json"])?;
    let listed: Value = serde_json::from_slice(&list.stdout).context("message list")?;
    ensure!(listed.to_string().contains("msg_"), "the message is not listed: {listed}");
    Ok(())
}

/// The container of the server, killed if it is still there at the end.
struct Server(Child);

impl Server {
    fn stop(&mut self) -> Result<()> {
        told(&mut crun(&["kill", SERVER, "TERM"]))?;
        let status = self.0.wait()?;
        ensure!(status.success(), "the server stopped with {status}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            drop(crun(&["kill", SERVER, "KILL"]).status());
            drop(self.0.wait());
        }
    }
}

fn inside(command: &[&str]) -> Result<Output> {
    // crun alone would run it as root; what runs images runs it as the image's user.
    let user = format!("{USER}:{USER}");
    Ok(crun(&[["exec", "--user", &user, SERVER].as_slice(), command].concat()).output()?)
}

/// crun, where the second hierarchy of control groups is out of its sight: it
/// refuses a machine that has both. It is not asked to limit anything.
fn crun(arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    let script = "umount --lazy /sys/fs/cgroup/unified 2>/dev/null; exec crun --cgroup-manager=disabled \"$@\"";
    command.args([LIFE_S, "unshare", "--mount", "sh", "-c", script, "crun"]).args(arguments).stdin(Stdio::null());
    command
}

/// Asks again until there is an answer. Each question is a program of its own, which takes its time.
fn within<T>(mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
    }
    anyhow::bail!("no answer within {} s", PATIENCE.as_secs())
}
