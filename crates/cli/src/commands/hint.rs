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
use wirelab_scenario::LabTask;
use wirelab_session::Session;

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
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    let task = choose(&session, arguments.task.as_deref())?;
    let shown = climb(&mut session, &task, arguments.take)?;
    if arguments.json.json {
        output::json(&shown)?;
    } else {
        output::text(&print(&shown))?;
    }
    Ok(Code::Passed)
}

/// What the watch shows for `h`: the next rung of the first task that has one.
pub(crate) fn next(session: &mut Session) -> Result<String, Failure> {
    let task = choose(session, None)?;
    Ok(print(&climb(session, &task, false)?))
}

/// The next rung, taken if it is free or `pay`; the rungs before it are told again.
fn climb(session: &mut Session, task: &LabTask, pay: bool) -> Result<Shown, Failure> {
    let below = session.hints_taken(&task.name);
    let next = task.hints.get(below);
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
    })
}

/// The task of that name, or the first that still has hints.
fn choose(session: &Session, name: Option<&str>) -> Result<LabTask, Failure> {
    let tasks = &session.lab().tasks;
    let names: Vec<_> = tasks.iter().map(|task| task.name.as_str()).collect();
    let found = match name {
        Some(name) => tasks.iter().find(|task| task.name == name),
        None => tasks
            .iter()
            .find(|task| session.hints_taken(&task.name) < task.hints.len())
            .or_else(|| tasks.first()),
    };
    found.cloned().ok_or_else(|| {
        let name = name.unwrap_or_default();
        Failure::usage(format!("the lab has no task `{name}`"))
            .did_you_mean(name, &names)
            .hint(format!("the tasks are: {}", names.join(", ")))
    })
}

fn print(hints: &Shown) -> String {
    let (task, of) = (&hints.task, hints.of);
    let mut text = String::new();
    for (index, hint) in hints.taken.iter().enumerate() {
        text += &format!(" {task} · hint {} of {of}\n", index + 1);
        text += &format!("   {}\n", hint.trim_end().replace('\n', "\n   "));
    }
    match hints.next_price {
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
