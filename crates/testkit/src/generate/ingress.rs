//! Gateway route tables, with instances as appliances.

use serde_json::json;

use super::network::{Network, route};
use super::{call, dice, ipv6};
use crate::statement::Act;

/// One gateway of three that could have a table has one.
pub(super) fn make(network: &Network, acts: &mut Vec<Act>) {
    let mut dice = dice(network.seed, "gateway route tables");
    for vpc in 0..network.vpcs.len() {
        let internet = (format!("gt{vpc}"), format!("$igw:igw{vpc}"));
        let vpn = (network.vpn.vpc == Some(vpc)).then(|| ("gtv".into(), "$vgw:vgw".into()));
        for (name, gateway) in std::iter::once(internet).chain(vpn) {
            if !dice.chance(35) {
                continue;
            }
            let parameters = json!({ "VpcId": format!("$vpc:v{vpc}") });
            acts.push(call(&name, "CreateRouteTable", parameters));
            let table = format!("$rtb:{name}");
            let parameters = json!({ "RouteTableId": table, "GatewayId": gateway });
            acts.push(call("", "AssociateRouteTable", parameters));
            for subnet in network.subnets.iter().filter(|it| it.vpc == vpc) {
                let here = |it: usize| network.subnets[it].vpc == vpc;
                let instances = network.instances.iter();
                let instances: Vec<_> = instances.filter(|it| here(it.subnet)).collect();
                if instances.is_empty() || dice.chance(50) {
                    continue;
                }
                let appliance = format!("$eni:{}", dice.pick(&instances).name);
                let target = json!({ "NetworkInterfaceId": appliance });
                let ipv6 = network.ipv6.vpcs[vpc] && dice.chance(40);
                let block = if ipv6 {
                    ipv6::subnet_block(network.vpcs[vpc], subnet.third)
                } else {
                    subnet.block.clone()
                };
                acts.push(route(&table, &block, target));
            }
        }
    }
}
