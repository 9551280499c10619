//! From a submission to a report.

use wirelab_scenario::{Lab, LabTask, Scenario, TaskKind};
use wirelab_session::Session;

use crate::error::GradeError;
use crate::material::Material;
use crate::moment::Moment;
use crate::report::{Report, TaskReport};
use crate::submission::Submission;
use crate::task::{self, prediction::Stands};

/// Grades submissions of one lab. Runs it once made are kept for the next submission.
#[derive(Debug)]
pub struct Grader<'a> {
    material: Material<'a>,
}

impl<'a> Grader<'a> {
    /// A grader for `lab`, which poses its tasks on `scenario`.
    #[must_use]
    pub const fn new(lab: Lab, scenario: Scenario) -> Self {
        Self {
            material: Material::new(lab, scenario, None),
        }
    }

    /// A grader for the lab of `session`, which keeps the runs it needs in the session's cache.
    #[must_use]
    pub fn of_session(session: &'a Session) -> Self {
        let (lab, scenario) = (session.lab().clone(), session.scenario().clone());
        Self {
            material: Material::new(lab, scenario, Some(session)),
        }
    }

    /// Grades every task.
    ///
    /// # Errors
    /// [`GradeError`]: our fault or the author's; wrong answers are findings, not errors.
    pub fn grade(&self, submission: &Submission) -> Result<Report, GradeError> {
        let tasks = self.material.lab.tasks.iter();
        let reports = tasks.map(|task| self.grade_one(task, submission));
        self.report(submission, reports.collect::<Result<_, _>>()?)
    }

    /// Grades one task.
    ///
    /// # Errors
    /// As [`Grader::grade`]; an unknown task.
    pub fn grade_task(&self, submission: &Submission, task: &str) -> Result<Report, GradeError> {
        let lab = &self.material.lab;
        let Some(found) = lab.task(task) else {
            let known: Vec<_> = lab.tasks.iter().map(|task| task.name.as_str()).collect();
            return Err(GradeError::UnknownTask {
                task: task.to_owned(),
                known: known.join(", "),
            });
        };
        self.report(submission, vec![self.grade_one(found, submission)?])
    }

    pub(crate) const fn material(&self) -> &Material<'a> {
        &self.material
    }

    /// The lab and its scenario, as this grader has them.
    pub(crate) const fn subject(&self) -> (&Lab, &Scenario) {
        self.material.subject()
    }

    /// Forgets the runs that were kept.
    pub(crate) fn forget(&self) {
        self.material.forget();
    }

    /// What a learner's machine lacks to grade a task is no mistake, and costs no other task.
    fn grade_one(&self, task: &LabTask, submission: &Submission) -> Result<TaskReport, GradeError> {
        match self.report_of(task, submission) {
            Err(GradeError::NoSolution { path, .. }) if self.material.is_at_work() => {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                let why = format!(
                    "it is written down, and your instructor grades it: this copy of the lab has \
                     no solution/{file}"
                );
                Ok(TaskReport::left(task, answer_file(task), why))
            }
            report => report,
        }
    }

    fn report_of(&self, task: &LabTask, submission: &Submission) -> Result<TaskReport, GradeError> {
        let material = &self.material;
        let mut closed = false;
        let checks = match &task.kind {
            TaskKind::Answer(answer) => task::answer::grade(material, task, answer, submission)?,
            TaskKind::TcpdumpFilter(filter) => {
                task::filter::grade(material, task, filter, submission)?
            }
            TaskKind::LogsInsights(query) => {
                task::query::grade(material, task, query.into(), submission)?
            }
            TaskKind::Athena(query) => {
                task::query::grade(material, task, query.into(), submission)?
            }
            TaskKind::Prediction(prediction) => {
                closed = Stands::of(task, prediction, submission) != Stands::Open;
                task::prediction::grade(material, task, prediction, submission)?
            }
            TaskKind::Fix(fix) => task::fix::grade(material, task, fix, submission)?,
        };
        let report = TaskReport::new(&task.name, task.kind.name(), answer_file(task), checks);
        Ok(TaskReport {
            closed,
            assisted: is_assisted(task, submission),
            ..report
        })
    }

    fn report(
        &self,
        submission: &Submission,
        tasks: Vec<TaskReport>,
    ) -> Result<Report, GradeError> {
        let hints = tasks.iter().map(|task| self.hints_cost(task, submission));
        let hints = hints.sum();
        let at = Moment::of(self.material.starts(submission.seed)?, submission.now);
        let mut report = Report::new(&self.material.lab.name, at, hints, tasks);
        report.notes.clone_from(&submission.said.notes);
        Ok(report)
    }

    /// What was taken is paid for out of what the task gives, solved or not, and never more than
    /// that: so a better answer is never worth less.
    fn hints_cost(&self, report: &TaskReport, submission: &Submission) -> u32 {
        let taken = submission.hints.get(report.task.as_str()).copied();
        let Some(task) = self.material.lab.task(&report.task) else {
            return 0;
        };
        if is_assisted(task, submission) {
            return report.points.got;
        }
        let taken = task.hints.iter().take(taken.unwrap_or(0));
        let price: u32 = taken.map(|hint| hint.price).sum();
        price.min(report.points.got)
    }
}

/// Whether the solution of a task was shown: the rung above its ladder, which costs all that the
/// task gives.
fn is_assisted(task: &LabTask, submission: &Submission) -> bool {
    let taken = submission.hints.get(&task.name).copied();
    taken.is_some_and(|taken| taken > task.hints.len())
}

/// Where the answer to a task is, in the lab's folder.
fn answer_file(task: &LabTask) -> Option<String> {
    let extension = task.kind.extension()?;
    Some(format!("answers/{}.{extension}", task.name))
}

/// Why the answer file of a prediction could not be judged as it is, a line a part; empty: it
/// could, or the task is no prediction.
///
/// # Errors
/// A file that cannot be read.
pub fn unready(session: &Session, task: &str) -> Result<Vec<String>, GradeError> {
    let known = session.lab().task(task);
    let Some(TaskKind::Prediction(prediction)) = known.map(|task| &task.kind) else {
        return Ok(Vec::new());
    };
    let text = session.answer(task)?.unwrap_or_default();
    let unready = task::prediction::unready(prediction, session.plan(), &text).into_iter();
    let lines = unready.map(|(part, finding)| format!("{part}: {}", finding.summary));
    Ok(lines.collect())
}

/// Grades a session as it stands; `task` limits it to one.
///
/// # Errors
/// As [`Grader::grade`]; files of the session that cannot be read.
pub fn check(session: &Session, task: Option<&str>) -> Result<Report, GradeError> {
    let grader = Grader::of_session(session);
    let submission = Submission::of_session(session)?;
    match task {
        Some(task) => grader.grade_task(&submission, task),
        None => grader.grade(&submission),
    }
}
