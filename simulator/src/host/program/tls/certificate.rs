//! X.509 certificates (RFC 5280) with keys and signatures that are noise of the right length: an
//! RSA key of 2048 bits, signed with SHA-256. Same names, same certificate.

use std::net::IpAddr;

use smol_str::SmolStr;
use wirelab_model::{SimTime, Stream, UnixTime};

use super::noise;
use super::spec::TlsServerSpec;
use crate::host::program::date;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT_ID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `[0]` and `[3]`, constructed.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `dNSName` and `iPAddress` of `GeneralName`, and `keyIdentifier`.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
const KEY_IDENTIFIER: u8 = 0x80;

const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
const RSA_ENCRYPTION: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const SHA256_WITH_RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 17];
const SUBJECT_KEY_ID: [u8; 3] = [0x55, 0x1d, 14];
const AUTHORITY_KEY_ID: [u8; 3] = [0x55, 0x1d, 35];

/// Octets of a 2048-bit modulus or signature.
pub(crate) const RSA_OCTETS: usize = 256;
/// How long a certificate is valid before the run starts, in seconds.
const AGE: u64 = 30 * 86_400;

/// A value of type `tag` out of `parts` (X.690 section 8.1).
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    match len {
        0..0x80 => out.push(len as u8),
        0x80..0x100 => out.extend([0x81, len as u8]),
        _ => {
            out.push(0x82);
            out.extend((len as u16).to_be_bytes());
        }
    }
    for part in parts {
        out.extend(*part);
    }
    out
}

fn name(common_name: &str) -> Vec<u8> {
    let value = der(UTF8_STRING, &[common_name.as_bytes()]);
    let attribute = der(SEQUENCE, &[&der(OBJECT_ID, &[&COMMON_NAME]), &value]);
    der(SEQUENCE, &[&der(SET, &[&attribute])])
}

fn algorithm(id: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[&der(OBJECT_ID, &[id]), &der(NULL, &[])])
}

fn extension(id: &[u8], value: &[u8]) -> Vec<u8> {
    der(
        SEQUENCE,
        &[&der(OBJECT_ID, &[id]), &der(OCTET_STRING, &[value])],
    )
}

/// Noise that is a positive number of exactly so many octets, and odd.
fn number(stream: &mut Stream, len: usize) -> Vec<u8> {
    let mut octets = noise(stream, len);
    octets[0] |= 0x80;
    octets[len - 1] |= 1;
    octets
}

fn key_id(issuer: &str) -> Vec<u8> {
    noise(&mut Stream::new(0, &format!("tls/key/{issuer}")), 20)
}

/// The certificate of a server that is asked for `asked`.
pub(crate) fn make(spec: &TlsServerSpec, asked: Option<&str>, starts: UnixTime) -> Vec<u8> {
    let names = match (&spec.names[..], asked) {
        ([], Some(asked)) => vec![asked.into()],
        ([], None) => vec![SmolStr::from("localhost")],
        (names, _) => names.to_vec(),
    };
    let drawn = format!("tls/certificate/{}/{}", names.join(","), spec.issuer);
    let mut stream = Stream::new(0, &drawn);
    let mut serial = noise(&mut stream, 20);
    serial[0] = serial[0] & 0x3f | 0x20;
    let modulus = [vec![0], number(&mut stream, RSA_OCTETS)].concat();
    let key = der(
        SEQUENCE,
        &[&der(INTEGER, &[&modulus]), &der(INTEGER, &[&[1, 0, 1]])],
    );
    let key = der(
        SEQUENCE,
        &[&algorithm(&RSA_ENCRYPTION), &der(BIT_STRING, &[&[0], &key])],
    );
    let begin = utc(UnixTime::from_secs(starts.as_secs().saturating_sub(AGE)));
    let end = utc(starts.at(SimTime::ZERO + spec.expires));
    let validity = der(
        SEQUENCE,
        &[
            &der(UTC_TIME, &[begin.as_bytes()]),
            &der(UTC_TIME, &[end.as_bytes()]),
        ],
    );
    let general: Vec<u8> = names.iter().flat_map(|name| general_name(name)).collect();
    let authority = der(KEY_IDENTIFIER, &[&key_id(&spec.issuer)]);
    let extensions = [
        extension(&SUBJECT_ALT_NAME, &der(SEQUENCE, &[&general])),
        extension(&SUBJECT_KEY_ID, &der(OCTET_STRING, &[&key_id(&names[0])])),
        extension(&AUTHORITY_KEY_ID, &der(SEQUENCE, &[&authority])),
    ]
    .concat();
    let to_be_signed = der(
        SEQUENCE,
        &[
            &der(VERSION, &[&der(INTEGER, &[&[2]])]),
            &der(INTEGER, &[&serial]),
            &algorithm(&SHA256_WITH_RSA),
            &name(&spec.issuer),
            &validity,
            &name(&names[0]),
            &key,
            &der(EXTENSIONS, &[&der(SEQUENCE, &[&extensions])]),
        ],
    );
    let signature = number(&mut stream, RSA_OCTETS);
    der(
        SEQUENCE,
        &[
            &to_be_signed,
            &algorithm(&SHA256_WITH_RSA),
            &der(BIT_STRING, &[&[0], &signature]),
        ],
    )
}

