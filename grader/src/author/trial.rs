//! Other people's answers: each in `right/` earns everything, each in `wrong/` scores what it says
//! and fails with the finding it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wirelab_model::Seed;
use wirelab_scenario::{Lab, LabTask, Plan, Scenario, TaskKind};

use super::{AuthorReport, Trials, solve, variant};
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::grade::Grader;
use crate::report::Report;
use crate::submission::Submission;
use crate::task::answer;
use crate::task::query::{self, Language};

/// So many repairs that are right, the solution among them, are wanted for each fault.
const RIGHT: usize = 3;
/// So many wrong ones.
const WRONG: usize = 5;

/// A file in `right/` or `wrong/`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trial {
    path: PathBuf,
    task: String,
    /// None: it fits every variant.
    variants: Vec<String>,
    wanted: Wanted,
    text: String,
}

impl Trial {
    fn fits(&self, variant: &str) -> bool {
        self.variants.is_empty() || self.variants.iter().any(|it| it == variant)
    }
}

/// What grading must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Full points.
    Right,
    /// So many points, and this finding among others.
    Wrong(u32, FindingKind),
}

/// What has been tried so far.
#[derive(Debug)]
pub(super) struct Seen {
    trials: Trials,
    /// The scenario's.
    variants: Vec<String>,
    drawn: BTreeSet<String>,
    tried: BTreeSet<(PathBuf, String)>,
    times: usize,
}

impl Seen {
    pub(super) fn new(scenario: &Scenario, trials: Trials) -> Self {
        Self {
            trials,
            variants: scenario.variants(),
            drawn: BTreeSet::new(),
            tried: BTreeSet::new(),
            times: 0,
        }
    }

    /// Whether the answer, the `number`th, is to be tried on a seed that drew this variant.
    fn is_due(&mut self, trial: &Trial, number: usize, drawn: &str) -> bool {
        if !trial.fits(drawn) {
            return false;
        }
        let fitting: Vec<_> = self.variants.iter().filter(|it| trial.fits(it)).collect();
        let elsewhere = fitting.get(number % fitting.len().max(1));
        if self.trials == Trials::Once && elsewhere.is_some_and(|it| **it != drawn) {
            return false;
        }
        let is_new = self.tried.insert((trial.path.clone(), drawn.to_owned()));
        is_new || self.trials == Trials::EachSeed
    }

    /// Complains about variants that no seed drew or that there are not, about a lab with too few
    /// wrong answers, and warns of faults with few repairs.
    pub(super) fn finish(self, lab: &Lab, report: &mut AuthorReport) -> Result<(), GradeError> {
        for name in self.variants.iter().filter(|it| !self.drawn.contains(*it)) {
            let what = "was not drawn on any seed; nothing is proven of it";
            report.problem(format!("variant {name}"), what);
        }
        let all: Vec<_> = answers(lab)?
            .iter()
            .filter_map(|it| read(lab, it).ok())
            .collect();
        for trial in &all {
            let mut named = trial.variants.iter();
            if let Some(unknown) = named.find(|it| !self.variants.contains(it)) {
                let known = self.variants.join(", ");
                let what = format!("there is no variant `{unknown}`; there are: {known}");
                report.problem(trial.path.display().to_string(), what);
            }
        }
        few_repairs(lab, &self.variants, &all, report);
        let files: BTreeSet<_> = self.tried.iter().map(|(path, _)| path).collect();
        let is_wrong = |path: &&&PathBuf| path.parent().is_some_and(|dir| dir.ends_with("wrong"));
        let wrong = files.iter().filter(is_wrong).count();
        if wrong < 3 {
            let what = format!("{wrong} wrong answers; at least 3 are wanted");
            report.problem(lab.dir.join("wrong").display().to_string(), what);
        }
        let right = files.len() - wrong;
        let times = self.times;
        report.proven.push(format!(
            "{wrong} wrong answers and {right} other right ones, tried {times} times"
        ));
        Ok(())
    }
}

