//! Instances that are stopped, terminated or rebooted: the operating system shuts down before the
//! power goes.
//!
//! EC2 presses the button: it sends an ACPI event, and the operating system ends its services as
//! `shutdown` does (EC2 User Guide, "Stop and start Amazon EC2 instances", "Terminate Amazon EC2
//! instances"). Programs end and their sockets close, with a FIN each; for a while the kernel still
//! answers, with RST where nobody listens any more; then the machine is gone and its packets are
//! lost. AWS says nothing about how long that takes: [`SHUTDOWN`]. An instance that is `stopped`
//! before loses its power then.
//!
//! ```text
//! state stopping       FIN on every connection, listeners gone
//! + 5 s                no packet comes or goes
//! state stopped        30 s after the call
//! ```
//!
//! A reboot asks the operating system in the same way (Amazon EC2 API Reference, `RebootInstances`)
//! and does not change the state: once the machine is off it comes up again, [`BOOT`] later, with
//! its addresses and without its connections, and its servers start as on any boot.

use wirelab_model::{InstanceId, InstanceState, SimDuration};

use super::{Scheduled, World};

/// From the end of a machine's programs until it is off.
const SHUTDOWN: SimDuration = SimDuration::from_secs(5);

/// From there until a rebooted machine's programs run again; AWS says nothing about that either.
const BOOT: SimDuration = SimDuration::from_secs(15);

impl World {
    /// Finds the machines that have to shut down now, and forgets those that are done with it.
    pub(super) fn begin_shutdowns(&mut self) -> Vec<usize> {
        let topology = &mut self.topology;
        let instances = &topology.resources.instances;
        let stops = |id: &InstanceId| {
            let state = instances.get(id).map(|it| it.state);
            matches!(
                state,
                Some(InstanceState::Stopping | InstanceState::ShuttingDown)
            )
        };
        topology
            .rebooting
            .retain(|id, _| instances.contains_key(id) && !stops(id));
        let reboots = |id: &InstanceId| topology.rebooting.contains_key(id);
        topology.ending.retain(|id, _| stops(id) || reboots(id));
        let mut found = Vec::new();
        for (number, machine) in self.machines.iter().enumerate() {
            let Some(id) = machine.instance().filter(|_| machine.is_up) else {
                continue;
            };
            if stops(id) && !topology.ending.contains_key(id) {
                let until = self.now + SHUTDOWN;
                topology.ending.insert(id.clone(), until);
                self.queue.push(until, Scheduled::PowerOff(id.clone()));
                found.push(number);
            }
        }
        found
    }

    /// Finds the machines that have to reboot now. One that is on its way down already, or off,
    /// knows no more of it.
    pub(super) fn begin_reboots(&mut self) -> Vec<usize> {
        let topology = &mut self.topology;
        let mut found = Vec::new();
        for (number, machine) in self.machines.iter_mut().enumerate() {
            let Some(id) = machine.instance().cloned() else {
                continue;
            };
            let asked = topology
                .resources
                .instances
                .get(&id)
                .map_or(0, |it| it.reboots);
            let known = std::mem::replace(&mut machine.reboots, asked);
            if asked <= known || !machine.is_up || topology.ending.contains_key(&id) {
                continue;
            }
            let off = self.now + SHUTDOWN;
            topology.ending.insert(id.clone(), off);
            topology.rebooting.insert(id.clone(), off + BOOT);
            self.queue.push(off, Scheduled::PowerOff(id.clone()));
            self.queue.push(off + BOOT, Scheduled::PowerOn(id));
            found.push(number);
        }
        found
    }

    /// The programs of a machine end.
    pub(super) fn shut_down(&mut self, number: usize) {
        self.lost_power(number);
        self.with_host(number, |host, now, out| host.shut_down(now, out));
    }

    /// The operating system is down, unless the instance has been started again since. Of many that
    /// go down at one moment, as those of one call do, the last one has everything obey.
    pub(super) fn power_off(&mut self, id: &InstanceId) {
        let now = self.now;
        let ending = &mut self.topology.ending;
        if ending.get(id).is_some_and(|until| *until <= now) {
            ending.remove(id);
            if !ending.values().any(|until| *until <= now) {
                self.obey();
            }
        }
    }

    /// The operating system is up, unless the instance was stopped or rebooted again since.
    pub(super) fn power_on(&mut self, id: &InstanceId) {
        let rebooting = &mut self.topology.rebooting;
        if rebooting.get(id).is_some_and(|until| *until <= self.now) {
            rebooting.remove(id);
            self.obey();
        }
    }
}
