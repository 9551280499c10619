//! Submissions of many learners, one after the other.
//!
//! [`Batch::grade`] takes the octets of one file and gives one [`Graded`], always: with a report,
//! or with the reason why there is none. Nothing in a file is trusted. It is read under [`Limits`],
//! its journal is replayed on its seed under the same limits, and the score is made anew; what does
//! not fit (a broken chain, a reply that the replay does not give) is a remark. What cannot be
//! graded is never zero points: `unreadable` and `refused` are the file's fault, `our-fault` is a
//! mistake in wirelab or in a lab, a panic included.
//!
//! A result holds no wall time of the grading, so it is the same whenever and wherever it is made.

mod replay;
mod told;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use wirelab_model::{Seed, SimDuration};
use wirelab_session::{Content, Entry, Session, effective};

pub use self::told::Done;
use crate::error::GradeError;
use crate::grade::Grader;
use crate::report::Report;
use crate::submission::{Said, Submission};
use crate::submitted::{Claimed, FORMAT, KIND, Log, Submitted, fingerprint};
use crate::variant;

/// Version of a result's JSON form.
pub const SCHEMA_VERSION: u32 = 1;

/// How the reason begins where a submission's lab is not among those that are graded.
pub const NO_LAB: &str = "there is no lab";

/// How the reason begins where a seed is not that of its learner in the course.
pub const OTHER_SEED: &str = "its seed is not that";

/// What one submission may take. All of it is counted, so that it is the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a file.
    pub octets: usize,
    /// Entries of a journal.
    pub entries: usize,
    /// Octets of one answer.
    pub answer: usize,
    /// Virtual time from the lab's opening to the end of the journal.
    pub virtual_time: SimDuration,
    /// Moments at which something happens while the journal lets time pass.
    pub moments: u64,
    /// Resources and rules that the network has at any time: what every call goes through.
    pub resources: usize,
}

impl Default for Limits {
    /// Far beyond what people do in a lab.
    fn default() -> Self {
        Self {
            octets: 4 << 20,
            entries: 10_000,
            answer: 64 << 10,
            virtual_time: SimDuration::from_secs(48 * 3600),
            moments: 20_000_000,
            resources: 5_000,
        }
    }
}

impl Limits {
    /// What of a session's journal is beyond them, so that what is handed in would not be graded.
    #[must_use]
    pub fn beyond(&self, session: &Session) -> Option<String> {
        let until = session.lab().opens_at + self.virtual_time;
        if session.now() > until {
            return Some(format!(
                "it is later than {until}, the end of what is replayed of a submission: `wirelab \
                 undo` takes time back"
            ));
        }
        for task in &session.lab().tasks {
            let answer = session.answer(&task.name).ok().flatten();
            if answer.is_some_and(|it| it.len() > self.answer) {
                return Some(too_long(&task.name, self));
            }
        }
        let entries = session.log().len();
        (entries > self.entries).then(|| {
            let most = self.entries;
            format!(
                "its journal has {entries} entries, and no more than {most} are graded: `wirelab \
                 start LAB --again` begins a new one"
            )
        })
    }
}

/// What became of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It has a report.
    Graded,
    /// It is no submission, or a damaged one.
    Unreadable,
    /// It is a submission that is not graded here: other content, or beyond the limits.
    Refused,
    /// It should have been graded.
    OurFault,
}

