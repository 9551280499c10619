//! Proof that a lab is sound: what authors run before a learner sees it.
//!
//! A lab passes if, on whole seeds 1 to N, an empty submission earns nothing and the solution of
//! the drawn variant everything; each file in `wrong/` scores exactly what its first line says and
//! fails with the finding it names; the scenario does what its `expect` says; each task has a
//! section in the page, and no hint gives its solution away. It warns of flow logs that come too
//! late to be read when it opens. What an answer is said to be is held against what the evidence
//! gives (`proof`), where the lab says how to ask it.
//!
//! ```text
//! labs/NAME/solution/TASK[.VARIANT].EXT    bpf, insights, calls; values follow from lab.toml
//! labs/NAME/right/TASK--WHAT[.VARIANT].EXT other answers that must earn everything
//! labs/NAME/wrong/TASK--WHAT[.VARIANT].EXT first line: # points=2 finding=too-open
//! ```
//!
//! `VARIANT` may be several with `+` between them. A finding that shows nothing, or more than is
//! needed, is a problem; of a fault with few repairs to try is warned.

mod delivery;
mod expect;
mod mutants;
mod names;
mod page;
mod proof;
mod solve;
mod trial;

pub(crate) use self::expect::{belongs, by_name, word};
pub use self::solve::{Reference, reference};

use std::fmt;
use std::path::Path;

use serde::Serialize;
use wirelab_model::{Seed, SimTime};
use wirelab_scenario::{Lab, Plan, Scenario, TaskKind};

use crate::error::GradeError;
use crate::finding::Severity;
use crate::grade::Grader;
use crate::report::{Report, SCHEMA_VERSION};
use crate::submission::Submission;

/// How many seeds beyond those asked for are searched for rare variants.
const SEARCHED: u64 = 500;

/// How thoroughly to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many whole seeds the solution must solve.
    pub seeds: u64,
    /// On which of them the answers in `right/` and `wrong/` are tried.
    pub trials: Trials,
}

impl Default for Options {
    /// 16 seeds, each answer once a variant.
    fn default() -> Self {
        Self {
            seeds: 16,
            trials: Trials::EachVariant,
        }
    }
}

/// How often an answer in `right/` or `wrong/` is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trials {
    /// On one of the variants that it fits; different answers on different ones.
    Once,
    /// On the first seed of each variant that it fits.
    EachVariant,
    /// On every seed of every variant that it fits.
    EachSeed,
}

/// What is wrong with a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where: a file, a task, a seed.
    pub place: String,
    /// What.
    pub what: String,
}

/// What was proven of a lab, and what was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuthorReport {
    /// Version of the JSON form.
    pub schema_version: u32,
    /// The lab.
    pub lab: String,
    /// What holds, one line each.
    pub proven: Vec<String>,
    /// What does not.
    pub problems: Vec<Problem>,
    /// What is probably not meant, and proves nothing wrong.
    pub warnings: Vec<Problem>,
}

impl AuthorReport {
    fn new(lab: &str) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            lab: lab.to_owned(),
            proven: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn warning(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.warnings.push(Problem {
            place: place.into(),
            what: what.into(),
        });
    }

    fn problem(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.problems.push(Problem {
            place: place.into(),
            what: what.into(),
        });
    }
}

/// One line each: what holds, what is probably not meant, then what does not hold.
impl fmt::Display for AuthorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.lab)?;
        for line in &self.proven {
            writeln!(f, "  ✓ {line}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "  ! {}: {}", warning.place, warning.what)?;
        }
        for (problem, others) in grouped(&self.problems) {
            writeln!(f, "  ✗ {}: {}", problem.place, problem.what)?;
            if !others.is_empty() {
                writeln!(f, "    and so on {}", others.join(", "))?;
            }
        }
        Ok(())
    }
}

/// Problems that differ in no more than numbers once, with the other places that have them.
fn grouped(problems: &[Problem]) -> Vec<(&Problem, Vec<&str>)> {
    let mut groups: Vec<(String, &Problem, Vec<&str>)> = Vec::new();
    for problem in problems {
        let alike: String = problem
            .what
            .chars()
            .filter(|c| !c.is_ascii_digit())
            .collect();
        let known = groups.iter_mut().find(|(key, first, _)| {
            *key == alike && first.place.starts_with("seed ") && problem.place.starts_with("seed ")
        });
        match known {
            Some((_, _, others)) => others.push(&problem.place),
            None => groups.push((alike, problem, Vec::new())),
        }
    }
    let groups = groups.into_iter();
    groups.map(|(_, first, others)| (first, others)).collect()
}

/// What a scenario says of itself (`[[expect]]`, its timeline) and does not do on the plan's seed,
/// a line each.
///
/// # Errors
/// A run that the scenario cannot make.
pub fn broken_expectations(plan: &Plan, opens_at: SimTime) -> Result<Vec<String>, GradeError> {
    expect::broken(plan, opens_at)
}

