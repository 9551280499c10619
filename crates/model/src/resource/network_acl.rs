//! Network ACL: `DescribeNetworkAcls`. Stateless; evaluated at the subnet's boundary only.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{IpProtocol, NetworkAclAssociationId, NetworkAclId, PortRange, SubnetId, VpcId};

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    /// Let pass.
    Allow,
    /// Drop, silently.
    Deny,
}

/// ICMP type and code of an entry; -1 means any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IcmpTypeCode {
    /// ICMP code, or -1.
    pub code: i16,
    /// ICMP type, or -1.
    #[serde(rename = "Type")]
    pub icmp_type: i16,
}

/// One entry of one of the two lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkAclEntry {
    /// Source (ingress) or destination (egress) block, canonical. IPv4 or IPv6.
    pub cidr_block: IpNet,
    /// Whether the entry is in the outbound list.
    pub egress: bool,
    /// Protocol number or all.
    pub protocol: IpProtocol,
    /// Destination ports, for TCP and UDP only. `None`: all.
    pub port_range: Option<PortRange>,
    /// For ICMP and ICMPv6 only. `None`: all.
    pub icmp_type_code: Option<IcmpTypeCode>,
    /// Allow or deny.
    pub rule_action: RuleAction,
    /// 1-32766; the final denies are 32767 (IPv4) and 32768 (IPv6). Ascending; first match wins.
    pub rule_number: u16,
}

impl NetworkAclEntry {
    /// Number of the final IPv4 deny, printed `*`.
    pub const DEFAULT_RULE_IPV4: u16 = 32767;
    /// Number of the final IPv6 deny, printed `*`.
    pub const DEFAULT_RULE_IPV6: u16 = 32768;

    /// Whether this is one of the two final denies.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        self.rule_number >= Self::DEFAULT_RULE_IPV4
    }
}

/// Which subnet uses the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkAclAssociation {
    /// Its id; a new one with every replacement.
    pub network_acl_association_id: NetworkAclAssociationId,
    /// The list.
    pub network_acl_id: NetworkAclId,
    /// The subnet.
    pub subnet_id: SubnetId,
}

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkAcl {
    /// Its id.
    pub network_acl_id: NetworkAclId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// Whether it is the VPC's default list.
    pub is_default: bool,
    /// Both lists, the final denies included; ordered by (egress, rule number).
    pub entries: Vec<NetworkAclEntry>,
    /// The subnets that use it.
    pub associations: Vec<NetworkAclAssociation>,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}
