//! Names in the Web Key Directory (draft-koch-openpgp-webkey-service §3.1).

use mail::Address;

/// Where the key of `address` is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The 32 letters of the hashed local part.
    pub hash: String,
    /// `https://openpgpkey.clinic.example/.well-known/openpgpkey/clinic.example/hu/…?l=…`
    pub advanced: String,
    /// `https://clinic.example/.well-known/openpgpkey/hu/…?l=…`
    pub direct: String,
}

/// The names under which `address` is looked up, the advanced one first.
pub fn names(address: &Address) -> Names {
    let _ = address;
    Names { hash: String::new(), advanced: String::new(), direct: String::new() }
}
