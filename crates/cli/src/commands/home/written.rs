//! Notice of files being written, from the kernel where it gives it.
//!
//! It only ends a wait early: who watches compares the files themselves, and looks now and then
//! anyway, for folders of other machines of which the kernel hears nothing.

use std::path::Path;

#[cfg(target_os = "linux")]
pub(super) use self::linux::Written;
#[cfg(not(target_os = "linux"))]
pub(super) use self::other::Written;

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};

    use super::Path;

    /// A descriptor that can be read when something was written.
    pub(crate) struct Written(OwnedFd);

    impl Written {
        /// `None`: the kernel has none to give.
        pub(crate) fn in_folders(folders: &[&Path]) -> Option<Self> {
            let descriptor = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
            // Saved in place, renamed over, deleted; and the journal, to which lines are appended.
            let written = WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::DELETE
                | WatchFlags::MODIFY;
            for folder in folders {
                inotify::add_watch(&descriptor, *folder, written).ok();
            }
            Some(Self(descriptor))
        }

        /// Takes note of all that was told.
        pub(crate) fn drain(&self) {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = Reader::new(&self.0, &mut buffer);
            while reader.next().is_ok() {}
        }
    }

    impl AsFd for Written {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use super::Path;

    /// Nothing is told.
    pub(crate) struct Written(OwnedFd);

    impl Written {
        pub(crate) const fn in_folders(_: &[&Path]) -> Option<Self> {
            None
        }

        pub(crate) const fn drain(&self) {}
    }

    impl AsFd for Written {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}
