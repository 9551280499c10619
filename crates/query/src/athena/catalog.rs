//! The data catalog: databases, tables, views, partitions. Plain data, without a connection.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};

use super::error::{Checked, Fault};
use super::logs::FlowLogs;
use crate::FilesError;
use crate::scan::CountingStore;

/// The name of the only catalog: Athena's own.
pub(super) const CATALOG: &str = "awsdatacatalog";

/// All databases. A new one has the database `default`, as an AWS account has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AthenaCatalog {
    /// By name, in lower case.
    pub databases: BTreeMap<String, Database>,
}

impl Default for AthenaCatalog {
    fn default() -> Self {
        let databases = BTreeMap::from([("default".to_owned(), Database::default())]);
        Self { databases }
    }
}

impl AthenaCatalog {
    /// The database of a name in lower case.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.get(name)
    }
}

/// Tables and views; a name is one or the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Of CREATE DATABASE.
    pub comment: Option<String>,
    /// Of CREATE DATABASE; not used.
    pub location: Option<String>,
    /// By name, in lower case.
    pub tables: BTreeMap<String, Table>,
    /// By name, in lower case.
    pub views: BTreeMap<String, View>,
}

/// A table over files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Columns of the files, in their order.
    pub columns: Vec<TableColumn>,
    /// Columns whose values come from where a file lies.
    pub partition_columns: Vec<TableColumn>,
    /// How the files hold rows.
    pub format: TableFormat,
    /// `s3://bucket/prefix/`.
    pub location: String,
    /// Of CREATE TABLE.
    pub comment: Option<String>,
    /// TBLPROPERTIES, keys in lower case.
    pub properties: BTreeMap<String, String>,
    /// Partitions that were added, by their values in the order of `partition_columns`.
    #[serde(with = "pairs")]
    pub partitions: BTreeMap<Vec<String>, String>,
}

/// A map whose keys are no texts as a list of pairs: JSON knows no other keys.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    type Partitions = BTreeMap<Vec<String>, String>;

    pub(super) fn serialize<S: Serializer>(map: &Partitions, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Partitions, D::Error> {
        let pairs = Vec::<(Vec<String>, String)>::deserialize(from)?;
        Ok(pairs.into_iter().collect())
    }
}

impl Table {
    /// Columns of the files, then those of partitions.
    pub fn all_columns(&self) -> impl Iterator<Item = &TableColumn> {
        self.columns.iter().chain(&self.partition_columns)
    }

    /// `year=2024/month=03`: a partition's name by its values.
    pub(super) fn partition_name(&self, values: &[String]) -> String {
        let parts = self.partition_columns.iter().zip(values);
        let parts = parts.map(|(column, value)| format!("{}={value}", column.name));
        parts.collect::<Vec<_>>().join("/")
    }

    /// Whether partitions are computed from properties instead of added.
    #[must_use]
    pub fn is_projected(&self) -> bool {
        let enabled = self.properties.get("projection.enabled");
        enabled.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Lines at the start of each text file that are no rows.
    #[must_use]
    pub fn header_lines(&self) -> usize {
        let count = self.properties.get("skip.header.line.count");
        count
            .and_then(|count| count.trim().parse().ok())
            .unwrap_or(0)
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableColumn {
    /// In lower case.
    pub name: String,
    /// As DDL writes it, in lower case: `int`, `string`, `array<string>`.
    #[serde(rename = "type")]
    pub ty: String,
    /// Of CREATE TABLE.
    pub comment: Option<String>,
}

/// How files hold rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableFormat {
    /// LazySimpleSerDe: a line a row, values with the delimiter between.
    Text {
        /// One ASCII character.
        delimiter: char,
    },
    /// OpenCSVSerde: a line a row, values with the separator between and perhaps in quotes.
    Csv {
        /// One ASCII character.
        separator: char,
        /// One ASCII character.
        quote: char,
        /// One ASCII character.
        escape: char,
    },
    /// Parquet, columns by name.
    Parquet,
    /// Flow logs of [`AthenaCatalog::add_logs`].
    Logs,
}

/// A stored query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// The query, without a `;`.
    pub query: String,
    /// The database of names without one.
    pub database: String,
}

impl View {
    pub(super) fn sql(&self) -> &str {
        &self.query
    }
}

/// Where locations lead: each bucket's name and its store, and the logs of tables without DDL.
#[derive(Clone, Default)]
pub struct Buckets {
    stores: BTreeMap<String, Arc<CountingStore>>,
    /// By `database.table`.
    pub(super) logs: BTreeMap<String, FlowLogs>,
    stopped: Arc<AtomicBool>,
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.stores.keys().chain(self.logs.keys());
        f.debug_list().entries(names).finish()
    }
}

