//! Many queries held against one reference: what it answers over each log is asked once.

use wirelab_model::Seed;
use wirelab_query::Work;
use wirelab_scenario::{LabTask, NearMiss};

use super::compare::Ways;
use super::language::{Data, Language, Refused, WORK_ROWS};
use super::table::Table;
use super::{Both, compare};
use crate::error::GradeError;
use crate::finding::FindingKind;
use crate::material::Material;

/// Where a query was found to differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The learner's own log.
    Own,
    /// A hidden run's.
    Hidden,
    /// The learner's log with the near misses that the lab asks for.
    NearMisses,
    /// With a kind of near misses that the lab does not ask for: grading would not notice.
    NotAskedFor(NearMiss),
}

/// How it shows that a query differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// By rows: missing, too many, in another order.
    Rows,
    /// It has fewer columns than were asked for.
    Columns,
    /// It does not run.
    Fails,
}

/// Logs, with what the reference answers over each.
pub(crate) struct Bench<'a> {
    material: &'a Material<'a>,
    task: &'a LabTask,
    query: Language<'a>,
    seed: Seed,
    logs: Vec<(Source, Data, Table)>,
}

impl<'a> Bench<'a> {
    /// A bench without a log.
    pub(crate) const fn new(
        material: &'a Material<'a>,
        task: &'a LabTask,
        query: Language<'a>,
        seed: Seed,
    ) -> Self {
        Self {
            material,
            task,
            query,
            seed,
            logs: Vec::new(),
        }
    }

    /// In place of what it has: the learner's log, as it is and with the lab's near misses.
    pub(crate) fn own(&mut self) -> Result<(), GradeError> {
        self.logs.clear();
        let run = self.material.opening(self.seed)?;
        let both = Both::new(self.material, self.task, self.query, &run, "")?;
        let data = self.query.data(self.material, self.task, &run)?;
        self.add(&both, Source::Own, data)?;
        if let Some(data) = both.with_near_misses(self.query.near_misses())? {
            self.add(&both, Source::NearMisses, data)?;
        }
        Ok(())
    }

    /// In place of what it has: the logs of the hidden runs.
    pub(crate) fn hidden(&mut self) -> Result<(), GradeError> {
        self.logs.clear();
        for hidden in self.material.hidden(self.seed) {
            let run = self.material.hidden_opening(hidden)?;
            let both = Both::new(self.material, self.task, self.query, &run, "")?;
            let data = self.query.data(self.material, self.task, &run)?;
            self.add(&both, Source::Hidden, data)?;
        }
        Ok(())
    }

    /// In place of what it has: the learner's log with each kind of near misses that the lab does
    /// not ask for.
    pub(crate) fn not_asked_for(&mut self) -> Result<(), GradeError> {
        self.logs.clear();
        let run = self.material.opening(self.seed)?;
        let both = Both::new(self.material, self.task, self.query, &run, "")?;
        for (_, kind) in NearMiss::ALL {
            let asked = self.query.near_misses().contains(&kind);
            let data = if asked {
                None
            } else {
                both.with_near_misses(&[kind])?
            };
            if let Some(data) = data {
                self.add(&both, Source::NotAskedFor(kind), data)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, both: &Both<'_>, source: Source, data: Data) -> Result<(), GradeError> {
        let wanted = both.wanted(&data, &Work::of(WORK_ROWS))?;
        self.logs.push((source, data, wanted));
        Ok(())
    }

    /// The first log over which `text` answers otherwise than the reference, and how that shows.
    pub(crate) fn tells_apart(&self, text: &str) -> Option<(Source, Shown)> {
        let mut differences = self.logs.iter().map(|(source, data, wanted)| {
            let shown = match data.ask(text) {
                Ok(given) => {
                    let given = Table::of(&given, &[]);
                    let compare = self.query.compare();
                    let found = compare::findings(wanted, &given, compare, &Ways::ANY);
                    found.first().map(|finding| match finding.name {
                        FindingKind::QueryLacksColumns => Shown::Columns,
                        _ => Shown::Rows,
                    })
                }
                Err(Refused::Query(_)) => Some(Shown::Fails),
                Err(Refused::OurFault(_) | Refused::Unfinished(_)) => None,
            };
            shown.map(|shown| (*source, shown))
        });
        differences.find_map(|found| found)
    }
}
