//! `wirelab submit`: what a learner hands in.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::ValueHint;
use jiff::Timestamp;
use serde::Serialize;
use wirelab_grader::batch::{Limits, too_large};
use wirelab_grader::submitted::Submitted;
use wirelab_session::Session;

use crate::args::{Json, TEMPLATE};
use crate::commands::check;
use crate::failure::{Code, Failure};
use crate::folder::Course;
use crate::{content, folder, output};

/// Write what you hand in: one small file with journal and answers
///
/// Grading runs everything again: what counts is the network and the answers, not what the file
/// claims. A file is one lab; it is written anew, but never over another lab's or somebody else's.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab submit                      LAB.submission.json in the lab's folder
  wirelab submit --to ada.json
  wirelab submit --all --to class/    every lab of the course that was started

")]
pub(crate) struct Arguments {
    /// Where to; in a folder the file is called by learner and lab
    #[arg(long, value_name = "FILE|FOLDER", value_hint = ValueHint::AnyPath)]
    to: Option<PathBuf>,
    /// Every lab of this course folder that was started
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    json: Json,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    file: PathBuf,
    lab: String,
    learner: Option<String>,
    entries: usize,
    /// The tasks whose answer files are not as they were made.
    answers: Vec<String>,
    /// The others that have a file.
    not_answered: Vec<String>,
    seal: String,
}

/// What was written of a whole course.
#[derive(Serialize)]
struct All {
    submissions: Vec<Written>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    if !arguments.all {
        let session = folder::open()?;
        if session.lab().tasks.is_empty() {
            let lab = &session.lab().name;
            return Err(Failure::usage(format!("`{lab}` has no tasks to hand in")));
        }
        let written = hand_in(&session, arguments.to.as_deref())?;
        match arguments.json.json {
            true => output::json(&written)?,
            false => output::text(&print(&written))?,
        }
        return Ok(Code::Passed);
    }
    let to = arguments.to.as_deref();
    if let Some(to) = to {
        let failed = |error| Failure::usage(format!("{}: {error}", to.display()));
        std::fs::create_dir_all(to).map_err(failed)?;
    }
    let sessions = started()?;
    let submissions = sessions.iter().map(|session| hand_in(session, to));
    let submissions = submissions.collect::<Result<Vec<_>, _>>()?;
    match arguments.json.json {
        true => output::json(&All { submissions })?,
        false => output::text(&submissions.iter().map(print).collect::<String>())?,
    }
    Ok(Code::Passed)
}

/// The sessions of the course folder, in the order of the course.
fn started() -> Result<Vec<Session>, Failure> {
    let Some(course) = Course::find()? else {
        return Err(folder::no_folder());
    };
    let content = content::find()?;
    let mut sessions = Vec::new();
    for lab in content.course()?.labs() {
        let folder = course.lab_folder(lab);
        if Session::find(&folder).is_some_and(|it| it == folder) {
            sessions.push(folder::open_in(&folder)?);
        }
    }
    match sessions.is_empty() {
        true => Err(folder::no_folder()),
        false => Ok(sessions),
    }
}

fn hand_in(session: &Session, to: Option<&Path>) -> Result<Written, Failure> {
    if let Some(why) = Limits::default().beyond(session) {
        let lab = &session.lab().name;
        return Err(Failure::usage(format!("`{lab}` as it is would not be graded")).hint(why));
    }
    let submitted = Submitted::of_session(session, started_at(session), Some(now()));
    let mut submitted = submitted.map_err(check::failure)?;
    enrol(&mut submitted, session)?;
    let file = match to {
        None => session.dir().join(file_name(&submitted, false)),
        Some(to) if to.is_dir() => to.join(file_name(&submitted, true)),
        Some(file) => file.to_owned(),
    };
    refuse_anothers(&file, &submitted)?;
    write(&file, &submitted)?;
    let (mut answers, mut not_answered) = (Vec::new(), Vec::new());
    for task in submitted.answers.into_keys() {
        match session.is_answered(&task)? {
            true => answers.push(task),
            false => not_answered.push(task),
        }
    }
    Ok(Written {
        file,
        lab: submitted.lab,
        learner: submitted.learner,
        entries: submitted.journal.len(),
        answers,
        not_answered,
        seal: submitted.seal,
    })
}

