//! Checksums of objects: those that clients send with what they put, which are verified and kept,
//! and the one that S3 makes where a client sends none (Amazon S3 User Guide, "Checking object
//! integrity for data uploads in Amazon S3").
//!
//! boto3 puts `x-amz-checksum-crc32: kEw6Eg==` beside a body, or the same behind it as a trailer of
//! `aws-chunked`. If the body is of that checksum the reply says it again, and so does every
//! `HeadObject` with `x-amz-checksum-mode: ENABLED`; if not, nothing is put (`BadDigest`).
//!
//! An object that was put in parts has the checksum of its parts' checksums, with how many there
//! were (`COMPOSITE`), or that of its octets (`FULL_OBJECT`): who begins the upload says which.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Table};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use wirelab_model::ApiError;

use super::body::header;
use super::note::{Object, unreadable};

/// How a checksum is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// AWS's further algorithms, which are not computed here.
const OTHERS: [&str; 5] = ["md5", "sha512", "xxhash128", "xxhash3", "xxhash64"];

const PREFIX: &str = "x-amz-checksum-";

impl Algorithm {
    const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The one of objects that come without a checksum.
    pub(super) const DEFAULT: Self = Self::Crc64Nvme;

    /// Its name in the API.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The algorithm of a name in the API, in any case.
    fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// The algorithm whose header or trailer that is, if there is one.
    ///
    /// # Errors
    /// `NotImplemented`: one that S3 knows and wirelab does not.
    fn of_header(name: &str) -> Result<Option<Self>, ApiError> {
        let name = name.strip_prefix(PREFIX).unwrap_or_default();
        match OTHERS.contains(&name) {
            true => Err(not_computed(name)),
            false => Ok(Self::named(name)),
        }
    }

    fn header(self) -> String {
        format!("{PREFIX}{}", self.name().to_ascii_lowercase())
    }

    /// Octets of a checksum.
    const fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether objects in parts may have a checksum of that kind.
    const fn can_be(self, kind: Kind) -> bool {
        match kind {
            Kind::FullObject => !matches!(self, Self::Sha1 | Self::Sha256),
            Kind::Composite => !matches!(self, Self::Crc64Nvme),
        }
    }
}

fn not_computed(name: &str) -> ApiError {
    let all = Algorithm::ALL.map(Algorithm::name).join(", ");
    let name = name.to_ascii_uppercase();
    let message = format!("wirelab does not compute checksums of {name}, but: {all}.");
    ApiError::client("NotImplemented", message)
}

/// What a checksum is of, where an object came in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "COMPOSITE")]
    Composite,
    #[serde(rename = "FULL_OBJECT")]
    FullObject,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Composite => "COMPOSITE",
            Self::FullObject => "FULL_OBJECT",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let mut all = [Self::Composite, Self::FullObject].into_iter();
        all.find(|it| it.name().eq_ignore_ascii_case(name))
    }
}

/// A checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    pub(super) kind: Kind,
    /// In base64; of a composite one with the number of parts behind it.
    pub(super) value: String,
}

impl Checksum {
    fn full(algorithm: Algorithm, digest: &[u8]) -> Self {
        Self {
            algorithm,
            kind: Kind::FullObject,
            value: STANDARD.encode(digest),
        }
    }

    /// That of octets.
    pub(super) fn of(algorithm: Algorithm, octets: &[u8]) -> Self {
        let mut digest = Digest::new(algorithm);
        digest.update(octets);
        Self::full(algorithm, &digest.finish())
    }

    /// That of a file, read piece by piece.
    pub(super) fn of_file(algorithm: Algorithm, file: &Path) -> Result<Self, ApiError> {
        let unread = |why| unreadable(file, &why);
        let mut opened = File::open(file).map_err(unread)?;
        let (mut digest, mut piece) = (Digest::new(algorithm), vec![0; 64 << 10]);
        loop {
            match opened.read(&mut piece).map_err(unread)? {
                0 => return Ok(Self::full(algorithm, &digest.finish())),
                length => digest.update(&piece[..length]),
            }
        }
    }

    /// That of an object, which has it in its note or none yet.
    pub(super) fn of_object(object: &Object, file: &Path) -> Result<Self, ApiError> {
        match &object.checksum {
            Some(checksum) => Ok(checksum.clone()),
            None => Self::of_file(Algorithm::DEFAULT, file),
        }
    }