/// Warns of each fault for which the grader was shown too few repairs to be trusted with others'.
fn few_repairs(lab: &Lab, variants: &[String], all: &[Trial], report: &mut AuthorReport) {
    let whole = [String::new()];
    let variants = if variants.is_empty() {
        &whole
    } else {
        variants
    };
    let fixes = lab
        .tasks
        .iter()
        .filter(|it| matches!(it.kind, TaskKind::Fix(_)));
    for task in fixes {
        for variant in variants {
            let fitting = all
                .iter()
                .filter(|it| it.task == task.name && it.fits(variant));
            let (right, wrong): (Vec<_>, Vec<_>) =
                fitting.partition(|it| it.wanted == Wanted::Right);
            let (right, wrong) = (right.len() + 1, wrong.len());
            if right < RIGHT || wrong < WRONG {
                let place = match variant.as_str() {
                    "" => format!("task `{}`", task.name),
                    name => format!("task `{}` ({name})", task.name),
                };
                let what = format!(
                    "{right} right repairs, the solution among them, and {wrong} wrong ones; \
                     {RIGHT} and {WRONG} show that the grader knows a repair from what looks like one"
                );
                report.warning(place, what);
            }
        }
    }
}

/// Tries every answer that fits the drawn variant and is due on it.
pub(super) fn check(
    grader: &Grader<'_>,
    lab: &Lab,
    seed: Seed,
    plan: &Plan,
    seen: &mut Seen,
    report: &mut AuthorReport,
) -> Result<(), GradeError> {
    let drawn = &plan.variant.name;
    let is_first = seen.drawn.is_empty();
    seen.drawn.insert(drawn.clone());
    for (number, path) in answers(lab)?.iter().enumerate() {
        match read(lab, path) {
            Err(why) if is_first => report.problem(path.display().to_string(), why),
            Ok(trial) if seen.is_due(&trial, number, drawn) => {
                seen.times += 1;
                try_it(grader, lab, seed, plan, &trial, report)?;
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// The files of `right/` and `wrong/`.
fn answers(lab: &Lab) -> Result<Vec<PathBuf>, GradeError> {
    let mut all = files(&lab.dir.join("right"))?;
    all.extend(files(&lab.dir.join("wrong"))?);
    Ok(all)
}

fn try_it(
    grader: &Grader<'_>,
    lab: &Lab,
    seed: Seed,
    plan: &Plan,
    trial: &Trial,
    report: &mut AuthorReport,
) -> Result<(), GradeError> {
    let place = format!(
        "{} on seed {} ({})",
        trial.path.display(),
        seed.fault,
        variant(plan)
    );
    let task = lab.task(&trial.task).expect("read() knows the task");
    let mut submission = Submission::new(seed, lab.opens_at);
    let text = grader.material();
    let text = text.fill_file(task, plan, &trial.path, &trial.text)?;
    if matches!(task.kind, TaskKind::Fix(_)) {
        if let Err(why) = solve::repair(grader, lab, &mut submission, &text)? {
            report.problem(place, why);
            return Ok(());
        }
    } else {
        solve::answered(&mut submission, task, text);
    }
    let graded = grader.grade_task(&submission, &task.name)?;
    let findings = || graded.tasks.iter().flat_map(|task| task.findings());
    if let Some(finding) = shows_rows_alone(task, findings()) {
        let what = format!("no records are shown for `{}`", finding.name);
        report.problem(&place, what);
    }
    for finding in findings() {
        if finding.is_bare() {
            let what = format!("`{}` shows no counterexample", finding.name);
            report.problem(&place, what);
        }
        if let Some(why) = is_not_minimal(grader, task, &submission, finding)? {
            let what = format!(
                "the counterexample of `{}` is not minimal: {why}",
                finding.name
            );
            report.problem(&place, what);
        }
    }
    if let TaskKind::Answer(asked) = &task.kind {
        let unasked = answer::unasked(grader.material(), task, asked, &submission)?;
        unasked
            .into_iter()
            .for_each(|why| report.problem(&place, why));
    }
    match trial.wanted {
        Wanted::Right if graded.is_passed() => {}
        Wanted::Right => {
            let findings: Vec<_> = super::errors(&graded).collect();
            let what = format!("earns {}: {}", graded.points, findings.join("; "));
            report.problem(place, what);
        }
        Wanted::Wrong(points, finding) => compare(&graded, points, finding, &place, report),
    }
    Ok(())
}

/// Why something of a counterexample could be left out. What was searched for with many questions
/// is asked again without each of its records.
fn is_not_minimal(
    grader: &Grader<'_>,
    task: &LabTask,
    submission: &Submission,
    finding: &Finding,
) -> Result<Option<String>, GradeError> {
    if !finding.is_minimal {
        return Ok(Some("the search for fewer records was given up".to_owned()));
    }
    let Some(query) = Language::of(&task.kind) else {
        return Ok(None);
    };
    match &finding.records {
        Some(records) => query::recheck(grader.material(), task, query, submission, records),
        None => Ok(None),
    }
}

/// The first finding about rows, if no records stand beside it.
fn shows_rows_alone<'a>(
    task: &LabTask,
    mut findings: impl Iterator<Item = &'a Finding>,
) -> Option<&'a Finding> {
    let query = Language::of(&task.kind)?;
    let first = findings.find(|it| it.name.shows_rows())?;
    (!query.reads_files() && first.records.is_none()).then_some(first)
}

fn compare(
    graded: &Report,
    points: u32,
    finding: FindingKind,
    place: &str,
    report: &mut AuthorReport,
) {
    if graded.points.got != points {
        let what = format!("says {points} points, earns {}", graded.points);
        report.problem(place, what);
    }
    let found = graded.tasks.iter().flat_map(|task| task.findings());
    let found: Vec<_> = found.map(|finding| finding.name).collect();
    if !found.contains(&finding) {
        let names: Vec<_> = found.iter().map(|name| name.name()).collect();
        let what = match names.is_empty() {
            true => format!("says `{finding}`, and there is no finding"),
            false => format!("says `{finding}`, the findings are: {}", names.join(", ")),
        };
        report.problem(place, what);
    }
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, GradeError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |error| GradeError::File {
        path: dir.to_owned(),
        error,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        files.push(entry.map_err(failed)?.path());
    }
    files.sort();
    Ok(files)
}

/// `TASK--WHAT[.VARIANT].EXT`, `TASK--WHAT.VARIANT+VARIANT.EXT`; the first line of a wrong one is
/// `# points=2 finding=too-open`,
/// or the same behind `--`, which begins a comment of SQL.
fn read(lab: &Lab, path: &Path) -> Result<Trial, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (task, rest) = name
        .split_once("--")
        .ok_or("is not called TASK--WHAT.EXT")?;
    let mut parts = rest.split('.').skip(1);
    let (variants, extension) = match (parts.next(), parts.next()) {
        (Some(extension), None) => (Vec::new(), extension),
        (Some(named), Some(extension)) => {
            (named.split('+').map(str::to_owned).collect(), extension)
        }
        _ => return Err("is not called TASK--WHAT.EXT".to_owned()),
    };
    let known = lab
        .task(task)
        .ok_or_else(|| format!("there is no task `{task}`"))?;
    let wanted = extension_of(known);
    if extension != wanted {
        return Err(format!("answers to `{task}` end in .{wanted}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let wanted = match path.parent().is_some_and(|dir| dir.ends_with("right")) {
        true => Wanted::Right,
        false => {
            let (points, finding) = header(text.lines().next().unwrap_or_default())?;
            Wanted::Wrong(points, finding)
        }
    };
    Ok(Trial {
        path: path.to_owned(),
        task: task.to_owned(),
        variants,
        wanted,
        text,
    })
}

fn extension_of(task: &LabTask) -> &'static str {
    task.kind.extension().unwrap_or("calls")
}

fn header(line: &str) -> Result<(u32, FindingKind), String> {
    let form = || "the first line is not `# points=N finding=NAME`".to_owned();
    let words = line.strip_prefix('#').or_else(|| line.strip_prefix("--"));
    let words = words.ok_or_else(form)?;
    let (mut points, mut finding) = (None, None);
    for word in words.split_whitespace() {
        match word.split_once('=').ok_or_else(form)? {
            ("points", value) => points = value.parse().ok(),
            ("finding", value) => finding = Some(value.parse().map_err(|e| format!("{e}"))?),
            _ => return Err(form()),
        }
    }
    Ok((points.ok_or_else(form)?, finding.ok_or_else(form)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_points_and_finding() {
        assert_eq!(
            header("# points=2 finding=too-open"),
            Ok((2, FindingKind::TooOpen))
        );
        assert!(header("# points=2").is_err());
        assert!(header("ec2:X").is_err());
        let unknown = header("# points=2 finding=too-green").expect_err("no such finding");
        assert!(unknown.contains("too-open"), "{unknown}");
    }
}
