//! `wirelab check`: grade.

use crate::args::{Json, TEMPLATE};

/// Grade answers and network by what they do, with evidence for all that is wrong
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab check              exit code 0: passed, 1: not yet
  wirelab check repair       one task
  wirelab check --json

")]
pub(crate) struct Arguments {
    /// One task; all by default
    #[arg(value_name = "TASK")]
    task: Option<String>,
    #[command(flatten)]
    json: Json,
}

use wirelab_grader::GradeError;
use wirelab_grader::report::{Report, Style};
use wirelab_session::Session;

use crate::failure::{Code, Failure};
use crate::{folder, output, terminal};

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    let report = grade(&mut session, arguments.task.as_deref())?;
    if arguments.json.json {
        output::json(&report)?;
    } else {
        output::text(&print(&report, arguments.task.is_none()))?;
    }
    Ok(if report.is_passed() {
        Code::Passed
    } else {
        Code::NotPassed
    })
}

/// Grades, and notes in the journal what was reached.
pub(crate) fn grade(session: &mut Session, task: Option<&str>) -> Result<Report, Failure> {
    let report = wirelab_grader::check(session, task).map_err(failure)?;
    let tasks = report.tasks.iter();
    let tasks = tasks.map(|it| (it.task.clone(), it.points.got));
    session.note_check(report.score(), tasks.collect())?;
    Ok(report)
}

/// The report as a terminal shows it, with what to do next.
pub(crate) fn print(report: &Report, whole_lab: bool) -> String {
    let style = Style {
        ascii: terminal::ascii_only(),
        color: true,
    };
    let next = match (report.is_passed(), whole_lab) {
        (true, true) => {
            " solved.  wirelab next = the next lab of the course
"
        }
        (true, false) => {
            " solved.  wirelab check = the whole lab
"
        }
        (false, _) => {
            " wirelab hint = a nudge    wirelab undo = take the last change back
"
        }
    };
    format!("{}{next}", report.print(&style))
}

/// Our fault and the author's, each with its exit code; wrong answers are no errors.
pub(crate) fn failure(error: GradeError) -> Failure {
    match error {
        GradeError::Session(error) => error.into(),
        GradeError::Content(errors) => errors.into(),
        GradeError::Run(_) => Failure::internal(error),
        error => Failure::usage(error),
    }
}
