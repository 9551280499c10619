//! Networks for tests, made of resources without a control plane, and packets put on interfaces.

mod addressing;

use std::net::{IpAddr, Ipv4Addr};

use wirelab_model::*;
use wirelab_wire::{IpPacket, TcpFlags, TcpSegment};

use crate::config::{FabricConfig, Observe, WorldConfig};
use crate::event::{CapturePoint, Captured, Dropped, Event, Input, LoggedRecord};
use crate::host::{ExecId, TrafficEvent};
use crate::verdict::{DropReason, InterfaceDrop};
use crate::world::World;

const ACCOUNT: &str = "123456789012";

/// An address, a block: whatever the text says.
pub(crate) fn parse<T: std::str::FromStr>(text: &str) -> T {
    let parsed = text.parse();
    parsed.unwrap_or_else(|_| panic!("a test wrote `{text}`"))
}

/// Resources under construction. Ids are the kind's prefix and the name.
#[derive(Clone, Default)]
pub(crate) struct Net {
    pub(crate) changes: Vec<Change>,
    subnets: Vec<Subnet>,
}

impl Net {
    pub(crate) fn put(&mut self, resource: impl Into<Resource>) -> &mut Self {
        self.changes.push(Change::Put(resource.into()));
        self
    }

    pub(crate) fn vpc(&mut self, name: &str, cidr: &str) -> &mut Self {
        let options = self.default_dhcp_options();
        self.put(Vpc {
            vpc_id: VpcId::new(name),
            cidr_blocks: vec![parse(cidr)],
            ipv6_cidr_blocks: Vec::new(),
            state: ResourceState::Available,
            dhcp_options_id: Some(options),
            enable_dns_support: true,
            enable_dns_hostnames: false,
            is_default: false,
            region: "us-east-1".into(),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        })
    }

    pub(crate) fn subnet(&mut self, name: &str, vpc: &str, cidr: &str, zone: &str) -> &mut Self {
        let subnet = Subnet {
            subnet_id: SubnetId::new(name),
            vpc_id: VpcId::new(vpc),
            cidr_block: parse(cidr),
            ipv6_cidr_block: None,
            availability_zone: zone.into(),
            availability_zone_id: format!("use1-az{}", zone.len()).into(),
            default_for_az: false,
            state: ResourceState::Available,
            map_public_ip_on_launch: false,
            assign_ipv6_address_on_creation: false,
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        };
        self.subnets.push(subnet.clone());
        self.put(subnet)
    }

    /// Routes as `0.0.0.0/0 nat-a`; the local route is added. `subnets` empty: the main table.
    pub(crate) fn routes(
        &mut self,
        name: &str,
        vpc: &str,
        local: &str,
        subnets: &[&str],
        routes: &[&str],
    ) -> &mut Self {
        let id = RouteTableId::new(name);
        let mut all = vec![Route {
            destination: RouteDestination::Cidr(parse(local)),
            target: RouteTarget::Local,
            state: RouteState::Active,
            origin: RouteOrigin::CreateRouteTable,
        }];
        all.extend(routes.iter().map(|text| route(text)));
        let association = |subnet: Option<&str>| RouteTableAssociation {
            route_table_association_id: RouteTableAssociationId::new("rtbassoc-x"),
            route_table_id: id.clone(),
            subnet_id: subnet.map(SubnetId::new),
            gateway_id: None,
            main: subnet.is_none(),
        };
        let associations = match subnets {
            [] => vec![association(None)],
            _ => subnets.iter().map(|it| association(Some(it))).collect(),
        };
        self.put(RouteTable {
            route_table_id: id.clone(),
            vpc_id: VpcId::new(vpc),
            routes: all,
            associations,
            propagating_vgws: Vec::new(),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        })
    }

    pub(crate) fn internet_gateway(&mut self, name: &str, vpc: &str) -> &mut Self {
        self.put(InternetGateway {
            internet_gateway_id: InternetGatewayId::new(name),
            vpc_id: Some(VpcId::new(vpc)),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        })
    }

