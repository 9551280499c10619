//! `wirelab check`: grade.

use crate::args::{Json, TEMPLATE};

/// Grade answers and network by what they do, with evidence for all that is wrong
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab check              exit code 0: passed, 1: not yet
  wirelab check repair       one task, or some: `wirelab check fate repair`
  wirelab check --json

")]
pub(crate) struct Arguments {
    /// These tasks; all by default
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
    #[command(flatten)]
    json: Json,
}

use wirelab_grader::GradeError;
use wirelab_grader::batch::Limits;
use wirelab_grader::report::{Report, Style, TaskReport};
use wirelab_session::Session;

use crate::commands::book::pages::chapter_of;
use crate::failure::{Code, Failure};
use crate::{folder, output, terminal};

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    let report = grade(&mut session, &arguments.tasks)?;
    warn_beyond(&session);
    if arguments.json.json {
        output::json(&report)?;
    } else {
        output::page(&print(&report, arguments.tasks.is_empty()))?;
    }
    Ok(if report.is_passed() {
        Code::Passed
    } else {
        Code::NotPassed
    })
}

/// Says so where what is handed in would not be graded.
pub(crate) fn warn_beyond(session: &Session) {
    if let Some(why) = Limits::default().beyond(session) {
        output::note(&format!(
            "warning: handed in, this would not be graded: {why}"
        ));
    }
}

/// Grades these tasks, or all if none is named, and notes in the journal what was reached by those
/// that somebody has tried.
pub(crate) fn grade(session: &mut Session, tasks: &[String]) -> Result<Report, Failure> {
    let report = look(session, tasks)?;
    let is_graded = |it: &&TaskReport| it.ungraded.is_none() && !it.is_untried();
    let tasks = report.tasks.iter().filter(is_graded);
    let tasks = tasks.map(|it| (it.task.clone(), it.points.got));
    session.note_check(report.score(), tasks.collect())?;
    Ok(report)
}

/// The same, and notes nothing: nobody has asked.
pub(crate) fn look(session: &Session, tasks: &[String]) -> Result<Report, Failure> {
    folder::refuse_without_tasks(session, "there is nothing to grade")?;
    let mut report = match tasks.split_first() {
        None => wirelab_grader::check(session, None),
        Some((first, _)) => wirelab_grader::check(session, Some(first)),
    }
    .map_err(failure)?;
    for task in tasks.iter().skip(1) {
        let one = wirelab_grader::check(session, Some(task)).map_err(failure)?;
        report.tasks.extend(one.tasks);
        report.points = report.points + one.points;
        report.ungraded += one.ungraded;
        report.hints += one.hints;
        report.score = report.points.got.saturating_sub(report.hints);
    }
    Ok(report)
}

/// The report as a terminal shows it, with what to do next.
pub(crate) fn print(report: &Report, whole_lab: bool) -> String {
    let style = Style {
        ascii: terminal::ascii_only(),
        color: true,
    };
    let is_open = report.tasks.iter().any(TaskReport::is_unsolved);
    let next = match (report.is_passed(), whole_lab) {
        (true, true) => solved(&report.lab),
        (true, false) => " solved.  wirelab check = the whole lab\n".to_owned(),
        (false, _) if is_open => {
            " wirelab hint = a nudge    wirelab undo = take the last change back\n".to_owned()
        }
        (false, whole) if report.ungraded > 0 => left(whole),
        (false, true) => final_without(&report.lab),
        (false, false) => " final.  wirelab check = the whole lab\n".to_owned(),
    };
    format!("{}{next}", report.print(&style))
}

/// What there is to do after the last task.
fn solved(lab: &str) -> String {
    let mut text = " solved.  wirelab next = on to the first lab that is not\n".to_owned();
    if let Some(chapter) = chapter_of(lab) {
        text += &format!(
            " wirelab book {chapter} = the story behind it, and what to check first next time\n"
        );
    }
    text
}

/// What is not solved is for somebody else to say.
fn left(whole_lab: bool) -> String {
    let next = match whole_lab {
        true => "wirelab submit = hand it in    wirelab next = on to the next lab",
        false => "wirelab check = the whole lab",
    };
    format!(" nothing is wrong that can be seen here.  {next}\n")
}

/// What is left is a prediction that came otherwise: nothing changes that, and the lab is over.
fn final_without(lab: &str) -> String {
    let mut text =
        " a prediction is final, all else is solved.  wirelab next = on to the first lab \
                    that is not\n"
            .to_owned();
    if let Some(chapter) = chapter_of(lab) {
        text += &format!(" wirelab book {chapter} = the story behind it\n");
    }
    text
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
