//! Instances that are stopped or terminated: the operating system shuts down before the power goes.
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

use wirelab_model::{InstanceId, InstanceState, SimDuration};

use super::{Scheduled, World};

/// From the end of a machine's programs until it is off.
const SHUTDOWN: SimDuration = SimDuration::from_secs(5);

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
        topology.ending.retain(|id, _| stops(id));
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
}
