//! Executions: started, shown, stopped.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, UnixTime};
use wirelab_query::athena::{
    AthenaCatalog, AthenaError, AthenaOptions, AthenaResult, Buckets, FLOW_LOGS, Limits,
    StatementType, check,
};
use wirelab_query::blocking;
use wirelab_session::Session;

use super::spoken::{Spoken, is_query, nothing, statement_type};
use super::times::{Times, iso8601};
use super::{ENGINE, catalog, invalid, only, page, parameters, results, text};
use crate::service::question::{self, Owner};
use crate::service::task::{Done, Task};
use crate::service::{Refusal, Request, cloudtrail, s3, turn};

/// Executions that may run or be queued: active DML queries of an account (Amazon Athena User
/// Guide, "Service Quotas").
const ACTIVE_AT_MOST: usize = 20;
/// Octets of results that are remembered; the oldest executions are forgotten for newer ones.
const KEPT_AT_MOST: u64 = 512 << 20;
/// What a cell takes beside its text.
const CELL: u64 = 48;
/// Executions on a page.
const PAGE: u64 = 50;
/// What of a call that starts one is heeded.
const TAKEN: [&str; 6] = [
    "QueryString",
    "ClientRequestToken",
    "QueryExecutionContext",
    "ResultConfiguration",
    "ExecutionParameters",
    "WorkGroup",
];
/// Longest statement in octets (Amazon Athena User Guide, "Service Quotas").
const LONGEST: usize = 262_144;

type Outcome = Result<AthenaResult, AthenaError>;

/// A statement that was started.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(super) id: String,
    pub(super) owner: Owner,
    /// `ClientRequestToken`: the same one again is the same execution.
    token: Option<String>,
    sql: String,
    /// What stands for the question marks of the statement.
    parameters: Vec<String>,
    database: String,
    work_group: SmolStr,
    /// Where the result lies: `s3://bucket/prefix/ID.csv`.
    output: String,
    submitted: UnixTime,
    /// More octets must not be read.
    cutoff: Option<u64>,
    is_cancelled: bool,
    buckets: Buckets,
    /// Octets of the result, once it is there.
    weight: Arc<AtomicU64>,
    task: Task<Outcome>,
}

impl Execution {
    pub(super) fn state(&self) -> &'static str {
        let done = self.done();
        match done.as_ref().map(|it| &*it.value) {
            _ if self.is_cancelled => "CANCELLED",
            None if self.task.is_queued() => "QUEUED",
            None => "RUNNING",
            Some(Ok(result)) if self.exceeds(result) => "CANCELLED",
            Some(Ok(_)) => "SUCCEEDED",
            Some(Err(_)) => "FAILED",
        }
    }

    pub(super) fn is_active(&self) -> bool {
        matches!(self.state(), "QUEUED" | "RUNNING")
    }

    fn exceeds(&self, result: &AthenaResult) -> bool {
        self.cutoff.is_some_and(|most| result.bytes_scanned > most)
    }

    pub(super) fn done(&self) -> Option<Done<Outcome>> {
        self.task.done()
    }

    fn reason(&self) -> Option<String> {
        let done = self.done();
        match done.as_ref().map(|it| &*it.value) {
            _ if self.is_cancelled => Some("Query cancelled by user".to_owned()),
            Some(Ok(result)) if self.exceeds(result) => {
                Some("Bytes scanned limit was exceeded".to_owned())
            }
            Some(Err(error)) => Some(words(error)),
            // An answer may be empty for a reason that a person should know.
            Some(Ok(result)) if !result.notes.is_empty() => Some(result.notes.join("; ")),
            _ => None,
        }
    }
}

/// The engine's text, and what to write instead where it knows.
fn words(error: &AthenaError) -> String {
    match error.hint() {
        Some(hint) => format!("{error} (hint: {hint})"),
        None => error.to_string(),
    }
}

