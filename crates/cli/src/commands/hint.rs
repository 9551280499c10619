//! `wirelab hint`: the next rung of the ladder.

use crate::args::{Json, TEMPLATE};

/// Show the next hint; its price is said first, and taken from what the task gives you
///
/// What a hint costs is the same whether the task is solved in the end or not, and never more than
/// the task gives. For a task that is solved there is none, and nothing is charged. The second and
/// all after it are there once a check has found the task wrong since the last, or after three
/// minutes without one. The last is the solution: it costs all that the task gives, and the task
/// counts as assisted.
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

use std::time::Duration;

use serde::Serialize;
use wirelab_grader::report::TaskReport;
use wirelab_grader::{Grader, Submission};
use wirelab_scenario::{LabTask, TaskKind};
use wirelab_session::Session;

use crate::commands::{author, check, predict};
use crate::failure::{Code, Failure};
use crate::folder::Course;
use crate::{folder, output};

/// How far up a task's ladder one is.
#[derive(Serialize)]
struct Shown {
    lab: String,
    task: String,
    /// The hints taken, in order.
    taken: Vec<String>,
    of: usize,
    /// What the next one costs; `None`: there is no other, or none is given.
    next_price: Option<u32>,
    /// Whether the next one is the solution.
    next_is_solution: bool,
    /// Whether the next one waits for a check that finds the task wrong, or for some minutes.
    waits: bool,
    /// The solution, once it was taken.
    solution: Option<String>,
    /// Whether some check gave the task its full points: no hint is given or charged any more.
    solved: bool,
    /// Whether it is a prediction that cannot be changed: no hint is given for it.
    closed: bool,
    /// Whether the course has drawn this seed for who learns here.
    is_own_seed: bool,
}

/// No task is left that a hint helps.
#[derive(Serialize)]
struct Nothing {
    lab: String,
    /// Whether every task has full points.
    solved: bool,
    /// Predictions that are final without them.
    closed: Vec<String>,
}

/// What a hint is asked for.
enum Choice {
    Task(Box<LabTask>),
    /// None is left; these are final without full points.
    Nothing(Vec<String>),
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    folder::refuse_without_tasks(&session, "there are no hints")?;
    let task = match choose(&session, arguments.task.as_deref())? {
        Choice::Task(task) => task,
        Choice::Nothing(closed) => return nothing(&session, closed, arguments.json.json),
    };
    let shown = climb(&mut session, &task, arguments.take)?;
    if arguments.json.json {
        output::json(&shown)?;
    } else {
        output::page(&print(&shown))?;
    }
    Ok(Code::Passed)
}

/// What the watch shows for `h`: the next rung of the first task that is not solved.
pub(crate) fn next(session: &mut Session) -> Result<String, Failure> {
    match choose(session, None)? {
        Choice::Task(task) => Ok(print(&climb(session, &task, false)?)),
        Choice::Nothing(closed) => Ok(nothing_left(&closed)),
    }
}

fn nothing_left(closed: &[String]) -> String {
    if closed.is_empty() {
        return " every task is solved: no hint is needed\n".to_owned();
    }
    let (verb, these) = match closed {
        [_] => ("is", "it"),
        _ => ("are", "them"),
    };
    let names: Vec<_> = closed.iter().map(|name| format!("`{name}`")).collect();
    let names = names.join(", ");
    format!(" {names} {verb} final, a hint changes nothing about {these}; all else is solved\n")
}

fn nothing(session: &Session, closed: Vec<String>, json: bool) -> Result<Code, Failure> {
    if !json {
        output::page(&nothing_left(&closed))?;
        return Ok(Code::Passed);
    }
    output::json(&Nothing {
        lab: session.lab().name.clone(),
        solved: closed.is_empty(),
        closed,
    })?;
    Ok(Code::Passed)
}

/// Whether the task is a prediction that cannot be changed any more.
fn is_closed(session: &Session, task: &LabTask) -> bool {
    match &task.kind {
        TaskKind::Prediction(it) => !predict::is_open(session, task, it),
        _ => false,
    }
}

/// The next rung, taken if it is free or `pay`; the rungs before it are told again.
fn climb(session: &mut Session, task: &LabTask, pay: bool) -> Result<Shown, Failure> {
    let solved = session.best_of(&task.name) == Some(task.points);
    let closed = is_closed(session, task);
    let solution = solution(session, task)?;
    let price = |taken: usize| match task.hints.get(taken) {
        Some(hint) => Some(hint.price),
        // Above the ladder: the solution, once, at the price of the task.
        None if taken == task.hints.len() && solution.is_some() => Some(task.points),
        None => None,
    };
    let below = session.hints_taken(&task.name);
    let is_given = price(below).is_some_and(|price| price == 0 || pay);
    if !closed && !solved && is_given && is_open(session, task) {
        match below < task.hints.len() {
            true => drop(session.take_hint(&task.name)?),
            false => drop(session.take_solution(&task.name)?),
        }
    }
    let taken = session.hints_taken(&task.name);
    let texts = session.hints(&task.name)?.into_iter().map(|hint| hint.text);
    let next_price = price(taken).filter(|_| !solved);
    Ok(Shown {
        lab: session.lab().name.clone(),
        task: task.name.clone(),
        of: task.hints.len(),
        taken: texts.collect(),
        next_price,
        next_is_solution: next_price.is_some() && taken == task.hints.len(),
        waits: next_price.is_some() && !is_open(session, task),
        solution: solution.filter(|_| taken > task.hints.len()),
        solved,
        closed,
        is_own_seed: is_own_seed(session)?,
    })
}

