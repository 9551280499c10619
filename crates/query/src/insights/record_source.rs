//! Records in files as the events that CloudWatch Logs would hold.
//!
//! An event of a flow log is a record with a few fields beside it, and all of them follow from the
//! record: `@timestamp` is its moment in milliseconds, `@logStream` its interface with `-all`,
//! `@message` the line (of a Parquet file: the values, as the line would have them). Some are not
//! in a file and are chosen here: `@ingestionTime` is five minutes after the record's `end`, the
//! usual delay of CloudWatch Logs; `@log` is `files:` and where the files are; `@ptr` is the
//! event's place. A record's moment is its `start`, else its `end`, else the time in its file's
//! name, else that of the file's last change (`scan/moment.rs`).
//!
//! Nothing is kept: the result is a plan that reads the files when it runs. The default order,
//! newest first and of events at the same time the one that arrived last, needs one number that
//! grows in that order: seconds before the end of the range, then file and place in it, counted
//! backwards.
//!
//! Source: Amazon VPC User Guide, "Publish flow logs to CloudWatch Logs".

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::functions::string::expr_fn::{concat, concat_ws, to_hex};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident, lit, when};
use wirelab_flowlog::{Field, LogColumn};

use super::QueryOptions;
use super::plan::Slot;
use super::source::{POSITION, SYSTEM_FIELDS};
use crate::files::{FILE, Kind, LINE, LogTable, MOMENT, OFFSET, or_else, text_column};
use crate::scan::{Counted, MOMENT_MAX, as_record, counted, moment_of};
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
    let columns = logs.columns().iter();
    let columns = columns.map(|column| column.insights_name().into_owned());
    let system = SYSTEM_FIELDS.into_iter().map(str::to_owned);
    system.chain(columns).collect()
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
        let (start, end) = self.range();
        let (table, passed) = self.logs.table(self.kind).within(start, end);
        let table = Arc::new(table);
        let source = provider_as_source(table.clone());
        let mut builder = LogicalPlanBuilder::scan("records", source, None)?;
        let mut columns = vec![self.position().alias(POSITION)];
        for slot in slots {
            columns.push(self.column(&slot.key)?.alias(&slot.column));
        }
        if self.kind == Kind::Lines {
            return Ok((builder.project(columns)?.build()?, table, passed));
        }
        if let Some(possible) = self.possible(start, end) {
            builder = builder.filter(possible)?;
        }
        let mut with_moment: Vec<Expr> = builder
            .schema()
            .columns()
            .into_iter()
            .map(Expr::from)
            .collect();
        with_moment.push(self.moment(table.untimed())?.alias(MOMENT));
        let within = ident(MOMENT).between(lit(start), lit(end));
        let builder = builder.project(with_moment)?.filter(within)?;
        let (counting, counted) = counted(builder.build()?);
        let source = provider_as_source(counting);
        // Behind the count, so that a filter can look at what is in the file.
        let events = LogicalPlanBuilder::scan("events", source, None)?;
        Ok((events.project(columns)?.build()?, table, counted))
    }

    /// First and last second.
    fn range(&self) -> (i64, i64) {
        let second = |time: wirelab_model::UnixTime| time.as_secs().min(1 << 40) as i64;
        (second(self.options.start), second(self.options.end))
    }

    fn has(&self, field: Field) -> bool {
        self.logs.columns().contains(&LogColumn::Field(field))
    }

    /// The second of a row of Parquet.
    fn moment(&self, untimed: Counted) -> Result<Expr> {
        let (start, end) = (self.logs.number(Field::Start), self.logs.number(Field::End));
        Ok(moment_of(start, end, self.logs.row_time()?, untimed))
    }

    /// A condition of every row whose moment is in the range, by which the reader of Parquet leaves
    /// out groups of rows: their `start` is in the range, or is no plain time.
    fn possible(&self, first: i64, last: i64) -> Option<Expr> {
        let narrow = first > 0 || last < MOMENT_MAX;
        (narrow && self.has(Field::Start)).then(|| {
            let start = || ident(Field::Start.column_name());
            let within = start().between(lit(first), lit(last));
            let odd = start().lt(lit(0_i64)).or(start().gt(lit(MOMENT_MAX)));
            within.or(odd).or(start().is_null())
        })
    }

    fn column(&self, name: &str) -> Result<Expr> {
        Ok(match name {
            "@timestamp" => ident(MOMENT) * lit(1000_i64),
            "@ingestionTime" => {
                let last = match self.has(Field::End) {
                    true => self.plain_end()?,
                    false => ident(MOMENT),
                };
                (last + lit(DELAY_SECS)) * lit(1000_i64)
            }
            "@message" => self.message()?,
            "@logStream" => {
                // A transit gateway's flow log has a stream for each attachment.
                let of = [Field::InterfaceId, Field::TgwAttachmentId];
                let of = of.into_iter().filter(|field| self.has(*field));
                let of = of.map(|field| self.text(&LogColumn::Field(field)));
                let of = of.collect::<Result<Vec<_>>>()?;
                let mut of = of.into_iter().rev();
                let first = of.try_fold(lit("unknown"), |rest, it| or_else(it, rest));
                let interface = first?;
                cast(concat(vec![interface, lit("-all")]), DataType::Utf8)
            }
            "@log" => lit(format!("files:{}", self.logs.name())),
            "@ptr" => cast(to_hex(self.position()), DataType::Utf8),
            _ => {
                let mut columns = self.logs.columns().iter();
                let column = columns.find(|column| column.insights_name() == name);
                column.map_or_else(|| Ok(lit("")), |column| self.text(column))?
            }
        })
    }

    /// The second of `end` if it is a plain time, else the record's.
    fn plain_end(&self) -> Result<Expr> {
        let end = || ident(Field::End.column_name());
        let plain = end().between(lit(0_i64), lit(MOMENT_MAX));
        when(plain, end()).otherwise(ident(MOMENT))
    }

    /// A field as it stands in a line; NULL where the record's format has no such field.
    fn text(&self, column: &LogColumn) -> Result<Expr> {
        if self.kind == Kind::Lines {
            return Ok(ident(text_column(column)));
        }
        let has = |(_, columns): &(i64, &[LogColumn])| columns.contains(column);
        let (with, without): (Vec<_>, Vec<_>) = self.logs.row_formats().partition(has);
        let text = as_record(ident(column.column_name()));
        if without.is_empty() {
            return Ok(text);
        }
        if with.is_empty() {
            return Ok(lit(ScalarValue::Utf8(None)));
        }
        let with = with.into_iter().map(|(number, _)| lit(number)).collect();
        when(self.logs.row_format()?.in_list(with, false), text).end()
    }

    fn message(&self) -> Result<Expr> {
        if self.kind == Kind::Lines {
            return Ok(ident(LINE));
        }
        let line = |columns: &[LogColumn]| {
            let fields = columns.iter().map(LogColumn::column_name);
            let fields = fields.map(|name| as_record(ident(name))).collect();
            cast(concat_ws(lit(" "), fields), DataType::Utf8)
        };
        let mut formats = self.logs.row_formats();
        let (number, columns) = formats.next().unwrap_or_default();
        let mut rest = formats.peekable();
        if rest.peek().is_none() {
            return Ok(line(columns));
        }
        let mut lines = when(self.logs.row_format()?.eq(lit(number)), line(columns));
        for (number, columns) in rest {
            lines.when(self.logs.row_format()?.eq(lit(number)), line(columns));
        }
        lines.end()
    }

    /// The event's place in the default order.
    fn position(&self) -> Expr {
        let bits = |number: u64| u64::BITS - number.leading_zeros();
        let (start, end) = self.range();
        let files = bits(self.logs.len() as u64);
        let free = 62_u32.saturating_sub(bits(end.abs_diff(start)) + files);
        // Lines begin at least so far from each other; rows of Parquet are numbered one by one.
        let apart = match self.logs.kinds() {
            (true, false) => (2 * self.logs.values_min() as u64).ilog2(),
            _ => 0,
        };
        // Neighbours in a large file share a place if range and files leave too few bits.
        let wanted = bits(self.logs.longest()).saturating_sub(apart);
        let places = wanted.min(free);
        let coarse = apart + wanted - places;
        let power = |exponent: u32| lit(1_i64 << exponent);
        let arrival = ident(FILE) * power(places) + ident(OFFSET) / power(coarse);
        let backward = lit((1_i64 << (files + places)) - 1) - arrival;
        (lit(end) - ident(MOMENT)) * power(files + places) + backward
    }
}
