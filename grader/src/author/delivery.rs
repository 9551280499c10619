//! Whether the flow logs that a lab asks about can be read when it opens.
//!
//! AWS delivers a record minutes after its window: CloudWatch Logs typically five, S3 ten. A lab
//! that opens at `10m`, a minute after its incident, asks about records that nobody has. Its
//! solution may still be right, with nothing to find: so this is a warning, and no proof fails.

use wirelab_model::{FlowLogId, SimTime};
use wirelab_scenario::{Lab, LabTask, TaskKind};
use wirelab_session::Run;

use super::AuthorReport;

/// Warns of each query task whose records come later than its learner.
pub(super) fn check(lab: &Lab, opening: &Run, report: &mut AuthorReport) {
    for task in &lab.tasks {
        let (name, window) = match &task.kind {
            TaskKind::LogsInsights(query) => (&query.log_group, query.window),
            TaskKind::Athena(query) => (&query.flow_log, None),
            _ => continue,
        };
        if let Some(what) = late(lab.opens_at, name, window, opening) {
            report.warning(place(task), what);
        }
    }
}

fn place(task: &LabTask) -> String {
    format!("task `{}`", task.name)
}

/// What cannot be read yet; `opening` is the run at `opens_at`.
fn late(
    opens_at: SimTime,
    name: &str,
    window: Option<(SimTime, SimTime)>,
    opening: &Run,
) -> Option<String> {
    let plan = opening.plan();
    let log = FlowLogId::new(plan.names.id(name)?.clone());
    let (evidence, starts) = (opening.evidence(), plan.starts);
    let last = evidence.delivered(&log, opens_at);
    let Some(last) = last.map(|it| it.record.end).max() else {
        return Some(format!(
            "no record of {name} is delivered by `opens_at` ({opens_at}): {LATER}"
        ));
    };
    if let Some((_, to)) = window {
        let open = evidence.records.iter().filter(|it| {
            it.flow_log == log && it.available_at > opens_at && it.record.start < starts.at(to)
        });
        let missing = open.count();
        return (missing > 0 || opens_at < to).then(|| {
            format!(
                "its window ends at {to}; {missing} records of that time are not delivered by \
                 `opens_at` ({opens_at}): {LATER}"
            )
        });
    }
    let events = plan.events.iter().map(|event| event.at);
    let event = events.filter(|at| *at <= opens_at).max()?;
    (last < starts.at(event)).then(|| {
        format!(
            "{name} shows nothing of what comes after the timeline's event at {event}: no record \
             of it is delivered by `opens_at` ({opens_at}): {LATER}"
        )
    })
}

const LATER: &str = "a record comes when its window is over and some minutes more have passed";
