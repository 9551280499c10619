//! Other people's answers: each in `right/` earns everything, each in `wrong/` scores what it says
//! and fails with the finding it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wirelab_model::Seed;
use wirelab_scenario::{Lab, LabTask, Plan, Scenario, TaskKind};

use super::{AuthorReport, solve, variant};
use crate::error::GradeError;
use crate::finding::FindingKind;
use crate::grade::Grader;
use crate::report::Report;
use crate::submission::Submission;

/// A file in `right/` or `wrong/`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trial {
    path: PathBuf,
    task: String,
    /// `None`: it fits every variant.
    variant: Option<String>,
    wanted: Wanted,
    text: String,
}

/// What grading must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Full points.
    Right,
    /// So many points, and this finding among others.
    Wrong(u32, FindingKind),
}

/// What has been tried so far: each file once a variant.
#[derive(Debug, Default)]
pub(super) struct Seen {
    tried: BTreeSet<(PathBuf, String)>,
    variants: BTreeSet<String>,
}

impl Seen {
    /// Complains about files that no seed came to, and about a lab with too few of them.
    pub(super) fn finish(self, lab: &Lab, scenario: &Scenario, report: &mut AuthorReport) {
        for name in scenario.variants() {
            if !self.variants.contains(&name) {
                let what = "was not drawn on any seed; nothing is proven of it";
                report.problem(format!("variant {name}"), what);
            }
        }
        let files: BTreeSet<_> = self.tried.iter().map(|(path, _)| path).collect();
        let is_wrong = |path: &&&PathBuf| path.parent().is_some_and(|dir| dir.ends_with("wrong"));
        let wrong = files.iter().filter(is_wrong).count();
        if wrong < 3 {
            let what = format!("{wrong} wrong answers; at least 3 are wanted");
            report.problem(lab.dir.join("wrong").display().to_string(), what);
        }
        let right = files.len() - wrong;
        let times = self.tried.len();
        report.proven.push(format!(
            "{wrong} wrong answers and {right} other right ones, tried {times} times"
        ));
    }
}

/// Tries every answer that fits the drawn variant and was not tried on it before.
pub(super) fn check(
    grader: &Grader<'_>,
    lab: &Lab,
    seed: Seed,
    plan: &Plan,
    seen: &mut Seen,
    report: &mut AuthorReport,
) -> Result<(), GradeError> {
    let drawn = plan.variant.name.clone();
    seen.variants.insert(drawn.clone());
    let right = files(&lab.dir.join("right"))?;
    for path in right.into_iter().chain(files(&lab.dir.join("wrong"))?) {
        if !seen.tried.insert((path.clone(), drawn.clone())) {
            continue;
        }
        match read(lab, &path) {
            Err(why) => report.problem(path.display().to_string(), why),
            Ok(trial) if trial.variant.as_ref().is_none_or(|it| *it == drawn) => {
                try_it(grader, lab, seed, plan, &trial, report)?;
            }
            Ok(_) => {
                seen.tried.remove(&(path, drawn.clone()));
            }
        }
    }
    Ok(())
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
    let text = grader.material().fill(task, plan, &trial.text)?;
    if matches!(task.kind, TaskKind::Fix(_)) {
        if let Err(why) = solve::repair(grader, lab, &mut submission, &text)? {
            report.problem(place, why);
            return Ok(());
        }
    } else {
        solve::answered(&mut submission, task, text);
    }
    let graded = grader.grade_task(&submission, &task.name)?;
    let findings = graded.tasks.iter().flat_map(|task| task.findings());
    for bare in findings.filter(|finding| finding.is_bare()) {
        report.problem(&place, format!("`{}` shows no counterexample", bare.name));
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
        let what = format!("says `{finding}`, the findings are: {}", names.join(", "));
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

/// `TASK--WHAT[.VARIANT].EXT`; the first line of a wrong one is `# points=2 finding=too-open`,
/// or the same behind `--`, which begins a comment of SQL.
fn read(lab: &Lab, path: &Path) -> Result<Trial, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (task, rest) = name
        .split_once("--")
        .ok_or("is not called TASK--WHAT.EXT")?;
    let mut parts = rest.split('.').skip(1);
    let (variant, extension) = match (parts.next(), parts.next()) {
        (Some(extension), None) => (None, extension),
        (Some(variant), Some(extension)) => (Some(variant.to_owned()), extension),
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
        variant,
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
        let unknown = header("# points=2 finding=too-closed").expect_err("no such finding");
        assert!(unknown.contains("too-open"), "{unknown}");
    }
}
