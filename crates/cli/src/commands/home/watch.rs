//! The watch: grades again whenever an answer is saved or the network changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wirelab_session::Session;

use super::keys::Keys;
use crate::commands::{check, hint, list, status};
use crate::failure::{Code, Failure};
use crate::output;
use crate::print::relative;
use crate::terminal::dim;

/// How often files are looked at, in wall-clock time.
const EVERY: Duration = Duration::from_millis(250);
const CLEAR: &str = "\x1b[2J\x1b[H";
const KEYS: &str = "h hint  t ticket  c check again  l list  q quit";
const ASK: &str = "h again = the next hint  any other key = not now";

/// Watches until `q`.
pub(super) fn run(mut session: Session) -> Result<Code, Failure> {
    let keys = Keys::take()?;
    let dir = session.dir().to_owned();
    screen(&status::print(&mut session)?, KEYS)?;
    let mut seen = stamp(&dir);
    // Whether the screen asks if the next hint is wanted.
    let mut asked = false;
    loop {
        let key = keys.next(EVERY)?;
        let now = stamp(&dir);
        let changed = changed(&seen, &now);
        if changed.is_none() && key.is_none() {
            continue;
        }
        session.catch_up()?;
        let asks = key == Some('h') && !asked && has_hints(&session);
        match key {
            Some('q' | '\x03' | '\x04') => return Ok(Code::Passed),
            Some('h') if asks => screen(&hints(&session)?, ASK)?,
            Some('h') => screen(&hint::next(&mut session)?, KEYS)?,
            Some('t') => screen(&status::print(&mut session)?, KEYS)?,
            Some('l') => screen(&list::page()?, KEYS)?,
            Some('c') => graded(&mut session, "")?,
            _ => match changed {
                Some(path) => graded(&mut session, &reason(&path))?,
                None if asked => screen(&status::print(&mut session)?, KEYS)?,
                None => {}
            },
        }
        asked = asks;
        seen = stamp(&dir);
    }
}

/// Why there is a new result on the screen.
fn reason(path: &Path) -> String {
    let what = if path.ends_with(JOURNAL) {
        "the lab went on".to_owned()
    } else {
        format!("{} was saved", relative(path))
    };
    dim(format!("{what}: checked again")) + "\n"
}

/// An answer that cannot be graded, or content that cannot be read, ends no watch.
fn graded(session: &mut Session, reason: &str) -> Result<(), Failure> {
    let result = match check::grade(session, None) {
        Ok(report) => check::print(&report, true),
        Err(failure) => format!("{failure}\n"),
    };
    screen(&format!("{reason}{result}"), KEYS)
}

fn has_hints(session: &Session) -> bool {
    let mut tasks = session.lab().tasks.iter();
    tasks.any(|task| session.hints_taken(&task.name) > 0)
}

/// The hints taken so far.
fn hints(session: &Session) -> Result<String, Failure> {
    let mut text = String::new();
    for task in &session.lab().tasks {
        for (index, hint) in session.hints(&task.name)?.iter().enumerate() {
            let (task, of) = (&task.name, task.hints.len());
            text += &format!(" {task} · hint {} of {of}\n", index + 1);
            text += &format!("   {}\n", hint.text.trim_end().replace('\n', "\n   "));
        }
    }
    Ok(text)
}

fn screen(text: &str, keys: &str) -> Result<(), Failure> {
    output::text(&format!("{CLEAR}{text}\n{}\n", dim(keys)))
}

const JOURNAL: &str = ".wirelab/journal.jsonl";

/// A file, its length, and when it was last written.
type Stamp = (PathBuf, u64, Option<SystemTime>);

/// The first file that differs, new and deleted ones included.
fn changed(before: &[Stamp], now: &[Stamp]) -> Option<PathBuf> {
    let new = now.iter().find(|it| !before.contains(it));
    let gone = || {
        let is_there = |path: &PathBuf| now.iter().any(|it| it.0 == *path);
        before.iter().find(|it| !is_there(&it.0))
    };
    new.or_else(gone).map(|it| it.0.clone())
}

/// The answers and the journal.
fn stamp(dir: &Path) -> Vec<Stamp> {
    let answers = std::fs::read_dir(dir.join("answers"))
        .into_iter()
        .flatten()
        .flatten();
    let mut files: Vec<_> = answers.map(|entry| entry.path()).collect();
    files.sort();
    files.push(dir.join(JOURNAL));
    let stamp = |path: PathBuf| match std::fs::metadata(&path) {
        Ok(file) => (path, file.len(), file.modified().ok()),
        Err(_) => (path, 0, None),
    };
    files.into_iter().map(stamp).collect()
}