impl Buckets {
    /// Without a bucket.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a bucket, or replaces one.
    pub fn insert(&mut self, name: impl Into<String>, store: Arc<dyn ObjectStore>) {
        let store = Arc::new(CountingStore::new(store));
        self.stores.insert(name.into(), store);
    }

    /// Adds a bucket that is a folder of this machine.
    ///
    /// # Errors
    /// [`FilesError::Store`] if it cannot be read.
    pub fn insert_folder(
        &mut self,
        name: impl Into<String>,
        folder: &Path,
    ) -> Result<(), FilesError> {
        let store = LocalFileSystem::new_with_prefix(folder);
        let store = store.map_err(|error| FilesError::Store {
            place: folder.display().to_string(),
            error,
        })?;
        self.insert(name, Arc::new(store));
        Ok(())
    }

    /// Adds a bucket that holds these keys and is nowhere but in memory.
    ///
    /// # Errors
    /// [`FilesError::Store`] for a key that is no path.
    pub fn insert_objects(
        &mut self,
        name: impl Into<String>,
        objects: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<(), FilesError> {
        let (name, store) = (name.into(), InMemory::new());
        for (key, bytes) in objects {
            let put = async { store.put(&StorePath::parse(&key)?, bytes.into()).await };
            // Memory never keeps anybody waiting.
            let put = put
                .now_or_never()
                .expect("a put into memory is done at once");
            put.map_err(|error| FilesError::Store {
                place: format!("s3://{name}/{key}"),
                error,
            })?;
        }
        self.insert(name, Arc::new(store));
        Ok(())
    }

    /// The store of a bucket.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<dyn ObjectStore>> {
        let store = self.stores.get(name)?;
        Some(store.clone())
    }

    /// Bytes that have been read: how far a query is, for who watches it from another thread.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        let stores = self.stores.values().map(|store| store.bytes());
        let logs = self.logs.values().map(FlowLogs::bytes_read);
        stores.chain(logs).sum()
    }

    /// Ends queries over these buckets, and over clones of them, with an error, whether they read
    /// or compute: for who watches a query from another thread.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.stores.values().for_each(|store| store.stop());
        self.logs.values().for_each(FlowLogs::stop);
    }

    /// Whether [`Buckets::stop`] was called, now or later.
    pub(super) fn stopped(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopped)
    }

    /// The store of a location, and the key's prefix in it, which ends with `/` if not empty.
    pub(super) fn resolve(&self, location: &str) -> Checked<(Arc<dyn ObjectStore>, String)> {
        let (bucket, prefix) = split_location(location)?;
        let store = self.get(bucket).ok_or_else(|| {
            let message = format!("The specified bucket does not exist (Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket; Bucket: {bucket})");
            let known: Vec<&str> = self.stores.keys().map(String::as_str).collect();
            Fault::bare("HIVE_FILESYSTEM_ERROR", message).with_hint(match known.as_slice() {
                [] => "no bucket is at hand".to_owned(),
                known => format!("the buckets at hand: {}", known.join(", ")),
            })
        })?;
        Ok((store, prefix))
    }
}

/// Bucket and prefix of `s3://bucket/prefix`.
pub(super) fn split_location(location: &str) -> Checked<(&str, String)> {
    let rest = ["s3://", "s3a://", "s3n://"]
        .iter()
        .find_map(|scheme| location.strip_prefix(scheme));
    let wrong = || {
        Fault::ddl(format!(
            "SemanticException LOCATION '{location}' is no s3://bucket/path/"
        ))
    };
    let (bucket, prefix) = rest
        .map(|rest| rest.split_once('/').unwrap_or((rest, "")))
        .ok_or_else(wrong)?;
    if bucket.is_empty() {
        return Err(wrong());
    }
    let mut prefix = prefix.trim_matches('/').to_owned();
    if !prefix.is_empty() {
        prefix.push('/');
    }
    Ok((bucket, prefix))
}
