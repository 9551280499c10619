//! The reachable set of a whole network.

use std::collections::BTreeMap;
use std::net::IpAddr;

use wirelab_model::{CustomerGatewayId, NetworkInterfaceId, VpcEndpointId, VpcId};

use super::fields::Rules;
use super::fire::{Fields, Fired, Range, Start};
use super::outside::{Addresses, Outside};
use super::ranges::{Interval, IpVersion, Ranges, address_number};
use super::region::{Dimension, Packet, Region};
use super::set::PacketSet;
use super::space::{self, Cell};
use crate::fabric::{InterfaceIndex, Owner, Plan};
use crate::world::World;

/// Where flows begin and end. In a VPC the address tells the interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The interfaces of a VPC.
    Vpc(VpcId),
    /// Any public address that is not the world's own: no interface has it, and it lies in no VPC.
    /// As destinations AWS's own public services are there too.
    Internet,
    /// The customer's end of a VPN connection and what is behind it: the LANs of the device that
    /// plays it and what it has routes for there, or all that is outside if it has none.
    CustomerGateway(CustomerGatewayId),
    /// The service of AWS's behind an endpoint.
    VpcEndpoint(VpcEndpointId),
}

/// What gets from one end to another. Packets are those that open flows, as their sender addresses
/// them: TCP's SYN, a datagram, an ICMP message. Of machines that are alike a box holds every pair,
/// each with itself, too, although that never crosses the network.
#[derive(Clone, Debug, Default)]
pub struct Flows {
    /// What arrives.
    pub delivered: PacketSet,
    /// The part of it whose answers get back, or that asks for none.
    pub answered: PacketSet,
}

/// Everything that can get anywhere in a network, on which nothing happens yet: no connection is
/// tracked, no port is translated.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    flows: BTreeMap<(End, End), Flows>,
    outside: Outside,
}

/// The reachable set of the world's resources as they are now.
///
/// Packets are small and their TTL suffices. Interfaces send from their own addresses; a machine
/// that forwards takes part as it is. What a machine does with what it gets (programs, a firewall
/// of its own) is not asked. A choice by the hash of a flow (appliance mode) is made for one flow
/// of each cell; of the ports that a NAT gateway draws, one that lets the answer back suffices.
/// Resolver, metadata and time are not in the set: nothing filters them (`facts.md` 2.1).
#[must_use]
pub fn reach(world: &World) -> Reach {
    let topology = &world.topology;
    let mut cells = space::cells(&topology.resources, &topology.plan);
    cells.retain(|it| space::is_routed(it.sample()));
    let outside = Outside::new(world);
    let mut survey = Survey {
        rules: Rules::new(&topology.resources),
        range: Range::new(world),
        found: BTreeMap::new(),
    };
    for client in clients(world, &cells, &outside) {
        for server in &cells {
            survey.pair(&client, server);
        }
    }
    let flows = survey.found.into_iter().map(|(ends, found)| {
        let set = |answered: bool| {
            let regions = found.iter().filter(|(_, its)| *its || !answered);
            PacketSet::of_disjoint(regions.map(|(region, _)| region.clone()).collect()).coalesce()
        };
        let flows = Flows {
            delivered: set(false),
            answered: set(true),
        };
        (ends, flows)
    });
    Reach {
        flows: flows.collect(),
        outside,
    }
}

/// Who opens flows: interfaces, strangers, customers, each with addresses that are alike.
struct Client {
    end: End,
    version: IpVersion,
    addresses: Ranges,
    /// Places to send from and a source address at each; the second where the first is the
    /// destination.
    starts: Vec<(Start, IpAddr)>,
}

