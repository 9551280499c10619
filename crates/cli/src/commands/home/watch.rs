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

use wirelab_grader::Counterexample;
use wirelab_grader::report::{Report, TaskReport};
use wirelab_session::Session;

use super::keys::{Key, Keys};
use super::screen::Screen;
use super::{closer, first};
use crate::commands::book::pages::chapter_of;
use crate::commands::list::{self, Choices};
use crate::commands::{author, book, check, hint, reset, status};
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
/// Said while a check takes its time.
const CHECKING: &str = "checking ...";
/// What starts the lab that is marked in the list.
const ENTER: Key = Key::Char('\n');
const CHOOSE: &[&str] = &["j/k choose", "Enter start"];
const ASK_HINT: &[&str] = &["h again = the next hint", "any other key = not now"];
const ASK_RESET: &[&str] = &["x again = take it back", "any other key = not now"];

/// Why the watch ended.
pub(super) enum Ended {
    /// Enough for now.
    Quit,
    /// On to the next lab.
    Next,
    /// To a lab of the list.
    Chosen(String),
    /// Somebody has started another lab of the course meanwhile.
    Elsewhere,
}

/// Watches until `q`, or `n` once the lab is over.
pub(super) fn run(session: Session) -> Result<Ended, Failure> {
    let dir = session.dir().to_owned();
    let folders = [dir.join("answers"), dir.join(".wirelab")];
    let keys = Keys::take(&folders.each_ref().map(PathBuf::as_path))?;
    let screen = Screen::enter()?;
    let mut watch = Watch {
        session,
        screen,
        asked: None,
        choices: None,
        is_over: false,
        has_story: false,
        packet: None,
    };
    watch.first()?;
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
            (Some(Key::Char('n')), None) if watch.is_over => return Ok(Ended::Next),
            (Some(ENTER), None) if watch.chosen().is_some() => {
                return Ok(Ended::Chosen(watch.chosen().unwrap_or_default()));
            }
            (Some(Key::Lines(by)), None) if watch.mark(by)? => continue,
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
    /// The key that the screen asks to be pressed once more.
    asked: Option<char>,
    /// The labs, while one can be chosen.
    choices: Option<Choices>,
    /// Whether nothing is left to be done: every task is solved, or final.
    is_over: bool,
    /// Whether the book has a chapter on the lab.
    has_story: bool,
    /// The packet that the last check has shown.
    packet: Option<Counterexample>,
}

impl Watch {
    /// A key was pressed, or a file changed.
    fn turn(&mut self, key: Option<Key>, changed: Option<&Path>) -> Result<(), Failure> {
        let asked = self.asked.take();
        self.choices = None;
        let Some(Key::Char(key)) = key else {
            return match changed {
                Some(path) => self.grade(reason(path)),
                None => Ok(()),
            };
        };
        match key {
            'h' if asked != Some('h') && self.has_hints() => {
                self.asked = Some('h');
                let hints = self.hints()?;
                self.screen.show(hints, ASK_HINT)
            }
            'h' => {
                let hint = hint::next(&mut self.session)?;
                self.show(hint)
            }
            'x' if asked == Some('x') => {
                let said = reset::everything(&mut self.session)?;
                self.grade(format!(" {said}\n"))
            }
            'x' => self.ask_to_reset(),
            't' => self.ticket(),
            'l' => {
                self.choices = Some(list::choices()?);
                self.mark(0).map(drop)
            }
            'c' => self.grade(String::new()),
            'd' if self.packet.is_some() => self.decode(),
            'o' if self.capture().is_some() => {
                let said = self.capture().map(|it| closer::in_wireshark(&it));
                self.show(said.unwrap_or_default())
            }
            's' if self.is_over => {
                let solutions = author::solutions(&self.session)?;
                self.show(solutions)
            }
            'w' if self.is_over => self.why(),
            _ => match changed {
                Some(path) => self.grade(reason(path)),
                None if asked.is_some() => self.ticket(),
                None => Ok(()),
            },
        }
    }

    fn show(&mut self, page: String) -> Result<(), Failure> {
        let keys = self.keys();
        self.screen.show(page, &keys)
    }

