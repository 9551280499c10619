//! What is in a network, for a picture: areas, groups in them, members in those, and links.

use std::collections::BTreeMap;

use wirelab_model::{
    InterfaceType, NetworkInterface, Resources, RouteState, RouteTable, RouteTarget, Subnet,
    SubnetId, TransitGatewayAttachedResource, VpcEndpointType, VpcId,
};
use wirelab_scenario::Plan;
use wirelab_simulator::host::{Attachment, HostSpec};
use wirelab_simulator::{SegmentSpec, TargetText};

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    /// One line about it.
    pub title: String,
    /// From top to bottom.
    pub areas: Vec<Area>,
    /// What joins gates and areas.
    pub links: Vec<Link>,
}

/// A VPC, the internet, a transit gateway, what is outside AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// What links call it.
    pub key: String,
    /// Its name.
    pub title: String,
    /// What else is to be said.
    pub note: String,
    /// Key and name of what stands at its edge: gateways, attachments.
    pub gates: Vec<(String, String)>,
    /// What is in it.
    pub groups: Vec<Group>,
}

/// A subnet, or a network outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub title: String,
    /// Block, zone, network ACL, routes: a line each.
    pub notes: Vec<String>,
    /// What has an address in it.
    pub members: Vec<Member>,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Whose.
    pub name: String,
    /// Addresses, security groups.
    pub notes: Vec<String>,
}

/// A connection between gates or areas, by their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is: `peering connection db`.
    pub label: String,
    /// Its ends.
    pub ends: Vec<String>,
}

/// Key of the internet's area.
const INTERNET: &str = "internet";

impl Map {
    /// The network of a plan, at its first moment.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Survey {
            plan,
            all: plan.control.resources(),
        }
        .map()
    }

    /// Everything in sentences, for those who do not see the picture.
    #[must_use]
    pub fn words(&self) -> String {
        let mut sentences = Vec::new();
        for area in &self.areas {
            let mut text = area.title.clone();
            if !area.note.is_empty() {
                text += &format!(", {}", area.note);
            }
            for (_, gate) in &area.gates {
                text += &format!(", with {gate}");
            }
            sentences.push(text);
            sentences.extend(area.groups.iter().map(Group::words));
        }
        for link in &self.links {
            let ends = self.ends(link);
            sentences.push(match ends.split_first() {
                Some((internet, gates)) if link.ends[0] == INTERNET => {
                    format!("to {internet} by {}", gates.join(" and "))
                }
                _ => format!("{} joins {}", link.label, ends.join(" and ")),
            });
        }
        sentences
            .iter()
            .map(|it| format!("{it}. "))
            .collect::<String>()
            .trim_end()
            .to_owned()
    }

    fn ends(&self, link: &Link) -> Vec<String> {
        let name = |key: &String| {
            let gates = self.areas.iter().flat_map(|area| &area.gates);
            let areas = self.areas.iter().map(|area| (&area.key, &area.title));
            let mut all = gates.map(|(key, name)| (key, name)).chain(areas);
            all.find(|(it, _)| *it == key)
                .map_or_else(|| key.clone(), |(_, name)| name.clone())
        };
        link.ends.iter().map(name).collect()
    }
}

impl Group {
    fn words(&self) -> String {
        let mut parts = vec![self.title.clone()];
        parts.extend(self.notes.iter().cloned());
        for member in &self.members {
            let mut words = vec![member.name.clone()];
            words.extend(member.notes.iter().cloned());
            parts.push(words.join(" "));
        }
        parts.retain(|it| !it.is_empty());
        parts.join(", ")
    }
}

/// Reads a plan's resources.
struct Survey<'p> {
    plan: &'p Plan,
    all: &'p Resources,
}

