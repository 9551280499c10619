//! Folders of shells, and those that a killed process has left.
//!
//! A server holds the lock on a file in its folder for as long as it lives; the kernel gives the
//! lock back with the process, however that ends. So whoever starts the next shell can tell which
//! folders nobody needs any more, and removes them.

use std::fs::{self, File};
use std::io;
use std::path::Path;

const LOCK: &str = "lock";

/// Marks `folder` as in use until the file is closed.
pub(super) fn hold(folder: &Path) -> io::Result<File> {
    // It gets its name when it is locked: nobody finds it free in between.
    let unnamed = folder.join("lock.new");
    let file = File::create(&unnamed)?;
    file.lock()?;
    fs::rename(unnamed, folder.join(LOCK))?;
    Ok(file)
}

/// Removes the folders in `place` that begin with `prefix` and that nobody holds. What cannot be
/// removed is somebody else's.
pub(super) fn clean(place: &Path, prefix: &str) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for entry in entries {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        if is_ours && is_left(&entry.path()) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

fn is_left(folder: &Path) -> bool {
    let lock = File::open(folder.join(LOCK));
    lock.is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_nobody_holds_are_removed() {
        let place = tempfile::tempdir().expect("a folder");
        let made = |name: &str| {
            let folder = place.path().join(name);
            fs::create_dir(&folder).expect("a folder");
            folder
        };
        let (left, held, strange) = (made("x-left"), made("x-held"), made("x-strange"));
        drop(hold(&left).expect("a lock"));
        let lock = hold(&held).expect("a lock");
        clean(place.path(), "x-");
        assert!(!left.exists() && held.exists() && strange.exists());
        drop(lock);
        clean(place.path(), "y-");
        assert!(held.exists());
    }
}
