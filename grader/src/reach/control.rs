//! The controls of a VPC and the packets that each lets through.

use std::fmt;

use ipnet::IpNet;
use wirelab_model::{
    IcmpTypeCode, IpProtocol, NetworkAcl, NetworkAclEntry, NetworkAclId, NetworkInterface,
    NetworkInterfaceId, Resources, RuleAction, RulePeer, SecurityGroupRule, SubnetId,
};

use wirelab_simulator::reach::{Dimension, Interval, IpVersion, Packet, PacketSet, Ranges, Region};

/// Seen from what the control guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Towards the subnet or interface.
    Ingress,
    /// Away from it.
    Egress,
}

impl Direction {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Ingress, Self::Egress];

    /// The side that rules name: source of what comes in, destination of what goes out.
    #[must_use]
    pub const fn remote(self) -> Dimension {
        match self {
            Self::Ingress => Dimension::Source,
            Self::Egress => Dimension::Destination,
        }
    }

    /// The other side.
    #[must_use]
    pub const fn local(self) -> Dimension {
        match self {
            Self::Ingress => Dimension::Destination,
            Self::Egress => Dimension::Source,
        }
    }
}

/// `inbound`, `outbound`.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "inbound",
            Self::Egress => "outbound",
        })
    }
}

/// One place where rules decide. It is named by what it guards, not by its list or group, so that
/// a swapped list or group is the same control with other rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// One list of the network ACL of a subnet.
    NetworkAcl {
        /// The subnet.
        subnet: SubnetId,
        /// Which list.
        direction: Direction,
    },
    /// The union of the rules of an interface's security groups.
    SecurityGroups {
        /// The interface.
        interface: NetworkInterfaceId,
        /// Which rules.
        direction: Direction,
    },
}

impl Control {
    /// Every control of `resources`, in order.
    #[must_use]
    pub fn all(resources: &Resources) -> Vec<Self> {
        let lists = resources.subnets.keys().flat_map(|subnet| {
            Direction::BOTH.map(|direction| Self::NetworkAcl {
                subnet: subnet.clone(),
                direction,
            })
        });
        let guarded = resources.network_interfaces.values();
        let groups = guarded.filter(|it| !it.groups.is_empty()).flat_map(|it| {
            Direction::BOTH.map(|direction| Self::SecurityGroups {
                interface: it.network_interface_id.clone(),
                direction,
            })
        });
        lists.chain(groups).collect()
    }

    /// Which way packets pass it.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        match self {
            Self::NetworkAcl { direction, .. } | Self::SecurityGroups { direction, .. } => {
                *direction
            }
        }
    }

    /// What its rules cannot tell apart. No rule names its own side's address or a source port;
    /// a network ACL keeps no state, so it cannot tell a reply from a new flow.
    #[must_use]
    pub const fn blind_to(&self) -> &'static [Dimension] {
        match self {
            Self::NetworkAcl { direction, .. } => match direction {
                Direction::Ingress => &[
                    Dimension::Destination,
                    Dimension::SourcePort,
                    Dimension::Reply,
                ],
                Direction::Egress => &[Dimension::Source, Dimension::SourcePort, Dimension::Reply],
            },
            Self::SecurityGroups { direction, .. } => match direction {
                Direction::Ingress => &[Dimension::Destination, Dimension::SourcePort],
                Direction::Egress => &[Dimension::Source, Dimension::SourcePort],
            },
        }
    }

    /// The packets that it lets through: `None` if it does not exist in `resources`.
    ///
    /// A security group lets the replies of a tracked flow pass whatever its rules say, so they
    /// are always in its set.
    #[must_use]
    pub fn allows(&self, resources: &Resources) -> Option<PacketSet> {
        match self {
            Self::NetworkAcl { subnet, direction } => {
                let acl = acl_of_subnet(resources, subnet)?;
                Some(first_match(&entries(acl, *direction)))
            }
            Self::SecurityGroups {
                interface,
                direction,
            } => {
                let interface = resources.network_interfaces.get(interface)?;
                Some(union_of_rules(resources, interface, *direction))
            }
        }
    }

    /// The rule that lets `packet` through, as people name it.
    #[must_use]
    pub fn rule_for(&self, resources: &Resources, packet: &Packet) -> Option<String> {
        match self {
            Self::NetworkAcl { subnet, direction } => {
                let acl = acl_of_subnet(resources, subnet)?;
                let entries = entries(acl, *direction);
                let entry = entries.iter().find(|entry| matches_entry(entry, packet))?;
                Some(format!(
                    "{}: {}",
                    acl.network_acl_id,
                    super::print::entry(entry)
                ))
            }
            Self::SecurityGroups {
                interface,
                direction,
            } => {
                let interface = resources.network_interfaces.get(interface)?;
                let rule = rules(resources, interface, *direction).find(|rule| {
                    let regions = rule_regions(resources, rule);
                    regions.iter().any(|region| region.contains(packet))
                })?;
                Some(format!("{}: {}", rule.group_id, super::print::rule(rule)))
            }
        }
    }
}

