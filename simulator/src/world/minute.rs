//! The end of a minute of virtual UTC: what was counted becomes data for CloudWatch.

use wirelab_model::{InstanceState, Observation};

use super::{Scheduled, World};
use crate::fabric::{self, instance_metrics};
use crate::machines::Machine;
use crate::metrics;

impl World {
    /// Waits for the end of the minute, if there is anything to be measured then.
    pub(super) fn measure(&mut self) {
        let wanted = self.config.observe.metrics
            && (fabric::is_measured(&self.topology.plan) || self.machines.iter().any(is_measured));
        if wanted && !self.metrics.is_running {
            self.metrics.is_running = true;
            let starts = self.config.starts;
            let end = metrics::next_end(starts.at(self.now)).since_start(starts);
            self.queue.push(end, Scheduled::Minute);
        }
    }

    pub(super) fn close_minute(&mut self) {
        self.metrics.is_running = false;
        let (plan, state) = (&self.topology.plan, &mut self.state);
        fabric::measure(plan, state, self.now, &mut self.metrics);
        self.measure_instances();
        let data = self.metrics.take(self.config.starts.at(self.now));
        if !data.is_empty() && self.config.observe.metrics {
            let available_at = self.now + self.config.fabric.metrics_delay;
            let observation = Observation::MetricData(data);
            self.queue
                .push(available_at, Scheduled::Observation(observation));
        }
        self.measure();
    }

    /// Of instances that run, and of those that have carried something before they stopped.
    fn measure_instances(&mut self) {
        let instances = &self.topology.resources.instances;
        for (number, machine) in self.machines.iter().enumerate() {
            let Some(id) = machine.instance() else {
                continue;
            };
            let carried = self.metrics.take_carried(number);
            let state = instances.get(id).map(|it| it.state);
            let is_running = state == Some(InstanceState::Running);
            if is_running || carried != metrics::Carried::default() {
                let (source, counts) = instance_metrics::network(id, carried);
                self.metrics.add(&source, &counts);
            }
            if is_running {
                let (source, checks) = instance_metrics::status(id, machine.is_up);
                self.metrics.add(&source, &checks);
            }
        }
    }
}

/// Whether the machine is an instance whose metrics CloudWatch shows.
fn is_measured(machine: &Machine) -> bool {
    machine.is_up && machine.instance().is_some()
}
