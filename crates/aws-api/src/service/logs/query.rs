//! Logs Insights: queries that are started, watched, read and stopped.

use serde_json::{Map, Value, json};
use wirelab_model::{ApiError, UnixTime};
use wirelab_query::{
    LogEvents, LogGroup, LogGroups, QueryError, QueryOptions, QueryResult, blocking,
};
use wirelab_session::{Run, Session};

use super::parameters::{Parameters, invalid, not_found};
use super::{events, read};
use crate::service::question::{self, Owner};
use crate::service::task::{Done, Task};
use crate::service::{Refusal, Request};

/// Groups that a query may name.
const GROUPS_AT_MOST: usize = 50;
/// Queries that may run or be queued: an account's quota (Amazon CloudWatch Logs User Guide,
/// "CloudWatch Logs quotas").
const ACTIVE_AT_MOST: usize = 30;
/// Queries on a page of `DescribeQueries`.
const PAGE: u64 = 1000;
/// Rows on a page of `GetQueryResults`.
const ROWS: u64 = 10_000;

/// A query that was started.
#[derive(Debug)]
pub(crate) struct Query {
    id: String,
    owner: Owner,
    text: String,
    groups: Vec<String>,
    created: UnixTime,
    principal: String,
    is_cancelled: bool,
    task: Task<Result<Answer, QueryError>>,
}

/// What came of a query.
#[derive(Debug)]
struct Answer {
    result: QueryResult,
    /// A pointer for each row, if rows are events.
    pointers: Vec<String>,
}

impl Query {
    fn status(&self) -> &'static str {
        match self.done().map(|it| it.value) {
            _ if self.is_cancelled => "Cancelled",
            None if self.task.is_queued() => "Scheduled",
            None => "Running",
            Some(value) if value.is_ok() => "Complete",
            Some(_) => "Failed",
        }
    }

    fn is_active(&self) -> bool {
        matches!(self.status(), "Scheduled" | "Running")
    }

    fn done(&self) -> Option<Done<Result<Answer, QueryError>>> {
        self.task.done()
    }
}

/// What `StartQuery` asks.
struct Asked {
    text: String,
    /// Chosen groups by name; none if the query says `SOURCE`.
    names: Vec<String>,
    start: UnixTime,
    end: UnixTime,
    limit: Option<u64>,
}

impl Asked {
    fn read(request: &Request<'_>) -> Result<Self, ApiError> {
        let mut parameters = Parameters::of(request);
        let text = parameters.text("queryString").unwrap_or_default();
        let single = parameters.text("logGroupName");
        let (by_name, by_arn) = (
            parameters.texts("logGroupNames"),
            parameters.texts("logGroupIdentifiers"),
        );
        let start = parameters.count("startTime")?.unwrap_or(0);
        let end = parameters.count("endTime")?.unwrap_or(0);
        let limit = parameters.count("limit")?;
        let language = parameters.text("queryLanguage");
        parameters.end()?;
        if let Some(language) = language.filter(|it| it != "CWLI") {
            return Err(invalid(format!(
                "wirelab does not simulate the query language {language}: CWLI"
            )));
        }
        let kinds = usize::from(single.is_some())
            + usize::from(!by_name.is_empty())
            + usize::from(!by_arn.is_empty());
        let says_source = text.trim_start().to_ascii_lowercase().starts_with("source");
        if kinds > 1 {
            return Err(invalid(
                "Only one of logGroupName, logGroupNames and logGroupIdentifiers can be given.",
            ));
        }
        if (kinds == 0) != says_source {
            return Err(invalid(match says_source {
                true => "A query that begins with SOURCE takes no log groups as parameters.",
                false => "One of logGroupName, logGroupNames or logGroupIdentifiers is required.",
            }));
        }
        if let Some(arn) = by_arn.iter().find(|it| it.contains('*')) {
            return Err(invalid(format!(
                "1 validation error detected: Value '[{arn}]' at 'logGroupIdentifiers' failed to \
                 satisfy constraint: Member must satisfy constraint: [Member must satisfy regular \
                 expression pattern: [\\w#+=/:,.@-]*]; hint: the ARN without `:*` at its end"
            )));
        }
        let names: Vec<String> = single.into_iter().chain(by_name).chain(by_arn).collect();
        if names.len() > GROUPS_AT_MOST {
            return Err(invalid(format!(
                "A query takes at most {GROUPS_AT_MOST} log groups."
            )));
        }
        if end < start {
            return Err(invalid(
                "The start time of a query must not be after its end time.",
            ));
        }
        Ok(Self {
            text,
            names,
            start: UnixTime::from_secs(start),
            end: UnixTime::from_secs(end),
            limit,
        })
    }
}

