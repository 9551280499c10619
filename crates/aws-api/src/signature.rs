//! Who calls, where, and which service: what the signature of a request says.
//!
//! Signature Version 4 puts the access key and the scope of the signature into the `Authorization`
//! header (AWS Signature Version 4, "Create a signed AWS API request"); the host's name says
//! nothing here, since it is loopback for every Region and service. The signature itself is not
//! verified: who reaches loopback may play with the lab.

use http::HeaderMap;
use smol_str::SmolStr;
use wirelab_model::{ApiError, Caller};
use wirelab_scenario::{CallerError, Plan};

use crate::access_key;
use crate::error;

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
}

impl Signature {
    /// Reads the `Authorization` header.
    ///
    /// # Errors
    /// `MissingAuthenticationToken`; `IncompleteSignature` for a header that is none.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
        let header = text("authorization").ok_or_else(error::missing_authentication)?;
        let parts = header.strip_prefix("AWS4-HMAC-SHA256 ");
        let parts = parts.ok_or_else(|| error::incomplete_signature("its algorithm is unknown"))?;
        let part = |name: &str| {
            let mut all = parts.split(',').map(str::trim);
            all.find_map(|it| it.strip_prefix(name)?.strip_prefix('='))
                .ok_or_else(|| error::incomplete_signature(&format!("it has no {name}")))
        };
        let credential: Vec<&str> = part("Credential")?.rsplitn(5, '/').collect();
        let signature = part("Signature")?;
        part("SignedHeaders")?;
        let ["aws4_request", service, region, _date, key_id] = credential[..] else {
            let why = "its Credential is not KEY/DATE/REGION/SERVICE/aws4_request";
            return Err(error::incomplete_signature(why));
        };
        if signature.len() != 64 || !signature.bytes().all(|it| it.is_ascii_hexdigit()) {
            return Err(error::incomplete_signature("it is not 64 hex digits"));
        }
        Ok(Self {
            key_id: key_id.into(),
            region: region.into(),
            service: service.into(),
            token: text("x-amz-security-token").map(SmolStr::from),
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
        let session = self.token.as_deref().and_then(Session::read);
        let session = session.ok_or_else(|| error::bad_token(&self.service))?;
        Ok(Caller {
            principal: session.principal(&caller.account).into(),
            ..caller
        })
    }
}

/// Whom temporary credentials stand for. The token says it in the clear: there is nobody to
/// deceive but oneself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// The learner (`GetSessionToken`).
    Learner,
    /// A role under a session's name (`AssumeRole`).
    Role { role: SmolStr, session: SmolStr },
}

const TOKEN: &str = "wirelab/";

impl Session {
    fn read(token: &str) -> Option<Self> {
        match token.strip_prefix(TOKEN)?.split('/').collect::<Vec<_>>()[..] {
            ["user", "learner"] => Some(Self::Learner),
            ["assumed-role", role, session] => Some(Self::Role {
                role: role.into(),
                session: session.into(),
            }),
            _ => None,
        }
    }

    /// The session token.
    pub(crate) fn token(&self) -> String {
        match self {
            Self::Learner => format!("{TOKEN}user/learner"),
            Self::Role { role, session } => format!("{TOKEN}assumed-role/{role}/{session}"),
        }
    }

    /// The principal's ARN.
    pub(crate) fn principal(&self, account: &str) -> String {
        match self {
            Self::Learner => format!("arn:aws:iam::{account}:user/learner"),
            Self::Role { role, session } => {
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(header: &str) -> Result<Signature, ApiError> {
        let mut headers = HeaderMap::new();
        let value = header.parse().expect("a header's value");
        headers.insert("authorization", value);
        Signature::read(&headers)
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
        let error = Signature::read(&HeaderMap::new()).expect_err("no header");
        assert_eq!(error.code, "MissingAuthenticationToken");
    }

    #[test]
    fn a_token_leads_back_to_its_principal() {
        let role = Session::Role {
            role: "ops".into(),
            session: "me".into(),
        };
        for session in [Session::Learner, role] {
            assert_eq!(Session::read(&session.token()), Some(session));
        }
        assert_eq!(Session::read("FwoGZXIvYXdzE"), None);
    }
}
