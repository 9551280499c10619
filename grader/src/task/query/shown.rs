//! The fewest records that show that two queries differ.

use wirelab_model::FlowLog;
use wirelab_query::LogGroup;
use wirelab_scenario::NearMiss;
use wirelab_session::Run;

use super::language::Data;
use super::near_miss::{self, Made};
use super::table::Table;
use super::{Both, compare, renamed};
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::smallest::smallest;

/// So often both queries are asked in search of fewer records.
const TRIES: usize = 64;
/// So many records are shown.
const SHOWN: usize = 4;

impl Both<'_> {
    /// Adds the fewest records of `group` over which the two still differ to what was found.
    pub(super) fn show_smallest_log(&self, finding: &mut Finding, run: &Run, group: &LogGroup) {
        let some = |part: &[usize]| {
            let mut fewer = LogGroup {
                events: wirelab_query::LogEvents::new(),
                ..group.clone()
            };
            let events = part.iter().filter_map(|index| group.events.get(*index));
            fewer.events.extend(events);
            fewer
        };
        let differ = |part: &[usize]| !self.differences(run, some(part)).is_empty();
        let count = group.events.len();
        let all: Vec<usize> = (0..count).collect();
        if !differ(&all) {
            // The result does not run, or lacks columns whatever the log holds.
            return;
        }
        let found = smallest(count, TRIES, differ);
        finding.is_minimal = found.is_minimal;
        let mut lines = vec![match (found.kept.len(), found.is_minimal) {
            (1, _) => "one record alone shows it:".to_owned(),
            (records, true) => format!("{records} records show it, and none less:"),
            (records, false) => format!("{records} records show it, perhaps less:"),
        }];
        let shown = some(&found.kept);
        let records = shown.events.iter().take(SHOWN);
        lines.extend(records.map(|event| format!("  {}", event.message)));
        if found.kept.len() > SHOWN {
            lines.push(format!("  and {} more", found.kept.len() - SHOWN));
        }
        lines.extend(sides(&self.differences(run, shown)));
        finding.evidence.extend(lines);
    }

    /// What differs if the log has records of these kinds as well, with the fewest of them.
    pub(super) fn near_miss(&self, kinds: &[NearMiss]) -> Result<Option<Finding>, GradeError> {
        if kinds.is_empty() || self.query.reads_files() {
            return Ok(None);
        }
        let run = self.run;
        let (log, made) = self.made(kinds)?;
        let group = self.query.log_group(self.material, self.task, run)?;
        let with = |part: &[usize]| {
            let mut more = group.clone();
            for Made {
                record,
                available_at,
                ..
            } in part.iter().map(|index| &made[*index])
            {
                more.push_record(record, log.traffic_type, *available_at);
            }
            more
        };
        let all: Vec<usize> = (0..made.len()).collect();
        if self.differences(run, with(&all)).is_empty() {
            return Ok(None);
        }
        let differ = |part: &[usize]| !self.differences(run, with(part)).is_empty();
        let found = smallest(made.len(), TRIES, differ);
        let shown = with(&found.kept);
        let differences = self.differences(run, shown.clone());
        let Some(first) = differences.first().cloned() else {
            return Ok(None);
        };
        let mut finding = renamed(first, FindingKind::QueryFailsNearMiss);
        finding.is_minimal = found.is_minimal;
        let count = found.kept.len();
        finding.summary = format!("on a log that has {count} more: {}", finding.summary);
        let added = (group.events.len()..shown.events.len()).filter_map(|at| shown.events.get(at));
        let added = added
            .take(SHOWN)
            .map(|event| format!("  {}", event.message));
        finding
            .evidence
            .push("with these records, which the network could have:".to_owned());
        finding.evidence.extend(added);
        if count > SHOWN {
            finding
                .evidence
                .push(format!("  and {} more", count - SHOWN));
        }
        Ok(Some(finding))
    }

    /// What queries are asked over with these near misses; `None` where there are none.
    pub(super) fn with_near_misses(&self, kinds: &[NearMiss]) -> Result<Option<Data>, GradeError> {
        if kinds.is_empty() || self.query.reads_files() {
            return Ok(None);
        }
        let (log, made) = self.made(kinds)?;
        let mut group = self.query.log_group(self.material, self.task, self.run)?;
        for Made {
            record,
            available_at,
            ..
        } in &made
        {
            group.push_record(record, log.traffic_type, *available_at);
        }
        Ok(Some(self.query.over(self.run, group)))
    }

    fn made(&self, kinds: &[NearMiss]) -> Result<(FlowLog, Vec<Made>), GradeError> {
        let run = self.run;
        let log = self.query.log(self.material, self.task, run)?;
        let options = self.query.options(run);
        let window = (options.start, options.end);
        let made = near_miss::records(kinds, &self.reference, run, &log, window);
        Ok((log, made))
    }

    /// What differs over a log; nothing where one of the two does not run.
    fn differences(&self, run: &Run, group: LogGroup) -> Vec<Finding> {
        let data = self.query.over(run, group);
        let Ok(wanted) = self.wanted(&data) else {
            return Vec::new();
        };
        let Ok(given) = data.ask(self.text) else {
            return Vec::new();
        };
        let given = Table::of(&given, &[]);
        let mut findings = compare::findings(&wanted, &given, self.query.compare());
        findings.retain(|finding| finding.name.shows_rows());
        findings
    }
}

/// The rows on either side.
fn sides(findings: &[Finding]) -> Vec<String> {
    let wanted = findings.iter().find_map(|it| it.expected.as_ref());
    let given = findings.iter().find_map(|it| it.observed.as_ref());
    let line = |what: &str, row: Option<&String>| {
        format!(
            "over them {what} {}",
            row.map_or("no such row", String::as_str)
        )
    };
    match (wanted, given) {
        (None, None) => Vec::new(),
        _ => vec![line("the answer is", wanted), line("yours is", given)],
    }
}
