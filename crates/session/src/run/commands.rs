//! Commands on machines: from their start to what they have printed. A script is handed to the
//! shell ([`super::shells`]), everything else to the machine.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{SimDuration, SimTime};
use wirelab_simulator::Input;
use wirelab_simulator::host::{ExecId, OutputStream};

use super::shells::script_of;
use super::{ExecResult, Run, RunError};
use crate::servers;

/// A command that has not ended after this long is reported as running.
const EXEC_AT_MOST: SimDuration = SimDuration::from_secs(3600);

/// A command that has been started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Running {
    pub(super) result: ExecResult,
    /// What it has printed, in order, where a script asks for that.
    pub(super) parts: Option<Vec<(OutputStream, String)>>,
    pub(super) ended: bool,
    /// The event of the timeline that started it; such a command ends unseen.
    pub(super) event: Option<usize>,
}

impl Run {
    /// Runs a command on a machine and lets time pass until it ends. A script is run by a shell: a
    /// shell's own command line, a program that scripts are made of, or one word that is a script,
    /// as `ssh HOST 'a | b'` takes it.
    ///
    /// # Errors
    /// An unknown machine; a command that does not end; no room for more evidence. In the last two
    /// cases time has passed.
    pub fn exec(&mut self, host: &str, argv: &[String]) -> Result<ExecResult, RunError> {
        let id = self.start(host, argv, None)?;
        let limit = self.now() + EXEC_AT_MOST;
        loop {
            if let Some(result) = self.take_ended(id) {
                return Ok(result);
            }
            self.has_room()?;
            if !self.step(limit) {
                return Err(RunError::Endless {
                    command: argv.join(" "),
                });
            }
        }
    }

    /// A number for a command, and a place for what it prints.
    pub(super) fn new_command(&mut self, running: Running) -> ExecId {
        let id = ExecId(self.state.next_exec);
        self.state.next_exec += 1;
        self.state.running.insert(id, running);
        id
    }

    pub(super) fn start(
        &mut self,
        host: &str,
        argv: &[String],
        event: Option<usize>,
    ) -> Result<ExecId, RunError> {
        let running = Running {
            event,
            ..Running::default()
        };
        let script = script_of(argv).filter(|_| self.state.world.is_at_work(host));
        let id = self.new_command(running);
        match script {
            Some(script) => self.start_shell(id, host, script, None),
            None => {
                if let Err(error) = self.start_program(id, host, argv) {
                    self.state.running.remove(&id);
                    self.state.next_exec = id.0;
                    return Err(error);
                }
            }
        }
        Ok(id)
    }

    /// Starts a program of a machine, or a server on it.
    pub(super) fn start_program(
        &mut self,
        id: ExecId,
        host: &str,
        argv: &[String],
    ) -> Result<(), RunError> {
        let host: SmolStr = host.into();
        let input = match servers::asked(argv) {
            Some(Ok(server)) => Input::Serve {
                id,
                host,
                server: Box::new(server),
            },
            Some(Err(why)) => {
                self.refused(id, &servers::refusal(argv, &why));
                return Ok(());
            }
            None => Input::Exec {
                id,
                host,
                argv: argv.to_vec(),
            },
        };
        self.input(input)
    }

    /// A command ends before it has begun.
    pub(super) fn refused(&mut self, id: ExecId, text: &str) {
        self.printed(id, OutputStream::Stderr, text);
        self.ended(id, 2, self.now());
    }

    pub(super) fn take_ended(&mut self, id: ExecId) -> Option<ExecResult> {
        self.take_running(id).map(|it| it.result)
    }

    /// A command that has ended, with all that is known of it.
    pub(super) fn take_running(&mut self, id: ExecId) -> Option<Running> {
        let running = self.state.running.get(&id)?;
        running.ended.then(|| self.state.running.remove(&id))?
    }

    pub(super) fn printed(&mut self, id: ExecId, stream: OutputStream, text: &str) {
        if self.is_unread(id, stream) {
            return;
        }
        if let Some(running) = self.state.running.get_mut(&id) {
            if let Some(parts) = &mut running.parts {
                parts.push((stream, text.to_owned()));
            }
            running.result.combined.push_str(text);
            match running.result.order.last_mut() {
                Some((last, length)) if *last == stream => *length += text.len(),
                _ => running.result.order.push((stream, text.len())),
            }
            match stream {
                OutputStream::Stdout => running.result.stdout.push_str(text),
                OutputStream::Stderr => running.result.stderr.push_str(text),
            }
        }
    }

    pub(super) fn ended(&mut self, id: ExecId, status: i32, at: SimTime) {
        let Some(running) = self.state.running.get_mut(&id) else {
            return;
        };
        running.result.status = status;
        running.result.ended_at = at;
        running.ended = true;
        if let Some(event) = running.event {
            let result = self
                .state
                .running
                .remove(&id)
                .expect("it was just there")
                .result;
            if status != 0 {
                let why = format!("status {status}: {}", result.combined.trim());
                self.evidence.failed_events.push((event, why));
            }
        }
    }
}