fn clients(world: &World, cells: &[Cell], outside: &Outside) -> Vec<Client> {
    let plan = &world.topology.plan;
    let mut clients = Vec::new();
    for cell in cells {
        let mut of_vpc: BTreeMap<VpcId, Vec<(Start, IpAddr)>> = BTreeMap::new();
        for (index, address) in owners_by_vpc(plan, cell) {
            let vpc = plan.vpc(plan.interface(index).vpc).id.clone();
            let starts = of_vpc.entry(vpc).or_default();
            if starts.len() < 2 {
                starts.push((Start::Interface(index), address));
            }
        }
        clients.extend(of_vpc.into_iter().map(|(vpc, starts)| Client {
            end: End::Vpc(vpc),
            version: cell.version,
            addresses: cell.addresses.clone(),
            starts,
        }));
        let stranger = |end, start, whose: &Ranges| {
            let addresses = cell.addresses.intersect(whose);
            let sample = cell.version.address(addresses.first()?);
            Some(Client {
                end,
                version: cell.version,
                starts: vec![(start, sample)],
                addresses,
            })
        };
        let strangers = outside.strangers(cell.version);
        clients.extend(stranger(End::Internet, Start::Internet, strangers));
        for (id, port) in world.sites.customer_gateways() {
            let start = Start::Tunnel(id.clone(), port);
            let end = End::CustomerGateway(id.clone());
            let senders = outside.senders(id, cell.version);
            clients.extend(stranger(end, start, senders));
        }
    }
    clients
}

/// Machines' interfaces with private addresses in the cell.
fn owners_by_vpc<'p>(
    plan: &'p Plan,
    cell: &'p Cell,
) -> impl Iterator<Item = (InterfaceIndex, IpAddr)> + 'p {
    let owners = cell.owners.iter().copied();
    owners.filter(|(index, _)| {
        let owner = &plan.interface(*index).owner;
        matches!(owner, Owner::Instance { running: true, .. })
    })
}

struct Survey<'w> {
    rules: Rules,
    range: Range<'w>,
    /// Disjoint boxes, and whether answers get back.
    found: BTreeMap<(End, End), Vec<(Region, bool)>>,
}

/// A machine and its own public address. What it sends there comes back to it, and a packet
/// without ports looks like the answer to itself: no other pair is like this one.
struct Own {
    start: Start,
    private: IpAddr,
    public: IpAddr,
}

impl Own {
    fn of(&self, fields: Fields) -> Fields {
        Fields {
            source: self.private,
            destination: self.public,
            ..fields
        }
    }
}

/// One protocol with its fields cut in pieces.
struct Pieces {
    protocols: Ranges,
    firsts: Vec<Ranges>,
    seconds: Vec<Ranges>,
}

impl Survey<'_> {
    /// Everything from one kind of client to one kind of server.
    fn pair(&mut self, client: &Client, server: &Cell) {
        let is_outside = !server.is_owned || server.is_service;
        let strangers = client.end == End::Internet && is_outside;
        if client.version != server.version || strangers {
            return;
        }
        let Some((start, mut fields)) = self.range.probe(&client.starts, &server.samples()) else {
            return;
        };
        let Some((there, back)) = self.range.survey(&start, &fields, &self.rules) else {
            return;
        };
        let version = client.version;
        let to = there
            .ports()
            .into_iter()
            .map(Ranges::from)
            .collect::<Vec<_>>();
        let from = back
            .ports()
            .into_iter()
            .map(Ranges::from)
            .collect::<Vec<_>>();
        let none = || vec![Ranges::single(0)];
        let piece = |number: u8, firsts: &[Ranges], seconds: &[Ranges]| Pieces {
            protocols: Ranges::single(number.into()),
            firsts: firsts.to_vec(),
            seconds: seconds.to_vec(),
        };
        let mut all = vec![
            piece(6, &from, &to),
            piece(17, &from, &to),
            piece(version.icmp(), &there.types(version), &there.codes()),
        ];
        all.extend(
            there
                .other_protocols(version)
                .into_iter()
                .map(|protocols| Pieces {
                    protocols,
                    firsts: none(),
                    seconds: none(),
                }),
        );
        let own = self.own_public(client, server);
        for pieces in all {
            fields.protocol = number(&pieces.protocols) as u8;
            self.fire_all(client, server, (&start, &own), fields, &pieces);
        }
    }

    /// The clients that have public addresses among the server's, if there are other pairs, too.
    fn own_public(&self, client: &Client, server: &Cell) -> Vec<Own> {
        let is_pair = client.addresses.count() > 1 || server.addresses.count() > 1;
        if !is_pair || !matches!(client.end, End::Vpc(_)) {
            return Vec::new();
        }
        let interfaces = self.range.public_addresses();
        let own = interfaces.filter(|(_, private, public)| {
            client.addresses.contains(address_number(*private))
                && server.addresses.contains(address_number(*public))
        });
        let own = own.map(|(interface, private, public)| Own {
            start: Start::Interface(interface),
            private,
            public,
        });
        own.collect()
    }

    fn fire_all(
        &mut self,
        client: &Client,
        server: &Cell,
        (start, own): (&Start, &[Own]),
        mut fields: Fields,
        pieces: &Pieces,
    ) {
        for second in &pieces.seconds {
            for first in &pieces.firsts {
                fields.second = number(second);
                fields.first = source_number(first, fields.second);
                let fired = self.range.fire(start, &fields);
                // All who send to themselves are alike.
                let to_itself = own
                    .first()
                    .map(|it| self.range.fire(&it.start, &it.of(fields)));
                let is_other = to_itself.as_ref().is_some_and(|it| *it != fired);
                // Only ICMP's rules look at the first field of what opens a flow.
                if fired.is_none() && !is_other && matches!(fields.protocol, 6 | 17) {
                    break;
                }
                let sides = [
                    (Dimension::Source, &client.addresses),
                    (Dimension::Destination, &server.addresses),
                    (Dimension::SourcePort, first),
                    (Dimension::DestinationPort, second),
                ];
                let new = Ranges::single(0);
                let whole = Region::protocol(client.version, &pieces.protocols);
                let region = whole.into_iter().next().and_then(|region| {
                    let region = region.with(Dimension::Reply, new)?;
                    let mut sides = sides.into_iter();
                    sides.try_fold(region, |region, (side, its)| region.with(side, its.clone()))
                });
                let Some(region) = region else { continue };
                let (others, themselves) = if is_other {
                    apart(region, own)
                } else {
                    (vec![region], Vec::new())
                };
                self.keep(client, fired, others);
                self.keep(client, to_itself.flatten(), themselves);
            }
        }
    }

    fn keep(&mut self, client: &Client, fired: Option<Fired>, regions: Vec<Region>) {
        if let Some(fired) = fired {
            let ends = (client.end.clone(), fired.end);
            let found = self.found.entry(ends).or_default();
            found.extend(regions.into_iter().map(|it| (it, fired.answered)));
        }
    }
}