/// One submission's result.
#[derive(Clone, Debug, Serialize)]
pub struct Graded {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The file's name.
    pub file: String,
    /// The file's SHA-256 in hex; empty if it was not read to its end.
    pub sha256: String,
    /// What became of it.
    pub status: Status,
    /// Why there is no report.
    pub reason: Option<String>,
    /// The lab.
    pub lab: Option<String>,
    /// The seed.
    pub seed: Option<Seed>,
    /// Whose it says it is; with a course, its seed is that learner's.
    pub learner: Option<String>,
    /// The log that was handed in: others have the same only if they handed in the same.
    pub log: Option<Log>,
    /// What graded it.
    pub grader: GradedBy,
    /// What does not fit, and changes no score.
    pub remarks: Vec<String>,
    /// Whether the hash chain fits; true of what was not read.
    pub chain_holds: bool,
    /// What the learner's machine said.
    pub claimed: Option<Claimed>,
    /// How many rungs of each task's hint ladder were taken, by the journal, whatever they cost.
    pub hints_taken: BTreeMap<String, u32>,
    /// How often each task's verdict was asked for, by the journal; one check may be of all tasks.
    /// What the learner's machine noted: it decides nothing.
    pub checks: BTreeMap<String, u32>,
    /// Tasks without an answer or a change.
    pub not_attempted: Vec<String>,
    /// What the learner did, in order.
    pub journal: Vec<Done>,
    /// The report.
    pub report: Option<Report>,
}

/// What a result was made with: with the same, the same file gives the same result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GradedBy {
    /// The build.
    pub build: String,
    /// The lab's hash: see [`wirelab_scenario::Lab::hash`].
    pub lab_hash: Option<String>,
    /// The SHA-256 of the scenario's text in hex.
    pub scenario_hash: Option<String>,
    /// Whose seeds were asked for: see [`variant::fingerprint`].
    pub course: Option<String>,
}

impl Graded {
    /// A result without a report.
    #[must_use]
    pub fn without_report(file: &str, status: Status, reason: impl Into<String>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            file: file.to_owned(),
            sha256: String::new(),
            status,
            reason: Some(reason.into()),
            lab: None,
            seed: None,
            learner: None,
            log: None,
            grader: GradedBy {
                build: wirelab_session::build().to_owned(),
                ..GradedBy::default()
            },
            remarks: Vec::new(),
            chain_holds: true,
            claimed: None,
            hints_taken: BTreeMap::new(),
            checks: BTreeMap::new(),
            not_attempted: Vec::new(),
            journal: Vec::new(),
            report: None,
        }
    }
}

/// Why a submission has no report.
#[derive(Debug)]
struct Ungraded {
    status: Status,
    reason: String,
}

impl Ungraded {
    fn unreadable(reason: impl Into<String>) -> Self {
        let (status, reason) = (Status::Unreadable, reason.into());
        Self { status, reason }
    }

    fn refused(reason: impl Into<String>) -> Self {
        let (status, reason) = (Status::Refused, reason.into());
        Self { status, reason }
    }
}

/// What comes here as an error is the content's fault or ours: answers are judged, not refused.
impl From<GradeError> for Ungraded {
    fn from(error: GradeError) -> Self {
        let (status, reason) = (Status::OurFault, error.to_string());
        Self { status, reason }
    }
}

/// Grades submissions in turn. The lab and the runs of the last one are kept for the next.
#[derive(Debug)]
pub struct Batch {
    content: Content,
    limits: Limits,
    course: Option<String>,
    last: Option<(String, Seed, Grader<'static>)>,
}

impl Batch {
    /// A batch over the labs of `content`.
    #[must_use]
    pub const fn new(content: Content, limits: Limits) -> Self {
        Self {
            content,
            limits,
            course: None,
            last: None,
        }
    }

    /// From now on takes only submissions whose seed is their learner's in the course with that
    /// code; `None`: any seed.
    pub fn set_course(&mut self, code: Option<String>) {
        self.course = code;
    }

