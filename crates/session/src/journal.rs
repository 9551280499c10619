//! The journal: the ordered record of everything a person did that moves the world.
//!
//! `journal.jsonl` is append-only: a [`Header`], then one [`Entry`] a line, each line with a
//! checksum of itself. A last line whose checksum is wrong was never confirmed and is cut. What
//! counts is the *effective* journal: an `undo` cuts the entry it names and all after it; the
//! abandoned branch stays in the file.
//!
//! An entry is confirmed when it is written: it survives the end of the process, however that
//! comes. What is written is handed to the disk every second, and when the journal is closed, so
//! that a machine that loses its power takes a second's work with it at most.

mod kept;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;
use wirelab_model::{Call, Caller, Seed, SimTime, UnixTime};

use crate::error::SessionError;
use crate::weight::Weight;
use kept::{Kept, Shared};

/// The format this build writes.
const FORMAT: u32 = 1;

/// The journal's first line: what it is a journal of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Format of the file.
    pub format: u32,
    /// The lab.
    pub lab: String,
    /// The scenario ...
    pub scenario: String,
    /// ... and the SHA-256 of its file in hex.
    pub scenario_hash: String,
    /// What was drawn from.
    pub seed: Seed,
    /// Virtual time at which the lab opens: where the journal begins.
    pub opens_at: SimTime,
    /// The build that started it.
    pub build: String,
    /// The moment at which virtual time begins, where whoever started it has chosen one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<UnixTime>,
}

impl Header {
    /// A header in this build's format.
    pub(crate) fn new(
        lab: &wirelab_scenario::Lab,
        plan: &wirelab_scenario::Plan,
        starts: Option<UnixTime>,
    ) -> Self {
        Self {
            format: FORMAT,
            lab: lab.name.clone(),
            scenario: plan.name.clone(),
            scenario_hash: plan.hash.clone(),
            seed: plan.seed,
            opens_at: lab.opens_at,
            build: build().to_owned(),
            starts,
        }
    }
}

/// The build, as journals name it.
#[must_use]
pub const fn build() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Number, from 1; never used twice.
    pub seq: u64,
    /// Virtual time at which it was done; for `advance` the moment before.
    pub at: SimTime,
    /// What was done.
    pub kind: EntryKind,
    /// SHA-256 of the reply, 16 hex digits: replay compares it. Empty if there is no reply.
    pub reply: SmolStr,
    /// What an undo makes of it.
    #[serde(default, skip_serializing_if = "Weight::is_step")]
    pub weight: Weight,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum EntryKind {
    /// A mutating API call, refused or not.
    Call {
        /// By whom.
        caller: Caller,
        /// What.
        call: Call,
    },
    /// A command on a machine.
    Host {
        /// The machine.
        host: SmolStr,
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// Time passed.
    Advance {
        /// The moment reached.
        until: SimTime,
    },
    /// An entry and all after it were taken back.
    Undo {
        /// Its number.
        of: u64,
    },
    /// A hint was taken. Moves nothing; an undo does not give it back.
    Hint {
        /// The task.
        task: SmolStr,
        /// The rung, from 0.
        rung: u32,
    },
    /// The answers were graded. Moves nothing.
    Check {
        /// Points reached.
        points: u32,
        /// Points of each task that was tried and graded.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        tasks: BTreeMap<SmolStr, u32>,
    },
    /// A prediction was made. Moves nothing; an undo does not unsay it.
    Predict {
        /// The task.
        task: SmolStr,
        /// The text of its answer file.
        answer: String,
    },
    /// A note: what somebody supposes. Moves nothing.
    Note {
        /// What was written.
        text: String,
    },
}

impl EntryKind {
    /// Whether it moves the world.
    #[must_use]
    pub const fn moves(&self) -> bool {
        matches!(
            self,
            Self::Call { .. } | Self::Host { .. } | Self::Advance { .. }
        )
    }

    /// Whether it is a change that a person would want back: anything but the passing of time.
    #[must_use]
    pub const fn changes(&self) -> bool {
        matches!(self, Self::Call { .. } | Self::Host { .. })
    }
}

/// As people read it: `ec2:CreateNetworkAclEntry RuleNumber=100 ...`, `exec app -- ping 10.0.0.1`.
impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call { call, .. } => {
                write!(f, "{call}")?;
                for (name, value) in &call.parameters {
                    match value.as_str() {
                        Some(text) => write!(f, " {name}={text}")?,
                        None => write!(f, " {name}={value}")?,
                    }
                }
                Ok(())
            }
            Self::Host { host, argv } => write!(f, "exec {host} -- {}", argv.join(" ")),
            Self::Advance { until } => write!(f, "advance to {until}"),
            Self::Undo { of } => write!(f, "undo of entry {of}"),
            Self::Hint { task, rung } => write!(f, "hint {} for {task}", rung + 1),
            Self::Check { points, .. } => write!(f, "check: {points} points"),
            Self::Predict { task, .. } => write!(f, "prediction of {task}"),
            Self::Note { text } => write!(f, "note: {text}"),
        }
    }
}

