//! What the watch waits for: a key, a file that was written, a signal, or that time passes.

use std::io::Stdin;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};

use super::written::Written;
use crate::failure::Failure;

/// So long the rest of a key's sequence may take to come.
const SEQUENCE: Duration = Duration::from_millis(25);

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// So many lines, or pages, down; up if negative.
    Lines(i32),
    Pages(i32),
    Top,
    Bottom,
}

/// A terminal that gives keys as they are pressed; as before when dropped.
pub(super) struct Keys {
    before: Termios,
    stdin: Stdin,
    /// What else ends the wait: with the time-out alone files are seen later, and all the same.
    written: Option<Written>,
    ended: Arc<AtomicBool>,
}

impl Keys {
    /// Takes the terminal; files written in `folders` end waits too.
    pub(super) fn take(folders: &[&Path]) -> Result<Self, Failure> {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).map_err(no_terminal)?;
        let mut raw = before.clone();
        raw.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        let ended = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGHUP, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&ended))?;
        }
        // Noted nowhere: it ends the wait, and who draws looks at the size.
        signal_hook::flag::register(SIGWINCH, Arc::new(AtomicBool::new(false)))?;
        // What was typed before, for a shell, is not taken for keys.
        tcsetattr(&stdin, OptionalActions::Flush, &raw).map_err(no_terminal)?;
        Ok(Self {
            before,
            stdin,
            written: Written::in_folders(folders),
            ended,
        })
    }

    /// The next key, or `None` after `patience`, a signal or a write. What follows the key is left
    /// to be read: after the last one, by the shell.
    pub(super) fn next(&self, patience: Duration) -> Result<Option<Key>, Failure> {
        if !self.is_ready(self.written.as_ref(), patience)? {
            return Ok(self.ended.load(Ordering::Relaxed).then_some(Key::Char('q')));
        }
        let Some(byte) = self.byte()? else {
            return Ok(Some(Key::Char('q')));
        };
        match byte {
            0x1b => self.sequence(),
            byte => Ok(Some(of_char(char::from(byte)))),
        }
    }

    /// Whether there is something to read from the terminal within `patience`.
    fn is_ready(&self, written: Option<&Written>, patience: Duration) -> Result<bool, Failure> {
        let mut waits = vec![PollFd::new(&self.stdin, PollFlags::IN)];
        waits.extend(written.map(|it| PollFd::new(it, PollFlags::IN)));
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: patience.subsec_nanos().into(),
        };
        match poll(&mut waits, Some(&patience)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(no_terminal(error)),
        }
        let is_key = !waits[0].revents().is_empty();
        if let Some(written) = written {
            written.drain();
        }
        Ok(is_key)
    }

    fn byte(&self) -> Result<Option<u8>, Failure> {
        let mut byte = [0];
        let read = rustix::io::read(&self.stdin, &mut byte).map_err(no_terminal)?;
        Ok((read > 0).then_some(byte[0]))
    }

    /// What comes after Escape: `[A`, `OA`, `[5~`. Escape alone is nothing.
    fn sequence(&self) -> Result<Option<Key>, Failure> {
        let mut text = String::new();
        while text.len() < 8 && self.is_ready(None, SEQUENCE)? {
            let Some(byte) = self.byte()? else {
                break;
            };
            text.push(char::from(byte));
            if text.len() > 1 && matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'~') {
                break;
            }
        }
        Ok(of_sequence(&text))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // Nothing is left to do if the terminal is gone.
        tcsetattr(&self.stdin, OptionalActions::Now, &self.before).ok();
    }
}

const fn of_char(c: char) -> Key {
    match c {
        'j' => Key::Lines(1),
        'k' => Key::Lines(-1),
        ' ' => Key::Pages(1),
        // Terminals that leave it as it is typed.
        '\r' => Key::Char('\n'),
        'g' => Key::Top,
        'G' => Key::Bottom,
        c => Key::Char(c),
    }
}

fn of_sequence(text: &str) -> Option<Key> {
    Some(match text {
        "[A" | "OA" => Key::Lines(-1),
        "[B" | "OB" => Key::Lines(1),
        "[5~" => Key::Pages(-1),
        "[6~" => Key::Pages(1),
        "[H" | "OH" | "[1~" => Key::Top,
        "[F" | "OF" | "[4~" => Key::Bottom,
        _ => return None,
    })
}

fn no_terminal(error: rustix::io::Errno) -> Failure {
    Failure::environment(format!("the terminal: {error}"))
}
