//! The network at the start: VPCs, subnets, tables, lists, groups, gateways, instances.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};
use wirelab_model::SimDuration;

use super::{at, call, dice, ingress, ipv6, nat, rules, vpn};
use crate::dice::Dice;
use crate::statement::{Act, Machine, Realm, Statement};

/// Machines on the internet.
pub(super) const SITES: [(&str, Ipv4Addr); 2] = [
    ("site0", Ipv4Addr::new(203, 0, 113, 80)),
    ("site1", Ipv4Addr::new(198, 51, 100, 9)),
];

/// What a subnet's default route leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Public,
    Private,
    Isolated,
    Transit,
}

pub(super) struct Subnet {
    pub(super) name: String,
    pub(super) vpc: usize,
    pub(super) block: String,
    /// Third octet of the block.
    pub(super) third: u8,
    pub(super) zone: &'static str,
    pub(super) role: Role,
}

pub(super) struct Instance {
    pub(super) name: String,
    pub(super) subnet: usize,
    pub(super) address: Ipv4Addr,
    pub(super) ipv6: Option<Ipv6Addr>,
    pub(super) groups: Vec<String>,
    pub(super) public: bool,
    pub(super) checks: bool,
}

/// What was drawn; names are those of the calls.
pub(super) struct Network {
    pub(super) seed: u64,
    /// Second octet of each VPC's block.
    pub(super) vpcs: Vec<u8>,
    pub(super) subnets: Vec<Subnet>,
    pub(super) instances: Vec<Instance>,
    /// NAT gateways by VPC.
    pub(super) nats: Vec<Vec<nat::Nat>>,
    /// Number of security groups a VPC.
    pub(super) groups: usize,
    /// Subnets with a network ACL of their own.
    pub(super) lists: Vec<usize>,
    pub(super) transit: bool,
    /// The first two VPCs are peers.
    pub(super) peered: bool,
    pub(super) ipv6: ipv6::Plan,
    pub(super) vpn: vpn::Plan,
    /// Whose each VPC is.
    pub(super) realms: Vec<Realm>,
    /// The last VPC is at a transit gateway of its own, which is peered with the first.
    pub(super) second_transit: bool,
    flow_logs: bool,
}

impl Network {
    pub(super) fn draw(seed: u64) -> Self {
        let mut dice = dice(seed, "network");
        let count = *dice.pick(&[1, 1, 2, 2, 3]);
        let vpcs: Vec<u8> = (0..count).collect();
        let transit = count > 1 && dice.chance(80);
        let (realms, second_transit) = realms(seed, vpcs.len(), transit);
        let mut network = Self {
            seed,
            ipv6: ipv6::Plan::draw(seed, vpcs.len()),
            vpn: vpn::Plan::draw(seed, transit),
            realms,
            second_transit,
            vpcs,
            subnets: Vec::new(),
            instances: Vec::new(),
            nats: Vec::new(),
            groups: 1 + dice.below(3),
            lists: Vec::new(),
            transit,
            flow_logs: dice.chance(70),
            peered: count > 1 && dice.chance(50),
        };
        for vpc in 0..network.vpcs.len() {
            network.draw_subnets(&mut dice, vpc);
        }
        for subnet in 0..network.subnets.len() {
            network.draw_instances(&mut dice, subnet);
            if dice.chance(50) {
                network.lists.push(subnet);
            }
        }
        network
    }

    fn draw_subnets(&mut self, dice: &mut Dice, vpc: usize) {
        let octet = self.vpcs[vpc];
        let mut roles = vec![Role::Public, Role::Private];
        let third = *dice.pick(&[Role::Private, Role::Isolated, Role::Transit]);
        if third != Role::Transit || self.transit {
            roles.push(third);
        }
        let first = self.subnets.len();
        for (third, role) in (1_u8..).zip(roles) {
            self.subnets.push(Subnet {
                name: format!("v{vpc}s{}", third - 1),
                vpc,
                block: format!("10.{octet}.{third}.0/24"),
                third,
                zone: match (self.realms[vpc].region(), dice.chance(60)) {
                    ("us-east-1", true) => "us-east-1a",
                    ("us-east-1", false) => "us-east-1b",
                    (_, true) => "us-west-2a",
                    (_, false) => "us-west-2b",
                },
                role,
            });
        }
        let nats = nat::draw(dice, vpc, first, &self.subnets);
        self.nats.push(nats);
    }

