//! Every meter is written down for whoever watches the system.

use std::path::Path;

#[test]
fn every_meter_stands_in_the_documentation() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operation.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `sealpost_")).count();
    assert_eq!(rows, flow::meters::METERS.len(), "a row a meter");
    for (name, reading, _) in flow::meters::METERS {
        let kind = format!("| `{name}` | {} |", format!("{reading:?}").to_lowercase());
        assert!(page.contains(&kind), "{kind}");
    }
}
