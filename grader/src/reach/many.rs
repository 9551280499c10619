//! Rules so many that exact sets of what they let through would be too large.
//!
//! A difference of sets cuts boxes into boxes: with `n` rules that overlap there are some `n²` of
//! them, and `n³` cuts. So sets are made of up to [`EXACT_RULES`]; beyond, rules are asked about
//! single packets, which is linear, and what is found is an example. Both are counted, so the same
//! network is judged in the same way everywhere.

use std::collections::BTreeSet;

use wirelab_model::{IpNet, IpProtocol, Resources, RulePeer};
use wirelab_simulator::reach::{Dimension, Interval, Packet, PacketSet, Region};

use super::control::{Control, Decisions};
use super::excess::{Example, place, sample};
use super::intent::{Intent, meant};

/// The most rules of which exact sets are made.
pub const EXACT_RULES: usize = 600;
/// So many packets are tried in search of an example, for each control.
const TRIED: usize = 500;

/// The rules of a network, if they are more than exact sets are made of: those of groups, with each
/// block of a prefix list, and the entries of network ACLs.
#[must_use]
pub fn too_many(resources: &Resources) -> Option<usize> {
    let groups = resources.security_groups.values();
    let rules = groups.flat_map(|group| &group.rules);
    let blocks = |peer: &RulePeer| match peer {
        RulePeer::PrefixList(list) => {
            let list = resources.managed_prefix_lists.get(list);
            list.map_or(1, |it| it.blocks().count().max(1))
        }
        _ => 1,
    };
    let rules: usize = rules.map(|rule| blocks(&rule.peer)).sum();
    let lists = resources.network_acls.values();
    let entries: usize = lists.map(|list| list.entries.len()).sum();
    Some(rules + entries).filter(|count| *count > EXACT_RULES)
}

/// A packet that a control lets through `after`, did not `before`, and that no flow is meant to
/// need; found by trying.
#[must_use]
pub fn example(before: &Resources, after: &Resources, intents: &[Intent]) -> Option<Example> {
    Control::all(after).into_iter().find_map(|control| {
        let now = Decisions::of(&control, after)?;
        let was = Decisions::of(&control, before)?;
        let known: BTreeSet<&Region> = was.allowed().collect();
        let new = now.allowed().filter(|region| !known.contains(region));
        let meant = meant(&control, after, intents);
        let mut tries = TRIED;
        let packet = new.into_iter().find_map(|region| {
            let pieces = only(region.clone()).subtract(&meant);
            let real = sample(&control, &pieces, after);
            let tried = real.into_iter().chain(packets(&pieces, &[]));
            let mut tried = tried
                .take(tries)
                .inspect(|_| tries = tries.saturating_sub(1));
            tried.find(|it| now.passes(it) && !was.passes(it) && !meant.contains(it))
        })?;
        Some(Example {
            place: place(&control, after),
            rule: control.rule_for(after, &packet).unwrap_or_default(),
            packet,
        })
    })
}

/// Packets of a set, at the ends and in the middle of its boxes, and where rules meet it.
pub(crate) fn packets(set: &PacketSet, rules: &[&Decisions]) -> Vec<Packet> {
    let met = set.regions().iter().flat_map(|region| {
        let allowed = rules.iter().flat_map(|rules| rules.allowed());
        allowed.filter_map(move |rule| only(region.intersect(rule)?).sample())
    });
    let mut packets: Vec<Packet> = met.take(TRIED).collect();
    for region in set.regions() {
        packets.extend(only(region.clone()).sample());
        let at = |dimension: Dimension| {
            let intervals = region.side(dimension).intervals().iter().take(4);
            let ends = intervals.flat_map(|it| [it.low, it.low + (it.high - it.low) / 2, it.high]);
            ends.collect::<BTreeSet<u128>>()
        };
        let (sources, destinations) = (at(Dimension::Source), at(Dimension::Destination));
        let ports = at(Dimension::DestinationPort);
        for source in &sources {
            for destination in &destinations {
                for port in &ports {
                    let point = [
                        (Dimension::Source, source),
                        (Dimension::Destination, destination),
                        (Dimension::DestinationPort, port),
                    ];
                    let point = point
                        .into_iter()
                        .try_fold(region.clone(), |region, (side, it)| {
                            region.with(side, Interval::single(*it))
                        });
                    packets.extend(point.and_then(|it| only(it).sample()));
                }
            }
        }
    }
    packets.truncate(TRIED);
    packets
}

/// The set of one packet.
pub(crate) fn one(packet: &Packet) -> PacketSet {
    let mut set = PacketSet::empty();
    let protocol = IpProtocol::Number(packet.protocol);
    for region in Region::rule_protocol(packet.version(), protocol) {
        let region = region
            .with(Dimension::Source, IpNet::from(packet.source))
            .and_then(|it| it.with(Dimension::Destination, IpNet::from(packet.destination)))
            .and_then(|it| {
                it.with(
                    Dimension::SourcePort,
                    Interval::single(packet.source_port.into()),
                )
            })
            .and_then(|it| {
                let port = Interval::single(packet.destination_port.into());
                it.with(Dimension::DestinationPort, port)
            })
            .and_then(|it| it.with(Dimension::Reply, Interval::single(packet.reply.into())));
        region.into_iter().for_each(|it| set.insert(it));
    }
    set
}

fn only(region: Region) -> PacketSet {
    let mut set = PacketSet::empty();
    set.insert(region);
    set
}