/// The region without those who send to themselves, and what they send.
fn apart(region: Region, own: &[Own]) -> (Vec<Region>, Vec<Region>) {
    let mut others = vec![region.clone()];
    let mut themselves = Vec::new();
    for own in own {
        let [private, public] = [own.private, own.public].map(address_number);
        let region = region
            .clone()
            .with(Dimension::Source, Interval::single(private));
        let region =
            region.and_then(|it| it.with(Dimension::Destination, Interval::single(public)));
        if let Some(region) = region {
            others = others.iter().flat_map(|it| it.subtract(&region)).collect();
            themselves.push(region);
        }
    }
    (others, themselves)
}

/// One number of a piece: its last, so that ports are such as clients use.
fn number(piece: &Ranges) -> u16 {
    let last = piece.intervals().last().map_or(0, |it| it.high);
    u16::try_from(last).unwrap_or(u16::MAX)
}

/// A source port that is not the destination port, if the piece has another: from a machine to its
/// own public address, equal ports make a SYN look like the answer to itself.
fn source_number(piece: &Ranges, destination: u16) -> u16 {
    let last = number(piece);
    let starts_lower = piece.first().is_some_and(|first| first < u128::from(last));
    if last == destination && starts_lower && last > 0 {
        let lower = piece.clone().subtract(&Ranges::single(last.into()));
        return number(&lower);
    }
    last
}

impl Reach {
    /// Every pair of ends between which something gets through.
    pub fn flows(&self) -> impl Iterator<Item = (&End, &End, &Flows)> {
        self.flows.iter().map(|((from, to), it)| (from, to, it))
    }

    /// What gets from one end to another; `None` if nothing does.
    #[must_use]
    pub fn between(&self, from: &End, to: &End) -> Option<&Flows> {
        self.flows.get(&(from.clone(), to.clone()))
    }

    /// Whether a packet that opens a flow would arrive, and its answer get back. What a machine
    /// sends to the address it sends from never crosses the network.
    #[must_use]
    pub fn works(&self, from: &End, packet: &Packet) -> bool {
        let mut flows = self.flows.iter().filter(|((its, _), _)| its == from);
        let crosses = packet.source != packet.destination;
        crosses && flows.any(|(_, flows)| flows.answered.contains(packet))
    }

