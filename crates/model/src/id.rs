//! AWS resource ids as distinct types, and how they are derived.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

/// The version word of the derivation: changes only when every id may change.
const DERIVATION: &str = "wirelab-id-1";

/// What an id is derived from. Names give stable ids, so that a book page can show one; calls
/// made by a person give ids by their place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdSource<'a> {
    /// A resource named in the scenario file.
    Named(&'a str),
    /// The `ordinal`th resource made by the journal's entry `seq`.
    Journal {
        /// The entry's sequence number.
        seq: u64,
        /// 0 for the first resource that the call makes.
        ordinal: u32,
    },
}

/// The parts of an id that are the same for a whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdSpace {
    /// Name of the scenario.
    pub scenario: SmolStr,
    /// The `names` part of the seed.
    pub names_seed: u64,
}

impl IdSpace {
    /// 17 hex digits of SHA-256, as EC2 writes after the prefix of a long id.
    ///
    /// `kind` is the type of the resource (`subnet`), so that equal names of different types give
    /// unrelated ids.
    #[must_use]
    pub fn hex17(&self, account: &str, region: &str, kind: &str, source: &IdSource<'_>) -> String {
        let digest = self.digest(account, region, kind, source);
        digest
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .take(17)
            .map(hex_digit)
            .collect()
    }

    /// 64 pseudo-random bits from the same parts: for MAC addresses and public addresses.
    #[must_use]
    pub fn bits(&self, account: &str, region: &str, kind: &str, source: &IdSource<'_>) -> u64 {
        let digest = self.digest(account, region, kind, source);
        digest
            .iter()
            .take(8)
            .fold(0, |bits, byte| bits << 8 | u64::from(*byte))
    }

    fn digest(
        &self,
        account: &str,
        region: &str,
        kind: &str,
        source: &IdSource<'_>,
    ) -> impl IntoIterator<Item = u8> + AsRef<[u8]> + std::ops::Deref<Target = [u8]> {
        let mut hash = Sha256::new();
        let names = self.names_seed.to_string();
        let source = match source {
            IdSource::Named(name) => format!("name:{name}"),
            IdSource::Journal { seq, ordinal } => format!("journal:{seq}:{ordinal}"),
        };
        let parts = [
            DERIVATION,
            self.scenario.as_str(),
            &names,
            account,
            region,
            kind,
            &source,
        ];
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().to_vec()
    }
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).expect("a nibble is below 16")
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            /// What ids of this type begin with, without the hyphen.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps an id as it stands; [`Self::is_well_formed`] tells whether EC2 would take it.
            #[must_use]
            pub fn new(id: impl Into<SmolStr>) -> Self {
                Self(id.into())
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether the text has the prefix and 8 or 17 hex digits.
            #[must_use]
            pub fn is_well_formed(&self) -> bool {
                is_well_formed(Self::PREFIX, &self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

fn is_well_formed(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|hex| {
            matches!(hex.len(), 8 | 17) && hex.bytes().all(|b| b.is_ascii_hexdigit())
        })
}

ids! {
    /// A VPC.
    VpcId = "vpc";
    /// A subnet.
    SubnetId = "subnet";
    /// A route table.
    RouteTableId = "rtb";
    /// An association of a route table with a subnet or gateway.
    RouteTableAssociationId = "rtbassoc";
    /// An internet gateway.
    InternetGatewayId = "igw";
    /// An egress-only internet gateway.
    EgressOnlyInternetGatewayId = "eigw";
    /// A NAT gateway.
    NatGatewayId = "nat";
    /// A security group.
    SecurityGroupId = "sg";
    /// A rule of a security group.
    SecurityGroupRuleId = "sgr";
    /// A network ACL.
    NetworkAclId = "acl";
    /// An association of a network ACL with a subnet.
    NetworkAclAssociationId = "aclassoc";
    /// A network interface.
    NetworkInterfaceId = "eni";
    /// An attachment of a network interface to an instance.
    AttachmentId = "eni-attach";
    /// An instance.
    InstanceId = "i";
    /// An Elastic IP address.
    AllocationId = "eipalloc";
    /// An association of an Elastic IP address.
    AssociationId = "eipassoc";
    /// A DHCP option set.
    DhcpOptionsId = "dopt";
    /// A virtual private gateway.
    VpnGatewayId = "vgw";
    /// A customer gateway.
    CustomerGatewayId = "cgw";
    /// A site-to-site VPN connection.
    VpnConnectionId = "vpn";
    /// A transit gateway.
    TransitGatewayId = "tgw";
    /// An attachment of a transit gateway.
    TransitGatewayAttachmentId = "tgw-attach";
    /// A route table of a transit gateway.
    TransitGatewayRouteTableId = "tgw-rtb";
    /// A managed prefix list.
    PrefixListId = "pl";
    /// A VPC peering connection.
    VpcPeeringConnectionId = "pcx";
    /// A flow log.
    FlowLogId = "fl";
    /// A VPC endpoint.
    VpcEndpointId = "vpce";
    /// A Route 53 hosted zone. Its ids have no hyphen: `Z0123456789ABCDEFGHIJ`.
    HostedZoneId = "Z";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_every_part_and_look_like_ec2s() {
        let space = IdSpace {
            scenario: "s".into(),
            names_seed: 1,
        };
        let id = space.hex17("1", "us-east-1", "subnet", &IdSource::Named("a"));
        assert!(SubnetId::new(format!("subnet-{id}")).is_well_formed());
        let other = IdSpace {
            names_seed: 2,
            ..space.clone()
        };
        assert_ne!(
            id,
            other.hex17("1", "us-east-1", "subnet", &IdSource::Named("a"))
        );
        assert_ne!(
            id,
            space.hex17("1", "us-east-1", "vpc", &IdSource::Named("a"))
        );
        let by_call = IdSource::Journal { seq: 1, ordinal: 0 };
        assert_ne!(id, space.hex17("1", "us-east-1", "subnet", &by_call));
    }
}