    /// Grades the submission that is in `octets`, called `file`.
    pub fn grade(&mut self, file: &str, octets: &[u8]) -> Graded {
        let mut graded = Graded::without_report(file, Status::Graded, "");
        graded.reason = None;
        graded.grader.course = self.course.as_deref().map(variant::fingerprint);
        graded.sha256 = fingerprint(octets);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.fill(&mut graded, octets)));
        let ungraded = match outcome {
            Ok(Ok(())) => return graded,
            Ok(Err(ungraded)) => ungraded,
            Err(panic) => {
                // What it was working on is in no known state.
                self.last = None;
                let (status, reason) = (Status::OurFault, said(panic.as_ref()));
                Ungraded { status, reason }
            }
        };
        graded.status = ungraded.status;
        graded.reason = Some(ungraded.reason);
        graded.report = None;
        graded
    }

    fn fill(&mut self, graded: &mut Graded, octets: &[u8]) -> Result<(), Ungraded> {
        let limits = self.limits;
        let submitted = read(octets, &limits)?;
        graded.lab = Some(submitted.lab.clone());
        graded.seed = Some(submitted.seed);
        graded.learner.clone_from(&submitted.learner);
        graded.claimed = Some(submitted.claimed.clone());
        graded.log = submitted.log();
        let broken = submitted.broken_chain();
        graded.chain_holds = broken.is_none();
        graded.remarks.extend(broken);
        if let Some(code) = &self.course {
            is_learners(code, &submitted)?;
        }
        let grader = self.grader(&submitted)?;
        let (lab, scenario) = grader.subject();
        graded.grader.lab_hash = Some(lab.hash.clone());
        graded.grader.scenario_hash = Some(scenario.hash.clone());
        if scenario.hash != submitted.scenario_hash {
            return Err(Ungraded::refused(format!(
                "it was made with another text of the scenario `{}` (SHA-256 {:.12}, here {:.12})",
                lab.scenario, submitted.scenario_hash, scenario.hash
            )));
        }
        if submitted.opens_at != lab.opens_at {
            let reason = "it opens at another time than the lab does";
            return Err(Ungraded::refused(reason));
        }
        graded.remarks.extend(remarks(&submitted, &lab.hash));
        let entries: Vec<Entry> = effective(&submitted.journal).into_iter().cloned().collect();
        let replayed = replay::replay(grader.material(), submitted.seed, &entries, &limits)?;
        graded.remarks.extend(replayed.drift);
        graded.journal = told::journal(&submitted.journal, &replayed.names);
        graded.hints_taken = submitted.hints();
        graded.checks = submitted.checks();
        let hints = submitted.hints_counted().into_iter();
        let answers = submitted.answers.into_iter();
        let answers = answers.map(|(task, text)| (task, wirelab_session::plain(&text)));
        let submission = Submission {
            seed: submitted.seed,
            entries,
            answers: answers.collect(),
            hints: hints.map(|(task, rungs)| (task, rungs as usize)).collect(),
            said: Said::of(grader.subject().0, &submitted.journal),
            now: replayed.now,
        };
        let report = grader.grade(&submission)?;
        graded.not_attempted = not_attempted(&report);
        graded.report = Some(report);
        Ok(())
    }

    /// The grader of the submission's lab. Runs of another seed are let go: they would add up.
    fn grader(&mut self, submitted: &Submitted) -> Result<&Grader<'static>, Ungraded> {
        let (name, seed) = (&submitted.lab, submitted.seed);
        let kept = self.last.take().filter(|(lab, _, _)| lab == name);
        let grader = match kept {
            Some((_, before, grader)) => {
                if before != seed {
                    grader.forget();
                }
                grader
            }
            None => self.load(name)?,
        };
        let last = self.last.insert((name.clone(), seed, grader));
        Ok(&last.2)
    }

    fn load(&self, name: &str) -> Result<Grader<'static>, Ungraded> {
        // A name is one folder below `labs`, and not a way elsewhere.
        let labs = self.content.labs().unwrap_or_default();
        if !labs.iter().any(|lab| lab == name) {
            return Err(Ungraded::refused(format!("{NO_LAB} `{name}` here")));
        }
        let lab = self.content.lab(name).map_err(GradeError::from)?;
        let scenario = self.content.scenario(&lab.scenario);
        let scenario = scenario.map_err(GradeError::from)?;
        Ok(Grader::new(lab, scenario))
    }
}

/// Refuses a seed that is not the learner's.
fn is_learners(code: &str, submitted: &Submitted) -> Result<(), Ungraded> {
    let Some(learner) = &submitted.learner else {
        return Err(Ungraded::refused("it names no learner of the course"));
    };
    let seed = Seed::whole(variant::seed(code, learner, &submitted.lab));
    if seed == submitted.seed {
        return Ok(());
    }
    Err(Ungraded::refused(format!(
        "{OTHER_SEED} of the learner `{:.60}` in this course",
        learner.escape_debug().to_string()
    )))
}

