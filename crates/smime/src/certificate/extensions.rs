//! The extensions of a certificate (RFC 5280 §4.2) that are understood here.

use super::{BadCertificate, Capabilities, ExtendedUsage, KeyUsage, Name};
use crate::asn1::{Element, Malformed, Oid, Reader, octets_in, small_of, tag};

const EXTENSION: Oid = Oid::new(&[2, 5, 29]);
pub(crate) const SUBJECT_KEY_IDENTIFIER: Oid = EXTENSION.arc(14);
pub(crate) const KEY_USAGE: Oid = EXTENSION.arc(15);
pub(crate) const SUBJECT_ALTERNATIVE_NAME: Oid = EXTENSION.arc(17);
const ISSUER_ALTERNATIVE_NAME: Oid = EXTENSION.arc(18);
pub(crate) const BASIC_CONSTRAINTS: Oid = EXTENSION.arc(19);
const NAME_CONSTRAINTS: Oid = EXTENSION.arc(30);
const DISTRIBUTION_POINTS: Oid = EXTENSION.arc(31);
const POLICIES: Oid = EXTENSION.arc(32);
const POLICY_MAPPINGS: Oid = EXTENSION.arc(33);
pub(crate) const AUTHORITY_KEY_IDENTIFIER: Oid = EXTENSION.arc(35);
const POLICY_CONSTRAINTS: Oid = EXTENSION.arc(36);
pub(crate) const EXTENDED_KEY_USAGE: Oid = EXTENSION.arc(37);
const FRESHEST_CRL: Oid = EXTENSION.arc(46);
const INHIBIT_ANY_POLICY: Oid = EXTENSION.arc(54);
const AUTHORITY_INFORMATION: Oid = Oid::new(&[1, 3, 6, 1, 5, 5, 7, 1, 1]);
pub(crate) const SMIME_CAPABILITIES: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 15]);
pub(crate) const SMTP_UTF8_MAILBOX: Oid = Oid::new(&[1, 3, 6, 1, 5, 5, 7, 8, 9]);
const ACCESS_OCSP: Oid = Oid::new(&[1, 3, 6, 1, 5, 5, 7, 48, 1]);
const ACCESS_ISSUERS: Oid = Oid::new(&[1, 3, 6, 1, 5, 5, 7, 48, 2]);

/// More names or points than this are refused: checking costs names times constraints.
const ENTRIES_MAX: usize = 512;

/// An extension as it stands in a certificate or a revocation list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extension<'a> {
    pub(crate) oid: Oid,
    pub(crate) is_critical: bool,
    pub(crate) value: &'a [u8],
}

impl<'a> Extension<'a> {
    /// Reads Extensions, each of which may come once (RFC 5280 §4.2).
    pub(crate) fn read_list(mut outer: Reader<'a>) -> Result<Vec<Self>, BadCertificate> {
        let mut list = outer.sequence()?;
        outer.end()?;
        let mut extensions: Vec<Self> = Vec::new();
        while !list.is_empty() {
            let mut inside = list.sequence()?;
            let oid = inside.oid()?;
            let is_critical = inside.flag()?;
            let value = inside.take(tag::OCTET_STRING)?.value;
            inside.end()?;
            if extensions.iter().any(|known| known.oid == oid) || extensions.len() >= ENTRIES_MAX {
                return Err(BadCertificate::Extension(oid));
            }
            extensions.push(Self { oid, is_critical, value });
        }
        if extensions.is_empty() { Err(BadCertificate::Malformed) } else { Ok(extensions) }
    }
}

/// basicConstraints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BasicConstraints {
    pub(crate) is_authority: bool,
    pub(crate) path_len: Option<u64>,
}

/// nameConstraints.
#[derive(Clone, Debug)]
pub(crate) struct NameConstraints {
    pub(crate) permitted: Vec<GeneralName>,
    pub(crate) excluded: Vec<GeneralName>,
}

/// policyConstraints.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PolicyConstraints {
    pub(crate) require_explicit: Option<u64>,
    pub(crate) inhibit_mapping: Option<u64>,
}

