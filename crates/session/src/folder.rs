//! The files of a session that people read: page, answers, evidence.

use std::path::{Path, PathBuf};

use wirelab_flowlog::LogFormat;
use wirelab_model::FlowLog;
use wirelab_scenario::{Lab, LabTask, Plan, TaskKind};
use wirelab_simulator::Captured;
use wirelab_wire::pcap::{DEFAULT_SNAPLEN, PcapWriter};

use crate::cache::write_atomically;
use crate::error::SessionError;
use crate::run::Run;

/// Makes the folders, the page, and a file for each answer. What is there stays.
pub(crate) fn make(dir: &Path, lab: &Lab, plan: &Plan) -> Result<(), SessionError> {
    for part in [".wirelab/cache", "evidence", "answers"] {
        let path = dir.join(part);
        std::fs::create_dir_all(&path).map_err(|error| SessionError::file(&path, error))?;
    }
    if let Some(page) = read_if_there(&lab.dir.join("README.md"))? {
        let page = fill(plan, "README.md", &page)?;
        write_atomically(&page_path(dir), page.as_bytes())?;
    }
    for task in &lab.tasks {
        if let Some(path) = answer_path(dir, task)
            && !path.exists()
        {
            let text = first_answer(lab, task)?;
            write_atomically(&path, text.as_bytes())?;
        }
    }
    Ok(())
}

/// What an answer's file holds at first: the lab's `answers/NAME.EXT`, or a form to fill in.
fn first_answer(lab: &Lab, task: &LabTask) -> Result<String, SessionError> {
    if let Some(path) = answer_path(&lab.dir, task)
        && let Some(text) = read_if_there(&path)?
    {
        return Ok(text);
    }
    Ok(match &task.kind {
        TaskKind::Answer(answer) => {
            let mut form = format!("# {}\n", answer.question);
            for part in answer.parts.iter().filter(|part| !part.name.is_empty()) {
                form.push_str(&format!("{}:\n", part.name));
            }
            form
        }
        _ => String::new(),
    })
}

/// Where the answer of a task is.
pub(crate) fn answer_path(dir: &Path, task: &LabTask) -> Option<PathBuf> {
    let extension = task.kind.extension()?;
    Some(
        dir.join("answers")
            .join(format!("{}.{extension}", task.name)),
    )
}

fn page_path(dir: &Path) -> PathBuf {
    dir.join("README.md")
}

/// The page between its title and its first task.
pub(crate) fn ticket(dir: &Path) -> Result<String, SessionError> {
    let page = read_if_there(&page_path(dir))?.unwrap_or_default();
    let lines = page
        .lines()
        .skip_while(|line| line.starts_with("# ") || line.is_empty());
    let ticket: Vec<&str> = lines.take_while(|line| !line.starts_with("## ")).collect();
    Ok(ticket.join("\n").trim_end().to_owned())
}

/// Fills `${..}` in.
pub(crate) fn fill(plan: &Plan, file: &str, text: &str) -> Result<String, SessionError> {
    plan.fill(text).map_err(|error| SessionError::Reference {
        file: file.to_owned(),
        error,
    })
}

/// The text of a file; `None` if there is no such file.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, SessionError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SessionError::file(path, error)),
    }
}

/// The files in `evidence/`, sorted.
pub(crate) fn evidence_files(dir: &Path) -> Result<Vec<PathBuf>, SessionError> {
    let dir = dir.join("evidence");
    let entries = std::fs::read_dir(&dir).map_err(|error| SessionError::file(&dir, error))?;
    let mut files = Vec::new();
    for entry in entries {
        files.push(
            entry
                .map_err(|error| SessionError::file(&dir, error))?
                .path(),
        );
    }
    files.sort();
    Ok(files)
}

/// Writes captures and delivered records; with `wanted`, only those of the capture points and flow
/// logs it names.
pub(crate) fn write_evidence(
    dir: &Path,
    wanted: &[String],
    run: &Run,
) -> Result<Vec<PathBuf>, SessionError> {
    let dir = dir.join("evidence");
    let plan = run.plan();
    let mut files = Vec::new();
    for (point, frames) in &run.evidence().captures {
        let is_wanted = |name: &String| plan.capture_point(name).as_ref() == Ok(point);
        if wanted.is_empty() || wanted.iter().any(is_wanted) {
            let path = dir.join(format!("{}.pcap", plan.capture_name(point)));
            write_atomically(&path, &pcap(frames, plan))?;
            files.push(path);
        }
    }
    for log in run.control().resources().flow_logs.values() {
        let name = plan.names.name_of(log.flow_log_id.as_str());
        if wanted.is_empty() || wanted.iter().any(|it| Some(it.as_str()) == name) {
            let name = plan.names.short(log.flow_log_id.as_str());
            let name = name.unwrap_or(log.flow_log_id.as_str());
            let path = dir.join(format!("flow-log-{name}.log"));
            write_atomically(&path, flow_log(log, run).as_bytes())?;
            files.push(path);
        }
    }
    Ok(files)
}

/// A capture as tcpdump writes it with `--nano`.
fn pcap(frames: &[Captured], plan: &Plan) -> Vec<u8> {
    const NEVER: &str = "a vector takes all that is written";
    let mut writer = PcapWriter::new(Vec::new(), DEFAULT_SNAPLEN).expect(NEVER);
    for captured in frames {
        let at = plan.starts.at(captured.at);
        writer
            .write_frame(at.as_nanos(), &captured.frame)
            .expect(NEVER);
    }
    writer.finish().expect(NEVER)
}

/// Header and records that were delivered by now.
fn flow_log(log: &FlowLog, run: &Run) -> String {
    let format = LogFormat::parse(&log.log_format).unwrap_or_default();
    let mut text = format.header();
    text.push('\n');
    for logged in run.evidence().delivered(&log.flow_log_id, run.now()) {
        format.write_line(&logged.record, &mut text);
        text.push('\n');
    }
    text
}
