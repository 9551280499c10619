//! `wirelab hint`: the next rung of the ladder.

use crate::args::{Json, TEMPLATE};

/// Show the next hint; its price is said first, and taken only when the task is solved
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab hint               for the first task that is not solved
  wirelab hint repair
  wirelab hint repair --take  take it, at its price

")]
pub(crate) struct Arguments {
    /// The task
    #[arg(value_name = "TASK")]
    task: Option<String>,
    /// Take the next hint even if it costs points
    #[arg(long)]
    take: bool,
    #[command(flatten)]
    json: Json,
}

use serde::Serialize;
use wirelab_grader::{Grader, Submission};
use wirelab_scenario::LabTask;
use wirelab_session::Session;

use crate::commands::check;
use crate::failure::{Code, Failure};
use crate::{folder, output};

/// How far up a task's ladder one is.
#[derive(Serialize)]
struct Shown {
    task: String,
    /// The hints taken, in order.
    taken: Vec<String>,
    of: usize,
    /// What the next one costs; `None`: there is no other.
    next_price: Option<u32>,
    /// Whether some check gave the task its full points: what is taken now, it costs.
    solved: bool,
}

/// Every task has full points.
#[derive(Serialize)]
struct Solved {
    lab: String,
    solved: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    folder::refuse_without_tasks(&session, "there are no hints")?;
    let Some(task) = choose(&session, arguments.task.as_deref())? else {
        return solved(&session, arguments.json.json);
    };
    let shown = climb(&mut session, &task, arguments.take)?;
    if arguments.json.json {
        output::json(&shown)?;
    } else {
        output::text(&print(&shown))?;
    }
    Ok(Code::Passed)
}

/// What the watch shows for `h`: the next rung of the first task that is not solved.
pub(crate) fn next(session: &mut Session) -> Result<String, Failure> {
    match choose(session, None)? {
        Some(task) => Ok(print(&climb(session, &task, false)?)),
        None => Ok(SOLVED.to_owned()),
    }
}

const SOLVED: &str = " every task is solved: no hint is needed\n";

fn solved(session: &Session, json: bool) -> Result<Code, Failure> {
    if json {
        output::json(&Solved {
            lab: session.lab().name.clone(),
            solved: true,
        })?;
    } else {
        output::text(SOLVED)?;
    }
    Ok(Code::Passed)
}

/// The next rung, taken if it is free or `pay`; the rungs before it are told again.
fn climb(session: &mut Session, task: &LabTask, pay: bool) -> Result<Shown, Failure> {
    let below = session.hints_taken(&task.name);
    let next = task.hints.get(below);
    let solved = session.best_of(&task.name) == Some(task.points);
    let take = next.is_some_and(|next| next.price == 0 || pay);
    if take {
        session.take_hint(&task.name)?;
    }
    let taken = below + usize::from(take);
    let texts = session.hints(&task.name)?.into_iter().map(|hint| hint.text);
    Ok(Shown {
        task: task.name.clone(),
        of: task.hints.len(),
        taken: texts.collect(),
        next_price: task.hints.get(taken).map(|hint| hint.price),
        solved,
    })
}

/// The task of that name, or the first that does not have full points now; `None`: all have.
fn choose(session: &Session, name: Option<&str>) -> Result<Option<LabTask>, Failure> {
    let Some(name) = name else {
        return first_unsolved(session);
    };
    let tasks = &session.lab().tasks;
    if let Some(task) = tasks.iter().find(|task| task.name == name) {
        return Ok(Some(task.clone()));
    }
    let names: Vec<_> = tasks.iter().map(|task| task.name.as_str()).collect();
    Err(Failure::usage(format!("the lab has no task `{name}`"))
        .did_you_mean(name, &names)
        .hint(format!("the tasks are: {}", names.join(", "))))
}

fn first_unsolved(session: &Session) -> Result<Option<LabTask>, Failure> {
    let grader = Grader::of_session(session);
    let submission = Submission::of_session(session).map_err(check::failure)?;
    for task in &session.lab().tasks {
        let report = grader.grade_task(&submission, &task.name);
        if !report.map_err(check::failure)?.is_passed() {
            return Ok(Some(task.clone()));
        }
    }
    Ok(None)
}

fn print(hints: &Shown) -> String {
    let (task, of) = (&hints.task, hints.of);
    let mut text = String::new();
    for (index, hint) in hints.taken.iter().enumerate() {
        text += &format!(" {task} · hint {} of {of}\n", index + 1);
        text += &format!("   {}\n", hint.trim_end().replace('\n', "\n   "));
    }
    match hints.next_price {
        _ if hints.solved => text += &format!(" `{task}` is solved: no hint is needed\n"),
        None => text += " that was the last hint\n",
        Some(0) => text += &format!(" the next is free:  wirelab hint {task}\n"),
        Some(price) => {
            let points = if price == 1 { "point" } else { "points" };
            text += &format!(" the next costs {price} {points}, only if you solve the task:  ");
            text += &format!("wirelab hint {task} --take\n");
        }
    }
    text
}
