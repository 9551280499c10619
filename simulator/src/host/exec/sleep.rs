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
        let end = arguments.iter().position(|it| it == "--");
        let (options, operands) = arguments.split_at(end.unwrap_or(arguments.len()));
        // Options may stand behind operands, up to `--` (getopt_long(3)).
        let is_option = |it: &&String| it.starts_with('-') && it.len() > 1;
        if let Some(option) = options.iter().find(is_option) {
            let wrong = match (option.strip_prefix("--"), option.chars().nth(1)) {
                (None, Some(letter)) => format!("invalid option -- '{letter}'"),
                _ => format!("unrecognized option '{option}'"),
            };
            return Err(Refusal::with_status(1, format!("sleep: {wrong}\n{TRY}")));
        }
        let words = options.iter().chain(operands.iter().skip(1));
        let (mut until, mut wrong) = (now, String::new());
        for word in words {
            match read_span(word) {
                Some(span) => until += span,
                None => wrong += &format!("sleep: invalid time interval ‘{word}’\n"),
            }
        }
        if !wrong.is_empty() {
            return Err(Refusal::with_status(1, wrong + TRY));
        }
        self.wake_exec(until, id);
        Ok(Started::Running(Task::Sleep(until)))
    }
}