/// `StartQueryExecution`: what is no statement is refused at once.
pub(super) fn start(session: &mut Session, request: &Request<'_>) -> Result<Value, Refusal> {
    only(request.action, &request.parameters, &TAKEN)?;
    let owner = Owner::of(request.caller);
    let sql = text(request, "QueryString").unwrap_or_default();
    let token = text(request, "ClientRequestToken").map(str::to_owned);
    if let Some(before) = same(request, &owner, token.as_deref(), sql)? {
        return Ok(json!({ "QueryExecutionId": before }));
    }
    if sql.len() > LONGEST {
        return Err(invalid(format!("A statement has at most {LONGEST} octets.")).into());
    }
    let id = question::new_id(request.id);
    session.restore_evidence()?;
    cloudtrail::deliver(session)?;
    let (answers, runs, parameters) = resolved(session, request, sql)?;
    let place = Place::of(session, request, (&id, &runs))?;
    let filled = parameters::filled(&runs, &parameters);
    if answers {
        checked(filled.as_deref().unwrap_or(&runs))?;
    }
    let mut prepared = Prepared::of(session, &place.database)?;
    prepared.changes = Arc::clone(&request.desk.catalog);
    let buckets = prepared.buckets.clone();
    let submitted = session.run().utc();
    let output = place.file.clone();
    let arrival = s3::Arrival::now(session);
    let weight = Arc::new(AtomicU64::new(0));
    let weighed = Arc::clone(&weight);
    let task = Task::start(
        move || {
            let result = match answers {
                true => prepared.run(&filled?)?,
                false => nothing(),
            };
            let octets = keep(&output, &result)?;
            weighed.store(octets, Ordering::Relaxed);
            arrival.note(&output);
            Ok(result)
        },
        || Err(AthenaError::Internal("it has failed".to_owned())),
    );
    let done = task.done();
    if let Some(Err(error @ AthenaError::Malformed { .. })) = done.as_ref().map(|it| &*it.value) {
        return Err(malformed(words(error)));
    }
    request.desk.executions.put(Execution {
        id: id.clone(),
        owner,
        token,
        sql: sql.to_owned(),
        parameters,
        database: place.database,
        work_group: place.work_group,
        output: place.location,
        submitted,
        cutoff: place.cutoff,
        is_cancelled: false,
        buckets,
        weight,
        task,
    });
    forget_what_is_too_much(&mut request.desk.executions.lock());
    Ok(json!({ "QueryExecutionId": id }))
}

/// Whether a statement answers anything, what of it runs, and its parameters.
fn resolved(
    session: &mut Session,
    request: &Request<'_>,
    sql: &str,
) -> Result<(bool, String, Vec<String>), Refusal> {
    let own = || (sql.to_owned(), parameters::of(request));
    let Some(spoken) = Spoken::read(sql) else {
        let (runs, parameters) = own();
        return Ok((true, runs, parameters));
    };
    if let Spoken::Prepare { query, .. } = &spoken {
        checked(&parameters::emptied(query))?;
    }
    let resolved = spoken.resolve(session, request)?;
    let answers = resolved.is_some();
    let (runs, parameters) = resolved.unwrap_or_else(own);
    Ok((answers, runs, parameters))
}

/// Results are kept in memory, so there is a limit for all of them.
fn forget_what_is_too_much(executions: &mut VecDeque<Execution>) {
    let weigh = |it: &Execution| it.weight.load(Ordering::Relaxed);
    let mut all: u64 = executions.iter().map(weigh).sum();
    while all > KEPT_AT_MOST
        && let Some(oldest) = executions.iter().position(|it| weigh(it) > 0)
    {
        all -= executions.remove(oldest).as_ref().map_or(0, weigh);
    }
}

/// The execution that the same token has started.
fn same(
    request: &Request<'_>,
    owner: &Owner,
    token: Option<&str>,
    sql: &str,
) -> Result<Option<String>, ApiError> {
    let executions = request.desk.executions.lock();
    let active = executions.iter().filter(|it| it.is_active());
    let is_same = |it: &&Execution| it.owner == *owner && it.token.as_deref() == token;
    match executions.iter().find(is_same).filter(|_| token.is_some()) {
        Some(before) if before.sql == sql => Ok(Some(before.id.clone())),
        Some(_) => Err(invalid("Idempotent parameters do not match")),
        None if active.count() >= ACTIVE_AT_MOST => {
            let message = "Too many queries are running; wait for one, or stop it.";
            Err(ApiError::client("TooManyRequestsException", message))
        }
        None => Ok(None),
    }
}

/// Where a statement runs, and where its result goes.
struct Place {
    database: String,
    work_group: SmolStr,
    cutoff: Option<u64>,
    /// `s3://bucket/prefix/ID.csv`.
    location: String,
    /// The file that this is.
    file: PathBuf,
}

