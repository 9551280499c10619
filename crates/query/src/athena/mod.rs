//! Athena SQL over flow logs in buckets.
//!
//! A statement's way: `token` cuts the text, `cursor` walks over the tokens, `statement` decides
//! which language it is in. DDL (`ddl`, Hive's) changes the catalog (`change`, `catalog`). A query
//! (`parse`, `parse_expr`, `parse_primary`: Trino's grammar, into `ast`) is planned by `plan`,
//! `select`, `relation`, `subquery`, and its expressions by `expr`, `call`, `operators`, `chain`,
//! `junction`, `group`: every value gets a type of Trino's (`types`), what Trino refuses is refused
//! with its words and place (`error`, `advice`), and DataFusion gets a plan in which nothing is
//! left to guess. `files` finds the files of a table by its partitions (`projection` computes them;
//! `csv` reads those that `scan` does not), `logs` makes tables of flow logs without DDL, `kept`
//! has a lab's catalog in a file, `run` executes within limits (`deadline`, `steady`), `result`
//! prints as Athena does, with what a person should know of it (`notes`).
//!
//! One case: `SELECT srcaddr, sum(bytes) FROM flow WHERE dstport = '22' GROUP BY 1` stops in
//! `expr`: `dstport` is an integer and `'22'` a varchar(2), which have no common type, so it is
//! `TYPE_MISMATCH: line 1:50: Cannot apply operator: integer = varchar(2)`. With `22` it becomes
//! Projection, Aggregate, Filter and scan, whose columns are called `c1`, `c2` …; the second column
//! of the result, which has no name, is printed as `_col1`.
//!
//! What is not here, and is refused with words of its own: statements that write data (INSERT,
//! CTAS, UNLOAD), prepared statements and parameters, recursive WITH, LATERAL over tables, sketches
//! as values (HyperLogLog, digests), MATCH_RECOGNIZE, and formats that flow logs do not come in
//! (ORC, JSON). A statement may nest 40 levels deep, and 8 with queries in expressions.
//!
//! Sources: Amazon Athena User Guide; Trino documentation, "SQL language" and "Functions and
//! operators". What both leave open is decided in one place each and said there.

mod advice;
mod aggregates;
mod ast;
mod call;
mod cast;
mod catalog;
mod chain;
mod change;
mod collect;
mod csv;
mod cursor;
mod ddl;
mod deadline;
mod definition;
mod error;
mod explain;
mod expr;
mod files;
mod floats;
mod functions;
mod group;
mod junction;
mod kept;
mod lambdas;
mod lateral;
mod literals;
mod logs;
mod notes;
mod operators;
mod parse;
mod parse_expr;
mod parse_primary;
mod partitions;
mod percentile;
mod plan;
mod projection;
mod regroup;
mod relation;
mod reserved;
mod result;
mod run;
mod schema;
mod scope;
mod script;
mod select;
mod set;
mod statement;
mod steady;
mod subquery;
mod sum;
mod token;
mod types;
mod unicode;
mod value;
mod views;

use std::time::Duration;

use wirelab_model::UnixTime;

use crate::Work;

pub use catalog::{AthenaCatalog, Buckets, Database, Table, TableColumn, TableFormat, View};
pub use error::AthenaError;
pub use logs::{FLOW_LOGS, FlowLogs};
pub use result::{AthenaColumn, AthenaResult, StatementType};
pub use script::statements;

/// What a query may take. Beyond it the query ends with an error, never the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the operators that keep rows (sorts, groups, joins), and of the result.
    pub memory_bytes: u64,
    /// Of the wall clock; beyond it the error is [`AthenaError::Timeout`].
    pub time: Duration,
    /// Rows of the result.
    pub rows: u64,
    /// Threads of a query that reads 32 MiB of files or more; with one, rows without ORDER BY come
    /// in the same order every time, as they always do where less is read.
    pub threads: usize,
}

impl Default for Limits {
    /// 1 GiB, ten minutes, a million rows, one thread.
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            time: Duration::from_secs(600),
            rows: 1_000_000,
            threads: 1,
        }
    }
}

/// What a statement needs beside the catalog.
#[derive(Clone, Debug)]
pub struct AthenaOptions {
    /// The database of names without one.
    pub database: String,
    /// The moment of `now()`, `current_date` and a projection's `NOW`.
    pub now: UnixTime,
    /// What it may take.
    pub limits: Limits,
    /// What it works on, and where that ends: see [`Work`]. Statements with clones of one share it.
    pub work: Work,
}

impl AthenaOptions {
    /// At that moment, in the database `default`.
    #[must_use]
    pub fn at(now: UnixTime) -> Self {
        Self {
            database: "default".to_owned(),
            now,
            limits: Limits::default(),
            work: Work::default(),
        }
    }
}

/// Runs one statement: a query over the tables of the catalog, or DDL that changes it. Dropping
/// the future cancels it.
///
/// # Errors
/// [`AthenaError`]: no statement, a name or type that does not fit, a value that fails, a limit.
pub async fn athena(
    sql: &str,
    catalog: &mut AthenaCatalog,
    buckets: &Buckets,
    options: &AthenaOptions,
) -> Result<AthenaResult, AthenaError> {
    let mut ran = run::run(sql, catalog, buckets, options).await;
    if let Err(fault) = &ran {
        let is_damage = fault.code == error::DAMAGED;
        match logs::look_again(catalog, buckets, is_damage).await {
            Ok(true) => ran = run::run(sql, catalog, buckets, options).await,
            Ok(false) => {}
            Err(fault) => ran = Err(fault),
        }
    }
    ran.map_err(|fault| fault.into_error(sql))
}

/// Reads a statement without running it.
///
/// # Errors
/// [`AthenaError::Malformed`] if it is none; a statement may be one that Athena has not.
pub fn check(sql: &str) -> Result<(), AthenaError> {
    let read = statement::parse(sql).map(drop);
    read.map_err(|fault| fault.into_error(sql))
}
