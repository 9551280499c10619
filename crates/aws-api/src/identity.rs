//! Whom temporary credentials stand for.
//!
//! The session token says it in the clear: there is nobody to deceive but oneself.

use smol_str::SmolStr;

/// A principal of some account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The learner (`GetSessionToken`).
    Learner,
    /// A role under a session's name (`AssumeRole`).
    Role { role: SmolStr, session: SmolStr },
}

const TOKEN: &str = "wirelab/";

impl Identity {
    /// Whose session token that is; `None` if it is none of ours.
    pub(crate) fn read(token: &str) -> Option<Self> {
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

    #[test]
    fn a_token_leads_back_to_its_principal() {
        let role = Identity::Role {
            role: "ops".into(),
            session: "me".into(),
        };
        for identity in [Identity::Learner, role] {
            assert_eq!(Identity::read(&identity.token()), Some(identity));
        }
        assert_eq!(Identity::read("FwoGZXIvYXdzE"), None);
    }
}
