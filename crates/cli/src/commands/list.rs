//! `wirelab list`: the labs, and how far you are.

use crate::args::{Json, TEMPLATE};

/// List the labs: what each teaches, how long it takes, how far you are
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab list
  wirelab list --json

")]
pub(crate) struct Arguments {
    #[command(flatten)]
    json: Json,
}

use std::path::Path;

use serde::Serialize;
use wirelab_session::{Content, Session};

use crate::failure::{Code, Failure};
use crate::folder::Course;
use crate::terminal::{bold, dim};
use crate::{content, output};

/// A lab as lists show it.
#[derive(Serialize)]
struct Listed {
    name: String,
    title: String,
    minutes: u32,
    points: u32,
    teaches: Vec<String>,
    requires: Vec<String>,
    /// Whether it was started in this course.
    started: bool,
    /// Best result of a check so far.
    best: Option<u32>,
}

#[derive(Serialize)]
struct List {
    current: Option<String>,
    labs: Vec<Listed>,
    /// Where labs are looked for.
    #[serde(skip)]
    root: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let list = list()?;
    if arguments.json.json {
        output::json(&list)?;
    } else {
        output::text(&print(&list))?;
    }
    Ok(Code::Passed)
}

/// What the watch shows for `l`.
pub(crate) fn page() -> Result<String, Failure> {
    Ok(print(&list()?))
}

fn list() -> Result<List, Failure> {
    let content = content::find()?;
    let course = Course::find()?;
    let labs = content.labs()?;
    let labs = labs
        .iter()
        .map(|name| listed(&content, course.as_ref(), name));
    Ok(List {
        current: course.as_ref().map(|course| course.current().to_owned()),
        labs: labs.collect::<Result<_, _>>()?,
        root: content.root().display().to_string(),
    })
}

fn listed(content: &Content, course: Option<&Course>, name: &str) -> Result<Listed, Failure> {
    let lab = content.lab(name)?;
    let folder = course.map(|course| course.lab_folder(name));
    let folder = folder.filter(|folder| Session::find(folder).as_ref() == Some(folder));
    Ok(Listed {
        name: lab.name,
        title: lab.title,
        minutes: lab.minutes,
        points: lab.tasks.iter().map(|task| task.points).sum(),
        teaches: lab.teaches,
        requires: lab.requires,
        started: folder.is_some(),
        best: folder.as_deref().and_then(|folder| best(folder, content)),
    })
}

/// The best result noted in the journal.
fn best(folder: &Path, content: &Content) -> Option<u32> {
    Session::open(folder, content).ok()?.best_check()
}

fn print(list: &List) -> String {
    let mut text = String::new();
    for lab in &list.labs {
        let current = list.current.as_ref() == Some(&lab.name);
        let done = match lab.best {
            Some(best) => format!("{best}/{}", lab.points),
            None if lab.started => format!("0/{}", lab.points),
            None => "-".to_owned(),
        };
        let mark = if current { ">" } else { " " };
        text += &format!(
            " {mark} {}  {done:>6}  ~{} min  {}\n",
            bold(format!("{:<18}", lab.name)),
            lab.minutes,
            lab.title
        );
        if !lab.teaches.is_empty() {
            text += &format!("   {:<18}          {}\n", "", dim(lab.teaches.join(", ")));
        }
    }
    if list.labs.is_empty() {
        return format!(
            "there are no labs in {0}/labs\n\nA lab is {0}/labs/NAME/lab.toml, its scenario \
             {0}/scenarios/NAME/scenario.toml;\nelsewhere than below {0}, `wirelab list` shows \
             the built-in labs.\n",
            list.root
        );
    }
    text + "\nnext:  wirelab start LAB\n"
}