impl Place {
    fn of(
        session: &Session,
        request: &Request<'_>,
        (id, sql): (&str, &str),
    ) -> Result<Self, ApiError> {
        let none = Map::new();
        let part = |name: &str| match request.parameters.get(name) {
            Some(Value::Object(members)) => members,
            _ => &none,
        };
        let context = part("QueryExecutionContext");
        let results = part("ResultConfiguration");
        only(request.action, context, &["Database", "Catalog"])?;
        only(request.action, results, &["OutputLocation"])?;
        let of = |members: &Map<String, Value>, name: &str| {
            let value = members.get(name).and_then(Value::as_str);
            value.map(str::to_owned)
        };
        let other = of(context, "Catalog").filter(|it| !it.eq_ignore_ascii_case("AwsDataCatalog"));
        if let Some(other) = other {
            return Err(invalid(format!("Data catalog {other} was not found")));
        }
        let caller = request.caller;
        let name = text(request, "WorkGroup").unwrap_or("primary");
        let control = session.run().control();
        let group = control.work_group(&caller.account, &caller.region, name)?;
        if !group.is_enabled {
            return Err(invalid(format!("WorkGroup {name} is disabled.")));
        }
        let own = of(results, "OutputLocation").filter(|_| !group.is_enforced);
        let folder = own.or_else(|| group.output_location.as_ref().map(ToString::to_string));
        let folder = folder.ok_or_else(|| {
            invalid(
                "No output location provided. An output location is required either through the \
                 Workgroup result configuration setting or as an API input.",
            )
        })?;
        let (location, file) = output(session.dir(), &folder, id, sql)?;
        let bucket = location.split('/').nth(2).unwrap_or_default();
        let owner = group.expected_bucket_owner.as_deref();
        let is_meant = owner.is_none_or(|it| s3::is_owner(session, it, bucket));
        if !is_meant || !s3::may_write(session, caller, bucket) {
            return Err(invalid(format!(
                "Unable to verify/create output bucket {bucket}"
            )));
        }
        Ok(Self {
            database: of(context, "Database").unwrap_or_else(|| "default".to_owned()),
            work_group: group.name,
            cutoff: group.bytes_scanned_cutoff,
            location,
            file,
        })
    }
}

/// The object that a result becomes, and the file that this is.
fn output(lab: &Path, folder: &str, id: &str, sql: &str) -> Result<(String, PathBuf), ApiError> {
    let path = folder.strip_prefix("s3://").unwrap_or_default();
    let path = path.trim_end_matches('/');
    let bucket = path.split('/').next().unwrap_or_default();
    let is_name = |it: &str| !it.is_empty() && it != "." && it != "..";
    let fits = |it: char| it.is_ascii_alphanumeric() || "-._".contains(it);
    if !bucket.chars().all(fits) || !path.split('/').all(is_name) || path.contains(['\\', '\0']) {
        return Err(invalid(format!(
            "outputLocation is not a valid S3 path: {folder}"
        )));
    }
    let kind = match is_query(sql) {
        true => "csv",
        false => "txt",
    };
    let location = format!("s3://{path}/{id}.{kind}");
    let file = lab
        .join("evidence/s3")
        .join(path)
        .join(format!("{id}.{kind}"));
    Ok((location, file))
}

/// Refuses what is no statement.
fn checked(sql: &str) -> Result<(), Refusal> {
    match check(sql) {
        Err(error @ AthenaError::Malformed { .. }) => Err(malformed(words(&error))),
        _ => Ok(()),
    }
}

/// What is no statement: `MALFORMED_QUERY` is a code of `AthenaErrorCode`.
fn malformed(message: String) -> Refusal {
    let code = json!("MALFORMED_QUERY");
    let members = Map::from_iter([("AthenaErrorCode".to_owned(), code)]);
    Refusal::With(invalid(message), Box::new(members))
}

/// Everything that a statement needs, away from the session.
struct Prepared {
    catalog: AthenaCatalog,
    kept_in: PathBuf,
    buckets: Buckets,
    options: AthenaOptions,
    /// Held by statements that may change the catalog.
    changes: Arc<Mutex<()>>,
}

