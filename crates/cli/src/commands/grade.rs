//! `wirelab grade`: submissions of many learners.
//!
//! ```text
//! files, archives ─▶ groups of one lab and seed ─▶ workers, each with a process ─▶ results by name
//! ```
//!
//! Submissions are graded in processes of their own (`worker`), with a limit of memory, so that one
//! that takes all there is, or never ends, costs itself and no other. Results are sorted by name
//! and hold no wall time: they are the same on every run.

mod class;
mod explain;
mod find;
mod print;
mod queue;
mod regrade;
mod store;
mod unpack;
mod worker;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::ValueHint;
use serde_json::Value;

use crate::args::{Json, TEMPLATE};
use crate::failure::{Code, Failure};
use crate::{content, output};

pub(crate) use self::class::{Roster, learner};
use self::find::Found;
use self::print::Progress;
use self::queue::Queue;
pub(crate) use self::store::ENDING;
use self::store::Store;
use self::unpack::Scratch;
use self::worker::Worker;

/// Grade submissions: files that `wirelab submit` has written, or folders or archives of them
///
/// Zip, tar, tar.gz and gzip are read as if they were folders. Each submission is replayed;
/// nothing in it is trusted. What cannot be graded is listed with the reason, and gets no zero.
/// Exit code 0: all are graded; 1: some are not.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab grade submissions/ --out results/     again: grades only what is new
  wirelab grade ada.json --explain              one at length, as its learner saw it
  wirelab grade class.zip --course CODE --roster names.txt
  wirelab grade class.zip --regrade results/ --explain-diff     what another build changes
  wirelab export results/ --to csv

")]
pub(crate) struct Arguments {
    /// Submissions, and folders and archives that hold them
    #[arg(value_name = "FILE|FOLDER|ARCHIVE", value_hint = ValueHint::AnyPath, required_unless_present = "worker")]
    paths: Vec<PathBuf>,
    /// Keep the results here; those that are here already for the same file are not made again
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Grade all of them again
    #[arg(long)]
    again: bool,
    /// Show only what differs from the results in this folder, which stays as it is
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    regrade: Option<PathBuf>,
    /// With --regrade: say which conditions changed, and what was found there
    #[arg(long, requires = "regrade")]
    explain_diff: bool,
    /// The code of the course: a seed that is not its learner's is refused
    #[arg(long, value_name = "CODE", value_parser = crate::folder::word)]
    course: Option<String>,
    /// The names of the course, one a line: says who is missing, and whose name is not among them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    roster: Option<PathBuf>,
    /// Print each at length: what `wirelab check` prints, and the journal
    #[arg(long, conflicts_with = "regrade")]
    explain: bool,
    /// How many are graded side by side; as many as there are cores by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Seconds after which one is given up, and listed as not graded
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    time_limit: u64,
    #[command(flatten)]
    json: Json,
    /// Grade what stdin names
    #[arg(long, hide = true)]
    worker: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let content = content::find()?;
    if arguments.worker {
        return worker::serve(content);
    }
    let roster = arguments.roster.as_deref().map(Roster::read).transpose()?;
    // The earlier results are read before any is written.
    let earlier = match &arguments.regrade {
        Some(folder) => Some(regrade::earlier(folder)?),
        None => None,
    };
    let mut scratch = Scratch::new()?;
    let mut found = find::find(&arguments.paths, &mut scratch)?;
    let store = match &arguments.out {
        Some(out) => Some(Store::open(out, &content, arguments.course.as_deref())?),
        None => None,
    };
    let mut results = Vec::new();
    if let Some(store) = store.as_ref().filter(|_| !arguments.again) {
        found.retain(|file| match store.kept(file) {
            Some(kept) => {
                results.push(kept);
                false
            }
            None => true,
        });
    }
    results.extend(grade(found, arguments, store.as_ref())?);
    results.sort_by(|a, b| print::name(a).cmp(print::name(b)));
    match earlier {
        Some(earlier) => {
            let changes = regrade::changes(&earlier, &results);
            print::changes(&changes, results.len(), arguments)?;
        }
        None => print::results(&results, roster.as_ref(), arguments)?,
    }
    for doubt in class::doubts(&results, &content, arguments.course.as_deref()) {
        output::note(&format!("hint: {doubt}"));
    }
    let graded = results.iter().all(print::is_graded);
    Ok(if graded {
        Code::Passed
    } else {
        Code::NotPassed
    })
}

/// Grades the files side by side, and keeps each result as soon as it is there.
fn grade(
    found: Vec<Found>,
    arguments: &Arguments,
    store: Option<&Store>,
) -> Result<Vec<Value>, Failure> {
    let progress = Progress::new(found.len());
    let cores = || std::thread::available_parallelism().map_or(2, usize::from);
    let jobs = arguments.jobs.map_or_else(cores, usize::from);
    let jobs = jobs.min(found.len());
    let limit = Duration::from_secs(arguments.time_limit);
    let queue = Queue::new(found, jobs);
    let results = Mutex::new(Vec::new());
    let work = |number| -> Result<(), Failure> {
        let mut worker = Worker::new(limit, arguments.course.clone());
        while let Some(file) = queue.next(number) {
            let result = worker.grade(&file)?;
            if let Some(store) = store {
                store.keep(&file, &result)?;
            }
            progress.one_more();
            lock(&results).push(result);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = (0..jobs).map(|n| scope.spawn(move || work(n))).collect();
        let ended = started.into_iter().map(|thread| match thread.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.collect::<Result<Vec<()>, Failure>>()
    })?;
    progress.end();
    Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What is behind these locks is whole after each step.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
