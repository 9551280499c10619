//! Path MTU: the largest probe that passes, and what happens to the next larger.

use super::{Probe, ProbeError, explain};
use crate::host::HostDrop;
use crate::verdict::{DropReason, Hop, MachineDrop, PacketDrop};
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
    pub limit: Option<(Hop, DropReason)>,
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
    let limit = limit.filter(|(_, reason)| too_long(reason) == Some(beyond.into()));
    Ok(Fit { size: fits, limit })
}

/// The size of a packet that was too long, if that is why it was dropped.
fn too_long(reason: &DropReason) -> Option<u32> {
    match reason {
        DropReason::Packet(PacketDrop::MtuExceeded { size, .. }) => Some(*size),
        DropReason::Host(MachineDrop {
            reason: HostDrop::MtuExceeded { size, .. },
            ..
        }) => u32::try_from(*size).ok(),
        _ => None,
    }
}

/// The hop that finds a probe of `size` octets too long.
fn limit_of(
    world: &World,
    probe: &Probe,
    size: u16,
) -> Result<Option<(Hop, DropReason)>, ProbeError> {
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
        super::StepVerdict::Deny(reason) => too_long(&reason).map(|_| (step.hop, reason)),
        super::StepVerdict::Pass(_) => None,
    }))
}
