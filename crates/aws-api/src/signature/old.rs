//! Signature Version 2 in the query of an address: what the AWS CLI still makes for `aws s3
//! presign` in us-east-1, and S3 takes there (Amazon S3 User Guide, "Signing and authenticating
//! REST requests (AWS signature version 2)").
//!
//! `?AWSAccessKeyId=AKIA...&Signature=...&Expires=1767229200`: the signature is the HMAC with SHA-1
//! of method, moment and path, in base64.

use http::Request;
use jiff::Timestamp;
use wirelab_model::ApiError;

use super::Signature;
use crate::access_key::AccessKey;
use crate::error;

/// Octets of a block of SHA-1 (RFC 3174).
const BLOCK: usize = 64;

/// Parameters of a query that are signed with the path.
const SIGNED: [&str; 20] = [
    "acl",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "partNumber",
    "policy",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "tagging",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
];

impl Signature {
    /// [`verify`](Self::verify) for the old version.
    pub(super) fn verify_old(
        &self,
        request: &Request<Vec<u8>>,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let expires = self.claim.expires.as_deref().unwrap_or_default();
        let last: i64 = expires
            .parse()
            .map_err(|_| error::access_denied("Invalid date (should be seconds since epoch)"))?;
        if now.as_second() > last {
            let now = now.strftime("%Y-%m-%dT%H:%M:%SZ");
            let message = format!("Request has expired: it is {now}");
            return Err(error::access_denied(message));
        }
        let made = base64(&hmac(
            key.secret.as_bytes(),
            text(request, expires).as_bytes(),
        ));
        match made == self.claim.signature {
            true => Ok(()),
            false => Err(error::signature_mismatch("s3")),
        }
    }
}

/// The string to sign.
fn text(request: &Request<Vec<u8>>, expires: &str) -> String {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|it| it.to_str().ok());
        value.unwrap_or_default()
    };
    let mut own: Vec<String> = request
        .headers()
        .iter()
        .filter(|it| it.0.as_str().starts_with("x-amz-"))
        .map(|(name, value)| format!("{name}:{}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let query = request.uri().query().unwrap_or_default();
    let mut parameters = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name == "x-amz-security-token" {
            own.push(format!("{name}:{value}\n"));
        } else if SIGNED.contains(&&*name) {
            parameters.push(match value.is_empty() {
                true => name.into_owned(),
                false => format!("{name}={value}"),
            });
        }
    }
    own.sort();
    parameters.sort();
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!(
        "{}\n{}\n{}\n{expires}\n{}{}{mark}{}",
        request.method(),
        header("content-md5"),
        header("content-type"),
        own.concat(),
        request.uri().path(),
        parameters.join("&")
    )
}

/// HMAC with SHA-1 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> [u8; 20] {
    let mut block = [0; BLOCK];
    match key.len() > BLOCK {
        true => block[..20].copy_from_slice(&sha1(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let inner = sha1(&[&block.map(|it| it ^ 0x36)[..], text].concat());
    sha1(&[&block.map(|it| it ^ 0x5c)[..], &inner].concat())
}

/// SHA-1 (RFC 3174): the old version's, and for nothing else.
fn sha1(octets: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let zeros = (BLOCK + 55 - octets.len() % BLOCK) % BLOCK;
    let bits = (octets.len() as u64).wrapping_mul(8).to_be_bytes();
    let padded = [octets, &[0x80], &vec![0; zeros], &bits].concat();
    for block in padded.chunks_exact(BLOCK) {
        let mut words = [0; 80];
        for (word, four) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes(four.try_into().expect("four octets"));
        }
        for at in 16..80 {
            let mixed = words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16];
            words[at] = mixed.rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (step, word) in words.into_iter().enumerate() {
            let (mixed, constant) = match step / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let sum = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e);
            let sum = sum.wrapping_add(word).wrapping_add(constant);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum);
        }
        for (state, word) in state.iter_mut().zip([a, b, c, d, e]) {
            *state = state.wrapping_add(word);
        }
    }
    let mut digest = [0; 20];
    for (four, word) in digest.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// RFC 4648, section 4.
fn base64(octets: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let mut bits = 0_u32;
        for at in 0..3 {
            bits = (bits << 8) | u32::from(three.get(at).copied().unwrap_or_default());
        }
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
            let is_there = at <= three.len();
            text.push(if is_there { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202, section 3, test case 2, and RFC 4648's padding.
    #[test]
    fn the_hmac_is_the_standards() {
        let made = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(base64(&made), "7/zfauXrL6LSdBbV8YTfnCWafHk=");
        assert_eq!(base64(b"foob"), "Zm9vYg==");
    }
}
