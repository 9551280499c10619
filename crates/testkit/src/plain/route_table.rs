//! Route tables (`facts.md` 2.3).

use std::net::IpAddr;

use wirelab_model::{Route, RouteOrigin, RouteState, RouteTable, RouteTarget, SubnetId};

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
        let route = longest(table, destination);
        let route = route.ok_or_else(|| Why::new("no route", &id))?;
        if route.state != RouteState::Active {
            return Err(Why::new("blackhole route", id));
        }
        Ok((id, route.clone()))
    }

    /// Whether the subnet's route to `destination` leads to a NAT gateway.
    pub(super) fn leads_to_nat(&self, subnet: &SubnetId, destination: IpAddr) -> bool {
        let route = self.route(subnet, destination);
        route.is_ok_and(|(_, route)| matches!(route.target, RouteTarget::NatGateway(_)))
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
}

/// The longest matching prefix; of equal ones local, then static, then propagated. A propagated
/// route never beats the local one, even if it is more specific.
fn longest(table: &RouteTable, destination: IpAddr) -> Option<&Route> {
    let matching = || {
        let all = table.routes.iter();
        all.filter(|route| route.destination.contains(&destination))
    };
    let is_local = |route: &Route| route.target == RouteTarget::Local;
    let inside = matching().any(is_local);
    let rank = |route: &Route| match route.origin {
        _ if is_local(route) => 2,
        RouteOrigin::EnableVgwRoutePropagation => 0,
        _ => 1,
    };
    matching()
        .filter(|route| !(inside && rank(route) == 0))
        .max_by_key(|route| (route.destination.prefix_len(), rank(route)))
}
