//! Whatever a stranger sends as a report, reading it ends, within its bounds.

use reports::{DmarcReport, TlsReport, UNPACKED_BYTES_MAX, find, pack, unpack};

#[test]
fn unpacking_ends_within_its_bound() {
    bolero::check!().for_each(|bytes: &[u8]| {
        assert!(unpack(bytes).map_or(true, |unpacked| unpacked.len() <= UNPACKED_BYTES_MAX));
        for start in [&b"PK\x03\x04"[..], b"\x1f\x8b\x08\x00"] {
            drop(unpack(&[start, bytes, b"PK\x05\x06", bytes].concat()));
        }
        assert_eq!(unpack(&pack(bytes)).as_deref(), Ok(bytes));
    });
}

#[test]
fn aggregate_reports_are_read_or_refused() {
    bolero::check!().for_each(|bytes: &[u8]| {
        drop(DmarcReport::parse(bytes));
        let inside = [b"<feedback><record>", bytes, b"</record></feedback>"].concat();
        drop(DmarcReport::parse(&inside));
    });
}

#[test]
fn reports_on_tls_are_read_and_written_back_alike() {
    bolero::check!().for_each(|bytes: &[u8]| {
        if let Ok(report) = TlsReport::parse(bytes) {
            assert_eq!(TlsReport::parse(&report.to_json()), Ok(report));
        }
    });
}

#[test]
fn letters_are_looked_through() {
    bolero::check!().for_each(|bytes: &[u8]| {
        drop(find(bytes));
        let letter =
            [b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: application/xml\r\n", bytes];
        drop(find(&letter.concat()));
    });
}
