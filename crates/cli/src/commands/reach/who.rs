//! Who has which address, and what the ends of flows are called.

use std::collections::BTreeMap;
use std::net::IpAddr;

use wirelab_model::IpNet;
use wirelab_session::Session;
use wirelab_simulator::reach::{
    Dimension, End, Interval, IpVersion, PacketSet, Ranges, Reach, Region, address_number,
    is_public,
};

use super::table::Flow;
use crate::failure::Failure;
use crate::hosts;

/// In no more addresses of the internet than this are its machines told apart.
const MOST_APART: u128 = 1024;
/// So many blocks stand in one cell.
const MOST_BLOCKS: usize = 2;

/// One side of the question.
pub(super) enum Side {
    Anybody,
    Internet,
    /// A customer gateway or an endpoint, and what is behind it, by id.
    Behind(String),
    /// These addresses.
    In(Vec<(IpVersion, Interval)>),
}

impl Side {
    fn of_blocks(blocks: impl IntoIterator<Item = IpNet>) -> Self {
        let blocks = blocks.into_iter();
        Self::In(blocks.map(|it| (IpVersion::of(&it), it.into())).collect())
    }

    /// The one public address that was asked about, if no machine has it.
    pub(super) fn stranger(&self, who: &Who) -> Option<IpAddr> {
        let Self::In(blocks) = self else { return None };
        let [(version, block)] = blocks[..] else {
            return None;
        };
        let address = version.address(block.low);
        let is_one = block.low == block.high && is_public(address);
        let is_free = !who.names.contains_key(&address);
        (is_one && is_free).then_some(address)
    }
}

/// Who has which address.
pub(super) struct Who {
    names: BTreeMap<IpAddr, String>,
    subnets: Vec<(IpNet, String)>,
    /// Id and name.
    gateways: BTreeMap<String, String>,
}

impl Who {
    pub(super) fn new(session: &Session) -> Self {
        let names = &session.plan().names;
        let short = |id: &str| names.short(id).unwrap_or(id).to_owned();
        let resources = session.run().world().resources();
        let mut by_address = BTreeMap::new();
        for nic in resources.network_interfaces.values() {
            let instance = nic.attachment.as_ref();
            let instance = instance.and_then(|it| it.instance_id.as_ref());
            let name = match instance {
                Some(id) => short(id.as_str()),
                None => short(nic.network_interface_id.as_str()),
            };
            for its in &nic.private_ip_addresses {
                by_address.insert(IpAddr::from(its.private_ip_address), name.clone());
                if let Some(association) = &its.association {
                    by_address.insert(association.public_ip.into(), name.clone());
                }
            }
            for its in &nic.ipv6_addresses {
                by_address.insert((*its).into(), name.clone());
            }
        }
        // Machines outside AWS.
        for it in hosts::interfaces(session.run()) {
            for address in addresses(&it) {
                by_address.entry(address).or_insert_with(|| it.host.clone());
            }
        }
        let subnets = resources.subnets.values().flat_map(|it| {
            let name = format!("subnet.{}", short(it.subnet_id.as_str()));
            let v6 = it.ipv6_cidr_block.map(IpNet::V6);
            let blocks = std::iter::once(IpNet::V4(it.cidr_block)).chain(v6);
            blocks.map(move |block| (block, name.clone()))
        });
        let gateways = resources.customer_gateways.keys().map(|id| id.as_str());
        let endpoints = resources.vpc_endpoints.keys().map(|id| id.as_str());
        Self {
            names: by_address,
            subnets: subnets.collect(),
            gateways: gateways
                .chain(endpoints)
                .map(|id| (id.to_owned(), short(id)))
                .collect(),
        }
    }

