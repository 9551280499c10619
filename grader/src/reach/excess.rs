//! What a change opened beyond what is meant to work.

use wirelab_model::Resources;

use super::control::{Control, Direction, acl_id};
use super::intent::{Intent, Place, meant};
use wirelab_simulator::reach::{Packet, PacketSet};

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
    /// The rule that lets it through.
    pub rule: String,
}

impl Excess {
    /// The largest boxes in words, at most `lines`, then how many more there are.
    #[must_use]
    pub fn describe(&self, lines: usize) -> Vec<String> {
        let remote = self.control.direction().remote();
        let mut seen = Vec::new();
        for region in self.packets.regions() {
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
        let own = Place::of(&control, after).own(&packets);
        let Some(sample) = own.sample().or_else(|| packets.sample()) else {
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
                rule,
            });
        }
    }
    found
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