impl Survey<'_> {
    fn map(&self) -> Map {
        let mut map = Map {
            title: self.plan.title.clone(),
            ..Map::default()
        };
        map.areas.extend(self.internet());
        map.areas
            .extend(self.in_order().into_iter().map(|id| self.vpc(&id)));
        map.areas.extend(self.transit_gateways());
        map.areas.extend(self.outside());
        map.links = self.links();
        map
    }

    /// VPCs by name, so that ids, which are hashes, decide nothing.
    fn in_order(&self) -> Vec<VpcId> {
        let mut ids: Vec<_> = self.all.vpcs.keys().cloned().collect();
        ids.sort_by_key(|id| self.name(id.as_str()));
        ids
    }

    /// The name in the file without its kind, or the id.
    fn name(&self, id: &str) -> String {
        self.plan.names.short(id).unwrap_or(id).to_owned()
    }

    /// `NAT gateway out`, for any id that the file has a name for.
    fn full(&self, id: &str) -> String {
        let Some((kind, name)) = self
            .plan
            .names
            .name_of(id)
            .and_then(|it| it.split_once('.'))
        else {
            return id.to_owned();
        };
        let kind = kind.replace('_', " ");
        let kind = kind
            .replace("nat ", "NAT ")
            .replace("vpc ", "VPC ")
            .replace("vpn ", "VPN ");
        format!("{kind} {name}")
    }

    fn vpc(&self, id: &VpcId) -> Area {
        let vpc = &self.all.vpcs[id];
        let mut blocks: Vec<_> = vpc.cidr_blocks.iter().map(ToString::to_string).collect();
        blocks.extend(vpc.ipv6_cidr_blocks.iter().map(ToString::to_string));
        if vpc.region != self.plan.region {
            blocks.push(vpc.region.to_string());
        }
        if vpc.owner_id != self.plan.caller.account {
            let mut accounts = self.plan.accounts.iter();
            let account = accounts.find(|(_, id)| **id == vpc.owner_id);
            blocks.push(format!(
                "account {}",
                account.map_or(&vpc.owner_id, |(name, _)| name)
            ));
        }
        let mut subnets: Vec<_> = self
            .all
            .subnets
            .values()
            .filter(|it| it.vpc_id == *id)
            .collect();
        subnets.sort_by_key(|it| self.name(it.subnet_id.as_str()));
        Area {
            key: id.to_string(),
            title: format!("VPC {}", self.name(id.as_str())),
            note: blocks.join(" · "),
            gates: self.gates(id),
            groups: subnets.into_iter().map(|it| self.subnet(it)).collect(),
        }
    }

    /// What joins the VPC to anything else.
    fn gates(&self, vpc: &VpcId) -> Vec<(String, String)> {
        let own = |it: &Option<VpcId>| it.as_ref() == Some(vpc);
        let all = self.all;
        let mut ids = Vec::new();
        let igws = all.internet_gateways.values().filter(|it| own(&it.vpc_id));
        ids.extend(igws.map(|it| it.internet_gateway_id.to_string()));
        let eigws = all
            .egress_only_internet_gateways
            .values()
            .filter(|it| it.vpc_id == *vpc);
        ids.extend(eigws.map(|it| it.egress_only_internet_gateway_id.to_string()));
        let vgws = all.vpn_gateways.values().filter(|it| own(&it.vpc_id));
        ids.extend(vgws.map(|it| it.vpn_gateway_id.to_string()));
        let peerings = all
            .vpc_peering_connections
            .values()
            .filter(|it| it.ends(vpc).is_some());
        ids.extend(peerings.map(|it| it.vpc_peering_connection_id.to_string()));
        let endpoints = all.vpc_endpoints.values().filter(|it| it.vpc_id == *vpc);
        let gateways = endpoints.filter(|it| it.vpc_endpoint_type == VpcEndpointType::Gateway);
        ids.extend(gateways.map(|it| it.vpc_endpoint_id.to_string()));
        let attached = all.transit_gateway_attachments.values();
        let attached = attached.filter(|it| it.vpc().is_some_and(|it| it.vpc_id == *vpc));
        ids.extend(attached.map(|it| it.transit_gateway_attachment_id.to_string()));
        let named = ids
            .into_iter()
            .map(|id| (gate(vpc.as_str(), &id), self.full(&id)));
        let mut gates: Vec<_> = named.collect();
        gates.sort_by(|a, b| a.1.cmp(&b.1));
        gates
    }

    fn subnet(&self, subnet: &Subnet) -> Group {
        let id = &subnet.subnet_id;
        let mut notes = vec![format!(
            "{} · {}",
            subnet.cidr_block, subnet.availability_zone
        )];
        notes.extend(subnet.ipv6_cidr_block.map(|it| it.to_string()));
        let mut acls = self.all.network_acls.values();
        let acl = acls.find(|it| it.associations.iter().any(|its| its.subnet_id == *id));
        if let Some(acl) = acl.filter(|it| !it.is_default) {
            notes.push(format!(
                "network ACL {}",
                self.name(acl.network_acl_id.as_str())
            ));
        }
        if let Some(table) = self.table(id, &subnet.vpc_id) {
            notes.extend(self.routes(table));
        }
        let mut members: Vec<_> = self.all.network_interfaces.values().collect();
        members.retain(|it| it.subnet_id == *id);
        members.sort_by_key(|it| it.private_ip_address);
        Group {
            title: format!("subnet {}", self.name(id.as_str())),
            notes,
            members: members.into_iter().map(|it| self.interface(it)).collect(),
        }
    }

    /// The subnet's own table, or the VPC's main one.
    fn table(&self, subnet: &SubnetId, vpc: &VpcId) -> Option<&RouteTable> {
        let tables = || {
            self.all
                .route_tables
                .values()
                .filter(|it| it.vpc_id == *vpc)
        };
        let own = |it: &&std::sync::Arc<RouteTable>| {
            it.associations
                .iter()
                .any(|its| its.subnet_id.as_ref() == Some(subnet))
        };
        let main = |it: &&std::sync::Arc<RouteTable>| it.associations.iter().any(|its| its.main);
        tables()
            .find(own)
            .or_else(|| tables().find(main))
            .map(AsRef::as_ref)
    }

    /// Every route that leads out of the VPC.
    fn routes(&self, table: &RouteTable) -> Vec<String> {
        let leaving = table
            .routes
            .iter()
            .filter(|it| it.target != RouteTarget::Local);
        let line = |route: &wirelab_model::Route| {
            let destination = route.destination.to_string();
            let destination = self.plan.names.short(&destination).unwrap_or(&destination);
            let gone = if route.state == RouteState::Blackhole {
                " (blackhole)"
            } else {
                ""
            };
            let target = self.full(TargetText(&route.target).as_str());
            format!("{destination} → {target}{gone}")
        };
        leaving.map(line).collect()
    }

    fn interface(&self, it: &NetworkInterface) -> Member {
        let mut notes = Vec::new();
        for its in &it.private_ip_addresses {
            let public = its
                .association
                .as_ref()
                .map(|it| format!(" · public {}", it.public_ip));
            notes.push(format!(
                "{}{}",
                its.private_ip_address,
                public.unwrap_or_default()
            ));
        }
        notes.extend(it.ipv6_addresses.iter().map(ToString::to_string));
        let groups: Vec<_> = it.groups.iter().map(|id| self.name(id.as_str())).collect();
        if !groups.is_empty() {
            notes.push(format!("security group {}", groups.join(", ")));
        }
        if !it.source_dest_check && it.interface_type == InterfaceType::Interface {
            notes.push("no source/destination check".to_owned());
        }
        Member {
            name: self.owner(it),
            notes,
        }
    }

    /// Whose interface it is.
    fn owner(&self, it: &NetworkInterface) -> String {
        let id = &it.network_interface_id;
        let attached = it.attachment.as_ref();
        if let Some(instance) = attached.and_then(|it| it.instance_id.as_ref()) {
            let name = self.name(instance.as_str());
            return match attached.map_or(0, |it| it.device_index) {
                0 => name,
                index => format!("{name}, interface {index}"),
            };
        }
        let mut nats = self.all.nat_gateways.values();
        let nat = nats.find(|nat| {
            nat.nat_gateway_addresses
                .iter()
                .any(|its| its.network_interface_id == *id)
        });
        let mut endpoints = self.all.vpc_endpoints.values();
        let endpoint = endpoints.find(|its| its.network_interface_ids.contains(id));
        let mut attachments = self.all.transit_gateway_attachments.values();
        let attachment = attachments.find(|its| {
            its.vpc()
                .is_some_and(|vpc| vpc.network_interface_ids.contains(id))
        });
        let owner = nat.map(|it| it.nat_gateway_id.as_str());
        let owner = owner.or_else(|| endpoint.map(|it| it.vpc_endpoint_id.as_str()));
        let owner =
            owner.or_else(|| attachment.map(|it| it.transit_gateway_attachment_id.as_str()));
        self.full(owner.unwrap_or(id.as_str()))
    }

    /// The internet, if anything leads there.
    fn internet(&self) -> Option<Area> {
        let members = self.machines(SegmentSpec::INTERNET);
        let leads = !self.all.internet_gateways.is_empty()
            || !self.all.egress_only_internet_gateways.is_empty();
        let group = Group {
            members,
            ..Group::default()
        };
        (leads || !group.members.is_empty()).then(|| Area {
            key: INTERNET.to_owned(),
            title: "the internet".to_owned(),
            groups: Some(group)
                .into_iter()
                .filter(|it| !it.members.is_empty())
                .collect(),
            ..Area::default()
        })
    }

    fn transit_gateways(&self) -> Vec<Area> {
        let ids = self.all.transit_gateways.keys();
        let mut areas: Vec<_> = ids
            .map(|id| Area {
                key: id.to_string(),
                title: self.full(id.as_str()),
                ..Area::default()
            })
            .collect();
        areas.sort_by(|a, b| a.title.cmp(&b.title));
        areas
    }

    /// Networks outside AWS, and the customer's ends of VPN connections.
    fn outside(&self) -> Option<Area> {
        let gates: Vec<_> = self.all.customer_gateways.values().collect();
        let gate = |it: &&std::sync::Arc<wirelab_model::CustomerGateway>| {
            let id = it.customer_gateway_id.as_str();
            (
                id.to_owned(),
                format!("{} {}", self.full(id), it.ip_address),
            )
        };
        let segments = self
            .plan
            .segments
            .iter()
            .filter(|it| it.name != SegmentSpec::INTERNET);
        let groups = segments.map(|segment| Group {
            title: format!("network {}", segment.name),
            notes: vec![format!("{} · MTU {}", segment.cidr, segment.mtu)],
            members: self.machines(&segment.name),
        });
        let area = Area {
            key: "outside".to_owned(),
            title: "outside AWS".to_owned(),
            gates: gates.iter().map(gate).collect(),
            groups: groups.collect(),
            ..Area::default()
        };
        (!area.groups.is_empty() || !area.gates.is_empty()).then_some(area)
    }

    /// The machines with an interface on a segment.
    fn machines(&self, segment: &str) -> Vec<Member> {
        self.plan
            .hosts
            .iter()
            .filter_map(|host| machine(host, segment))
            .collect()
    }

    fn links(&self) -> Vec<Link> {
        let all = self.all;
        let mut links: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let igws = all.internet_gateways.values();
        let igws = igws.filter_map(|it| {
            let vpc = it.vpc_id.as_ref()?;
            Some(gate(vpc.as_str(), it.internet_gateway_id.as_str()))
        });
        let eigws = all.egress_only_internet_gateways.values().map(|it| {
            gate(
                it.vpc_id.as_str(),
                it.egress_only_internet_gateway_id.as_str(),
            )
        });
        let out: Vec<_> = igws.chain(eigws).collect();
        if !out.is_empty() {
            let ends = Some(INTERNET.to_owned()).into_iter().chain(out).collect();
            links.insert("the internet".to_owned(), ends);
        }
        for (id, it) in &all.vpc_peering_connections {
            let ends = [&it.requester.vpc_id, &it.accepter.vpc_id];
            let ends = ends.map(|vpc| gate(vpc.as_str(), id.as_str())).to_vec();
            links.insert(self.full(id.as_str()), ends);
        }
        for (id, it) in &all.vpn_connections {
            let near = match (&it.vpn_gateway_id, &it.transit_gateway_id) {
                (Some(vgw), _) => {
                    let vpc = all.vpn_gateways.get(vgw).and_then(|it| it.vpc_id.as_ref());
                    vpc.map_or_else(|| vgw.to_string(), |vpc| gate(vpc.as_str(), vgw.as_str()))
                }
                (None, Some(tgw)) => tgw.to_string(),
                (None, None) => continue,
            };
            let ends = vec![near, it.customer_gateway_id.to_string()];
            links.insert(self.full(id.as_str()), ends);
        }
        for (id, it) in &all.transit_gateway_attachments {
            let far = match &it.resource {
                TransitGatewayAttachedResource::Vpc(vpc) => gate(vpc.vpc_id.as_str(), id.as_str()),
                TransitGatewayAttachedResource::Peering(it) => {
                    it.peer_transit_gateway_id.to_string()
                }
                // A VPN's own link ends at the gateway already.
                TransitGatewayAttachedResource::Vpn(_) => continue,
            };
            links.insert(
                self.full(id.as_str()),
                vec![it.transit_gateway_id.to_string(), far],
            );
        }
        let links = links.into_iter().map(|(label, ends)| Link { label, ends });
        links.collect()
    }
}

/// Key of what stands at a VPC's edge: a peering connection stands at two.
fn gate(vpc: &str, id: &str) -> String {
    format!("{vpc}/{id}")
}

/// A machine outside AWS, if it has an interface on `segment`.
fn machine(host: &HostSpec, segment: &str) -> Option<Member> {
    let Attachment::Outside {
        interfaces,
        customer_gateway,
        ..
    } = &host.attachment
    else {
        return None;
    };
    let own: Vec<_> = interfaces
        .iter()
        .filter(|it| it.segment == segment)
        .collect();
    if own.is_empty() {
        return None;
    }
    let mut notes = Vec::new();
    for it in own {
        notes.push(it.address.addr().to_string());
        notes.extend(it.ipv6_address.map(|it| it.addr().to_string()));
    }
    if customer_gateway.is_some() {
        notes.push("the customer gateway's device".to_owned());
    }
    Some(Member {
        name: host.name.to_string(),
        notes,
    })
}