    /// That of parts' checksums.
    pub(super) fn composite(algorithm: Algorithm, parts: &[&str]) -> Self {
        let mut digest = Digest::new(algorithm);
        for part in parts {
            digest.update(&STANDARD.decode(part).unwrap_or_default());
        }
        let value = STANDARD.encode(digest.finish());
        Self {
            algorithm,
            kind: Kind::Composite,
            value: format!("{value}-{}", parts.len()),
        }
    }

    /// Says it in a reply's headers.
    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        self.tell_value(headers);
        let kind = http::HeaderValue::from_static(self.kind.name());
        headers.insert("x-amz-checksum-type", kind);
    }

    /// The same without its kind, which a part's has not.
    pub(super) fn tell_value(&self, headers: &mut HeaderMap) {
        let name: http::HeaderName = self.algorithm.header().parse().expect("a plain name");
        let value = self.value.parse().expect("base64");
        headers.insert(name, value);
    }

    /// As an element of XML.
    pub(super) fn element(&self) -> String {
        let name = self.algorithm.name();
        format!("<Checksum{name}>{}</Checksum{name}>", self.value)
    }

    /// The same with its kind.
    pub(super) fn elements(&self) -> String {
        let kind = self.kind.name();
        format!("{}<ChecksumType>{kind}</ChecksumType>", self.element())
    }
}

/// How the checksum of an object is made, as lists say it.
pub(super) fn listed(object: &Object) -> String {
    let default = (Algorithm::DEFAULT, Kind::FullObject);
    let of = object.checksum.as_ref();
    let (algorithm, kind) = of.map_or(default, |it| (it.algorithm, it.kind));
    elements_of(algorithm, kind)
}

