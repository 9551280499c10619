//! Many queries held against one reference: what it answers over each log is asked once.

use wirelab_model::Seed;
use wirelab_scenario::{LabTask, NearMiss};

use super::language::{Data, Language, Refused};
use super::table::Table;
use super::{Both, compare};
use crate::error::GradeError;
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

/// Logs, with what the reference answers over each.
pub(crate) struct Bench<'a> {
    query: Language<'a>,
    logs: Vec<(Source, Data, Table)>,
}

impl<'a> Bench<'a> {
    /// The logs that answers to `task` are graded on, on one seed, and those that they might be.
    pub(crate) fn new(
        material: &Material<'_>,
        task: &LabTask,
        query: Language<'a>,
        seed: Seed,
    ) -> Result<Self, GradeError> {
        let own = material.opening(seed)?;
        let both = Both::new(material, task, query, &own, "")?;
        let mut logs = Vec::new();
        let mut add = |both: &Both<'_>, source: Source, data: Data| {
            let wanted = both.wanted(&data)?;
            logs.push((source, data, wanted));
            Ok::<(), GradeError>(())
        };
        add(&both, Source::Own, query.data(material, task, &own)?)?;
        let mut near = Vec::new();
        if !query.near_misses().is_empty() {
            near.push((Source::NearMisses, query.near_misses().to_vec()));
        }
        let all = NearMiss::ALL.into_iter().map(|(_, kind)| kind);
        let others = all.filter(|kind| !query.near_misses().contains(kind));
        let others = others.map(|kind| (Source::NotAskedFor(kind), vec![kind]));
        let (asked, not_asked) = (near, others);
        for (source, kinds) in asked {
            if let Some(data) = both.with_near_misses(&kinds)? {
                add(&both, source, data)?;
            }
        }
        for hidden in material.hidden(seed) {
            let run = material.opening(hidden)?;
            let other = Both::new(material, task, query, &run, "")?;
            add(&other, Source::Hidden, query.data(material, task, &run)?)?;
        }
        for (source, kinds) in not_asked {
            if let Some(data) = both.with_near_misses(&kinds)? {
                add(&both, source, data)?;
            }
        }
        Ok(Self { query, logs })
    }

    /// The first log over which `text` answers otherwise than the reference.
    pub(crate) fn tells_apart(&self, text: &str) -> Option<Source> {
        let differs = |(_, data, wanted): &&(Source, Data, Table)| match data.ask(text) {
            Ok(given) => {
                let given = Table::of(&given, &[]);
                !compare::findings(wanted, &given, self.query.compare()).is_empty()
            }
            Err(Refused::Query(_)) => true,
            Err(Refused::OurFault(_)) => false,
        };
        self.logs.iter().find(differs).map(|(source, ..)| *source)
    }
}
