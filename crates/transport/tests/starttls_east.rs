//! The scripts of the EAST toolkit's fake mail server, from the suites folder
//! that `SEALPOST_SUITES` names: a server that breaks STARTTLS in every way it
//! can. Content that needs verified TLS crosses in none of them but in TLS.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mail::Need;
use support::peer::{Behaviour, Tls, server_config};
use support::{World, notice, parcel, words};
use testkit::ca::Identity;

#[tokio::test]
async fn no_script_gets_content_in_clear() {
    let Some(suites) = std::env::var_os("SEALPOST_SUITES") else {
        return report("starttls-east: not run: SEALPOST_SUITES names no folder of suites");
    };
    let scripts = scripts(&Path::new(&suites).join("starttls-east/fake-mail-server-smtp"));
    assert!(scripts.len() >= 50, "the suite is there");
    for script in &scripts {
        let text = fs::read_to_string(script).unwrap();
        check(&script.display().to_string(), &text).await;
    }
    report(&format!("starttls-east: {} scripts run", scripts.len()));
}

/// Tests that are not run must say so, whoever captures what they print.
fn report(text: &str) {
    use std::io::Write;
    drop(writeln!(std::io::stderr(), "{text}"));
}

async fn check(name: &str, script: &str) {
    let mut world = World::new();
    world.config.timeouts.handshake = Duration::from_millis(500);
    world.config.timeouts.command = Duration::from_millis(500);
    let peer = world.host(|ca, name| behaviour(script, &ca.issue(&[name]))).await;
    let found = words(&world.deliver(&parcel(Need::Verified)).await).join("; ");
    assert!(peer.saw_no_secret(), "{name}: content crossed in clear");
    assert_eq!(found.contains("delivered"), is_sound(script), "{name}: {found}");
    assert!(!peer.seen().clear.starts_with(b"MAIL"), "{name}");

    // A notice holds nothing that needs protection, but it keeps the order of things.
    let mut world = World::new();
    world.config.timeouts.handshake = Duration::from_millis(500);
    world.config.timeouts.command = Duration::from_millis(500);
    let _peer = world.host(|ca, name| behaviour(script, &ca.issue(&[name]))).await;
    words(&world.deliver(&notice()).await);
}

/// Whether this is a server like any other.
fn is_sound(script: &str) -> bool {
    let broken = ["stls_response:", "\"starttls\":", "\"ehlo\":"];
    let greets = quoted(script, "greeting:").is_none_or(|greeting| greeting.starts_with("220"));
    offers_starttls(script) && greets && broken.iter().all(|key| quoted(script, key).is_none())
}

fn offers_starttls(script: &str) -> bool {
    let clear = script.split("capabilities_tls").next().unwrap_or_default();
    clear.contains("StartTLS") && !script.contains("hide_commands")
}

fn behaviour(script: &str, identity: &Identity) -> Behaviour {
    let mut behaviour = Behaviour::clear();
    if let Some(greeting) = quoted(script, "greeting:") {
        behaviour.greeting = greeting;
    }
    if let Some(reply) = quoted(script, "stls_response:").or_else(|| quoted(script, "\"starttls\":")) {
        behaviour.tls = Tls::Reply(reply);
    } else if offers_starttls(script) {
        behaviour.tls = Tls::Offered(server_config(identity));
    }
    if script.contains("hide_commands") {
        behaviour = behaviour.reply("EHLO", "500 what").reply("STARTTLS", "500 what");
    }
    for command in ["ehlo", "helo", "quit", "rset"] {
        if let Some(reply) = quoted(script, &format!("\"{command}\":")) {
            behaviour = behaviour.reply(command, &reply);
        }
    }
    behaviour
}

/// The text in quotes after a key that is not commented out, without its line end.
fn quoted(script: &str, key: &str) -> Option<String> {
    let line = script.lines().find(|line| line.contains(key) && !line.trim_start().starts_with("//"))?;
    let (_, after) = line.split_once(key)?;
    let text = after.split('"').nth(1)?;
    Some(text.trim_end_matches("\\r\\n").replace("\\r\\n", "\r\n"))
}

fn scripts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(scripts(&path));
        } else if path.extension().is_some_and(|extension| extension == "ron") {
            found.push(path);
        }
    }
    found.sort();
    found
}