impl Prepared {
    fn of(session: &mut Session, database: &str) -> Result<Self, Refusal> {
        let (catalog, kept_in) = (catalog::read(session)?, catalog::path(session));
        let dir = session.dir().join("evidence/s3");
        let run = session.run_with_evidence()?;
        let options = AthenaOptions {
            database: database.to_lowercase(),
            limits: Limits {
                memory_bytes: turn::MEMORY,
                ..Limits::default()
            },
            ..AthenaOptions::at(run.utc())
        };
        let mut prepared = Self {
            catalog,
            kept_in,
            buckets: Buckets::new(),
            options,
            changes: Arc::default(),
        };
        let added = prepared.buckets.insert_folders(&dir);
        added.map_err(|error| invalid(error.to_string()))?;
        if let Some(logs) = catalog::only_flow_log(run) {
            let buckets = &mut prepared.buckets;
            prepared
                .catalog
                .add_logs("default", FLOW_LOGS, logs, buckets);
        }
        Ok(prepared)
    }

    fn run(&mut self, sql: &str) -> Outcome {
        if is_query(sql) {
            return self.ask(sql);
        }
        let changes = Arc::clone(&self.changes);
        let _changing = changes.lock().unwrap_or_else(PoisonError::into_inner);
        // Another may have changed it meanwhile; the ready table stays as it is.
        let broken = |why: std::io::Error| AthenaError::Internal(why.to_string());
        let mut catalog = AthenaCatalog::read(&self.kept_in).map_err(broken)?;
        for (name, database) in std::mem::take(&mut self.catalog).databases {
            let tables = &mut catalog.databases.entry(name).or_default().tables;
            let ready = database.tables.into_iter();
            let ready = ready.filter(|(_, it)| it.location.starts_with("logs://"));
            for (name, table) in ready {
                tables.entry(name).or_insert(table);
            }
        }
        self.catalog = catalog;
        let before = self.catalog.clone();
        let result = self.ask(sql)?;
        if self.catalog != before {
            self.catalog.keep(&self.kept_in).map_err(broken)?;
        }
        Ok(result)
    }

    fn ask(&mut self, sql: &str) -> Outcome {
        blocking::athena(sql, &mut self.catalog, &self.buckets, &self.options)
    }
}

/// Puts a result where it belongs, and says what it weighs in memory.
fn keep(file: &Path, result: &AthenaResult) -> Result<u64, AthenaError> {
    let folder = file.parent().unwrap_or(file);
    let text = result.to_file();
    let cells = (result.rows.len() as u64).saturating_mul(result.columns.len() as u64);
    let weight = (text.len() as u64).saturating_add(cells.saturating_mul(CELL));
    let made = std::fs::create_dir_all(folder);
    let mut metadata = file.as_os_str().to_owned();
    metadata.push(".metadata");
    let written = made.and_then(|()| std::fs::write(file, text));
    let written = written.and_then(|()| std::fs::write(metadata, results::metadata(result)));
    written.map_err(|why| AthenaError::Internal(format!("{}: {why}", file.display())))?;
    Ok(weight)
}

fn unknown(id: &str) -> ApiError {
    invalid(format!("QueryExecution {id} was not found"))
}

/// What `look` sees of the caller's execution of that id.
pub(super) fn with<T>(
    request: &Request<'_>,
    id: &str,
    look: impl FnOnce(&mut Execution) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let owner = Owner::of(request.caller);
    let mut executions = request.desk.executions.lock();
    let mut all = executions.iter_mut();
    let found = all.find(|it| it.id == id && it.owner == owner);
    look(found.ok_or_else(|| unknown(id))?)
}

pub(super) fn id_of<'r>(request: &'r Request<'_>) -> &'r str {
    text(request, "QueryExecutionId").unwrap_or_default()
}

pub(super) fn get(request: &Request<'_>) -> Result<Value, ApiError> {
    with(request, id_of(request), |it| {
        Ok(json!({ "QueryExecution": show(it) }))
    })
}

pub(super) fn batch_get(request: &Request<'_>) -> Result<Value, ApiError> {
    let ids = request.parameters.get("QueryExecutionIds");
    let ids = ids.and_then(Value::as_array).into_iter().flatten();
    let (mut found, mut lacking) = (Vec::new(), Vec::new());
    for id in ids.filter_map(Value::as_str) {
        match with(request, id, |it| Ok(show(it))) {
            Ok(shown) => found.push(shown),
            Err(error) => lacking.push(json!({
                "QueryExecutionId": id,
                "ErrorCode": "INVALID_INPUT",
                "ErrorMessage": error.message,
            })),
        }
    }
    Ok(json!({ "QueryExecutions": found, "UnprocessedQueryExecutionIds": lacking }))
}

