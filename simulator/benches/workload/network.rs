//! The resources of the workload's two VPCs.

use std::net::Ipv4Addr;

use wirelab_model::*;

const ACCOUNT: &str = "123456789012";
const ZONE: &str = "us-east-1a";

/// Resources under construction; ids are the kind's prefix and a name.
#[derive(Default)]
pub(super) struct Network {
    pub(super) changes: Vec<Change>,
}

fn parse<T: std::str::FromStr>(text: &str) -> T {
    let parsed = text.parse();
    parsed.unwrap_or_else(|_| panic!("the workload says `{text}`"))
}

impl Network {
    /// Both VPCs with everything in them.
    pub(super) fn anchor(&mut self, nat: bool, idle: usize) {
        self.vpc("vpc-a", "10.0.0.0/16");
        self.vpc("vpc-b", "10.1.0.0/16");
        self.group("clients", "vpc-a", &[(true, "-1", "0.0.0.0/0")]);
        let forwards = [(false, "-1", "10.0.0.0/8"), (true, "-1", "0.0.0.0/0")];
        self.group("router-a", "vpc-a", &forwards);
        self.group("router-b", "vpc-b", &forwards);
        let serves = [(false, "tcp", "10.0.0.0/16"), (true, "-1", "0.0.0.0/0")];
        self.group("servers", "vpc-b", &serves);
        for (name, vpc, block) in [
            ("clients", "vpc-a", "10.0.1.0/24"),
            ("router-a", "vpc-a", "10.0.2.0/24"),
            ("nat", "vpc-a", "10.0.3.0/24"),
            ("tgw-a", "vpc-a", "10.0.4.0/24"),
            ("idle", "vpc-a", "10.0.64.0/18"),
            ("servers", "vpc-b", "10.1.1.0/24"),
            ("router-b", "vpc-b", "10.1.2.0/24"),
            ("tgw-b", "vpc-b", "10.1.4.0/24"),
        ] {
            self.subnet(name, vpc, block);
        }
        let (a, b) = ("10.0.0.0/16", "10.1.0.0/16");
        self.table("clients", "vpc-a", a, &[(b, "eni-r1")]);
        self.table(
            "nat",
            "vpc-a",
            a,
            &[(b, "tgw-x"), ("10.0.1.0/24", "eni-r1")],
        );
        self.table("router-b", "vpc-b", b, &[(a, "tgw-x")]);
        if nat {
            self.table("router-a", "vpc-a", a, &[(b, "nat-x")]);
            self.table("tgw-a", "vpc-a", a, &[]);
            self.table("tgw-b", "vpc-b", b, &[]);
            self.table("servers", "vpc-b", b, &[(a, "tgw-x")]);
        } else {
            self.table("router-a", "vpc-a", a, &[(b, "tgw-x")]);
            self.table("tgw-a", "vpc-a", a, &[("10.0.1.0/24", "eni-r1")]);
            self.table("tgw-b", "vpc-b", b, &[("10.1.1.0/24", "eni-r3")]);
            self.table("servers", "vpc-b", b, &[(a, "eni-r3")]);
        }
        self.acl("a", "vpc-a", &["clients", "router-a", "nat", "tgw-a"]);
        self.acl("b", "vpc-b", &["servers", "router-b", "tgw-b"]);
        self.transit_gateway();
        if nat {
            self.nat_gateway();
        }
        self.instance("h1", "clients", "10.0.1.10", "clients", true);
        self.instance("h2", "clients", "10.0.1.20", "clients", true);
        self.instance("r1", "router-a", "10.0.2.10", "router-a", false);
        self.instance("h3", "servers", "10.1.1.10", "servers", true);
        self.instance("h4", "servers", "10.1.1.20", "servers", true);
        if !nat {
            self.instance("r3", "router-b", "10.1.2.10", "router-b", false);
        }
        for at in 0..idle {
            let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 64, 10)) + at as u32);
            let name = format!("idle-{at}");
            self.instance(&name, "idle", &address.to_string(), "clients", true);
        }
    }

    /// One VPC with a client and a server in subnets of their own.
    pub(super) fn pair(&mut self) {
        self.vpc("vpc-a", "10.0.0.0/16");
        self.group("clients", "vpc-a", &[(true, "-1", "0.0.0.0/0")]);
        let serves = [(false, "tcp", "10.0.0.0/16"), (true, "-1", "10.0.0.0/16")];
        self.group("servers", "vpc-a", &serves);
        for (name, block) in [("clients", "10.0.1.0/24"), ("servers", "10.0.2.0/24")] {
            self.subnet(name, "vpc-a", block);
            self.table(name, "vpc-a", "10.0.0.0/16", &[]);
        }
        self.acl("a", "vpc-a", &["clients", "servers"]);
        self.instance("h1", "clients", "10.0.1.10", "clients", true);
        self.instance("h2", "servers", "10.0.2.10", "servers", true);
    }

    fn put(&mut self, resource: impl Into<Resource>) {
        self.changes.push(Change::Put(resource.into()));
    }

    fn vpc(&mut self, name: &str, block: &str) {
        self.put(Vpc {
            vpc_id: VpcId::new(name),
            cidr_blocks: vec![parse(block)],
            ipv6_cidr_blocks: Vec::new(),
            state: ResourceState::Available,
            dhcp_options_id: None,
            enable_dns_support: true,
            enable_dns_hostnames: false,
            is_default: false,
            region: "us-east-1".into(),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        });
    }

    fn subnet(&mut self, name: &str, vpc: &str, block: &str) {
        self.put(Subnet {
            subnet_id: SubnetId::new(format!("subnet-{name}")),
            vpc_id: VpcId::new(vpc),
            cidr_block: parse(block),
            ipv6_cidr_block: None,
            availability_zone: ZONE.into(),
            availability_zone_id: "use1-az1".into(),
            default_for_az: false,
            state: ResourceState::Available,
            map_public_ip_on_launch: false,
            assign_ipv6_address_on_creation: false,
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        });
    }

    /// The route table of the subnet of the same name.
    fn table(&mut self, subnet: &str, vpc: &str, local: &str, routes: &[(&str, &str)]) {
        let id = RouteTableId::new(format!("rtb-{subnet}"));
        let mut all = vec![Route {
            destination: RouteDestination::Cidr(parse(local)),
            target: RouteTarget::Local,
            state: RouteState::Active,
            origin: RouteOrigin::CreateRouteTable,
        }];
        all.extend(routes.iter().map(|(block, target)| Route {
            destination: RouteDestination::Cidr(parse(block)),
            target: match target.split('-').next() {
                Some("nat") => RouteTarget::NatGateway(NatGatewayId::new(*target)),
                Some("tgw") => RouteTarget::TransitGateway(TransitGatewayId::new(*target)),
                _ => RouteTarget::NetworkInterface(NetworkInterfaceId::new(*target)),
            },
            state: RouteState::Active,
            origin: RouteOrigin::CreateRoute,
        }));
        self.put(RouteTable {
            route_table_id: id.clone(),
            vpc_id: VpcId::new(vpc),
            routes: all,
            associations: vec![RouteTableAssociation {
                route_table_association_id: RouteTableAssociationId::new("rtbassoc-x"),
                route_table_id: id,
                subnet_id: Some(SubnetId::new(format!("subnet-{subnet}"))),
                main: false,
                gateway_id: None,
            }],
            propagating_vgws: Vec::new(),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        });
    }

    /// Five entries in each direction, the last of which lets the workload pass.
    fn acl(&mut self, name: &str, vpc: &str, subnets: &[&str]) {
        let id = NetworkAclId::new(format!("acl-{name}"));
        let entry = |egress, number, allow, protocol: &str, ports: Option<(u16, u16)>, block| {
            NetworkAclEntry {
                cidr_block: parse(block),
                egress,
                protocol: parse(protocol),
                port_range: ports.map(|(from, to)| PortRange { from, to }),
                icmp_type_code: None,
                rule_action: if allow {
                    RuleAction::Allow
                } else {
                    RuleAction::Deny
                },
                rule_number: number,
            }
        };
        let mut entries = Vec::new();
        for egress in [false, true] {
            entries.extend([
                entry(egress, 50, false, "-1", None, "192.0.2.0/24"),
                entry(egress, 60, false, "tcp", Some((23, 23)), "0.0.0.0/0"),
                entry(egress, 100, true, "tcp", Some((443, 443)), "10.0.0.0/8"),
                entry(egress, 110, true, "tcp", Some((80, 80)), "10.0.0.0/8"),
                entry(egress, 120, true, "tcp", Some((1024, 65535)), "10.0.0.0/8"),
                entry(egress, 32767, false, "-1", None, "0.0.0.0/0"),
            ]);
        }
        let association = |subnet: &&str| NetworkAclAssociation {
            network_acl_association_id: NetworkAclAssociationId::new("aclassoc-x"),
            network_acl_id: id.clone(),
            subnet_id: SubnetId::new(format!("subnet-{subnet}")),
        };
        self.put(NetworkAcl {
            network_acl_id: id.clone(),
            vpc_id: VpcId::new(vpc),
            is_default: false,
            entries,
            associations: subnets.iter().map(association).collect(),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        });
    }

    /// Rules as (egress, protocol, block), all ports.
    fn group(&mut self, name: &str, vpc: &str, rules: &[(bool, &str, &str)]) {
        let group = SecurityGroupId::new(format!("sg-{name}"));
        let rule = |(at, (is_egress, protocol, block)): (usize, &(bool, &str, &str))| {
            let all = *protocol == "-1";
            SecurityGroupRule {
                security_group_rule_id: SecurityGroupRuleId::new(format!("sgr-{name}-{at}")),
                group_id: group.clone(),
                is_egress: *is_egress,
                ip_protocol: parse(protocol),
                from_port: if all { -1 } else { 80 },
                to_port: if all { -1 } else { 80 },
                peer: RulePeer::Cidr(parse(block)),
                description: None,
            }
        };
        self.put(SecurityGroup {
            group_id: group.clone(),
            group_name: name.into(),
            description: String::new(),
            vpc_id: VpcId::new(vpc),
            rules: rules.iter().enumerate().map(rule).collect(),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        });
    }

    fn interface(&self, name: &str, subnet: &str, address: &str) -> NetworkInterface {
        let address: Ipv4Addr = parse(address);
        let [_, b, c, d] = address.octets();
        NetworkInterface {
            network_interface_id: NetworkInterfaceId::new(format!("eni-{name}")),
            subnet_id: SubnetId::new(format!("subnet-{subnet}")),
            vpc_id: VpcId::new(if b == 0 { "vpc-a" } else { "vpc-b" }),
            availability_zone: ZONE.into(),
            interface_type: InterfaceType::Interface,
            requester_managed: false,
            mac_address: format!("02:00:00:{b:02x}:{c:02x}:{d:02x}").into(),
            private_ip_address: address,
            private_ip_addresses: vec![PrivateIpAddress {
                private_ip_address: address,
                primary: true,
                association: None,
            }],
            ipv6_addresses: Vec::new(),
            groups: Vec::new(),
            source_dest_check: false,
            attachment: None,
            connection_tracking_configuration: ConnectionTracking::default(),
            description: String::new(),
            owner_id: ACCOUNT.into(),
            tag_set: Vec::new(),
        }
    }

    fn instance(&mut self, name: &str, subnet: &str, address: &str, group: &str, check: bool) {
        let mut nic = self.interface(name, subnet, address);
        let instance = InstanceId::new(format!("i-{name}"));
        nic.groups = vec![SecurityGroupId::new(format!("sg-{group}"))];
        nic.source_dest_check = check;
        nic.attachment = Some(NetworkInterfaceAttachment {
            attachment_id: AttachmentId::new("eni-attach-x"),
            instance_id: Some(instance.clone()),
            device_index: 0,
        });
        self.put(Instance {
            instance_id: instance,
            instance_type: "c6in.8xlarge".into(),
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
        self.put(nic);
    }

    fn nat_gateway(&mut self) {
        let mut nic = self.interface("nat", "nat", "10.0.3.10");
        nic.interface_type = InterfaceType::NatGateway;
        self.put(NatGateway {
            nat_gateway_id: NatGatewayId::new("nat-x"),
            subnet_id: nic.subnet_id.clone(),
            vpc_id: nic.vpc_id.clone(),
            state: NatGatewayState::Available,
            failure_code: None,
            failure_message: None,
            connectivity_type: ConnectivityType::Private,
            nat_gateway_addresses: vec![NatGatewayAddress {
                allocation_id: None,
                association_id: None,
                network_interface_id: nic.network_interface_id.clone(),
                private_ip: nic.private_ip_address,
                public_ip: None,
                is_primary: true,
                status: NatGatewayAddressStatus::Succeeded,
            }],
            create_time: UnixTime::default(),
            delete_time: None,
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        });
        self.put(nic);
    }

    fn transit_gateway(&mut self) {
        self.put(TransitGateway {
            transit_gateway_id: TransitGatewayId::new("tgw-x"),
            state: ResourceState::Available,
            options: TransitGatewayOptions::default(),
            description: String::new(),
            creation_time: UnixTime::default(),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        });
        let mut routes = Vec::new();
        for (vpc, block) in [("a", "10.0"), ("b", "10.1")] {
            let name = format!("tgw-attach-{vpc}");
            let subnet = format!("tgw-{vpc}");
            let mut nic = self.interface(&name, &subnet, &format!("{block}.4.9"));
            nic.interface_type = InterfaceType::TransitGateway;
            let attachment = TransitGatewayAttachmentId::new(name);
            let resource = TransitGatewayVpcAttachment {
                vpc_id: nic.vpc_id.clone(),
                subnet_ids: vec![nic.subnet_id.clone()],
                network_interface_ids: vec![nic.network_interface_id.clone()],
                options: TransitGatewayVpcAttachmentOptions::default(),
            };
            self.put(TransitGatewayAttachment {
                transit_gateway_attachment_id: attachment.clone(),
                transit_gateway_id: TransitGatewayId::new("tgw-x"),
                state: TransitGatewayAttachmentState::Available,
                resource: TransitGatewayAttachedResource::Vpc(resource),
                association: Some(TransitGatewayRouteTableId::new("tgw-rtb-x")),
                creation_time: UnixTime::default(),
                owner_id: ACCOUNT.into(),
                tags: Vec::new(),
            });
            self.put(nic);
            routes.push(TransitGatewayRoute {
                destination_cidr_block: parse(&format!("{block}.0.0/16")),
                attachments: vec![attachment],
                is_static: false,
                state: RouteState::Active,
            });
        }
        self.put(TransitGatewayRouteTable {
            transit_gateway_route_table_id: TransitGatewayRouteTableId::new("tgw-rtb-x"),
            transit_gateway_id: TransitGatewayId::new("tgw-x"),
            state: ResourceState::Available,
            routes,
            propagations: Vec::new(),
            creation_time: UnixTime::default(),
            tags: Vec::new(),
        });
    }

    /// A flow log of each VPC: every interface is recorded.
    pub(super) fn flow_logs(&mut self) {
        for vpc in ["vpc-a", "vpc-b"] {
            self.put(FlowLog {
                flow_log_id: FlowLogId::new(format!("fl-{vpc}")),
                resource_id: vpc.into(),
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
            });
        }
    }
}
