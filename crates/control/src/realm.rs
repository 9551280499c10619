//! Whose a resource is: an account in a Region, as calls see it.
//!
//! A caller sees and changes what its account has in its Region; a type of resource may decide
//! otherwise ([`Kind::shown_to`]); for all else the API answers as if it did not exist.
//! [`crate::transaction::Transaction`] and [`crate::describe::Reader`] ask here, so no handler
//! does. What one handler looks up beside its own realm (a peer's group, the other end of a
//! peering connection) it takes from the world's resources, on purpose.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::Caller;

use crate::control::ControlConfig;
use crate::kind::Kind;
use crate::state::State;

/// An account in a Region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Realm {
    pub(crate) account: SmolStr,
    pub(crate) region: SmolStr,
}

impl Realm {
    pub(crate) fn of(caller: &Caller) -> Self {
        Self {
            account: caller.account.clone(),
            region: caller.region.clone(),
        }
    }

    /// The realm of what no other is noted for.
    fn is_home(&self, config: &ControlConfig) -> bool {
        self.account == config.account && self.region == config.region
    }
}

/// The realms of ids outside the scenario's own account and Region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Realms(BTreeMap<SmolStr, Realm>);

impl Realms {
    /// Notes whose a new id is.
    pub(crate) fn note(&mut self, id: &str, realm: &Realm, config: &ControlConfig) {
        if !realm.is_home(config) {
            self.0.insert(id.into(), realm.clone());
        }
    }

    /// Account and Region that `id` belongs to.
    pub(crate) fn owner<'a>(
        &'a self,
        id: &str,
        config: &'a ControlConfig,
    ) -> (&'a SmolStr, &'a SmolStr) {
        match self.0.get(id) {
            Some(realm) => (&realm.account, &realm.region),
            None => (&config.account, &config.region),
        }
    }

    /// Whether `id` is of `realm`.
    pub(crate) fn is_of(&self, id: &str, realm: &Realm, config: &ControlConfig) -> bool {
        self.owner(id, config) == (&realm.account, &realm.region)
    }
}

/// Whether the API shows `it` to a caller of `realm`.
pub(crate) fn sees<T: Kind>(it: &T, realm: &Realm, state: &State, config: &ControlConfig) -> bool {
    let by_type = it.shown_to(&realm.account, &realm.region);
    by_type.unwrap_or_else(|| state.realms.is_of(it.id().as_ref(), realm, config))
}
