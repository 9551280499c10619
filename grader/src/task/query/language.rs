//! The languages that a query task can be in, and what queries are asked over.
//!
//! A Logs Insights query is asked over a log group. Athena's SQL is asked over the same records as
//! the table `flow_logs`; or, where the task wants a script, over the files in the lab's buckets,
//! as tables that the script makes itself:
//!
//! ```sql
//! CREATE EXTERNAL TABLE vpc_flow_logs (version int, ...) ... LOCATION 's3://corp-logs/AWSLogs/';
//! SELECT srcaddr, sum(packets) FROM vpc_flow_logs WHERE action = 'REJECT' GROUP BY srcaddr
//! ```
//!
//! Each answer begins with an empty catalog, so that no run of one sees another's tables.

use std::fmt;

use wirelab_model::{FlowLog, FlowLogId};
use wirelab_query::athena::{
    AthenaCatalog, AthenaError, AthenaOptions, AthenaResult, Buckets, FLOW_LOGS, Limits,
    StatementType, statements,
};
use wirelab_query::{LogGroup, QueryError, QueryOptions, QueryResult, Work, blocking};
use wirelab_scenario::{AthenaTask, Compare, Equivalent, LabTask, NearMiss, QueryTask, TaskKind};
use wirelab_session::Run;

use super::headers;
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::flow_logs;
use crate::material::Material;

/// A query task in its language.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Language<'a> {
    /// `logs-insights`.
    Insights(&'a QueryTask),
    /// `athena`.
    Athena(&'a AthenaTask),
}

impl<'a> From<&'a QueryTask> for Language<'a> {
    fn from(task: &'a QueryTask) -> Self {
        Self::Insights(task)
    }
}

impl<'a> From<&'a AthenaTask> for Language<'a> {
    fn from(task: &'a AthenaTask) -> Self {
        Self::Athena(task)
    }
}

impl<'a> Language<'a> {
    /// The query that a task of this kind asks for, if it asks for one.
    pub(crate) const fn of(kind: &'a TaskKind) -> Option<Self> {
        match kind {
            TaskKind::LogsInsights(task) => Some(Self::Insights(task)),
            TaskKind::Athena(task) => Some(Self::Athena(task)),
            _ => None,
        }
    }

    pub(crate) const fn compare(self) -> Compare {
        match self {
            Self::Insights(task) => task.compare,
            Self::Athena(task) => task.compare,
        }
    }

    pub(super) fn columns(self) -> &'a [String] {
        match self {
            Self::Insights(task) => &task.columns,
            Self::Athena(task) => &task.columns,
        }
    }

    pub(crate) fn near_misses(self) -> &'a [NearMiss] {
        match self {
            Self::Insights(task) => &task.near_misses,
            Self::Athena(task) => &task.near_misses,
        }
    }

    pub(crate) fn equivalents(self) -> &'a [Equivalent] {
        match self {
            Self::Insights(task) => &task.equivalents,
            Self::Athena(task) => &task.equivalents,
        }
    }

    /// Whether answers read the lab's files themselves.
    pub(crate) const fn reads_files(self) -> bool {
        matches!(self, Self::Athena(task) if task.script)
    }

    const fn flow_log(self) -> &'a String {
        match self {
            Self::Insights(task) => &task.log_group,
            Self::Athena(task) => &task.flow_log,
        }
    }

    /// What queries of the task are asked over, on one run.
    pub(super) fn data(
        self,
        material: &Material<'_>,
        task: &LabTask,
        run: &Run,
    ) -> Result<Data, GradeError> {
        if self.reads_files() {
            let buckets = flow_logs::buckets(run);
            return Ok(Data::Athena {
                catalog: AthenaCatalog::default(),
                buckets: buckets.map_err(|error| material.mistake(task, error.to_string()))?,
                options: athena_options(run),
                script: true,
            });
        }
        Ok(self.over(run, self.log_group(material, task, run)?))
    }

    /// The same over another log, for tasks that do not read files.
    pub(super) fn over(self, run: &Run, group: LogGroup) -> Data {
        if matches!(self, Self::Insights(_)) {
            let options = self.options(run);
            return Data::Insights { group, options };
        }
        let (mut catalog, mut buckets) = (AthenaCatalog::default(), Buckets::new());
        catalog.add_logs(DATABASE, FLOW_LOGS, group, &mut buckets);
        Data::Athena {
            catalog,
            buckets,
            options: athena_options(run),
            script: false,
        }
    }

    /// The flow log that the task is about, as it is in the run.
    pub(super) fn log(
        self,
        material: &Material<'_>,
        task: &LabTask,
        run: &Run,
    ) -> Result<FlowLog, GradeError> {
        let name = self.flow_log();
        let missing = || material.mistake(task, format!("there is no `{name}`"));
        let id = FlowLogId::new(run.plan().names.id(name).ok_or_else(missing)?.clone());
        let logs = &run.control().resources().flow_logs;
        Ok(FlowLog::clone(logs.get(&id).ok_or_else(missing)?))
    }

    /// What the flow log had delivered when the lab opened.
    pub(super) fn log_group(
        self,
        material: &Material<'_>,
        task: &LabTask,
        run: &Run,
    ) -> Result<LogGroup, GradeError> {
        let log = self.log(material, task, run)?;
        let group = flow_logs::log_group(run, &log, material.lab.opens_at);
        group.map_err(|error| material.mistake(task, error.to_string()))
    }

    pub(super) fn options(self, run: &Run) -> QueryOptions {
        let starts = run.plan().starts;
        let window = match self {
            Self::Insights(task) => task.window,
            Self::Athena(_) => None,
        };
        let (start, end) = match window {
            Some((from, to)) => (starts.at(from), starts.at(to)),
            None => (starts, run.utc()),
        };
        QueryOptions {
            start,
            end,
            now: run.utc(),
            limit: None,
        }
    }
}

