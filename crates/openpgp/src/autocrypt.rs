//! The `Autocrypt` header field (Autocrypt Level 1 §2.1).

use mail::Address;

/// What an `Autocrypt` field says: the lowest of all sources of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autocrypt {
    /// Whose key it is; must be the message's one author.
    pub address: Address,
    /// Whether the sender prefers encrypted mail in both directions.
    pub prefers_encryption: bool,
    /// The certificate in binary, not looked at.
    pub key_data: Vec<u8>,
}

/// Reads the value of a field; none where it is to be ignored.
pub fn parse(value: &str) -> Option<Autocrypt> {
    let _ = value;
    None
}

/// The value of a field, folded for a header block.
pub fn build(autocrypt: &Autocrypt) -> String {
    let _ = autocrypt;
    String::new()
}