fn is_own_seed(session: &Session) -> Result<bool, Failure> {
    let course = Course::above(session.dir())?;
    let enrolled = course.as_ref().and_then(Course::enrolled);
    Ok(enrolled.is_some_and(|it| it.has_drawn(session)))
}

/// What the last rung shows. A prediction has none: that would be what it is about.
fn solution(session: &Session, task: &LabTask) -> Result<Option<String>, Failure> {
    match task.kind {
        TaskKind::Prediction(_) => Ok(None),
        _ => author::solution_of(session, task),
    }
}

/// So long the journal lies untouched until the next rung is there anyway.
const PATIENCE: Duration = Duration::from_secs(180);

/// Whether the next rung is to be had: the first always, others once the task was found wrong since
/// the last one, or somebody has thought for a while.
fn is_open(session: &Session, task: &LabTask) -> bool {
    let is_first = session.hints_taken(&task.name) == 0 && !task.hints.is_empty();
    if is_first || session.was_wrong_since_hint(&task.name) {
        return true;
    }
    let journal = session.dir().join(".wirelab/journal.jsonl");
    let written = std::fs::metadata(journal).and_then(|it| it.modified()).ok();
    let ago = written.and_then(|written| written.elapsed().ok());
    ago.is_none_or(|ago| ago >= PATIENCE)
}

/// The task of that name, or the first that does not have full points now and can still get them.
fn choose(session: &Session, name: Option<&str>) -> Result<Choice, Failure> {
    let Some(name) = name else {
        return first_unsolved(session);
    };
    let tasks = &session.lab().tasks;
    if let Some(task) = tasks.iter().find(|task| task.name == name) {
        return Ok(Choice::Task(Box::new(task.clone())));
    }
    let names: Vec<_> = tasks.iter().map(|task| task.name.as_str()).collect();
    Err(Failure::usage(format!("the lab has no task `{name}`"))
        .did_you_mean(name, &names)
        .hint(format!("the tasks are: {}", names.join(", "))))
}

fn first_unsolved(session: &Session) -> Result<Choice, Failure> {
    let grader = Grader::of_session(session);
    let submission = Submission::of_session(session).map_err(check::failure)?;
    let (mut closed, mut left) = (Vec::new(), None);
    for task in &session.lab().tasks {
        let report = grader.grade_task(&submission, &task.name);
        let report = report.map_err(check::failure)?;
        if report.tasks.iter().any(TaskReport::is_unsolved) {
            return Ok(Choice::Task(Box::new(task.clone())));
        }
        if report.ungraded > 0 {
            left.get_or_insert(task);
        } else if !report.is_passed() {
            closed.push(task.name.clone());
        }
    }
    // Nobody here knows whether it is right: hints for it come last.
    Ok(match left {
        Some(task) => Choice::Task(Box::new(task.clone())),
        None => Choice::Nothing(closed),
    })
}

fn print(hints: &Shown) -> String {
    let (task, of) = (&hints.task, hints.of);
    let mut text = String::new();
    for (index, hint) in hints.taken.iter().enumerate() {
        text += &format!(" {task} · hint {} of {of}\n", index + 1);
        text += &format!("   {}\n", hint.trim_end().replace('\n', "\n   "));
    }
    if let Some(solution) = &hints.solution {
        text += &format!(" {task} · the solution; it counts as assisted\n{solution}");
        let (what_for, seed) = match hints.is_own_seed {
            true => ("practice", " --seed 7"),
            false => ("all points", ""),
        };
        let start = format!("wirelab start {} --again{seed}", hints.lab);
        text += &format!(" the same with another fault, for {what_for}:  {start}\n");
        return text;
    }
    match hints.next_price {
        _ if hints.closed => {
            text += &format!(" `{task}` is final: a hint changes nothing about it any more\n");
        }
        _ if hints.solved => text += &format!(" `{task}` is solved: no hint is needed\n"),
        None => text += " that was the last hint\n",
        Some(price) if hints.waits => {
            let what = match (hints.next_is_solution, price) {
                (true, _) => "the solution, at the price of the task,".to_owned(),
                (false, 0) => "the next, free,".to_owned(),
                (false, price) => format!("the next, for {price} of what the task gives you,"),
            };
            text += &format!(
                " {what} is there once a check finds `{task}` wrong, or in three minutes\n"
            );
        }
        Some(_) if hints.next_is_solution => {
            text += " the next is the solution: it costs all that the task gives you, which then \
                     counts as assisted:  ";
            text += &format!("wirelab hint {task} --take\n");
        }
        Some(0) => text += &format!(" the next is free:  wirelab hint {task}\n"),
        Some(price) => {
            let points = if price == 1 { "point" } else { "points" };
            text += &format!(" the next costs {price} {points} of what the task gives you:  ");
            text += &format!("wirelab hint {task} --take\n");
        }
    }
    text
}