/// The database of names without one.
const DATABASE: &str = "default";

/// What an answer may work on ([`Work`]), far more than the solutions of labs do; a development
/// build is there in seconds. It is counted, so that a grade is the same on a slow machine.
pub(crate) const WORK_ROWS: u64 = 5_000_000;
/// Rows of an answer: more than anybody reads.
const ANSWER_ROWS: u64 = 100_000;

fn athena_options(run: &Run) -> AthenaOptions {
    AthenaOptions {
        limits: Limits {
            rows: ANSWER_ROWS,
            ..Limits::default()
        },
        ..AthenaOptions::at(run.utc())
    }
}

/// What is asked.
pub(super) enum Data {
    Insights {
        group: LogGroup,
        options: QueryOptions,
    },
    Athena {
        catalog: AthenaCatalog,
        buckets: Buckets,
        options: AthenaOptions,
        script: bool,
    },
}

/// Why a query has no answer.
pub(super) enum Refused {
    /// It does not parse, fails, or takes more than a query may.
    Query(Box<Finding>),
    /// It did not end in the time that this machine gave it: elsewhere it might.
    Unfinished(String),
    /// A bug of the engine.
    OurFault(String),
}

impl Refused {
    fn query(why: impl Into<String>, report: &str) -> Self {
        let mut finding = Finding::new(FindingKind::QueryDoesNotRun, why);
        finding.evidence = report.lines().skip(1).map(str::to_owned).collect();
        Self::Query(Box::new(finding))
    }

    fn too_much(why: impl Into<String>) -> Self {
        let finding = Finding::new(FindingKind::QueryTakesTooMuch, why);
        let finding = finding.evidence(
            "counted is each row that is read, joined, taken out of a list or given to a function, \
             and each 64 octets of what functions make",
        );
        let finding = finding.evidence(
            "hint: a join multiplies its sides unless a condition compares columns of both by `=`; \
             a filter before it, or a `LIMIT` while you try, leaves less",
        );
        Self::Query(Box::new(finding))
    }
}

/// For authors, whose solution it is.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OurFault(why) | Self::Unfinished(why) => f.write_str(why),
            Self::Query(finding) => {
                f.write_str(&finding.summary)?;
                let mut lines = finding.evidence.iter();
                lines.try_for_each(|line| write!(f, "\n{line}"))
            }
        }
    }
}

impl From<QueryError> for Refused {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Internal(why) => Self::OurFault(why),
            QueryError::TooLarge(why) => Self::too_much(why),
            error => Self::query(error.to_string(), &error.report()),
        }
    }
}

impl From<AthenaError> for Refused {
    fn from(error: AthenaError) -> Self {
        match error {
            AthenaError::Internal(why) => Self::OurFault(why),
            AthenaError::Timeout(why) => Self::Unfinished(why),
            AthenaError::Limit(why) => Self::too_much(why),
            error => Self::query(error.to_string(), &error.report()),
        }
    }
}

impl Data {
    /// The answer within what one may work on.
    pub(super) fn ask(&self, text: &str) -> Result<QueryResult, Refused> {
        self.ask_counted(text, &Work::of(WORK_ROWS))
    }

    /// The answer; what it works on is counted in `work`.
    pub(super) fn ask_counted(&self, text: &str, work: &Work) -> Result<QueryResult, Refused> {
        self.ask_with_notes(text, work).map(|(result, _)| result)
    }

    /// The answer, and what the engine has to say of it, such as that a table has no partition.
    pub(super) fn ask_with_notes(
        &self,
        text: &str,
        work: &Work,
    ) -> Result<(QueryResult, Vec<String>), Refused> {
        match self {
            Self::Insights { group, options } => {
                let result = blocking::insights_within(text, group, options, work)?;
                Ok((result, Vec::new()))
            }
            Self::Athena {
                catalog,
                buckets,
                options,
                script,
            } => {
                let statements = statements(text)?;
                if !*script && statements.len() > 1 {
                    let why = format!(
                        "one SELECT over `{FLOW_LOGS}` is asked for; there are {} statements",
                        statements.len()
                    );
                    return Err(Refused::query(why, ""));
                }
                let mut catalog = catalog.clone();
                let options = AthenaOptions {
                    work: work.clone(),
                    ..options.clone()
                };
                let options = &options;
                let answer = run(&statements, &mut catalog, buckets, options)?;
                let mut notes = answer.notes.clone();
                if *script {
                    notes.extend(headers::remarks(&catalog, buckets, options));
                }
                Ok((answer.to_query_result(), notes))
            }
        }
    }
}

/// Runs the statements in turn; the last one answers, and is a query.
fn run(
    statements: &[String],
    catalog: &mut AthenaCatalog,
    buckets: &Buckets,
    options: &AthenaOptions,
) -> Result<AthenaResult, Refused> {
    let mut last: Option<AthenaResult> = None;
    for statement in statements {
        let mut answer = blocking::athena(statement, catalog, buckets, options)?;
        let said = last.map_or_else(Vec::new, |before| before.notes);
        answer.notes.splice(0..0, said);
        last = Some(answer);
    }
    match last {
        Some(answer) if answer.statement == StatementType::Dml => Ok(answer),
        Some(_) => {
            let why = "the last statement is no query: end with the SELECT that answers";
            Err(Refused::query(why, ""))
        }
        None => Err(Refused::query("there is no statement in it", "")),
    }
}
