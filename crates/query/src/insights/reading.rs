//! Running a plan over files: on all cores, in bounded memory, with rows counted as they pass.
//!
//! Over a log group a query's events lie in memory in their order, and what matches is kept while
//! it is counted. Here nothing is kept: the plan so far becomes a table that counts
//! ([`counted`]), and the order of events is made where it is heeded, which with a limit needs no
//! more memory than the rows of the answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, ident};
use datafusion::optimizer::single_distinct_to_groupby::SingleDistinctToGroupBy;

use super::QueryOptions;
use super::ast::Command;
use super::plan::{Finish, Planner};
use super::record_source;
use super::run::{Context, Ran, Work, logical_rules};
use super::source::POSITION;
use crate::files::{ByCode, Direct, LogTable};
use crate::scan::{Counted, counted as tally, session_builder};
use crate::{LogFiles, Statistics};

/// What is counted while a plan reads files.
pub(super) struct Reading {
    pub(super) tables: Vec<Arc<LogTable>>,
    pub(super) scanned: Vec<Counted>,
    /// What is left of them; `None`: all.
    pub(super) matched: Option<Counted>,
}

impl Reading {
    /// Gives the rows of the last plan their order, if they are events without one, and their
    /// number.
    pub(super) fn order(&self, finish: &mut Finish, sorted_before: bool) -> Ran<()> {
        if finish.events && !sorted_before {
            finish.plan = sorted(finish.plan.clone(), POSITION)?;
        }
        if finish.dedup.is_none() {
            let rows = usize::try_from(finish.limit).unwrap_or(usize::MAX);
            finish.plan = LogicalPlanBuilder::new(finish.plan.clone())
                .limit(0, Some(rows))?
                .build()?;
        }
        Ok(())
    }

    /// Puts the counts, complete now, into the statistics.
    pub(super) fn count(&self, statistics: &mut Statistics) {
        let scanned = self.scanned.iter();
        let scanned: u64 = scanned.map(|it| it.load(Ordering::Relaxed)).sum();
        statistics.records_scanned += scanned;
        let matched = self.matched.as_ref();
        statistics.records_matched = matched.map_or(scanned, |it| it.load(Ordering::Relaxed));
        let bytes = self.tables.iter().map(|table| table.bytes_scanned());
        statistics.bytes_scanned += bytes.sum::<u64>();
    }
}

/// Goes on from a plan whose rows are counted.
pub(super) fn counted(plan: LogicalPlan) -> Ran<(LogicalPlan, Counted)> {
    let (table, rows) = tally(plan);
    let plan = LogicalPlanBuilder::scan("events", provider_as_source(table), None)?.build()?;
    Ok((plan, rows))
}

/// The plan's rows by that column, ascending.
pub(super) fn sorted(plan: LogicalPlan, column: &str) -> Ran<LogicalPlan> {
    let order = vec![ident(column).sort(true, false)];
    Ok(LogicalPlanBuilder::new(plan).sort(order)?.build()?)
}

/// A session for one query over files.
pub(super) fn file_session() -> Ran<Arc<SessionState>> {
    let mut rules = logical_rules();
    // Before columns are pruned; one distinct count is much faster as two groupings.
    rules.insert(0, Arc::new(SingleDistinctToGroupBy::new()));
    rules.insert(0, Arc::new(ByCode));
    rules.insert(0, Arc::new(Direct));
    let mut builder = session_builder()?.with_optimizer_rules(rules);
    let config = builder.config().get_or_insert_default();
    config.options_mut().optimizer.max_passes = 1;
    Ok(Arc::new(builder.build()))
}

impl<'a> Context<'a> {
    /// The records of the files as events.
    pub(super) async fn read_files(
        self,
        logs: &'a LogFiles,
        fields: &[String],
        options: QueryOptions,
    ) -> Ran<Work<'a>> {
        let source = record_source::read(logs, &options, fields)?;
        let names = record_source::record_names(logs);
        let format = Some(logs.format());
        Ok(Work {
            planner: Planner::new(
                self.query,
                format,
                options,
                source.plan,
                source.slots,
                names,
            )
            .reading_files(),
            context: self,
            order: Vec::new(),
            statistics: Statistics::default(),
            reading: Some(Reading {
                tables: source.tables,
                scanned: source.scanned,
                matched: None,
            }),
            sorted: false,
            held: Vec::new(),
        })
    }
}

impl Work<'_> {
    /// Events of files come in no order, and neither do the rows of `stats`; before a command that
    /// heeds it they are sorted.
    pub(super) fn sort_rows(&mut self, command: &Command) -> Ran<()> {
        let heedless = matches!(command, Command::Stats { .. } | Command::Sort(_));
        if heedless {
            self.sorted = matches!(command, Command::Sort(_));
        } else if !command.is_row_by_row() {
            match self.planner.events {
                true => self.sort_events()?,
                false => self.sort_groups()?,
            }
        }
        Ok(())
    }

    fn sort_events(&mut self) -> Ran<()> {
        if !self.sorted {
            let sorted = sorted(self.planner.plan().clone(), POSITION)?;
            self.planner.set_plan(sorted);
            self.sorted = true;
        }
        Ok(())
    }

    /// Rows of `stats` come by what they are grouped by where a query does not sort them. AWS
    /// promises no order; without one they would come as a hash table or the cores have them.
    pub(super) fn sort_groups(&mut self) -> Ran<()> {
        if !self.sorted && !self.planner.events {
            if !self.planner.ties.is_empty() {
                self.planner.sort_by(Vec::new())?;
            }
            self.sorted = true;
        }
        Ok(())
    }
}