fn show(it: &Execution) -> Value {
    let done = it.done();
    let result = done.as_ref().and_then(|it| it.value.as_ref().as_ref().ok());
    let times = done.as_ref().map_or_else(Times::default, Times::of);
    let ended = (!it.is_active()).then(|| iso8601(it.submitted, times.total));
    let kind = match result.map(|it| it.statement) {
        Some(StatementType::Ddl) => "DDL",
        Some(StatementType::Dml) => "DML",
        Some(StatementType::Utility) => "UTILITY",
        None => statement_type(&it.sql),
    };
    json!({
        "QueryExecutionId": it.id,
        "Query": it.sql,
        "ExecutionParameters": (!it.parameters.is_empty()).then_some(&it.parameters),
        "StatementType": kind,
        "SubstatementType": result.map(|it| it.substatement),
        "ResultConfiguration": { "OutputLocation": it.output },
        "QueryExecutionContext": { "Database": it.database, "Catalog": "awsdatacatalog" },
        "WorkGroup": it.work_group,
        "EngineVersion": { "SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": ENGINE },
        "Status": {
            "State": it.state(),
            "StateChangeReason": it.reason(),
            "SubmissionDateTime": iso8601(it.submitted, 0),
            "CompletionDateTime": ended,
            "AthenaError": fault(it),
        },
        "Statistics": {
            "EngineExecutionTimeInMillis": times.engine,
            "DataScannedInBytes": result.map_or(0, |it| it.bytes_scanned),
            "TotalExecutionTimeInMillis": times.total,
            "QueryQueueTimeInMillis": times.queued,
            "ServicePreProcessingTimeInMillis": 0,
            "QueryPlanningTimeInMillis": 0,
            "ServiceProcessingTimeInMillis": 0,
            "ResultReuseInformation": { "ReusedPreviousResult": false },
        },
    })
}

/// `AthenaError` of a statement that has failed: by its category, the user's fault or ours.
fn fault(it: &Execution) -> Option<Value> {
    let done = it.done()?;
    let error = done.value.as_ref().as_ref().err()?;
    let category = match error {
        AthenaError::Internal(_) => 1,
        _ => 2,
    };
    (it.state() == "FAILED").then(|| {
        json!({
            "ErrorCategory": category,
            "ErrorType": category * 1000,
            "Retryable": false,
            "ErrorMessage": error.to_string(),
        })
    })
}

/// `ListQueryExecutions`: a workgroup's, newest first.
pub(super) fn list(session: &Session, request: &Request<'_>) -> Result<Value, Refusal> {
    let (caller, owner) = (request.caller, Owner::of(request.caller));
    let name = text(request, "WorkGroup").unwrap_or("primary");
    let control = session.run().control();
    control.work_group(&caller.account, &caller.region, name)?;
    let executions = request.desk.executions.lock();
    let wanted = executions.iter().rev();
    let wanted = wanted.filter(|it| it.owner == owner && it.work_group == name);
    let ids = wanted.map(|it| (SmolStr::new(&it.id), json!(it.id)));
    Ok(page(request, "QueryExecutionIds", ids.collect(), PAGE)?)
}

/// `StopQueryExecution`: one that has ended stays as it is.
pub(super) fn stop(request: &Request<'_>) -> Result<Value, ApiError> {
    with(request, id_of(request), |it| {
        if it.is_active() {
            it.is_cancelled = true;
            it.task.call_off();
            it.buckets.stop();
        }
        Ok(json!({}))
    })
}

pub(super) fn runtime_statistics(request: &Request<'_>) -> Result<Value, ApiError> {
    with(request, id_of(request), |it| {
        let done = it.done();
        let result = done.as_ref().and_then(|it| it.value.as_ref().as_ref().ok());
        let result = result.ok_or_else(|| {
            invalid("Query has not yet finished, or did not finish successfully.")
        })?;
        let times = done.as_ref().map_or_else(Times::default, Times::of);
        Ok(json!({ "QueryRuntimeStatistics": {
            "Timeline": {
                "QueryQueueTimeInMillis": times.queued,
                "QueryPlanningTimeInMillis": 0,
                "EngineExecutionTimeInMillis": times.engine,
                "ServiceProcessingTimeInMillis": 0,
                "TotalExecutionTimeInMillis": times.total,
            },
            "Rows": {
                "InputBytes": result.bytes_scanned,
                "OutputRows": result.rows.len(),
                "OutputBytes": result.to_file().len(),
            },
        } }))
    })
}
