//! Printing packets as other commands move time; moves none itself.

use std::time::Duration;

use wirelab_session::Session;

use super::Capture;
use super::pipe::Pipe;
use crate::failure::Failure;
use crate::output;

/// How often the journal is looked at, in wall-clock time.
const EVERY: Duration = Duration::from_millis(200);

/// Follows the capture point until tcpdump or the person ends it.
pub(super) fn until_interrupted(
    mut session: Session,
    capture: &Capture,
    pipe: &mut Pipe,
) -> Result<(), Failure> {
    let dir = session.dir().to_owned();
    let mut reached = session.now();
    let mut printed = seen(&mut session, capture)?;
    let mut journal = length(&dir);
    while !pipe.has_ended() {
        std::thread::sleep(EVERY);
        if length(&dir) == journal {
            continue;
        }
        journal = length(&dir);
        session.catch_up()?;
        if session.now() < reached {
            output::note(&format!("time went back to {}", session.now()));
            printed = seen(&mut session, capture)?;
        }
        reached = session.now();
        let run = session.run_with_evidence()?;
        for frame in capture.passing(run, printed) {
            pipe.write(frame)?;
        }
        pipe.flush()?;
        printed = seen(&mut session, capture)?;
    }
    Ok(())
}

/// How many frames the capture point has seen.
fn seen(session: &mut Session, capture: &Capture) -> Result<usize, Failure> {
    let run = session.run_with_evidence()?;
    Ok(run.evidence().captured(capture.point()).len())
}

/// Octets of the journal: it only grows.
fn length(dir: &std::path::Path) -> u64 {
    let file = std::fs::metadata(dir.join(".wirelab/journal.jsonl"));
    file.map_or(0, |file| file.len())
}