    /// Whom a word of the command line, or of a table, means.
    pub(super) fn find(&self, session: &Session, text: &str) -> Result<Side, Failure> {
        match text {
            "any" => return Ok(Side::Anybody),
            "internet" => return Ok(Side::Internet),
            _ => {}
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Side::of_blocks([IpNet::from(address)]));
        }
        if let Ok(block) = text.parse::<IpNet>() {
            return Ok(Side::of_blocks([block]));
        }
        let bare = ["instance.", "host.", "network_interface.", "nat_gateway."];
        let bare = bare.into_iter().find_map(|kind| text.strip_prefix(kind));
        let bare = bare.unwrap_or(text);
        let found = hosts::find(session, bare);
        let own = found.iter().flatten().flat_map(addresses);
        let called = self.names.iter().filter(|(_, name)| *name == bare);
        let mut all: Vec<IpAddr> = own.chain(called.map(|(address, _)| *address)).collect();
        all.sort_unstable();
        all.dedup();
        if !all.is_empty() {
            return Ok(Side::of_blocks(all.into_iter().map(IpNet::from)));
        }
        let subnet = text.strip_prefix("subnet.").unwrap_or(text);
        let blocks = self.subnets.iter().filter(|(_, name)| name[7..] == *subnet);
        let blocks: Vec<_> = blocks.map(|(block, _)| *block).collect();
        if !blocks.is_empty() {
            return Ok(Side::of_blocks(blocks));
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

    fn nobody(&self, session: &Session, text: &str) -> Failure {
        let subnets = self.subnets.iter().map(|(_, name)| name.clone());
        let mut others: Vec<_> = subnets.chain(self.gateways.values().cloned()).collect();
        others.sort_unstable();
        others.dedup();
        hosts::unknown(session, text).hint(format!(
            "or an address, a block, `internet`, `any`, {}",
            others.join(", ")
        ))
    }

    /// What works first, then what arrives and cannot be answered.
    pub(super) fn flows(&self, reach: &Reach, ends: &[Side; 2], change: &'static str) -> Vec<Flow> {
        let mut flows = Vec::new();
        for (from, to, found) in reach.flows() {
            let silent = found.delivered.clone().subtract(&found.answered).coalesce();
            for (set, answered) in [(&found.answered, true), (&silent, false)] {
                let set = narrow(set, Dimension::Source, from, &ends[0]);
                let set = narrow(&set, Dimension::Destination, to, &ends[1]);
                for region in set.regions() {
                    for (sender, part) in self.parts(from, region, Dimension::Source) {
                        for (receiver, part) in self.parts(to, &part, Dimension::Destination) {
                            let mut receiver = receiver;
                            if sender == receiver && self.is_own_public(&part) {
                                receiver += " (public address)";
                            }
                            flows.push(Flow {
                                change,
                                from: sender.clone(),
                                to: receiver,
                                region: part,
                                answered,
                            });
                        }
                    }
                }
            }
        }
        flows
    }

    /// The region by those who have the addresses of one side, and what is nobody's.
    fn parts(&self, end: &End, region: &Region, side: Dimension) -> Vec<(String, Region)> {
        let mut rest = region.side(side).clone();
        let mut by_name: BTreeMap<&str, Vec<Interval>> = BTreeMap::new();
        let is_many = *end == End::Internet && rest.count() > MOST_APART;
        for (address, name) in self.names.iter().filter(|_| !is_many) {
            let number = address_number(*address);
            let is_here = IpVersion::of_address(*address) == region.version;
            if is_here && rest.contains(number) {
                by_name
                    .entry(name)
                    .or_default()
                    .push(Interval::single(number));
            }
        }
        if let Some(id) = behind(end) {
            let name = self.gateways.get(id).map_or(id, String::as_str);
            return vec![(name.to_owned(), region.clone())];
        }
        let mut parts = Vec::new();
        for (name, own) in by_name {
            let own = Ranges::of(own);
            rest = rest.subtract(&own);
            let part = region.clone().with(side, own);
            parts.extend(part.map(|part| (name.to_owned(), part)));
        }
        if !rest.is_empty() {
            let name = match end {
                End::Internet => internet(region.version, &rest),
                _ => self.free(region.version, &rest),
            };
            let part = region.clone().with(side, rest);
            parts.extend(part.map(|part| (name, part)));
        }
        parts
    }

    /// Whether the destination is public addresses of one machine, which reaches itself by them.
    fn is_own_public(&self, region: &Region) -> bool {
        let side = region.side(Dimension::Destination);
        let first = side.first().map(|it| region.version.address(it));
        first.is_some_and(|it| is_public(it) && self.names.contains_key(&it))
    }

    /// Addresses that nobody has: by their subnets, if they lie in some.
    fn free(&self, version: IpVersion, ranges: &Ranges) -> String {
        let holds = |block: &IpNet| {
            IpVersion::of(block) == version && !Ranges::from(*block).intersect(ranges).is_empty()
        };
        let within = self.subnets.iter().filter(|(block, _)| holds(block));
        let mut names: Vec<&str> = within.map(|(_, name)| name.as_str()).collect();
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

/// The first blocks, and how many more there are.
fn blocks(version: IpVersion, ranges: &Ranges) -> String {
    let all = ranges.intervals();
    let text = |it: &Interval| {
        let (low, high) = (version.address(it.low), version.address(it.high));
        let size = it.high - it.low;
        let bits = if version == IpVersion::V4 { 32 } else { 128 };
        match size {
            0 => low.to_string(),
            _ if size.wrapping_add(1).is_power_of_two() && it.low & size == 0 => {
                format!("{low}/{}", bits - size.count_ones())
            }
            _ => format!("{low}-{high}"),
        }
    };
    let mut words: Vec<_> = all.iter().take(MOST_BLOCKS).map(text).collect();
    if all.len() > MOST_BLOCKS {
        words.push(format!("{} more", all.len() - MOST_BLOCKS));
    }
    words.join(", ")
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
    let mut part = PacketSet::empty();
    for region in set.regions() {
        let own = blocks
            .iter()
            .filter(|(version, _)| *version == region.version);
        let own = Ranges::of(own.map(|(_, block)| *block));
        if let Some(here) = region.clone().with(side, own) {
            part.insert(here);
        }
    }
    part
}
