//! Printing packets as other commands move time; moves none itself.

use std::time::Duration;

use wirelab_session::Session;

use super::Capture;
use super::pipe::Pipe;
use crate::failure::Failure;
use crate::{content, output};

/// How often the journal is looked at, in wall-clock time.
const EVERY: Duration = Duration::from_millis(200);

/// Follows the capture point until tcpdump or the person ends it.
pub(super) fn until_interrupted(
    mut session: Session,
    capture: &Capture,
    pipe: &mut Pipe,
) -> Result<(), Failure> {
    let content = content::find()?;
    let dir = session.dir().to_owned();
    let mut since = session.now();
    let run = session.run_with_evidence()?;
    let mut printed = run.evidence().captured(capture.point()).len();
    let mut left = capture.count.unwrap_or(u64::MAX);
    let mut journal = length(&dir);
    while left > 0 && !pipe.has_ended() {
        std::thread::sleep(EVERY);
        if length(&dir) == journal {
            continue;
        }
        journal = length(&dir);
        session = Session::open(&dir, &content)?;
        if session.now() < since {
            output::note(&format!("time went back to {}", session.now()));
            let run = session.run_with_evidence()?;
            printed = run.evidence().captured(capture.point()).len();
        }
        since = session.now();
        let run = session.run_with_evidence()?;
        for frame in capture.passing(run, printed) {
            pipe.write(frame)?;
            left -= 1;
        }
        pipe.flush()?;
        printed = run.evidence().captured(capture.point()).len();
    }
    Ok(())
}

/// Octets of the journal: it only grows.
fn length(dir: &std::path::Path) -> u64 {
    let file = std::fs::metadata(dir.join(".wirelab/journal.jsonl"));
    file.map_or(0, |file| file.len())
}
