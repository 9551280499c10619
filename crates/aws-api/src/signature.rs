//! Who calls, where, and which service: what the signature of a request says.
//!
//! Signature Version 4 puts the access key and the scope of the signature into the `Authorization`
//! header (AWS Signature Version 4, "Create a signed AWS API request"); the host's name says
//! nothing here, since it is loopback for every Region and service. A presigned request has the
//! same in the query of its address ("Authenticating requests: using query parameters").
//!
//! Whether the signature is the key's own is asked in strict mode alone ([`verify`]): else who
//! reaches loopback may play with the lab.

mod old;
mod verify;

use std::borrow::Cow;

use http::Request;
use smol_str::SmolStr;
use wirelab_model::{ApiError, Caller};
use wirelab_scenario::{CallerError, Plan};

use crate::access_key;
use crate::error;
use crate::identity::Identity;

/// What one request was signed with and for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    /// The access key's id.
    pub(crate) key_id: SmolStr,
    /// The Region of the scope.
    pub(crate) region: SmolStr,
    /// The service of the scope: `ec2`, `monitoring`.
    pub(crate) service: SmolStr,
    /// The token that goes with a temporary key.
    pub(crate) token: Option<SmolStr>,
    /// What the client has signed, and how.
    claim: Claim,
}

/// A signature, and what is needed to make it again.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Claim {
    /// `20240305/us-east-1/ec2/aws4_request`.
    scope: String,
    /// `20240305T090000Z`; empty if the request does not say.
    date: SmolStr,
    /// Names of headers, in order.
    signed_headers: String,
    /// 64 hex digits.
    signature: String,
    /// Seconds that a presigned request is good for; of the old version, the moment until which it
    /// is, in seconds since the Unix epoch.
    expires: Option<SmolStr>,
    /// Whether it is of Signature Version 2.
    is_old: bool,
}