    /// Entries as `in 100 allow tcp 443 10.0.0.0/16`; ports `*` for all; the final denies are
    /// added.
    pub(crate) fn acl(&mut self, name: &str, subnets: &[&str], entries: &[&str]) -> &mut Self {
        let id = NetworkAclId::new(name);
        let mut all: Vec<_> = entries.iter().map(|text| entry(text)).collect();
        all.extend(
            [
                "in 32767 deny -1 * 0.0.0.0/0",
                "out 32767 deny -1 * 0.0.0.0/0",
            ]
            .map(entry),
        );
        let association = |subnet: &&str| NetworkAclAssociation {
            network_acl_association_id: NetworkAclAssociationId::new("aclassoc-x"),
            network_acl_id: id.clone(),
            subnet_id: SubnetId::new(*subnet),
        };
        self.put(NetworkAcl {
            network_acl_id: id.clone(),
            vpc_id: VpcId::new("vpc-a"),
            is_default: false,
            entries: all,
            associations: subnets.iter().map(association).collect(),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        })
    }

    /// Rules as `in tcp 443 10.0.0.0/16` or `out -1 * sg-b`; ICMP ports are `type/code`.
    pub(crate) fn group(&mut self, name: &str, rules: &[&str]) -> &mut Self {
        let rule = |(at, text): (usize, &&str)| group_rule(name, at, text);
        self.put(SecurityGroup {
            group_id: SecurityGroupId::new(name),
            group_name: name.into(),
            description: String::new(),
            vpc_id: VpcId::new("vpc-a"),
            rules: rules.iter().enumerate().map(rule).collect(),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        })
    }

    /// An instance `i-NAME` with the interface `eni-NAME`.
    pub(crate) fn instance(
        &mut self,
        name: &str,
        subnet: &str,
        address: &str,
        groups: &[&str],
        public: Option<&str>,
    ) -> &mut Self {
        let mut nic = self.interface(name, subnet, address, groups, public);
        let instance = InstanceId::new(format!("i-{name}"));
        nic.attachment = Some(NetworkInterfaceAttachment {
            attachment_id: AttachmentId::new("eni-attach-x"),
            instance_id: Some(instance.clone()),
            device_index: 0,
        });
        self.put(Instance {
            instance_id: instance,
            instance_type: "m6i.large".into(),
            nitro_generation: NitroGeneration::Nitro,
            state: InstanceState::Running,
            vpc_id: nic.vpc_id.clone(),
            subnet_id: nic.subnet_id.clone(),
            network_interfaces: vec![nic.network_interface_id.clone()],
            metadata_options: MetadataOptions::default(),
            iam_instance_profile: None,
            iam_role: None,
            iam_role_since: None,
            launch_time: UnixTime::default(),
            reboots: 0,
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        });
        self.put(nic)
    }

    pub(crate) fn interface(
        &self,
        name: &str,
        subnet: &str,
        address: &str,
        groups: &[&str],
        public: Option<&str>,
    ) -> NetworkInterface {
        let subnet = self
            .subnets
            .iter()
            .find(|it| it.subnet_id.as_str() == subnet);
        let subnet = subnet.expect("the test has made the subnet");
        let address: Ipv4Addr = parse(address);
        let association = public.map(|text| InterfaceAssociation {
            public_ip: parse(text),
            allocation_id: None,
            association_id: None,
        });
        NetworkInterface {
            network_interface_id: NetworkInterfaceId::new(format!("eni-{name}")),
            subnet_id: subnet.subnet_id.clone(),
            vpc_id: subnet.vpc_id.clone(),
            availability_zone: subnet.availability_zone.clone(),
            interface_type: InterfaceType::Interface,
            requester_managed: false,
            mac_address: format!(
                "02:00:00:00:{:02x}:{:02x}",
                address.octets()[2],
                address.octets()[3]
            )
            .into(),
            private_ip_address: address,
            private_ip_addresses: vec![PrivateIpAddress {
                private_ip_address: address,
                primary: true,
                association,
            }],
            ipv6_addresses: Vec::new(),
            groups: groups.iter().map(|it| SecurityGroupId::new(*it)).collect(),
            source_dest_check: true,
            attachment: None,
            connection_tracking_configuration: ConnectionTracking::default(),
            description: String::new(),
            owner_id: ACCOUNT.into(),
            tag_set: Vec::new(),
        }
    }

