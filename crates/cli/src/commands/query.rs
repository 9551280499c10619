//! `wirelab query`: Logs Insights over the lab's flow logs.

mod chart;

use std::io::IsTerminal;
use std::path::PathBuf;

use crate::args::TEMPLATE;

/// Ask the flow logs in the CloudWatch Logs Insights language
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab query 'fields @timestamp, srcAddr, dstAddr, dstPort, action | filter action = \"REJECT\"'
  wirelab query 'stats sum(bytes) as total by srcAddr, dstAddr | sort total desc | limit 10'
  wirelab query -f answers/find-the-reject.insights
  wirelab query --start 09:00 --end 09:10 'stats count(*) by action'
  wirelab query -g /vpc/data/flow 'stats count(*) by action' --csv
  wirelab query --chart 'stats sum(bytes) by bin(1m)'
  wirelab query --saved                  what there is; `--saved top-talkers` asks it

Times are virtual UTC, as tickets and records have it: `09:04` and `09:04:00` are clock times,
`2024-03-05T09:04:00Z` says the date too. `+5m` counts from the lab's start, `10m` back from now.

")]
pub(crate) struct Arguments {
    /// The query
    #[arg(value_name = "QUERY", required_unless_present_any = ["file", "saved"])]
    query: Option<String>,
    /// Read the query from a file
    #[arg(short, long, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// Ask a saved query; without a name, list them
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "",
        conflicts_with_all = ["query", "file"])]
    saved: Option<String>,
    /// The log group to ask, by its name; needed only where a lab has several
    #[arg(short = 'g', long, value_name = "NAME")]
    log_group: Option<String>,
    /// Begin of the time range: `09:04` (UTC), `2024-03-05T09:04:00Z`, `+5m`, `10m` (ago), `start`
    #[arg(long, value_name = "TIME", default_value = "start")]
    start: String,
    /// End of the time range, in the same forms
    #[arg(long, value_name = "TIME", default_value = "now")]
    end: String,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Draw a chart: lines over time for `by bin(5m)`, bars for `by srcAddr`
    #[arg(long, conflicts_with_all = ["csv", "json"])]
    chart: bool,
    #[command(flatten)]
    json: crate::args::Json,
}

use wirelab_model::{FlowLog, UnixTime};
use wirelab_query::{
    LogGroup, LogGroups, QueryError, QueryOptions, QueryResult, SAVED_QUERIES, SavedQuery, blocking,
};
use wirelab_scenario::Names;
use wirelab_session::{Run, Session};

use crate::failure::{Code, Failure};
use crate::{folder, moment, output, pager, terminal, when};

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    if arguments.saved.as_deref() == Some("") {
        return list_saved(arguments.json.json);
    }
    let query = query_text(arguments)?;
    let mut session = folder::open()?;
    let starts = session.plan().starts;
    let now = session.now();
    let options = QueryOptions {
        start: moment::parse(&arguments.start, now, starts)?,
        end: moment::parse(&arguments.end, now, starts)?,
        now: starts.at(now),
        limit: None,
    };
    moment::in_order(options.start, options.end, options.now)?;
    let (group, others) = log_groups(&mut session, arguments.log_group.as_deref(), &query)?;
    let groups = LogGroups::new(&group).with_others(&others);
    let result = blocking::insights(&query, groups, &options).map_err(failure)?;
    if arguments.chart {
        output::text(&chart::draw(&result, canvas())?)?;
        statistics(&result);
        return Ok(Code::Passed);
    }
    print(&result, arguments.csv, arguments.json.json)?;
    if chart::is_drawable(&result) && std::io::stdout().is_terminal() {
        output::note("`--chart` draws it");
    }
    let is_dash = |row: &Vec<Option<String>>| row.iter().any(|it| it.as_deref() == Some("-"));
    if result.rows.iter().any(is_dash) && !arguments.csv && !arguments.json.json {
        output::note(
            "`-`: records without data (NODATA: nothing seen in that time; SKIPDATA); \
             `filter srcAddr != \"-\"` leaves them out",
        );
    }
    if result.statistics.records_scanned == 0 && !arguments.json.json {
        if let Some(group) = group.iter().chain(&others).next() {
            output::note(&explain_nothing(group, &options));
        }
    }
    Ok(Code::Passed)
}

/// The query that is asked, wherever it stands.
fn query_text(arguments: &Arguments) -> Result<String, Failure> {
    if let Some(query) = &arguments.query {
        return Ok(query.clone());
    }
    if let Some(file) = &arguments.file {
        return std::fs::read_to_string(file)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())));
    }
    let name = arguments.saved.as_deref().unwrap_or_default();
    let Some(saved) = SavedQuery::find(name) else {
        let names: Vec<&str> = SAVED_QUERIES.iter().map(|it| it.name).collect();
        return Err(Failure::usage(format!("no saved query is called `{name}`"))
            .did_you_mean(name, &names)
            .hint("`wirelab query --saved` lists them"));
    };
    output::note(saved.insights.trim_end());
    Ok(saved.insights.to_owned())
}