    fn draw_instances(&mut self, dice: &mut Dice, subnet: usize) {
        let place = &self.subnets[subnet];
        let octet = self.vpcs[place.vpc];
        let third = place.third;
        let dual = self.ipv6.vpcs[place.vpc];
        let hosts = [5, 127, 128, 254];
        let many = if place.role == Role::Transit {
            0
        } else {
            1 + dice.below(2)
        };
        for at in 0..many {
            let mut groups = vec![format!("v{}g{}", place.vpc, dice.below(self.groups))];
            let other = format!("v{}g{}", place.vpc, dice.below(self.groups));
            if dice.chance(30) && !groups.contains(&other) {
                groups.push(other);
            }
            let host = hosts[2 * at + dice.below(2)];
            self.instances.push(Instance {
                name: format!("i{}", self.instances.len()),
                subnet,
                address: Ipv4Addr::new(10, octet, third, host),
                ipv6: dual.then(|| ipv6::address(octet, third, host)),
                groups,
                public: match place.role {
                    Role::Public => dice.chance(80),
                    _ => dice.chance(10),
                },
                checks: dice.chance(85),
            });
        }
    }

    /// Addresses worth being talked to or named in a rule.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        let instances = self.instances.iter().map(|it| IpAddr::V4(it.address));
        let sites = SITES.iter().map(|(_, address)| IpAddr::V4(*address));
        instances
            .chain(sites)
            .chain(self.vpn.addresses())
            .chain(self.ipv6_addresses())
            .collect()
    }

    /// Those of IPv6.
    pub(super) fn ipv6_addresses(&self) -> Vec<IpAddr> {
        let instances = self.instances.iter().filter_map(|it| it.ipv6);
        let sites = ipv6::SITES.into_iter().filter(|_| self.ipv6.any());
        instances.chain(sites).map(IpAddr::V6).collect()
    }

    /// The calls that make it.
    pub(super) fn statements(&self) -> Vec<Statement> {
        let mut acts = Vec::new();
        for ((name, address), ipv6) in SITES.into_iter().zip(ipv6::SITES) {
            acts.push(Act::Machine(Machine::Outside {
                name: name.into(),
                address,
                ipv6: self.ipv6.any().then_some(ipv6),
            }));
        }
        for vpc in 0..self.vpcs.len() {
            self.make_vpc(vpc, &mut acts);
        }
        for (at, subnet) in self.subnets.iter().enumerate() {
            self.make_subnet(at, subnet, &mut acts);
        }
        ipv6::gateways(self, &mut acts);
        acts.extend(rules::prefix_lists(self.seed, self));
        if self.peered {
            let peer = self.realms[1];
            let ends = json!({
                "VpcId": "$vpc:v0", "PeerVpcId": "$vpc:v1", "PeerOwnerId": peer.account(),
                "PeerRegion": peer.region(),
            });
            acts.push(call("pcx", "CreateVpcPeeringConnection", ends));
            let accept = json!({ "VpcPeeringConnectionId": "$pcx:pcx" });
            acts.push(at(peer, call("", "AcceptVpcPeeringConnection", accept)));
        }
        rules::groups(self.seed, self, &mut acts);
        rules::lists(self.seed, self, &mut acts);
        nat::make(self, &mut acts);
        if self.transit {
            self.make_transit(&mut acts);
        }
        vpn::make(self, &mut acts);
        self.make_routes(&mut acts);
        ipv6::routes(self.seed, self, &mut acts);
        for instance in &self.instances {
            self.make_instance(instance, &mut acts);
        }
        ingress::make(self, &mut acts);
        let act = |act| Statement {
            wait: SimDuration::ZERO,
            act,
        };
        acts.into_iter().map(act).collect()
    }

    fn make_vpc(&self, vpc: usize, acts: &mut Vec<Act>) {
        let block = format!("10.{}.0.0/16", self.vpcs[vpc]);
        let name = format!("v{vpc}");
        let id = format!("$vpc:{name}");
        let mut parameters = json!({ "CidrBlock": block });
        if self.ipv6.vpcs[vpc] {
            parameters["Ipv6CidrBlock"] = ipv6::vpc_block(self.vpcs[vpc]).into();
            parameters["Ipv6Pool"] = "ipv6pool-ec2-0123456789abcdef0".into();
        }
        let realm = self.realms[vpc];
        acts.push(at(realm, call(&name, "CreateVpc", parameters)));
        let gateway = format!("igw{vpc}");
        let create = call(&gateway, "CreateInternetGateway", json!({}));
        acts.push(at(realm, create));
        let attach = json!({ "InternetGatewayId": format!("$igw:{gateway}"), "VpcId": id });
        acts.push(call("", "AttachInternetGateway", attach));
        if self.flow_logs {
            let parameters = json!({
                "ResourceType": "VPC", "ResourceIds": [id], "TrafficType": "ALL",
                "LogDestinationType": "cloud-watch-logs", "LogGroupName": "flows",
                "DeliverLogsPermissionArn": format!("arn:aws:iam::{}:role/flows", realm.account()),
                "MaxAggregationInterval": 60,
            });
            acts.push(at(realm, call("", "CreateFlowLogs", parameters)));
        }
    }

    fn make_subnet(&self, _: usize, subnet: &Subnet, acts: &mut Vec<Act>) {
        let mut parameters = json!({
            "VpcId": format!("$vpc:v{}", subnet.vpc), "CidrBlock": subnet.block,
            "AvailabilityZone": subnet.zone,
        });
        if self.ipv6.vpcs[subnet.vpc] {
            let block = ipv6::subnet_block(self.vpcs[subnet.vpc], subnet.third);
            parameters["Ipv6CidrBlock"] = block.into();
        }
        acts.push(call(&subnet.name, "CreateSubnet", parameters));
        let table = format!("t{}", subnet.name);
        let vpc = json!({ "VpcId": format!("$vpc:v{}", subnet.vpc) });
        acts.push(call(&table, "CreateRouteTable", vpc));
        let associate = json!({
            "RouteTableId": format!("$rtb:{table}"), "SubnetId": format!("$subnet:{}", subnet.name),
        });
        acts.push(call("", "AssociateRouteTable", associate));
    }

    fn make_routes(&self, acts: &mut Vec<Act>) {
        let mut dice = dice(self.seed, "routes");
        for subnet in &self.subnets {
            let table = format!("$rtb:t{}", subnet.name);
            nat::routes(&mut dice, self, subnet, acts);
            vpn::routes(&mut dice, self, subnet, acts);
            let everything = match (subnet.role, self.nats[subnet.vpc].first()) {
                (Role::Public, _) => Some(internet(subnet.vpc)),
                (Role::Private, Some(nat)) => Some(nat.target()),
                (Role::Private, None) if dice.chance(50) => Some(internet(subnet.vpc)),
                _ => None,
            };
            if let Some(target) = everything {
                acts.push(route(&table, "0.0.0.0/0", target));
            }
            if self.peered && subnet.vpc < 2 && dice.chance(70) {
                let block = *dice.pick(match subnet.vpc {
                    0 => &["10.1.0.0/16", "10.1.1.0/24", "10.0.0.0/8"],
                    _ => &["10.0.0.0/16", "10.0.1.0/24", "10.0.0.0/8"],
                });
                acts.push(route(&table, block, peering()));
            }
            if dice.chance(15) {
                let target = self.target(&mut dice, subnet.vpc);
                let mut parameters = json!({ "RouteTableId": table });
                if let (Some(all), Value::Object(target)) = (parameters.as_object_mut(), target) {
                    let list = if self.ipv6.vpcs[subnet.vpc] && dice.chance(50) {
                        "$pl:list6"
                    } else {
                        "$pl:list"
                    };
                    all.insert("DestinationPrefixListId".to_owned(), list.into());
                    all.extend(target);
                }
                acts.push(call("", "CreateRoute", parameters));
            }
            if self.transit {
                let block = if dice.chance(70) {
                    "10.0.0.0/8"
                } else {
                    "10.1.0.0/16"
                };
                acts.push(route(&table, block, self.transit_target(subnet.vpc)));
            }
            for _ in 0..dice.below(3) {
                let block = *dice.pick(&[
                    "203.0.113.0/24",
                    "203.0.113.80/32",
                    "128.0.0.0/1",
                    "198.51.100.8/31",
                ]);
                let target = self.target(&mut dice, subnet.vpc);
                acts.push(route(&table, block, target));
            }
        }
    }

    /// Any target that a route of the VPC may have.
    pub(super) fn target(&self, dice: &mut Dice, vpc: usize) -> Value {
        let here = |it: &&Instance| self.subnets[it.subnet].vpc == vpc;
        let instances: Vec<_> = self.instances.iter().filter(here).collect();
        match dice.below(5) {
            0 if self.vpn.vpc == Some(vpc) && dice.chance(50) => vpn::gateway(),
            0 => internet(vpc),
            4 if self.peered && vpc < 2 => peering(),
            1 if !self.nats[vpc].is_empty() => dice.pick(&self.nats[vpc]).target(),
            2 if self.transit => self.transit_target(vpc),
            3 if !instances.is_empty() => {
                let appliance = &dice.pick(&instances).name;
                json!({ "NetworkInterfaceId": format!("$eni:{appliance}") })
            }
            _ => internet(vpc),
        }
    }

    fn make_instance(&self, instance: &Instance, acts: &mut Vec<Act>) {
        let subnet = &self.subnets[instance.subnet];
        let groups = instance.groups.iter().map(|it| format!("$sg:{it}"));
        let mut parameters = json!({
            "InstanceType": "m6i.large", "SubnetId": format!("$subnet:{}", subnet.name),
            "PrivateIpAddress": instance.address.to_string(),
            "SecurityGroupIds": groups.collect::<Vec<_>>(),
        });
        if let Some(address) = instance.ipv6 {
            parameters["Ipv6Addresses"] = json!([{ "Ipv6Address": address.to_string() }]);
        }
        acts.push(call(&instance.name, "RunInstances", parameters));
        let id = format!("$eni:{}", instance.name);
        if !instance.checks {
            let off = json!({ "NetworkInterfaceId": id, "SourceDestCheck": { "Value": false } });
            acts.push(call("", "ModifyNetworkInterfaceAttribute", off));
        }
        if instance.public {
            let address = format!("eip-{}", instance.name);
            let allocate = call(&address, "AllocateAddress", json!({}));
            acts.push(at(self.realms[subnet.vpc], allocate));
            let parameters = json!({
                "AllocationId": format!("$eipalloc:{address}"), "NetworkInterfaceId": id,
            });
            acts.push(call("", "AssociateAddress", parameters));
        }
        acts.push(Act::Machine(Machine::Instance {
            name: instance.name.as_str().into(),
        }));
    }
}

