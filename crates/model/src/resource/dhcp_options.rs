//! DHCP option set: `DescribeDhcpOptions`.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::DhcpOptionsId;

/// A DHCP option set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DhcpOptions {
    /// Its id.
    pub dhcp_options_id: DhcpOptionsId,
    /// Owner.
    pub owner_id: SmolStr,
    /// The options, by key.
    pub dhcp_configurations: Vec<DhcpConfiguration>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// One option: `domain-name-servers` and its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DhcpConfiguration {
    /// `domain-name`, `domain-name-servers`, `ntp-servers`, ...
    pub key: SmolStr,
    /// Its values.
    pub values: Vec<SmolStr>,
}
