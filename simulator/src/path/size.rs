//! Path MTU: the largest probe that passes, and what happens to the next larger.

use super::{Probe, ProbeError, explain};
use crate::verdict::{DropReason, Hop, PacketDrop};
use crate::world::World;

/// Largest packet of any interface in octets.
const SIZE_MAX: u16 = 9001;

/// How large a probe may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// IP total length in octets of the largest probe that no hop finds too long.
    pub size: u16,
    /// The hop that drops the next larger, and whether the sender is told. `None` if the sender's
    /// own machine sends nothing larger.
    pub limit: Option<(Hop, PacketDrop)>,
}

/// The largest probe that no hop on the way there finds too long, whatever else would drop it.
///
/// # Errors
/// A probe that cannot be sent, whatever its size.
pub fn largest(world: &World, probe: &Probe) -> Result<Fit, ProbeError> {
    let (mut fits, mut limit) = (probe.smallest(), None);
    let mut beyond = SIZE_MAX + 1;
    limit_of(world, probe, fits)?;
    while beyond - fits > 1 {
        let size = fits + (beyond - fits) / 2;
        match limit_of(world, probe, size) {
            Ok(None) => fits = size,
            Ok(Some(found)) => {
                limit = Some(found);
                beyond = size;
            }
            Err(ProbeError::TooLong { .. }) => beyond = size,
            Err(error) => return Err(error),
        }
    }
    // The one found last is about the smallest size that does not fit.
    let limit = limit.filter(|(_, drop)| {
        matches!(drop, PacketDrop::MtuExceeded { size, .. } if *size == u32::from(beyond))
    });
    Ok(Fit { size: fits, limit })
}

/// The hop that finds a probe of `size` octets too long.
fn limit_of(
    world: &World,
    probe: &Probe,
    size: u16,
) -> Result<Option<(Hop, PacketDrop)>, ProbeError> {
    let size = Some(size);
    let report = explain(
        world,
        &Probe {
            size,
            ..probe.clone()
        },
    )?;
    let mut steps = report.forward.steps.into_iter();
    Ok(steps.find_map(|step| match step.verdict {
        super::StepVerdict::Deny(DropReason::Packet(drop @ PacketDrop::MtuExceeded { .. })) => {
            Some((step.hop, drop))
        }
        _ => None,
    }))
}
