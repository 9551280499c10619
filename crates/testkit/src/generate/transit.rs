//! Transit gateways: one, or two that are peered, the last VPC being at the second.

use serde_json::{Value, json};

use super::network::{Network, Subnet};
use super::{at, call};
use crate::dice::Dice;
use crate::statement::{Act, Realm};

impl Network {
    /// `tgw`, or `tgw2`.
    pub(super) fn transit_of(&self, vpc: usize) -> &'static str {
        if self.second_transit && vpc + 1 == self.vpcs.len() {
            "tgw2"
        } else {
            "tgw"
        }
    }

    pub(super) fn transit_target(&self, vpc: usize) -> Value {
        json!({ "TransitGatewayId": format!("$tgw:{}", self.transit_of(vpc)) })
    }

    pub(super) fn make_transit(&self, acts: &mut Vec<Act>) {
        acts.push(call("tgw", "CreateTransitGateway", json!({})));
        let last = self.vpcs.len() - 1;
        if self.second_transit {
            let gateway = call("tgw2", "CreateTransitGateway", json!({}));
            acts.push(at(self.realms[last], gateway));
        }
        for vpc in 0..self.vpcs.len() {
            let subnets = self.transit_subnets(vpc);
            let subnets = subnets.iter().map(|it| format!("$subnet:{}", it.name));
            let mut parameters = json!({
                "TransitGatewayId": format!("$tgw:{}", self.transit_of(vpc)),
                "VpcId": format!("$vpc:v{vpc}"), "SubnetIds": subnets.collect::<Vec<_>>(),
            });
            if self.ipv6.attaches(vpc) {
                parameters["Options"] = json!({ "Ipv6Support": "enable" });
            }
            let name = format!("att{vpc}");
            acts.push(call(&name, "CreateTransitGatewayVpcAttachment", parameters));
        }
        if self.second_transit {
            self.peer_transit(self.realms[last], acts);
        }
    }

    fn peer_transit(&self, realm: Realm, acts: &mut Vec<Act>) {
        let parameters = json!({
            "TransitGatewayId": "$tgw:tgw", "PeerTransitGatewayId": "$tgw:tgw2",
            "PeerAccountId": realm.account(), "PeerRegion": realm.region(),
        });
        acts.push(call(
            "tgwp",
            "CreateTransitGatewayPeeringAttachment",
            parameters,
        ));
        let id = json!({ "TransitGatewayAttachmentId": "$tgw-attach:tgwp" });
        let accept = call("", "AcceptTransitGatewayPeeringAttachment", id);
        acts.push(at(realm, accept));
        let last = self.vpcs.len() - 1;
        let mut blocks = vec![("tgw", format!("10.{last}.0.0/16"))];
        blocks.push(("tgw2", "10.0.0.0/8".to_owned()));
        if self.vpn.transit {
            blocks.push(("tgw2", "192.168.20.0/24".to_owned()));
        }
        if self.ipv6.any() {
            blocks.push(("tgw", format!("2001:db8:0:{last:x}00::/56")));
            blocks.push(("tgw2", "2001:db8::/48".to_owned()));
        }
        for (gateway, block) in blocks {
            let parameters = json!({
                "TransitGatewayRouteTableId": format!("$tgw-rtb:{gateway}"),
                "DestinationCidrBlock": block, "TransitGatewayAttachmentId": "$tgw-attach:tgwp",
            });
            acts.push(call("", "CreateTransitGatewayRoute", parameters));
        }
    }

    /// The subnets of a VPC's attachment: the last one of each zone, or, in every third world and
    /// where packets come that are in no zone, the last one alone.
    fn transit_subnets(&self, vpc: usize) -> Vec<&Subnet> {
        let one = self.seed.is_multiple_of(3) || self.second_transit || self.vpn.transit;
        let mut chosen: Vec<&Subnet> = Vec::new();
        for subnet in self.subnets.iter().rev().filter(|it| it.vpc == vpc) {
            let alone = one && !chosen.is_empty();
            if !alone && chosen.iter().all(|it| it.zone != subnet.zone) {
                chosen.push(subnet);
            }
        }
        chosen
    }

    /// A route of a transit gateway's table more.
    pub(super) fn transit_route_fault(&self, dice: &mut Dice) -> Act {
        let gateway = self.transit_of(dice.below(self.vpcs.len()));
        let block = *dice.pick(&["10.0.0.0/16", "10.1.0.0/16", "10.1.1.0/24", "0.0.0.0/0"]);
        let mut parameters = json!({
            "TransitGatewayRouteTableId": format!("$tgw-rtb:{gateway}"),
            "DestinationCidrBlock": block,
        });
        if dice.chance(50) {
            parameters["Blackhole"] = true.into();
        } else {
            let attachment = format!("$tgw-attach:att{}", dice.below(self.vpcs.len()));
            parameters["TransitGatewayAttachmentId"] = attachment.into();
        }
        call("", "CreateTransitGatewayRoute", parameters)
    }

    /// An attachment goes, or leaves its gateway's table.
    pub(super) fn attachment_fault(&self, dice: &mut Dice) -> Act {
        let vpc = dice.below(self.vpcs.len());
        if self.second_transit && dice.chance(20) {
            let id = json!({ "TransitGatewayAttachmentId": "$tgw-attach:tgwp" });
            return call("", "DeleteTransitGatewayPeeringAttachment", id);
        }
        let operation = *dice.pick(&[
            "DeleteTransitGatewayVpcAttachment",
            "DisableTransitGatewayRouteTablePropagation",
            "DisassociateTransitGatewayRouteTable",
        ]);
        let attachment = format!("$tgw-attach:att{vpc}");
        let mut parameters = json!({ "TransitGatewayAttachmentId": attachment });
        if operation.starts_with("Dis") {
            let table = format!("$tgw-rtb:{}", self.transit_of(vpc));
            parameters["TransitGatewayRouteTableId"] = table.into();
        }
        call("", operation, parameters)
    }
}