    /// A NAT gateway `nat-NAME` with the interface `eni-NAME`.
    pub(crate) fn nat_gateway(
        &mut self,
        name: &str,
        subnet: &str,
        address: &str,
        public: &str,
    ) -> &mut Self {
        let mut nic = self.interface(name, subnet, address, &[], Some(public));
        nic.interface_type = InterfaceType::NatGateway;
        nic.source_dest_check = false;
        self.put(NatGateway {
            nat_gateway_id: NatGatewayId::new(format!("nat-{name}")),
            subnet_id: nic.subnet_id.clone(),
            vpc_id: nic.vpc_id.clone(),
            state: NatGatewayState::Available,
            failure_code: None,
            failure_message: None,
            connectivity_type: ConnectivityType::Public,
            nat_gateway_addresses: vec![NatGatewayAddress {
                allocation_id: None,
                association_id: None,
                network_interface_id: nic.network_interface_id.clone(),
                private_ip: nic.private_ip_address,
                public_ip: Some(parse(public)),
                is_primary: true,
                status: NatGatewayAddressStatus::Succeeded,
            }],
            create_time: UnixTime::default(),
            delete_time: None,
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        });
        self.put(nic)
    }

    pub(crate) fn flow_log(&mut self, resource: &str) -> &mut Self {
        self.put(FlowLog {
            flow_log_id: FlowLogId::new(format!("fl-{resource}")),
            resource_id: resource.into(),
            traffic_type: TrafficType::All,
            log_destination_type: LogDestinationType::CloudWatchLogs,
            log_group_name: Some("flows".into()),
            log_destination: None,
            deliver_logs_permission_arn: None,
            deliver_logs_status: DeliverLogsStatus::Success,
            log_format: String::new(),
            max_aggregation_interval: 60,
            destination_options: None,
            tag_field_specifications: Vec::new(),
            creation_time: UnixTime::default(),
            tags: Vec::new(),
        })
    }

    pub(crate) fn build(&mut self) -> Bench {
        self.build_with(FabricConfig::default())
    }

    pub(crate) fn build_with(&mut self, fabric: FabricConfig) -> Bench {
        let mut world = World::new(WorldConfig {
            seed: Seed::whole(7),
            starts: UnixTime::from_secs(1_709_596_800),
            region: "us-east-1".into(),
            fabric,
            observe: Observe::default(),
        });
        let changes = std::mem::take(&mut self.changes);
        let effective_at = SimTime::ZERO;
        let changes = Changes {
            effective_at,
            changes,
        };
        let taken = world.handle(SimTime::ZERO, Input::Changes(changes));
        taken.expect("changes are never refused");
        Bench {
            world,
            ..Bench::default()
        }
    }
}

fn route(text: &str) -> Route {
    let (destination, target) = text.split_once(' ').expect("`BLOCK TARGET`");
    let (target, origin) = match target.strip_suffix(" propagated") {
        Some(target) => (target, RouteOrigin::EnableVgwRoutePropagation),
        None => (target, RouteOrigin::CreateRoute),
    };
    Route {
        destination: if destination.starts_with("pl-") {
            RouteDestination::PrefixList(PrefixListId::new(destination))
        } else {
            RouteDestination::Cidr(parse(destination))
        },
        target: match target.split('-').next() {
            Some("nat") => RouteTarget::NatGateway(NatGatewayId::new(target)),
            Some("eigw") => {
                RouteTarget::EgressOnlyInternetGateway(EgressOnlyInternetGatewayId::new(target))
            }
            Some("igw") => RouteTarget::InternetGateway(InternetGatewayId::new(target)),
            Some("eni") => RouteTarget::NetworkInterface(NetworkInterfaceId::new(target)),
            Some("pcx") => RouteTarget::VpcPeeringConnection(VpcPeeringConnectionId::new(target)),
            Some("tgw") => RouteTarget::TransitGateway(TransitGatewayId::new(target)),
            Some("vpce") => RouteTarget::VpcEndpoint(VpcEndpointId::new(target)),
            Some("vgw") => RouteTarget::VpnGateway(VpnGatewayId::new(target)),
            _ => panic!("a test wrote the target `{target}`"),
        },
        state: RouteState::Active,
        origin,
    }
}

fn entry(text: &str) -> NetworkAclEntry {
    let words: Vec<_> = text.split(' ').collect();
    let &[direction, number, action, protocol, ports, block] = words.as_slice() else {
        panic!("a test wrote the entry `{text}`");
    };
    NetworkAclEntry {
        cidr_block: parse(block),
        egress: direction == "out",
        protocol: parse(protocol),
        port_range: port_range(ports),
        icmp_type_code: None,
        rule_action: if action == "allow" {
            RuleAction::Allow
        } else {
            RuleAction::Deny
        },
        rule_number: parse(number),
    }
}