/// What a certificate's extensions say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_usage: Option<Vec<ExtendedUsage>>,
    pub(crate) alternative_names: Option<Vec<GeneralName>>,
    pub(crate) alternative_names_critical: bool,
    pub(crate) name_constraints: Option<NameConstraints>,
    pub(crate) policies: Option<Vec<Oid>>,
    pub(crate) policy_mappings: Vec<(Oid, Oid)>,
    pub(crate) policy_constraints: PolicyConstraints,
    pub(crate) inhibit_any_policy: Option<u64>,
    pub(crate) distribution_points: Vec<DistributionPoint>,
    pub(crate) freshest: Vec<DistributionPoint>,
    pub(crate) subject_key_identifier: Option<Vec<u8>>,
    pub(crate) ocsp_urls: Vec<String>,
    pub(crate) issuer_urls: Vec<String>,
    pub(crate) capabilities: Option<Capabilities>,
    /// One that is critical and is not understood here.
    pub(crate) unknown_critical: Option<Oid>,
    /// Of those that RFC 5280 wants critical or not, one that is the other way.
    pub(crate) wrong_criticality: Option<Oid>,
}

impl Extensions {
    pub(crate) fn read(list: Vec<Extension<'_>>) -> Result<Self, BadCertificate> {
        let mut extensions = Self::default();
        for extension in list {
            extensions.take(&extension).map_err(|_| BadCertificate::Extension(extension.oid))?;
        }
        Ok(extensions)
    }

    fn take(&mut self, extension: &Extension<'_>) -> Result<(), Malformed> {
        let value = extension.value;
        match extension.oid {
            BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(value)?),
            KEY_USAGE => self.key_usage = Some(KeyUsage::read(value)?),
            EXTENDED_KEY_USAGE => self.extended_usage = Some(ExtendedUsage::read_list(value)?),
            SUBJECT_ALTERNATIVE_NAME => {
                self.alternative_names = Some(general_names(Reader::sequence_in(value)?)?);
                self.alternative_names_critical = extension.is_critical;
            }
            ISSUER_ALTERNATIVE_NAME => drop(general_names(Reader::sequence_in(value)?)?),
            NAME_CONSTRAINTS => self.name_constraints = Some(name_constraints(value)?),
            POLICIES => self.policies = Some(policies(value)?),
            POLICY_MAPPINGS => self.policy_mappings = policy_mappings(value)?,
            POLICY_CONSTRAINTS => self.policy_constraints = policy_constraints(value)?,
            INHIBIT_ANY_POLICY => self.inhibit_any_policy = Some(small_integer(value)?),
            DISTRIBUTION_POINTS => self.distribution_points = DistributionPoint::read_list(value)?,
            FRESHEST_CRL => self.freshest = DistributionPoint::read_list(value)?,
            AUTHORITY_KEY_IDENTIFIER => authority_key(value)?,
            SUBJECT_KEY_IDENTIFIER => self.subject_key_identifier = Some(octets_in(value)?.to_vec()),
            AUTHORITY_INFORMATION => self.access(value)?,
            SMIME_CAPABILITIES => self.capabilities = Capabilities::from_der(value).ok(),
            oid if extension.is_critical => self.unknown_critical = Some(oid),
            _ => {}
        }
        // RFC 5280 §4.2.1.1, §4.2.1.2, §4.2.1.10, §4.2.1.11, §4.2.1.14, §4.2.2.1.
        let is_wrong = match extension.oid {
            AUTHORITY_KEY_IDENTIFIER | SUBJECT_KEY_IDENTIFIER | AUTHORITY_INFORMATION | FRESHEST_CRL => {
                extension.is_critical
            }
            _ => false,
        };
        if is_wrong {
            self.wrong_criticality = Some(extension.oid);
        }
        Ok(())
    }

    /// authorityInfoAccess: only plain http, as RFC 5280 §8 advises; the answers are signed.
    fn access(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let mut list = Reader::sequence_in(value)?;
        while !list.is_empty() {
            let mut inside = list.sequence()?;
            let method = inside.oid()?;
            let GeneralName::Uri(url) = GeneralName::read(&mut inside)? else { continue };
            match method {
                ACCESS_OCSP if is_http(&url) => self.ocsp_urls.push(url),
                ACCESS_ISSUERS if is_http(&url) => self.issuer_urls.push(url),
                _ => {}
            }
        }
        Ok(())
    }
}

fn is_http(url: &str) -> bool {
    url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
        || url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
}

fn small_integer(value: &[u8]) -> Result<u64, Malformed> {
    let mut reader = Reader::der(value);
    let number = reader.small()?;
    reader.end()?;
    Ok(number)
}