/// Checks the lab in `dir`.
///
/// # Errors
/// A lab that cannot be graded at all: mistakes in its files, missing solutions, a run that a
/// scenario cannot make. Everything else is a [`Problem`].
pub fn check(dir: &Path, options: Options) -> Result<AuthorReport, GradeError> {
    let lab = Lab::load(dir)?;
    let scenario = Scenario::load(&lab.scenario_dir())?;
    let grader = Grader::new(lab.clone(), scenario.clone());
    let mut report = AuthorReport::new(&lab.name);
    page::check(&lab, &mut report)?;
    scopes(&lab, &mut report);
    let mut seen = trial::Seen::new(&scenario, options.trials);
    for seed in seeds(&scenario, options.seeds)? {
        let plan = scenario.compile(seed)?;
        if !names::check(&lab, &plan, &mut report) {
            return Ok(report);
        }
        expect::check(&plan, lab.opens_at, &mut report)?;
        prove(&grader, &lab, seed, &plan, &mut report)?;
        proof::check(&grader, &lab, seed, &plan, &mut report)?;
        if report.warnings.is_empty() {
            delivery::check(&lab, grader.material().opening(seed)?.as_ref(), &mut report);
        }
        trial::check(&grader, &lab, seed, &plan, &mut seen, &mut report)?;
        grader.forget();
    }
    seen.finish(&lab, &mut report)?;
    report.proven.extend(proof::proven(&lab));
    if report.is_sound() {
        report.proven.push(format!(
            "empty earns 0, the solution {} points, on {} seeds; every variant was drawn",
            lab.tasks.iter().map(|task| task.points).sum::<u32>(),
            options.seeds
        ));
    }
    Ok(report)
}

/// A filter task says which packets its ticket is about: without it no packet that the captures
/// happen to lack could tell a wrong filter from a right one.
fn scopes(lab: &Lab, report: &mut AuthorReport) {
    for task in &lab.tasks {
        let TaskKind::TcpdumpFilter(filter) = &task.kind else {
            continue;
        };
        if filter.scope.is_none() {
            let what = "has no `scope`: of which packets does the ticket speak?";
            report.problem(format!("task {}", task.name), what);
        }
    }
}

/// On which variants of a lab mutants are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variants {
    /// That of seed 1 alone, which takes a fraction of the time. What is declared to be the same
    /// query may be told apart there, and still be the same on another.
    First,
    /// All of them.
    All,
}

/// Tries every first-order mutant of the reference queries of the lab in `dir`, once a variant:
/// each must be refused, or declared to be the same query.
///
/// # Errors
/// As [`check`].
pub fn check_mutants(dir: &Path, variants: Variants) -> Result<AuthorReport, GradeError> {
    let lab = Lab::load(dir)?;
    let scenario = Scenario::load(&lab.scenario_dir())?;
    let grader = Grader::new(lab.clone(), scenario.clone());
    let mut report = AuthorReport::new(&lab.name);
    let mut tried = mutants::Tried::default();
    let mut seeds = seeds(&scenario, 1)?;
    if variants == Variants::First {
        seeds.truncate(1);
    }
    for seed in seeds {
        let plan = scenario.compile(seed)?;
        tried.check(&grader, &lab, seed, &plan, &mut report)?;
        grader.forget();
    }
    tried.finish(&lab, variants, &mut report);
    Ok(report)
}

/// Seeds 1 to N, then the first of each variant that none of them draws.
fn seeds(scenario: &Scenario, wanted: u64) -> Result<Vec<Seed>, GradeError> {
    let mut seeds: Vec<_> = (1..=wanted).map(Seed::whole).collect();
    let mut missing = scenario.variants();
    for seed in &seeds {
        let drawn = scenario.compile(*seed)?.variant.name;
        missing.retain(|name| *name != drawn);
    }
    for number in wanted + 1..=wanted + SEARCHED {
        if missing.is_empty() {
            break;
        }
        let seed = Seed::whole(number);
        let drawn = scenario.compile(seed)?.variant.name;
        if missing.contains(&drawn) {
            seeds.push(seed);
            missing.retain(|name| *name != drawn);
        }
    }
    Ok(seeds)
}

/// Nothing earns nothing; the solution earns everything.
fn prove(
    grader: &Grader<'_>,
    lab: &Lab,
    seed: Seed,
    plan: &Plan,
    report: &mut AuthorReport,
) -> Result<(), GradeError> {
    let place = format!("seed {} ({})", seed.fault, variant(plan));
    let empty = grader.grade(&Submission::new(seed, lab.opens_at))?;
    if empty.points.got != 0 {
        report.problem(
            &place,
            format!("an empty submission earns {}", empty.points),
        );
    }
    let solved = match solve::solution(grader, lab, seed, plan)? {
        Ok(submission) => grader.grade(&submission)?,
        Err(why) => {
            report.problem(&place, why);
            return Ok(());
        }
    };
    page::hints(grader, lab, plan, &place, report)?;
    if !solved.is_passed() {
        report.problem(&place, format!("the solution earns {}", solved.points));
        let findings = errors(&solved);
        findings.for_each(|line| report.problem(&place, line));
    }
    Ok(())
}

fn errors(report: &Report) -> impl Iterator<Item = String> {
    let tasks = report.tasks.iter();
    tasks.flat_map(|task| {
        let findings = task.findings().filter(|it| it.severity > Severity::Note);
        findings.map(|it| {
            let parts = [it.expected.as_deref(), it.observed.as_deref()];
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            let evidence = it.evidence.join("; ");
            let detail = format!("{} {evidence}", parts.join(" / "));
            format!(
                "{}: {}: {} [{}]",
                task.task,
                it.name,
                it.summary,
                detail.trim()
            )
        })
    })
}

/// The variant's name, or `no variants`.
fn variant(plan: &Plan) -> &str {
    if plan.variant.name.is_empty() {
        "no variants"
    } else {
        &plan.variant.name
    }
}
