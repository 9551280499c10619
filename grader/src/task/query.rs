//! Queries, in Logs Insights' language or in Athena's SQL: judged by what they answer.
//!
//! The reference solution and the learner's query run over the same log: what the flow log had
//! delivered when the lab opened (`language`). Column names and their order are free; further
//! columns do no harm. Then both run over the logs of hidden runs, which separates near misses.

mod compare;
mod language;
mod table;

use wirelab_query::QueryResult;
use wirelab_scenario::{Compare, LabTask};
use wirelab_session::Run;

pub(crate) use self::language::Language;
use self::language::{Data, Refused};
use self::table::Table;
use super::filter::hidden_points;
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::material::{Material, answer_text};
use crate::report::{Check, Mark, Points};
use crate::submission::Submission;

const ANSWERS: &str = "answers with the rows that were asked for";
const ELSEWHERE: &str = "does so on hidden runs";

pub(crate) fn grade(
    material: &Material<'_>,
    task: &LabTask,
    query: Language<'_>,
    submission: &Submission,
) -> Result<Vec<Check>, GradeError> {
    let hidden = hidden_points(task);
    let shown = task.points - hidden;
    let Some(_) = answer_text(submission.answers.get(&task.name)) else {
        let extension = task.kind.extension().unwrap_or_default();
        let why = format!("write it into answers/{}.{extension}", task.name);
        return Ok(unsolved(
            shown,
            hidden,
            Finding::new(FindingKind::NoAnswer, why),
        ));
    };
    // The query itself keeps its comments, so that places in messages are right.
    let text = submission.answers[&task.name].as_str();
    let opening = material.opening(submission.seed)?;
    let outcome = Outcome::of(material, task, query, &opening, text)?;
    let mut found = outcome.findings.into_iter();
    if let Some(finding) = found.next() {
        let mut checks = unsolved(shown, hidden, finding);
        checks[0].findings.extend(found.chain(outcome.lints));
        return Ok(checks);
    }
    let mut first = Check::passed(ANSWERS, shown);
    first.findings = outcome.lints;
    let second = elsewhere(material, task, query, submission, text)?;
    Ok(vec![first, second])
}

fn unsolved(shown: u32, hidden: u32, finding: Finding) -> Vec<Check> {
    let mut second = Check::passed(ELSEWHERE, hidden).note("not tried yet");
    second.points.got = 0;
    second.mark = Mark::Failed;
    vec![Check::failed(ANSWERS, shown, finding), second]
}

fn elsewhere(
    material: &Material<'_>,
    task: &LabTask,
    query: Language<'_>,
    submission: &Submission,
    text: &str,
) -> Result<Check, GradeError> {
    let of = hidden_points(task);
    let hidden = material.hidden(submission.seed);
    material.prepare(&hidden)?;
    for seed in hidden {
        let run = material.opening(seed)?;
        let outcome = Outcome::of(material, task, query, &run, text)?;
        if let Some(found) = outcome.findings.into_iter().next() {
            let name = FindingKind::QueryFailsHiddenRun;
            let finding = Finding {
                name,
                severity: name.severity(),
                ..found
            };
            return Ok(Check::partly(ELSEWHERE, Points { got: 0, of }, finding));
        }
    }
    Ok(Check::passed(ELSEWHERE, of))
}

/// What the learner's query gives on one run, held against the reference.
struct Outcome {
    findings: Vec<Finding>,
    lints: Vec<Finding>,
}

impl Outcome {
    fn of(
        material: &Material<'_>,
        task: &LabTask,
        query: Language<'_>,
        run: &Run,
        text: &str,
    ) -> Result<Self, GradeError> {
        let data = query.data(material, task, run)?;
        let wanted = reference(material, task, query, run, &data)?;
        let given = match data.ask(text) {
            Ok(given) => given,
            Err(Refused::OurFault(why)) => return Err(material.mistake(task, why)),
            Err(Refused::Query(finding)) => {
                return Ok(Self {
                    findings: vec![finding],
                    lints: Vec::new(),
                });
            }
        };
        Ok(Self {
            findings: compare::findings(&wanted, &Table::of(&given, &[]), query.compare()),
            lints: lints(&given),
        })
    }
}

/// What the reference solution answers: never nothing, since nothing would be easy to equal.
fn reference(
    material: &Material<'_>,
    task: &LabTask,
    query: Language<'_>,
    run: &Run,
    data: &Data,
) -> Result<Table, GradeError> {
    let extension = task.kind.extension().unwrap_or_default();
    let (path, text) = material.solution(task, run.plan(), extension)?;
    let wrong = |why: String| GradeError::Solution {
        path: path.clone(),
        why,
    };
    let result = data.ask(&text);
    let result = result.map_err(|refused| wrong(refused.to_string()))?;
    let columns: &[String] = match query.compare() {
        Compare::Columns => query.columns(),
        _ => &[],
    };
    let table = Table::of(&result, columns);
    if table.width() < columns.len() {
        return Err(wrong(format!(
            "its result lacks one of {}",
            columns.join(", ")
        )));
    }
    if table.rows.is_empty() {
        return Err(wrong("it answers with no row".to_owned()));
    }
    Ok(table)
}

fn lints(result: &QueryResult) -> Vec<Finding> {
    let warnings = result.warnings.iter();
    warnings
        .map(|warning| {
            let finding = Finding::new(FindingKind::QueryLint, warning.message.clone());
            match &warning.hint {
                Some(hint) => finding.evidence(format!("hint: {hint}")),
                None => finding,
            }
        })
        .collect()
}
