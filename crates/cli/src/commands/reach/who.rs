//! Who has which address, and what the ends of flows are called.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use wirelab_model::{IpNet, VpcId};
use wirelab_session::{Run, Session};
use wirelab_simulator::reach::{
    Dimension, End, Interval, IpVersion, PacketSet, Ranges, Reach, Region, address_number,
    is_public,
};

use super::label::{Kind, Label, blocks};
use super::table::Flow;
use crate::failure::Failure;
use crate::hosts;

/// In no more addresses of the internet than this are its machines told apart.
const MOST_APART: u128 = 1024;
/// No more machines outside stand in one cell by their names.
const MOST_NAMED: u128 = 4;

/// Where an address is: in a VPC, or outside. Two VPCs may have the same addresses.
type Place = Option<VpcId>;

/// Addresses that are meant by one side; none instead of a place: wherever they are.
type Block = (Option<Place>, IpVersion, Interval);

/// One side of the question.
pub(super) enum Side {
    Anybody,
    Internet,
    /// A customer gateway or an endpoint, and what is behind it, by id.
    Behind(String),
    /// These addresses.
    In(Vec<Block>),
}

impl Side {
    fn anywhere(block: IpNet) -> Self {
        Self::In(vec![(None, IpVersion::of(&block), block.into())])
    }

    fn at(blocks: impl IntoIterator<Item = (Place, IpNet)>) -> Self {
        let blocks = blocks.into_iter();
        let blocks = blocks.map(|(at, it)| (Some(at), IpVersion::of(&it), it.into()));
        Self::In(blocks.collect())
    }

    /// The one public address that was asked about, if it is on the internet and no machine has it.
    pub(super) fn stranger(&self, who: &Who, run: &Run) -> Option<IpAddr> {
        let Self::In(blocks) = self else { return None };
        let [(_, version, block)] = blocks[..] else {
            return None;
        };
        let address = version.address(block.low);
        let is_one = block.low == block.high && is_public(address);
        let is_free = !who.names.keys().any(|(_, it)| *it == address);
        let is_free = is_free && run.world().vpc_of_address(address).is_none();
        (is_one && is_free).then_some(address)
    }
}

/// Who has which address.
pub(super) struct Who {
    names: BTreeMap<(Place, IpAddr), String>,
    /// Public addresses of interfaces, which a gateway translates.
    public: BTreeSet<IpAddr>,
    /// Everything at an interface, public addresses too, by its id.
    interfaces: BTreeMap<String, Vec<(Place, IpAddr)>>,
    subnets: Vec<(VpcId, IpNet, String)>,
    /// Id and name.
    gateways: BTreeMap<String, String>,
}

impl Who {
    /// Whoever is there in a run.
    pub(super) fn new(run: &Run) -> Self {
        let names = run.names();
        let short = |id: &str| names.short(id).unwrap_or(id).to_owned();
        let resources = run.world().resources();
        let mut who = Self {
            names: BTreeMap::new(),
            public: BTreeSet::new(),
            interfaces: BTreeMap::new(),
            subnets: Vec::new(),
            gateways: BTreeMap::new(),
        };
        for nic in resources.network_interfaces.values() {
            let instance = nic.attachment.as_ref();
            let instance = instance.and_then(|it| it.instance_id.as_ref());
            let id = nic.network_interface_id.as_str();
            let name = short(instance.map_or(id, |it| it.as_str()));
            let private = nic.private_ip_addresses.iter();
            let public = private.clone().filter_map(|it| it.association.as_ref());
            who.public
                .extend(public.clone().map(|it| IpAddr::from(it.public_ip)));
            let own = private.map(|it| it.private_ip_address);
            let own = own.chain(public.map(|it| it.public_ip)).map(IpAddr::from);
            let own = own.chain(nic.ipv6_addresses.iter().copied().map(IpAddr::from));
            let own = own.map(|it| (Some(nic.vpc_id.clone()), it));
            let own: Vec<(Place, IpAddr)> = own.collect();
            who.names
                .extend(own.iter().map(|it| (it.clone(), name.clone())));
            who.interfaces.insert(id.to_owned(), own);
        }
        for it in hosts::interfaces(run) {
            if it.network_interface_id.is_none() {
                let own = addresses(&it).map(|address| ((None, address), it.host.clone()));
                who.names.extend(own);
            }
        }
        for it in resources.subnets.values() {
            let name = format!("subnet.{}", short(it.subnet_id.as_str()));
            let v6 = it.ipv6_cidr_block.map(IpNet::V6);
            let blocks = std::iter::once(IpNet::V4(it.cidr_block)).chain(v6);
            let own = blocks.map(|block| (it.vpc_id.clone(), block, name.clone()));
            who.subnets.extend(own);
        }
        let gateways = resources.customer_gateways.keys().map(|id| id.as_str());
        let endpoints = resources.vpc_endpoints.keys().map(|id| id.as_str());
        let gateways = gateways.chain(endpoints);
        who.gateways = gateways.map(|id| (id.to_owned(), short(id))).collect();
        who
    }