    /// Nothing is taken back unasked.
    fn ask_to_reset(&mut self) -> Result<(), Failure> {
        let steps = self.session.undos();
        if steps.is_empty() {
            let lines = " nothing to take back: the network is as the lab opened it\n answers stay \
                         as they are; they are yours to edit\n";
            return self.show(lines.to_owned());
        }
        let mut page = format!(
            " {} would be taken back, to the network as the lab opened it; answers stay\n\n",
            reset::counted(steps.len())
        );
        page.extend(steps.iter().map(|step| format!("   {}\n", step.what)));
        self.asked = Some('x');
        self.screen.show(page, ASK_RESET)
    }

    /// A tool that is missing is no end of the watch.
    fn decode(&mut self) -> Result<(), Failure> {
        let decoded = self.packet.as_ref().map(closer::decoded);
        match decoded {
            Some(Ok(page)) => self.show(page),
            Some(Err(failure)) => self.show(format!("{failure}\n")),
            None => Ok(()),
        }
    }

    /// The story of the lab, of which the solution is a part.
    fn why(&mut self) -> Result<(), Failure> {
        match book::story_of(&self.session.lab().name, Screen::columns())? {
            Some(page) => self.show(page),
            None => Ok(()),
        }
    }

    fn capture(&self) -> Option<(PathBuf, Option<usize>)> {
        closer::capture(&self.session, self.packet.as_ref())
    }

    /// The lab that Enter leads to.
    fn chosen(&self) -> Option<String> {
        Some(self.choices.as_ref()?.chosen()?.to_owned())
    }

    /// Marks another lab of the list; whether the list is shown.
    fn mark(&mut self, by: i32) -> Result<bool, Failure> {
        let Some(choices) = &mut self.choices else {
            return Ok(false);
        };
        choices.go(by);
        let (page, line) = choices.marked();
        let keys = [CHOOSE.to_vec(), self.keys()].concat();
        self.screen.show_at(page, line, &keys)?;
        Ok(true)
    }

    /// The first screen: what is asked, the answer that is there already, what it is worth and the
    /// packet or row that shows it. Where there is no answer yet, the ticket.
    fn first(&mut self) -> Result<(), Failure> {
        let Some(path) = first::answered(&self.session)? else {
            return self.ticket();
        };
        let session = &self.session;
        let looked = self
            .screen
            .while_busy(CHECKING, || check::look(session, &[]));
        let Ok(report) = looked else {
            return self.ticket();
        };
        let page = first::page(&self.session, &path, &report)? + &answer(&path);
        let result = self.judged(&report);
        self.show(format!("{page}\n{result}"))
    }

    /// What a report says, and what can be done next.
    fn judged(&mut self, report: &Report) -> String {
        self.is_over = !report.tasks.iter().any(TaskReport::is_unsolved);
        self.has_story = self.is_over && chapter_of(&report.lab).is_some();
        self.packet = closer::packet(report);
        check::print(report, true)
    }

    fn ticket(&mut self) -> Result<(), Failure> {
        let page = wrap::joined(&status::print(&mut self.session)?);
        self.show(page)
    }

    /// An answer that cannot be graded, or content that cannot be read, ends no watch.
    fn grade(&mut self, reason: String) -> Result<(), Failure> {
        let session = &mut self.session;
        let graded = self
            .screen
            .while_busy(CHECKING, || check::grade(session, &[]));
        let result = match graded {
            Ok(report) => self.judged(&report),
            Err(failure) => format!("{failure}\n"),
        };
        self.show(reason + &result)
    }

    /// The keys that do something now, the least needed last but for the way out.
    fn keys(&self) -> Vec<&'static str> {
        let keys = [
            ("n next lab", self.is_over),
            ("s solution", self.is_over),
            ("w why", self.is_over && self.has_story),
            ("h hint", !self.is_over),
            ("d decode", self.packet.is_some()),
            ("o Wireshark", self.capture().is_some()),
            ("t ticket", true),
            ("c check", true),
            ("l list", true),
            ("x reset", true),
            ("q quit", true),
        ];
        let keys = keys.into_iter().filter(|(_, works)| *works);
        keys.map(|(key, _)| key).collect()
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
    let said = format!("{} was saved: checked again", relative(path));
    format!("{}\n{}\n", dim(said), answer(path))
}

/// The first lines of an answer.
fn answer(path: &Path) -> String {
    let bar = if ascii_only() { "|" } else { "│" };
    let text = beginning(path);
    let lines = text.lines().take(SHOWN).enumerate();
    let lines = lines.map(|(number, line)| {
        let line: String = line.chars().take(LONGEST).collect();
        format!(" {} {line}\n", dim(format!("{:>2} {bar}", number + 1)))
    });
    lines.collect()
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