/// `StartQuery`: what is no query is refused at once.
pub(super) fn start(session: &mut Session, request: &Request<'_>) -> Result<Value, Refusal> {
    let asked = Asked::read(request)?;
    let running = request.desk.queries.lock();
    if running.iter().filter(|it| it.is_active()).count() >= ACTIVE_AT_MOST {
        let message = "Too many queries are running; wait for one, or stop it.";
        return Err(ApiError::client("LimitExceededException", message).into());
    }
    drop(running);
    let run = session.run_with_evidence()?;
    let (chosen, others) = groups(run, request, &asked)?;
    let options = QueryOptions {
        start: asked.start,
        end: asked.end,
        now: run.utc(),
        limit: asked.limit,
    };
    let created = run.utc();
    let names = chosen.iter().map(|it| it.name.to_string()).collect();
    let text = asked.text.clone();
    let (empty, empty_others) = (emptied(&chosen), emptied(&others));
    let task = Task::start(
        move || answer(&text, &chosen, &others, &options),
        || Err(QueryError::Internal("it has failed".to_owned())),
    );
    if task.is_queued()
        && let Err(error) = answer(&asked.text, &empty, &empty_others, &options)
        && let Some(refused) = refusal(&error)
    {
        task.call_off();
        return Err(refused);
    }
    if let Some(Err(error)) = task.done().as_ref().map(|it| &*it.value)
        && let Some(refused) = refusal(error)
    {
        return Err(refused);
    }
    let id = question::new_id(request.id);
    request.desk.queries.put(Query {
        id: id.clone(),
        owner: Owner::of(request.caller),
        text: asked.text,
        groups: names,
        created,
        principal: request.caller.principal.to_string(),
        is_cancelled: false,
        task,
    });
    Ok(json!({ "queryId": id }))
}

/// The same groups without events: over these a query is read and planned, which is all that says
/// at once whether it is one.
fn emptied(groups: &[LogGroup]) -> Vec<LogGroup> {
    let emptied = groups.iter().map(|it| LogGroup {
        name: it.name.clone(),
        account: it.account.clone(),
        format: it.format.clone(),
        events: LogEvents::new(),
    });
    emptied.collect()
}

/// The chosen groups in the order in which they were named, and, for a query that can name
/// others, those.
fn groups(
    run: &Run,
    request: &Request<'_>,
    asked: &Asked,
) -> Result<(Vec<LogGroup>, Vec<LogGroup>), ApiError> {
    let caller = request.caller;
    let mut chosen: Vec<LogGroup> = Vec::new();
    for name in &asked.names {
        let group = events::find(run, caller, name)?;
        if !chosen.iter().any(|it| it.name == group.name) {
            chosen.push(events::of_group(run, caller, group));
        }
    }
    let mut others = Vec::new();
    if asked.text.to_ascii_lowercase().contains("source") {
        let all = run.control().log_groups(&caller.account, &caller.region);
        let rest = all.filter(|group| !chosen.iter().any(|it| it.name == group.name));
        others.extend(rest.map(|group| events::of_group(run, caller, group)));
    }
    Ok((chosen, others))
}

fn answer(
    text: &str,
    chosen: &[LogGroup],
    others: &[LogGroup],
    options: &QueryOptions,
) -> Result<Answer, QueryError> {
    let groups = LogGroups::new(chosen).with_others(others);
    let result = blocking::insights(text, groups, options)?;
    // Which groups SOURCE has chosen is not known here, so such rows have no pointers.
    let rows = result.events.as_deref().filter(|_| !chosen.is_empty());
    let pointers = rows.unwrap_or_default().iter();
    let pointers = pointers.map(|number| pointer(chosen, *number)).collect();
    Ok(Answer { result, pointers })
}

/// The pointer to an event by its number through all groups.
fn pointer(groups: &[LogGroup], mut number: usize) -> String {
    for group in groups {
        match group.events.get(number) {
            Some(event) => return read::pointer(&group.name, &event),
            None => number -= group.events.len(),
        }
    }
    String::new()
}

/// The error of `StartQuery`, if it is one of the query itself.
fn refusal(error: &QueryError) -> Option<Refusal> {
    let code = match error {
        QueryError::Malformed { .. } | QueryError::Unsupported { .. } => "MalformedQueryException",
        QueryError::InvalidParameter(_) => "InvalidParameterException",
        QueryError::TooLarge(_) | QueryError::Unreadable(_) | QueryError::Internal(_) => {
            return None;
        }
    };
    let mut message = error.to_string();
    if let Some(place) = error.place() {
        message += &format!(" (line {}, position {})", place.line, place.column);
    }
    if let Some(hint) = error.hint() {
        message += &format!("; hint: {hint}");
    }
    let Some(place) = error.place() else {
        return Some(ApiError::client(code, message).into());
    };
    let compile = json!({
        "location": { "startCharOffset": place.start, "endCharOffset": place.end },
        "message": message,
    });
    let members = Map::from_iter([("queryCompileError".to_owned(), compile)]);
    Some(Refusal::With(
        ApiError::client(code, message),
        Box::new(members),
    ))
}

fn unknown() -> ApiError {
    not_found("The specified query does not exist.")
}