/// Algorithm and kind as elements of XML.
pub(super) fn elements_of(algorithm: Algorithm, kind: Kind) -> String {
    let (algorithm, kind) = (algorithm.name(), kind.name());
    format!("<ChecksumAlgorithm>{algorithm}</ChecksumAlgorithm><ChecksumType>{kind}</ChecksumType>")
}

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// A checksum that is being made.
enum Digest {
    Crc32(crc::Digest<'static, u32, Table<16>>),
    Crc64(crc::Digest<'static, u64, Table<16>>),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Digest {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(CRC32.digest()),
            Algorithm::Crc32c => Self::Crc32(CRC32C.digest()),
            Algorithm::Crc64Nvme => Self::Crc64(CRC64NVME.digest()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, octets: &[u8]) {
        match self {
            Self::Crc32(digest) => digest.update(octets),
            Self::Crc64(digest) => digest.update(octets),
            Self::Sha1(digest) => digest.update(octets),
            Self::Sha256(digest) => digest.update(octets),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc32(digest) => digest.finalize().to_be_bytes().to_vec(),
            Self::Crc64(digest) => digest.finalize().to_be_bytes().to_vec(),
            Self::Sha1(digest) => digest.finalize().to_vec(),
            Self::Sha256(digest) => digest.finalize().to_vec(),
        }
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::client("InvalidRequest", message.into())
}

/// The checksum in a request's headers: its algorithm and what they say of it.
///
/// # Errors
/// More than one; an algorithm that there is not.
pub(super) fn claimed(headers: &HeaderMap) -> Result<Option<(Algorithm, &str)>, ApiError> {
    let names = headers.keys().map(http::HeaderName::as_str);
    let mut names = names.filter(|it| {
        let rest = it.strip_prefix(PREFIX);
        rest.is_some_and(|it| !matches!(it, "algorithm" | "mode" | "type"))
    });
    let Some(name) = names.next() else {
        return Ok(None);
    };
    if names.next().is_some() || !header(headers, "x-amz-trailer").is_empty() {
        return Err(invalid(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        ));
    }
    let algorithm = Algorithm::of_header(name)?.ok_or_else(|| {
        invalid("The algorithm type you specified in x-amz-checksum- header is invalid.")
    })?;
    Ok(Some((algorithm, header(headers, name))))
}

/// Holds that octets have the checksum that a request says they have, before or behind them; gives
/// it.
///
/// # Errors
/// `BadDigest`: they have another; `InvalidRequest`, `MalformedTrailerError`: what it says is none.
pub(super) fn verified(
    headers: &HeaderMap,
    trailers: &[(String, String)],
    octets: &[u8],
) -> Result<Option<Checksum>, ApiError> {
    let trailer = header(headers, "x-amz-trailer").to_ascii_lowercase();
    let (found, place) = match (claimed(headers)?, trailer.as_str()) {
        (None, "") => (None, ""),
        (Some(claim), _) => (Some(claim), "header"),
        (None, name) => (Some(behind(name, trailers)?), "trailing header"),
    };
    check_named(headers, found.map(|it| it.0))?;
    let Some((algorithm, said)) = found else {
        return Ok(None);
    };
    let is_one = STANDARD
        .decode(said)
        .is_ok_and(|it| it.len() == algorithm.length());
    if !is_one {
        let name = algorithm.header();
        return Err(invalid(format!("Value for {name} {place} is invalid.")));
    }
    let checksum = Checksum::of(algorithm, octets);
    match checksum.value == said {
        true => Ok(Some(checksum)),
        false => Err(bad_digest(algorithm)),
    }
}

pub(super) fn bad_digest(algorithm: Algorithm) -> ApiError {
    let name = algorithm.name();
    let message = format!("The {name} you specified did not match the calculated checksum.");
    ApiError::client("BadDigest", message)
}

/// The checksum behind the octets, which a header has announced.
fn behind<'t>(
    name: &str,
    trailers: &'t [(String, String)],
) -> Result<(Algorithm, &'t str), ApiError> {
    let algorithm = Algorithm::of_header(name)?;
    let algorithm = algorithm.ok_or_else(|| {
        invalid("The value specified in the x-amz-trailer header is not supported")
    })?;
    let mut said = trailers.iter().filter(|it| it.0.starts_with(PREFIX));
    match (said.next(), said.next()) {
        (Some((its, value)), None) if its == name => Ok((algorithm, value.as_str())),
        _ => Err(malformed_trailer()),
    }
}

pub(super) fn malformed_trailer() -> ApiError {
    let message = "The request contained trailing data that was not well-formed or did not \
                   conform to our published schema.";
    ApiError::client("MalformedTrailerError", message)
}

/// Holds that the algorithm that an SDK names is the one of the checksum it sends (Amazon S3 API
/// Reference, `PutObject`, `x-amz-sdk-checksum-algorithm`).
fn check_named(headers: &HeaderMap, found: Option<Algorithm>) -> Result<(), ApiError> {
    let name = header(headers, "x-amz-sdk-checksum-algorithm");
    if name.is_empty() {
        return Ok(());
    }
    if OTHERS.contains(&&*name.to_ascii_lowercase()) {
        return Err(not_computed(name));
    }
    let named = Algorithm::named(name)
        .ok_or_else(|| invalid("Value for x-amz-sdk-checksum-algorithm header is invalid."))?;
    match found {
        None => Err(invalid(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or \
             x-amz-trailer headers were found.",
        )),
        Some(found) if found != named => Err(bad_digest(named)),
        Some(_) => Ok(()),
    }
}

/// The algorithm that a request wants for the object that it makes: `x-amz-checksum-algorithm`.
///
/// # Errors
/// There is none of that name.
pub(super) fn wanted(headers: &HeaderMap) -> Result<Option<Algorithm>, ApiError> {
    let name = header(headers, "x-amz-checksum-algorithm");
    if name.is_empty() {
        return Ok(None);
    }
    if OTHERS.contains(&&*name.to_ascii_lowercase()) {
        return Err(not_computed(name));
    }
    let found = Algorithm::named(name);
    found.map(Some).ok_or_else(|| {
        let all = Algorithm::ALL.map(Algorithm::name).join(", ");
        invalid(format!(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid \
             types: [{all}]"
        ))
    })
}

/// The same of an upload in parts, and the kind of checksum: `x-amz-checksum-type`.
///
/// # Errors
/// Names of neither; a kind that the algorithm does not have.
pub(super) fn wanted_of_parts(headers: &HeaderMap) -> Result<Option<(Algorithm, Kind)>, ApiError> {
    let name = header(headers, "x-amz-checksum-type");
    let kind = match name {
        "" => None,
        name => Some(
            Kind::named(name)
                .ok_or_else(|| invalid("Value for x-amz-checksum-type header is invalid."))?,
        ),
    };
    let Some(algorithm) = wanted(headers)? else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(invalid(
                "The x-amz-checksum-type header can only be used with the \
                 x-amz-checksum-algorithm header.",
            )),
        };
    };
    let usual = match algorithm.can_be(Kind::Composite) {
        true => Kind::Composite,
        false => Kind::FullObject,
    };
    let kind = kind.unwrap_or(usual);
    if !algorithm.can_be(kind) {
        let (kind, name) = (kind.name(), algorithm.name().to_ascii_lowercase());
        return Err(invalid(format!(
            "The {kind} checksum type cannot be used with the {name} checksum algorithm."
        )));
    }
    Ok(Some((algorithm, kind)))
}

