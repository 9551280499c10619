//! Queries, in Logs Insights' language or in Athena's SQL: judged by what they answer.
//!
//! The reference solution and the learner's query run over the same log: what the flow log had
//! delivered when the lab opened (`language`). Column names and their order are free; further
//! columns do no harm, and over every log the same ones are those asked for. Then both run over the
//! logs of hidden runs, and over the learner's log with records that it could have had
//! (`near_miss`), which separates near misses. Where they differ, the finding has a row, and the
//! fewest records that show the difference (`shown`).

mod bench;
mod compare;
mod headers;
mod language;
mod near_miss;
mod shown;
mod table;

use std::path::PathBuf;

use wirelab_query::{QueryResult, Work};
use wirelab_scenario::{Compare, LabTask};
use wirelab_session::Run;

pub(crate) use self::bench::{Bench, Shown, Source};
use self::compare::Ways;
pub(crate) use self::language::Language;
use self::language::{Data, Refused, WORK_ROWS};
pub(crate) use self::shown::Records;
use self::table::Table;
use super::filter::hidden_points;
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::material::{Material, answer_text};
use crate::report::{Check, Mark, Points};
use crate::submission::Submission;

const ANSWERS: &str = "answers with the rows that were asked for";
const ELSEWHERE: &str = "does so on hidden runs";

/// What a reference may work on: an answer may be twenty times as slow.
const REFERENCE_ROWS: u64 = WORK_ROWS / 20;

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
    let data = query.data(material, task, &opening)?;
    let both = match Both::new(material, task, query, &opening, text) {
        // Without the reference it can still be said that a query is none.
        Err(error @ GradeError::NoSolution { .. }) => match data.ask(text) {
            Err(Refused::Query(finding)) => return Ok(unsolved(shown, hidden, *finding)),
            _ => return Err(error),
        },
        both => both?,
    };
    let outcome = both.outcome(&data)?;
    let ways = outcome.ways;
    let mut found = outcome.findings.into_iter();
    if let Some(mut finding) = found.next() {
        if finding.name.shows_rows() && !query.reads_files() {
            let group = query.log_group(material, task, &opening)?;
            both.show_smallest_log(&mut finding, &group);
        }
        let mut checks = unsolved(shown, hidden, finding);
        checks[0].findings.extend(found.chain(outcome.lints));
        return Ok(checks);
    }
    let mut first = Check::passed(ANSWERS, shown);
    first.findings = outcome.lints;
    let second = elsewhere(material, task, query, submission, text, ways)?;
    Ok(vec![first, second])
}

/// Looks again at the records that a finding shows: what is wrong with them as a counterexample.
pub(crate) fn recheck(
    material: &Material<'_>,
    task: &LabTask,
    query: Language<'_>,
    submission: &Submission,
    records: &Records,
) -> Result<Option<String>, GradeError> {
    let text = submission.answers.get(&task.name);
    let text = text.map_or("", String::as_str);
    // What was known of the columns when it was found.
    let mut ways = Ways::ANY;
    let before = [submission.seed]
        .into_iter()
        .chain(material.hidden(submission.seed));
    for seed in before.take_while(|seed| *seed != records.seed || records.with_near_misses) {
        let run = material.opening_for(submission.seed, seed)?;
        let both = Both::new(material, task, query, &run, text)?.knowing(ways);
        ways = both.outcome(&query.data(material, task, &run)?)?.ways;
    }
    let run = material.opening_for(submission.seed, records.seed)?;
    let both = Both::new(material, task, query, &run, text)?;
    both.knowing(ways).spare(records)
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
    mut ways: Ways,
) -> Result<Check, GradeError> {
    let of = hidden_points(task);
    let hidden = material.hidden(submission.seed);
    material.prepare_hidden(&hidden)?;
    for seed in hidden {
        let run = material.hidden_opening(seed)?;
        let both = Both::new(material, task, query, &run, text)?.knowing(ways);
        let outcome = both.outcome(&query.data(material, task, &run)?)?;
        ways = outcome.ways;
        if let Some(found) = outcome.findings.into_iter().next() {
            let mut finding = renamed(found, FindingKind::QueryFailsHiddenRun);
            if !query.reads_files() {
                let group = query.log_group(material, task, &run)?;
                both.show_smallest_log(&mut finding, &group);
            }
            return Ok(Check::partly(ELSEWHERE, Points { got: 0, of }, finding));
        }
    }
    let opening = material.opening(submission.seed)?;
    let both = Both::new(material, task, query, &opening, text)?.knowing(ways);
    if let Some(finding) = both.near_miss(query.near_misses())? {
        return Ok(Check::partly(ELSEWHERE, Points { got: 0, of }, finding));
    }
    Ok(Check::passed(ELSEWHERE, of))
}

