//! The lock of a session: `.wirelab/lock`, held by the process that works on it, which writes its
//! number into it. It is released when the file is closed, so with the process at the latest.
//!
//! A long `advance` in one terminal makes a `status` in another wait. Whoever has somebody to tell
//! gives [`Waiting`]: it is called again and again while the lock is taken.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::SessionError;

/// What a process does while another one has the lock: how often it was called before, and the
/// number of the other process, if it is known. It returns when it is time to try again.
pub type Waiting = fn(turn: u32, holder: Option<u32>);

/// The lock of a session, taken or not.
#[derive(Debug)]
pub(crate) struct Lock {
    file: Arc<File>,
    path: PathBuf,
}

/// The lock is held until this goes.
#[derive(Debug)]
pub(crate) struct Held(Arc<File>);

impl Drop for Held {
    fn drop(&mut self) {
        // It would be released with the file at the latest.
        self.0.unlock().ok();
    }
}

impl Lock {
    /// The lock of the session in `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self, SessionError> {
        let path = dir.join(".wirelab/lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path);
        let file = file.map_err(|error| SessionError::file(&path, error))?;
        Ok(Self {
            file: Arc::new(file),
            path,
        })
    }

    /// Waits until nobody else has it.
    pub(crate) fn take(&mut self, waiting: Option<Waiting>) -> Result<Held, SessionError> {
        let locked = match waiting {
            Some(waiting) => wait(&self.file, waiting),
            None => self.file.lock(),
        };
        locked.map_err(|error| SessionError::file(&self.path, error))?;
        // Who it is only helps others to understand: no reason to fail.
        sign(&self.file).ok();
        Ok(Held(Arc::clone(&self.file)))
    }
}

fn wait(file: &File, waiting: Waiting) -> io::Result<()> {
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

/// Octets of the number in the file: it is always written whole, in one piece.
const DIGITS: usize = 11;

/// The number that the process which has the lock wrote into it.
fn holder(file: &File) -> Option<u32> {
    let mut text = [0; DIGITS];
    let length = file.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text[..length])
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn sign(file: &File) -> io::Result<()> {
    let text = format!("{:<10}\n", std::process::id());
    file.write_all_at(text.as_bytes(), 0)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn whoever_waits_is_told_for_whom_until_the_lock_is_free() {
        static OTHER: Mutex<Option<Held>> = Mutex::new(None);
        static TOLD: Mutex<Vec<(u32, Option<u32>)>> = Mutex::new(Vec::new());
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(dir.path().join(".wirelab")).expect("a session's folder");
        let take = |waiting| Lock::open(dir.path()).and_then(|mut it| it.take(waiting));
        let other = take(None).expect("nobody has it");
        *OTHER.lock().expect("not poisoned") = Some(other);

        let waiting: Waiting = |turn, holder| {
            TOLD.lock().expect("not poisoned").push((turn, holder));
            if turn == 2 {
                *OTHER.lock().expect("not poisoned") = None;
            }
        };
        take(Some(waiting)).expect("free after three turns");
        let own = Some(std::process::id());
        let told = TOLD.lock().expect("not poisoned");
        assert_eq!(*told, [(0, own), (1, own), (2, own)]);
    }
}
