//! Single keys from a terminal, with time-out.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::failure::Failure;

/// A terminal that gives keys as they are pressed; as before when dropped.
pub(super) struct Keys {
    before: Termios,
}

impl Keys {
    pub(super) fn take() -> Result<Self, Failure> {
        let before = tcgetattr(std::io::stdin()).map_err(no_terminal)?;
        let mut raw = before.clone();
        raw.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        // What was typed before, for a shell, is not taken for keys.
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &raw).map_err(no_terminal)?;
        Ok(Self { before })
    }

    /// The next key, or `None` after `patience`. What follows it is left to be read: after the
    /// last key, by the shell.
    pub(super) fn next(&self, patience: Duration) -> Result<Option<char>, Failure> {
        let stdin = std::io::stdin();
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: patience.subsec_nanos().into(),
        };
        match poll(&mut ready, Some(&patience)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(no_terminal(error)),
        }
        let mut byte = [0];
        match rustix::io::read(&stdin, &mut byte).map_err(no_terminal)? {
            0 => Ok(Some('q')),
            _ => Ok(Some(char::from(byte[0]))),
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // Nothing is left to do if the terminal is gone.
        tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before).ok();
    }
}

fn no_terminal(error: rustix::io::Errno) -> Failure {
    Failure::environment(format!("the terminal: {error}"))
}
