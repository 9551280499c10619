//! `wirelab status`: ticket, evidence, tasks, what next.

use crate::args::{Json, TEMPLATE};

/// Show the ticket, the evidence, the hosts, the tasks, and what to do next
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab status
  wirelab status --json

")]
pub(crate) struct Arguments {
    #[command(flatten)]
    json: Json,
}

use std::collections::BTreeSet;

use serde::Serialize;
use wirelab_model::InstanceState;
use wirelab_scenario::{LabTask, TaskKind};
use wirelab_session::{Note, Session};
use wirelab_simulator::host::TrafficProgram;

use crate::failure::{Code, Failure};
use crate::hosts::{self, Interface};
use crate::terminal::{bold, dim};
use crate::{folder, output, print as lines};

#[derive(Serialize)]
struct Status {
    lab: String,
    title: String,
    folder: String,
    seed: u64,
    /// Virtual time.
    now: String,
    /// Virtual UTC.
    utc: String,
    ticket: String,
    evidence: Vec<String>,
    /// What the learner noted on the way.
    notes: Vec<Note>,
    interfaces: Vec<Interface>,
    /// Machines that have none now, since their instance does not run.
    not_running: Vec<NotRunning>,
    /// Machines whose user data was not done in all.
    not_done: Vec<String>,
    /// Flow logs, as `wirelab query -g` names them.
    log_groups: Vec<String>,
    tasks: Vec<Task>,
    /// What fails, as a command for `wirelab exec`: `replica -- nc -vz -w 3 10.0.2.10 5432`.
    attempt: Option<String>,
    /// Changes that were made and are in force.
    changes: usize,
}

/// A machine that is off and may come back.
#[derive(Serialize)]
struct NotRunning {
    host: String,
    instance_id: String,
    /// `stopped`, `pending`.
    state: InstanceState,
}

#[derive(Serialize)]
struct Task {
    name: String,
    title: String,
    kind: &'static str,
    points: u32,
    /// The best of all checks; `None`: it was never graded.
    best: Option<u32>,
    answer: Option<String>,
    hints: usize,
    hints_taken: usize,
    /// What the hints taken cost once the task is solved, in points.
    hints_cost: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    if arguments.json.json {
        output::json(&status(&mut session)?)?;
    } else {
        output::ticket(&print(&mut session)?)?;
    }
    Ok(Code::Passed)
}

/// The page that `wirelab status` prints.
pub(crate) fn print(session: &mut Session) -> Result<String, Failure> {
    Ok(page(&status(session)?))
}

fn status(session: &mut Session) -> Result<Status, Failure> {
    let evidence = session.restore_evidence()?;
    let interfaces = hosts::interfaces(session.run());
    let lab = session.lab();
    Ok(Status {
        lab: lab.name.clone(),
        title: lab.title.clone(),
        folder: lines::relative(session.dir()),
        seed: session.plan().seed.fault,
        now: session.now().to_string(),
        utc: crate::when::print_utc(session.run().utc()),
        ticket: session.ticket()?,
        evidence: evidence.iter().map(|path| lines::relative(path)).collect(),
        notes: session.notes(),
        attempt: attempt(session),
        not_running: not_running(session, &interfaces),
        not_done: hosts::names(session)
            .iter()
            .filter_map(|host| hosts::user_data::not_done(session, host))
            .collect(),
        interfaces,
        log_groups: log_groups(session),
        tasks: lab.tasks.iter().map(|it| task(session, it)).collect(),
        changes: session.changes(),
    })
}

fn not_running(session: &Session, up: &[Interface]) -> Vec<NotRunning> {
    let world = session.run().world();
    let off = world.hosts().filter_map(|host| {
        let name = world.called(host);
        let instance = hosts::unknown::instance(session, host)?;
        let is_gone = instance.state == InstanceState::Terminated;
        (!is_gone && up.iter().all(|it| it.host != name)).then(|| NotRunning {
            host: name.to_string(),
            instance_id: instance.instance_id.to_string(),
            state: instance.state,
        })
    });
    off.collect()
}

