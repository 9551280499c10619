//! Managed prefix list: `DescribeManagedPrefixLists`, `GetManagedPrefixListEntries`.

use std::fmt;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Tag;
use crate::PrefixListId;

/// Which IP version the entries are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AddressFamily {
    /// IPv4.
    IPv4,
    /// IPv6.
    IPv6,
}

impl AddressFamily {
    /// The version of a block.
    #[must_use]
    pub const fn of(block: IpNet) -> Self {
        match block {
            IpNet::V4(_) => Self::IPv4,
            IpNet::V6(_) => Self::IPv6,
        }
    }
}

impl fmt::Display for AddressFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IPv4 => "IPv4",
            Self::IPv6 => "IPv6",
        })
    }
}

/// The life of a prefix list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrefixListState {
    /// Being made.
    CreateInProgress,
    /// Made.
    CreateComplete,
    /// A new version or size is on its way; the old one is in force.
    ModifyInProgress,
    /// The new version or size is in force.
    ModifyComplete,
    /// The new size does not fit what refers to the list; the old one stays.
    ModifyFailed,
    /// An old version is on its way back.
    RestoreInProgress,
    /// The old version is back, under a new number.
    RestoreComplete,
    /// Going.
    DeleteInProgress,
}

/// One block of a prefix list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrefixListEntry {
    /// The block, canonical.
    pub cidr: IpNet,
    /// Free text.
    pub description: Option<SmolStr>,
}

/// A managed prefix list: blocks under one name, for security group rules and routes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ManagedPrefixList {
    /// Its id.
    pub prefix_list_id: PrefixListId,
    /// Its name; names of AWS's own lists begin with `com.amazonaws.`.
    pub prefix_list_name: SmolStr,
    /// Names Region and owner.
    pub prefix_list_arn: SmolStr,
    /// IP version of all entries.
    pub address_family: AddressFamily,
    /// State.
    pub state: PrefixListState,
    /// Why the latest change failed.
    pub state_message: Option<String>,
    /// Size that quotas count; `None` for AWS's own lists.
    pub max_entries: Option<u32>,
    /// Number of the version in force; `None` for AWS's own lists.
    pub version: Option<u64>,
    /// The version in force.
    pub entries: Vec<PrefixListEntry>,
    /// Owner; [`Self::AWS`] for AWS's own lists.
    pub owner_id: SmolStr,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl ManagedPrefixList {
    /// Owner of the lists that AWS manages.
    pub const AWS: &'static str = "AWS";

    /// Whether AWS manages it, and nobody else can.
    #[must_use]
    pub fn is_aws_managed(&self) -> bool {
        self.owner_id == Self::AWS
    }

    /// As how many rules or routes a reference to it counts: its maximum size, not its entries. The
    /// lists of Amazon S3 and DynamoDB count as one (Amazon VPC User Guide, "AWS-managed prefix
    /// list weight").
    #[must_use]
    pub fn weight(&self) -> usize {
        self.max_entries.map_or(1, |entries| entries as usize)
    }

    /// The blocks in force.
    pub fn blocks(&self) -> impl Iterator<Item = IpNet> {
        self.entries.iter().map(|entry| entry.cidr)
    }
}