/// The entries of a whole log that move the world and were not taken back. Numbers in `log` must
/// rise.
#[must_use]
pub fn effective(log: &[Entry]) -> Vec<&Entry> {
    let mut kept: Vec<&Entry> = Vec::new();
    for entry in log {
        match entry.kind {
            EntryKind::Undo { of } => {
                kept.truncate(kept.partition_point(|earlier| earlier.seq < of));
            }
            _ if entry.kind.moves() => kept.push(entry),
            _ => {}
        }
    }
    kept
}

/// How long what is written may wait until it is on the disk.
const UNSYNCED_AT_MOST: Duration = Duration::from_secs(1);

/// The journal of a session: the file, and what was read of it.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    /// Device and inode: another file may come to have the same path.
    identity: (u64, u64),
    header: Header,
    entries: Vec<Kept>,
    shared: Shared,
    /// Which of them are in effect.
    effective: Vec<usize>,
    /// The latest moment that any of them has reached.
    reached: SimTime,
    /// How much of the file has been read.
    offset: u64,
    lines: usize,
    /// When it was last on the disk; none if all of it is.
    unsynced: Option<Instant>,
}

/// What others have appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// Nothing that moves the world, or so many entries that go on from where it was.
    Appended(usize),
    /// Something was taken back.
    Undone,
}

impl Journal {
    /// Makes the file with its header.
    pub(crate) fn create(path: &Path, header: Header) -> Result<Self, SessionError> {
        let line = sealed(&header);
        let written = opening().create_new(true).open(path);
        let written = written.and_then(|mut file| {
            file.write_all(line.as_bytes())?;
            file.sync_all()?;
            Ok((identity(&file.metadata()?), file))
        });
        let (identity, file) = written.map_err(|error| SessionError::file(path, error))?;
        Ok(Self::headed(path, file, identity, header, &line))
    }

    /// A file of which the header has been written or read.
    fn headed(path: &Path, file: File, identity: (u64, u64), header: Header, line: &str) -> Self {
        Self {
            path: path.to_owned(),
            file,
            identity,
            header,
            entries: Vec::new(),
            shared: Shared::default(),
            effective: Vec::new(),
            reached: SimTime::ZERO,
            offset: line.len() as u64,
            lines: 1,
            unsynced: None,
        }
    }

    /// Reads the file.
    pub(crate) fn open(path: &Path) -> Result<Self, SessionError> {
        let read = opening().open(path).and_then(|mut file| {
            let mut octets = Vec::new();
            file.read_to_end(&mut octets)?;
            Ok((octets, identity(&file.metadata()?), file))
        });
        let (octets, identity, file) = read.map_err(|error| SessionError::file(path, error))?;
        // A line cut in the middle of a character is damaged like any other.
        let text = String::from_utf8_lossy(&octets);
        let bad = |why: &str| SessionError::Journal {
            path: path.to_owned(),
            line: 1,
            why: why.to_owned(),
        };
        let line = text.split_inclusive('\n').next().unwrap_or_default();
        let header: Header = opened(line).ok_or_else(|| bad("the header is damaged"))?;
        if header.format != FORMAT {
            return Err(bad("this build reads format 1"));
        }
        let mut journal = Self::headed(path, file, identity, header, line);
        journal.catch_up()?;
        Ok(journal)
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    /// Every entry, those that were taken back included.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = Entry> {
        self.entries.iter().map(|it| it.entry(&self.shared))
    }

