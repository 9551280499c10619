//! Records in files as the events that CloudWatch Logs would hold.
//!
//! An event of a flow log is a record with a few fields beside it, and all of them follow from the
//! record: `@timestamp` is its `start` in milliseconds, `@logStream` its interface with `-all`,
//! `@message` the line (of a Parquet file: the values, as the line would have them). Some are not
//! in a file and are chosen here: `@ingestionTime` is five minutes after the record's `end`, the
//! usual delay of CloudWatch Logs; `@log` is `files:` and where the files are; `@ptr` is the
//! event's place. A record without `start` takes `end`, and one without either counts in every
//! range, at its end.
//!
//! Nothing is kept: the result is a plan that reads the files when it runs. The default order,
//! newest first and of events at the same time the one that arrived last, needs one number that
//! grows in that order: seconds before the end of the range, then file and place in it, counted
//! backwards.
//!
//! Source: Amazon VPC User Guide, "Publish flow logs to CloudWatch Logs".

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::datasource::provider_as_source;
use datafusion::functions::string::expr_fn::{concat, concat_ws, to_hex};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident, lit, when};
use wirelab_flowlog::Field;

use super::QueryOptions;
use super::plan::Slot;
use super::source::{POSITION, SYSTEM_FIELDS};
use crate::files::{FILE, Kind, LINE, LogTable, OFFSET, text_column};
use crate::scan::{Counted, counted};
use crate::{ColumnKind, LogFiles};

/// From a record's `end` to its arrival, in seconds.
const DELAY_SECS: i64 = 300;

/// What a query reads.
pub(super) struct RecordSource {
    pub(super) plan: LogicalPlan,
    pub(super) slots: Vec<Slot>,
    /// The tables, for what they have read.
    pub(super) tables: Vec<Arc<LogTable>>,
    /// The records of the time range, counted as they are read.
    pub(super) scanned: Vec<Counted>,
}

/// All names that the records have.
pub(super) fn record_names(logs: &LogFiles) -> Vec<String> {
    let fields = logs.fields().iter().map(|field| field.insights_name());
    SYSTEM_FIELDS
        .into_iter()
        .chain(fields)
        .map(str::to_owned)
        .collect()
}

/// The records of the time range, with the columns of these names.
pub(super) fn read(
    logs: &LogFiles,
    options: &QueryOptions,
    names: &[String],
) -> Result<RecordSource> {
    let known = record_names(logs);
    let names: Vec<&String> = names.iter().filter(|name| known.contains(name)).collect();
    let numbered = names.iter().enumerate();
    let slots: Vec<Slot> = numbered
        .map(|(index, name)| Slot {
            key: (*name).clone(),
            kind: match name.as_str() {
                "@timestamp" | "@ingestionTime" => ColumnKind::Time,
                _ => ColumnKind::Text,
            },
            column: format!("c{index}"),
        })
        .collect();
    let (text, parquet) = logs.kinds();
    let kinds = [(text, Kind::Lines), (parquet, Kind::Rows)];
    let (mut tables, mut scanned) = (Vec::new(), Vec::new());
    let mut plan: Option<LogicalPlanBuilder> = None;
    for (_, kind) in kinds.into_iter().filter(|(present, _)| *present) {
        let records = Records {
            logs,
            kind,
            options,
        };
        let (part, table, counted) = records.plan(&slots)?;
        tables.push(table);
        scanned.push(counted);
        plan = Some(match plan {
            Some(other) => other.union(part)?,
            None => LogicalPlanBuilder::from(part),
        });
    }
    let plan = plan.map_or_else(|| LogicalPlanBuilder::empty(false).build(), |p| p.build())?;
    Ok(RecordSource {
        plan,
        slots,
        tables,
        scanned,
    })
}

/// The files of one kind.
struct Records<'a> {
    logs: &'a LogFiles,
    kind: Kind,
    options: &'a QueryOptions,
}

