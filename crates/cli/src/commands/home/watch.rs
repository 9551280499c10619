//! The watch: grades again whenever an answer is saved or the network changed.
//!
//! ```text
//! save ─▶ the kernel tells (`written`) ─▶ stamps differ ─▶ check ─▶ page (`screen`)
//! ```
//!
//! Every way to save is seen, renaming over the file as editors do included. What the kernel does
//! not tell of, since the folder is on another machine, is seen a quarter of a second later.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wirelab_session::Session;

use super::keys::{Key, Keys};
use super::screen::Screen;
use crate::commands::{check, hint, list, status};
use crate::failure::Failure;
use crate::folder;
use crate::print::relative;
use crate::terminal::{ascii_only, dim};
use crate::wrap;

/// How often files are looked at anyway, in wall-clock time.
const EVERY: Duration = Duration::from_millis(250);
/// So many lines of an answer are shown above what it is worth.
const SHOWN: usize = 6;
/// And so much of each.
const LONGEST: usize = 500;
const KEYS: &str = "h hint  t ticket  c check again  l list  q quit";
const SOLVED: &str = "n next lab  h hint  t ticket  c check again  l list  q quit";
const ASK: &str = "h again = the next hint  any other key = not now";

/// Why the watch ended.
pub(super) enum Ended {
    /// Enough for now.
    Quit,
    /// On to the next lab.
    Next,
    /// Somebody has started another lab of the course meanwhile.
    Elsewhere,
}

/// Watches until `q`, or `n` once the lab is solved.
pub(super) fn run(session: Session) -> Result<Ended, Failure> {
    let dir = session.dir().to_owned();
    let folders = [dir.join("answers"), dir.join(".wirelab")];
    let keys = Keys::take(&folders.each_ref().map(PathBuf::as_path))?;
    let screen = Screen::enter()?;
    let mut watch = Watch {
        session,
        screen,
        asked: false,
        solved: false,
    };
    watch.ticket()?;
    let files = watched(&watch.session);
    let mut seen = stamps(&files);
    loop {
        let key = keys.next(EVERY)?;
        watch.screen.fit()?;
        let now = stamps(&files);
        let changed = changed(&seen, &now);
        match (key, &changed) {
            (None, None) if is_left(&dir) => return Ok(Ended::Elsewhere),
            (None, None) => continue,
            (Some(Key::Char('q' | '\x03' | '\x04')), _) => return Ok(Ended::Quit),
            (Some(Key::Char('n')), None) if watch.solved => return Ok(Ended::Next),
            (Some(key), None) if watch.screen.moved(key)? => continue,
            _ => {}
        }
        watch.session.catch_up()?;
        watch.turn(key, changed.as_deref())?;
        // What was saved meanwhile differs from `now`; the check itself is in the journal.
        seen = now;
        if let Some(journal) = seen.last_mut() {
            *journal = stamp(&journal.0);
        }
    }
}

/// Whether commands act on another lab than the one in `dir`, which is there no less.
fn is_left(dir: &Path) -> bool {
    let now = folder::session_folder().ok().flatten();
    now.is_some_and(|now| now.canonicalize().ok() != dir.canonicalize().ok())
}

struct Watch {
    session: Session,
    screen: Screen,
    /// Whether the screen asks if the next hint is wanted.
    asked: bool,
    solved: bool,
}

impl Watch {
    /// A key was pressed, or a file changed.
    fn turn(&mut self, key: Option<Key>, changed: Option<&Path>) -> Result<(), Failure> {
        let asked = std::mem::take(&mut self.asked);
        match key {
            Some(Key::Char('h')) if !asked && self.has_hints() => {
                self.asked = true;
                let hints = self.hints()?;
                self.screen.show(hints, ASK)
            }
            Some(Key::Char('h')) => {
                let hint = hint::next(&mut self.session)?;
                self.screen.show(hint, self.keys())
            }
            Some(Key::Char('t')) => self.ticket(),
            Some(Key::Char('l')) => self.screen.show(list::page()?, self.keys()),
            Some(Key::Char('c')) => self.grade(String::new()),
            _ => match changed {
                Some(path) => self.grade(reason(path)),
                None if asked => self.ticket(),
                None => Ok(()),
            },
        }
    }

