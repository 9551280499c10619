//! The names an author gave, and the ids that stand for them in this run.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
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

    /// These names, and those of what was made since: kind, id and name of each. Who has a name
    /// keeps it, and one that two of a kind have means neither.
    #[must_use]
    pub fn and<'a>(&self, made: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Self {
        let mut found: BTreeMap<String, Option<&str>> = BTreeMap::new();
        for (kind, id, name) in made {
            let is_taken = kind == "instance" && name == "internet";
            if !self.names.contains_key(id) && is_word(name) && !is_taken {
                let known = found.entry(format!("{kind}.{name}"));
                known.and_modify(|it| *it = None).or_insert(Some(id));
            }
        }
        let mut all = self.clone();
        found.retain(|name, _| !self.ids.contains_key(name));
        for (name, id) in found {
            id.into_iter().for_each(|id| all.bind(name.as_str(), id));
        }
        all
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

    /// The id that a call's parameter means by `text`: of `network_acl.db` anywhere, of `db` alone
    /// where `parameter` takes ids and one resource of the kinds it takes has that name.
    #[must_use]
    pub fn id_for(&self, parameter: &str, text: &str) -> Option<&SmolStr> {
        if let Some(id) = self.id(text) {
            return Some(id);
        }
        let kinds = kinds(parameter).into_iter();
        let mut ids = kinds.filter_map(|kind| self.id(&format!("{kind}.{text}")));
        let first = ids.next()?;
        ids.all(|it| it == first).then_some(first)
    }

    /// Puts ids for names into the value of a call's parameter, at any depth: as `wirelab call`,
    /// `.calls` files and events write them.
    pub fn put_ids(&self, parameter: &str, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(id) = self.id_for(parameter, text) {
                    *text = id.to_string();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|it| self.put_ids(parameter, it)),
            Value::Object(members) => members
                .iter_mut()
                .for_each(|(name, it)| self.put_ids(name, it)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The full names of everything whose id a call's parameter takes; none if it takes no ids.
    pub fn takes(&self, parameter: &str) -> Vec<String> {
        let kinds = kinds(parameter).into_iter();
        let names = kinds.flat_map(|kind| {
            let names = self.of_kind(&kind).map(|name| format!("{kind}.{name}"));
            names.collect::<Vec<_>>()
        });
        names.collect()
    }

    /// The names of one kind, without it.
    pub(crate) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let names = self.ids.keys().filter_map(|name| name.split_once('.'));
        names
            .filter(move |(its, _)| *its == kind)
            .map(|(_, name)| name)
    }
}

/// The kinds of resource whose ids a parameter takes: `network_acl` for `NetworkAclIds`.
fn kinds(parameter: &str) -> Vec<String> {
    let stem = parameter.strip_suffix('s').unwrap_or(parameter);
    let Some(stem) = stem.strip_suffix("Id") else {
        return Vec::new();
    };
    let kinds: &[&str] = match stem {
        "Allocation" => &["address"],
        "DestinationPrefixList" => &["prefix_list"],
        "Gateway" => &["internet_gateway", "vpn_gateway"],
        "Group" | "SecurityGroup" | "SourceGroup" | "ReferencedGroup" => &["security_group"],
        "PeerTransitGateway" => &["transit_gateway"],
        "PeerVpc" | "VPC" => &["vpc"],
        // Of a flow log.
        "Resource" => &["vpc", "subnet", "network_interface", "transit_gateway"],
        "TransitGatewayAttachment" => &[
            "transit_gateway_vpc_attachment",
            "transit_gateway_peering_attachment",
            "transit_gateway_vpn_attachment",
        ],
        _ => return vec![snake(stem)],
    };
    kinds.iter().map(|kind| (*kind).to_owned()).collect()
}

/// Whether something can be called by it on a command line: it is one word, and neither an option
/// nor an address.
fn is_word(name: &str) -> bool {
    let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '.' | '_' | '/');
    let is_other = name.starts_with('-') || name.parse::<IpAddr>().is_ok();
    !name.is_empty() && name.chars().all(fits) && !is_other
}

/// `network_acl` for `NetworkAcl`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// For printed paths.
impl wirelab_simulator::path::Names for Names {
    fn name(&self, id: &str) -> Option<SmolStr> {
        self.short(id).map(SmolStr::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tags_that_would_be_taken_for_something_else_are_no_names() {
        let names = Names::default().and([
            ("instance", "i-1", "web"),
            ("instance", "i-2", "-rf"),
            ("instance", "i-3", "10.0.0.9"),
            ("instance", "i-4", "internet"),
            ("internet_gateway", "igw-1", "internet"),
        ]);
        let named = ["i-1", "i-2", "i-3", "i-4", "igw-1"].map(|id| names.name_of(id));
        let wanted = [
            Some("instance.web"),
            None,
            None,
            None,
            Some("internet_gateway.internet"),
        ];
        assert_eq!(named, wanted);
    }

    #[test]
    fn a_parameter_takes_a_name_alone_where_one_resource_of_its_kinds_has_it() {
        let mut names = Names::default();
        for (name, id) in [
            ("network_acl.db", "acl-1"),
            ("subnet.db", "subnet-1"),
            ("transit_gateway_vpc_attachment.spoke", "tgw-attach-1"),
            ("internet_gateway.edge", "igw-1"),
            ("vpn_gateway.edge", "vgw-1"),
        ] {
            names.bind(name, id);
        }
        let mut parameters = json!({
            "NetworkAclId": "db",
            "SubnetIds": ["db", "subnet-9"],
            "TransitGatewayAttachmentId": "spoke",
            "GatewayId": "edge",
            "ResourceIds": ["db"],
            "Description": "db",
            "Any": { "Of": ["internet_gateway.edge"], "SubnetId": "db" },
        });
        names.put_ids("", &mut parameters);
        let wanted = json!({
            "NetworkAclId": "acl-1",
            "SubnetIds": ["subnet-1", "subnet-9"],
            "TransitGatewayAttachmentId": "tgw-attach-1",
            "GatewayId": "edge",
            "ResourceIds": ["subnet-1"],
            "Description": "db",
            "Any": { "Of": ["igw-1"], "SubnetId": "subnet-1" },
        });
        assert_eq!(parameters, wanted);
        assert_eq!(
            names.takes("GatewayId"),
            ["internet_gateway.edge", "vpn_gateway.edge"]
        );
        assert!(names.takes("Description").is_empty());
    }

    #[test]
    fn what_was_made_since_is_called_by_its_tag_if_that_says_which() {
        let mut names = Names::default();
        names.bind("subnet.db", "subnet-1");
        let made = [
            ("subnet", "subnet-1", "other"),
            ("subnet", "subnet-2", "web"),
            ("subnet", "subnet-3", "db"),
            ("subnet", "subnet-4", "twin"),
            ("subnet", "subnet-5", "twin"),
            ("subnet", "subnet-6", "no word"),
            ("vpc", "vpc-1", "web"),
        ];
        let names = names.and(made);
        let known: Vec<_> = names.iter().map(|(name, id)| (name, id.as_str())).collect();
        let wanted = [
            ("subnet.db", "subnet-1"),
            ("subnet.web", "subnet-2"),
            ("vpc.web", "vpc-1"),
        ];
        assert_eq!(known, wanted);
        assert_eq!(names.short("subnet-1"), Some("db"));
        assert_eq!(names.short("vpc-1"), Some("web"));
    }
}
