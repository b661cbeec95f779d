//! Where a domain wants reports on TLS to go (RFC 8460 §3). Pure.

use super::record::fields;

/// What a domain says about reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsRptRecord {
    /// It wants none.
    Absent,
    /// It wants them here: `mailto:` and `https:` addresses as written, at least one.
    Present {
        /// The addresses.
        rua: Vec<String>,
    },
    /// What stands there counts as none, and is surely meant as a record.
    Broken(TlsRptFault),
}

/// Why a record counts as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsRptFault {
    /// There is more than one, so there is none.
    #[error("there is more than one record")]
    Several,
    /// No address is named.
    #[error("rua is missing or names no address")]
    Rua,
    /// An address is neither of mail nor of https.
    #[error("rua names an address that is neither mailto: nor https:")]
    Scheme,
}

impl TlsRptRecord {
    /// Reads the texts at `_smtp._tls.` of a domain.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut records = texts.filter_map(|text| fields(text, "v=TLSRPTv1"));
        match (records.next(), records.next()) {
            (None, _) => TlsRptRecord::Absent,
            (Some(_), Some(_)) => TlsRptRecord::Broken(TlsRptFault::Several),
            (Some(record), None) => rua(record).map_or_else(TlsRptRecord::Broken, |rua| TlsRptRecord::Present { rua }),
        }
    }
}

fn rua(record: &str) -> Result<Vec<String>, TlsRptFault> {
    let mut named = record.split(';').filter_map(|field| field.trim().strip_prefix("rua="));
    let rua = named.next().ok_or(TlsRptFault::Rua)?;
    let addresses: Vec<String> =
        rua.split(',').map(str::trim).filter(|uri| !uri.is_empty()).map(str::to_owned).collect();
    match addresses.iter().all(|uri| is_reportable(uri)) {
        _ if addresses.is_empty() => Err(TlsRptFault::Rua),
        true => Ok(addresses),
        false => Err(TlsRptFault::Scheme),
    }
}

fn is_reportable(uri: &str) -> bool {
    let after = |scheme: &str| uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    (after("mailto:") && uri.contains('@')) || after("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], expect: Result<&[&str], Option<TlsRptFault>>) {
        let expect = match expect {
            Ok(rua) => TlsRptRecord::Present { rua: rua.iter().map(|uri| (*uri).to_owned()).collect() },
            Err(None) => TlsRptRecord::Absent,
            Err(Some(fault)) => TlsRptRecord::Broken(fault),
        };
        assert_eq!(TlsRptRecord::of(texts.iter().copied()), expect, "{texts:?}");
    }

    #[test]
    fn addresses_for_reports_are_read() {
        check(&["v=TLSRPTv1;rua=mailto:reports@example.com"], Ok(&["mailto:reports@example.com"]));
        check(
            &["x", "v=TLSRPTv1; rua=mailto:a@b.example , https://r.example/v1;"],
            Ok(&["mailto:a@b.example", "https://r.example/v1"]),
        );
        check(&["v=TLSRPTv1; ext=1; rua=HTTPS://r.example/"], Ok(&["HTTPS://r.example/"]));
    }

    #[test]
    fn what_is_no_record_is_told() {
        check(&[], Err(None));
        check(&["v=TLSRPTv2; rua=mailto:a@b"], Err(None));
        check(&["v=TLSRPTv1; rua=mailto:a@b", "v=TLSRPTv1; rua=mailto:a@b"], Err(Some(TlsRptFault::Several)));
        check(&["v=TLSRPTv1;"], Err(Some(TlsRptFault::Rua)));
        check(&["v=TLSRPTv1; rua="], Err(Some(TlsRptFault::Rua)));
        check(&["v=TLSRPTv1; rua=http://a.example"], Err(Some(TlsRptFault::Scheme)));
        check(&["v=TLSRPTv1; rua=mailto:nobody"], Err(Some(TlsRptFault::Scheme)));
    }
}