impl Signature {
    /// Reads the `Authorization` header, or the query of a presigned request.
    ///
    /// # Errors
    /// `MissingAuthenticationToken`; `IncompleteSignature` for one that is none.
    pub(crate) fn read<B>(request: &Request<B>) -> Result<Self, ApiError> {
        let headers = request.headers();
        let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
        let Some(header) = text("authorization") else {
            return Self::read_query(request.uri().query().unwrap_or_default());
        };
        let parts = header.strip_prefix(ALGORITHM).map(str::trim_start);
        let parts = parts.ok_or_else(|| error::incomplete_signature("its algorithm is unknown"))?;
        let part = |name: &'static str| {
            let mut all = parts.split(',').map(str::trim);
            all.find_map(|it| it.strip_prefix(name)?.strip_prefix('='))
                .ok_or_else(|| error::incomplete_signature(&format!("it has no {name}")))
        };
        let claim = Claim {
            scope: String::new(),
            date: text("x-amz-date")
                .or_else(|| text("date"))
                .unwrap_or_default()
                .into(),
            signed_headers: part("SignedHeaders")?.to_owned(),
            signature: part("Signature")?.to_owned(),
            expires: None,
            is_old: false,
        };
        let token = text("x-amz-security-token").map(SmolStr::from);
        Self::of(part("Credential")?, claim, token)
    }

    /// Reads the query of a presigned request.
    fn read_query(query: &str) -> Result<Self, ApiError> {
        let find = |name: &str| {
            let mut all = form_urlencoded::parse(query.as_bytes());
            all.find(|(its, _)| its == name).map(|(_, value)| value)
        };
        if let (Some(key_id), Some(signature)) = (find("AWSAccessKeyId"), find("Signature"))
            && let Some(expires) = find("Expires")
        {
            // S3's alone, and it does not name a Region: only us-east-1 takes it.
            return Ok(Self {
                key_id: key_id.into(),
                region: "us-east-1".into(),
                service: "s3".into(),
                token: find("x-amz-security-token").map(SmolStr::from),
                claim: Claim {
                    scope: String::new(),
                    date: SmolStr::default(),
                    signed_headers: String::new(),
                    signature: signature.into_owned(),
                    expires: Some(expires.into()),
                    is_old: true,
                },
            });
        }
        let algorithm = find("X-Amz-Algorithm").ok_or_else(error::missing_authentication)?;
        if algorithm != ALGORITHM {
            return Err(error::incomplete_signature("its algorithm is unknown"));
        }
        let part = |name: &'static str| -> Result<Cow<'_, str>, ApiError> {
            find(name).ok_or_else(|| error::incomplete_signature(&format!("it has no {name}")))
        };
        let claim = Claim {
            scope: String::new(),
            date: part("X-Amz-Date")?.into(),
            signed_headers: part("X-Amz-SignedHeaders")?.into_owned(),
            signature: part("X-Amz-Signature")?.into_owned(),
            expires: Some(find("X-Amz-Expires").unwrap_or_default().into()),
            is_old: false,
        };
        let token = find("X-Amz-Security-Token").map(SmolStr::from);
        Self::of(&part("X-Amz-Credential")?, claim, token)
    }

    fn of(credential: &str, mut claim: Claim, token: Option<SmolStr>) -> Result<Self, ApiError> {
        let parts: Vec<&str> = credential.rsplitn(5, '/').collect();
        let ["aws4_request", service, region, _date, key_id] = parts[..] else {
            let why = "its Credential is not KEY/DATE/REGION/SERVICE/aws4_request";
            return Err(error::incomplete_signature(why));
        };
        let is_hex = claim.signature.bytes().all(|it| it.is_ascii_hexdigit());
        if claim.signature.len() != 64 || !is_hex {
            return Err(error::incomplete_signature("it is not 64 hex digits"));
        }
        claim.scope = credential[key_id.len() + 1..].to_owned();
        Ok(Self {
            key_id: key_id.into(),
            region: region.into(),
            service: service.into(),
            token,
            claim,
        })
    }

    /// The caller that this is in a world: the learner in the key's account, or the role that the
    /// token was made for.
    ///
    /// # Errors
    /// A key of no account of the world; a temporary key without its token; a Region that AWS does
    /// not have.
    pub(crate) fn caller(&self, plan: &Plan) -> Result<Caller, ApiError> {
        let account = access_key::account_of(&self.key_id);
        let caller = plan.learner_in(Some(&account), Some(&self.region));
        let caller = caller.map_err(|error| match error {
            CallerError::Account(_) => error::unknown_key(&self.service, &self.key_id, plan),
            CallerError::Region(region) => error::unknown_region(&region),
        })?;
        if !access_key::is_temporary(&self.key_id) {
            return Ok(caller);
        }
        let identity = self.token.as_deref().and_then(Identity::read);
        let identity = identity.ok_or_else(|| error::bad_token(&self.service))?;
        Ok(Caller {
            principal: identity.principal(&caller.account).into(),
            ..caller
        })
    }
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(header: &str) -> Result<Signature, ApiError> {
        let request = Request::builder().header("authorization", header);
        Signature::read(&request.body(()).expect("a header's value"))
    }

    #[test]
    fn the_scope_says_region_and_service() {
        let hex = "0".repeat(64);
        let read = signature(&format!(
            "AWS4-HMAC-SHA256 Credential=AKIA/20240305/eu-west-1/ec2/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, Signature={hex}"
        ));
        let read = read.expect("a signature");
        assert_eq!(
            (
                read.key_id.as_str(),
                read.region.as_str(),
                read.service.as_str()
            ),
            ("AKIA", "eu-west-1", "ec2")
        );
    }

    #[test]
    fn what_is_no_signature_is_said_to_be_none() {
        for header in [
            "Basic dXNlcjpwYXNz",
            "AWS4-HMAC-SHA256 Credential=AKIA/20240305/ec2, SignedHeaders=host, Signature=00",
            "AWS4-HMAC-SHA256 Credential=A/1/r/s/aws4_request, SignedHeaders=host",
            "AWS4-HMAC-SHA256 Credential=A/1/r/s/aws4_request, SignedHeaders=host, Signature=zz",
        ] {
            let error = signature(header).expect_err(header);
            assert_eq!(error.code, "IncompleteSignature", "{header}");
        }
        let error = Signature::read(&Request::new(())).expect_err("no header");
        assert_eq!(error.code, "MissingAuthenticationToken");
    }
}
