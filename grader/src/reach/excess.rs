//! What a change opened beyond what is meant to work.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use wirelab_model::{Resources, SecurityGroupId};

use super::control::{Control, Direction, acl_id, replies};
use super::intent::{Intent, Place, meant};
use wirelab_simulator::reach::{Dimension, Interval, IpVersion, Packet, PacketSet, Region};

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

/// A packet that a control lets in more than before and that nobody is meant to need, where the
/// rules are too many for the whole set.
#[derive(Clone, Debug)]
pub struct Example {
    /// What the control guards and by which list: `acl-... (inbound to subnet-...)`.
    pub place: String,
    /// The packet.
    pub packet: Packet,
    /// The rule that lets it through.
    pub rule: String,
}

impl Excess {
    /// The box of the sample, then the largest others in words, at most `lines`, and how many more
    /// there are.
    #[must_use]
    pub fn describe(&self, lines: usize) -> (Vec<String>, usize) {
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
        (seen, more)
    }
}

/// What is allowed `after` and was not `before`, less what the intended flows need, control by
/// control. Several controls opened by the same rule are reported once.
#[must_use]
pub fn excess(before: &Resources, after: &Resources, intents: &[Intent]) -> Vec<Excess> {
    let mut found: Vec<Excess> = Vec::new();
    let mut new = New::between(before, after);
    for control in Control::all(after) {
        let Some(new) = new.at(&control) else {
            continue;
        };
        let packets = new.subtract(&meant(&control, after, intents)).coalesce();
        if packets.is_empty() {
            continue;
        }
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
pub(super) fn sample(
    control: &Control,
    packets: &PacketSet,
    resources: &Resources,
) -> Option<Packet> {
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
        let fits = |at: Dimension| {
            move |it: &&IpNet| {
                IpVersion::of(it) == region.version && region.clone().with(at, **it).is_some()
            }
        };
        let (a, b) = (
            here.iter().find(fits(local))?,
            others.iter().find(fits(remote))?,
        );
        sample_of(region.clone().with(local, *a)?.with(remote, *b)?)
    };
    let itself = place.to_itself(remote);
    let elsewhere = |region: &Region| {
        let mut crossing = PacketSet::empty();
        crossing.insert(region.clone());
        crossing.subtract(&itself).sample()
    };
    let own = regions.into_iter();
    let mut own = own.filter_map(|region| between(region).or_else(|| elsewhere(region)));
    // Nobody forwards IPv6 for those who have none.
    let has_v6 = || {
        let mut interfaces = resources.network_interfaces.values();
        interfaces.any(|it| !it.ipv6_addresses.is_empty())
    };
    let can_be = |packet: &Packet| packet.source.is_ipv4() || has_v6();
    let forwarded = || packets.sample().filter(|it| place.forwards() && can_be(it));
    own.next().or_else(forwarded)
}

fn sample_of(region: Region) -> Option<Packet> {
    let mut one = PacketSet::empty();
    one.insert(region);
    one.sample()
}

/// What controls let through now and did not before.
struct New<'a> {
    before: &'a Resources,
    after: &'a Resources,
    /// By what decides it: thousands of interfaces may have the same groups.
    known: BTreeMap<Groups<'a>, PacketSet>,
}

/// The groups that an interface had, if it was there, and has; and which rules of theirs.
type Groups<'a> = (
    Option<&'a [SecurityGroupId]>,
    &'a [SecurityGroupId],
    Direction,
);

impl<'a> New<'a> {
    const fn between(before: &'a Resources, after: &'a Resources) -> Self {
        Self {
            before,
            after,
            known: BTreeMap::new(),
        }
    }

    /// `None` where nothing can be said to have been opened: the list of a subnet that is new, the
    /// outbound rules of an interface that is new.
    fn at(&mut self, control: &Control) -> Option<PacketSet> {
        let (before, after) = (self.before, self.after);
        let Control::SecurityGroups {
            interface,
            direction,
        } = control
        else {
            let now = control.allows(after)?;
            return Some(now.subtract(&control.allows(before)?));
        };
        let groups = |of: &'a Resources| {
            let interface = of.network_interfaces.get(interface)?;
            Some(interface.groups.as_slice())
        };
        let (had, has) = (groups(before), groups(after)?);
        if had.is_none() && *direction == Direction::Egress {
            return None;
        }
        let new = self.known.entry((had, has, *direction)).or_insert_with(|| {
            let now = control.allows(after).unwrap_or_default();
            now.subtract(&control.allows(before).unwrap_or_else(replies))
        });
        Some(new.clone())
    }
}

pub(super) fn place(control: &Control, resources: &Resources) -> String {
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