    fn ticket(&mut self) -> Result<(), Failure> {
        let page = wrap::joined(&status::print(&mut self.session)?);
        self.screen.show(page, self.keys())
    }

    /// An answer that cannot be graded, or content that cannot be read, ends no watch.
    fn grade(&mut self, reason: String) -> Result<(), Failure> {
        let result = match check::grade(&mut self.session, &[]) {
            Ok(report) => {
                self.solved = report.is_passed();
                check::print(&report, true)
            }
            Err(failure) => format!("{failure}\n"),
        };
        self.screen.show(reason + &result, self.keys())
    }

    const fn keys(&self) -> &'static str {
        if self.solved { SOLVED } else { KEYS }
    }

    fn has_hints(&self) -> bool {
        let mut tasks = self.session.lab().tasks.iter();
        tasks.any(|task| self.session.hints_taken(&task.name) > 0)
    }

    /// The hints taken so far.
    fn hints(&self) -> Result<String, Failure> {
        let mut text = String::new();
        for task in &self.session.lab().tasks {
            for (index, hint) in self.session.hints(&task.name)?.iter().enumerate() {
                let (task, of) = (&task.name, task.hints.len());
                text += &format!(" {task} · hint {} of {of}\n", index + 1);
                text += &format!("   {}\n", hint.text.trim_end().replace('\n', "\n   "));
            }
        }
        Ok(text)
    }
}

/// Why there is a new result on the screen; an answer as it was saved.
fn reason(path: &Path) -> String {
    if path.ends_with(JOURNAL) {
        return dim("the lab went on: checked again") + "\n";
    }
    let bar = if ascii_only() { "|" } else { "│" };
    let text = beginning(path);
    let lines = text.lines().take(SHOWN).enumerate();
    let lines: String = lines
        .map(|(number, line)| {
            let line: String = line.chars().take(LONGEST).collect();
            format!(" {} {line}\n", dim(format!("{:>2} {bar}", number + 1)))
        })
        .collect();
    let said = format!("{} was saved: checked again", relative(path));
    format!("{}\n{lines}\n", dim(said))
}

/// As much of a file as may be shown.
fn beginning(path: &Path) -> String {
    let mut octets = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        let most = (SHOWN * LONGEST * 4) as u64;
        // What cannot be read is not shown; the check says why.
        let _ = file.take(most).read_to_end(&mut octets);
    }
    wirelab_session::typed(&octets)
}

const JOURNAL: &str = ".wirelab/journal.jsonl";

/// A file, its length, and when it was last written.
type Stamp = (PathBuf, u64, Option<SystemTime>);

/// The first file that differs, new and deleted ones included.
fn changed(before: &[Stamp], now: &[Stamp]) -> Option<PathBuf> {
    let mut pairs = before.iter().zip(now);
    let (_, now) = pairs.find(|(before, now)| before != now)?;
    Some(now.0.clone())
}

/// The answers, whether they are there or not, and last the journal. What editors keep beside an
/// answer is none.
fn watched(session: &Session) -> Vec<PathBuf> {
    let answers = session.dir().join("answers");
    let tasks = session.lab().tasks.iter();
    let mut files: Vec<PathBuf> = tasks
        .filter_map(|task| {
            let extension = task.kind.extension()?;
            Some(answers.join(format!("{}.{extension}", task.name)))
        })
        .collect();
    files.push(session.dir().join(JOURNAL));
    files
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|file| stamp(file)).collect()
}

fn stamp(path: &Path) -> Stamp {
    match std::fs::metadata(path) {
        Ok(file) => (path.to_owned(), file.len(), file.modified().ok()),
        Err(_) => (path.to_owned(), 0, None),
    }
}
