//! The mail addresses of a certificate (RFC 8550 §3, RFC 9598).

use mail::Address;

use super::extensions::{Extensions, GeneralName};
use super::name::{EMAIL_ADDRESS, Name};

/// Addresses among the alternative names; where there is none of their kind, the subject's emailAddress, which RFC 8550
/// §3 keeps for old certificates. What is no address names nobody.
pub(super) fn of(subject: &Name, extensions: &Extensions) -> Vec<Address> {
    let names = extensions.alternative_names.as_deref().unwrap_or_default();
    let texts = names.iter().filter_map(|name| match name {
        GeneralName::Mail(text) | GeneralName::MailUtf8(text) => Some(text.as_str()),
        _ => None,
    });
    let mut texts: Vec<&str> = texts.collect();
    if texts.is_empty() {
        texts.extend(subject.values(EMAIL_ADDRESS));
    }
    let mut addresses = Vec::new();
    for address in texts.into_iter().filter_map(|text| Address::parse(text).ok()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}
