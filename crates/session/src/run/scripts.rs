//! What calls start, until it has settled: transitions of resources, and scripts that Systems
//! Manager sends, which take their time as any script on a machine does.

use wirelab_control::Input as ControlInput;
use wirelab_model::{Call, Caller, Observation, SimDuration, SimTime};

use super::Run;
use super::commands::Running;
use crate::{managed, script};

/// Settling stops here (`design.md` section 5).
const SETTLE_AT_MOST: SimDuration = SimDuration::from_secs(15 * 60);

impl Run {
    /// Lets time pass until everything that calls have started has settled, at most 15 minutes.
    /// Gives the moment reached if time passed.
    pub fn settle(&mut self) -> Option<SimTime> {
        let (from, limit) = (self.state.now, self.state.now + SETTLE_AT_MOST);
        let settled = self.state.control.settled_at();
        if let Some(settled) = settled.filter(|it| *it > from) {
            self.advance(settled.min(limit)).ok()?;
        }
        while self.is_at_work() && self.has_room().is_ok() && self.step(limit) {}
        let until = self.state.now;
        (until > from).then_some(until)
    }

    /// Whether a script has not come to its end.
    pub(crate) fn is_at_work(&self) -> bool {
        !self.state.scripts.is_empty()
    }

    /// What Systems Manager knows of instances, for a call that wants to know.
    pub(super) fn managed(&self, caller: &Caller, call: &Call) -> Option<Observation> {
        let asks = ["DescribeInstanceInformation", "SendCommand"];
        let asks = call.service == "ssm" && asks.contains(&call.operation.as_str());
        asks.then(|| {
            let (control, world) = (&self.state.control, &self.state.world);
            Observation::ManagedInstances(managed::instances(caller, control, world))
        })
    }

    /// Lets the control plane know of it.
    pub(super) fn ask_for_managed(&mut self, caller: &Caller, call: &Call) {
        if let Some(managed) = self.managed(caller, call) {
            let input = ControlInput::Observation(managed);
            self.state.control.handle(self.state.now, input);
        }
    }

    /// Starts the scripts that calls have sent.
    pub(super) fn begin_scripts(&mut self) {
        for sent in self.state.control.take_scripts() {
            let host = sent.instance.to_string();
            let id = self.new_command(Running::default());
            let until = self.now() + SimDuration::from_secs(sent.timeout);
            self.state.scripts.push(script::Running {
                exec: id,
                command_id: sent.command_id.clone(),
                instance: sent.instance.clone(),
            });
            match script::read(&sent) {
                Ok(script) => self.start_shell(id, &host, script, Some(until)),
                Err(why) => self.refused(id, &why),
            }
        }
        self.end_commands_of_scripts();
    }

    /// Scripts that have ended are told.
    pub(super) fn end_commands_of_scripts(&mut self) {
        let is_over = |run: &Self, it: &script::Running| {
            run.state.running.get(&it.exec).is_some_and(|it| it.ended)
        };
        while let Some(at) = self.state.scripts.iter().position(|it| is_over(self, it)) {
            let script = self.state.scripts.remove(at);
            let Some(result) = self.take_ended(script.exec) else {
                continue;
            };
            let ended = script.ended(result);
            self.state
                .control
                .handle(self.state.now, ControlInput::Observation(ended));
        }
    }
}
