//! The watch: grades again whenever an answer is saved or the network changed.

use std::path::Path;
use std::time::{Duration, SystemTime};

use wirelab_session::Session;

use super::keys::Keys;
use crate::commands::{check, hint, list, status};
use crate::failure::{Code, Failure};
use crate::output;
use crate::terminal::dim;

/// How often files are looked at, in wall-clock time.
const EVERY: Duration = Duration::from_millis(250);
const CLEAR: &str = "\x1b[2J\x1b[H";
const KEYS: &str = "h hint  t ticket  c check again  l list  q quit";

/// Watches until `q`.
pub(super) fn run(mut session: Session) -> Result<Code, Failure> {
    let keys = Keys::take()?;
    let dir = session.dir().to_owned();
    screen(&status::print(&mut session)?)?;
    let mut seen = stamp(&dir);
    loop {
        let key = keys.next(EVERY)?;
        let now = stamp(&dir);
        let changed = now != seen;
        if !changed && key.is_none() {
            continue;
        }
        session.catch_up()?;
        match key {
            Some('q' | '\x03' | '\x04') => return Ok(Code::Passed),
            Some('h') => screen(&hint::next(&mut session)?)?,
            Some('t') => screen(&status::print(&mut session)?)?,
            Some('l') => screen(&list::page()?)?,
            Some('c') => graded(&mut session)?,
            _ if changed => graded(&mut session)?,
            _ => {}
        }
        seen = stamp(&dir);
    }
}

/// An answer that cannot be graded, or content that cannot be read, ends no watch.
fn graded(session: &mut Session) -> Result<(), Failure> {
    match check::grade(session, None) {
        Ok(report) => screen(&check::print(&report, true)),
        Err(failure) => screen(&format!("{failure}\n")),
    }
}

fn screen(text: &str) -> Result<(), Failure> {
    output::text(&format!("{CLEAR}{text}\n{}\n", dim(KEYS)))
}

/// When the answers and the journal were last written.
fn stamp(dir: &Path) -> Vec<(u64, Option<SystemTime>)> {
    let answers = std::fs::read_dir(dir.join("answers"))
        .into_iter()
        .flatten()
        .flatten();
    let mut files: Vec<_> = answers.map(|entry| entry.path()).collect();
    files.sort();
    files.push(dir.join(".wirelab/journal.jsonl"));
    let files = files.iter().map(std::fs::metadata);
    files
        .map(|file| file.map_or((0, None), |f| (f.len(), f.modified().ok())))
        .collect()
}
