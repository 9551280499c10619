//! Flow logs that are a table without anyone's DDL.
//!
//! Files that [`LogFiles`] has found say themselves what their columns are, and so does a log group
//! that a flow log feeds. The catalog holds such a table as any other, with its columns and
//! [`TableFormat::Logs`]; its location, `logs://DATABASE.TABLE`, leads to what [`Buckets`] has
//! under that name. What is `-` in text and in a log group is NULL in Parquet, as it is at AWS.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;

use super::catalog::{AthenaCatalog, Buckets, Table, TableColumn, TableFormat};
use super::error::{Checked, Fault};
use crate::files::{Kind, LogTable};
use crate::{LogFiles, LogGroup};

/// The name of the table that a command line or a lab makes of its flow logs.
pub const FLOW_LOGS: &str = "flow_logs";

/// What the location of such a table begins with.
const SCHEME: &str = "logs://";

/// Flow logs that need no DDL: files, or a log group in memory.
#[derive(Clone, Debug)]
pub struct FlowLogs(Source);

#[derive(Clone, Debug)]
enum Source {
    Files(Box<LogFiles>),
    Group(Arc<LogGroup>),
}

impl From<LogFiles> for FlowLogs {
    fn from(files: LogFiles) -> Self {
        Self(Source::Files(Box::new(files)))
    }
}

/// A query sees the events that have arrived by its `now`. A group without a format is read as one
/// of the default format.
impl From<Arc<LogGroup>> for FlowLogs {
    fn from(group: Arc<LogGroup>) -> Self {
        Self(Source::Group(group))
    }
}

impl From<LogGroup> for FlowLogs {
    fn from(group: LogGroup) -> Self {
        Self::from(Arc::new(group))
    }
}

impl FlowLogs {
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.0 {
            Source::Files(files) => files.bytes_read(),
            Source::Group(_) => 0,
        }
    }

    pub(super) fn stop(&self) {
        if let Source::Files(files) = &self.0 {
            files.stop();
        }
    }

    /// The records that have arrived by then (milliseconds since the epoch), as files.
    fn files(&self, now: i64) -> Checked<LogFiles> {
        let group = match &self.0 {
            Source::Files(files) => return Ok(files.newest()),
            Source::Group(group) => group,
        };
        let now = u64::try_from(now).unwrap_or(0);
        let arrived = || group.events.iter().filter(|e| e.ingestion_ms <= now);
        let length = arrived().map(|e| e.message.len() + 1).sum();
        let mut text = String::with_capacity(length);
        for event in arrived() {
            text.push_str(event.message);
            text.push('\n');
        }
        let format = group.format.clone().unwrap_or_default();
        let files = LogFiles::from_text(&group.name, text, format);
        files.map_err(|error| Fault::bare(super::error::INTERNAL, error.to_string()))
    }

    fn columns(&self) -> Checked<Vec<TableColumn>> {
        let table = self.files(0)?.table(Kind::Athena);
        let columns = table.documented();
        let column = |field: &Arc<datafusion::arrow::datatypes::Field>| TableColumn {
            name: field.name().clone(),
            ty: match field.data_type() {
                DataType::Int32 => "int",
                DataType::Int64 => "bigint",
                _ => "string",
            }
            .to_owned(),
            comment: None,
        };
        Ok(columns.iter().map(column).collect())
    }
}

impl AthenaCatalog {
    /// Adds a table of a database, or replaces one, with the columns that Athena's documentation
    /// gives the fields of these logs. `buckets` gets the logs themselves. Names are in lower case;
    /// a database that is not there is made.
    ///
    /// ```
    /// use wirelab_query::athena::{AthenaCatalog, AthenaOptions, Buckets, FLOW_LOGS};
    /// use wirelab_model::UnixTime;
    /// use wirelab_query::{LogGroup, blocking};
    ///
    /// let mut group = LogGroup::flow_log("flow", "123456789012", Default::default());
    /// let line = "2 123456789012 eni-1 10.0.1.5 10.0.2.9 40000 22 6 3 180 1709596800 1709596830 \
    ///             REJECT OK";
    /// group.events.push(1_709_596_800_000, 1_709_597_100_000, "eni-1-all", line);
    /// let (mut catalog, mut buckets) = (AthenaCatalog::default(), Buckets::new());
    /// catalog.add_logs("default", FLOW_LOGS, group, &mut buckets);
    /// let options = AthenaOptions::at(UnixTime::from_secs(1_709_600_400));
    /// let sql = "SELECT srcaddr, sum(packets) FROM flow_logs WHERE dstport = 22 GROUP BY 1";
    /// let answer = blocking::athena(sql, &mut catalog, &buckets, &options)?;
    /// assert_eq!(answer.to_file(), "\"srcaddr\",\"_col1\"\n\"10.0.1.5\",\"3\"\n");
    /// # Ok::<(), wirelab_query::athena::AthenaError>(())
    /// ```
    pub fn add_logs(
        &mut self,
        database: &str,
        table: &str,
        logs: impl Into<FlowLogs>,
        buckets: &mut Buckets,
    ) {
        let (database, name) = (database.to_lowercase(), table.to_lowercase());
        let logs = logs.into();
        let key = format!("{database}.{name}");
        let table = Table {
            columns: logs.columns().unwrap_or_default(),
            partition_columns: Vec::new(),
            format: TableFormat::Logs,
            location: format!("{SCHEME}{key}"),
            comment: None,
            properties: Default::default(),
            partitions: Default::default(),
        };
        let database = self.databases.entry(database).or_default();
        database.views.remove(&name);
        database.tables.insert(name, table);
        buckets.logs.insert(key, logs);
    }
}

/// Looks again at the files over which a statement has failed, by damage or not; whether it may go
/// well now, over tables with the columns that they have now.
pub(super) async fn look_again(
    catalog: &mut AthenaCatalog,
    buckets: &Buckets,
    is_damage: bool,
) -> Checked<bool> {
    let mut changed = false;
    for (key, logs) in &buckets.logs {
        let Source::Files(files) = &logs.0 else {
            continue;
        };
        let again = files.look_again(is_damage, files.untimed_records()).await;
        let again = again.map_err(|error| Fault::bare(super::error::DAMAGED, error.to_string()))?;
        changed |= again;
        let (database, name) = key.split_once('.').unwrap_or_default();
        let tables = catalog.databases.get_mut(database).map(|it| &mut it.tables);
        let table = tables.and_then(|tables| tables.get_mut(name));
        if let Some(table) = table.filter(|table| again && table.format == TableFormat::Logs) {
            table.columns = logs.columns()?;
        }
    }
    Ok(changed)
}

/// The table of a location of `add_logs`, as it is at a moment.
pub(super) fn open(location: &str, buckets: &Buckets, now: i64) -> Checked<Arc<LogTable>> {
    let name = location.strip_prefix(SCHEME).unwrap_or(location);
    let logs = buckets.logs.get(name).ok_or_else(|| {
        let message = format!("The flow logs of table {name} are not at hand");
        Fault::bare("HIVE_FILESYSTEM_ERROR", message)
    })?;
    Ok(Arc::new(logs.files(now)?.table(Kind::Athena)))
}
