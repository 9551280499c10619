//! `wirelab author`: for those who write labs.

mod pack;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wirelab_grader::author::{self, AuthorReport, Options, Reference, Trials};
use wirelab_scenario::LabTask;
use wirelab_session::{Content, Session};

use crate::args::{Json, TEMPLATE};
use crate::commands::check;
use crate::failure::{Code, Failure};
use crate::terminal::bold;
use crate::{content, folder, output};

/// For authors of labs: prove that a lab is sound, see its solution on a seed, hand labs out
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab author check                     every lab here
  wirelab author check nacl-ephemeral      one, on 16 seeds
  wirelab author solution                  the solution of the lab in this folder, on its seed
  wirelab author pack --to net-201.zip     the labs here, for learners: without the answers

")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: AuthorCommand,
}

#[derive(clap::Subcommand)]
enum AuthorCommand {
    Check(CheckArguments),
    Solution(SolutionArguments),
    Fill(FillArguments),
    Pack(pack::PackArguments),
    Copy(pack::CopyArguments),
}

/// Prove labs: unsolved as shipped, solved by their solutions on every seed, wrong answers refused
///
/// Each file in `wrong/` must score what its first line says and fail with the finding it names;
/// hints must not contain the solution.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab author check
  wirelab author check mtu-black-hole --seeds 4
  wirelab author check top-talkers --mutants    what queries go through that are not quite right

")]
struct CheckArguments {
    /// Labs to check; all of them by default
    #[arg(value_name = "LAB")]
    labs: Vec<String>,
    /// How many whole seeds the solution must solve
    #[arg(long, default_value_t = 16, value_name = "N")]
    seeds: u64,
    /// Try the answers in right/ and wrong/ on every seed, not once a variant
    #[arg(long)]
    every_seed: bool,
    /// Instead: try every first-order mutant of the reference queries, which must be refused
    #[arg(long)]
    mutants: bool,
    #[command(flatten)]
    json: Json,
}

/// Print the reference solutions of the lab in this folder, for the variant that its seed drew
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab author solution
  wirelab author solution repair --json

")]
struct SolutionArguments {
    /// One task; all by default
    #[arg(value_name = "TASK")]
    task: Option<String>,
    #[command(flatten)]
    json: Json,
}

/// Print a solution or wrong answer with its `${...}` filled in for the lab in this folder
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab author fill labs/nacl-ephemeral/wrong/repair--allow-all.calls

")]
struct FillArguments {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    match &arguments.command {
        AuthorCommand::Check(arguments) => prove(arguments),
        AuthorCommand::Solution(arguments) => solution(arguments),
        AuthorCommand::Fill(arguments) => fill(arguments),
        AuthorCommand::Pack(arguments) => pack::pack(arguments),
        AuthorCommand::Copy(arguments) => pack::copy(arguments),
    }
}

fn prove(arguments: &CheckArguments) -> Result<Code, Failure> {
    let content = content::find()?;
    let labs = if arguments.labs.is_empty() {
        content.labs()?
    } else {
        arguments.labs.clone()
    };
    let options = Options {
        seeds: arguments.seeds,
        trials: match arguments.every_seed {
            true => Trials::EachSeed,
            false => Trials::EachVariant,
        },
    };
    // What costs nothing comes first: the labs take minutes.
    let course = match arguments.labs.is_empty() && !arguments.mutants {
        true => out_of_order(&content)?,
        false => Vec::new(),
    };
    if !arguments.json.json && !course.is_empty() {
        let mistakes = course.join("\n  ✗ ");
        output::text(&format!("labs/course.toml\n  ✗ {mistakes}\n"))?;
    }
    let mut reports = Vec::new();
    for lab in &labs {
        folder::known_lab(&content, lab)?;
        let dir = content.lab_dir(lab);
        let report = match arguments.mutants {
            true => author::check_mutants(&dir, author::Variants::All),
            false => author::check(&dir, options),
        };
        let report = report.map_err(check::failure)?;
        if !arguments.json.json {
            output::text(&report.to_string())?;
        }
        reports.push(report);
    }
    let sound = course.is_empty() && reports.iter().all(AuthorReport::is_sound);
    if arguments.json.json {
        output::json(&Checked {
            sound,
            labs: reports,
            course,
        })?;
    }
    Ok(if sound { Code::Passed } else { Code::Usage })
}