/// A name or an address of the subject (RFC 5280 section 4.2.1.6).
fn general_name(name: &str) -> Vec<u8> {
    match name.parse() {
        Ok(IpAddr::V4(address)) => der(IP_ADDRESS, &[&address.octets()]),
        Ok(IpAddr::V6(address)) => der(IP_ADDRESS, &[&address.octets()]),
        Err(_) => der(DNS_NAME, &[name.as_bytes()]),
    }
}

/// The same as text.
fn name_text(tag: u8, octets: &[u8]) -> String {
    let ipv4 = <[u8; 4]>::try_from(octets).ok().map(IpAddr::from);
    let ipv6 = <[u8; 16]>::try_from(octets).ok().map(IpAddr::from);
    match ipv4.or(ipv6).filter(|_| tag == IP_ADDRESS) {
        Some(address) => address.to_string(),
        None => text(octets),
    }
}

/// `261123053908Z`.
pub(crate) fn utc(at: UnixTime) -> String {
    let iso = date::iso(at);
    let digits: String = iso.chars().filter(char::is_ascii_digit).collect();
    format!("{}Z", &digits[2..])
}

/// What a client looks at in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    /// End of validity as [`utc`] writes it.
    pub(crate) not_after: String,
    pub(crate) names: Vec<String>,
}

impl Seen {
    /// Reads a certificate; nothing for octets that are none.
    pub(crate) fn read(octets: &[u8]) -> Option<Self> {
        let (_, certificate, _) = value(octets)?;
        let (_, mut rest, _) = value(certificate)?;
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let (_, field, after) = value(rest)?;
            fields.push(field);
            rest = after;
        }
        // Version, serial number, algorithm, issuer, validity, subject, key, extensions.
        let [_, _, _, issuer, validity, subject, _, extensions] = fields[..] else {
            return None;
        };
        let (_, _, after) = value(validity)?;
        let (_, not_after, _) = value(after)?;
        Some(Self {
            issuer: common_name(issuer)?,
            subject: common_name(subject)?,
            not_after: text(not_after),
            names: alternative_names(extensions).unwrap_or_default(),
        })
    }

    /// Whether it is for this host (RFC 6125 section 6.4): a star stands for the first label, an
    /// address for itself alone.
    pub(crate) fn names_host(&self, host: &str) -> bool {
        let same = |name: &String| match name.strip_prefix("*.") {
            Some(parent) => host
                .split_once('.')
                .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(host),
        };
        self.names.iter().any(same)
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Tag, content, and what comes after.
fn value(octets: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = octets.split_first_chunk::<2>()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(len)?;
    Some((tag, content, after))
}

fn common_name(name: &[u8]) -> Option<String> {
    let (_, relative, _) = value(name)?;
    let (_, attribute, _) = value(relative)?;
    let (_, _, after) = value(attribute)?;
    let (_, content, _) = value(after)?;
    Some(text(content))
}

fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    let (_, mut rest, _) = value(extensions)?;
    while !rest.is_empty() {
        let (_, extension, after) = value(rest)?;
        let (_, id, octets) = value(extension)?;
        if id == SUBJECT_ALT_NAME {
            let (_, wrapped, _) = value(octets)?;
            let (_, mut list, _) = value(wrapped)?;
            let mut names = Vec::new();
            while !list.is_empty() {
                let (tag, name, after) = value(list)?;
                names.push(name_text(tag, name));
                list = after;
            }
            return Some(names);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_says_what_it_was_made_of() {
        let spec = TlsServerSpec {
            names: vec![
                "www.example.com".into(),
                "*.example.org".into(),
                "10.0.2.20".into(),
                "fd00:2::20".into(),
            ],
            issuer: "Corp-CA".into(),
            ..TlsServerSpec::default()
        };
        let octets = make(
            &spec,
            Some("other.test"),
            UnixTime::from_secs(1_795_412_348),
        );
        let seen = Seen::read(&octets).expect("a certificate");
        let host = |name| seen.names_host(name);
        assert_eq!(
            (&*seen.issuer, &*seen.subject),
            ("Corp-CA", "www.example.com")
        );
        assert_eq!(seen.not_after, "271123053908Z");
        assert!(host("www.example.com") && host("a.example.org"));
        assert!(host("10.0.2.20") && host("fd00:2::20") && !host("10.0.2.21"));
        assert!(!host("example.org") && !host("a.b.example.org") && !host("other.test"));
    }

    /// The leaf of the capture: same names, same length.
    #[test]
    fn a_certificate_is_as_long_as_openssl_makes_it() {
        let spec = TlsServerSpec {
            names: vec!["db.example.com".into()],
            issuer: "Wirelab Test CA".into(),
            ..TlsServerSpec::default()
        };
        let octets = make(&spec, None, UnixTime::from_secs(1_795_412_348));
        assert_eq!(octets.len(), 802);
    }
}