/// The same finding under the name of the place where it was made.
fn renamed(finding: Finding, name: FindingKind) -> Finding {
    Finding {
        name,
        severity: name.severity(),
        ..finding
    }
}

/// The learner's query beside the reference, on one run.
struct Both<'a> {
    material: &'a Material<'a>,
    task: &'a LabTask,
    query: Language<'a>,
    run: &'a Run,
    text: &'a str,
    path: PathBuf,
    reference: String,
    ways: Ways,
}

impl<'a> Both<'a> {
    fn new(
        material: &'a Material<'a>,
        task: &'a LabTask,
        query: Language<'a>,
        run: &'a Run,
        text: &'a str,
    ) -> Result<Self, GradeError> {
        let extension = task.kind.extension().unwrap_or_default();
        let (path, reference) = material.solution(task, run.plan(), extension)?;
        Ok(Self {
            material,
            task,
            query,
            run,
            text,
            path,
            reference,
            ways: Ways::ANY,
        })
    }

    /// With what other logs have told of its columns.
    fn knowing(self, ways: Ways) -> Self {
        Self { ways, ..self }
    }

    /// What the two give over `data`.
    fn outcome(&self, data: &Data) -> Result<Outcome, GradeError> {
        let work = Work::of(WORK_ROWS);
        let wanted = self.wanted(data, &work)?;
        let reference = work.done();
        if wanted.rows.is_empty() {
            // Nothing would be easy to equal.
            return Err(self.wrong("it answers with no row".to_owned()));
        }
        if reference > REFERENCE_ROWS {
            let why = format!("it works on {reference} rows, and {REFERENCE_ROWS} are enough");
            return Err(self.wrong(why));
        }
        let (given, notes) = match data.ask_with_notes(self.text, &Work::of(WORK_ROWS)) {
            Ok(given) => given,
            Err(Refused::OurFault(why)) => return Err(self.material.mistake(self.task, why)),
            Err(Refused::Unfinished(why)) => {
                let task = self.task.name.clone();
                return Err(GradeError::Unfinished { task, why });
            }
            Err(Refused::Query(mut finding)) => {
                if finding.name == FindingKind::QueryTakesTooMuch {
                    let line = format!("a solution works on {reference} of them");
                    finding.evidence.insert(0, line);
                }
                return Ok(Outcome {
                    findings: vec![*finding],
                    lints: Vec::new(),
                    ways: self.ways.clone(),
                });
            }
        };
        let given_table = Table::of(&given, &[]);
        let compare = self.query.compare();
        Ok(Outcome {
            findings: compare::findings(&wanted, &given_table, compare, &self.ways),
            lints: lints(&given, notes),
            ways: self.ways.that_fit(&wanted, &given_table, compare),
        })
    }

    /// What the reference answers.
    fn wanted(&self, data: &Data, work: &Work) -> Result<Table, GradeError> {
        let result = data.ask_counted(&self.reference, work);
        let result = result.map_err(|refused| self.wrong(refused.to_string()))?;
        let columns: &[String] = match self.query.compare() {
            Compare::Columns => self.query.columns(),
            _ => &[],
        };
        let table = Table::of(&result, columns);
        if table.width() < columns.len() {
            let columns = columns.join(", ");
            return Err(self.wrong(format!("its result lacks one of {columns}")));
        }
        Ok(table)
    }

    fn wrong(&self, why: String) -> GradeError {
        GradeError::Solution {
            path: self.path.clone(),
            why,
        }
    }
}

/// What the learner's query gives, held against the reference.
struct Outcome {
    findings: Vec<Finding>,
    lints: Vec<Finding>,
    /// The ways to match the columns that fit over this log too.
    ways: Ways,
}

/// What `wirelab query` says of the query, too: warnings of Logs Insights, notes of Athena.
fn lints(result: &QueryResult, notes: Vec<String>) -> Vec<Finding> {
    let warnings = result.warnings.iter().map(|warning| {
        let finding = Finding::new(FindingKind::QueryLint, warning.message.clone());
        match &warning.hint {
            Some(hint) => finding.evidence(format!("hint: {hint}")),
            None => finding,
        }
    });
    let notes = notes.into_iter();
    let notes = notes.map(|note| Finding::new(FindingKind::QueryLint, note));
    warnings.chain(notes).collect()
}
