//! EC2's operations, one file a resource.

use wirelab_model::{ResourceRef, SimTime};

use crate::control::ControlConfig;
use crate::operation::Operation;
use crate::state::State;

pub(crate) static OPERATIONS: &[Operation] = &[];

/// What became of a resource when its transitional state ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It goes on.
    Lasting,
    /// It is gone and will be forgotten.
    Gone,
}

pub(crate) fn settle(
    _resource: &ResourceRef,
    _at: SimTime,
    _state: &mut State,
    _config: &ControlConfig,
) -> Settled {
    Settled::Lasting
}