fn basic_constraints(value: &[u8]) -> Result<BasicConstraints, Malformed> {
    let mut inside = Reader::sequence_in(value)?;
    let is_authority = inside.flag()?;
    let path_len = if inside.is_empty() { None } else { Some(inside.small()?) };
    inside.end()?;
    Ok(BasicConstraints { is_authority, path_len })
}

fn name_constraints(value: &[u8]) -> Result<NameConstraints, Malformed> {
    let mut inside = Reader::sequence_in(value)?;
    let permitted = inside.explicit(0)?.map(subtrees).transpose()?.unwrap_or_default();
    let excluded = inside.explicit(1)?.map(subtrees).transpose()?.unwrap_or_default();
    inside.end()?;
    // RFC 5280 §4.2.1.10: an empty one is forbidden.
    if permitted.is_empty() && excluded.is_empty() {
        return Err(Malformed);
    }
    Ok(NameConstraints { permitted, excluded })
}

fn subtrees(mut list: Reader<'_>) -> Result<Vec<GeneralName>, Malformed> {
    let mut names = Vec::new();
    while !list.is_empty() {
        let mut inside = list.sequence()?;
        names.push(GeneralName::read(&mut inside)?);
        // RFC 5280 §4.2.1.10: minimum is zero and maximum is absent.
        if let Some(minimum) = inside.optional(tag::implicit(0))?
            && small_of(minimum.value)? != 0
        {
            return Err(Malformed);
        }
        inside.end()?;
        if names.len() > ENTRIES_MAX {
            return Err(Malformed);
        }
    }
    if names.is_empty() { Err(Malformed) } else { Ok(names) }
}

fn policies(value: &[u8]) -> Result<Vec<Oid>, Malformed> {
    let mut list = Reader::sequence_in(value)?;
    let mut policies = Vec::new();
    while !list.is_empty() {
        let policy = list.sequence()?.oid()?;
        // RFC 5280 §4.2.1.4: a policy must not come twice.
        if policies.contains(&policy) || policies.len() >= ENTRIES_MAX {
            return Err(Malformed);
        }
        policies.push(policy);
    }
    if policies.is_empty() { Err(Malformed) } else { Ok(policies) }
}

fn policy_mappings(value: &[u8]) -> Result<Vec<(Oid, Oid)>, Malformed> {
    let mut list = Reader::sequence_in(value)?;
    let mut mappings = Vec::new();
    while !list.is_empty() {
        let mut pair = list.sequence()?;
        mappings.push((pair.oid()?, pair.oid()?));
        pair.end()?;
        if mappings.len() > ENTRIES_MAX {
            return Err(Malformed);
        }
    }
    Ok(mappings)
}

fn policy_constraints(value: &[u8]) -> Result<PolicyConstraints, Malformed> {
    let mut inside = Reader::sequence_in(value)?;
    let mut number = |at| inside.optional(tag::implicit(at))?.map(|element| small_of(element.value)).transpose();
    let constraints = PolicyConstraints { require_explicit: number(0)?, inhibit_mapping: number(1)? };
    inside.end()?;
    Ok(constraints)
}

/// Which of an authority's keys signed is found by trying; only the form is checked.
fn authority_key(value: &[u8]) -> Result<(), Malformed> {
    let mut inside = Reader::sequence_in(value)?;
    inside.optional(tag::implicit(0))?;
    let issuer = inside.optional(tag::context(1))?;
    let serial = inside.optional(tag::implicit(2))?;
    inside.end()?;
    // RFC 5280 §4.2.1.1: both or neither.
    if issuer.is_some() == serial.is_some() { Ok(()) } else { Err(Malformed) }
}

/// A GeneralName (RFC 5280 §4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GeneralName {
    /// rfc822Name.
    Mail(String),
    /// SmtpUTF8Mailbox (RFC 9598).
    MailUtf8(String),
    Dns(String),
    Directory(Name),
    Uri(String),
    Ip(Vec<u8>),
    /// otherName of another kind.
    Other(Oid),
    /// x400Address, ediPartyName, registeredID.
    Unsupported(u8),
}

