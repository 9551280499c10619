//! All resources of a world as one value, and changes to it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::*;

/// Tells what is new or changed from `old` to `new`, by rising id, and with `None` what is gone.
/// Two generations share most of what they hold, and what they share is passed over at a glance.
fn differ<K: Ord, T: PartialEq>(
    old: &BTreeMap<K, Arc<T>>,
    new: &BTreeMap<K, Arc<T>>,
    mut tell: impl FnMut(&K, Option<&Arc<T>>),
) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let (was, is) = (old.peek().copied(), new.peek().copied());
        let order = match (was, is) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((_, was)), Some((_, is))) if Arc::ptr_eq(was, is) => Ordering::Equal,
            (Some((was, _)), Some((is, _))) => was.cmp(is),
        };
        if order.is_le() {
            old.next();
        }
        if order.is_ge() {
            new.next();
        }
        match (order, was, is) {
            (Ordering::Less, Some((id, _)), _) => tell(id, None),
            (Ordering::Greater, _, Some((id, it))) => tell(id, Some(it)),
            (_, Some((_, was)), Some((id, is))) if !Arc::ptr_eq(was, is) && was != is => {
                tell(id, Some(is));
            }
            _ => {}
        }
    }
}

macro_rules! resources {
    ($($(#[$doc:meta])* $variant:ident, $field:ident, $id:ident, $key:ident;)*) => {
        /// One resource of any type.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Resource {
            $($(#[$doc])* $variant(Arc<$variant>),)*
        }

        /// The id of one resource of any type.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ResourceRef {
            $($(#[$doc])* $variant($id),)*
        }

        /// Every resource by id. Cloning is cheap next to what it holds: resources are shared.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Resources {
            $($(#[$doc])* pub $field: BTreeMap<$id, Arc<$variant>>,)*
        }

        impl Resource {
            /// What this is called.
            #[must_use]
            pub fn reference(&self) -> ResourceRef {
                match self {
                    $(Self::$variant(it) => ResourceRef::$variant(it.$key.clone()),)*
                }
            }
        }

        impl ResourceRef {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant(id) => id.as_str(),)*
                }
            }
        }

        impl Resources {
            /// Applies one change.
            pub fn apply(&mut self, change: &Change) {
                match change {
                    $(Change::Put(Resource::$variant(it)) => {
                        self.$field.insert(it.$key.clone(), Arc::clone(it));
                    })*
                    $(Change::Remove(ResourceRef::$variant(id)) => {
                        self.$field.remove(id);
                    })*
                }
            }

            /// How many there are.
            #[must_use]
            pub fn count(&self) -> usize {
                [$(self.$field.len(),)*].into_iter().sum()
            }

            /// Whether there is one of that id.
            #[must_use]
            pub fn contains(&self, reference: &ResourceRef) -> bool {
                match reference {
                    $(ResourceRef::$variant(id) => self.$field.contains_key(id),)*
                }
            }

            /// The steps that lead from here to `newer`: what is new or changed in the order of the
            /// fields above, then what is gone in the reverse order.
            #[must_use]
            pub fn diff(&self, newer: &Self) -> Vec<Change> {
                let mut changes = Vec::new();
                let mut gone = Vec::new();
                $(differ(&self.$field, &newer.$field, |id, it| match it {
                    Some(it) => changes.push(Change::Put(Resource::$variant(Arc::clone(it)))),
                    None => gone.push(Change::Remove(ResourceRef::$variant(id.clone()))),
                });)*
                changes.extend(gone.into_iter().rev());
                changes
            }
        }

        $(impl From<$variant> for Resource {
            fn from(it: $variant) -> Self {
                Self::$variant(Arc::new(it))
            }
        })*
    };
}

resources! {
    /// VPCs.
    Vpc, vpcs, VpcId, vpc_id;
    /// Subnets.
    Subnet, subnets, SubnetId, subnet_id;
    /// Route tables.
    RouteTable, route_tables, RouteTableId, route_table_id;
    /// Internet gateways.
    InternetGateway, internet_gateways, InternetGatewayId, internet_gateway_id;
    /// Egress-only internet gateways.
    EgressOnlyInternetGateway, egress_only_internet_gateways, EgressOnlyInternetGatewayId,
        egress_only_internet_gateway_id;
    /// NAT gateways.
    NatGateway, nat_gateways, NatGatewayId, nat_gateway_id;
    /// Security groups.
    SecurityGroup, security_groups, SecurityGroupId, group_id;
    /// Network ACLs.
    NetworkAcl, network_acls, NetworkAclId, network_acl_id;
    /// Network interfaces.
    NetworkInterface, network_interfaces, NetworkInterfaceId, network_interface_id;
    /// Instances.
    Instance, instances, InstanceId, instance_id;
    /// Elastic IP addresses.
    Address, addresses, AllocationId, allocation_id;
    /// DHCP option sets.
    DhcpOptions, dhcp_options, DhcpOptionsId, dhcp_options_id;
    /// Virtual private gateways.
    VpnGateway, vpn_gateways, VpnGatewayId, vpn_gateway_id;
    /// Customer gateways.
    CustomerGateway, customer_gateways, CustomerGatewayId, customer_gateway_id;
    /// VPN connections.
    VpnConnection, vpn_connections, VpnConnectionId, vpn_connection_id;
    /// Transit gateways.
    TransitGateway, transit_gateways, TransitGatewayId, transit_gateway_id;
    /// Attachments of transit gateways.
    TransitGatewayAttachment, transit_gateway_attachments, TransitGatewayAttachmentId,
        transit_gateway_attachment_id;
    /// Transit gateway route tables.
    TransitGatewayRouteTable, transit_gateway_route_tables, TransitGatewayRouteTableId,
        transit_gateway_route_table_id;
    /// Managed prefix lists.
    ManagedPrefixList, managed_prefix_lists, PrefixListId, prefix_list_id;
    /// VPC peering connections.
    VpcPeeringConnection, vpc_peering_connections, VpcPeeringConnectionId,
        vpc_peering_connection_id;
    /// Flow logs.
    FlowLog, flow_logs, FlowLogId, flow_log_id;
    /// VPC endpoints.
    VpcEndpoint, vpc_endpoints, VpcEndpointId, vpc_endpoint_id;
    /// Route 53 hosted zones.
    HostedZone, hosted_zones, HostedZoneId, hosted_zone_id;
}

/// One step from a generation of resources to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The resource is new or has changed.
    Put(Resource),
    /// The resource is gone.
    Remove(ResourceRef),
}

/// What a call or a timer of the control plane does to the data plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// When the data plane obeys: about a second after the call (ruling D5), or at once.
    pub effective_at: SimTime,
    /// The steps, in order.
    pub changes: Vec<Change>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_by_rising_id_and_what_is_shared_is_not_looked_at() {
        /// Whose values must not be compared.
        #[derive(Debug)]
        struct Value(u32);
        impl PartialEq for Value {
            fn eq(&self, other: &Self) -> bool {
                assert!(self.0 < 100 && other.0 < 100, "it is shared");
                self.0 == other.0
            }
        }
        let shared = Arc::new(Value(100));
        let old = [(1, 1), (3, 3), (4, 4), (7, 7)];
        let new = [(0, 0), (3, 5), (4, 4), (8, 8)];
        let map = |values: [(u32, u32); 4]| -> BTreeMap<u32, Arc<Value>> {
            let values = values.map(|(id, value)| (id, Arc::new(Value(value))));
            values
                .into_iter()
                .chain([(5, Arc::clone(&shared))])
                .collect()
        };
        let mut told = Vec::new();
        differ(&map(old), &map(new), |id, it| {
            told.push((*id, it.map(|it| it.0)))
        });
        let wanted = [
            (0, Some(0)),
            (1, None),
            (3, Some(5)),
            (7, None),
            (8, Some(8)),
        ];
        assert_eq!(told, wanted);
    }
}