fn port_range(text: &str) -> Option<PortRange> {
    let (from, to) = match text.split_once('-') {
        _ if text == "*" => return None,
        Some((from, to)) => (parse(from), parse(to)),
        None => (parse(text), parse(text)),
    };
    Some(PortRange { from, to })
}

fn group_rule(group: &str, at: usize, text: &str) -> SecurityGroupRule {
    let words: Vec<_> = text.split(' ').collect();
    let &[direction, protocol, ports, peer] = words.as_slice() else {
        panic!("a test wrote the rule `{text}`");
    };
    let (from_port, to_port) = match ports.split_once('/') {
        Some((icmp_type, code)) => (parse(icmp_type), parse(code)),
        None => port_range(ports).map_or((-1, -1), |it| (it.from.into(), it.to.into())),
    };
    let all_ports = from_port == -1 && matches!(protocol, "tcp" | "udp");
    SecurityGroupRule {
        security_group_rule_id: SecurityGroupRuleId::new(format!("sgr-{group}-{at}")),
        group_id: SecurityGroupId::new(group),
        is_egress: direction == "out",
        ip_protocol: parse(protocol),
        from_port: if all_ports { 0 } else { from_port },
        to_port: if all_ports { 65535 } else { to_port },
        peer: if peer.starts_with("sg-") {
            RulePeer::Group(SecurityGroupId::new(peer))
        } else if peer.starts_with("pl-") {
            RulePeer::PrefixList(PrefixListId::new(peer))
        } else {
            RulePeer::Cidr(parse(peer))
        },
        description: None,
    }
}

/// A world, and everything it has said.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) captured: Vec<Captured>,
    /// ARP and neighbour discovery, which are apart.
    pub(crate) on_link: Vec<Captured>,
    /// Without those that only say that an interface has no machine: they were delivered.
    pub(crate) dropped: Vec<Dropped>,
    pub(crate) records: Vec<LoggedRecord>,
    pub(crate) metrics: Vec<MetricDatum>,
    pub(crate) delivered: usize,
    pub(crate) traffic: Vec<TrafficEvent>,
    pub(crate) exec_done: Vec<(ExecId, i32)>,
    /// What commands printed, standard output and errors together.
    pub(crate) printed: String,
}

impl Default for Bench {
    fn default() -> Self {
        Self {
            world: World::new(WorldConfig {
                seed: Seed::whole(7),
                starts: UnixTime::default(),
                region: "us-east-1".into(),
                fabric: FabricConfig::default(),
                observe: Observe::default(),
            }),
            captured: Vec::new(),
            on_link: Vec::new(),
            dropped: Vec::new(),
            records: Vec::new(),
            metrics: Vec::new(),
            delivered: 0,
            traffic: Vec::new(),
            exec_done: Vec::new(),
            printed: String::new(),
        }
    }
}

impl Bench {
    /// Puts a packet on an instance's interface and lets a second pass. Returns what was dropped.
    pub(crate) fn send(&mut self, interface: &str, packet: IpPacket) -> Vec<DropReason> {
        let before = self.dropped.len();
        self.put(interface, packet);
        self.drops_since(before)
    }

    /// Lets a packet come from the internet, and a second pass. Returns what was dropped.
    pub(crate) fn send_from_internet(&mut self, packet: IpPacket) -> Vec<DropReason> {
        let before = self.dropped.len();
        self.world.put_on_internet(packet);
        self.drops_since(before)
    }

    fn drops_since(&mut self, before: usize) -> Vec<DropReason> {
        self.wait(1);
        let dropped = self.dropped[before..].iter();
        dropped.map(|it| it.reason.clone()).collect()
    }

    /// Puts a packet on an instance's interface.
    pub(crate) fn put(&mut self, interface: &str, packet: IpPacket) {
        let point = CapturePoint::Interface(NetworkInterfaceId::new(interface));
        let put = (self.world).handle(self.world.now(), Input::Packet { point, packet });
        put.expect("the test has made the interface");
    }

