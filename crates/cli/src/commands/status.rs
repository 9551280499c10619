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

use serde::Serialize;
use wirelab_scenario::{LabTask, TaskKind};
use wirelab_session::Session;
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
    interfaces: Vec<Interface>,
    tasks: Vec<Task>,
    /// The complaint's traffic: `replica primary:5432/tcp`.
    probe: Option<String>,
    /// Changes that were made and are in force.
    changes: usize,
}

#[derive(Serialize)]
struct Task {
    name: String,
    title: String,
    kind: &'static str,
    points: u32,
    answer: Option<String>,
    hints: usize,
    hints_taken: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    if arguments.json.json {
        output::json(&status(&mut session)?)?;
    } else {
        output::text(&print(&mut session)?)?;
    }
    Ok(Code::Passed)
}

/// The page that `wirelab status` prints.
pub(crate) fn print(session: &mut Session) -> Result<String, Failure> {
    Ok(page(&status(session)?))
}

fn status(session: &mut Session) -> Result<Status, Failure> {
    let evidence = session.evidence_files()?;
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
        probe: probe(session, &interfaces),
        interfaces,
        tasks: lab.tasks.iter().map(|it| task(session, it)).collect(),
        changes: session.changes(),
    })
}

fn task(session: &Session, task: &LabTask) -> Task {
    let answer = session.answer_path(&task.name);
    Task {
        name: task.name.clone(),
        title: task.title.clone(),
        kind: task.kind.name(),
        points: task.points,
        answer: answer.map(|path| lines::relative(&path)),
        hints: task.hints.len(),
        hints_taken: session.hints_taken(&task.name),
    }
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
    for it in &status.interfaces {
        text += &format!(
            "  {:<12} {:<6} {}\n",
            it.host,
            it.name,
            it.addresses.join(" ")
        );
    }
    text += &format!("\n{}\n", bold("EVIDENCE"));
    for file in &status.evidence {
        text += &format!("  {file}\n");
    }
    text += &format!("\n{}\n", bold("TASKS"));
    for task in &status.tasks {
        let place = task.answer.as_deref().unwrap_or("repair the network");
        text += &format!("  {:<16} {:>2} points  {place}\n", task.name, task.points);
        text += &format!("  {:<16}            {}\n", "", dim(&task.title));
    }
    text + &next(status)
}

fn next(status: &Status) -> String {
    let mut text = format!("\n{}\n", bold("NEXT"));
    let ends_with = |ending| status.evidence.iter().find(|file| file.ends_with(ending));
    if let Some(file) = complaints_capture(status).or_else(|| ends_with(".pcap")) {
        text += &format!("  tcpdump -nn -r {file}\n");
    }
    if ends_with(".log").is_some() {
        text += "  wirelab query 'stats sum(packets) by action, srcAddr, dstAddr'\n";
    }
    if let Some(probe) = &status.probe {
        text += &format!("  wirelab path {probe}\n");
    }
    text += "  wirelab call --list Describe\n";
    text += "  wirelab check                graded by what the network does\n";
    text += "  wirelab hint                 a nudge, when you are stuck\n";
    text
}

/// The capture of the machine that the complaint comes from.
fn complaints_capture(status: &Status) -> Option<&String> {
    let host = status.probe.as_deref()?.split(' ').next()?;
    let own = |file: &&String| {
        let name = file.rsplit('/').next().unwrap_or_default();
        name.starts_with(host) && name.ends_with(".pcap")
    };
    status.evidence.iter().find(own)
}

/// The traffic that the repair is to make work, as `wirelab path` takes it.
fn probe(session: &Session, interfaces: &[Interface]) -> Option<String> {
    let fix = session
        .lab()
        .tasks
        .iter()
        .find_map(|task| match &task.kind {
            TaskKind::Fix(fix) => fix.succeeds.first(),
            _ => None,
        })?;
    let traffic = session
        .plan()
        .traffic
        .iter()
        .find(|it| it.name == fix.traffic)?;
    let host = interfaces.iter().find(|it| it.has(traffic.to));
    let to = host.map_or_else(|| traffic.to.to_string(), |it| it.host.clone());
    Some(match traffic.program {
        TrafficProgram::Ping { .. } => format!("{} {to}/icmp", traffic.from),
        _ => format!("{} {to}:{}/tcp", traffic.from, traffic.port),
    })
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}").trim_end().to_owned() + "\n")
        .collect()
}