    /// What all of them did but calls and the passing of time.
    pub(crate) fn others(&self) -> impl DoubleEndedIterator<Item = &EntryKind> {
        self.entries.iter().filter_map(Kept::other)
    }

    /// The latest moment that any of them has reached.
    pub(crate) const fn reached(&self) -> SimTime {
        self.reached
    }

    /// The entries that move the world and were not taken back.
    pub(crate) fn effective(&self) -> impl DoubleEndedIterator<Item = Entry> {
        self.latest(self.effective.len())
    }

    /// The last so many of them.
    pub(crate) fn latest(&self, count: usize) -> impl DoubleEndedIterator<Item = Entry> {
        let from = self.effective.len() - count;
        let latest = self.effective[from..].iter();
        latest.map(|index| self.entries[*index].entry(&self.shared))
    }

    /// How many of them are changes of their own.
    pub(crate) fn changes(&self) -> usize {
        let effective = self.effective.iter().map(|index| &self.entries[*index]);
        effective.filter(|it| it.is_change()).count()
    }

    fn push(&mut self, entry: Entry) {
        match entry.kind {
            EntryKind::Undo { of } => {
                let entries = &self.entries;
                let left = self
                    .effective
                    .partition_point(|index| entries[*index].seq < of);
                self.effective.truncate(left);
            }
            _ if entry.kind.moves() => self.effective.push(self.entries.len()),
            _ => {}
        }
        let kept = Kept::of(entry, &mut self.shared);
        self.reached = self.reached.max(kept.reached());
        self.entries.push(kept);
    }

    /// Reads what other processes have appended, unless the session was replaced. A last line that
    /// is cut short or damaged was never confirmed: it is cut off. The session's lock must be held.
    pub(crate) fn catch_up(&mut self) -> Result<News, SessionError> {
        let before = self.effective.len();
        let mut undone = false;
        let appended = self.read_from_offset()?;
        let mut lines = appended.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            match opened::<Entry>(line) {
                Some(entry) => {
                    undone |= matches!(entry.kind, EntryKind::Undo { .. });
                    self.push(entry);
                    self.offset += line.len() as u64;
                    self.lines += 1;
                }
                None if lines.peek().is_none() => self.cut()?,
                None => {
                    return Err(SessionError::Journal {
                        path: self.path.clone(),
                        line: self.lines + 1,
                        why: "the checksum is wrong, and more lines follow".to_owned(),
                    });
                }
            }
        }
        Ok(match undone {
            true => News::Undone,
            false => News::Appended(self.effective.len() - before),
        })
    }

    fn read_from_offset(&self) -> Result<String, SessionError> {
        let failed = |error| SessionError::file(&self.path, error);
        let there = std::fs::metadata(&self.path).map_err(failed)?;
        if identity(&there) != self.identity {
            let folder = self.path.ancestors().nth(2).unwrap_or(&self.path);
            return Err(SessionError::Replaced {
                dir: folder.to_owned(),
            });
        }
        let length = there.len().saturating_sub(self.offset);
        let mut octets = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.file
            .read_exact_at(&mut octets, self.offset)
            .map_err(failed)?;
        // A line cut in the middle of a character is damaged like any other.
        Ok(String::from_utf8_lossy(&octets).into_owned())
    }

    fn cut(&self) -> Result<(), SessionError> {
        let cut = self.file.set_len(self.offset);
        cut.map_err(|error| SessionError::file(&self.path, error))
    }

    /// Appends an entry, which is confirmed when this returns. The session's lock must be held.
    pub(crate) fn append(
        &mut self,
        at: SimTime,
        kind: EntryKind,
        reply: SmolStr,
        weight: Weight,
    ) -> Result<Entry, SessionError> {
        let entry = Entry {
            seq: self.next_seq(),
            at,
            kind,
            reply,
            weight,
        };
        let line = sealed(&entry);
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            // What was written of it would stand in the way of the next line.
            self.cut()?;
            return Err(SessionError::file(&self.path, error));
        }
        self.offset += line.len() as u64;
        self.lines += 1;
        self.push(entry.clone());
        let since = *self.unsynced.get_or_insert_with(Instant::now);
        if since.elapsed() >= UNSYNCED_AT_MOST {
            self.sync()?;
        }
        Ok(entry)
    }

    /// Hands everything to the disk.
    pub(crate) fn sync(&mut self) -> Result<(), SessionError> {
        if self.unsynced.take().is_some() {
            let synced = self.file.sync_data();
            synced.map_err(|error| SessionError::file(&self.path, error))?;
        }
        Ok(())
    }

    /// The number of the next entry.
    pub(crate) fn next_seq(&self) -> u64 {
        self.entries.last().map_or(1, |entry| entry.seq + 1)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Nobody is left who could be told.
        self.sync().ok();
    }
}

