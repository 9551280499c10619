//! Queries held against their own near misses: each first-order mutant of a reference
//! ([`crate::mutant`]) must be refused, or declared to be the same query.

use std::collections::{BTreeMap, BTreeSet};

use wirelab_model::Seed;
use wirelab_scenario::{Compare, Lab, LabTask, NearMiss, Plan, TaskKind};

use super::{AuthorReport, variant};
use crate::error::GradeError;
use crate::grade::Grader;
use crate::material::side_by_side;
use crate::mutant::{self, Counts, Mutant};
use crate::task::query::{Bench, Language, Source};

/// Mutants are tried by threads, each so many.
const MUTANTS_A_THREAD: usize = 24;

/// What was tried so far.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// Each reference of each task, once a variant.
    references: BTreeSet<(String, String)>,
    /// Whether a declared mutant was the same query on some variant, by task and mutant.
    declared: BTreeMap<(String, String), bool>,
    refused: usize,
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
        let bench = Bench::new(material, task, query, seed)?;
        let mutants = mutant::of(&reference, counts);
        let parts: Vec<_> = mutants.chunks(MUTANTS_A_THREAD).collect();
        let told = side_by_side(&parts, |part| {
            let told = part.iter().map(|mutant| bench.tells_apart(&mutant.text));
            told.collect::<Vec<_>>()
        });
        for (mutant, told) in mutants.iter().zip(told.into_iter().flatten()) {
            let mut equivalents = query.equivalents().iter();
            let declared = equivalents.find(|it| it.mutant == mutant.name);
            let verdict = match told {
                None => Err(None),
                Some(Source::NotAskedFor(kind)) => Err(Some(kind)),
                Some(Source::Own | Source::Hidden | Source::NearMisses) => Ok(()),
            };
            self.refused += usize::from(verdict.is_ok());
            match (verdict, declared) {
                (Ok(()), None) => {}
                (Err(kind), None) => report.problem(&place, survives(mutant, kind)),
                // On one variant two queries may be the same that another tells apart.
                (verdict, Some(_)) => {
                    self.same += usize::from(verdict.is_err());
                    let known = (task.name.clone(), mutant.name.clone());
                    *self.declared.entry(known).or_default() |= verdict.is_err();
                }
            }
        }
        Ok(())
    }

    /// What was proven; and what is declared to be the same and never was.
    pub(super) fn finish(&self, lab: &Lab, report: &mut AuthorReport) {
        let (refused, same) = (self.refused, self.same);
        if refused + same > 0 {
            report.proven.push(format!(
                "{refused} mutants of the queries are refused, {same} are the same as declared"
            ));
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
