//! Statements of policies, as far as they are heeded (IAM User Guide, "Grammar of the IAM JSON
//! policy language").

use serde_json::Value;
use wirelab_model::fits_wildcards;

use crate::policy::many;

/// What the statements of policies come to.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) allowed: bool,
    pub(super) denied: bool,
}

impl Effects {
    pub(super) const fn is_allowed(&self) -> bool {
        self.allowed && !self.denied
    }
}

pub(super) fn effects<'p>(
    policies: impl IntoIterator<Item = &'p str>,
    applies: impl Fn(&Value) -> bool,
) -> Effects {
    let mut effects = Effects::default();
    for text in policies {
        let policy: Value = serde_json::from_str(text).unwrap_or_default();
        let statements = many(&policy["Statement"]).iter();
        for statement in statements.filter(|it| applies(it)) {
            match statement["Effect"].as_str() {
                Some("Allow") => effects.allowed = true,
                Some("Deny") => effects.denied = true,
                _ => {}
            }
        }
    }
    effects
}

/// Whether an action, in small letters, is one of a pattern's: actions know no case.
pub(super) fn fits(pattern: &str, action: &str) -> bool {
    fits_wildcards(&pattern.to_ascii_lowercase(), action, false)
}