/// What a control decides about single packets, rule by rule: linear in its rules, be they many.
#[derive(Clone, Debug)]
pub(crate) struct Decisions {
    /// In the order in which they are asked: what each matches, and whether it allows.
    rules: Vec<(Vec<Region>, bool)>,
    /// Replies of tracked flows pass whatever the rules say.
    tracks: bool,
}

impl Decisions {
    /// `None` if the control does not exist in `resources`.
    pub(crate) fn of(control: &Control, resources: &Resources) -> Option<Self> {
        match control {
            Control::NetworkAcl { subnet, direction } => {
                let acl = acl_of_subnet(resources, subnet)?;
                let entries = entries(acl, *direction).into_iter();
                let rules = entries.map(|entry| {
                    let allows = entry.rule_action == RuleAction::Allow;
                    (entry_regions(&entry), allows)
                });
                Some(Self {
                    rules: rules.collect(),
                    tracks: false,
                })
            }
            Control::SecurityGroups {
                interface,
                direction,
            } => {
                let interface = resources.network_interfaces.get(interface)?;
                let rules = rules(resources, interface, *direction);
                Some(Self {
                    rules: rules
                        .map(|it| (rule_regions(resources, it), true))
                        .collect(),
                    tracks: true,
                })
            }
        }
    }

    /// Whether a packet gets through.
    pub(crate) fn passes(&self, packet: &Packet) -> bool {
        let matches =
            |(regions, _): &&(Vec<Region>, bool)| regions.iter().any(|it| it.contains(packet));
        let decides = self.rules.iter().find(matches);
        decides.is_some_and(|(_, allows)| *allows) || (self.tracks && packet.reply)
    }

    /// What the rules that allow match.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = &Region> {
        let allowing = self.rules.iter().filter(|(_, allows)| *allows);
        allowing.flat_map(|(regions, _)| regions)
    }
}

/// The network ACL that guards a subnet.
pub(super) fn acl_of_subnet<'a>(
    resources: &'a Resources,
    subnet: &SubnetId,
) -> Option<&'a NetworkAcl> {
    let guards = |acl: &NetworkAcl| acl.associations.iter().any(|it| it.subnet_id == *subnet);
    let lists = resources.network_acls.values();
    lists.map(AsRef::as_ref).find(|acl| guards(acl))
}

/// The id of that list.
pub(super) fn acl_id(resources: &Resources, subnet: &SubnetId) -> Option<NetworkAclId> {
    acl_of_subnet(resources, subnet).map(|acl| acl.network_acl_id.clone())
}

/// One list in the order of evaluation.
fn entries(acl: &NetworkAcl, direction: Direction) -> Vec<NetworkAclEntry> {
    let egress = direction == Direction::Egress;
    let list = acl.entries.iter().filter(|entry| entry.egress == egress);
    let mut list: Vec<_> = list.cloned().collect();
    list.sort_by_key(|entry| entry.rule_number);
    list
}

/// Walks the list: each entry takes what is left of its match; what no entry takes is denied.
fn first_match(entries: &[NetworkAclEntry]) -> PacketSet {
    let mut undecided = PacketSet::all();
    let mut allowed = PacketSet::empty();
    for entry in entries {
        for region in entry_regions(entry) {
            if entry.rule_action == RuleAction::Allow {
                for hit in undecided.regions().to_vec() {
                    hit.intersect(&region)
                        .into_iter()
                        .for_each(|it| allowed.insert(it));
                }
            }
            undecided.remove(&region);
        }
    }
    allowed
}

fn matches_entry(entry: &NetworkAclEntry, packet: &Packet) -> bool {
    let regions = entry_regions(entry);
    regions.iter().any(|region| region.contains(packet))
}

/// What an entry matches, whatever it then does.
fn entry_regions(entry: &NetworkAclEntry) -> Vec<Region> {
    let direction = if entry.egress {
        Direction::Egress
    } else {
        Direction::Ingress
    };
    let shape = Shape {
        version: IpVersion::of(&entry.cidr_block),
        peers: entry.cidr_block.into(),
        direction,
        protocol: entry.protocol,
        ports: entry.port_range.map(Interval::from),
        icmp: entry.icmp_type_code,
    };
    shape.regions()
}

