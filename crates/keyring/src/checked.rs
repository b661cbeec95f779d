//! What was learned when a certificate's issuers were asked whether it is
//! revoked: kept with the key, sealed as it is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smime::trust::{Said, Standing};

/// What was learned of a certificate's revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    /// When its issuers were asked.
    pub at: Timestamp,
    /// From when they are to be asked again.
    pub again: Timestamp,
    /// What they said of the certificates of its chain.
    #[serde(with = "written")]
    pub standings: Vec<Standing>,
    /// Why nothing could be learned of one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl Checked {
    /// The words for people.
    pub fn words(&self) -> String {
        let since = self.standings.iter().find_map(|standing| match standing.said {
            Said::Revoked { since } => Some(since),
            Said::Good => None,
        });
        let until = self.standings.iter().map(|standing| standing.until).min();
        match (since, &self.trouble, until) {
            (Some(since), _, _) => format!("revoked since {since}"),
            (None, Some(why), _) => format!("unknown: {why}"),
            (None, None, Some(until)) => format!("not revoked, which holds until {until}"),
            (None, None, None) => "unknown: nobody says".to_owned(),
        }
    }
}

/// Standings as they are kept.
mod written {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use smime::trust::{Said, Standing};

    #[derive(Serialize, Deserialize)]
    struct Written {
        certificate: [u8; 32],
        issuer: [u8; 32],
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revoked_since: Option<Timestamp>,
        until: Timestamp,
    }

    pub(super) fn serialize<S: Serializer>(standings: &[Standing], to: S) -> Result<S::Ok, S::Error> {
        let write = |standing: &Standing| Written {
            certificate: standing.certificate,
            issuer: standing.issuer,
            revoked_since: match standing.said {
                Said::Revoked { since } => Some(since),
                Said::Good => None,
            },
            until: standing.until,
        };
        to.collect_seq(standings.iter().map(write))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Standing>, D::Error> {
        let read = |written: Written| Standing {
            certificate: written.certificate,
            issuer: written.issuer,
            said: written.revoked_since.map_or(Said::Good, |since| Said::Revoked { since }),
            until: written.until,
        };
        Ok(Vec::<Written>::deserialize(from)?.into_iter().map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_comes_back_and_has_words() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let good = Standing { certificate: [1; 32], issuer: [2; 32], said: Said::Good, until: at(90) };
        let revoked = Standing { said: Said::Revoked { since: at(50) }, ..good };
        let checked = |standings: Vec<Standing>, trouble: Option<&str>| Checked {
            at: at(60),
            again: at(70),
            standings,
            trouble: trouble.map(str::to_owned),
        };
        for (checked, words) in [
            (checked(vec![good], None), "not revoked, which holds until 1970-01-01T00:01:30Z"),
            (checked(vec![good, revoked], Some("x")), "revoked since 1970-01-01T00:00:50Z"),
            (checked(vec![good], Some("no answer in time")), "unknown: no answer in time"),
            (checked(Vec::new(), None), "unknown: nobody says"),
        ] {
            assert_eq!(checked.words(), words);
            let text = serde_json::to_string(&checked).unwrap();
            assert_eq!(serde_json::from_str::<Checked>(&text).unwrap(), checked);
        }
    }
}
