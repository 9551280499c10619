//! The fewest records that show that two queries differ.
//!
//! ```text
//! 2,600 records show it ──▶ 40 that hold what the row holds ──▶ 11 of them, of which none may go
//! ```
//!
//! Both queries are asked over ever fewer records of the log ([`crate::smallest`]), so the time
//! that it takes is counted in questions and in what the queries work on, and mostly spent on small
//! logs. The row that the finding shows stays the one that differs: over fewer records its numbers
//! are others, and what it is about is the same.

use wirelab_model::{FlowLog, Seed};
use wirelab_query::{LogEvent, LogEvents, LogGroup, Work};
use wirelab_scenario::NearMiss;

use super::compare::{Difference, Subject};
use super::language::{Data, WORK_ROWS};
use super::near_miss::{self, Made, Texts};
use super::table::Table;
use super::{Both, compare, renamed};
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::smallest::{Smallest, smallest};

/// So often both queries are asked in search of fewer records.
const TRIES: usize = 1500;
/// So much the two work on in it, in the end.
const SEARCH_ROWS: u64 = 8 * WORK_ROWS;
/// So many records are shown.
const SHOWN: usize = 4;

/// Which records show a finding, for who wants to look at them again ([`Both::spare`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Records {
    /// Whose run's log they are of.
    pub(crate) seed: Seed,
    /// Whether it is the log with the task's near misses.
    pub(crate) with_near_misses: bool,
    /// Their places in it, rising.
    pub(crate) kept: Vec<usize>,
    /// What the row that they show is about; `None`: any that differs.
    subject: Option<Subject>,
}

impl Both<'_> {
    /// Adds the fewest records of `group` over which the two still differ to what was found.
    pub(super) fn show_smallest_log(&self, finding: &mut Finding, group: &LogGroup) {
        let log = Log::new(group);
        let whole = self.difference(group.clone(), &Work::of(SEARCH_ROWS));
        let Some((wanted, whole)) = whole else {
            // The result does not run, or lacks columns whatever the log holds.
            return;
        };
        let subject = whole.subject(&wanted);
        let guesses = log.alike(&whole.findings(&wanted));
        let found = self.fewest(&log, guesses, subject.as_ref());
        let first = match (found.kept.len(), found.is_minimal) {
            (0, _) => "an empty log shows it:".to_owned(),
            (1, _) => "one record alone shows it:".to_owned(),
            (records, true) => format!("{records} records show it, and none less:"),
            (records, false) => format!("{records} records show it, perhaps less:"),
        };
        finding.evidence.push(first);
        finding.evidence.extend(log.lines(&found.kept));
        let over = self.difference(log.part(&found.kept), &Work::of(SEARCH_ROWS));
        let sides = over.map(|(_, it)| it.sides(subject.as_ref()));
        finding.evidence.extend(sides.into_iter().flatten());
        self.note(finding, found, false, subject);
    }

    /// What differs if the log has records of these kinds as well, with the fewest that show it.
    pub(super) fn near_miss(&self, kinds: &[NearMiss]) -> Result<Option<Finding>, GradeError> {
        let Some((group, own)) = self.group_with_near_misses(kinds)? else {
            return Ok(None);
        };
        let log = Log::new(&group);
        let whole = self.difference(group.clone(), &Work::of(SEARCH_ROWS));
        let Some((wanted, whole)) = whole else {
            return Ok(None);
        };
        let made = (own..group.events.len()).collect();
        let alike = log.alike(&whole.findings(&wanted));
        let guesses = std::iter::once(made).chain(alike);
        let found = self.fewest(&log, guesses, None);
        let over = self.difference(log.part(&found.kept), &Work::of(SEARCH_ROWS));
        let findings = over.map_or_else(Vec::new, |(wanted, it)| it.findings(&wanted));
        let Some(first) = findings.into_iter().next() else {
            return Ok(None);
        };
        let mut finding = renamed(first, FindingKind::QueryFailsNearMiss);
        let over = match found.kept.len() {
            1 => "a record".to_owned(),
            count => format!("{count} records"),
        };
        finding.summary = format!(
            "over {over} that the network could have: {}",
            finding.summary
        );
        finding.evidence.extend(log.lines(&found.kept));
        self.note(&mut finding, found, true, None);
        Ok(Some(finding))
    }

    fn note(
        &self,
        finding: &mut Finding,
        found: Smallest,
        with_near_misses: bool,
        subject: Option<Subject>,
    ) {
        finding.is_minimal = found.is_minimal;
        finding.records = Some(Records {
            seed: self.run.plan().seed,
            with_near_misses,
            kept: found.kept,
            subject,
        });
    }

    /// Looks again at the records that show a finding: what is wrong with them as a
    /// counterexample. They may show nothing, or one of them may not be needed.
    pub(super) fn spare(&self, records: &Records) -> Result<Option<String>, GradeError> {
        let made = match records.with_near_misses {
            true => self.group_with_near_misses(self.query.near_misses())?,
            false => None,
        };
        let group = match made {
            Some((group, _)) => group,
            None => self.query.log_group(self.material, self.task, self.run)?,
        };
        let log = Log::new(&group);
        let work = Work::of(SEARCH_ROWS);
        let subject = records.subject.as_ref();
        let shows = |part: &[usize]| self.shows(log.part(part), subject, &work);
        let kept = &records.kept;
        if !shows(kept) {
            return Ok(Some("its records do not show it".to_owned()));
        }
        let without = |at: usize| [&kept[..at], &kept[at + 1..]].concat();
        let spare = (0..kept.len()).find(|at| shows(&without(*at)));
        let of = kept.len();
        Ok(spare.map(|at| format!("the record {} of {of} can be left out", at + 1)))
    }

    /// The fewest records over which the two still differ in a row about `subject`, as they do over
    /// the whole log.
    fn fewest(
        &self,
        log: &Log<'_>,
        guesses: impl IntoIterator<Item = Vec<usize>>,
        subject: Option<&Subject>,
    ) -> Smallest {
        let work = Work::of(SEARCH_ROWS);
        smallest(log.group.events.len(), TRIES, guesses, |part| {
            let shows = self.shows(log.part(part), subject, &work);
            (!work.is_spent()).then_some(shows)
        })
    }

    /// Whether the two differ over a log, in a row about `subject` if there is one.
    fn shows(&self, group: LogGroup, subject: Option<&Subject>, work: &Work) -> bool {
        let difference = self.difference(group, work);
        difference.is_some_and(|(_, it)| subject.is_none_or(|subject| it.is_about(subject)))
    }

    /// What queries are asked over with these near misses; `None` where there are none.
    pub(super) fn with_near_misses(&self, kinds: &[NearMiss]) -> Result<Option<Data>, GradeError> {
        let made = self.group_with_near_misses(kinds)?;
        Ok(made.map(|(group, _)| self.query.over(self.run, group)))
    }

    /// The log with these near misses, and how many records it has of its own.
    fn group_with_near_misses(
        &self,
        kinds: &[NearMiss],
    ) -> Result<Option<(LogGroup, usize)>, GradeError> {
        if kinds.is_empty() || self.query.reads_files() {
            return Ok(None);
        }
        let (log, made) = self.made(kinds)?;
        let mut group = self.query.log_group(self.material, self.task, self.run)?;
        let own = group.events.len();
        for Made {
            record,
            available_at,
            ..
        } in &made
        {
            group.push_record(record, log.traffic_type, *available_at);
        }
        Ok(Some((group, own)))
    }

    fn made(&self, kinds: &[NearMiss]) -> Result<(FlowLog, Vec<Made>), GradeError> {
        let run = self.run;
        let log = self.query.log(self.material, self.task, run)?;
        let options = self.query.options(run);
        let window = (options.start, options.end);
        let texts = Texts {
            reference: &self.reference,
            answer: self.text,
        };
        let made = near_miss::records(kinds, texts, run, &log, window);
        Ok((log, made))
    }

    /// What differs over a log, beside what the reference answers; `None` where nothing does, or
    /// one of the two does not run.
    fn difference(&self, group: LogGroup, work: &Work) -> Option<(Table, Difference)> {
        let data = self.query.over(self.run, group);
        let wanted = self.wanted(&data, work).ok()?;
        let given = data.ask_counted(self.text, work).ok()?;
        let given = Table::of(&given, &[]);
        let compare = self.query.compare();
        let found = compare::difference(&wanted, &given, compare, &self.ways)?;
        found.is_any().then_some((wanted, found))
    }
}

