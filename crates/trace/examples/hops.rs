//! Prints every hop of the messages that are named, a line each, by tabs.

fn main() {
    let trust = trace::Trust::default();
    for path in std::env::args().skip(1) {
        let Ok(message) = std::fs::read(&path) else { continue };
        let Ok(block) = trace::Block::read(&message, &trace::Limits::default()) else { continue };
        let traced = trace::trace(&block, &trust);
        let file = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".eml");
        for (index, hop) in traced.hops.iter().enumerate() {
            let tls = hop.tls.unwrap_or_default();
            let time = hop.time.map(|time| time.to_string()).unwrap_or_default();
            let columns = [
                file.to_owned(),
                index.to_string(),
                hop.by.name.unwrap_or_default().to_owned(),
                hop.from.written.unwrap_or_default().to_owned(),
                hop.with.unwrap_or_default().to_owned(),
                tls.version.unwrap_or_default().to_owned(),
                tls.cipher.unwrap_or_default().to_owned(),
                tls.bits.map(|bits| bits.to_string()).unwrap_or_default(),
                time,
                hop.verdict.to_string(),
                hop.because.to_string(),
                format!("{:?}", hop.leg),
                hop.trusted.to_string(),
                hop.software.unwrap_or_default().to_owned(),
                tls.cipher_name().unwrap_or_default(),
                format!("{:?}", hop.strength()),
                hop.text.split_whitespace().collect::<Vec<_>>().join(" "),
            ];
            emit(&columns.join("\t"));
        }
        emit(&format!("{file}\tmessage\t{}\t{}", traced.summary.verdict, traced.because()));
    }
}

fn emit(line: &str) {
    use std::io::Write;
    drop(writeln!(std::io::stdout(), "{line}"));
}
