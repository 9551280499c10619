//! Printing packets as other commands move time; moves none itself.
//!
//! The process that the terminal's Ctrl-C or a `kill` ends does nothing but wait. The capture runs
//! in a second one, in a process group of its own, which notices the end of the first on a pipe:
//! it hands over what was simulated until then, lets tcpdump finish its file, and says how many
//! packets there were.

use std::io::{Read, stdin};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wirelab_session::Session;

use super::Arguments;
use super::capture::{Capture, Position};
use super::pipe::Pipe;
use crate::failure::{Code, Failure};
use crate::folder::bound;
use crate::output;

/// How often the journal is looked at, in wall-clock time.
const EVERY: Duration = Duration::from_millis(200);
/// Set for the second process.
const SECOND: &str = "WIRELAB_TCPDUMP_SECOND";

/// Whether this process is the one that waits.
pub(super) fn is_first() -> bool {
    std::env::var_os(SECOND).is_none()
}

/// Starts the second process and waits for it.
pub(super) fn wait(arguments: &Arguments) -> Result<Code, Failure> {
    let mut second = Command::new(std::env::current_exe()?);
    bound::hand_on(&mut second);
    let mut second = second
        .arg("tcpdump")
        .arg(&arguments.host)
        .args(&arguments.options)
        .env(SECOND, "1")
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()?;
    // `wait` would close the pipe; it is open as long as this process lives.
    let alive = second.stdin.take();
    let status = second.wait()?;
    drop(alive);
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(Code::Internal, Code::Program))
}

/// Becomes true when the first process ends.
fn alone() -> Arc<AtomicBool> {
    let alone = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&alone);
    std::thread::spawn(move || {
        stdin().lock().read_to_end(&mut Vec::new()).ok();
        flag.store(true, Ordering::Relaxed);
    });
    alone
}

/// Follows the capture point from behind `printed` until tcpdump or the person ends it.
pub(super) fn until_interrupted(
    mut session: Session,
    capture: &Capture,
    mut printed: Position,
    pipe: &mut Pipe,
) -> Result<(), Failure> {
    let alone = alone();
    let dir = session.dir().to_owned();
    let mut reached = session.now();
    // Not what it is now: somebody may have acted since the session was opened.
    let mut journal = 0;
    while !pipe.has_ended() {
        let last = alone.load(Ordering::Relaxed);
        if length(&dir) != journal {
            journal = length(&dir);
            session.catch_up()?;
            if session.now() < reached {
                output::note(&format!("time went back to {}", session.now()));
                printed = seen(&mut session, capture)?;
            }
            reached = session.now();
            let run = session.run_with_evidence()?;
            pipe.write(capture, &capture.passing(run, &printed))?;
            printed = capture.behind(run);
        }
        if last {
            break;
        }
        std::thread::sleep(EVERY);
    }
    Ok(())
}

/// Behind everything that was seen until now.
pub(super) fn seen(session: &mut Session, capture: &Capture) -> Result<Position, Failure> {
    Ok(capture.behind(session.run_with_evidence()?))
}

/// Octets of the journal: it only grows.
fn length(dir: &std::path::Path) -> u64 {
    let file = std::fs::metadata(dir.join(".wirelab/journal.jsonl"));
    file.map_or(0, |file| file.len())
}
