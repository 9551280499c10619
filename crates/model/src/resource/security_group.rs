//! Security group: `DescribeSecurityGroups`, `DescribeSecurityGroupRules`. Stateful; allow only.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{IpProtocol, PortRange, PrefixListId, SecurityGroupId, SecurityGroupRuleId, VpcId};

/// The other end of a rule: source (ingress) or destination (egress).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RulePeer {
    /// A CIDR block, IPv4 or IPv6.
    Cidr(IpNet),
    /// The private addresses of the interfaces that carry a group.
    Group(SecurityGroupId),
    /// The blocks of a prefix list.
    PrefixList(PrefixListId),
}

/// One rule, as EC2 keeps it: one protocol, one range, one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecurityGroupRule {
    /// Its id.
    pub security_group_rule_id: SecurityGroupRuleId,
    /// Its group.
    pub group_id: SecurityGroupId,
    /// Outbound or inbound.
    pub is_egress: bool,
    /// Protocol.
    pub ip_protocol: IpProtocol,
    /// TCP and UDP: first port. ICMP: type, -1 for all. All protocols: -1.
    pub from_port: i32,
    /// TCP and UDP: last port. ICMP: code, -1 for all. All protocols: -1.
    pub to_port: i32,
    /// The other end.
    pub peer: RulePeer,
    /// Free text; no part of the rule's identity.
    pub description: Option<SmolStr>,
}

impl SecurityGroupRule {
    /// The ports of a TCP or UDP rule; `None` for other protocols.
    #[must_use]
    pub fn ports(&self) -> Option<PortRange> {
        match self.ip_protocol {
            IpProtocol::TCP | IpProtocol::UDP => Some(PortRange {
                from: u16::try_from(self.from_port).unwrap_or(0),
                to: u16::try_from(self.to_port).unwrap_or(u16::MAX),
            }),
            _ => None,
        }
    }
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecurityGroup {
    /// Its id.
    pub group_id: SecurityGroupId,
    /// Unique in its VPC.
    pub group_name: SmolStr,
    /// Required by the API.
    pub description: String,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Rules of both directions.
    pub rules: Vec<SecurityGroupRule>,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}
