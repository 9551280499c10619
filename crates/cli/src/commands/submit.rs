//! `wirelab submit`: what a learner hands in.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::ValueHint;
use jiff::Timestamp;
use serde::Serialize;
use wirelab_grader::submitted::Submitted;
use wirelab_model::Seed;
use wirelab_session::Session;

use crate::args::{Json, TEMPLATE};
use crate::commands::check;
use crate::failure::{Code, Failure};
use crate::folder::Course;
use crate::{folder, output};

/// Write what you hand in: one small file with journal and answers
///
/// Grading runs everything again: what counts is the network and the answers, not what the file
/// claims.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab submit                      LAB.submission.json in the lab's folder
  wirelab submit --to ada.json

")]
pub(crate) struct Arguments {
    /// Where to; one that is there is written anew
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    to: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    file: PathBuf,
    lab: String,
    entries: usize,
    answers: Vec<String>,
    seal: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let session = folder::open()?;
    if session.lab().tasks.is_empty() {
        let lab = &session.lab().name;
        return Err(Failure::usage(format!("`{lab}` has no tasks to hand in")));
    }
    let started = started_at(&session);
    let submitted = Submitted::of_session(&session, started, Some(now()));
    let mut submitted = submitted.map_err(check::failure)?;
    enrol(&mut submitted, &session)?;
    let own = || {
        session
            .dir()
            .join(format!("{}.submission.json", submitted.lab))
    };
    let file = arguments.to.clone().unwrap_or_else(own);
    write(&file, &submitted)?;
    let written = Written {
        file,
        lab: submitted.lab,
        entries: submitted.journal.len(),
        answers: submitted.answers.into_keys().collect(),
        seal: submitted.seal,
    };
    if arguments.json.json {
        output::json(&written)?;
    } else {
        output::text(&print(&written))?;
    }
    Ok(Code::Passed)
}

/// In a course, whose it is. A run with another seed is for practice, and is handed in as that.
fn enrol(submitted: &mut Submitted, session: &Session) -> Result<(), Failure> {
    let course = Course::above(session.dir())?;
    let Some(enrolled) = course.as_ref().and_then(Course::enrolled) else {
        return Ok(());
    };
    submitted.learner = Some(enrolled.learner.clone());
    submitted.seal();
    if submitted.seed != Seed::whole(enrolled.seed(&submitted.lab)) {
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
    format!(
        " {}\n   {}: journal of {entries}, answers: {}\n   seal {:.16}   hand this file in; \
         `wirelab check` says what it is worth\n",
        written.file.display(),
        written.lab,
        match written.answers.is_empty() {
            true => "none".to_owned(),
            false => written.answers.join(", "),
        },
        written.seal,
    )
}

/// Whole or not at all.
fn write(file: &Path, submitted: &Submitted) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(submitted).map_err(Failure::internal)?;
    text.push('\n');
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