/// The rules of one direction of all groups of an interface.
fn rules<'a>(
    resources: &'a Resources,
    interface: &'a NetworkInterface,
    direction: Direction,
) -> impl Iterator<Item = &'a SecurityGroupRule> {
    let groups = interface.groups.iter();
    groups
        .filter_map(|id| resources.security_groups.get(id))
        .flat_map(|group| &group.rules)
        .filter(move |rule| rule.is_egress == (direction == Direction::Egress))
}

fn union_of_rules(
    resources: &Resources,
    interface: &NetworkInterface,
    direction: Direction,
) -> PacketSet {
    let mut allowed = replies();
    for rule in rules(resources, interface, direction) {
        for region in rule_regions(resources, rule) {
            allowed.insert(region);
        }
    }
    allowed
}

/// The replies of tracked flows, which pass without any rule.
pub(super) fn replies() -> PacketSet {
    let mut replies = PacketSet::empty();
    for region in PacketSet::all().regions() {
        let region = region.clone().with(Dimension::Reply, Interval::single(1));
        region.into_iter().for_each(|it| replies.insert(it));
    }
    replies
}

/// New flows that a rule admits.
fn rule_regions(resources: &Resources, rule: &SecurityGroupRule) -> Vec<Region> {
    let peers = match &rule.peer {
        RulePeer::Cidr(cidr) => vec![*cidr],
        RulePeer::Group(group) => members(resources, group.as_str()),
        RulePeer::PrefixList(list) => {
            let list = resources.managed_prefix_lists.get(list);
            list.map_or_else(Vec::new, |it| it.blocks().collect())
        }
    };
    let new = Interval::single(0);
    IpVersion::BOTH
        .into_iter()
        .flat_map(|version| {
            // All of them are one side of a box, be they thousands.
            let peers = peers.iter().filter(|peer| IpVersion::of(peer) == version);
            let peers = Ranges::of(peers.map(|peer| Interval::from(*peer)));
            rule_shape(rule, version, peers).regions()
        })
        .filter_map(|region| region.with(Dimension::Reply, new))
        .collect()
}

/// Private addresses of the interfaces that carry a group.
fn members(resources: &Resources, group: &str) -> Vec<IpNet> {
    let carries = |it: &NetworkInterface| it.groups.iter().any(|id| id.as_str() == group);
    let interfaces = resources.network_interfaces.values();
    interfaces
        .filter(|it| carries(it))
        .flat_map(|it| {
            let v4 = it.private_ip_addresses.iter();
            let v4 =
                v4.map(|address| IpNet::from(std::net::IpAddr::V4(address.private_ip_address)));
            let v6 = it.ipv6_addresses.iter();
            v4.chain(v6.map(|address| IpNet::from(std::net::IpAddr::V6(*address))))
        })
        .collect()
}

fn rule_shape(rule: &SecurityGroupRule, version: IpVersion, peers: Ranges) -> Shape {
    let any = |value: i32| i16::try_from(value).unwrap_or(-1);
    let is_icmp = matches!(rule.ip_protocol, IpProtocol::ICMP | IpProtocol::ICMPV6);
    Shape {
        version,
        peers,
        direction: if rule.is_egress {
            Direction::Egress
        } else {
            Direction::Ingress
        },
        protocol: rule.ip_protocol,
        ports: rule.ports().map(Interval::from),
        icmp: is_icmp.then(|| IcmpTypeCode {
            icmp_type: any(rule.from_port),
            code: any(rule.to_port),
        }),
    }
}

/// What network ACL entries and security group rules have in common.
struct Shape {
    version: IpVersion,
    peers: Ranges,
    direction: Direction,
    protocol: IpProtocol,
    ports: Option<Interval>,
    icmp: Option<IcmpTypeCode>,
}

impl Shape {
    fn regions(&self) -> Vec<Region> {
        let regions = Region::rule_protocol(self.version, self.protocol).into_iter();
        regions
            .filter_map(|region| region.with(self.direction.remote(), self.peers.clone()))
            .filter_map(|region| self.narrow(region))
            .collect()
    }

    /// Ports count for TCP and UDP alone, type and code for ICMP alone; `-1` and any other
    /// protocol ignore both (`facts.md` 2.2: API CreateNetworkAclEntry).
    fn narrow(&self, region: Region) -> Option<Region> {
        match self.protocol {
            IpProtocol::TCP | IpProtocol::UDP => match self.ports {
                Some(ports) => region.with(Dimension::DestinationPort, ports),
                None => Some(region),
            },
            IpProtocol::ICMP | IpProtocol::ICMPV6 => {
                let Some(icmp) = self.icmp else {
                    return Some(region);
                };
                let one =
                    |value: i16| u128::try_from(value).map_or(Interval::OCTET, Interval::single);
                region
                    .with(Dimension::SourcePort, one(icmp.icmp_type))?
                    .with(Dimension::DestinationPort, one(icmp.code))
            }
            _ => Some(region),
        }
    }
}