/// What was proven of several labs.
#[derive(Serialize)]
struct Checked {
    sound: bool,
    labs: Vec<AuthorReport>,
    /// What is wrong with the course's order.
    course: Vec<String>,
}

/// Every skill that a lab requires and that no lab before it teaches.
fn out_of_order(content: &Content) -> Result<Vec<String>, Failure> {
    let (mut taught, mut mistakes) = (BTreeSet::new(), Vec::new());
    for name in content.course()?.labs() {
        let lab = content.lab(name)?;
        for skill in lab.requires.iter().filter(|it| !taught.contains(*it)) {
            mistakes.push(format!(
                "`{name}` requires `{skill}`, which no lab before it teaches"
            ));
        }
        taught.extend(lab.teaches);
    }
    Ok(mistakes)
}

#[derive(Serialize)]
struct Solutions {
    lab: String,
    seed: u64,
    variant: String,
    tasks: Vec<Solution>,
}

#[derive(Serialize)]
struct Solution {
    name: String,
    kind: &'static str,
    /// Where it stands; `None`: it follows from `lab.toml` and the run.
    file: Option<String>,
    solution: Option<String>,
    /// The file that is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
}

fn solution(arguments: &SolutionArguments) -> Result<Code, Failure> {
    let session = folder::open()?;
    let solutions = solved(&session, arguments.task.as_deref())?;
    if arguments.json.json {
        output::json(&solutions)?;
    } else {
        output::text(&print(&solutions))?;
    }
    Ok(Code::Passed)
}

/// The solutions of a session's tasks as people read them.
pub(crate) fn solutions(session: &Session) -> Result<String, Failure> {
    Ok(print(&solved(session, None)?))
}

/// The solution of one task as people read it; `None` if it is not to be had here.
pub(crate) fn solution_of(session: &Session, task: &LabTask) -> Result<Option<String>, Failure> {
    let solved = solved(session, Some(&task.name))?;
    let is_there = solved.tasks.iter().any(|it| it.solution.is_some());
    Ok(is_there.then(|| print(&solved)))
}

fn solved(session: &Session, only: Option<&str>) -> Result<Solutions, Failure> {
    let wanted = |task: &&LabTask| only.is_none_or(|name| name == task.name);
    let tasks = session.lab().tasks.iter().filter(wanted);
    let tasks = tasks.map(|task| solve(session, task));
    Ok(Solutions {
        lab: session.lab().name.clone(),
        seed: session.plan().seed.fault,
        variant: session.plan().variant.name.clone(),
        tasks: tasks.collect::<Result<_, _>>()?,
    })
}

/// What solves a task, or why that is not to be had here.
fn solve(session: &Session, task: &LabTask) -> Result<Solution, Failure> {
    let reference = author::reference(session, task).map_err(check::failure)?;
    let (file, solution, missing) = match reference {
        Ok(Reference { path, text }) => (path, Some(text), None),
        Err(path) => (None, None, Some(path)),
    };
    let shown = |path: PathBuf| path.display().to_string();
    Ok(Solution {
        name: task.name.clone(),
        kind: task.kind.name(),
        file: file.map(shown),
        solution,
        missing: missing.map(shown),
    })
}

fn filled(session: &Session, path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    session
        .plan()
        .fill(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn print(solutions: &Solutions) -> String {
    let variant = match solutions.variant.as_str() {
        "" => "no variants".to_owned(),
        name => format!("variant {name}"),
    };
    let mut text = format!("{}, {variant}\n", bold(&solutions.lab));
    for task in &solutions.tasks {
        let solution = match (&task.solution, &task.missing) {
            (Some(solution), _) => solution.trim_end().to_owned(),
            (None, missing) => format!("not here: no {}", missing.as_deref().unwrap_or("file")),
        };
        let (name, kind) = (bold(&task.name), task.kind);
        text += &format!("\n{name} ({kind})\n{solution}\n");
    }
    text
}

fn fill(arguments: &FillArguments) -> Result<Code, Failure> {
    let session = folder::open()?;
    output::text(&filled(&session, &arguments.file)?)?;
    Ok(Code::Passed)
}