/// `LAB.submission.json`; among those of others `LEARNER.LAB.json`.
fn file_name(submitted: &Submitted, among_others: bool) -> String {
    let lab = &submitted.lab;
    match &submitted.learner {
        Some(learner) if among_others => {
            let is_plain = |c: char| c.is_alphanumeric() || "-_@.".contains(c);
            let plain = |c: char| if is_plain(c) { c } else { '-' };
            let learner: String = learner.chars().map(plain).collect();
            format!("{}.{lab}.json", learner.trim_start_matches('.'))
        }
        _ => format!("{lab}.submission.json"),
    }
}

/// A file that is there is written anew if it is this learner's of this lab; any other would be
/// lost.
fn refuse_anothers(file: &Path, submitted: &Submitted) -> Result<(), Failure> {
    let Ok(octets) = std::fs::read(file) else {
        return Ok(());
    };
    let shown = file.display();
    let what = match serde_json::from_slice::<Submitted>(&octets) {
        Err(_) => format!("{shown} is there, and no submission"),
        Ok(there) if there.lab != submitted.lab => {
            format!(
                "{shown} is there, and hands in another lab: `{}`",
                there.lab
            )
        }
        Ok(there) if there.learner != submitted.learner => {
            let whose = there.learner.as_deref().unwrap_or("nobody");
            format!("{shown} is there, and another learner's: `{whose}`")
        }
        Ok(_) => return Ok(()),
    };
    Err(Failure::usage(what)
        .hint("a file is one lab: name another, or a folder, in which each lab gets its own"))
}

/// In a course, whose it is. A run with another seed is for practice, and is handed in as that.
fn enrol(submitted: &mut Submitted, session: &Session) -> Result<(), Failure> {
    let course = Course::above(session.dir())?;
    let Some(enrolled) = course.as_ref().and_then(Course::enrolled) else {
        return Ok(());
    };
    submitted.learner = Some(enrolled.learner.clone());
    submitted.seal();
    if !enrolled.has_drawn(session) {
        output::note(
            "warning: this run has another seed than your course has drawn for you, and may be \
             refused there; `wirelab start LAB --again` starts that one",
        );
    }
    Ok(())
}

fn print(written: &Written) -> String {
    let entries = match written.entries {
        1 => "1 entry".to_owned(),
        entries => format!("{entries} entries"),
    };
    let names = |names: &[String]| match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    let mut text = format!(
        " {}\n   {}: journal of {entries}, answers: {}",
        written.file.display(),
        written.lab,
        names(&written.answers),
    );
    if !written.not_answered.is_empty() {
        text += &format!("; not answered: {}", names(&written.not_answered));
    }
    text += match written.learner {
        Some(_) => "\n",
        None => {
            "\n   names no learner: a course takes what is made below `wirelab init --course CODE \
             --learner NAME`\n"
        }
    };
    text + &format!(
        "   seal {:.16}   hand this file in; `wirelab check` says what it is worth\n",
        written.seal,
    )
}

/// Whole or not at all.
fn write(file: &Path, submitted: &Submitted) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(submitted).map_err(Failure::internal)?;
    text.push('\n');
    let limits = Limits::default();
    if text.len() > limits.octets {
        return Err(Failure::usage("this would not be graded").hint(too_large(&limits)));
    }
    let failed = |error| Failure::environment(format!("{}: {error}", file.display()));
    let temporary = file.with_extension("json.new");
    std::fs::write(&temporary, text).map_err(failed)?;
    std::fs::rename(&temporary, file).map_err(failed)
}

/// When the lab's folder was filled, where the file system keeps that.
fn started_at(session: &Session) -> Option<String> {
    let journal = session.dir().join(".wirelab/journal.jsonl");
    let created = std::fs::metadata(journal).ok()?.created().ok()?;
    Some(Timestamp::try_from(created).ok()?.to_string())
}

fn now() -> String {
    let now = Timestamp::try_from(SystemTime::now());
    now.map(|now| now.to_string()).unwrap_or_default()
}
