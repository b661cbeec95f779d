//! The demo is what a newcomer runs first: it must be green, quick, and leave
//! nothing behind.

use std::process::Command;

use testkit::clients::python;
use testkit::postgres::Postgres;

const BINARY: &str = env!("CARGO_BIN_EXE_sealpost");

#[test]
fn the_demo_is_well_and_its_receipts_are_verified_by_another_library() {
    let kept = tempfile::tempdir().unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let receipts = kept.path().join("made/if/missing");
    let output = Command::new(BINARY)
        .args(["demo", "--once", "--receipts"])
        .arg(&receipts)
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + String::from_utf8_lossy(&output.stderr).as_ref();
    assert!(output.status.success(), "{said}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "something is left on disk");

    let names: Vec<String> =
        std::fs::read_dir(&receipts).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().filter(|name| name.ends_with(".jws")).count() >= 8, "{names:?}");
    let program = format!(
        "import glob, json, jwt\n\
         key = jwt.PyJWK(json.load(open('{dir}/receipts.jwk')))\n\
         for path in glob.glob('{dir}/*.jws'):\n\
         \x20   print(jwt.decode(open(path).read().strip(), key.key, algorithms=['EdDSA'])['status'])\n",
        dir = receipts.display()
    );
    let verified = python(&program, b"").expect_success();
    assert!(verified.text.contains("delivered") && verified.text.contains("opened"));
}

#[test]
fn the_demo_is_well_on_postgresql_and_leaves_a_database_with_mail_alone() {
    let url = Postgres::shared().database();
    let demo = || Command::new(BINARY).args(["demo", "--once", "--store", &url]).output().unwrap();
    let first = demo();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let second = demo();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && said.contains("an empty database"), "{said}");
}