impl GeneralName {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let element = reader.any()?;
        let text = || {
            let text = std::str::from_utf8(element.value).ok().filter(|text| text.is_ascii());
            text.map(str::to_owned).ok_or(Malformed)
        };
        Ok(match element.tag {
            0xa0 => other_name(element)?,
            0x81 => Self::Mail(text()?),
            0x82 => Self::Dns(text()?),
            0xa4 => Self::Directory(Name::from_der(element.value)?),
            0x86 => Self::Uri(text()?),
            0x87 => Self::Ip(element.value.to_vec()),
            tag @ (0xa3 | 0xa5 | 0x88) => Self::Unsupported(tag & 0x1f),
            _ => return Err(Malformed),
        })
    }
}

fn other_name(element: Element<'_>) -> Result<GeneralName, Malformed> {
    let mut inside = element.inside();
    let oid = inside.oid()?;
    let mut value = inside.explicit(0)?.ok_or(Malformed)?;
    inside.end()?;
    if oid != SMTP_UTF8_MAILBOX {
        return Ok(GeneralName::Other(oid));
    }
    let text = value.take(tag::UTF8_STRING)?;
    let text = std::str::from_utf8(text.value).map_err(|_| Malformed)?;
    Ok(GeneralName::MailUtf8(text.to_owned()))
}

/// GeneralNames: one or more.
pub(crate) fn general_names(mut list: Reader<'_>) -> Result<Vec<GeneralName>, Malformed> {
    let mut names = Vec::new();
    while !list.is_empty() {
        names.push(GeneralName::read(&mut list)?);
        if names.len() > ENTRIES_MAX {
            return Err(Malformed);
        }
    }
    if names.is_empty() { Err(Malformed) } else { Ok(names) }
}

/// The name of a point where a revocation list is (RFC 5280 §4.2.1.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PointName {
    Full(Vec<GeneralName>),
    /// A part to be added to the name of the list's issuer, in DER.
    Relative(Vec<u8>),
}

impl PointName {
    /// What `[0]` of a point stands around.
    pub(crate) fn read(mut inside: Reader<'_>) -> Result<Self, Malformed> {
        let element = inside.any()?;
        inside.end()?;
        match element.tag {
            0xa0 => Ok(Self::Full(general_names(element.inside())?)),
            0xa1 => Ok(Self::Relative(element.value.to_vec())),
            _ => Err(Malformed),
        }
    }
}

/// The bits of ReasonFlags, bit 0 the highest.
pub(crate) fn reasons(element: Element<'_>) -> Result<u16, Malformed> {
    match element.value {
        [0..=7, first] => Ok(u16::from_be_bytes([*first, 0])),
        [0..=7, first, second] => Ok(u16::from_be_bytes([*first, *second])),
        _ => Err(Malformed),
    }
}

/// A DistributionPoint (RFC 5280 §4.2.1.13).
#[derive(Clone, Debug)]
pub(crate) struct DistributionPoint {
    pub(crate) name: Option<PointName>,
    pub(crate) reasons: Option<u16>,
    pub(crate) issuers: Vec<Name>,
    pub(crate) urls: Vec<String>,
}

impl DistributionPoint {
    fn read_list(value: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut list = Reader::sequence_in(value)?;
        let mut points = Vec::new();
        while !list.is_empty() {
            points.push(Self::read(list.sequence()?)?);
            if points.len() > ENTRIES_MAX {
                return Err(Malformed);
            }
        }
        if points.is_empty() { Err(Malformed) } else { Ok(points) }
    }

    fn read(mut inside: Reader<'_>) -> Result<Self, Malformed> {
        let name = inside.explicit(0)?.map(PointName::read).transpose()?;
        let reasons = inside.optional(tag::implicit(1))?.map(reasons).transpose()?;
        let issuers = inside.explicit(2)?.map(general_names).transpose()?.unwrap_or_default();
        inside.end()?;
        let issuers: Vec<Name> = issuers.into_iter().filter_map(directory).collect();
        // RFC 5280 §4.2.1.13: a point must not consist of reasons alone.
        if name.is_none() && issuers.is_empty() {
            return Err(Malformed);
        }
        let urls = match &name {
            Some(PointName::Full(names)) => names.iter().filter_map(http_url).collect(),
            _ => Vec::new(),
        };
        Ok(Self { name, reasons, issuers, urls })
    }
}

fn directory(name: GeneralName) -> Option<Name> {
    match name {
        GeneralName::Directory(name) => Some(name),
        _ => None,
    }
}

fn http_url(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::Uri(url) if is_http(url) => Some(url.clone()),
        _ => None,
    }
}
