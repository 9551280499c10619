//! NAT gateways: public ones with one address or two, private ones with up to three.

use serde_json::{Value, json};

use super::network::{Network, Role, Subnet, route};
use super::{at, call};
use crate::dice::Dice;
use crate::statement::Act;

/// A NAT gateway of a VPC.
pub(super) struct Nat {
    /// `nat0`, or `pnat0` if it is private.
    pub(super) name: String,
    /// The index of its subnet.
    subnet: usize,
    /// Addresses beside the primary one.
    more: usize,
}

/// At most one public and one private gateway a VPC, whose subnets begin at `first`.
pub(super) fn draw(dice: &mut Dice, vpc: usize, first: usize, subnets: &[Subnet]) -> Vec<Nat> {
    // Now and then the gateway shares the private subnet.
    let place = if dice.chance(85) { first } else { first + 1 };
    let public = dice.chance(80).then(|| Nat {
        name: format!("nat{vpc}"),
        subnet: place,
        more: usize::from(dice.chance(40)),
    });
    let private = dice.chance(30).then(|| Nat {
        name: format!("pnat{vpc}"),
        subnet: first + dice.below(subnets.len() - first),
        more: dice.below(3),
    });
    public.into_iter().chain(private).collect()
}

impl Nat {
    pub(super) fn is_private(&self) -> bool {
        self.name.starts_with('p')
    }

    pub(super) fn target(&self) -> Value {
        json!({ "NatGatewayId": format!("$nat:{}", self.name) })
    }

    fn elastic_ip(&self, number: usize) -> String {
        format!("eip{number}-{}", self.name)
    }
}

pub(super) fn make(network: &Network, acts: &mut Vec<Act>) {
    for nat in network.nats.iter().flatten() {
        let mut parameters = json!({
            "SubnetId": format!("$subnet:{}", network.subnets[nat.subnet].name),
        });
        if nat.is_private() {
            parameters["ConnectivityType"] = "private".into();
            if nat.more > 0 {
                parameters["SecondaryPrivateIpAddressCount"] = nat.more.into();
            }
        } else {
            for number in 0..=nat.more {
                let allocate = call(&nat.elastic_ip(number), "AllocateAddress", json!({}));
                let vpc = network.subnets[nat.subnet].vpc;
                acts.push(at(network.realms[vpc], allocate));
            }
            parameters["AllocationId"] = format!("$eipalloc:{}", nat.elastic_ip(0)).into();
            if nat.more > 0 {
                let second = format!("$eipalloc:{}", nat.elastic_ip(1));
                parameters["SecondaryAllocationIds"] = json!([second]);
            }
        }
        acts.push(call(&nat.name, "CreateNatGateway", parameters));
    }
}

/// Routes to other networks that pass a private gateway first: what it sends is its own.
pub(super) fn routes(dice: &mut Dice, network: &Network, subnet: &Subnet, acts: &mut Vec<Act>) {
    let mut own = network.nats[subnet.vpc].iter();
    let Some(nat) = own.find(|it| it.is_private()) else {
        return;
    };
    // From its own subnet that would be a circle.
    if network.subnets[nat.subnet].name == subnet.name && dice.chance(90) {
        return;
    }
    let table = format!("$rtb:t{}", subnet.name);
    for (other, octet) in network.vpcs.iter().enumerate() {
        if other != subnet.vpc && dice.chance(40) {
            let block = format!("10.{octet}.{}.0/24", 1 + dice.below(3));
            acts.push(route(&table, &block, nat.target()));
        }
    }
    if subnet.role == Role::Isolated && dice.chance(50) {
        acts.push(route(&table, "0.0.0.0/0", nat.target()));
    }
}

/// A gateway goes, or its addresses change.
pub(super) fn fault(dice: &mut Dice, network: &Network, vpc: usize) -> Act {
    let Some(nat) = network.nats[vpc].last() else {
        let gone = json!({ "NatGatewayId": format!("$nat:nat{vpc}") });
        return call("", "DeleteNatGateway", gone);
    };
    let name = &nat.name;
    let mut parameters = json!({ "NatGatewayId": format!("$nat:{name}") });
    let operation = match (dice.below(3), nat.is_private()) {
        (0, _) => "DeleteNatGateway",
        (1, true) => {
            parameters["PrivateIpAddressCount"] = 1.into();
            "AssignPrivateNatGatewayAddress"
        }
        (_, true) => {
            parameters["PrivateIpAddresses"] = json!([format!("$natip-of:{name}")]);
            parameters["MaxDrainDurationSeconds"] = (*dice.pick(&[1, 30, 350])).into();
            "UnassignPrivateNatGatewayAddress"
        }
        (1, false) => {
            let second = format!("$eipalloc:{}", nat.elastic_ip(1));
            parameters["AllocationIds"] = json!([second]);
            "AssociateNatGatewayAddress"
        }
        (_, false) => {
            parameters["AssociationIds"] = json!([format!("$nateipassoc-of:{name}")]);
            parameters["MaxDrainDurationSeconds"] = (*dice.pick(&[1, 30, 350])).into();
            "DisassociateNatGatewayAddress"
        }
    };
    call("", operation, parameters)
}
