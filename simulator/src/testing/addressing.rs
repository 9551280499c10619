//! IPv6, prefix lists and DHCP options of networks for tests.

use std::sync::Arc;

use wirelab_model::*;

use super::{ACCOUNT, Net, parse};

impl Net {
    /// The set of DHCP options that every VPC has at first.
    pub(super) fn default_dhcp_options(&mut self) -> DhcpOptionsId {
        let id = DhcpOptionsId::new("dopt-default");
        let option = |key: &str, value: &str| DhcpConfiguration {
            key: key.into(),
            values: vec![value.into()],
        };
        self.put(DhcpOptions {
            dhcp_options_id: id.clone(),
            owner_id: ACCOUNT.into(),
            dhcp_configurations: vec![
                option("domain-name", "ec2.internal"),
                option("domain-name-servers", "AmazonProvidedDNS"),
            ],
            tags: Vec::new(),
        });
        id
    }

    /// Gives the VPC, its subnets and its instances IPv6 blocks and addresses, the routes and lists
    /// what goes with them. Call it last.
    pub(crate) fn ipv6(&mut self, vpc: &str, subnets: &[(&str, &str)], addresses: &[(&str, &str)]) {
        let block = |text: &str| parse::<Ipv6Net>(text);
        for change in &mut self.changes {
            let Change::Put(resource) = change else {
                continue;
            };
            match resource {
                Resource::Vpc(it) => {
                    Arc::make_mut(it).ipv6_cidr_blocks = vec![block(vpc)];
                }
                Resource::Subnet(it) => {
                    let found = subnets.iter().find(|(id, _)| *id == it.subnet_id.as_str());
                    let found = found.map(|(_, cidr)| block(cidr));
                    Arc::make_mut(it).ipv6_cidr_block = found;
                }
                Resource::NetworkInterface(it) => {
                    let id = it.network_interface_id.as_str();
                    let own = addresses.iter().filter(|(eni, _)| *eni == id);
                    let own = own.map(|(_, address)| parse(address)).collect();
                    Arc::make_mut(it).ipv6_addresses = own;
                }
                Resource::RouteTable(it) => Arc::make_mut(it).routes.push(Route {
                    destination: RouteDestination::Cidr(IpNet::V6(block(vpc))),
                    target: RouteTarget::Local,
                    state: RouteState::Active,
                    origin: RouteOrigin::CreateRouteTable,
                }),
                _ => {}
            }
        }
    }

    pub(crate) fn egress_only_internet_gateway(&mut self, name: &str, vpc: &str) -> &mut Self {
        self.put(EgressOnlyInternetGateway {
            egress_only_internet_gateway_id: EgressOnlyInternetGatewayId::new(name),
            vpc_id: VpcId::new(vpc),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        })
    }

    /// A prefix list of the blocks.
    pub(crate) fn prefix_list(&mut self, name: &str, blocks: &[&str]) -> &mut Self {
        let entry = |text: &&str| PrefixListEntry {
            cidr: parse(text),
            description: None,
        };
        self.put(ManagedPrefixList {
            prefix_list_id: PrefixListId::new(name),
            prefix_list_name: name.into(),
            prefix_list_arn: name.into(),
            address_family: AddressFamily::IPv4,
            state: PrefixListState::CreateComplete,
            state_message: None,
            max_entries: Some(10),
            version: Some(1),
            entries: blocks.iter().map(entry).collect(),
            owner_id: ACCOUNT.into(),
            tags: Vec::new(),
        })
    }
}
