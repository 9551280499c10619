//! Strict mode: the signature is made again with the key's secret and compared (AWS Signature
//! Version 4, "Create a signed AWS API request": canonical request, string to sign, signature).
//!
//! A request is good for five minutes before and after the moment that it names, a presigned one
//! for as long as it says, by the wall clock: it is the one that clients sign by.

use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use wirelab_model::{ApiError, hex, percent_encoded};

use super::{ALGORITHM, Signature};
use crate::access_key::{self, AccessKey};
use crate::error;

const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// A presigned request is good for a week at most.
const LONGEST: i64 = 604_800;

impl Signature {
    /// Whether the request is signed with the secret of its key, for `account`, and is not old.
    ///
    /// # Errors
    /// The services' own codes for each mistake.
    pub(crate) fn verify(
        &self,
        request: &Request<Vec<u8>>,
        account: &str,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let key = self.key(account)?;
        if self.claim.is_old {
            return self.verify_old(request, &key, now);
        }
        self.check_age(now)?;
        let canonical = self.canonical(request)?;
        let text = format!(
            "{ALGORITHM}\n{}\n{}\n{}",
            self.claim.date,
            self.claim.scope,
            hex(&Sha256::digest(&canonical))
        );
        let secret = format!("AWS4{}", key.secret);
        let signing = self
            .claim
            .scope
            .split('/')
            .fold(secret.into_bytes(), |key, part| {
                hmac(&key, part.as_bytes()).to_vec()
            });
        let made = hex(&hmac(&signing, text.as_bytes()));
        match made.eq_ignore_ascii_case(&self.claim.signature) {
            true => Ok(()),
            false => Err(error::signature_mismatch(&self.service)),
        }
    }

    /// The key that the request says it was signed with.
    fn key(&self, account: &str) -> Result<AccessKey, ApiError> {
        let long = AccessKey::of_account(account);
        if !access_key::has_form(&self.key_id) {
            // An account's digits or name stand for its key.
            return Ok(long);
        }
        let key = match access_key::is_temporary(&self.key_id) {
            false => long,
            true => AccessKey::temporary(account, self.token.as_deref().unwrap_or_default()),
        };
        match key.id == self.key_id.as_str() {
            true => Ok(key),
            false => Err(error::bad_token(&self.service)),
        }
    }

    fn check_age(&self, now: Timestamp) -> Result<(), ApiError> {
        let date = self.claim.date.as_str();
        let signed = DateTime::strptime("%Y%m%dT%H%M%SZ", date)
            .and_then(|it| it.to_zoned(TimeZone::UTC))
            .map_err(|_| {
                error::incomplete_signature("its date is not of the form YYYYMMDDTHHMMSSZ")
            })?;
        let signed = signed.timestamp();
        if !self.claim.scope.starts_with(&date[..8]) {
            let why = "Date in Credential scope does not match YYYYMMDD from its date";
            return Err(error::incomplete_signature(why));
        }
        let life = match &self.claim.expires {
            None => PATIENCE,
            Some(seconds) => {
                let seconds = seconds.parse().ok().filter(|it| (1..=LONGEST).contains(it));
                let seconds = seconds.ok_or_else(|| {
                    error::incomplete_signature("X-Amz-Expires is not 1 to 604800 seconds")
                })?;
                SignedDuration::from_secs(seconds)
            }
        };
        let age = now.duration_since(signed);
        match age > life || -age > PATIENCE {
            true if self.service == "s3" && self.claim.expires.is_none() => {
                Err(error::skewed(date, now))
            }
            true => Err(error::expired(&self.service, date, now)),
            false => Ok(()),
        }
    }

    /// The canonical request.
    fn canonical(&self, request: &Request<Vec<u8>>) -> Result<String, ApiError> {
        let mut headers = String::new();
        for name in self.claim.signed_headers.split(';') {
            let mut values = request.headers().get_all(name).iter().peekable();
            if values.peek().is_none() {
                let why = format!("it signs the header {name}, which the request does not have");
                return Err(error::incomplete_signature(&why));
            }
            let values: Vec<String> = values
                .map(|it| String::from_utf8_lossy(it.as_bytes()).into_owned())
                .map(|it| it.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            headers += &format!("{name}:{}\n", values.join(","));
        }
        let uri = request.uri();
        let path = match self.service.as_str() {
            // S3 alone does not encode the path twice.
            "s3" => uri.path().to_owned(),
            _ => uri
                .path()
                .split('/')
                .map(percent_encoded)
                .collect::<Vec<_>>()
                .join("/"),
        };
        let query = canonical_query(uri.query().unwrap_or_default());
        let method = request.method();
        let signed = &self.claim.signed_headers;
        let payload = self.payload(request);
        Ok(format!(
            "{method}\n{path}\n{query}\n{headers}\n{signed}\n{payload}"
        ))
    }

    /// The hash of the body; S3 lets clients leave the body out.
    fn payload(&self, request: &Request<Vec<u8>>) -> String {
        const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
        let said = request.headers().get("x-amz-content-sha256");
        let unsigned = said.is_some_and(|it| it.as_bytes() == UNSIGNED.as_bytes());
        if unsigned || self.service == "s3" && self.claim.expires.is_some() {
            return UNSIGNED.to_owned();
        }
        // Of a body in chunks the first signature says so; those of the chunks are not looked at.
        let said = said.and_then(|it| it.to_str().ok());
        if let Some(said) = said.filter(|it| it.starts_with("STREAMING-")) {
            return said.to_owned();
        }
        hex(&Sha256::digest(request.body()))
    }
}

/// The parameters in the order of their encoded names, less the signature.
fn canonical_query(query: &str) -> String {
    let parameters = form_urlencoded::parse(query.as_bytes());
    let parameters = parameters.filter(|(name, _)| name != "X-Amz-Signature");
    let mut parameters: Vec<(String, String)> = parameters
        .map(|(name, value)| (percent_encoded(&name), percent_encoded(&value)))
        .collect();
    parameters.sort();
    let parameters = parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    parameters.collect::<Vec<_>>().join("&")
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let hmac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    hmac.chain_update(text).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_hmac_is_the_standards() {
        let made = hmac(b"Jefe", b"what do ya want for nothing?");
        let wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&made), wanted);
    }

    /// Of AWS's own test suite: "get-vanilla-query-order-encoded" and the like.
    #[test]
    fn queries_are_sorted_as_they_are_encoded() {
        let query = "b=2&a=%20x&A=1&X-Amz-Signature=00&a=&%C3%A9=~";
        assert_eq!(canonical_query(query), "%C3%A9=~&A=1&a=&a=%20x&b=2");
    }
}
