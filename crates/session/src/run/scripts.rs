//! What calls start, until it has settled: transitions of resources, and scripts that Systems
//! Manager sends. The commands of a script are started one after the other, and take their time as
//! any program on a machine does.

use wirelab_control::Input as ControlInput;
use wirelab_model::{Call, Caller, Observation, SimDuration, SimTime};
use wirelab_simulator::host::ExecId;

use super::{ExecResult, Run};
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

    /// Takes the scripts that calls have sent.
    pub(super) fn begin_scripts(&mut self) {
        for script in self.state.control.take_scripts() {
            self.state.scripts.push(script::Running::new(script));
        }
        self.go_on_with_scripts();
    }

    /// Starts the next command of each script that is at none; those that are at their end are
    /// told.
    fn go_on_with_scripts(&mut self) {
        while let Some(at) = self.state.scripts.iter().position(|it| it.exec.is_none()) {
            let script = &mut self.state.scripts[at];
            let Some(argv) = script.next_command() else {
                let script = self.state.scripts.remove(at);
                let ended = Observation::ScriptEnded {
                    command_id: script.command_id,
                    instance: script.instance,
                    status: script.status,
                    stdout: script.stdout,
                    stderr: script.stderr,
                };
                let input = ControlInput::Observation(ended);
                self.state.control.handle(self.state.now, input);
                continue;
            };
            let host = script.instance.to_string();
            // Marked before it starts, since it may be over at once.
            let exec = ExecId(self.state.next_exec);
            script.exec = Some(exec);
            let started = self.start(&host, &argv, None);
            let over = match started {
                Ok(_) => self.take_ended(exec),
                // The instance and its machine are gone.
                Err(_) => Some(ExecResult {
                    status: 255,
                    ..ExecResult::default()
                }),
            };
            if let Some(result) = over {
                self.script_of(exec, &result);
            }
        }
    }

    /// A command has ended; it may be one of a script's.
    fn script_of(&mut self, exec: ExecId, result: &ExecResult) {
        let mut scripts = self.state.scripts.iter_mut();
        if let Some(script) = scripts.find(|it| it.exec == Some(exec)) {
            script.take(result);
        }
    }

    /// Commands of scripts that have ended lead on to the next ones.
    pub(super) fn end_commands_of_scripts(&mut self) {
        if self.state.scripts.is_empty() {
            return;
        }
        let at_work = self.state.scripts.iter().filter_map(|it| it.exec);
        let ended: Vec<ExecId> = at_work
            .filter(|it| self.state.running.get(it).is_some_and(|it| it.ended))
            .collect();
        for exec in ended {
            if let Some(result) = self.take_ended(exec) {
                self.script_of(exec, &result);
            }
        }
        self.go_on_with_scripts();
    }
}