/// The file is read, and added to at its end, whoever else adds to it.
fn opening() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    options
}

/// Device and inode.
fn identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

const SEAL: &str = ",\"checksum\":\"";

/// The value as one line of JSON with a checksum as its last member.
fn sealed<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_string(value).expect("entries have text keys");
    let body = json.strip_suffix('}').expect("entries are objects");
    format!("{body}{SEAL}{}\"}}\n", digest16(json.as_bytes()))
}

/// The value of a line whose checksum is right.
fn opened<T: DeserializeOwned>(line: &str) -> Option<T> {
    let (body, seal) = line.strip_suffix("\"}\n")?.rsplit_once(SEAL)?;
    let json = format!("{body}}}");
    if digest16(json.as_bytes()) != seal {
        return None;
    }
    serde_json::from_str(&json).ok()
}

/// 16 hex digits of SHA-256.
pub(crate) fn digest16(bytes: &[u8]) -> SmolStr {
    let digest = Sha256::digest(bytes);
    let hex = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
    hex.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            format: FORMAT,
            lab: "lab".to_owned(),
            scenario: "scenario".to_owned(),
            scenario_hash: "00".to_owned(),
            seed: Seed::whole(7),
            opens_at: SimTime::from_secs(60),
            build: "test".to_owned(),
            starts: None,
        }
    }

    fn journal_of(kinds: Vec<EntryKind>) -> (tempfile::TempDir, Journal) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("journal.jsonl");
        let mut journal = Journal::create(&path, header()).expect("a new journal");
        for kind in kinds {
            journal
                .append(SimTime::ZERO, kind, SmolStr::default(), Weight::Step)
                .expect("an entry");
        }
        (dir, journal)
    }

    fn advance(secs: u64) -> EntryKind {
        EntryKind::Advance {
            until: SimTime::from_secs(secs),
        }
    }

    #[test]
    fn an_undo_cuts_the_entry_and_all_after_it_and_numbers_are_not_reused() {
        let kinds = vec![
            advance(1),
            advance(2),
            EntryKind::Undo { of: 2 },
            advance(9),
        ];
        let (_dir, journal) = journal_of(kinds);
        let left: Vec<u64> = journal.effective().map(|entry| entry.seq).collect();
        assert_eq!(left, [1, 4]);
        assert_eq!(journal.next_seq(), 5);
    }

    #[test]
    fn a_last_line_that_was_not_confirmed_is_cut_and_the_rest_is_kept() {
        let (_dir, journal) = journal_of(vec![advance(1), advance(2)]);
        let whole = std::fs::read(&journal.path).expect("a journal");
        let second = whole.iter().rposition(|byte| *byte == b'{').expect("lines");
        let second_line = whole[..second]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .expect("lines");
        for length in second_line + 2..whole.len() {
            std::fs::write(&journal.path, &whole[..length]).expect("a shorter journal");
            let read = Journal::open(&journal.path).expect("a readable journal");
            assert_eq!(read.all().count(), 1, "cut to {length} octets");
            let left = std::fs::metadata(&journal.path).expect("a journal").len();
            assert_eq!(left, second_line as u64 + 1, "cut to {length} octets");
        }
    }

    #[test]
    fn damage_in_the_middle_is_an_error_that_names_the_line() {
        let (_dir, journal) = journal_of(vec![advance(1), advance(2)]);
        let text = std::fs::read_to_string(&journal.path).expect("a journal");
        let damaged = text.replacen("\"seq\":1", "\"seq\":8", 1);
        std::fs::write(&journal.path, damaged).expect("a damaged journal");
        let error = Journal::open(&journal.path).expect_err("damage");
        assert!(
            error.to_string().contains(":2: the checksum is wrong"),
            "{error}"
        );
    }
}