/// The flow logs as `wirelab query -g` takes them, first those that a task asks about.
fn log_groups(session: &Session) -> Vec<String> {
    let names = &session.names();
    let asked: BTreeSet<&str> = (session.lab().tasks.iter())
        .filter_map(|task| match &task.kind {
            TaskKind::LogsInsights(query) => names.id(&query.log_group).map(|id| id.as_str()),
            TaskKind::Athena(query) => names.id(&query.flow_log).map(|id| id.as_str()),
            _ => None,
        })
        .collect();
    let logs = session.run().control().resources().flow_logs.values();
    let mut groups: Vec<_> = logs
        .map(|log| {
            let id = log.flow_log_id.as_str();
            let name = log.log_group_name.as_deref();
            let name = name.unwrap_or_else(|| names.short(id).unwrap_or(id));
            (!asked.contains(id), log.log_group_name.is_none(), name)
        })
        .collect();
    groups.sort_unstable();
    groups
        .into_iter()
        .map(|(.., name)| name.to_owned())
        .collect()
}

fn task(session: &Session, task: &LabTask) -> Task {
    let answer = session.answer_path(&task.name);
    Task {
        name: task.name.clone(),
        title: task.title.clone(),
        kind: task.kind.name(),
        points: task.points,
        best: session.best_of(&task.name),
        answer: answer.map(|path| lines::relative(&path)),
        hints: task.hints.len(),
        hints_taken: session.hints_taken(&task.name),
        hints_cost: hints_cost(session, task),
    }
}

/// What the hints taken for a task cost of what its best answer gave.
pub(crate) fn hints_cost(session: &Session, task: &LabTask) -> u32 {
    let taken = session.hints_taken(&task.name);
    let best = session.best_of(&task.name).unwrap_or(0);
    if taken > task.hints.len() {
        // The solution was shown.
        return best;
    }
    let price: u32 = task.hints.iter().take(taken).map(|hint| hint.price).sum();
    price.min(best)
}

fn page(status: &Status) -> String {
    let mut text = format!(
        "{} · {}\n{}\n\n",
        bold(&status.lab),
        status.title,
        dim(format!(
            "{} UTC, {} into it; seed {}",
            status.utc, status.now, status.seed
        ))
    );
    text += &format!("{}\n{}\n", bold("TICKET"), indented(&status.ticket));
    text += &format!("{}\n", bold("HOSTS"));
    let names = status.interfaces.iter().map(|it| &it.host);
    let names = names.chain(status.not_running.iter().map(|it| &it.host));
    let wide = names
        .map(|it| it.chars().count())
        .max()
        .unwrap_or(0)
        .max(12);
    for it in &status.interfaces {
        let id = it.network_interface_id.as_deref().unwrap_or_default();
        let mut addresses = it.addresses.join(" ");
        for public in &it.public_addresses {
            addresses += &format!("  public {public}");
        }
        text += &format!(
            "  {:<wide$} {:<6} {id:<21}  {addresses}\n",
            it.host, it.name
        );
    }
    for note in &status.not_done {
        text += &format!("  {note}\n");
    }
    for it in &status.not_running {
        text += &format!(
            "  {:<wide$} {:<6} {}  {}\n",
            it.host,
            "-",
            it.instance_id,
            hosts::unknown::word(it.state)
        );
    }
    text += &format!("\n{}\n", bold("EVIDENCE"));
    for (place, files) in &evidence_places(&status.evidence) {
        text += &match files {
            1 => format!("  {place}\n"),
            _ => format!("  {place}  ({files} files)\n"),
        };
    }
    if !status.notes.is_empty() {
        text += &format!("\n{}\n", bold("NOTES"));
        text.extend(status.notes.iter().map(lines::note));
    }
    text + &tasks(status) + &next(status)
}

fn tasks(status: &Status) -> String {
    let mut text = String::new();
    let is_graded = status.tasks.iter().any(|task| task.best.is_some());
    let best = if is_graded {
        dim("  the best of all checks, also of those before an undo or reset")
    } else {
        String::new()
    };
    if !status.tasks.is_empty() {
        text += &format!("\n{}{best}\n", bold("TASKS"));
    }
    for task in &status.tasks {
        let place = task.answer.as_deref().unwrap_or("repair the network");
        let (best, of) = (task.best.unwrap_or(0), task.points);
        let points = format!("{best}/{of}");
        let less = match task.hints_cost {
            0 => String::new(),
            cost => format!("  less {cost} for hints"),
        };
        text += &format!("  {:<16} {points:>5} points  {place}{less}\n", task.name);
        text += &format!("  {:<16}               {}\n", "", dim(&task.title));
    }
    text
}

