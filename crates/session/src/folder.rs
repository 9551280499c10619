//! The files of a session that people read: page, answers, evidence.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use wirelab_model::{FlowLog, UnixTime};
use wirelab_scenario::{Lab, LabTask, Plan, TaskKind};
use wirelab_simulator::{CapturePoint, Captured};
use wirelab_wire::pcap::{DEFAULT_SNAPLEN, PcapWriter};

use crate::cache::{Written, write_atomically};
use crate::captures::Captures;
use crate::error::SessionError;
use crate::sandbox;

/// Makes the folders, the page, and a file for each answer. What is there stays.
pub(crate) fn make(dir: &Path, lab: &Lab, plan: &Plan) -> Result<(), SessionError> {
    for part in [".wirelab/cache", "evidence", "answers"] {
        let path = dir.join(part);
        std::fs::create_dir_all(&path).map_err(|error| SessionError::file(&path, error))?;
    }
    let page = match lab.name.as_str() {
        sandbox::NAME => Some(sandbox::PAGE.to_owned()),
        _ => read_if_there(&lab.dir.join("README.md"))?,
    };
    if let Some(page) = page {
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
pub(crate) fn first_answer(lab: &Lab, task: &LabTask) -> Result<String, SessionError> {
    if let Some(path) = answer_path(&lab.dir, task)
        && let Some(text) = read_if_there(&path)?
    {
        return Ok(text);
    }
    Ok(match &task.kind {
        TaskKind::Answer(answer) => {
            let parts = answer.parts.iter().map(|part| part.name.as_str());
            form(&answer.question, parts)
        }
        TaskKind::Prediction(prediction) => {
            let parts = prediction.parts.iter().map(|part| part.name.as_str());
            form(&prediction.question, parts)
        }
        _ => String::new(),
    })
}

/// The question, and a line to fill in for each part that has a name.
fn form<'a>(question: &str, parts: impl Iterator<Item = &'a str>) -> String {
    let mut form = format!("# {question}\n");
    for part in parts.filter(|part| !part.is_empty()) {
        form.push_str(&format!("{part}:\n"));
    }
    form
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

/// The largest answer in octets: a hundred times any that somebody would write.
const MAX_ANSWER: u64 = 1 << 20;

/// The text of an answer; `None` if there is no such file.
pub(crate) fn read_answer(path: &Path) -> Result<Option<String>, SessionError> {
    let wrong = |error| SessionError::file(path, error);
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error)),
    };
    let mut octets = Vec::new();
    let read = file.take(MAX_ANSWER + 1).read_to_end(&mut octets);
    read.map_err(wrong)?;
    if octets.len() as u64 > MAX_ANSWER {
        let why = format!("an answer has no more than {} KiB", MAX_ANSWER >> 10);
        return Err(wrong(std::io::Error::other(why)));
    }
    Ok(Some(crate::typed(&octets)))
}

/// `evidence/`, made again if somebody has removed it.
pub(crate) fn evidence_dir(dir: &Path) -> Result<PathBuf, SessionError> {
    let dir = dir.join("evidence");
    std::fs::create_dir_all(&dir).map_err(|error| SessionError::file(&dir, error))?;
    Ok(dir)
}

/// The files in `evidence/` and its folders, sorted.
pub(crate) fn evidence_files(dir: &Path) -> Result<Vec<PathBuf>, SessionError> {
    let mut files = files_below(&evidence_dir(dir)?)?;
    files.sort();
    Ok(files)
}

/// The files in a folder and its folders.
pub(crate) fn files_below(dir: &Path) -> Result<Vec<PathBuf>, SessionError> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |error| SessionError::file(&folder, error);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}

/// Which capture points and flow logs a learner gets as files: those that are named, or all.
pub(crate) struct Wanted<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) names: &'a [String],
}

impl Wanted<'_> {
    fn capture(&self, point: &CapturePoint) -> bool {
        let is_wanted = |name: &String| self.plan.capture_point(name).as_ref() == Ok(point);
        self.names.is_empty() || self.names.iter().any(is_wanted)
    }

    pub(crate) fn flow_log(&self, log: &FlowLog) -> bool {
        let name = self.plan.names.name_of(log.flow_log_id.as_str());
        self.names.is_empty() || self.names.iter().any(|it| Some(it.as_str()) == name)
    }
}

/// Writes captures: one pcap a capture point, or the end of each if the rest is there already.
/// Gives the names of the files with their lengths.
pub(crate) fn write_captures(
    dir: &Path,
    wanted: &Wanted<'_>,
    captures: &Captures,
    earlier: BTreeMap<String, u64>,
) -> Result<BTreeMap<String, u64>, SessionError> {
    let dir = evidence_dir(dir)?;
    let mut files = earlier;
    for (point, frames) in captures.iter().filter(|(point, _)| wanted.capture(point)) {
        let name = format!("{}.pcap", wanted.plan.capture_name(point));
        let path = dir.join(&name);
        let bytes = pcap(frames, wanted.plan);
        let length = match files.get(&name) {
            None => write_atomically(&path, &bytes).map(|()| bytes.len()),
            Some(_) => append(&path, &bytes[PCAP_HEADER..]).map(|()| bytes.len() - PCAP_HEADER),
        }?;
        *files.entry(name).or_default() += length as u64;
    }
    Ok(files)
}

/// Whether the files in `evidence/` are as long as they were when they were written.
pub(crate) fn are_unchanged(dir: &Path, written: &Written) -> bool {
    let dir = dir.join("evidence");
    written.files.iter().all(|(name, length)| {
        let Ok(file) = std::fs::metadata(dir.join(name)) else {
            return false;
        };
        let is_of = |published: &UnixTime| file.modified().ok().and_then(secs) == Some(*published);
        file.len() == *length && written.published.get(name).is_none_or(is_of)
    })
}

/// A file's time in whole seconds.
fn secs(time: SystemTime) -> Option<UnixTime> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(UnixTime::from_secs(since.as_secs()))
}

fn append(path: &Path, bytes: &[u8]) -> Result<(), SessionError> {
    let file = std::fs::OpenOptions::new().append(true).open(path);
    let appended = file.and_then(|mut file| file.write_all(bytes));
    appended.map_err(|error| SessionError::file(path, error))
}

/// Octets of a pcap file before its first record.
const PCAP_HEADER: usize = 24;

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
