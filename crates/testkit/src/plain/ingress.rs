//! Gateway route tables: what enters a VPC may be led to an appliance (`facts.md` 2.3; Amazon VPC
//! User Guide, "Gateway route tables").

use wirelab_model::{RouteState, RouteTarget, VpcId};

use super::{Coming, Packet, Plain, Verdict, Why};

impl Plain {
    /// A packet to a private address enters a VPC by one of its gateways.
    pub(super) fn enter_vpc(&mut self, vpc: &VpcId, gateway: &str, packet: &mut Packet) -> Verdict {
        let tables = self.resources.route_tables.values();
        let mut of_gateway = tables.filter(|table| {
            let mut associations = table.associations.iter();
            associations.any(|it| it.gateway_id.as_deref() == Some(gateway))
        });
        let table = of_gateway.next();
        let route = table.and_then(|it| Some((it, self.longest(it, packet.destination)?)));
        let appliance = match route {
            Some((table, route)) if route.state != RouteState::Active => {
                return Err(Why::new("blackhole route", &table.route_table_id));
            }
            Some((_, route)) => match &route.target {
                RouteTarget::NetworkInterface(to) => Some(to.clone()),
                _ => None,
            },
            None => None,
        };
        let to = appliance.or_else(|| self.interface_at(vpc, packet.destination));
        let to = to.ok_or_else(|| Why::new("unknown destination", vpc))?;
        let coming = Coming {
            crosses: true,
            direct: false,
            auto_tracked: false,
        };
        self.arrive(&to, packet, coming)
    }
}
