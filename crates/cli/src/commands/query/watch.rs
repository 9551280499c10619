//! How far a query over files is, on a terminal, once it takes noticeably long.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use wirelab_query::LogFiles;

/// How often it is shown anew.
const EVERY: Duration = Duration::from_millis(300);

/// Does the work; until it is done a line on the terminal says how much of the files has been read.
pub(super) fn reading<T>(logs: &LogFiles, work: impl FnOnce() -> T) -> T {
    if !std::io::stderr().is_terminal() {
        return work();
    }
    let (working, done) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let before = logs.bytes_read();
            let mut shown = false;
            while done.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let read = (logs.bytes_read() - before).min(logs.bytes());
                anstream::eprint!("\r\x1b[K{}", line(read, logs.bytes()));
                shown = true;
            }
            if shown {
                anstream::eprint!("\r\x1b[K");
            }
        });
        // Dropped when the work is done or panics: then the other thread ends.
        let _working = working;
        work()
    })
}

fn line(read: u64, all: u64) -> String {
    let percent = (read * 100).checked_div(all).unwrap_or(100);
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!(
        "read {:.1} of {:.1} MB, {percent}%",
        megabytes(read),
        megabytes(all)
    )
}
