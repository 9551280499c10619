//! `wirelab query`: Logs Insights over the lab's flow logs.

use std::path::PathBuf;

use crate::args::TEMPLATE;

/// Ask the flow logs in the CloudWatch Logs Insights language
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab query 'fields @timestamp, srcAddr, dstAddr, dstPort, action | filter action = \"REJECT\"'
  wirelab query 'stats sum(bytes) as total by srcAddr, dstAddr | sort total desc | limit 10'
  wirelab query -f answers/find-the-reject.insights
  wirelab query --log-group nat 'stats count(*) by action' --csv

")]
pub(crate) struct Arguments {
    /// The query
    #[arg(value_name = "QUERY", required_unless_present = "file")]
    query: Option<String>,
    /// Read the query from a file
    #[arg(short, long, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// The flow log to ask; needed only where a lab has several
    #[arg(short = 'g', long, value_name = "NAME")]
    log_group: Option<String>,
    /// Begin of the time range in virtual time: `start`, `00:05:00`, `10m` (ago)
    #[arg(long, value_name = "TIME", default_value = "start")]
    start: String,
    /// End of the time range; now by default
    #[arg(long, value_name = "TIME", default_value = "now")]
    end: String,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    json: crate::args::Json,
}

use wirelab_model::{FlowLog, SimTime};
use wirelab_query::{LogGroup, QueryError, QueryOptions, QueryResult, blocking};
use wirelab_session::{Run, Session};

use crate::failure::{Code, Failure};
use crate::{folder, output, when};

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let query = match (&arguments.query, &arguments.file) {
        (Some(query), _) => query.clone(),
        (None, Some(file)) => std::fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?,
        (None, None) => unreachable!("clap asks for one of them"),
    };
    let mut session = folder::open()?;
    let starts = session.plan().starts;
    let now = session.now();
    let from = when::parse(&arguments.start, now, starts)?;
    let to = when::parse(&arguments.end, now, starts)?;
    let options = QueryOptions {
        start: starts.at(from),
        end: starts.at(to),
        now: starts.at(now),
        limit: None,
    };
    let group = log_group(&mut session, arguments.log_group.as_deref())?;
    let result = blocking::insights(&query, &group, &options).map_err(failure)?;
    print(&result, arguments.csv, arguments.json.json)?;
    if result.rows.is_empty() && !arguments.json.json {
        explain_nothing(&group, from, to, &session);
    }
    Ok(Code::Passed)
}

/// A query's error names its place, so it is printed as it is.
pub(crate) fn failure(error: QueryError) -> Failure {
    match error {
        QueryError::Internal(_) => Failure::internal(error),
        error => Failure::usage(error.report().trim_start_matches("error: ")),
    }
}

pub(crate) fn print(result: &QueryResult, csv: bool, json: bool) -> Result<(), Failure> {
    for warning in &result.warnings {
        output::note(&warning.report());
    }
    if json {
        return output::json(&result.to_json());
    }
    if csv {
        return output::text(&result.to_csv());
    }
    output::text(&result.to_table())?;
    let cost = result.statistics;
    output::note(&format!(
        "{} {}; {} of {} records matched, {} bytes scanned",
        result.rows.len(),
        if result.rows.len() == 1 {
            "row"
        } else {
            "rows"
        },
        cost.records_matched,
        cost.records_scanned,
        cost.bytes_scanned
    ));
    Ok(())
}

/// An empty answer may be an empty window.
fn explain_nothing(group: &LogGroup, from: SimTime, to: SimTime, session: &Session) {
    if group.events.is_empty() {
        output::note("nothing has been delivered to this log yet: `wirelab advance 10m`");
    } else if from > SimTime::ZERO || to < session.now() {
        output::note(&format!(
            "looked from {from} to {to}; it is {} now",
            session.now()
        ));
    }
}

/// The flow log `name` of the lab as a log group with everything delivered by now.
fn log_group(session: &mut Session, name: Option<&str>) -> Result<LogGroup, Failure> {
    let run = session.run_with_evidence()?;
    let flow_log = choose(run, name)?;
    let format = if flow_log.log_format.is_empty() {
        Default::default()
    } else {
        wirelab_flowlog::LogFormat::parse(&flow_log.log_format).map_err(Failure::usage)?
    };
    let id = &flow_log.flow_log_id;
    let shown = run.plan().names.short(id.as_str()).unwrap_or(id.as_str());
    let mut group = LogGroup::flow_log(shown, run.plan().caller.account.clone(), format);
    for logged in run.evidence().delivered(id, run.now()) {
        let available = run.plan().starts.at(logged.available_at);
        group.push_record(&logged.record, flow_log.traffic_type, available);
    }
    Ok(group)
}

/// The lab's only flow log, or the one of that name, id or log group.
fn choose<'a>(run: &'a Run, name: Option<&str>) -> Result<&'a FlowLog, Failure> {
    let names = &run.plan().names;
    let logs: Vec<_> = run.world().resources().flow_logs.values().collect();
    let shown = |log: &FlowLog| {
        let id = log.flow_log_id.as_str();
        names.short(id).unwrap_or(id).to_owned()
    };
    let known: Vec<_> = logs.iter().map(|log| shown(log)).collect();
    match (name, logs.as_slice()) {
        (_, []) => Err(Failure::usage("this lab has no flow logs")),
        (None, [only]) => Ok(only),
        (None, _) => Err(
            Failure::usage("this lab has several flow logs").hint(format!(
                "`--log-group NAME` chooses one: {}",
                known.join(", ")
            )),
        ),
        (Some(name), logs) => {
            let bare = name.strip_prefix("flow_log.").unwrap_or(name);
            let found = logs.iter().find(|log| {
                shown(log) == bare
                    || log.flow_log_id.as_str() == name
                    || log.log_group_name.as_deref() == Some(name)
            });
            found.map(|log| &***log).ok_or_else(|| {
                let known: Vec<_> = known.iter().map(String::as_str).collect();
                Failure::usage(format!("there is no flow log `{name}`"))
                    .did_you_mean(name, &known)
                    .hint(format!("the flow logs are: {}", known.join(", ")))
            })
        }
    }
}
