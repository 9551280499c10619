//! Logs Insights QL and Athena SQL, planned onto DataFusion.
//!
//! A [`LogGroup`] holds log events as CloudWatch would; [`insights`] answers a query over them as
//! Logs Insights would: the same fields, the same coercions, the same printed forms. Where logs
//! come from, who may read them and how a result is judged is left to others. Nothing of DataFusion
//! or Arrow shows in the interface.
//!
//! A query's way: `token` cuts the text, `parse` builds the tree of commands (`ast`), `groups`
//! finds the log groups that it names, `source` makes Arrow columns of just the fields that it
//! names, `plan` turns it into DataFusion plans with our own functions (`function`) for everything
//! in which Insights QL differs from SQL, `run` executes, [`QueryResult`] prints. A plan ends where
//! the rows that match are counted, and before commands that look at rows as a whole (`stage`:
//! `unnest`, `join`, `pattern`, `diff` and the like); a new one goes on from its rows.
//!
//! Of the language are missing, and answered with an error that says so: `anomaly`, `lookup` and
//! the commands and functions of 2026 for which the guide says too little (`addtotals`,
//! `appendcols`, `autoregress`, `countFrequent`, `estimate`, `logcompare`, `outlier`,
//! `relevantfields`, `sessionize`; `topk`, `histogram`, `rate`, `md5`, `sha256`, `cidrlookup`;
//! `offset` after `bin`), and `SOURCE` by tag or data source.
//!
//! ```
//! use wirelab_model::UnixTime;
//! use wirelab_query::{LogGroup, QueryOptions, blocking};
//!
//! let mut group = LogGroup::flow_log("flow", "123456789012", Default::default());
//! let line = "2 123456789012 eni-1 10.0.1.5 10.0.2.9 40000 5432 6 3 180 1709596800 1709596830 \
//!             REJECT OK";
//! group.events.push(1_709_596_800_000, 1_709_597_100_000, "eni-1-all", line);
//! let options = QueryOptions {
//!     start: UnixTime::from_secs(1_709_596_800),
//!     end: UnixTime::from_secs(1_709_600_400),
//!     now: UnixTime::from_secs(1_709_600_400),
//!     limit: None,
//! };
//! let query = r#"filter action = "REJECT" | stats sum(packets) as lost by dstPort"#;
//! let result = blocking::insights(query, &group, &options)?;
//! assert_eq!(result.to_csv(), "dstPort,lost\n5432,3\n");
//! # Ok::<(), wirelab_query::QueryError>(())
//! ```
//!
//! Logs in files are found by [`LogFiles`] and queried by [`insights_over_files`]: the same planner
//! over a plan that reads them (`scan`), on all cores, with nothing kept but the answer.
//!
//! What expressions of either language make in memory is counted and bounded (`budget`); DataFusion
//! bounds the rest. What a query works on is counted for who asks with an end of it ([`Work`]).
//!
//! SQL as Athena has it, over buckets, files and log groups, is in [`athena`].
//!
//! Source: Amazon CloudWatch Logs User Guide, "CloudWatch Logs Insights language query syntax".
//! What the guide leaves open is decided in one place each and said there.

pub mod athena;
mod budget;
mod codec;
mod display;
mod error;
mod events;
mod files;
mod insights;
mod result;
mod saved;
mod scan;
mod work;

pub use display::visible;
pub use error::{Place, QueryError};
pub use events::{LogEvent, LogEvents, LogGroup, LogGroups};
pub use files::{FilesError, LogFiles, LogSource};
pub use insights::{QueryOptions, insights, insights_over_files, insights_within};
pub use result::{Column, ColumnKind, QueryResult, Statistics, Warning};
pub use saved::{SAVED_QUERIES, SavedQuery};
pub use work::Work;

/// The same without `async`: makes, once a thread, the runtime that DataFusion needs.
pub mod blocking {
    use std::cell::OnceCell;
    use std::future::Future;
    use std::io;
    use std::sync::Arc;

    use tokio::runtime::{Builder, Runtime};

    use std::path::Path;

    use object_store::ObjectStore;
    use object_store::local::LocalFileSystem;
    use wirelab_flowlog::LogFormat;

    use crate::athena::{AthenaCatalog, AthenaError, AthenaOptions, AthenaResult, Buckets};
    use crate::{
        FilesError, LogFiles, LogGroups, LogSource, QueryError, QueryOptions, QueryResult, Work,
    };

    thread_local! {
        static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
    }

