//! What every question has that the endpoint remembers: an owner, and an id.

use sha2::{Digest, Sha256};
use wirelab_model::Caller;

/// Whose a question is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    account: String,
    region: String,
}

impl Owner {
    pub(super) fn of(caller: &Caller) -> Self {
        Self {
            account: caller.account.to_string(),
            region: caller.region.to_string(),
        }
    }
}

/// A new id in the form of a UUID, from the request's, which is given once.
pub(super) fn new_id(request: &str) -> String {
    let digest = Sha256::digest(format!("wirelab question {request}"));
    let hex: String = digest[..16].iter().map(|it| format!("{it:02x}")).collect();
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..],
    );
    format!("{a}-{b}-4{c}-8{d}-{e}")
}
