//! `wirelab list`: the labs, and how far you are.

use std::collections::BTreeSet;

use serde::Serialize;
use wirelab_scenario::{LabTask, TaskKind};
use wirelab_session::{Content, Session};

use crate::args::{Json, TEMPLATE};
use crate::commands::{predict, status};
use crate::failure::{Code, Failure};
use crate::folder::Course;
use crate::terminal::{ascii_only, bold, dim};
use crate::{content, output};

/// List the labs in the course's order: what each teaches, how long it takes, how far you are
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

/// A lab as lists show it.
#[derive(Serialize)]
struct Listed {
    name: String,
    title: String,
    /// The part of the course, empty for a lab that its order does not name.
    part: String,
    minutes: u32,
    points: u32,
    teaches: Vec<String>,
    requires: Vec<String>,
    /// Whether it was started in this course.
    started: bool,
    /// Best result of a check so far.
    best: Option<u32>,
    /// Points of tasks that only the instructor can grade.
    left: u32,
    /// What hints cost of it.
    hints_cost: u32,
    /// Whether nothing of it can be won any more: each task has its points, or is a prediction,
    /// which counts once.
    settled: bool,
}

impl Listed {
    /// As far as that is to be seen here.
    fn is_solved(&self) -> bool {
        self.settled && self.best == Some(self.points - self.left)
    }
}

#[derive(Serialize)]
struct List {
    current: Option<String>,
    /// The first lab in the order in which something can still be won.
    next: Option<String>,
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

/// The list as a page of which a line can be chosen.
pub(crate) struct Choices {
    page: String,
    /// The line and the lab of each choice.
    labs: Vec<(usize, String)>,
    /// Which one is marked.
    at: usize,
}

/// What the watch shows for `l`, with the present lab marked.
pub(crate) fn choices() -> Result<Choices, Failure> {
    let list = list()?;
    let page = print(&list);
    let mut labs = Vec::new();
    let mut names = list.labs.iter().map(|lab| &lab.name).peekable();
    for (number, line) in page.lines().enumerate() {
        // Behind the mark of the present lab stands the name, bold.
        let begins = |name: &str| {
            let at = line.get(3..).and_then(|it| it.find(name));
            at.is_some_and(|at| !line[3..3 + at].contains(' '))
        };
        if let Some(name) = names.next_if(|name| begins(name)) {
            labs.push((number, name.clone()));
        }
    }
    let is_current = |(_, name): &(usize, String)| list.current.as_ref() == Some(name);
    let at = labs.iter().position(is_current).unwrap_or(0);
    Ok(Choices { page, labs, at })
}

impl Choices {
    /// Marks another lab, so many further down.
    pub(crate) fn go(&mut self, by: i32) {
        let last = self.labs.len().saturating_sub(1);
        let at = self.at.saturating_add_signed(by as isize);
        self.at = at.min(last);
    }

    /// The lab that is marked.
    pub(crate) fn chosen(&self) -> Option<&str> {
        Some(self.labs.get(self.at)?.1.as_str())
    }

