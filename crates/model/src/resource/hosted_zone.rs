//! Route 53 hosted zone: `GetHostedZone`, `ListResourceRecordSets`.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::{HostedZoneId, VpcId};

/// Type of a record set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RecordSetType {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    AAAA,
    /// Another name.
    CNAME,
    /// A mail server.
    MX,
    /// A name server.
    NS,
    /// A name for an address.
    PTR,
    /// Start of authority.
    SOA,
    /// A server and port.
    SRV,
    /// Text.
    TXT,
}

/// A name as the VPCs' resolvers answer for it: `AliasTarget`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AliasTarget {
    /// Zone of the target: an endpoint's, or the record's own.
    pub hosted_zone_id: SmolStr,
    /// The target's name.
    #[serde(rename = "DNSName")]
    pub dns_name: SmolStr,
    /// Whether an unhealthy target counts.
    #[serde(default)]
    pub evaluate_target_health: bool,
}

/// All records of one name and type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSet {
    /// Name in lower case, with the final dot: `db.example.internal.`
    pub name: SmolStr,
    /// Type.
    pub record_type: RecordSetType,
    /// Seconds for which answers may be kept; none for an alias.
    pub ttl: Option<u32>,
    /// Values in the form of zone files; none for an alias.
    pub values: Vec<SmolStr>,
    /// What an alias stands for.
    pub alias_target: Option<AliasTarget>,
}

/// A VPC with its Region, as Route 53 names one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ZoneVpc {
    /// Region.
    #[serde(rename = "VPCRegion")]
    pub vpc_region: SmolStr,
    /// Id.
    #[serde(rename = "VPCId")]
    pub vpc_id: VpcId,
}

/// A hosted zone.
///
/// The API shows a change at once; the resolvers answer by it when it is `INSYNC`. So a zone holds
/// both: what was asked for, and what is `served`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostedZone {
    /// Its id: `Z0123456789ABCDEFGHIJ`.
    pub hosted_zone_id: HostedZoneId,
    /// Name in lower case, with the final dot.
    pub name: SmolStr,
    /// The token that the creating call carried.
    pub caller_reference: SmolStr,
    /// Comment.
    pub comment: Option<SmolStr>,
    /// Only for the VPCs it is associated with.
    pub private_zone: bool,
    /// VPCs it is associated with.
    pub vpcs: Vec<ZoneVpc>,
    /// VPCs of other accounts that may be associated with it.
    pub authorizations: Vec<ZoneVpc>,
    /// Record sets, sorted by name and type.
    pub records: Vec<RecordSet>,
    /// VPCs whose resolvers answer by it.
    pub served_vpcs: Vec<ZoneVpc>,
    /// What they answer.
    pub served_records: Vec<RecordSet>,
    /// Owner.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl HostedZone {
    /// Whether the name is the zone's or below it. Both end with a dot.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let rest = name.strip_suffix(self.name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}