fn next(status: &Status) -> String {
    let mut text = format!("\n{}\n", bold("NEXT"));
    let ends_with = |ending| status.evidence.iter().find(|file| file.ends_with(ending));
    if let Some(file) = complaints_capture(status).or_else(|| ends_with(".pcap")) {
        text += &format!("  tcpdump -nn -r {file}\n");
    }
    let is_athena = status.tasks.iter().any(|task| task.kind == "athena");
    let zipped = status
        .evidence
        .iter()
        .find(|file| file.ends_with(".log.gz"));
    if let Some(file) = zipped.filter(|_| is_athena) {
        text += &format!("  zcat {file} | head -n 3\n");
    }
    let is_log = |file: &String| [".log", ".log.gz", ".log.parquet"].map(|it| file.ends_with(it));
    if let Some(file) = status.tasks.iter().find(|task| task.kind == "athena") {
        let answer = file.answer.as_deref().unwrap_or_default();
        text += &format!("  wirelab query -f {answer}\n");
    } else if status
        .evidence
        .iter()
        .any(|file| is_log(file).contains(&true))
    {
        let group = match &status.log_groups[..] {
            [first, _, ..] => format!("-g {first} "),
            _ => String::new(),
        };
        text +=
            &format!("  wirelab query {group}'stats sum(packets) by action, srcAddr, dstAddr'\n");
    }
    if let Some(attempt) = &status.attempt {
        text += &format!("  wirelab exec {attempt}\n");
    }
    let is_sandbox = status.tasks.is_empty();
    let is_to_fix = status.tasks.iter().any(|task| task.kind == "fix");
    if is_to_fix {
        text += "  wirelab call --list Describe\n";
    }
    if is_to_fix || is_sandbox {
        text += "  wirelab id                   what there is, by name and id\n";
    }
    if is_sandbox {
        text += "  wirelab reach                which machine reaches which, and at which ports\n";
        text += "  wirelab book sandbox         building, driving and measuring here\n";
        return text;
    }
    if status
        .tasks
        .iter()
        .all(|task| task.best == Some(task.points))
    {
        text += "  wirelab next                 the next lab: every task of this one is solved\n";
        return text;
    }
    text += "  wirelab check                graded by what the network does\n";
    text += "  wirelab hint                 a nudge, when you are stuck\n";
    text
}

/// Files by name, those of a bucket together: there is one every five minutes.
fn evidence_places(files: &[String]) -> Vec<(String, usize)> {
    let mut places: Vec<(String, usize)> = Vec::new();
    for file in files {
        let place = match file.split_once("evidence/s3/") {
            Some((folder, key)) => {
                let bucket = key.split('/').next().unwrap_or_default();
                format!("{folder}evidence/s3/{bucket}/")
            }
            None => file.clone(),
        };
        match places.last_mut().filter(|(last, _)| *last == place) {
            Some((_, count)) => *count += 1,
            None => places.push((place, 1)),
        }
    }
    places
}

/// The capture of the machine that the complaint comes from.
fn complaints_capture(status: &Status) -> Option<&String> {
    let host = status.attempt.as_deref()?.split(' ').next()?;
    let own = |file: &&String| {
        let name = file.rsplit('/').next().unwrap_or_default();
        name.starts_with(host) && name.ends_with(".pcap")
    };
    status.evidence.iter().find(own)
}

/// The data of an echo request that fills an Ethernet frame.
const LARGEST_PING: u32 = 1472;

/// The traffic that the repair is to make work, as one tries it by hand.
fn attempt(session: &Session) -> Option<String> {
    let tasks = session.lab().tasks.iter();
    let fix = tasks.into_iter().find_map(|task| match &task.kind {
        TaskKind::Fix(fix) => fix.succeeds.first(),
        _ => None,
    })?;
    let mut traffic = session.plan().traffic.iter();
    let traffic = traffic.find(|it| it.name == fix.traffic)?;
    let (from, port) = (&traffic.from, traffic.port);
    let address = traffic.to.to_string();
    let to = traffic.to_name.as_deref().unwrap_or(&address);
    Some(match &traffic.program {
        TrafficProgram::Ping { .. } => format!("{from} -- ping -c 3 {to}"),
        // What the sender's own data meet: curl here sends none.
        TrafficProgram::Http { body_bytes, .. } if *body_bytes > LARGEST_PING => {
            format!("{from} -- ping -M do -s {LARGEST_PING} -c 3 {to}")
        }
        TrafficProgram::Http { path, .. } => {
            format!("{from} -- curl -m 5 http://{to}:{port}{path}")
        }
        TrafficProgram::Udp { .. }
        | TrafficProgram::Ntp
        | TrafficProgram::Dns { .. }
        | TrafficProgram::Scan { .. } => return None,
        _ => format!("{from} -- nc -vz -w 3 {to} {port}"),
    })
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}").trim_end().to_owned() + "\n")
        .collect()
}
