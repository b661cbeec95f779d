//! Names in the Web Key Directory (draft-koch-openpgp-webkey-service §3.1).

use aws_lc_rs::digest;
use mail::Address;

/// z-base-32: letters that are told apart when they are read aloud.
const LETTERS: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";

/// Where the key of an address is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The 32 letters of the hashed local part.
    pub hash: String,
    /// `https://openpgpkey.clinic.example/.well-known/openpgpkey/clinic.example/hu/…?l=…`
    pub advanced: String,
    /// `https://clinic.example/.well-known/openpgpkey/hu/…?l=…`
    pub direct: String,
}

/// The names under which `address` is looked up. The direct one is asked only
/// where the host `openpgpkey.` of the advanced one does not exist.
pub fn names(address: &Address) -> Names {
    let (domain, local) = (address.domain(), address.local());
    let hash = hash(local);
    let query = format!("{hash}?l={}", escaped(local));
    Names {
        advanced: format!("https://openpgpkey.{domain}/.well-known/openpgpkey/{domain}/hu/{query}"),
        direct: format!("https://{domain}/.well-known/openpgpkey/hu/{query}"),
        hash,
    }
}

/// The hashed local part, ASCII letters in lower case: the one place where its
/// case is folded, because the directory demands it. What is found must still
/// name the address exactly.
pub fn hash(local: &str) -> String {
    let folded = local.to_ascii_lowercase();
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, folded.as_bytes());
    // Five bytes are eight letters, and 20 bytes are a multiple of five.
    let (groups, _) = digest.as_ref().as_chunks::<5>();
    let letters = groups.iter().flat_map(|group| {
        let number = group.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        (0..8_u32).rev().map(move |place| LETTERS[usize::try_from((number >> (place * 5)) & 31).unwrap_or_default()])
    });
    letters.map(char::from).collect()
}

/// RFC 3986 §2.1, all but the unreserved.
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_draft() {
        let names = names(&Address::parse("Joe.Doe@Example.ORG").unwrap());
        assert_eq!(names.hash, "iy9q119eutrkn8s1mk4r39qejnbu3n5q");
        assert_eq!(
            names.advanced,
            "https://openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe"
        );
        assert_eq!(
            names.direct,
            "https://example.org/.well-known/openpgpkey/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe"
        );
    }

    #[test]
    fn a_local_part_can_not_leave_its_place_in_the_address() {
        let names = names(&Address::parse("\"a/../b?c&d#e f\"@clinic.example").unwrap());
        assert!(names.direct.ends_with("?l=%22a%2F..%2Fb%3Fc%26d%23e%20f%22"), "{}", names.direct);
        let names = super::names(&Address::parse("jörg@bücher.example").unwrap());
        assert!(names.direct.starts_with("https://xn--bcher-kva.example/"), "{}", names.direct);
        assert!(names.direct.ends_with("?l=j%C3%B6rg"), "{}", names.direct);
    }
}
