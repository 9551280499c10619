//! Watching a query over files from another thread: how far it is, on a terminal, once it takes
//! noticeably long; and whether somebody has pressed Ctrl-C.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use wirelab_query::LogFiles;
use wirelab_query::athena::Buckets;

use crate::failure::{Code, Failure};
use crate::interrupt::Interrupt;
use crate::output;

/// How often it is looked at, and how often shown anew.
const LOOK: Duration = Duration::from_millis(50);
const SHOW: Duration = Duration::from_millis(300);

/// How long a query may go on computing after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(1);

/// What to do about a query that ends at its limit of time.
pub(super) const MORE_TIME: &str =
    "`--timeout SECONDS` gives it more; a condition on the time range or a partition reads less";

const STOPPED: &str = "stopped by Ctrl-C; there is no answer";

/// What is read while a query runs.
pub(super) trait Reading: Sync {
    /// Bytes read so far.
    fn bytes_read(&self) -> u64;
    /// Bytes there are, if that is known.
    fn bytes(&self) -> Option<u64>;
    /// Ends the query with an error.
    fn stop(&self);
}

impl Reading for LogFiles {
    fn bytes_read(&self) -> u64 {
        self.bytes_read()
    }

    fn bytes(&self) -> Option<u64> {
        Some(self.bytes())
    }

    fn stop(&self) {
        self.stop();
    }
}

impl Reading for Buckets {
    fn bytes_read(&self) -> u64 {
        self.bytes_read()
    }

    fn bytes(&self) -> Option<u64> {
        None
    }

    fn stop(&self) {
        self.stop();
    }
}

/// Does the work; `None` if Ctrl-C has ended it. Work that has a limit of time, but does not look
/// at the clock itself, is ended at its limit.
#[expect(
    clippy::exit,
    reason = "a query that computes looks at nothing: only with the process does it end"
)]
pub(super) fn reading<T>(
    what: &impl Reading,
    limit: Option<Duration>,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let interrupt = Interrupt::watch()?;
    let (working, done) = mpsc::channel::<()>();
    let begin = Instant::now();
    let is_over = || limit.is_some_and(|limit| begin.elapsed() > limit);
    let late = || {
        let seconds = limit.unwrap_or_default().as_secs();
        Failure::usage(format!("Query timeout: it runs longer than {seconds} s")).hint(MORE_TIME)
    };
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Moved here, so that the channel's end is this thread's.
            let done = done;
            let before = what.bytes_read();
            let mut line = Line::new();
            let mut asked = None;
            while done.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let interrupted = interrupt.goes_on().is_break();
                if interrupted || is_over() {
                    what.stop();
                    if asked.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                        // It computes and reads no more: nothing of it is kept, so it may end here.
                        line.clear();
                        if interrupted {
                            output::note(STOPPED);
                            std::process::exit(i32::from(Code::Interrupted.status()));
                        }
                        let late = late();
                        late.print();
                        std::process::exit(i32::from(late.code().status()));
                    }
                }
                line.show(what.bytes_read() - before, what.bytes());
            }
            line.clear();
        });
        // Dropped when the work is done or panics: then the other thread ends.
        let _working = working;
        work()
    });
    match result {
        Err(_) if interrupt.goes_on().is_break() => {
            output::note(STOPPED);
            Ok(None)
        }
        Err(_) if is_over() => Err(late()),
        result => result.map(Some),
    }
}

/// The line on the terminal.
struct Line {
    next: Option<Instant>,
    shown: bool,
}

impl Line {
    fn new() -> Self {
        let on_terminal = std::io::stderr().is_terminal();
        Self {
            next: on_terminal.then(|| Instant::now() + SHOW),
            shown: false,
        }
    }

    fn show(&mut self, read: u64, all: Option<u64>) {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + SHOW);
        self.shown = true;
        anstream::eprint!("\r\x1b[K{}", progress(read, all));
    }

    fn clear(&self) {
        if self.shown {
            anstream::eprint!("\r\x1b[K");
        }
    }
}

fn progress(read: u64, all: Option<u64>) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let Some(all) = all.filter(|all| *all >= read && *all > 0) else {
        return format!("read {:.1} MB", megabytes(read));
    };
    let percent = read * 100 / all;
    format!(
        "read {:.1} of {:.1} MB, {percent}%",
        megabytes(read),
        megabytes(all)
    )
}
