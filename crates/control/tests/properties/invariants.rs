//! What holds in every network that could exist.

use std::collections::{BTreeMap, BTreeSet};

use wirelab_model::*;

/// Every rule at once.
pub(crate) fn check(all: &Resources) {
    check_vpcs(all);
    check_subnets(all);
    check_interfaces(all);
    check_addresses(all);
    check_routes(all);
}

fn check_vpcs(all: &Resources) {
    for vpc in all.vpcs.keys() {
        let tables = all.route_tables.values().filter(|it| it.vpc_id == *vpc);
        let mains = tables.flat_map(|it| &it.associations).filter(|it| it.main);
        assert_eq!(mains.count(), 1, "{vpc} has one main route table");
        let acls = all.network_acls.values();
        let defaults = acls.filter(|it| it.vpc_id == *vpc && it.is_default);
        assert_eq!(defaults.count(), 1, "{vpc} has one default network ACL");
    }
    for acl in all.network_acls.values() {
        assert!(all.vpcs.contains_key(&acl.vpc_id));
        let order: Vec<_> = acl
            .entries
            .iter()
            .map(|it| (it.egress, it.rule_number))
            .collect();
        assert!(
            order.is_sorted() && order.contains(&(true, 32767)),
            "{order:?}"
        );
    }
    for group in all.security_groups.values() {
        assert!(all.vpcs.contains_key(&group.vpc_id));
        for rule in &group.rules {
            if let RulePeer::Group(id) = &rule.peer {
                assert!(all.security_groups.contains_key(id), "{id} is referenced");
            }
            if let RulePeer::PrefixList(id) = &rule.peer {
                assert!(
                    all.managed_prefix_lists.contains_key(id),
                    "{id} is referenced"
                );
            }
        }
    }
}

fn check_subnets(all: &Resources) {
    for subnet in all.subnets.values() {
        let id = &subnet.subnet_id;
        assert!(all.vpcs[&subnet.vpc_id].cidr_blocks[0].contains(&subnet.cidr_block));
        let lists = all.network_acls.values().flat_map(|it| &it.associations);
        assert_eq!(
            lists.filter(|it| it.subnet_id == *id).count(),
            1,
            "{id} has one list"
        );
        let tables = all.route_tables.values().flat_map(|it| &it.associations);
        let own = tables.filter(|it| it.subnet_id.as_ref() == Some(id));
        assert!(
            own.count() <= 1,
            "{id} has at most one route table of its own"
        );
    }
    for flow_log in all.flow_logs.values() {
        assert!(
            all.subnets
                .contains_key(&SubnetId::new(flow_log.resource_id.clone()))
        );
    }
}

fn check_interfaces(all: &Resources) {
    let mut taken = BTreeSet::new();
    for interface in all.network_interfaces.values() {
        let subnet = &all.subnets[&interface.subnet_id];
        assert_eq!(subnet.vpc_id, interface.vpc_id);
        for address in &interface.private_ip_addresses {
            assert!(subnet.cidr_block.contains(&address.private_ip_address));
            assert!(taken.insert((&interface.vpc_id, address.private_ip_address)));
        }
        for group in &interface.groups {
            assert_eq!(all.security_groups[group].vpc_id, interface.vpc_id);
        }
        let instance = interface
            .attachment
            .as_ref()
            .and_then(|it| it.instance_id.as_ref());
        if let Some(instance) = instance {
            let interfaces = &all.instances[instance].network_interfaces;
            assert!(interfaces.contains(&interface.network_interface_id));
        }
    }
    for instance in all.instances.values() {
        let index = |id| {
            let attachment = all.network_interfaces[id].attachment.as_ref();
            let attachment = attachment.expect("an instance's interface is attached");
            assert_eq!(attachment.instance_id.as_ref(), Some(&instance.instance_id));
            attachment.device_index
        };
        let indices: Vec<_> = instance.network_interfaces.iter().map(index).collect();
        assert!(indices.is_sorted(), "{indices:?}");
        let gone = instance.state == InstanceState::Terminated;
        assert_eq!(indices.first().copied(), (!gone).then_some(0));
    }
}

fn check_addresses(all: &Resources) {
    let mut public = BTreeMap::new();
    for interface in all.network_interfaces.values() {
        for address in &interface.private_ip_addresses {
            let Some(association) = &address.association else {
                continue;
            };
            let place = (&interface.network_interface_id, address.private_ip_address);
            assert_eq!(public.insert(association.public_ip, place), None);
            if let Some(id) = &association.allocation_id {
                let elastic = &all.addresses[id];
                assert_eq!(elastic.association_id, association.association_id);
                let instance = interface
                    .attachment
                    .as_ref()
                    .and_then(|it| it.instance_id.clone());
                assert_eq!(elastic.instance_id, instance);
            }
        }
    }
    for address in all.addresses.values() {
        let place = address
            .network_interface_id
            .as_ref()
            .zip(address.private_ip_address);
        assert_eq!(public.get(&address.public_ip).copied(), place);
    }
}

fn check_routes(all: &Resources) {
    for table in all.route_tables.values() {
        let local = table
            .routes
            .iter()
            .filter(|it| it.origin == RouteOrigin::CreateRouteTable);
        let vpc = &all.vpcs[&table.vpc_id];
        let blocks = vpc.cidr_blocks.len() + vpc.ipv6_cidr_blocks.len();
        assert_eq!(local.count(), blocks);
        for route in table
            .routes
            .iter()
            .filter(|it| it.state == RouteState::Active)
        {
            let vpc = match &route.target {
                RouteTarget::Local
                | RouteTarget::TransitGateway(_)
                | RouteTarget::VpcPeeringConnection(_) => continue,
                RouteTarget::VpcEndpoint(id) => Some(all.vpc_endpoints[id].vpc_id.clone()),
                RouteTarget::InternetGateway(id) => all.internet_gateways[id].vpc_id.clone(),
                RouteTarget::EgressOnlyInternetGateway(id) => {
                    Some(all.egress_only_internet_gateways[id].vpc_id.clone())
                }
                RouteTarget::VpnGateway(id) => all.vpn_gateways[id].vpc_id.clone(),
                RouteTarget::NatGateway(id) => Some(all.nat_gateways[id].vpc_id.clone()),
                RouteTarget::NetworkInterface(id) => {
                    Some(all.network_interfaces[id].vpc_id.clone())
                }
            };
            assert_eq!(vpc.as_ref(), Some(&table.vpc_id), "{route:?}");
        }
    }
}

/// Whether anything is in a state that passes by itself.
pub(crate) fn is_transitional(all: &Resources) -> bool {
    let nat =
        |it: &NatGatewayState| matches!(it, NatGatewayState::Pending | NatGatewayState::Deleting);
    let other =
        |it: ResourceState| !matches!(it, ResourceState::Available | ResourceState::Deleted);
    all.nat_gateways.values().any(|it| nat(&it.state))
        || all.transit_gateways.values().any(|it| other(it.state))
        || all.transit_gateway_attachments.values().any(|it| {
            use wirelab_model::TransitGatewayAttachmentState::{Available, Deleted};
            !matches!(it.state, Available | Deleted)
        })
        || all
            .transit_gateway_route_tables
            .values()
            .any(|it| other(it.state))
        || all.instances.values().any(|it| {
            let lasting = [
                InstanceState::Running,
                InstanceState::Stopped,
                InstanceState::Terminated,
            ];
            !lasting.contains(&it.state)
        })
}