    /// Runs the query to its end on this thread.
    ///
    /// # Errors
    /// As [`crate::insights`].
    ///
    /// # Panics
    /// Inside an asynchronous runtime: there, await [`crate::insights`].
    pub fn insights<'a>(
        query: &str,
        groups: impl Into<LogGroups<'a>>,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        run(crate::insights(query, groups, options))?
    }

    /// Runs the query to its end, or to that of `work`, on this thread.
    ///
    /// # Errors
    /// As [`crate::insights_within`].
    ///
    /// # Panics
    /// Inside an asynchronous runtime: there, await [`crate::insights_within`].
    pub fn insights_within<'a>(
        query: &str,
        groups: impl Into<LogGroups<'a>>,
        options: &QueryOptions,
        work: &Work,
    ) -> Result<QueryResult, QueryError> {
        run(crate::insights_within(query, groups, options, work))?
    }

    /// Runs the query over files to its end, on as many threads as there are cores.
    ///
    /// # Errors
    /// As [`crate::insights_over_files`].
    ///
    /// # Panics
    /// Inside an asynchronous runtime: there, await [`crate::insights_over_files`].
    pub fn insights_over_files(
        query: &str,
        logs: &LogFiles,
        options: &QueryOptions,
    ) -> Result<QueryResult, QueryError> {
        run(crate::insights_over_files(query, logs, options))?
    }

    /// Finds flow logs below a folder, or opens the file: [`LogFiles::from_path`].
    ///
    /// # Errors
    /// [`FilesError`].
    ///
    /// # Panics
    /// Inside an asynchronous runtime.
    pub fn open_files(path: &Path, format: Option<&LogFormat>) -> Result<LogFiles, FilesError> {
        let place = path.display().to_string();
        let opened = run(LogFiles::from_path(path, format));
        opened.map_err(|error| FilesError::Unreadable {
            file: place,
            reason: error.to_string(),
        })?
    }

    /// Finds flow logs at several places: [`LogFiles::from_sources`].
    ///
    /// # Errors
    /// [`FilesError`].
    ///
    /// # Panics
    /// Inside an asynchronous runtime.
    pub fn open_sources(
        sources: &[LogSource],
        format: Option<&LogFormat>,
    ) -> Result<LogFiles, FilesError> {
        let opened = run(LogFiles::from_sources(sources, format));
        opened.map_err(|error| FilesError::Unreadable {
            file: "logs".to_owned(),
            reason: error.to_string(),
        })?
    }

    /// The same without the files that are damaged: [`LogFiles::sound_from_sources`].
    ///
    /// # Errors
    /// [`FilesError`].
    ///
    /// # Panics
    /// Inside an asynchronous runtime.
    pub fn open_sound_sources(
        sources: &[LogSource],
        format: Option<&LogFormat>,
    ) -> Result<LogFiles, FilesError> {
        let opened = run(LogFiles::sound_from_sources(sources, format));
        opened.map_err(|error| FilesError::Unreadable {
            file: "logs".to_owned(),
            reason: error.to_string(),
        })?
    }

    /// Writes the records into one file of the compact layout, in which queries are faster:
    /// [`LogFiles::compact`]. How many they are.
    ///
    /// # Errors
    /// [`FilesError`].
    ///
    /// # Panics
    /// Inside an asynchronous runtime.
    pub fn compact(logs: &LogFiles, to: &Path) -> Result<u64, FilesError> {
        let unreadable = |reason: String| FilesError::Unreadable {
            file: to.display().to_string(),
            reason,
        };
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let folder = to.parent().filter(|folder| *folder != Path::new(""));
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let store = LocalFileSystem::new_with_prefix(folder);
        let store: Arc<dyn ObjectStore> =
            Arc::new(store.map_err(|error| unreadable(error.to_string()))?);
        let written = run(logs.compact(&store, &name));
        written.map_err(|error| unreadable(error.to_string()))?
    }

    /// Runs the statement to its end on this thread.
    ///
    /// # Errors
    /// As [`crate::athena::athena`].
    ///
    /// # Panics
    /// Inside an asynchronous runtime: there, await [`crate::athena::athena`].
    pub fn athena(
        sql: &str,
        catalog: &mut AthenaCatalog,
        buckets: &Buckets,
        options: &AthenaOptions,
    ) -> Result<AthenaResult, AthenaError> {
        let answer = run(crate::athena::athena(sql, catalog, buckets, options));
        answer.map_err(|error| AthenaError::Internal(error.to_string()))?
    }

    /// Drives a future with this thread's runtime.
    fn run<T>(future: impl Future<Output = T>) -> Result<T, QueryError> {
        RUNTIME.with(|cell| {
            if cell.get().is_none() {
                let runtime = build().map_err(|e| QueryError::Internal(e.to_string()))?;
                let _ = cell.set(runtime);
            }
            let runtime = cell.get().expect("set above");
            Ok(runtime.block_on(future))
        })
    }

    fn build() -> io::Result<Runtime> {
        Builder::new_current_thread().build()
    }
}
