//! `wirelab predict`: make a prediction final.

use crate::args::{Json, TEMPLATE};

/// Make a prediction: what its answer file says counts, and cannot be taken back
///
/// A prediction about what time will show is written down by itself before time passes, as its file
/// then says; until its moment comes it may be changed. One about something that is only tried out
/// is played when it is made, and stands. `wirelab check` says what came of it.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab predict fate       what answers/fate.txt says
  wirelab predict            every prediction of the lab, and how it stands

")]
pub(crate) struct Arguments {
    /// The task; without it the predictions are listed
    #[arg(value_name = "TASK")]
    task: Option<String>,
    #[command(flatten)]
    json: Json,
}

use serde::Serialize;
use wirelab_scenario::{LabTask, PredictionTask, TaskKind};
use wirelab_session::{Session, prediction, says_nothing};

use crate::commands::{advance, check};
use crate::failure::{Code, Failure};
use crate::{folder, output, print as lines};

/// How a prediction stands.
#[derive(Serialize)]
struct Stands {
    task: String,
    /// What was said in time.
    said: Option<String>,
    /// Whether it may still be changed.
    open: bool,
    /// The moment until which it may, virtual time; `None`: until it is made.
    until: Option<String>,
    /// Whether its evidence could be seen to the end, so that a check tells what came of it.
    seen: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    let Some(name) = &arguments.task else {
        return list(&session, arguments.json.json);
    };
    let tasks = predictions(&session);
    let Some((task, it)) = tasks.iter().find(|(task, _)| task.name == *name) else {
        let names: Vec<_> = tasks.iter().map(|(task, _)| task.name.as_str()).collect();
        return Err(
            Failure::usage(format!("`{name}` is no prediction of this lab"))
                .did_you_mean(name, &names),
        );
    };
    let before = stands(&session, task, it);
    if before.open && !says_nothing(&session.answer(name)?.unwrap_or_default()) {
        advance::readable(&session, name)?;
    }
    let is_new = before.open && session.predict(name)?;
    if !arguments.json.json {
        let told = match (is_new, before.open) {
            (true, _) => format!(" written down at {}\n", lines::elapsed(session.now())),
            (false, true) if before.said.is_none() => {
                return Err(Failure::usage(format!(
                    "answers/{name}.txt says nothing yet"
                )));
            }
            (false, true) => " written down already, and not changed since\n".to_owned(),
            (false, false) => " too late to change: it is final\n".to_owned(),
        };
        output::text(&told)?;
    }
    let report = check::grade(&mut session, std::slice::from_ref(name))?;
    if arguments.json.json {
        output::json(&report)?;
    } else {
        output::page(&check::print(&report, false))?;
    }
    Ok(if report.is_passed() {
        Code::Passed
    } else {
        Code::NotPassed
    })
}

fn predictions(session: &Session) -> Vec<(LabTask, PredictionTask)> {
    let tasks = session.lab().tasks.iter();
    let tasks = tasks.filter_map(|task| match &task.kind {
        TaskKind::Prediction(it) => Some((task.clone(), it.clone())),
        _ => None,
    });
    tasks.collect()
}

/// Whether a prediction can still be made.
pub(crate) fn is_open(session: &Session, task: &LabTask, it: &PredictionTask) -> bool {
    match it.is_played() {
        true => prediction(&session.log(), &task.name, it).is_none(),
        false => session.reached() <= it.at,
    }
}

fn stands(session: &Session, task: &LabTask, it: &PredictionTask) -> Stands {
    let said = prediction(&session.log(), &task.name, it).map(str::to_owned);
    Stands {
        open: is_open(session, task, it),
        seen: it.is_played() || session.reached() >= it.window.1,
        until: (!it.is_played()).then(|| it.at.to_string()),
        task: task.name.clone(),
        said,
    }
}

fn list(session: &Session, json: bool) -> Result<Code, Failure> {
    let tasks = predictions(session);
    let all: Vec<_> = tasks
        .iter()
        .map(|(task, it)| stands(session, task, it))
        .collect();
    if json {
        output::json(&all)?;
        return Ok(Code::Passed);
    }
    if all.is_empty() {
        output::text(" this lab asks for no prediction\n")?;
    }
    for it in all {
        let state = match (&it.until, it.open) {
            (Some(until), true) => format!("open until time goes on from {until}"),
            (None, true) => format!("open: `wirelab predict {}` makes it", it.task),
            (_, false) if it.said.is_none() => "over, and nothing was said".to_owned(),
            (_, false) if !it.seen => "made, and final: time shows what comes of it".to_owned(),
            (_, false) => "made: `wirelab check` says what came of it".to_owned(),
        };
        output::text(&format!(" {:<16} {state}\n", it.task))?;
    }
    Ok(Code::Passed)
}