/// Whose each VPC is, and whether the last one is at a second transit gateway: one world of three
/// has a VPC of another account or Region, the second or, where there is a transit gateway, the
/// last.
fn realms(seed: u64, vpcs: usize, transit: bool) -> (Vec<Realm>, bool) {
    let mut dice = dice(seed, "realms");
    let mut realms = vec![Realm::Home; vpcs];
    let other = *dice.pick(&[Realm::Region, Realm::Account]);
    let far = dice.chance(35) && vpcs > 1;
    if far {
        realms[if transit { vpcs - 1 } else { 1 }] = other;
    }
    let second = dice.chance(25);
    (realms, transit && (far || second))
}

pub(super) fn peering() -> Value {
    json!({ "VpcPeeringConnectionId": "$pcx:pcx" })
}

pub(super) fn internet(vpc: usize) -> Value {
    json!({ "GatewayId": format!("$igw:igw{vpc}") })
}

/// A route to a target given by its parameter.
pub(super) fn route(table: &str, block: &str, target: Value) -> Act {
    let destination = if block.contains(':') {
        "DestinationIpv6CidrBlock"
    } else {
        "DestinationCidrBlock"
    };
    let mut parameters = json!({ "RouteTableId": table, destination: block });
    if let (Some(all), Value::Object(target)) = (parameters.as_object_mut(), target) {
        all.extend(target);
    }
    call("", "CreateRoute", parameters)
}
