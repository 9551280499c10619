//! What a change opened beyond what is meant to work.

use std::net::IpAddr;

use ipnet::IpNet;
use wirelab_model::Resources;

use super::control::{Control, Direction, acl_id};
use super::intent::{Intent, Place, meant};
use wirelab_simulator::reach::{Dimension, Interval, Packet, PacketSet, Region};

/// A control that lets in more than before and more than is meant.
#[derive(Clone, Debug)]
pub struct Excess {
    /// Which control.
    pub control: Control,
    /// What it guards and by which list: `acl-... (inbound to subnet-...)`.
    pub place: String,
    /// Every packet that is new and not meant, in few boxes, largest first.
    pub packets: PacketSet,
    /// One of them.
    pub sample: Packet,
    /// Whether any of them can come by: what a machine sends to itself meets no rule, and without
    /// IPv6 there is none to meet.
    pub can_pass: bool,
    /// The rule that lets it through.
    pub rule: String,
}

impl Excess {
    /// The box of the sample, then the largest others in words, at most `lines`, then how many more
    /// there are.
    #[must_use]
    pub fn describe(&self, lines: usize) -> Vec<String> {
        let remote = self.control.direction().remote();
        let mut seen = Vec::new();
        let has_sample = |region: &&Region| region.contains(&self.sample);
        let first = self.packets.regions().iter().find(has_sample);
        for region in first.into_iter().chain(self.packets.regions()) {
            let line = region.seen_from(remote);
            if !seen.contains(&line) {
                seen.push(line);
            }
        }
        let more = seen.len().saturating_sub(lines);
        seen.truncate(lines);
        if more > 0 {
            seen.push(format!("and {more} more"));
        }
        seen
    }
}

/// What is allowed `after` and was not `before`, less what the intended flows need, control by
/// control. Several controls opened by the same rule are reported once.
#[must_use]
pub fn excess(before: &Resources, after: &Resources, intents: &[Intent]) -> Vec<Excess> {
    let mut found: Vec<Excess> = Vec::new();
    for control in Control::all(after) {
        let Some(new) = newly_allowed(&control, before, after) else {
            continue;
        };
        let packets = new.subtract(&meant(&control, after, intents)).coalesce();
        let real = sample(&control, &packets, after);
        let Some(sample) = real.or_else(|| packets.sample()) else {
            continue;
        };
        let rule = control.rule_for(after, &sample).unwrap_or_default();
        if found.iter().all(|other| other.rule != rule) {
            let place = place(&control, after);
            found.push(Excess {
                control,
                place,
                packets,
                sample,
                can_pass: real.is_some(),
                rule,
            });
        }
    }
    found
}

/// One of the packets, as real as can be: between machines that are there, in the largest box that
/// has one; else to or from a machine that could be there. `None` where none can come by.
fn sample(control: &Control, packets: &PacketSet, resources: &Resources) -> Option<Packet> {
    let place = Place::of(control, resources);
    let machines: (Vec<IpNet>, Vec<IpNet>) = {
        let interfaces = resources.network_interfaces.values();
        let addresses = interfaces.flat_map(|it| {
            let v4 = it.private_ip_addresses.iter();
            let v4 = v4.map(|it| IpAddr::from(it.private_ip_address));
            v4.chain(it.ipv6_addresses.iter().copied().map(IpAddr::from))
        });
        let addresses = addresses.map(IpNet::from);
        addresses.partition(|it| place.is_here(it))
    };
    let (here, others) = machines;
    let own = place.own(packets);
    let (local, remote) = (control.direction().local(), control.direction().remote());
    let mut regions: Vec<&Region> = own.regions().iter().collect();
    let is_tcp = |region: &Region| {
        let tcp = region
            .clone()
            .with(Dimension::Protocol, Interval::single(6));
        tcp.is_some()
    };
    regions.sort_by_key(|region| !is_tcp(region));
    let between = |region: &Region| {
        let mut pairs = here.iter().flat_map(|a| others.iter().map(move |b| (a, b)));
        pairs.find_map(|(a, b)| {
            let one = region.clone().with(local, *a)?.with(remote, *b)?;
            sample_of(one)
        })
    };
    let itself = place.to_itself(remote);
    let elsewhere = |region: &Region| {
        let mut crossing = PacketSet::empty();
        crossing.insert(region.clone());
        crossing.subtract(&itself).sample()
    };
    let own = regions.into_iter();
    let mut own = own.filter_map(|region| between(region).or_else(|| elsewhere(region)));
    let forwarded = || packets.sample().filter(|_| place.forwards());
    own.next().or_else(forwarded)
}

fn sample_of(region: Region) -> Option<Packet> {
    let mut one = PacketSet::empty();
    one.insert(region);
    one.sample()
}

/// `None` where nothing can be said to have been opened: the list of a subnet that is new, the
/// outbound rules of an interface that is new.
fn newly_allowed(control: &Control, before: &Resources, after: &Resources) -> Option<PacketSet> {
    let now = control.allows(after)?;
    let is_interface = matches!(control, Control::SecurityGroups { .. });
    match control.allows(before) {
        Some(was) => Some(now.subtract(&was)),
        None if is_interface && control.direction() == Direction::Ingress => {
            Some(now.subtract(&replies(control, after)))
        }
        None => None,
    }
}

/// The replies that an interface's groups pass without any rule.
fn replies(control: &Control, after: &Resources) -> PacketSet {
    let mut bare = after.clone();
    bare.security_groups.clear();
    control.allows(&bare).unwrap_or_default()
}

fn place(control: &Control, resources: &Resources) -> String {
    match control {
        Control::NetworkAcl { subnet, direction } => {
            let acl = acl_id(resources, subnet).map_or_else(String::new, |id| id.to_string());
            let side = match direction {
                Direction::Ingress => "to",
                Direction::Egress => "from",
            };
            format!("{acl} {direction} {side} {subnet}")
        }
        Control::SecurityGroups {
            interface,
            direction,
        } => format!("security groups of {interface}, {direction}"),
    }
}