    /// Lets seconds pass.
    pub(crate) fn wait(&mut self, seconds: u64) {
        let now = self.world.now() + SimDuration::from_secs(seconds);
        self.world.handle_timeout(now);
        self.collect();
    }

    /// Runs a command on a machine, waits for its end, and gives what it printed and its status.
    pub(crate) fn run(&mut self, host: &str, line: &[&str]) -> (String, i32) {
        let id = ExecId(1000 + self.exec_done.len() as u64);
        let argv = line.iter().map(|word| (*word).to_owned()).collect();
        let input = Input::Exec {
            id,
            host: host.into(),
            argv,
        };
        let now = self.world.now();
        (self.world.handle(now, input)).expect("the test has made the machine");
        self.printed.clear();
        for _ in 0..6_000 {
            self.collect();
            if let Some((_, status)) = self.exec_done.iter().find(|(done, _)| *done == id) {
                return (std::mem::take(&mut self.printed), *status);
            }
            let next = self.world.poll_timeout().expect("it waits for something");
            self.world.handle_timeout(next.max(now));
        }
        panic!("`{line:?}` does not end");
    }

    /// Changes resources now.
    pub(crate) fn change(&mut self, net: &mut Net) {
        let now = self.world.now();
        let changes = Changes {
            effective_at: now,
            changes: std::mem::take(&mut net.changes),
        };
        let taken = self.world.handle(now, Input::Changes(changes));
        taken.expect("changes are never refused");
    }

    pub(crate) fn collect(&mut self) {
        while let Some(event) = self.world.poll_event() {
            match event {
                Event::Captured(captured) if captured.is_of_link() => self.on_link.push(captured),
                Event::Captured(captured) => self.captured.push(captured),
                Event::FlowRecord(record) => self.records.push(*record),
                Event::Dropped(dropped) => {
                    if let DropReason::Interface(InterfaceDrop::NoMachine { .. }) = dropped.reason {
                        self.delivered += 1;
                    } else {
                        self.dropped.push(*dropped);
                    }
                }
                Event::Traffic(event) => self.traffic.push(event),
                Event::ExecDone { id, status, .. } => self.exec_done.push((id, status)),
                Event::Observation(Observation::MetricData(data)) => self.metrics.extend(data),
                Event::ExecOutput { text, .. } => self.printed += &text,
                Event::Observation(_) => {}
            }
        }
    }

    /// The last packet that came to an interface's machine.
    pub(crate) fn last_in(&self, interface: &str) -> Option<&IpPacket> {
        let point = CapturePoint::Interface(NetworkInterfaceId::new(interface));
        let mut inbound = self.captured.iter().rev().filter(|it| !it.outbound);
        let captured = inbound.find(|it| it.point == point)?;
        captured.packet()
    }

    /// Takes what came to an interface since the last time.
    pub(crate) fn take_in(&mut self, interface: &str) -> Option<IpPacket> {
        let packet = self.last_in(interface).cloned();
        self.captured.clear();
        packet
    }
}

/// A TCP segment without options.
pub(crate) fn tcp(from: (&str, u16), to: (&str, u16), flags: TcpFlags, payload: usize) -> IpPacket {
    let segment = TcpSegment {
        source_port: from.1,
        destination_port: to.1,
        sequence: 1000,
        acknowledgment: if flags.contains(TcpFlags::ACK) {
            2000
        } else {
            0
        },
        flags,
        window: 64240,
        urgent_pointer: 0,
        options: wirelab_wire::TcpOptions::NONE,
        payload: vec![b'x'; payload].into(),
    };
    let address = |text: &str| parse::<IpAddr>(text);
    IpPacket::tcp(address(from.0), address(to.0), segment)
}

pub(crate) const SYN: TcpFlags = TcpFlags::SYN;
pub(crate) const ACK: TcpFlags = TcpFlags::ACK;
pub(crate) const SYN_ACK: TcpFlags = TcpFlags(0x12);

/// The answer to a TCP segment as it came in.
pub(crate) fn answer(packet: &IpPacket, flags: TcpFlags, payload: usize) -> IpPacket {
    let flow = packet.five_tuple().reversed();
    let (source, destination) = (flow.source.to_string(), flow.destination.to_string());
    tcp(
        (&source, flow.source_port),
        (&destination, flow.destination_port),
        flags,
        payload,
    )
}
