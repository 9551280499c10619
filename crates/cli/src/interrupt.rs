//! Ctrl-C in a command that takes long: the first one asks it to stop where it can, the second one
//! ends the process at once.
//!
//! What a session has not written into its journal never happened, and what it writes is whole
//! (`wirelab_session`), so ending at once harms nothing but what was not yet kept.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGINT;

use crate::failure::{Code, Failure};

/// Whether somebody has pressed Ctrl-C.
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on Ctrl-C is noted here.
    pub(crate) fn watch() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        // The order matters: the first signal finds the flag down, then raises it.
        let at_once = i32::from(Code::Interrupted.status());
        signal_hook::flag::register_conditional_shutdown(SIGINT, at_once, Arc::clone(&asked))?;
        signal_hook::flag::register(SIGINT, Arc::clone(&asked))?;
        Ok(Self(asked))
    }

    /// Whether to go on.
    pub(crate) fn goes_on(&self) -> ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
