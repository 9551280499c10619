//! Queries held against their own near misses: each first-order mutant of a reference
//! ([`crate::mutant`]) must be refused, or declared to be the same query.

use std::collections::{BTreeMap, BTreeSet};

use wirelab_model::Seed;
use wirelab_scenario::{Compare, Lab, LabTask, NearMiss, Plan, TaskKind};

use super::{AuthorReport, Variants, variant};
use crate::error::GradeError;
use crate::grade::Grader;
use crate::material::side_by_side;
use crate::mutant::{self, Counts, Mutant};
use crate::task::query::{Bench, Language, Shown, Source};

/// Mutants are tried by threads, each so many.
const MUTANTS_A_THREAD: usize = 24;

/// What was tried so far.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// Each reference of each task, once a variant.
    references: BTreeSet<(String, String)>,
    /// Whether a declared mutant was the same query on some variant, by task and mutant.
    declared: BTreeMap<(String, String), bool>,
    /// Refused by rows, for want of a column, for not running.
    refused: [usize; 3],
    same: usize,
}

impl Tried {
    /// Tries the mutants of every query task, once a variant.
    pub(super) fn check(
        &mut self,
        grader: &Grader<'_>,
        lab: &Lab,
        seed: Seed,
        plan: &Plan,
        report: &mut AuthorReport,
    ) -> Result<(), GradeError> {
        for task in &lab.tasks {
            let query = match &task.kind {
                TaskKind::LogsInsights(query) => Language::from(query),
                TaskKind::Athena(query) => Language::from(query),
                _ => continue,
            };
            if self
                .references
                .insert((task.name.clone(), plan.variant.name.clone()))
            {
                self.of_task(grader, task, query, seed, plan, report)?;
            }
        }
        Ok(())
    }

    fn of_task(
        &mut self,
        grader: &Grader<'_>,
        task: &LabTask,
        query: Language<'_>,
        seed: Seed,
        plan: &Plan,
        report: &mut AuthorReport,
    ) -> Result<(), GradeError> {
        let material = grader.material();
        let extension = task.kind.extension().unwrap_or_default();
        let (_, reference) = material.solution(task, plan, extension)?;
        let counts = Counts {
            order: query.compare() == Compare::OrderedRows,
        };
        let place = format!("{} on seed {} ({})", task.name, seed.fault, variant(plan));
        let mutants = mutant::of(&reference, counts);
        let declared = |mutant: &Mutant| {
            let mut equivalents = query.equivalents().iter();
            equivalents.any(|it| it.mutant == mutant.name)
        };
        // What passes one bench goes to the next; a remark for the author is not looked for in
        // what the author declares.
        let mut bench = Bench::new(material, task, query, seed);
        let mut told: Vec<Option<(Source, Shown)>> = vec![None; mutants.len()];
        bench.own()?;
        tell(&bench, &mutants, &mut told, |_| true);
        if told.contains(&None) {
            bench.hidden()?;
            tell(&bench, &mutants, &mut told, |_| true);
        }
        let is_open = |(mutant, told): (&Mutant, &Option<_>)| told.is_none() && !declared(mutant);
        if mutants.iter().zip(&told).any(is_open) {
            bench.not_asked_for()?;
            tell(&bench, &mutants, &mut told, |mutant| !declared(mutant));
        }
        for (mutant, told) in mutants.iter().zip(told) {
            let verdict = match told {
                None => Err(None),
                Some((Source::NotAskedFor(kind), _)) => Err(Some(kind)),
                Some((Source::Own | Source::Hidden | Source::NearMisses, shown)) => Ok(shown),
            };
            if let Ok(shown) = verdict {
                self.refused[shown as usize] += 1;
            }
            match (verdict, declared(mutant)) {
                (Ok(_), false) => {}
                (Err(kind), false) => report.problem(&place, survives(mutant, kind)),
                // On one variant two queries may be the same that another tells apart.
                (verdict, true) => {
                    self.same += usize::from(verdict.is_err());
                    let known = (task.name.clone(), mutant.name.clone());
                    *self.declared.entry(known).or_default() |= verdict.is_err();
                }
            }
        }
        Ok(())
    }

    /// What was proven; and what is declared to be the same and never was.
    pub(super) fn finish(&self, lab: &Lab, variants: Variants, report: &mut AuthorReport) {
        let ([rows, columns, fails], same) = (self.refused, self.same);
        let refused = rows + columns + fails;
        if refused + same > 0 {
            report.proven.push(format!(
                "{refused} mutants of the queries are refused ({rows} by rows, {columns} for want \
                 of a column, {fails} do not run), {same} are the same as declared"
            ));
        }
        if !lab
            .tasks
            .iter()
            .any(|task| Language::of(&task.kind).is_some())
        {
            let nothing = "no task asks for a query: there are no mutants to try";
            report.proven.push(nothing.to_owned());
        }
        for task in &lab.tasks {
            let equivalents = match &task.kind {
                TaskKind::LogsInsights(query) => &query.equivalents,
                TaskKind::Athena(query) => &query.equivalents,
                _ => continue,
            };
            for it in equivalents {
                let mutant = &it.mutant;
                let known = (task.name.clone(), mutant.clone());
                let what = match self.declared.get(&known) {
                    Some(true) => continue,
                    // It may be so on another variant.
                    _ if variants == Variants::First => continue,
                    Some(false) => {
                        format!("`{mutant}` is declared to be the same query; it is refused")
                    }
                    None => format!("`{mutant}` is no mutant of the reference"),
                };
                report.problem(format!("task `{}`", task.name), what);
            }
        }
    }
}

/// Asks the bench about the mutants of which nothing is known and that are `wanted`, side by side.
fn tell(
    bench: &Bench<'_>,
    mutants: &[Mutant],
    told: &mut [Option<(Source, Shown)>],
    wanted: impl Fn(&Mutant) -> bool,
) {
    let open = |at: &usize| told[*at].is_none() && wanted(&mutants[*at]);
    let open: Vec<usize> = (0..mutants.len()).filter(open).collect();
    let parts: Vec<&[usize]> = open.chunks(MUTANTS_A_THREAD).collect();
    let answers = side_by_side(&parts, |part| {
        let answers = part.iter().map(|at| bench.tells_apart(&mutants[*at].text));
        answers.collect::<Vec<_>>()
    });
    for (at, answer) in open.into_iter().zip(answers.into_iter().flatten()) {
        told[at] = answer;
    }
}

fn survives(mutant: &Mutant, kind: Option<NearMiss>) -> String {
    let name = &mutant.name;
    match kind {
        Some(kind) => format!(
            "the mutant `{name}` is not refused; `near_misses = [\"{}\"]` would refuse it",
            kind.name()
        ),
        None => format!(
            "the mutant `{name}` is not refused; if it is the same query, say so and why in \
             [[task.equivalent]]"
        ),
    }
}