/// A log of which parts are made.
struct Log<'a> {
    group: &'a LogGroup,
    /// The same without a record.
    empty: LogGroup,
}

impl<'a> Log<'a> {
    fn new(group: &'a LogGroup) -> Self {
        let mut empty = group.clone();
        empty.events = LogEvents::new();
        Self { group, empty }
    }

    fn events<'b>(&'b self, part: &'b [usize]) -> impl Iterator<Item = LogEvent<'b>> {
        part.iter()
            .filter_map(|index| self.group.events.get(*index))
    }

    /// The log with these records alone.
    fn part(&self, part: &[usize]) -> LogGroup {
        let mut fewer = self.empty.clone();
        fewer.events.extend(self.events(part));
        fewer
    }

    /// The first of these records, then how many more there are.
    fn lines(&self, part: &[usize]) -> Vec<String> {
        let shown = self.events(part).take(SHOWN);
        let mut lines: Vec<_> = shown.map(|it| format!("  {}", it.message)).collect();
        if part.len() > SHOWN {
            lines.push(format!("  and {} more", part.len() - SHOWN));
        }
        lines
    }

    /// Guesses at what makes rows differ: the records that hold all of their addresses, ids and
    /// words; then those that hold any. Numbers are mostly sums, and say little.
    fn alike(&self, differences: &[Finding]) -> [Vec<usize>; 2] {
        let rows = differences
            .iter()
            .flat_map(|it| [&it.expected, &it.observed]);
        let words = rows.flatten().flat_map(|row| row.split_whitespace());
        let words = words.filter(|word| word.parse::<f64>().is_err());
        let mut words: Vec<_> = words.map(|word| (word, Vec::new())).collect();
        words.sort_unstable();
        words.dedup();
        for (at, event) in self.group.events.iter().enumerate() {
            let fields: Vec<&str> = event.message.split_whitespace().collect();
            for (_, places) in words.iter_mut().filter(|(word, _)| fields.contains(word)) {
                places.push(at);
            }
        }
        words.retain(|(_, places)| !places.is_empty());
        let has = |at: usize, places: &Vec<usize>| places.binary_search(&at).is_ok();
        let mut any: Vec<usize> = words
            .iter()
            .flat_map(|(_, places)| places.clone())
            .collect();
        any.sort_unstable();
        any.dedup();
        let held_by_all = |at: &usize| words.iter().all(|(_, places)| has(*at, places));
        [any.iter().copied().filter(held_by_all).collect(), any]
    }
}