/// Holds that a part has come with the checksum that its upload was begun with.
pub(super) fn check_part(
    wanted: Option<(Algorithm, Kind)>,
    found: Option<&Checksum>,
) -> Result<(), ApiError> {
    let found = found.map(|it| it.algorithm);
    match wanted {
        Some((algorithm, _)) if found == Some(algorithm) => Ok(()),
        // S3 computes it.
        Some((_, Kind::FullObject)) if found.is_none() => Ok(()),
        Some((algorithm, _)) => Err(mismatch(algorithm, found)),
        None => Ok(()),
    }
}

pub(super) fn mismatch(wanted: Algorithm, found: Option<Algorithm>) -> ApiError {
    let name = |it: Algorithm| it.name().to_ascii_lowercase();
    let (wanted, found) = (name(wanted), found.map_or("null".to_owned(), name));
    invalid(format!(
        "Checksum Type mismatch occurred, expected checksum Type: {wanted}, actual checksum Type: \
         {found}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the CRC catalogue (reveng.sourceforge.io), and of FIPS 180's "abc".
    #[test]
    fn checksums_are_those_of_the_catalogues() {
        for (algorithm, octets, wanted) in [
            (Algorithm::Crc32, "123456789", "cbf43926"),
            (Algorithm::Crc32c, "123456789", "e3069283"),
            (Algorithm::Crc64Nvme, "123456789", "ae8b14860a799888"),
            (
                Algorithm::Sha1,
                "abc",
                "a9993e364706816aba3e25717850c26c9cd0d89d",
            ),
            (
                Algorithm::Sha256,
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
        ] {
            let checksum = Checksum::of(algorithm, octets.as_bytes());
            let digest = STANDARD.decode(&checksum.value).expect("base64");
            assert_eq!(wirelab_model::hex(&digest), wanted, "{algorithm:?}");
            assert_eq!(digest.len(), algorithm.length(), "{algorithm:?}");
        }
    }

    #[test]
    fn headers_with_two_checksums_or_none_that_there_is_are_refused() {
        let refused = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| {
                let name = http::HeaderName::from_static(*name);
                (name, http::HeaderValue::from_static(*value))
            });
            let headers: HeaderMap = headers.collect();
            let refused = verified(&headers, &[], b"123456789");
            refused.map_err(|it| it.code.to_string())
        };
        let right = ("x-amz-checksum-crc32", "y/Q5Jg==");
        assert!(refused(&[right]).is_ok_and(|it| it.is_some()));
        assert_eq!(refused(&[]), Ok(None));
        let code = |pairs: &[_]| refused(pairs).unwrap_err();
        assert_eq!(code(&[("x-amz-checksum-crc32", "y/Q5Jw==")]), "BadDigest");
        assert_eq!(code(&[("x-amz-checksum-crc32", "y/Q5")]), "InvalidRequest");
        assert_eq!(code(&[("x-amz-checksum-crc33", "x")]), "InvalidRequest");
        assert_eq!(code(&[("x-amz-checksum-xxhash3", "x")]), "NotImplemented");
        let two = [right, ("x-amz-checksum-sha1", "x")];
        assert_eq!(code(&two), "InvalidRequest");
        let sdk = |name| ("x-amz-sdk-checksum-algorithm", name);
        assert_eq!(code(&[sdk("CRC32")]), "InvalidRequest");
        assert_eq!(code(&[right, sdk("SHA1")]), "BadDigest");
        let announced = ("x-amz-trailer", "x-amz-checksum-crc32");
        assert_eq!(code(&[announced]), "MalformedTrailerError");
    }
}
