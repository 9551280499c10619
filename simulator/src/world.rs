//! The world: everything below it, driven by inputs and virtual time.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use wirelab_model::{Resources, SimTime};

use crate::config::WorldConfig;
use crate::event::{Event, Input, InputError};
use crate::host::Host;

/// A simulated network at a moment of virtual time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    config: WorldConfig,
    now: SimTime,
    resources: Resources,
    events: VecDeque<Event>,
}

impl World {
    /// An empty world at the start of virtual time.
    #[must_use]
    pub fn new(config: WorldConfig) -> Self {
        Self {
            config,
            now: SimTime::ZERO,
            resources: Resources::default(),
            events: VecDeque::new(),
        }
    }

    /// What it was set up with.
    #[must_use]
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// Takes an input at `now`, which is never before the last moment the world has seen.
    /// Everything due before `now` is done first.
    ///
    /// # Errors
    /// [`InputError`] for names that do not exist or exist twice; the world is unchanged.
    pub fn handle(&mut self, now: SimTime, _input: Input) -> Result<(), InputError> {
        self.now = now;
        Ok(())
    }

    /// When [`Self::handle_timeout`] has something to do next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        None
    }

    /// Does everything due at or before `now`, in order, and arrives at `now`.
    pub fn handle_timeout(&mut self, now: SimTime) {
        self.now = now;
    }

    /// What happened next, in the order of virtual time.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The moment the world has reached.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// The resources that the data plane obeys at this moment.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The machine `name`.
    #[must_use]
    pub fn host(&self, _name: &str) -> Option<&Host> {
        None
    }

    /// The machines by name.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        std::iter::empty()
    }
}