fn list_saved(json: bool) -> Result<Code, Failure> {
    if json {
        let items = SAVED_QUERIES.iter().map(|it| {
            serde_json::json!({
                "name": it.name,
                "about": it.about(),
                "insights": it.insights,
                "sql": it.sql,
            })
        });
        output::json(&items.collect::<Vec<_>>())?;
        return Ok(Code::Passed);
    }
    let width = SAVED_QUERIES
        .iter()
        .map(|it| it.name.len())
        .max()
        .unwrap_or(0);
    let lines = SAVED_QUERIES
        .iter()
        .map(|it| format!("{:width$}  {}\n", it.name, it.about()));
    output::text(&lines.collect::<String>())?;
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
    pager::text(&result.to_table())?;
    statistics(result);
    Ok(())
}

/// What the chart is drawn on.
fn canvas() -> chart::Canvas {
    let color = anstream::AutoStream::choice(&std::io::stdout());
    chart::Canvas {
        width: terminal::columns(),
        color: color != anstream::ColorChoice::Never,
        ascii: terminal::ascii_only(),
    }
}

fn statistics(result: &QueryResult) {
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
}

/// Why there was nothing to look at: an empty log, or an empty window.
fn explain_nothing(group: &LogGroup, options: &QueryOptions) -> String {
    let utc = |at: u64| when::print_utc(UnixTime::from_secs(at));
    let now = when::print_utc(options.now);
    let seen = || group.events.iter().map(|event| event.timestamp_ms / 1000);
    let (Some(first), Some(last)) = (seen().min(), seen().max()) else {
        return format!(
            "nothing has been delivered to this log yet; it is {now} UTC: `wirelab advance 10m`"
        );
    };
    format!(
        "no records from {} to {} UTC; the log has records from {} to {}, and it is {now} now",
        when::print_utc(options.start),
        when::print_utc(options.end),
        utc(first),
        utc(last)
    )
}

/// The log group `name`, with everything delivered by now, and the others that the query can name
/// in `SOURCE`. Without a name a query that begins with `SOURCE` needs none.
fn log_groups(
    session: &mut Session,
    name: Option<&str>,
    query: &str,
) -> Result<(Option<LogGroup>, Vec<LogGroup>), Failure> {
    let run = session.run_with_evidence()?;
    let lower = query.trim_start().to_lowercase();
    let chosen = match choose(run, name) {
        Err(_) if name.is_none() && lower.starts_with("source") => None,
        chosen => Some(chosen?),
    };
    let others = run.world().resources().flow_logs.values().filter(|log| {
        let is_chosen = chosen.is_some_and(|chosen| chosen.flow_log_id == log.flow_log_id);
        lower.contains("source") && !is_chosen
    });
    let others = others
        .map(|log| log_group(run, log))
        .collect::<Result<_, _>>()?;
    let chosen = chosen.map(|log| log_group(run, log)).transpose()?;
    Ok((chosen, others))
}

/// A flow log of the lab as a log group.
fn log_group(run: &Run, flow_log: &FlowLog) -> Result<LogGroup, Failure> {
    let format = if flow_log.log_format.is_empty() {
        Default::default()
    } else {
        wirelab_flowlog::LogFormat::parse(&flow_log.log_format).map_err(Failure::usage)?
    };
    let id = &flow_log.flow_log_id;
    let name = group_name(flow_log, &run.plan().names);
    let mut group = LogGroup::flow_log(name, run.plan().caller.account.clone(), format);
    for logged in run.evidence().delivered(id, run.now()) {
        let available = run.plan().starts.at(logged.available_at);
        group.push_record(&logged.record, flow_log.traffic_type, available);
    }
    Ok(group)
}

/// The name of the log group that a flow log writes to.
fn group_name<'a>(log: &'a FlowLog, names: &'a Names) -> &'a str {
    let id = log.flow_log_id.as_str();
    let group = log.log_group_name.as_deref();
    group.unwrap_or_else(|| names.short(id).unwrap_or(id))
}

/// The lab's only flow log, or the one of that log group, name in the scenario, or id.
fn choose<'a>(run: &'a Run, name: Option<&str>) -> Result<&'a FlowLog, Failure> {
    let names = &run.plan().names;
    let logs = &run.world().resources().flow_logs;
    let groups: Vec<&str> = logs.values().map(|log| group_name(log, names)).collect();
    let Some(name) = name else {
        return match logs.values().next() {
            None => Err(Failure::usage("this lab has no flow logs")),
            Some(only) if logs.len() == 1 => Ok(only),
            Some(_) => Err(Failure::usage("this lab has several log groups")
                .hint(format!("`-g NAME` chooses one: {}", groups.join(", ")))),
        };
    };
    let bare = name.strip_prefix("flow_log.").unwrap_or(name);
    let is_named = |log: &&FlowLog| {
        let id = log.flow_log_id.as_str();
        group_name(log, names) == name || id == name || names.short(id) == Some(bare)
    };
    let mut logs = logs.values().map(|log| &**log);
    logs.find(is_named).ok_or_else(|| {
        Failure::usage(format!("there is no log group `{name}`"))
            .did_you_mean(name, &groups)
            .hint(format!("the log groups are: {}", groups.join(", ")))
    })
}
