//! The flow logs of the lab that the command is in.

use wirelab_grader::group_name;
use wirelab_model::{FlowLog, UnixTime};
use wirelab_query::{LogGroup, LogGroups, QueryOptions, blocking};
use wirelab_session::{Run, Session};

use super::{Arguments, failure, show};
use crate::failure::{Code, Failure};
use crate::{folder, moment, output, when};

/// The lab's session.
pub(super) fn open() -> Result<Session, Failure> {
    folder::open().map_err(|failure| match folder::is_lab() {
        Ok(false) => failure.hint("`--logs FOLDER` asks flow logs outside any lab"),
        _ => failure,
    })
}

/// Asks a log group in Insights QL.
pub(super) fn insights(arguments: &Arguments, query: &str) -> Result<Code, Failure> {
    let mut session = open()?;
    let starts = session.plan().starts;
    let now = session.now();
    let moment = |text: Option<&str>, default| match text {
        Some(text) => moment::parse(text, now, starts),
        None => Ok(default),
    };
    let options = QueryOptions {
        start: moment(arguments.start.as_deref(), starts)?,
        end: moment(arguments.end.as_deref(), starts.at(now))?,
        now: starts.at(now),
        limit: None,
    };
    moment::in_order_at(options.now, options.start, options.end)?;
    let (group, others) = log_groups(&mut session, arguments.log_group.as_deref(), query)?;
    let groups = LogGroups::new(&group).with_others(&others);
    let result = blocking::insights(query, groups, &options).map_err(failure)?;
    show::answer(&result, arguments)?;
    if result.statistics.records_scanned == 0
        && !arguments.json.json
        && let Some(group) = group.iter().chain(&others).next()
    {
        output::note(&explain_nothing(group, &options));
    }
    Ok(Code::Passed)
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

/// The log group `name`, or the only one, with everything delivered by now.
pub(super) fn group(session: &mut Session, name: Option<&str>) -> Result<LogGroup, Failure> {
    let run = session.run_with_evidence()?;
    log_group(run, choose(run, name)?)
}

/// A flow log of the lab as a log group, with everything delivered by now.
fn log_group(run: &Run, flow_log: &FlowLog) -> Result<LogGroup, Failure> {
    wirelab_grader::log_group(run, flow_log, run.now()).map_err(Failure::usage)
}

/// The lab's only flow log, or the one of that log group, name in the scenario, or id.
fn choose<'a>(run: &'a Run, name: Option<&str>) -> Result<&'a FlowLog, Failure> {
    let names = &run.names();
    let logs = &run.world().resources().flow_logs;
    // A flow log in a bucket is no log group; it is meant where it is named, or where no group is.
    let all = logs.values().map(|log| &**log);
    let (mut meant, in_buckets): (Vec<&FlowLog>, Vec<&FlowLog>) =
        all.partition(|log| log.log_group_name.is_some());
    let Some(name) = name else {
        if meant.is_empty() {
            meant = in_buckets;
        }
        let groups: Vec<&str> = meant.iter().map(|log| group_name(log, names)).collect();
        return match meant[..] {
            [] => Err(Failure::usage("this lab has no flow logs")),
            [only] => Ok(only),
            _ => Err(Failure::usage("this lab has several log groups")
                .hint(format!("`-g NAME` chooses one: {}", groups.join(", ")))),
        };
    };
    let groups = meant.iter().chain(&in_buckets);
    let groups: Vec<&str> = groups.map(|log| group_name(log, names)).collect();
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
