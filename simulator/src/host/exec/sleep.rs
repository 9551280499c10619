//! `sleep` of coreutils: time passes, and nothing else.

use wirelab_model::{SimDuration, SimTime};

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
            let span = span(word).ok_or_else(|| {
                let text = format!("sleep: invalid time interval ‘{word}’\n{TRY}");
                Refusal::with_status(1, text)
            })?;
            until += span;
        }
        self.wake_exec(until, id);
        Ok(Started::Running(Task::Sleep(until)))
    }
}

/// `5`, `0.5`, `2m`
pub(super) fn span(word: &str) -> Option<SimDuration> {
    let unit = match word.chars().last()? {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(86_400),
        _ => None,
    };
    let digits = if unit.is_some() {
        &word[..word.len() - 1]
    } else {
        word
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let seconds: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let nanos: u64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let total = SimDuration::from_secs(seconds)
        .as_nanos()
        .saturating_add(nanos);
    Some(SimDuration::from_nanos(total).saturating_mul(unit.unwrap_or(1)))
}