/// Reads a file, and refuses what is beyond the limits.
fn read(octets: &[u8], limits: &Limits) -> Result<Submitted, Ungraded> {
    if octets.len() > limits.octets {
        return Err(Ungraded::refused(too_large(limits)));
    }
    if is_archive(octets) {
        let reason = "it is an archive: unpack it, and grade the folder";
        return Err(Ungraded::refused(reason));
    }
    // RFC 8259, section 8.1: a byte order mark may be ignored.
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    let submitted: Submitted = serde_json::from_slice(octets)
        .map_err(|error| Ungraded::unreadable(format!("it is no submission: {error}")))?;
    if submitted.kind != KIND {
        return Err(Ungraded::unreadable(format!("it is no `{KIND}`")));
    }
    if submitted.format != FORMAT {
        let found = submitted.format;
        let reason = format!("it has format {found}; this build reads format {FORMAT}");
        return Err(Ungraded::refused(reason));
    }
    let entries = submitted.journal.len();
    if entries > limits.entries {
        let most = limits.entries;
        let reason = format!("its journal has {entries} entries, more than {most}");
        return Err(Ungraded::refused(reason));
    }
    for (task, answer) in &submitted.answers {
        if answer.len() > limits.answer {
            return Err(Ungraded::refused(too_long(task, limits)));
        }
    }
    if let Some(odd) = submitted.odd_word() {
        return Err(Ungraded::unreadable(odd));
    }
    in_order(&submitted.journal)?;
    Ok(submitted)
}

fn too_long(task: &str, limits: &Limits) -> String {
    let most = limits.answer >> 10;
    format!("the answer to `{task:.40}` is larger than {most} KiB")
}

/// Whether this is what zip, gzip or tar make. None of it is unpacked.
fn is_archive(octets: &[u8]) -> bool {
    let starts = [&b"PK\x03\x04"[..], &[0x1f, 0x8b]];
    starts.iter().any(|it| octets.starts_with(it)) || octets.get(257..262) == Some(b"ustar")
}

/// What is said of a file that is not read because of its size.
#[must_use]
pub fn too_large(limits: &Limits) -> String {
    format!("it is larger than {} MiB", limits.octets >> 20)
}

/// Numbers rise, and so does time among entries that were not taken back.
fn in_order(journal: &[Entry]) -> Result<(), Ungraded> {
    let broken = |entry: &Entry| {
        let seq = entry.seq;
        Ungraded::unreadable(format!("entry {seq} of its journal is out of order"))
    };
    if let Some(pair) = journal.windows(2).find(|it| it[0].seq >= it[1].seq) {
        return Err(broken(&pair[1]));
    }
    let effective = effective(journal);
    match effective.windows(2).find(|it| it[0].at > it[1].at) {
        Some(pair) => Err(broken(pair[1])),
        None => Ok(()),
    }
}

fn remarks(submitted: &Submitted, lab_hash: &str) -> Vec<String> {
    let mut remarks = Vec::new();
    if submitted.lab_hash != lab_hash {
        remarks.push("it was made with another text of the lab".to_owned());
    }
    let build = wirelab_session::build();
    if submitted.build != build {
        remarks.push(format!("it was made with build {}", submitted.build));
    }
    let counted: BTreeMap<String, u32> = submitted.hints();
    if submitted.claimed.hints != counted {
        remarks
            .push("it claims other hints than its journal has; the more of both count".to_owned());
    }
    remarks
}

/// Tasks that nobody has tried.
fn not_attempted(report: &Report) -> Vec<String> {
    let tasks = report.tasks.iter().filter(|task| task.is_untried());
    tasks.map(|task| task.task.to_string()).collect()
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("wirelab panicked: {}", text.unwrap_or("no message"))
}
