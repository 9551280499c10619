//! Signature Version 2 in the query of an address: what the AWS CLI still makes for `aws s3
//! presign` in us-east-1, and S3 takes there (Amazon S3 User Guide, "Signing and authenticating
//! REST requests (AWS signature version 2)").
//!
//! `?AWSAccessKeyId=AKIA...&Signature=...&Expires=1767229200`: the signature is the HMAC with SHA-1
//! of method, moment and path, in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use jiff::Timestamp;
use sha1::Sha1;
use wirelab_model::ApiError;

use super::Signature;
use crate::access_key::AccessKey;
use crate::error;
use crate::header_overrides::HEADER_OVERRIDES;

/// Parameters of a query that are signed with the path, as [`HEADER_OVERRIDES`] are.
const SIGNED: [&str; 14] = [
    "acl",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "partNumber",
    "policy",
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
        let made = STANDARD.encode(hmac(
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
        } else if SIGNED.contains(&&*name) || HEADER_OVERRIDES.contains(&&*name) {
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
    let hmac = Hmac::<Sha1>::new_from_slice(key).expect("a key may have any length");
    hmac.chain_update(text).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202, section 3, test case 2, and RFC 4648's padding.
    #[test]
    fn the_hmac_is_the_standards() {
        let made = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(STANDARD.encode(made), "7/zfauXrL6LSdBbV8YTfnCWafHk=");
        assert_eq!(STANDARD.encode(b"foob"), "Zm9vYg==");
    }
}
