//! More of the same: machines that are new do what those do that the reference speaks of.
//!
//! What keeps a query right by chance is often that there is little to see: `limit 3` where three
//! rows were due, a key too many where each source knew one destination.

use super::models::Model;
use super::neighbours::{far_end, near_end};
use super::numbers::{FLAGS, flagged, least};
use super::said::Said;
use super::world::World;
use super::{Made, Texts};

/// So many models are repeated.
const REPEATED: usize = 4;
/// So many newcomers at each end of each, where the answer has no limit.
const LEAST: u64 = 6;
/// And no more, whatever its limit.
const MOST: u64 = 200;

/// Each of the first models with newcomers at its far end, and at its near end.
pub(super) fn of(
    texts: Texts<'_>,
    said: &Said,
    models: &[Model<'_>],
    world: &mut World,
) -> Vec<Made> {
    let limit = crate::mutant::limits(texts.answer).max();
    let flags = match texts.reference.to_ascii_lowercase().contains("flags") {
        true => flags_of(said),
        false => Vec::new(),
    };
    let count = limit.map_or(LEAST, |limit| (limit + 1).clamp(LEAST, MOST));
    let mut made = Vec::new();
    // The reference speaks of every other one.
    for model in models.iter().step_by(2).take(REPEATED) {
        let flow = &model.flow;
        let is_egress = flow.direction == wirelab_model::FlowDirection::Egress;
        let (near, far) = match is_egress {
            true => (flow.srcaddr, flow.dstaddr),
            false => (flow.dstaddr, flow.srcaddr),
        };
        let (std::net::IpAddr::V4(near), std::net::IpAddr::V4(far)) = (near, far) else {
            continue;
        };
        let is_tcp = flow.protocol == 6;
        let of_each = |at: u64| match flags.iter().cycle().nth(at as usize) {
            Some(flags) if is_tcp => flagged(flow, *flags),
            _ => flow.clone(),
        };
        for at in 0..count {
            made.push(model.with(far_end(&of_each(at), world.newcomer(far))));
        }
        // One who sends a single packet, as short as they are.
        let short = wirelab_model::Flow {
            packets: 1,
            bytes: least(flow.protocol),
            ..of_each(0)
        };
        made.push(model.with(far_end(&short, world.newcomer(far))).exact());
        for at in 0..count {
            made.extend(near_end(model, &of_each(at), world.newcomer(near)));
        }
    }
    made
}

/// The flags that the reference names: newcomers have each of them in turn.
fn flags_of(said: &Said) -> Vec<u8> {
    let named = said.numbers.iter().filter_map(|it| u8::try_from(*it).ok());
    named.filter(|it| FLAGS.contains(it)).collect()
}
