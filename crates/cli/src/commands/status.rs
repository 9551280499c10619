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
use wirelab_scenario::LabTask;
use wirelab_session::Session;

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
    let evidence = lines::evidence(session)?;
    let lab = session.lab();
    Ok(Status {
        lab: lab.name.clone(),
        title: lab.title.clone(),
        folder: lines::relative(session.dir()),
        seed: session.plan().seed.fault,
        now: session.now().to_string(),
        utc: crate::when::print_utc(session.run().utc()),
        ticket: lines::ticket(session)?,
        evidence: evidence.iter().map(|path| lines::relative(path)).collect(),
        interfaces: hosts::interfaces(session.run()),
        tasks: lab.tasks.iter().map(|it| task(session, it)).collect(),
        changes: session
            .entries()
            .filter(|entry| lines::is_change(entry))
            .count(),
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
    let host = status.interfaces.first().map_or("HOST", |it| &it.host);
    let other = status.interfaces.iter().find(|it| it.host != host);
    let other = other.map_or("HOST", |it| &it.host);
    let mut text = format!("\n{}\n", bold("NEXT"));
    if let Some(file) = status.evidence.iter().find(|file| file.ends_with(".pcap")) {
        text += &format!("  tcpdump -nn -r {file}\n");
    }
    text += &format!("  wirelab path {host} {other}/icmp\n");
    text += "  wirelab call ec2:DescribeRouteTables\n";
    text += "  wirelab check                graded by what the network does\n";
    text += "  wirelab hint                 a nudge, when you are stuck\n";
    text
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}").trim_end().to_owned() + "\n")
        .collect()
}
