//! SQL as Athena understands it, over the table `flow_logs` and those that DDL defines.
//!
//! In a lab the buckets are those of its flow logs (`evidence/s3/BUCKET`), and tables that DDL has
//! made are there for the next command, as they are in an account.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wirelab_model::UnixTime;
use wirelab_query::athena::{
    AthenaCatalog, AthenaError, AthenaOptions, AthenaResult, Buckets, FLOW_LOGS, Limits,
    StatementType, statements,
};
use wirelab_query::{LogFiles, blocking, visible};

use super::{Arguments, files, lab, read_text, show, watch};
use crate::failure::{Code, Failure};
use crate::output;

/// The database of names without one.
const DATABASE: &str = "default";

pub(super) fn run(arguments: &Arguments, sql: &str) -> Result<Code, Failure> {
    if arguments.start.is_some() || arguments.end.is_some() {
        return Err(Failure::usage("SQL says in WHERE from when to when").hint(
            "`WHERE start BETWEEN 1709629440 AND 1709630040`, or a column of the partition",
        ));
    }
    let ddl = arguments.ddl.as_deref();
    let ddl = ddl.map(|file| Ok::<_, Failure>((file, read_text(file)?)));
    let ddl = ddl.transpose()?;
    let mut tables = if arguments.logs.is_empty() {
        Tables::of_lab(arguments)?
    } else {
        let ddl = ddl.as_ref().map(|(_, text)| text.as_str());
        Tables::of_files(arguments, sql, ddl.unwrap_or_default())?
    };
    if let Some((file, text)) = &ddl {
        tables.define(file, text)?;
    }
    let before = tables.catalog.clone();
    let buckets = tables.buckets.clone();
    let result = watch::reading(&buckets, None, || {
        tables.run(sql).map_err(|failure| tables.explained(failure))
    })?;
    let Some(result) = result else {
        return Ok(Code::Interrupted);
    };
    if tables.catalog != before || arguments.ddl.is_some() {
        tables.keep()?;
    }
    show_result(&result, arguments)?;
    let notes = tables.logs.iter().flat_map(LogFiles::notes);
    notes.for_each(|note| output::note(&note));
    if !arguments.json.json {
        let notes = tables.before.iter().chain(&result.notes);
        notes.for_each(|note| output::note(&format!("note: {note}")));
    }
    if result.statement == StatementType::Ddl && tables.kept_in.is_none() {
        output::note("outside a lab nothing is kept: `--ddl FILE` defines tables for a query");
    }
    Ok(Code::Passed)
}

/// What a query can name, and where it lies.
struct Tables {
    catalog: AthenaCatalog,
    buckets: Buckets,
    options: AthenaOptions,
    /// Where the catalog stays.
    kept_in: Option<PathBuf>,
    /// The files of `flow_logs`.
    logs: Option<LogFiles>,
    /// What is to be known of the statements before the one that is asked for.
    before: Vec<String>,
    /// What to do if there is no `flow_logs` because there are several logs.
    several: Vec<String>,
}

impl Tables {
    fn of_lab(arguments: &Arguments) -> Result<Self, Failure> {
        let mut session = lab::open()?;
        session.write_evidence()?;
        let kept_in = session.dir().join(".wirelab/athena.json");
        let mut tables = Self {
            catalog: read_catalog(&kept_in)?,
            buckets: Buckets::new(),
            options: options(session.plan().starts.at(session.now()), 1, arguments),
            kept_in: Some(kept_in),
            logs: None,
            before: Vec::new(),
            several: Vec::new(),
        };
        let buckets = session.dir().join("evidence/s3");
        let added = tables.buckets.insert_folders(&buckets);
        added.map_err(Failure::environment)?;
        // Without `-g` in a lab of several logs there is no `flow_logs`; the buckets are there.
        match lab::group(&mut session, arguments.log_group.as_deref()) {
            Ok(group) => {
                let buckets = &mut tables.buckets;
                tables.catalog.add_logs(DATABASE, FLOW_LOGS, group, buckets);
            }
            Err(failure) if arguments.log_group.is_some() => return Err(failure),
            Err(failure) => tables.several = failure.into_hints(),
        }
        Ok(tables)
    }

