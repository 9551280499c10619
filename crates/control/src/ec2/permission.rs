//! `IpPermissions`: how security group calls say which rules are meant, and show them.
//!
//! A permission with several ranges stands for several rules. The older form with `CidrIp`,
//! `FromPort` and so on at the top level stands for one.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::ec2::security_group_reference;
use crate::error;
use crate::state::State;

/// What makes two rules the same; the description does not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RuleKey {
    pub(crate) protocol: IpProtocol,
    pub(crate) from_port: i32,
    pub(crate) to_port: i32,
    pub(crate) peer: RulePeer,
}

impl RuleKey {
    pub(crate) fn of(rule: &SecurityGroupRule) -> Self {
        Self {
            protocol: rule.ip_protocol,
            from_port: rule.from_port,
            to_port: rule.to_port,
            peer: rule.peer.clone(),
        }
    }
}

/// `peer: 10.0.0.0/16, TCP, from port: 22, to port: 22, ALLOW`, as EC2's message has it.
impl std::fmt::Display for RuleKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.peer {
            RulePeer::Cidr(cidr) => write!(f, "peer: {cidr}, ")?,
            RulePeer::Group(id) => write!(f, "peer: {id}, ")?,
            RulePeer::PrefixList(id) => write!(f, "peer: {id}, ")?,
        }
        match self.protocol {
            IpProtocol::All => write!(f, "ALL, ALLOW"),
            protocol => write!(
                f,
                "{}, from port: {}, to port: {}, ALLOW",
                protocol.to_string().to_ascii_uppercase(),
                self.from_port,
                self.to_port
            ),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct IpPermission {
    ip_protocol: IpProtocol,
    from_port: Option<i32>,
    to_port: Option<i32>,
    #[serde(default)]
    ip_ranges: Vec<IpRange>,
    #[serde(default)]
    ipv6_ranges: Vec<Ipv6Range>,
    #[serde(default)]
    user_id_group_pairs: Vec<GroupPair>,
    #[serde(default)]
    prefix_list_ids: Vec<PrefixListRef>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct IpRange {
    cidr_ip: Ipv4Net,
    description: Option<SmolStr>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Ipv6Range {
    cidr_ipv6: Ipv6Net,
    description: Option<SmolStr>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GroupPair {
    group_id: Option<SecurityGroupId>,
    group_name: Option<SmolStr>,
    user_id: Option<SmolStr>,
    #[serde(rename = "VpcId")]
    _vpc_id: Option<VpcId>,
    description: Option<SmolStr>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PrefixListRef {
    prefix_list_id: PrefixListId,
    description: Option<SmolStr>,
}

/// The parts of a call that name rules, in either form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permissions {
    pub(crate) ip_permissions: Vec<IpPermission>,
    pub(crate) ip_protocol: Option<IpProtocol>,
    pub(crate) from_port: Option<i32>,
    pub(crate) to_port: Option<i32>,
    pub(crate) cidr_ip: Option<Ipv4Net>,
    pub(crate) source_security_group_name: Option<SmolStr>,
    pub(crate) source_security_group_owner_id: Option<SmolStr>,
}

/// A rule that a call means.
#[derive(Clone, Debug)]
pub(crate) struct Meant {
    pub(crate) key: RuleKey,
    pub(crate) description: Option<SmolStr>,
    /// The account that the call says a group is of.
    pub(crate) owner: Option<SmolStr>,
}

impl Permissions {
    /// The rules meant. `group` finds a group of the same VPC by its name.
    pub(crate) fn rules(
        self,
        group: impl Fn(&str) -> Result<SecurityGroupId, ApiError>,
    ) -> Result<Vec<Meant>, ApiError> {
        let mut permissions = self.ip_permissions.clone();
        permissions.extend(self.flat()?);
        if permissions.is_empty() {
            return Err(error::missing_one_of("IpPermissions, IpProtocol"));
        }
        let mut rules = Vec::new();
        for permission in permissions {
            rules.extend(permission.rules(&group)?);
        }
        Ok(rules)
    }

    /// The form without `IpPermissions`. A source group alone means all of TCP, UDP and ICMP in
    /// EC2-Classic; in a VPC a protocol is needed.
    fn flat(self) -> Result<Option<IpPermission>, ApiError> {
        let names_peer = self.cidr_ip.is_some() || self.source_security_group_name.is_some();
        let Some(ip_protocol) = self.ip_protocol else {
            if names_peer || self.from_port.is_some() || self.to_port.is_some() {
                return Err(error::missing_parameter("IpProtocol"));
            }
            return Ok(None);
        };
        if !self.ip_permissions.is_empty() {
            return Err(error::combination(
                "The parameters IpPermissions and IpProtocol exclude each other",
            ));
        }
        let ip_ranges = self.cidr_ip.map(|cidr_ip| IpRange {
            cidr_ip,
            description: None,
        });
        let pairs = self.source_security_group_name.map(|name| GroupPair {
            group_id: None,
            group_name: Some(name),
            user_id: self.source_security_group_owner_id,
            _vpc_id: None,
            description: None,
        });
        Ok(Some(IpPermission {
            ip_protocol,
            from_port: self.from_port,
            to_port: self.to_port,
            ip_ranges: ip_ranges.into_iter().collect(),
            ipv6_ranges: Vec::new(),
            user_id_group_pairs: pairs.into_iter().collect(),
            prefix_list_ids: Vec::new(),
        }))
    }
}

impl IpPermission {
    fn rules(
        self,
        group: impl Fn(&str) -> Result<SecurityGroupId, ApiError>,
    ) -> Result<Vec<Meant>, ApiError> {
        let (from_port, to_port) = checked_ports(self.ip_protocol, self.from_port, self.to_port)?;
        let mut peers = Vec::new();
        for range in self.ip_ranges {
            let cidr = canonical(IpNet::V4(range.cidr_ip));
            peers.push((RulePeer::Cidr(cidr), range.description, None));
        }
        for range in self.ipv6_ranges {
            let cidr = canonical(IpNet::V6(range.cidr_ipv6));
            peers.push((RulePeer::Cidr(cidr), range.description, None));
        }
        for pair in self.user_id_group_pairs {
            let id = match (pair.group_id, pair.group_name) {
                (Some(id), _) => id,
                (None, Some(name)) => group(&name)?,
                (None, None) => return Err(error::missing_parameter("UserIdGroupPairs.GroupId")),
            };
            peers.push((RulePeer::Group(id), pair.description, pair.user_id));
        }
        for list in self.prefix_list_ids {
            let peer = RulePeer::PrefixList(list.prefix_list_id);
            peers.push((peer, list.description, None));
        }
        if peers.is_empty() {
            return Err(error::missing_one_of(
                "IpPermissions.IpRanges, IpPermissions.Ipv6Ranges, \
                IpPermissions.PrefixListIds, IpPermissions.UserIdGroupPairs",
            ));
        }
        let meant = |(peer, description, owner)| Meant {
            key: RuleKey {
                protocol: self.ip_protocol,
                from_port,
                to_port,
                peer,
            },
            description,
            owner,
        };
        Ok(peers.into_iter().map(meant).collect())
    }
}

/// Ports as EC2 keeps them: TCP and UDP need both; ICMP has type and code, -1 for any; all other
/// protocols have none, kept as -1.
pub(crate) fn checked_ports(
    protocol: IpProtocol,
    from: Option<i32>,
    to: Option<i32>,
) -> Result<(i32, i32), ApiError> {
    match protocol {
        IpProtocol::TCP | IpProtocol::UDP => {
            let (Some(from), Some(to)) = (from, to) else {
                return Err(error::invalid_parameter_value(
                    "Invalid value 'Must specify both from and to ports with TCP/UDP.' for \
                    portRange.",
                ));
            };
            // -1 to -1 is an old way to write every port.
            if (from, to) == (-1, -1) {
                return Ok((0, 65535));
            }
            let valid = 0..=65535;
            if !valid.contains(&from) || !valid.contains(&to) || from > to {
                return Err(error::invalid_parameter_value(format_args!(
                    "Invalid value '{from}-{to}' for portRange: ports are 0 to 65535, the first \
                    not above the last."
                )));
            }
            Ok((from, to))
        }
        IpProtocol::ICMP | IpProtocol::ICMPV6 => {
            let (kind, code) = (from.unwrap_or(-1), to.unwrap_or(-1));
            let valid = -1..=255;
            if !valid.contains(&kind) || !valid.contains(&code) || (kind == -1 && code != -1) {
                return Err(error::invalid_parameter_value(format_args!(
                    "ICMP code ({code}) and type ({kind}) are not valid together."
                )));
            }
            Ok((kind, code))
        }
        _ => Ok((-1, -1)),
    }
}

/// Protocol, first port, last port.
type Ports = (IpProtocol, i32, i32);

/// Rules grouped as describe replies show them: one permission for each protocol and port range.
/// `group` is theirs.
pub(crate) fn show(rules: &[&SecurityGroupRule], group: &SecurityGroup, state: &State) -> Value {
    let mut sorted: Vec<(Ports, Vec<&SecurityGroupRule>)> = Vec::new();
    for rule in rules {
        let key = (rule.ip_protocol, rule.from_port, rule.to_port);
        match sorted.iter_mut().find(|it| it.0 == key) {
            Some(found) => found.1.push(rule),
            None => sorted.push((key, vec![rule])),
        }
    }
    sorted
        .into_iter()
        .map(|(key, rules)| show_permission(key, &rules, group, state))
        .collect()
}

fn show_permission(
    (protocol, from, to): Ports,
    rules: &[&SecurityGroupRule],
    group: &SecurityGroup,
    state: &State,
) -> Value {
    let mut lists: [Vec<Value>; 4] = Default::default();
    for rule in rules {
        let (list, mut member) = match &rule.peer {
            RulePeer::Group(id) => (0, security_group_reference::pair(id, group, state)),
            RulePeer::Cidr(IpNet::V4(cidr)) => (1, json!({ "CidrIp": cidr })),
            RulePeer::Cidr(IpNet::V6(cidr)) => (2, json!({ "CidrIpv6": cidr })),
            RulePeer::PrefixList(id) => (3, json!({ "PrefixListId": id })),
        };
        if let Some(description) = &rule.description {
            member["Description"] = json!(description);
        }
        lists[list].push(member);
    }
    let [groups, ipv4, ipv6, prefix_lists] = lists;
    let mut shown = Map::new();
    shown.insert("IpProtocol".to_owned(), protocol_text(protocol).into());
    if has_ports(protocol) {
        shown.insert("FromPort".to_owned(), from.into());
        shown.insert("ToPort".to_owned(), to.into());
    }
    shown.insert("UserIdGroupPairs".to_owned(), groups.into());
    shown.insert("IpRanges".to_owned(), ipv4.into());
    shown.insert("Ipv6Ranges".to_owned(), ipv6.into());
    shown.insert("PrefixListIds".to_owned(), prefix_lists.into());
    Value::Object(shown)
}

fn has_ports(protocol: IpProtocol) -> bool {
    matches!(
        protocol,
        IpProtocol::TCP | IpProtocol::UDP | IpProtocol::ICMP | IpProtocol::ICMPV6
    )
}

/// Security groups name the protocols that have ports or types, and number the others.
pub(crate) fn protocol_text(protocol: IpProtocol) -> String {
    if has_ports(protocol) {
        protocol.to_string()
    } else {
        protocol.number()
    }
}
