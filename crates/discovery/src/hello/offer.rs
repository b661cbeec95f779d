//! Writes a ClientHello.

use mail::Domain;

use super::Version;

/// What a ClientHello offers.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// The version, and no newer one. A server may still answer with an older.
    pub version: Version,
    /// Cipher suites, best first.
    pub suites: &'a [u16],
    /// Groups for the key exchange, best first.
    pub groups: &'a [u16],
    /// The name that the certificate should be for.
    pub server_name: Option<&'a Domain>,
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const EC_POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const EXTENDED_MASTER_SECRET: u16 = 23;
const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
const RENEGOTIATION_INFO: u16 = 0xff01;

/// Signatures that are taken, SHA-1 too: what the certificate is worth is
/// judged elsewhere.
const SIGNATURES: [u16; 13] =
    [0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201, 0x0402];

/// The bytes of a ClientHello in one record.
///
/// For TLS 1.3 no key share is sent: a server that takes the offer answers with
/// a HelloRetryRequest, which names suite and group (RFC 8446 §4.2.8).
pub fn client_hello(offer: &Offer<'_>, random: [u8; 32], session: [u8; 32]) -> Vec<u8> {
    let named = if offer.version == Version::Tls13 { Version::Tls12 } else { offer.version };
    let mut body = named.number().to_be_bytes().to_vec();
    body.extend(random);
    match offer.version {
        // A session to resume that there never was: what middleboxes expect of TLS 1.3.
        Version::Tls13 => body.extend(prefixed8(&session)),
        _ => body.push(0),
    }
    body.extend(prefixed16(&numbers(offer.suites)));
    body.extend([1, 0]);
    if offer.version != Version::Ssl3 {
        body.extend(prefixed16(&extensions(offer)));
    }
    let mut message = vec![CLIENT_HELLO, 0];
    message.extend(prefixed16(&body));
    // Servers of long ago refuse a record that is newer than they are.
    let outer = offer.version.number().min(Version::Tls10.number());
    let mut record = vec![HANDSHAKE];
    record.extend(outer.to_be_bytes());
    record.extend(prefixed16(&message));
    record
}

fn extensions(offer: &Offer<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |kind: u16, body: &[u8]| {
        all.extend(kind.to_be_bytes());
        all.extend(prefixed16(body));
    };
    if let Some(name) = offer.server_name {
        let mut entry = vec![0];
        entry.extend(prefixed16(name.as_str().as_bytes()));
        add(SERVER_NAME, &prefixed16(&entry));
    }
    add(SUPPORTED_GROUPS, &prefixed16(&numbers(offer.groups)));
    if offer.version >= Version::Tls12 {
        add(SIGNATURE_ALGORITHMS, &prefixed16(&numbers(&SIGNATURES)));
    }
    if offer.version == Version::Tls13 {
        add(SUPPORTED_VERSIONS, &prefixed8(&Version::Tls13.number().to_be_bytes()));
        add(KEY_SHARE, &prefixed16(&[]));
    } else {
        add(EC_POINT_FORMATS, &prefixed8(&[0]));
        add(EXTENDED_MASTER_SECRET, &[]);
        add(RENEGOTIATION_INFO, &[0]);
    }
    all
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// All that is written here is far shorter than the prefix can say.
fn prefixed16(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    let mut out = length.to_be_bytes().to_vec();
    out.extend(body.iter().take(length.into()));
    out
}

fn prefixed8(body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    let mut out = vec![length];
    out.extend(body.iter().take(length.into()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_of_ssl_3_has_no_extensions() {
        let offer = Offer { version: Version::Ssl3, suites: &[0x000a, 0x0005], groups: &[], server_name: None };
        let bytes = client_hello(&offer, [7; 32], [0; 32]);
        let mut expect = vec![22, 3, 0, 0, 47, 1, 0, 0, 43, 3, 0];
        expect.extend([7; 32]);
        expect.extend([0, 0, 4, 0, 10, 0, 5, 1, 0]);
        assert_eq!(bytes, expect);
    }

    #[test]
    fn each_length_is_of_what_follows() {
        let name = Domain::parse("mx.example").unwrap();
        for version in Version::ALL {
            let offer = Offer { version, suites: &[1, 2, 3], groups: &[0x1d], server_name: Some(&name) };
            let bytes = client_hello(&offer, [1; 32], [2; 32]);
            let length = |at: usize| usize::from(bytes[at]) << 8 | usize::from(bytes[at + 1]);
            assert_eq!(length(3), bytes.len() - 5, "{version:?}");
            assert_eq!(length(7), bytes.len() - 9, "{version:?}");
            let has_name = bytes.windows(10).any(|window| window == b"mx.example");
            assert_eq!(has_name, version != Version::Ssl3);
        }
    }
}
