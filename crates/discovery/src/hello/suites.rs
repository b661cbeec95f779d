//! The cipher suites that are asked for, by their registered names (IANA, TLS
//! Cipher Suites), and what each is worth. Data.

/// What a suite is worth. Each suite is in one class: the worst that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Keys cut to 40 or 56 bits for export: broken in minutes.
    Export,
    /// No encryption at all.
    Null,
    /// No certificate: nothing says who answers. Harmless where nobody looks
    /// at certificates, and never chosen by Sealpost.
    Anonymous,
    /// RC4, which leaks (RFC 7465 forbids it).
    Rc4,
    /// Ciphers with blocks of 64 bits: 3DES, DES, IDEA (Sweet32).
    SmallBlocks,
    /// The session key travels under the server's RSA key: whoever gets that
    /// key later reads what was recorded today.
    RsaKeyExchange,
    /// CBC, authenticated before it is encrypted (Lucky 13).
    Cbc,
    /// Finite-field Diffie-Hellman: sound if its group is.
    FiniteField,
    /// ECDHE with an authenticated cipher.
    Sound,
    /// A suite of TLS 1.3, which has no others.
    Tls13,
}

impl Class {
    /// Every class of TLS 1.2 and older, worst first.
    pub const OLD: [Class; 9] = [
        Class::Export,
        Class::Null,
        Class::Anonymous,
        Class::Rc4,
        Class::SmallBlocks,
        Class::RsaKeyExchange,
        Class::Cbc,
        Class::FiniteField,
        Class::Sound,
    ];

    /// The word for it in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Class::Export => "export",
            Class::Null => "null",
            Class::Anonymous => "anonymous",
            Class::Rc4 => "rc4",
            Class::SmallBlocks => "small_blocks",
            Class::RsaKeyExchange => "rsa_key_exchange",
            Class::Cbc => "cbc",
            Class::FiniteField => "finite_field",
            Class::Sound => "sound",
            Class::Tls13 => "tls13",
        }
    }

    /// The suites of this class.
    pub fn suites(self) -> Vec<u16> {
        SUITES.iter().filter(|(_, name)| class_of(name) == self).map(|(suite, _)| *suite).collect()
    }
}

/// The registered name of a suite.
pub fn suite_name(suite: u16) -> Option<&'static str> {
    SUITES.iter().find(|(known, _)| *known == suite).map(|(_, name)| *name)
}

/// What a suite is worth; none where it is not known.
pub fn class(suite: u16) -> Option<Class> {
    suite_name(suite).map(class_of)
}

/// Every suite of TLS 1.2 and older.
pub fn old_suites() -> Vec<u16> {
    SUITES.iter().filter(|(_, name)| class_of(name) != Class::Tls13).map(|(suite, _)| *suite).collect()
}

fn class_of(name: &str) -> Class {
    let has = |part: &str| name.contains(part);
    match name {
        _ if has("_EXPORT_") => Class::Export,
        _ if has("_NULL_") => Class::Null,
        _ if has("_anon_") => Class::Anonymous,
        _ if has("_RC4_") => Class::Rc4,
        _ if has("DES_") || has("_IDEA_") => Class::SmallBlocks,
        _ if !has("_WITH_") => Class::Tls13,
        _ if name.starts_with("TLS_RSA_") => Class::RsaKeyExchange,
        _ if has("_CBC_") => Class::Cbc,
        _ if name.starts_with("TLS_DHE_") => Class::FiniteField,
        _ => Class::Sound,
    }
}

