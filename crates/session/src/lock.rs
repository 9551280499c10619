//! The lock of a session: `.wirelab/lock`, held by the process that works on it, which writes its
//! number into it. It is released when the file is closed, so with the process at the latest.
//!
//! A long `advance` in one terminal makes a `status` in another wait. Whoever has somebody to tell
//! gives [`Waiting`]: it is called again and again while the lock is taken.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use crate::error::SessionError;

/// What a process does while another one has the lock: how often it was called before, and the
/// number of the other process, if it is known. It returns when it is time to try again.
pub type Waiting = fn(turn: u32, holder: Option<u32>);

/// Takes the lock of the session in `dir`.
pub(crate) fn take(dir: &Path, waiting: Option<Waiting>) -> Result<File, SessionError> {
    let path = dir.join(".wirelab/lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path);
    let locked = file.and_then(|mut file| {
        match waiting {
            Some(waiting) => wait(&mut file, waiting)?,
            None => file.lock()?,
        }
        // Who it is only helps others to understand: no reason to fail.
        sign(&mut file).ok();
        Ok(file)
    });
    locked.map_err(|error| SessionError::file(&path, error))
}

fn wait(file: &mut File, waiting: Waiting) -> io::Result<()> {
    let mut turn = 0;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => waiting(turn, holder(file)),
        }
        turn = turn.saturating_add(1);
    }
}

/// The number that the process which has the lock wrote into it.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn whoever_waits_is_told_for_whom_until_the_lock_is_free() {
        static OTHER: Mutex<Option<File>> = Mutex::new(None);
        static TOLD: Mutex<Vec<(u32, Option<u32>)>> = Mutex::new(Vec::new());
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(dir.path().join(".wirelab")).expect("a session's folder");
        let other = take(dir.path(), None).expect("nobody has it");
        *OTHER.lock().expect("not poisoned") = Some(other);

        let waiting: Waiting = |turn, holder| {
            TOLD.lock().expect("not poisoned").push((turn, holder));
            if turn == 2 {
                *OTHER.lock().expect("not poisoned") = None;
            }
        };
        take(dir.path(), Some(waiting)).expect("free after three turns");
        let own = Some(std::process::id());
        let told = TOLD.lock().expect("not poisoned");
        assert_eq!(*told, [(0, own), (1, own), (2, own)]);
    }
}