/// `GetQueryResults`: rows as they are, with the status.
pub(super) fn results(request: &Request<'_>) -> Result<Value, ApiError> {
    let mut parameters = Parameters::of(request);
    let id = parameters.text("queryId").unwrap_or_default();
    let limit = parameters.count("maxItems")?.unwrap_or(ROWS) as usize;
    let token = parameters.text("nextToken");
    parameters.end()?;
    let from = token.map(|it| it.parse::<usize>()).transpose();
    let from = from.map_err(|_| invalid("The specified nextToken is invalid."))?;
    let owner = Owner::of(request.caller);
    let queries = request.desk.queries.lock();
    let query = queries.iter().find(|it| it.id == id && it.owner == owner);
    let query = query.ok_or_else(unknown)?;
    let done = query.done().filter(|_| !query.is_cancelled);
    let answer = done.as_ref().and_then(|it| it.value.as_ref().as_ref().ok());
    let mut reply = json!({
        "queryLanguage": "CWLI",
        "status": query.status(),
        "results": [],
        "statistics": statistics(answer, query.groups.len()),
    });
    if let Some(answer) = answer {
        let from = from.unwrap_or(0);
        let count = answer.result.rows.len();
        let until = from.saturating_add(limit).min(count);
        let rows: Vec<Value> = (from..until).map(|at| row(answer, at)).collect();
        reply["results"] = rows.into();
        if until < count {
            reply["nextToken"] = until.to_string().into();
        }
    }
    Ok(reply)
}

fn statistics(answer: Option<&Answer>, groups: usize) -> Value {
    let cost = answer.map(|it| it.result.statistics).unwrap_or_default();
    json!({
        "recordsMatched": cost.records_matched as f64,
        "recordsScanned": cost.records_scanned as f64,
        "estimatedRecordsSkipped": 0.0,
        "bytesScanned": cost.bytes_scanned as f64,
        "estimatedBytesSkipped": 0.0,
        "logGroupsScanned": groups as f64,
    })
}

/// A row's fields that it has, and the pointer behind them.
fn row(answer: &Answer, at: usize) -> Value {
    let result = &answer.result;
    let pointer = answer.pointers.get(at);
    let named = result.columns.iter().zip(&result.rows[at]);
    let fields = named.filter_map(|(column, value)| {
        let value = match (column.name.as_str(), pointer) {
            ("@ptr", Some(_)) => return None,
            _ => value.as_deref()?,
        };
        Some(json!({ "field": column.name, "value": value }))
    });
    let pointer = pointer.map(|it| json!({ "field": "@ptr", "value": it }));
    fields.chain(pointer).collect()
}

/// `StopQuery`: one that has ended cannot be stopped.
pub(super) fn stop(request: &Request<'_>) -> Result<Value, ApiError> {
    let mut parameters = Parameters::of(request);
    let id = parameters.text("queryId").unwrap_or_default();
    parameters.end()?;
    let owner = Owner::of(request.caller);
    let mut queries = request.desk.queries.lock();
    let query = queries
        .iter_mut()
        .find(|it| it.id == id && it.owner == owner);
    let query = query.ok_or_else(unknown)?;
    match query.status() {
        "Scheduled" | "Running" => {
            query.is_cancelled = true;
            query.task.call_off();
            Ok(json!({ "success": true }))
        }
        ended => Err(invalid(format!(
            "The query {id} has already ended with the status {ended}."
        ))),
    }
}

/// `DescribeQueries`: the caller's, newest first.
pub(super) fn describe(request: &Request<'_>) -> Result<Value, ApiError> {
    let mut parameters = Parameters::of(request);
    let group = parameters.text("logGroupName");
    let status = parameters.text("status");
    let limit = parameters.count("maxResults")?.unwrap_or(PAGE) as usize;
    let token = parameters.text("nextToken");
    let language = parameters.text("queryLanguage");
    parameters.end()?;
    let owner = Owner::of(request.caller);
    let queries = request.desk.queries.lock();
    let of_group = |it: &Query| group.as_ref().is_none_or(|name| it.groups.contains(name));
    let wanted = queries.iter().rev().filter(|it| {
        it.owner == owner
            && of_group(it)
            && status.as_ref().is_none_or(|status| it.status() == status)
            && language.as_ref().is_none_or(|language| language == "CWLI")
    });
    let wanted: Vec<&Query> = wanted.collect();
    let from = match token {
        None => 0,
        Some(token) => {
            let from = wanted.iter().position(|it| it.id == token);
            from.ok_or_else(|| invalid("The specified nextToken is invalid."))?
        }
    };
    let shown: Vec<Value> = wanted
        .iter()
        .skip(from)
        .take(limit)
        .map(|it| show(it))
        .collect();
    let next = wanted
        .get(from.saturating_add(limit))
        .map(|it| it.id.clone());
    Ok(json!({ "queries": shown, "nextToken": next }))
}

fn show(query: &Query) -> Value {
    let done = query.done();
    let bytes = done.as_ref().and_then(|it| it.value.as_ref().as_ref().ok());
    json!({
        "queryLanguage": "CWLI",
        "queryId": query.id,
        "queryString": query.text,
        "status": query.status(),
        "createTime": query.created.as_millis(),
        "logGroupName": query.groups.first(),
        "queryDuration": done.as_ref().map(|it| it.took.as_millis() as u64),
        "bytesScanned": bytes.map(|it| it.result.statistics.bytes_scanned as f64),
        "userIdentity": query.principal,
    })
}
