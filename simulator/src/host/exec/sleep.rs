//! `sleep` of coreutils: time passes, and nothing else.

use wirelab_model::{SimTime, read_span};

use super::{Refusal, Start, Started, Task};
use crate::host::Host;
use crate::host::output::ExecId;

impl Host {
    /// Sleeps for the sum of its arguments, which may have a fraction and the unit s, m, h or d.
    pub(super) fn start_sleep(&mut self, now: SimTime, id: ExecId, arguments: &[String]) -> Start {
        const TRY: &str = "Try 'sleep --help' for more information.\n";
        if arguments.is_empty() {
            let text = format!("sleep: missing operand\n{TRY}");
            return Err(Refusal::with_status(1, text));
        }
        let mut until = now;
        for word in arguments {
            let span = read_span(word).ok_or_else(|| {
                let text = format!("sleep: invalid time interval ‘{word}’\n{TRY}");
                Refusal::with_status(1, text)
            })?;
            until += span;
        }
        self.wake_exec(until, id);
        Ok(Started::Running(Task::Sleep(until)))
    }
}