    /// The page with its mark, and the line of it.
    pub(crate) fn marked(&self) -> (String, usize) {
        let marked = self.labs.get(self.at).map(|(line, _)| *line);
        let mark = if ascii_only() { "*" } else { "▸" };
        let lines = self.page.lines().enumerate().map(|(number, line)| {
            let is_it = marked == Some(number) && line.starts_with(' ');
            match is_it {
                true => format!("{mark}{}\n", &line[1..]),
                false => format!("{line}\n"),
            }
        });
        (lines.collect(), marked.unwrap_or(0))
    }
}

/// The first lab in the course's order in which something can still be won.
pub(crate) fn next() -> Result<Option<String>, Failure> {
    Ok(list()?.next)
}

fn list() -> Result<List, Failure> {
    let content = content::find()?;
    let course = Course::find()?;
    let mut labs = Vec::new();
    for part in content.course()?.parts {
        for name in &part.labs {
            labs.push(listed(&content, course.as_ref(), &part.title, name)?);
        }
    }
    let next = labs.iter().find(|lab| !lab.settled);
    Ok(List {
        current: course.as_ref().map(|course| course.current().to_owned()),
        next: next.map(|lab| lab.name.clone()),
        labs,
        root: content.root().display().to_string(),
    })
}

fn listed(
    content: &Content,
    course: Option<&Course>,
    part: &str,
    name: &str,
) -> Result<Listed, Failure> {
    let lab = content.lab(name)?;
    let folder = course.map(|course| course.lab_folder(name));
    let folder = folder.filter(|folder| Session::find(folder).as_ref() == Some(folder));
    let session = folder
        .as_ref()
        .and_then(|it| Session::open(it, content).ok());
    Ok(Listed {
        best: session.as_ref().and_then(Session::best_check),
        hints_cost: session.as_ref().map_or(0, hints_cost),
        left: session.as_ref().map_or(0, left),
        settled: session.is_some_and(|session| is_settled(&session)),
        name: lab.name,
        title: lab.title,
        part: part.to_owned(),
        minutes: lab.minutes,
        points: lab.tasks.iter().map(|task| task.points).sum(),
        teaches: lab.teaches,
        requires: lab.requires,
        started: folder.is_some(),
    })
}

/// What hints cost of what the tasks gave.
fn hints_cost(session: &Session) -> u32 {
    let tasks = session.lab().tasks.iter();
    tasks.map(|task| status::hints_cost(session, task)).sum()
}

fn is_settled(session: &Session) -> bool {
    let mut tasks = session.lab().tasks.iter();
    tasks.all(|task| {
        let is_over = match &task.kind {
            TaskKind::Prediction(it) => !predict::is_open(session, task, it),
            _ => false,
        };
        is_over || is_handed_over(session, task) || session.best_of(&task.name) == Some(task.points)
    })
}

/// The points of what only the instructor can grade.
fn left(session: &Session) -> u32 {
    let tasks = session.lab().tasks.iter();
    let left = tasks.filter(|task| is_left(session, task));
    left.map(|task| task.points).sum()
}

fn is_left(session: &Session, task: &LabTask) -> bool {
    let variant = &session.plan().variant.name;
    wirelab_grader::is_left_to_the_instructor(session.lab(), task, variant)
}

/// Whether a task is answered, and graded by the instructor alone.
fn is_handed_over(session: &Session, task: &LabTask) -> bool {
    is_left(session, task) && session.is_answered(&task.name).unwrap_or(false)
}

fn print(list: &List) -> String {
    let Some(next) = &list.next else {
        return none_left(list);
    };
    format!(
        "{}\n{}next:  wirelab start {next}\n",
        table(list),
        length(list)
    )
}

/// How many labs there are, and how long they take together.
fn length(list: &List) -> String {
    let minutes: u32 = list.labs.iter().map(|lab| lab.minutes).sum();
    match list.labs.len() {
        0 | 1 => String::new(),
        labs => format!(
            "{labs} labs, about {} h {} min\n",
            minutes / 60,
            minutes % 60
        ),
    }
}

fn none_left(list: &List) -> String {
    if list.labs.is_empty() {
        return format!(
            "there are no labs in {0}/labs\n\nA lab is {0}/labs/NAME/lab.toml, its scenario \
             {0}/scenarios/NAME/scenario.toml;\nelsewhere than below {0}, `wirelab list` shows \
             the built-in labs.\n",
            list.root
        );
    }
    let again = "all solved.  wirelab start LAB --again = a solved lab with another fault";
    format!("{}\n{again}\n", table(list))
}

fn table(list: &List) -> String {
    let width = list.labs.iter().map(|lab| lab.name.len()).max();
    let width = width.unwrap_or(0);
    let solved = list.labs.iter().filter(|lab| lab.is_solved());
    let had: BTreeSet<&String> = solved.flat_map(|lab| &lab.teaches).collect();
    let mut text = String::new();
    let mut part = "";
    for lab in &list.labs {
        if lab.part != part {
            let gap = if text.is_empty() { "" } else { "\n" };
            let title = if lab.part.is_empty() {
                "Others"
            } else {
                lab.part.as_str()
            };
            text += &format!("{gap} {}\n", bold(title));
            part = &lab.part;
        }
        let current = list.current.as_ref() == Some(&lab.name);
        let done = match lab.best {
            Some(best) => format!("{best}/{}", lab.points),
            None if lab.started => format!("0/{}", lab.points),
            None => "-".to_owned(),
        };
        let mark = if current { ">" } else { " " };
        text += &format!(
            " {mark} {}  {done:>6}  ~{:>2} min  {}{}\n",
            bold(format!("{:<width$}", lab.name)),
            lab.minutes,
            lab.title,
            less(lab.hints_cost)
        );
        let missing = lab.requires.iter().filter(|skill| !had.contains(skill));
        let sources: BTreeSet<_> = missing.map(|skill| taught_by(list, skill)).collect();
        let mut about = lab.teaches.join(", ");
        if !sources.is_empty() {
            let sources: Vec<_> = sources.into_iter().collect();
            about += &format!("; builds on {}", sources.join(", "));
        }
        text += &format!("   {:<width$}          {}\n", "", dim(about));
    }
    text
}

/// What hints cost, behind a lab's title.
fn less(hints: u32) -> String {
    match hints {
        0 => String::new(),
        cost => dim(format!("  (less {cost} for hints)")),
    }
}

/// The first lab that teaches a skill; the skill itself if none does.
fn taught_by<'a>(list: &'a List, skill: &'a str) -> &'a str {
    let mut labs = list.labs.iter();
    let lab = labs.find(|lab| lab.teaches.iter().any(|it| it == skill));
    lab.map_or(skill, |lab| &lab.name)
}