/// Without those of pre-shared keys, Kerberos, SRP and DSS, which no MX has.
const SUITES: &[(u16, &str)] = &[
    (0x0001, "TLS_RSA_WITH_NULL_MD5"),
    (0x0002, "TLS_RSA_WITH_NULL_SHA"),
    (0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5"),
    (0x0004, "TLS_RSA_WITH_RC4_128_MD5"),
    (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
    (0x0006, "TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5"),
    (0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA"),
    (0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA"),
    (0x0009, "TLS_RSA_WITH_DES_CBC_SHA"),
    (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0014, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA"),
    (0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA"),
    (0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0017, "TLS_DH_anon_EXPORT_WITH_RC4_40_MD5"),
    (0x0018, "TLS_DH_anon_WITH_RC4_128_MD5"),
    (0x0019, "TLS_DH_anon_EXPORT_WITH_DES40_CBC_SHA"),
    (0x001a, "TLS_DH_anon_WITH_DES_CBC_SHA"),
    (0x001b, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA"),
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA"),
    (0x003b, "TLS_RSA_WITH_NULL_SHA256"),
    (0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    (0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0046, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x006c, "TLS_DH_anon_WITH_AES_128_CBC_SHA256"),
    (0x006d, "TLS_DH_anon_WITH_AES_256_CBC_SHA256"),
    (0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0089, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0096, "TLS_RSA_WITH_SEED_CBC_SHA"),
    (0x009a, "TLS_DHE_RSA_WITH_SEED_CBC_SHA"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256"),
    (0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384"),
    (0x00ba, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0x00be, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0x00c0, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256"),
    (0x00c4, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256"),
    (0xc006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA"),
    (0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA"),
    (0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc010, "TLS_ECDHE_RSA_WITH_NULL_SHA"),
    (0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    (0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0xc015, "TLS_ECDH_anon_WITH_NULL_SHA"),
    (0xc016, "TLS_ECDH_anon_WITH_RC4_128_SHA"),
    (0xc017, "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA"),
    (0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"),
    (0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA"),
    (0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xc050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256"),
    (0xc051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384"),
    (0xc052, "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256"),
    (0xc053, "TLS_DHE_RSA_WITH_ARIA_256_GCM_SHA384"),
    (0xc05c, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256"),
    (0xc05d, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384"),
    (0xc060, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256"),
    (0xc061, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384"),
    (0xc072, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0xc073, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384"),
    (0xc076, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0xc077, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384"),
    (0xc09c, "TLS_RSA_WITH_AES_128_CCM"),
    (0xc09d, "TLS_RSA_WITH_AES_256_CCM"),
    (0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM"),
    (0xc09f, "TLS_DHE_RSA_WITH_AES_256_CCM"),
    (0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8"),
    (0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8"),
    (0xc0a2, "TLS_DHE_RSA_WITH_AES_128_CCM_8"),
    (0xc0a3, "TLS_DHE_RSA_WITH_AES_256_CCM_8"),
    (0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    (0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"),
    (0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),
    (0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8"),
    (0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(suite: u16, name: &str, expect: Class) {
        assert_eq!((suite_name(suite), class(suite)), (Some(name), Some(expect)));
    }

    #[test]
    fn each_suite_is_of_the_worst_class_that_holds() {
        check(0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5", Class::Export);
        check(0x0017, "TLS_DH_anon_EXPORT_WITH_RC4_40_MD5", Class::Export);
        check(0xc015, "TLS_ECDH_anon_WITH_NULL_SHA", Class::Null);
        check(0x0018, "TLS_DH_anon_WITH_RC4_128_MD5", Class::Anonymous);
        check(0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA", Class::Rc4);
        check(0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", Class::SmallBlocks);
        check(0x0009, "TLS_RSA_WITH_DES_CBC_SHA", Class::SmallBlocks);
        check(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", Class::RsaKeyExchange);
        check(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Class::Cbc);
        check(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", Class::Cbc);
        check(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", Class::FiniteField);
        check(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Class::Sound);
        check(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Class::Sound);
        check(0x1301, "TLS_AES_128_GCM_SHA256", Class::Tls13);
        assert_eq!(suite_name(0x1a1a), None);
    }

    #[test]
    fn no_class_is_empty_and_no_suite_stands_twice() {
        assert!(Class::OLD.iter().all(|class| !class.suites().is_empty()));
        let counted: usize = Class::OLD.iter().map(|class| class.suites().len()).sum();
        assert_eq!(counted, old_suites().len());
        let mut codes: Vec<u16> = SUITES.iter().map(|(suite, _)| *suite).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), SUITES.len());
    }

    /// The names against another's list of them.
    #[test]
    fn openssl_calls_them_the_same() {
        let all = ["ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"];
        let output = std::process::Command::new("openssl").args(all).output().expect("openssl");
        let text = String::from_utf8(output.stdout).unwrap();
        let mut seen = 0;
        for line in text.lines() {
            // `0x13,0x02 - TLS_AES_256_GCM_SHA384 - …`
            let fields: Vec<&str> = line.split_whitespace().collect();
            let code: String = fields[0].split(',').map(|byte| byte.trim_start_matches("0x")).collect();
            let code = u16::from_str_radix(&code, 16).unwrap();
            if let Some(name) = suite_name(code) {
                assert_eq!(name, fields[2]);
                seen += 1;
            }
        }
        assert!(seen > 60, "openssl names {seen} of them");
    }
}