    /// Whom a word of the command line, or of a table, means.
    pub(super) fn find(&self, session: &Session, text: &str) -> Result<Side, Failure> {
        match text {
            "any" => return Ok(Side::Anybody),
            "internet" => return Ok(Side::Internet),
            _ => {}
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Side::anywhere(IpNet::from(address)));
        }
        if let Ok(block) = text.parse::<IpNet>() {
            return Ok(Side::anywhere(block));
        }
        let bare = ["instance.", "host.", "network_interface.", "nat_gateway."];
        let bare = bare.into_iter().find_map(|kind| text.strip_prefix(kind));
        let bare = bare.unwrap_or(text);
        let found = hosts::find(session, bare);
        let own = found.iter().flatten().flat_map(|it| self.at(it));
        let interface = self.interfaces.get(bare).into_iter().flatten().cloned();
        let called = self.names.iter().filter(|(_, name)| *name == bare);
        let all: BTreeSet<_> = own
            .chain(interface)
            .chain(called.map(|(at, _)| at.clone()))
            .collect();
        if !all.is_empty() {
            return Ok(Side::at(all.into_iter().map(|(at, it)| (at, it.into()))));
        }
        let subnet = text.strip_prefix("subnet.").unwrap_or(text);
        let blocks = self
            .subnets
            .iter()
            .filter(|(.., name)| name[7..] == *subnet);
        let blocks = blocks.map(|(vpc, block, _)| (Some(vpc.clone()), *block));
        let blocks: Vec<_> = blocks.collect();
        if !blocks.is_empty() {
            return Ok(Side::at(blocks));
        }
        let kinds = ["customer_gateway.", "vpc_endpoint."];
        let gateway = kinds.into_iter().find_map(|kind| text.strip_prefix(kind));
        let gateway = gateway.unwrap_or(text);
        let mut gateways = self.gateways.iter();
        match gateways.find(|(id, name)| *name == gateway || *id == gateway) {
            Some((id, _)) => Ok(Side::Behind(id.clone())),
            None => Err(self.nobody(session, text)),
        }
    }

    /// Everything at an interface of a machine.
    fn at(&self, interface: &hosts::Interface) -> Vec<(Place, IpAddr)> {
        let id = interface.network_interface_id.as_ref();
        match id.and_then(|id| self.interfaces.get(id)) {
            Some(all) => all.clone(),
            None => addresses(interface).map(|it| (None, it)).collect(),
        }
    }

    fn nobody(&self, session: &Session, text: &str) -> Failure {
        let subnets = self.subnets.iter().map(|(.., name)| name.clone());
        let mut others: Vec<_> = subnets.chain(self.gateways.values().cloned()).collect();
        others.sort_unstable();
        others.dedup();
        hosts::unknown::host(session, text).hint(format!(
            "or an address, a block, `internet`, `any`, {}",
            others.join(", ")
        ))
    }

    /// What works first, then what arrives and cannot be answered. `reach` is all of `world` or a
    /// part.
    pub(super) fn flows(
        &self,
        (reach, world): (&Reach, &Reach),
        ends: &[Side; 2],
        change: &'static str,
    ) -> Vec<Flow> {
        let mut flows = Vec::new();
        let wholes = [Dimension::Source, Dimension::Destination].map(|side| wholes(world, side));
        for (from, to, found) in reach.flows() {
            let silent = found.delivered.clone().subtract(&found.answered).coalesce();
            for (set, answered) in [(&found.answered, true), (&silent, false)] {
                let set = narrow(set, Dimension::Source, from, &ends[0]);
                let set = narrow(&set, Dimension::Destination, to, &ends[1]);
                let senders = set.regions().iter().flat_map(|region| {
                    self.parts((from, &wholes[0][from]), region, Dimension::Source)
                });
                for sender in senders {
                    let (at, to) = (place(to), (to, &wholes[1][to]));
                    for receiver in self.parts(to, &sender.region, Dimension::Destination) {
                        let mut label = receiver.label;
                        if label.kind == Kind::Machine && label == sender.label {
                            // It never crosses the network.
                            continue;
                        }
                        let is_machine = matches!(label.kind, Kind::Machine | Kind::PublicAddress);
                        if *from == End::Internet && is_machine {
                            // There is no other way to it.
                            let name = &receiver.name;
                            label = self.machine(&at, name, Kind::Machine, is_public);
                        }
                        let mut name = receiver.name;
                        if sender.name == name && self.is_own_public(&at, &receiver.region) {
                            name += " (public address)";
                        }
                        flows.push(Flow {
                            change,
                            from: sender.name.clone(),
                            to: name,
                            labels: [sender.label.clone(), label],
                            region: receiver.region,
                            answered,
                        });
                    }
                }
            }
        }
        flows
    }

    /// The region by those who have the addresses of one side, and what is nobody's.
    fn parts(&self, (end, whole): (&End, &Whole), region: &Region, side: Dimension) -> Vec<Part> {
        let version = region.version;
        let mut rest = region.side(side).clone();
        let mut parts = Vec::new();
        let mut part = |addresses: Ranges, name: String, label: Label| {
            let region = region.clone().with(side, addresses);
            parts.extend(region.map(|region| Part {
                name,
                label,
                region,
            }));
        };
        if let Some(id) = behind(end) {
            let name = self.gateways.get(id).map_or(id, String::as_str).to_owned();
            let label = Label {
                name: name.clone(),
                kind: Kind::Behind,
                whole: whole.clone(),
            };
            part(rest, name, label);
            return parts;
        }
        let at = place(end);
        let is_many = *end == End::Internet && rest.count() > MOST_APART;
        let mut by_name: BTreeMap<(&str, bool), Vec<Interval>> = BTreeMap::new();
        let here = self
            .names
            .iter()
            .filter(|((its, _), _)| *its == at && !is_many);
        for ((_, address), name) in here {
            let number = address_number(*address);
            let is_here = IpVersion::of_address(*address) == version;
            if is_here && rest.contains(number) {
                let key = (name.as_str(), self.public.contains(address));
                by_name
                    .entry(key)
                    .or_default()
                    .push(Interval::single(number));
            }
        }
        let is_known = |it: IpAddr| self.public.contains(&it);
        for ((name, is_public), own) in by_name {
            let own = Ranges::of(own);
            rest = rest.subtract(&own);
            let label = match (end, is_public) {
                (End::Internet, _) => internet_label(whole),
                (_, true) => self.machine(&at, name, Kind::PublicAddress, is_known),
                (_, false) => self.machine(&at, name, Kind::Machine, |it| !is_known(it)),
            };
            part(own, name.to_owned(), label);
        }
        if !rest.is_empty() {
            let is_internet = *end == End::Internet;
            let free = self.free(end, version, &rest);
            let (name, label) = if is_internet {
                (internet(version, &rest), internet_label(whole))
            } else {
                let label = Label {
                    name: free.clone(),
                    kind: Kind::Free,
                    whole: IpVersion::BOTH.map(|_| Ranges::of([])),
                };
                (free, label)
            };
            part(rest, name, label);
        }
        parts
    }

    /// A machine by some of its addresses.
    fn machine(
        &self,
        at: &Place,
        name: &str,
        kind: Kind,
        is_meant: impl Fn(IpAddr) -> bool,
    ) -> Label {
        let all = self.names.iter();
        let own = all.filter(|((place, _), its)| place == at && its.as_str() == name);
        let own = own.map(|((_, address), _)| *address);
        let own: Vec<IpAddr> = own.filter(|it| is_meant(*it)).collect();
        Label {
            name: name.to_owned(),
            kind,
            whole: IpVersion::BOTH.map(|version| {
                let own = own.iter().copied();
                let own = own.filter(|it| IpVersion::of_address(*it) == version);
                Ranges::of(own.map(|it| Interval::single(address_number(it))))
            }),
        }
    }

    /// The machines that have these addresses, if machines have them all.
    pub(super) fn machines(&self, version: IpVersion, addresses: &Ranges) -> Option<String> {
        if addresses.count() > MOST_NAMED {
            return None;
        }
        let numbers = addresses.intervals().iter().flat_map(|it| it.low..=it.high);
        let names = numbers.map(|it| {
            let outside = (None, version.address(it));
            self.names.get(&outside).map(String::as_str)
        });
        let names: Option<BTreeSet<&str>> = names.collect();
        Some(names?.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// Whether the destination is public addresses of one machine, which reaches itself by them.
    fn is_own_public(&self, at: &Place, region: &Region) -> bool {
        let side = region.side(Dimension::Destination);
        let first = side.first().map(|it| region.version.address(it));
        first.is_some_and(|it| is_public(it) && self.names.contains_key(&(at.clone(), it)))
    }

    /// Addresses that nobody has: by their subnets, if they lie in some.
    fn free(&self, end: &End, version: IpVersion, ranges: &Ranges) -> String {
        let at = place(end);
        let holds = |vpc: &VpcId, block: &IpNet| {
            at.as_ref() == Some(vpc)
                && IpVersion::of(block) == version
                && !Ranges::from(*block).intersect(ranges).is_empty()
        };
        let within = self
            .subnets
            .iter()
            .filter(|(vpc, block, _)| holds(vpc, block));
        let mut names: Vec<&str> = within.map(|(.., name)| name.as_str()).collect();
        names.dedup();
        match names[..] {
            [one] => format!("{one}, nobody yet"),
            _ => blocks(version, ranges),
        }
    }
}

fn addresses(interface: &hosts::Interface) -> impl Iterator<Item = IpAddr> {
    let bare = |text: &String| text.split('/').next()?.parse().ok();
    interface.addresses.iter().filter_map(bare)
}

/// `internet`; with exceptions or blocks where it is not all of it.
fn internet(version: IpVersion, ranges: &Ranges) -> String {
    // All that nothing else is told apart from is the internet as people think of it.
    if version == IpVersion::V6 || ranges.count() > 1 << 30 {
        return "internet".to_owned();
    }
    format!("internet {}", blocks(version, ranges))
}

/// All addresses of an end, IPv4 and IPv6.
type Whole = [Ranges; 2];

fn internet_label(whole: &Whole) -> Label {
    Label {
        name: "internet".to_owned(),
        kind: Kind::Internet,
        whole: whole.clone(),
    }
}

/// A part of a region whose one side is one end's.
struct Part {
    /// For programs.
    name: String,
    label: Label,
    region: Region,
}

/// What the ends outside are as a whole. As senders, all that are there; as receivers, all that
/// anybody reaches, and all that would send.
fn wholes(reach: &Reach, side: Dimension) -> BTreeMap<End, Whole> {
    let mut wholes: BTreeMap<End, Whole> = BTreeMap::new();
    for (from, to, flows) in reach.flows() {
        let end = if side == Dimension::Source { from } else { to };
        let site = IpVersion::BOTH.map(|version| {
            let site = reach.site(end, version).cloned();
            site.unwrap_or_else(|| Ranges::of([]))
        });
        let is_known = site.iter().any(|it| !it.is_empty());
        let whole = wholes.entry(end.clone()).or_insert(site);
        if is_known || matches!(end, End::Vpc(_)) {
            continue;
        }
        for region in flows.delivered.regions() {
            let known = &mut whole[region.version as usize];
            *known = known.union(region.side(side));
        }
    }
    wholes
}

/// Where an end's addresses are.
fn place(end: &End) -> Place {
    match end {
        End::Vpc(id) => Some(id.clone()),
        End::Internet | End::CustomerGateway(_) | End::VpcEndpoint(_) => None,
    }
}

/// The customer gateway or endpoint that an end is.
fn behind(end: &End) -> Option<&str> {
    match end {
        End::CustomerGateway(id) => Some(id.as_str()),
        End::VpcEndpoint(id) => Some(id.as_str()),
        End::Vpc(_) | End::Internet => None,
    }
}

/// The part of a set whose one side is what was asked about.
fn narrow(set: &PacketSet, side: Dimension, end: &End, wanted: &Side) -> PacketSet {
    let blocks = match wanted {
        Side::Anybody => return set.clone(),
        Side::Internet if *end == End::Internet => return set.clone(),
        Side::Behind(id) if behind(end) == Some(id) => return set.clone(),
        Side::Internet | Side::Behind(_) => return PacketSet::empty(),
        Side::In(blocks) => blocks,
    };
    let at = place(end);
    let here = |wanted: &Option<Place>| wanted.as_ref().is_none_or(|it| *it == at);
    let mut part = PacketSet::empty();
    for region in set.regions() {
        let own = blocks.iter();
        let own = own.filter(|(at, version, _)| *version == region.version && here(at));
        let own = Ranges::of(own.map(|(.., block)| *block));
        if let Some(here) = region.clone().with(side, own) {
            part.insert(here);
        }
    }
    part
}
