//! Who must not be seen: the recipients that the message itself does not name.

use mail::header;
use mail::mailbox::mailboxes;
use mail::{Address, Recipient};

/// The recipients that neither To nor Cc names, Bcc above all: each gets a
/// sealed copy of its own, since the keys that open a copy tell for whom it is.
/// One whose address can't be found in a field that can't be read is hidden.
pub fn hidden<'a>(block: &[u8], recipients: &'a [Recipient]) -> Vec<&'a Recipient> {
    let named: Vec<Address> = header::fields(block)
        .filter(|field| field.is("To") || field.is("Cc"))
        .flat_map(|field| mailboxes(field.value).addresses)
        .flatten()
        .collect();
    recipients.iter().filter(|recipient| !named.contains(&recipient.address)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_named_is_hidden() {
        let block =
            b"To: A <a@X.example>,\r\n b@x.example\r\nCc: c@x.example\r\nBcc: d@x.example\r\nFrom: e@x.example\r\n";
        let recipients: Vec<Recipient> = ["a@x.example", "B@x.example", "c@x.example", "d@x.example", "e@x.example"]
            .map(|text| Recipient::new(Address::parse(text).unwrap()))
            .into();
        let found: Vec<String> = hidden(block, &recipients).iter().map(|one| one.address.to_string()).collect();
        assert_eq!(found, ["B@x.example", "d@x.example", "e@x.example"]);
    }
}
