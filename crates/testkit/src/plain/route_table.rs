//! Route tables (`facts.md` 2.3).

use std::net::IpAddr;

use wirelab_model::{
    PrefixListId, Route, RouteDestination, RouteOrigin, RouteState, RouteTable, RouteTarget,
    SubnetId,
};

use super::{Plain, Why};

impl Plain {
    /// The route that a packet to `destination` takes out of a subnet, and the table's id.
    pub(super) fn route(
        &self,
        subnet: &SubnetId,
        destination: IpAddr,
    ) -> Result<(String, Route), Why> {
        let table = self.table_of(subnet);
        let table = table.ok_or_else(|| Why::new("no route table", subnet))?;
        let id = table.route_table_id.to_string();
        let route = self.longest(table, destination);
        let route = route.ok_or_else(|| Why::new("no route", &id))?;
        if route.state != RouteState::Active {
            return Err(Why::new("blackhole route", id));
        }
        Ok((id, route.clone()))
    }

    /// Whether the subnet's route to `destination` leads to something whose flows security groups
    /// always track (`facts.md` 2.1).
    pub(super) fn leads_to_tracker(&self, subnet: &SubnetId, destination: IpAddr) -> bool {
        let route = self.route(subnet, destination);
        route.is_ok_and(|(_, route)| {
            matches!(
                route.target,
                RouteTarget::NatGateway(_) | RouteTarget::EgressOnlyInternetGateway(_)
            )
        })
    }

    /// The subnet's own table, or else its VPC's main one.
    fn table_of(&self, subnet: &SubnetId) -> Option<&RouteTable> {
        let vpc = &self.resources.subnets.get(subnet)?.vpc_id;
        let tables = || {
            let all = self.resources.route_tables.values();
            all.filter(|it| it.vpc_id == *vpc)
        };
        let own = tables().find(|table| {
            let mut associations = table.associations.iter();
            associations.any(|it| it.subnet_id.as_ref() == Some(subnet))
        });
        let main = || tables().find(|table| table.associations.iter().any(|it| it.main));
        own.or_else(main).map(|table| &**table)
    }

    /// The longest matching prefix; of equal ones local, then a static route to a block, then one
    /// to a prefix list, then a propagated one. Neither of the last two beats the local one, even
    /// if it is more specific: only static routes to whole subnets do.
    pub(super) fn longest<'a>(
        &self,
        table: &'a RouteTable,
        destination: IpAddr,
    ) -> Option<&'a Route> {
        let matching = || {
            let all = table.routes.iter();
            all.filter_map(|route| Some((self.prefix(&route.destination, destination)?, route)))
        };
        let inside = matching().any(|(_, route)| route.target == RouteTarget::Local);
        matching()
            .filter(|(_, route)| !(inside && rank(route) <= 1))
            .max_by_key(|(length, route)| (*length, rank(route)))
            .map(|(_, route)| route)
    }

    /// Length of the longest block of a route's destination that holds the address.
    fn prefix(&self, of: &RouteDestination, address: IpAddr) -> Option<u8> {
        match of {
            RouteDestination::Cidr(block) => block.contains(&address).then_some(block.prefix_len()),
            RouteDestination::PrefixList(id) => self.listed(id, address),
        }
    }

    /// Length of the longest block of a prefix list that holds the address.
    pub(super) fn listed(&self, id: &PrefixListId, address: IpAddr) -> Option<u8> {
        let entries = self.resources.managed_prefix_lists.get(id)?.entries.iter();
        let matching = entries.filter(|it| it.cidr.contains(&address));
        matching.map(|it| it.cidr.prefix_len()).max()
    }
}

fn rank(route: &Route) -> u8 {
    match (&route.target, &route.origin, &route.destination) {
        (RouteTarget::Local, ..) => 3,
        (_, RouteOrigin::EnableVgwRoutePropagation, _) => 0,
        (_, _, RouteDestination::PrefixList(_)) => 1,
        _ => 2,
    }
}
