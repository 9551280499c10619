//! The names an author gave, and the ids that stand for them in this run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// `kind.name` to id and back. Ids vary with the seed, names do not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    ids: BTreeMap<String, SmolStr>,
    names: BTreeMap<SmolStr, String>,
}

impl Names {
    /// Binds a full name (`network_acl.db`) to an id. The first name of an id is the one it is
    /// printed with.
    pub(crate) fn bind(&mut self, name: impl Into<String>, id: impl Into<SmolStr>) {
        let (name, id) = (name.into(), id.into());
        self.names.entry(id.clone()).or_insert_with(|| name.clone());
        self.ids.insert(name, id);
    }

    /// The id of `network_acl.db`.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<&SmolStr> {
        self.ids.get(name)
    }

    /// The full name of an id: `network_acl.db`; an instance's primary interface is called
    /// `network_interface.NAME`.
    #[must_use]
    pub fn name_of(&self, id: &str) -> Option<&str> {
        self.names.get(id).map(String::as_str)
    }

    /// The name of an id without its kind: `db`.
    #[must_use]
    pub fn short(&self, id: &str) -> Option<&str> {
        self.name_of(id)?.split_once('.').map(|(_, name)| name)
    }

    /// Every full name with its id, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SmolStr)> {
        self.ids.iter().map(|(name, id)| (name.as_str(), id))
    }

    /// The names of one kind, without it.
    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.ids.keys().filter_map(|name| name.split_once('.'));
        names
            .filter(move |(its, _)| *its == kind)
            .map(|(_, name)| name)
    }
}

/// For printed paths.
impl wirelab_simulator::path::Names for Names {
    fn name(&self, id: &str) -> Option<SmolStr> {
        self.short(id).map(SmolStr::from)
    }
}