    /// Whether a packet that opens a flow would arrive.
    #[must_use]
    pub fn delivers(&self, from: &End, packet: &Packet) -> bool {
        let mut flows = self.flows.iter().filter(|((its, _), _)| its == from);
        let crosses = packet.source != packet.destination;
        crosses && flows.any(|(_, flows)| flows.delivered.contains(packet))
    }

    /// The addresses that are at an end outside: those of strangers, and of the site behind a
    /// customer gateway, if its device has LANs. `None` of other ends.
    #[must_use]
    pub fn site(&self, end: &End, version: IpVersion) -> Option<&Ranges> {
        match end {
            End::CustomerGateway(id) => self.outside.site(id, version),
            End::Internet => Some(self.outside.strangers(version)),
            End::Vpc(_) | End::VpcEndpoint(_) => None,
        }
    }

    /// What gets through here and not in `other`, between the same addresses.
    ///
    /// An address that is outside here and the network's own in `other` has changed its owner; what
    /// it could do as a stranger's is not compared with anything, and not told. So a machine that
    /// takes an address is new, and nothing is gone by it. A public address that has moved to
    /// another VPC is the same address.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let taken_sources = other.outside.inside.subtract(&self.outside.inside);
        let taken = other.outside.interfaces.subtract(&self.outside.interfaces);
        let flows = self.flows.iter().filter_map(|((from, to), flows)| {
            let left = |pick: fn(&Flows) -> &PacketSet| {
                let mut left = pick(flows).clone();
                for (its, theirs) in other.flows.iter().filter(|((its, _), _)| its == from) {
                    let theirs = pick(theirs);
                    match (&its.1, to) {
                        (there, here) if there == here => left = left.subtract(theirs),
                        (End::Vpc(_), End::Vpc(_)) => left = left.subtract(&to_public(theirs)),
                        _ => {}
                    }
                }
                if !matches!(from, End::Vpc(_)) {
                    left = without(&left, Dimension::Source, &taken_sources);
                }
                if !matches!(to, End::Vpc(_)) {
                    left = without(&left, Dimension::Destination, &taken);
                }
                left.coalesce()
            };
            let left = Flows {
                delivered: left(|it| &it.delivered),
                answered: left(|it| &it.answered),
            };
            let is_empty = left.delivered.is_empty() && left.answered.is_empty();
            (!is_empty).then(|| ((from.clone(), to.clone()), left))
        });
        Self {
            flows: flows.collect(),
            outside: self.outside.clone(),
        }
    }

    /// How many packets arrive, saturating.
    #[must_use]
    pub fn count(&self) -> u128 {
        let counts = self.flows.values().map(|it| it.delivered.count());
        counts.fold(0, u128::saturating_add)
    }

    /// Whether nothing gets anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }
}

/// The part of a set without some addresses on one side.
fn without(set: &PacketSet, side: Dimension, addresses: &Addresses) -> PacketSet {
    let kept = set.regions().iter().filter_map(|region| {
        let left = (region.side(side)).subtract(addresses.of_version(region.version));
        region.clone().with(side, left)
    });
    PacketSet::of_disjoint(kept.collect())
}

/// The part of a set whose destinations are public addresses.
fn to_public(set: &PacketSet) -> PacketSet {
    let public = |region: &&Region| {
        let first = region.side(Dimension::Destination).first();
        first.is_some_and(|it| space::is_public(region.version.address(it)))
    };
    let regions = set.regions().iter().filter(public);
    PacketSet::of_disjoint(regions.cloned().collect())
}

impl World {
    /// The interface with an address in a VPC, private or public, and the VPC.
    #[must_use]
    pub fn owner_of(&self, vpc: &VpcId, address: IpAddr) -> Option<&NetworkInterfaceId> {
        let plan = &self.topology.plan;
        let has = |nic: &crate::fabric::PlanInterface| {
            let public = nic.public.iter().any(|(_, public)| *public == address);
            plan.vpc(nic.vpc).id == *vpc && (public || nic.owns(address))
        };
        let mut all = plan.live_interfaces();
        all.find(|(_, nic)| has(nic)).map(|(_, nic)| &nic.id)
    }
}
