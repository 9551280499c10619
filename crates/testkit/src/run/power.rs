//! Whether the operating systems of instances run.
//!
//! AWS does not say how long one takes to shut down or to boot. The simulator's ruling is five
//! seconds from the state `stopping` or `shutting-down` on, and fifteen more until a rebooted one
//! is back, whose state stays `running`. Only an instance with an operating system, a machine of
//! the script, takes them. The plain evaluator is told who is on now.
//!
//! ```text
//! StopInstances      on for 5 s, off
//! RebootInstances    on for 5 s, off for 15 s, on
//! ```

use std::collections::BTreeMap;

use wirelab_model::{Instance, InstanceId, InstanceState, Resources, SimDuration, SimTime};

/// From the new state until the machine is off.
const SHUTDOWN: SimDuration = SimDuration::from_secs(5);
/// From there until a rebooted machine is on again.
const BOOT: SimDuration = SimDuration::from_secs(15);

/// The instances with an operating system.
#[derive(Clone, Debug, Default)]
pub(super) struct Power {
    machines: BTreeMap<InstanceId, Machine>,
}

#[derive(Clone, Debug)]
struct Machine {
    on: On,
    /// The reboots that it has heeded or was in no state to heed.
    reboots: u32,
}

#[derive(Clone, Copy, Debug)]
enum On {
    No,
    Yes,
    Until(SimTime),
    Reboots { off: SimTime, on: SimTime },
}

impl Power {
    /// An instance gets an operating system.
    pub(super) fn install(&mut self, id: InstanceId, resources: &Resources) {
        let reboots = resources.instances.get(&id).map_or(0, |it| it.reboots);
        let on = On::No;
        self.machines.entry(id).or_insert(Machine { on, reboots });
    }

    /// Looks at the instances as the network obeys them at `now`; answers when machines that have
    /// begun to shut down will be off or on again.
    pub(super) fn observe(&mut self, now: SimTime, resources: &Resources) -> Vec<SimTime> {
        let mut changes = Vec::new();
        for (id, machine) in &mut self.machines {
            let Some(instance) = resources.instances.get(id) else {
                machine.on = On::No;
                continue;
            };
            let before = matches!(machine.on, On::Yes);
            machine.on = machine.next(now, instance);
            machine.reboots = instance.reboots;
            match machine.on {
                On::Until(off) if before => changes.push(off),
                On::Reboots { off, on } if before => changes.extend([off, on]),
                _ => {}
            }
        }
        changes
    }

    /// Whether each is on.
    pub(super) fn is_on(&self, now: SimTime) -> BTreeMap<InstanceId, bool> {
        let all = self.machines.iter();
        all.map(|(id, machine)| (id.clone(), machine.is_on(now)))
            .collect()
    }
}

impl Machine {
    fn is_on(&self, now: SimTime) -> bool {
        match self.on {
            On::No => false,
            On::Yes => true,
            On::Until(off) => now < off,
            On::Reboots { off, on } => now < off || on <= now,
        }
    }

    fn next(&self, now: SimTime, instance: &Instance) -> On {
        let off = now + SHUTDOWN;
        match (instance.state, self.on) {
            (InstanceState::Running, On::Yes) if instance.reboots > self.reboots => On::Reboots {
                off,
                on: off + BOOT,
            },
            (InstanceState::Running, On::Reboots { on, .. }) if now < on => self.on,
            (InstanceState::Running, _) => On::Yes,
            (InstanceState::Stopping | InstanceState::ShuttingDown, on) => match on {
                On::Yes => On::Until(off),
                On::Reboots { off, .. } => On::Until(off),
                On::No | On::Until(_) => on,
            },
            _ => On::No,
        }
    }
}