impl Records<'_> {
    /// The records with the columns of the slots, and their count before any filter: of text the
    /// scan counts, so that it can go on to leave out lines that a filter leaves out.
    fn plan(&self, slots: &[Slot]) -> Result<(LogicalPlan, Arc<LogTable>, Counted)> {
        let table = self.logs.table(self.kind);
        let (start, end) = self.range();
        let mut columns = vec![self.position().alias(POSITION)];
        for slot in slots {
            columns.push(self.column(&slot.key)?.alias(&slot.column));
        }
        if self.kind == Kind::Lines {
            let (table, counted) = table.within(self.time_field(), start, end);
            let table = Arc::new(table);
            let source = provider_as_source(table.clone());
            let builder = LogicalPlanBuilder::scan("records", source, None)?;
            return Ok((builder.project(columns)?.build()?, table, counted));
        }
        let table = Arc::new(table);
        let source = provider_as_source(table.clone());
        let mut builder = LogicalPlanBuilder::scan("records", source, None)?;
        if let Some(time) = self.time() {
            builder = builder.filter(time.clone().gt_eq(lit(start)).and(time.lt_eq(lit(end))))?;
        }
        let (counting, counted) = counted(builder.project(columns)?.build()?);
        let source = provider_as_source(counting);
        let plan = LogicalPlanBuilder::scan("events", source, None)?.build()?;
        Ok((plan, table, counted))
    }

    /// First and last second.
    fn range(&self) -> (i64, i64) {
        let second = |time: wirelab_model::UnixTime| time.as_secs().min(1 << 40) as i64;
        (second(self.options.start), second(self.options.end))
    }

    /// The record's second, of those that it has.
    fn time(&self) -> Option<Expr> {
        Some(ident(self.time_field()?.column_name()))
    }

    fn time_field(&self) -> Option<Field> {
        let has = |field: &Field| self.logs.fields().contains(field);
        [Field::Start, Field::End].into_iter().find(has)
    }

    fn secs(&self) -> Expr {
        self.time().unwrap_or_else(|| lit(self.range().1))
    }

    fn column(&self, name: &str) -> Result<Expr> {
        Ok(match name {
            "@timestamp" => self.secs() * lit(1000_i64),
            "@ingestionTime" => {
                let secs = match self.logs.fields().contains(&Field::End) {
                    true => either(ident(Field::End.column_name()), self.secs())?,
                    false => self.secs(),
                };
                (secs + lit(DELAY_SECS)) * lit(1000_i64)
            }
            "@message" => self.message()?,
            "@logStream" => {
                let interface = match self.logs.fields().contains(&Field::InterfaceId) {
                    true => self.text(Field::InterfaceId)?,
                    false => lit("unknown"),
                };
                cast(concat(vec![interface, lit("-all")]), DataType::Utf8)
            }
            "@log" => lit(format!("files:{}", self.logs.name())),
            "@ptr" => cast(to_hex(self.position()), DataType::Utf8),
            _ => {
                let mut fields = self.logs.fields().iter();
                let field = fields.find(|field| field.insights_name() == name);
                field.map_or_else(|| Ok(lit("")), |field| self.text(*field))?
            }
        })
    }

    /// A field as it stands in a line.
    fn text(&self, field: Field) -> Result<Expr> {
        match self.kind {
            Kind::Lines => Ok(ident(text_column(field))),
            _ => either(cast(ident(field.column_name()), DataType::Utf8), lit("-")),
        }
    }

    fn message(&self) -> Result<Expr> {
        if self.kind == Kind::Lines {
            return Ok(ident(LINE));
        }
        let fields = self.logs.fields().iter().map(|field| self.text(*field));
        let fields = fields.collect::<Result<Vec<_>>>()?;
        Ok(cast(concat_ws(lit(" "), fields), DataType::Utf8))
    }

    /// The event's place in the default order.
    fn position(&self) -> Expr {
        let bits = |number: u64| u64::BITS - number.leading_zeros();
        let (start, end) = self.range();
        let files = bits(self.logs.len() as u64);
        let free = 62_u32.saturating_sub(bits(end.abs_diff(start)) + files);
        // Lines begin at least so far from each other; rows of Parquet are numbered one by one.
        let apart = match self.logs.kinds() {
            (true, false) => (2 * self.logs.fields().len() as u64).ilog2(),
            _ => 0,
        };
        // Neighbours in a large file share a place if range and files leave too few bits.
        let wanted = bits(self.logs.longest()).saturating_sub(apart);
        let places = wanted.min(free);
        let coarse = apart + wanted - places;
        let power = |exponent: u32| lit(1_i64 << exponent);
        let arrival = ident(FILE) * power(places) + ident(OFFSET) / power(coarse);
        let backward = lit((1_i64 << (files + places)) - 1) - arrival;
        (lit(end) - self.secs()) * power(files + places) + backward
    }
}

/// The first value that is not NULL.
fn either(value: Expr, other: Expr) -> Result<Expr> {
    when(value.clone().is_not_null(), value).otherwise(other)
}
