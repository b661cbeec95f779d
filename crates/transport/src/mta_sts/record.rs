//! The TXT record that says that a domain has a policy, and which one
//! (RFC 8461 §3.1). Pure.

/// Whether a domain says that it has a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StsRecord {
    /// It doesn't.
    Absent,
    /// It does; the id changes with the policy.
    Present {
        /// 1 to 32 letters and digits.
        id: String,
    },
    /// What stands there counts as no policy, and is surely meant as one.
    Broken(StsRecordFault),
}

/// Why a record counts as none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StsRecordFault {
    /// There is more than one, so there is none.
    #[error("there is more than one record")]
    Several,
    /// It has no `id`, or one that is none.
    #[error("the id is missing, or not 1 to 32 letters and digits")]
    Id,
    /// A field is not `name=value`.
    #[error("a field is not written as name=value")]
    Field,
}

impl StsRecord {
    /// Reads the texts at `_mta-sts.` of a domain.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut records = texts.filter_map(|text| fields(text, "v=STSv1"));
        match (records.next(), records.next()) {
            (None, _) => StsRecord::Absent,
            (Some(_), Some(_)) => StsRecord::Broken(StsRecordFault::Several),
            (Some(record), None) => id(record).map_or_else(StsRecord::Broken, |id| StsRecord::Present { id }),
        }
    }
}

/// What follows the version of a record of this version. Others are somebody else's.
pub(super) fn fields<'a>(text: &'a str, version: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(version)?;
    let rest = rest.trim_start_matches([' ', '\t']);
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(';') }
}

fn id(fields: &str) -> Result<String, StsRecordFault> {
    let mut id = None;
    let written = fields.split(';').map(|field| field.trim_matches([' ', '\t'])).filter(|field| !field.is_empty());
    for field in written {
        let (name, value) = field.split_once('=').ok_or(StsRecordFault::Field)?;
        if name == "id" && id.is_none() {
            id = Some(value);
        }
    }
    let id = id.ok_or(StsRecordFault::Id)?;
    let is_id = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id { Ok(id.to_owned()) } else { Err(StsRecordFault::Id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(texts: &[&str], expect: Result<Option<&str>, StsRecordFault>) {
        let expect = match expect {
            Ok(None) => StsRecord::Absent,
            Ok(Some(id)) => StsRecord::Present { id: id.to_owned() },
            Err(fault) => StsRecord::Broken(fault),
        };
        assert_eq!(StsRecord::of(texts.iter().copied()), expect, "{texts:?}");
    }

    #[test]
    fn one_record_says_which_policy() {
        check(&[], Ok(None));
        check(&["v=spf1 -all"], Ok(None));
        check(&["v=STSv1; id=20160831085700Z;"], Ok(Some("20160831085700Z")));
        check(&["v=STSv1;id=1"], Ok(Some("1")));
        check(&["v=STSv1 ; a=b; id=1 ;"], Ok(Some("1")));
        check(&["v=STSv1; id=1; id=2"], Ok(Some("1")));
        check(&["other", "v=STSv1; id=1"], Ok(Some("1")));
        check(&["v=STSv2; id=1"], Ok(None));
        check(&["v=STSv10; id=1"], Ok(None));
        check(&["V=STSV1; id=1"], Ok(None));
    }

    #[test]
    fn two_records_are_none() {
        check(&["v=STSv1; id=1;", "v=STSv1; id=2;"], Err(StsRecordFault::Several));
        check(&["v=STSv1; id=1;", "v=STSv1; id=1;"], Err(StsRecordFault::Several));
    }

    #[test]
    fn a_broken_record_is_told() {
        check(&["v=STSv1"], Err(StsRecordFault::Id));
        check(&["v=STSv1;"], Err(StsRecordFault::Id));
        check(&["v=STSv1; id="], Err(StsRecordFault::Id));
        check(&["v=STSv1; id=2016-08-31"], Err(StsRecordFault::Id));
        check(&["v=STSv1; id=123456789012345678901234567890123"], Err(StsRecordFault::Id));
        check(&["v=STSv1; nonsense; id=1"], Err(StsRecordFault::Field));
    }
}