    fn of_files(arguments: &Arguments, sql: &str, ddl: &str) -> Result<Self, Failure> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut tables = Self {
            catalog: AthenaCatalog::default(),
            buckets: Buckets::new(),
            options: options(files::now(arguments)?, cores, arguments),
            kept_in: None,
            logs: None,
            before: Vec::new(),
            several: Vec::new(),
        };
        tables.add_buckets(arguments, &[sql, ddl])?;
        let asks_ready_table = sql.to_lowercase().contains(FLOW_LOGS);
        if arguments.ddl.is_none() || asks_ready_table {
            match files::open(arguments) {
                Ok(logs) => {
                    tables.logs = Some(logs.clone());
                    let buckets = &mut tables.buckets;
                    let catalog = &mut tables.catalog;
                    catalog.add_logs(DATABASE, FLOW_LOGS, logs, buckets);
                }
                Err(failure) if arguments.ddl.is_none() => return Err(failure),
                Err(_) => {} // the tables of the DDL may be all that is asked
            }
        }
        Ok(tables)
    }

    /// A folder is the bucket that it is said to be, or any that the texts name.
    fn add_buckets(&mut self, arguments: &Arguments, texts: &[&str]) -> Result<(), Failure> {
        let named = texts.iter().copied().flat_map(buckets_in);
        let mut named: BTreeSet<&str> = named.collect();
        let mut others = Vec::new();
        for logs in &arguments.logs {
            match files::place(logs) {
                (Some(bucket), folder) => {
                    let bucket = bucket.trim_end_matches('/');
                    if bucket.contains('/') {
                        return Err(Failure::usage(format!("`{bucket}` is no bucket"))
                            .hint("a folder stands for a whole bucket: `s3://BUCKET=FOLDER`"));
                    }
                    add_folder(&mut self.buckets, bucket, Path::new(folder))?;
                    named.remove(bucket);
                }
                (None, folder) => others.push(Path::new(folder)),
            }
        }
        if let [folder] = others[..]
            && folder.is_dir()
        {
            for bucket in named {
                add_folder(&mut self.buckets, bucket, &bucket_root(folder))?;
            }
        }
        Ok(())
    }

    /// Runs the statements of a file.
    fn define(&mut self, file: &Path, text: &str) -> Result<(), Failure> {
        let within = |error: AthenaError| {
            let report = error.report();
            let report = report.trim_start_matches("error: ");
            Failure::usage(format!("{}: {report}", file.display()))
        };
        for statement in statements(text).map_err(within)? {
            let answer = self.ask(&statement).map_err(within)?;
            // What a query in the file answers is not asked for here.
            if answer.statement != StatementType::Dml {
                self.before.extend(answer.notes);
            }
        }
        Ok(())
    }

    /// Runs the statements of a text in turn; the answer is the last one's.
    fn run(&mut self, text: &str) -> Result<AthenaResult, Failure> {
        let statements = statements(text).map_err(failure)?;
        let Some((last, before)) = statements.split_last() else {
            return self.ask(text).map_err(failure);
        };
        for statement in before {
            let answer = self.ask(statement).map_err(failure)?;
            if answer.statement == StatementType::Dml {
                return Err(Failure::usage("Only one sql statement is allowed").hint(
                    "before a query may stand statements that define tables, no other query",
                ));
            }
            self.before.extend(answer.notes);
        }
        self.ask(last).map_err(failure)
    }

    /// With what to do about a ready table that is not there.
    fn explained(&self, failure: Failure) -> Failure {
        let ready = format!("{DATABASE}.{FLOW_LOGS}' does not exist");
        match failure.to_string().contains(&ready) {
            true => self.several.iter().fold(failure, Failure::hint),
            false => failure,
        }
    }

    fn ask(&mut self, sql: &str) -> Result<AthenaResult, AthenaError> {
        blocking::athena(sql, &mut self.catalog, &self.buckets, &self.options)
    }

    /// Keeps what DDL has defined for the next command in this lab.
    fn keep(&mut self) -> Result<(), Failure> {
        let Some(path) = &self.kept_in else {
            return Ok(());
        };
        Ok(self.catalog.keep(path)?)
    }
}

fn read_catalog(path: &Path) -> Result<AthenaCatalog, Failure> {
    AthenaCatalog::read(path).map_err(|error| match error.kind() {
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
            Failure::usage(format!("{}: {error}", path.display()))
                .hint("delete the file and define the tables again")
        }
        _ => error.into(),
    })
}

fn options(now: UnixTime, threads: usize, arguments: &Arguments) -> AthenaOptions {
    let mut limits = Limits {
        threads,
        time: arguments.time(),
        ..Limits::default()
    };
    if arguments.csv || arguments.json.json {
        limits.rows = u64::MAX; // nobody reads them from a screen: memory is their limit
    }
    AthenaOptions {
        limits,
        ..AthenaOptions::at(now)
    }
}

fn add_folder(
    buckets: &mut Buckets,
    name: impl Into<String>,
    folder: &Path,
) -> Result<(), Failure> {
    let added = buckets.insert_folder(name, folder);
    added.map_err(Failure::environment)
}

/// The names of the buckets in a text.
fn buckets_in(text: &str) -> impl Iterator<Item = &str> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let names = text.split("s3://").skip(1);
    let names = names.map(move |rest| rest.split(|c| !is_of_name(c)).next().unwrap_or_default());
    names.filter(|name| !name.is_empty())
}

/// The folder that stands for the bucket: keys of flow logs have `AWSLogs/` in them, and who has
/// copied just that part of the bucket names the folder with it.
fn bucket_root(folder: &Path) -> PathBuf {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let above = full.ancestors().find(|it| it.ends_with("AWSLogs"));
    above.and_then(Path::parent).unwrap_or(&full).to_owned()
}

/// Athena's text names the place, so it is printed as it is.
fn failure(error: AthenaError) -> Failure {
    match error {
        AthenaError::Internal(_) => Failure::internal(error),
        AthenaError::Timeout(message) if message.starts_with("Query timeout") => {
            Failure::usage(message).hint(watch::MORE_TIME)
        }
        AthenaError::Limit(message) if message.contains("result rows") => {
            Failure::usage(message).hint("`--csv` and `--json` print them all")
        }
        error if error.to_string().contains("HIVE_CURSOR_ERROR") => {
            Failure::usage(error).hint(files::SKIP)
        }
        error => Failure::usage(visible(error.report().trim_start_matches("error: "))),
    }
}

fn show_result(result: &AthenaResult, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.json.json {
        let mut shown = result.to_query_result().to_json();
        // Of rows that a table holds nothing is counted here.
        shown["statistics"] = serde_json::json!({ "bytes_scanned": result.bytes_scanned });
        return output::json(&shown);
    }
    if arguments.csv || result.statement != StatementType::Dml {
        let mut text = result.to_file();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        return output::data(&text);
    }
    show::sql(&result.to_query_result(), arguments)
}
