//! The file that a learner hands in.
//!
//! One small JSON file that says all that grading needs: lab and scenario with the hashes of their
//! texts, seed, the whole journal, answers. `wirelab submit` writes it; [`batch`](crate::batch)
//! reads it, and runs everything again.
//!
//! ```text
//! head ──▶ link 0 ──entry 1──▶ link 1 ── ... ──entry n──▶ link n ──answers, claims──▶ seal
//! ```
//!
//! Each link is the SHA-256 of the one before and of the JSON of an entry, so that an accident or a
//! hand in the file shows, and where. Whoever has the program can make a new chain: it proves
//! integrity, not authorship, and nothing is scored by it. Wall times are what the learner's
//! machine said, and stand under `claimed`. `labs/submission.schema.json` describes the form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;
use wirelab_model::{Seed, SimTime, hex};
use wirelab_session::{Entry, EntryKind, Session};

use crate::error::GradeError;
use crate::variant;

/// What every submission says it is.
pub const KIND: &str = "wirelab-submission";

/// The format this build writes and reads.
pub const FORMAT: u32 = 1;

/// A submission as its file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submitted {
    /// [`KIND`].
    pub kind: String,
    /// [`FORMAT`].
    pub format: u32,
    /// The lab ...
    pub lab: String,
    /// ... and its hash: see [`wirelab_scenario::Lab::hash`].
    pub lab_hash: String,
    /// The scenario ...
    pub scenario: String,
    /// ... and the SHA-256 of its file in hex.
    pub scenario_hash: String,
    /// What the learner's network was drawn from.
    pub seed: Seed,
    /// Virtual time at which the lab opened.
    pub opens_at: SimTime,
    /// The build that started the journal.
    pub build: String,
    /// Whose it is, in a course: see [`variant`](crate::variant).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learner: Option<String>,
    /// What only the learner's machine says.
    pub claimed: Claimed,
    /// The whole journal: what was taken back, hints and checks included.
    pub journal: Vec<Entry>,
    /// The text of each answer file, by task.
    pub answers: BTreeMap<String, String>,
    /// A link for each entry: 16 hex digits.
    pub links: Vec<SmolStr>,
    /// The end of the chain: SHA-256 in hex.
    pub seal: String,
}

/// What cannot be proved, and decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claimed {
    /// Wall time at which the session was started, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// Wall time at which the file was written, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<String>,
    /// The build that wrote the file.
    pub submitted_with: String,
    /// How many rungs of each task's hint ladder were taken.
    pub hints: BTreeMap<String, u32>,
}

/// What tells a log of work from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// SHA-256 in hex over lab, journal and answers.
    pub sha256: String,
    /// Entries of the journal.
    pub entries: usize,
}

impl Submitted {
    /// What `session` has to hand in. Times are RFC 3339.
    ///
    /// # Errors
    /// Answer files that cannot be read.
    pub fn of_session(
        session: &Session,
        started_at: Option<String>,
        submitted_at: Option<String>,
    ) -> Result<Self, GradeError> {
        let header = session.header();
        let mut answers = BTreeMap::new();
        for task in &session.lab().tasks {
            if let Some(answer) = session.answer(&task.name)? {
                answers.insert(task.name.clone(), answer);
            }
        }
        let mut submitted = Self {
            kind: KIND.to_owned(),
            format: FORMAT,
            lab: header.lab.clone(),
            lab_hash: session.lab().hash.clone(),
            scenario: header.scenario.clone(),
            scenario_hash: header.scenario_hash.clone(),
            seed: header.seed,
            opens_at: header.opens_at,
            build: header.build.clone(),
            learner: None,
            claimed: Claimed {
                started_at,
                submitted_at,
                submitted_with: wirelab_session::build().to_owned(),
                hints: BTreeMap::new(),
            },
            journal: session.log(),
            answers,
            links: Vec::new(),
            seal: String::new(),
        };
        submitted.claimed.hints = submitted.hints();
        submitted.seal();
        Ok(submitted)
    }

    /// Makes the chain anew.
    pub fn seal(&mut self) {
        (self.links, self.seal) = self.chain();
    }

    /// What is wrong with the words that results repeat of it: nobody was given such a name, and no
    /// build writes such a text.
    #[must_use]
    pub fn odd_word(&self) -> Option<String> {
        let claimed = &self.claimed;
        let always = [
            ("lab", &self.lab),
            ("scenario", &self.scenario),
            ("build", &self.build),
            ("submitted_with", &claimed.submitted_with),
        ];
        let sometimes = [
            ("learner", &self.learner),
            ("started_at", &claimed.started_at),
            ("submitted_at", &claimed.submitted_at),
        ];
        let sometimes = sometimes.into_iter();
        let sometimes = sometimes.filter_map(|(name, text)| Some((name, text.as_ref()?)));
        let mut words = always.into_iter().chain(sometimes);
        words.find_map(|(name, text)| {
            let why = variant::word(text).err()?;
            Some(format!("its `{name}` {why}"))
        })
    }

    /// What the chain proves wrong; `None` if it holds.
    #[must_use]
    pub fn broken_chain(&self) -> Option<String> {
        let (links, seal) = self.chain();
        let pairs = links.iter().zip(&self.links);
        let same = pairs.take_while(|(ours, theirs)| ours == theirs).count();
        if let Some(entry) = self.journal.get(same) {
            let seq = entry.seq;
            return Some(format!(
                "the hash chain breaks at entry {seq} of the journal"
            ));
        }
        (links.len() != self.links.len() || seal != self.seal)
            .then(|| "the hash chain does not fit answers and claims".to_owned())
    }

    /// The rungs taken of each task's ladder, as the journal has them.
    #[must_use]
    pub fn hints(&self) -> BTreeMap<String, u32> {
        let mut taken = BTreeMap::new();
        for entry in &self.journal {
            if let EntryKind::Hint { task, rung } = &entry.kind {
                let rungs: &mut u32 = taken.entry(task.to_string()).or_default();
                *rungs = (*rungs).max(rung.saturating_add(1));
            }
        }
        taken
    }

    /// How often each task was checked once something was there to check, as the journal has it.
    #[must_use]
    pub fn checks(&self) -> BTreeMap<String, u32> {
        let mut checks = BTreeMap::new();
        for entry in &self.journal {
            if let EntryKind::Check { tasks, .. } = &entry.kind {
                for task in tasks.keys() {
                    let of_task: &mut u32 = checks.entry(task.to_string()).or_default();
                    *of_task = of_task.saturating_add(1);
                }
            }
        }
        checks
    }

    /// The rungs that are paid for: as the journal has them or as the file says, whichever are
    /// more.
    #[must_use]
    pub fn hints_counted(&self) -> BTreeMap<String, u32> {
        let mut counted = self.hints();
        for (task, rungs) in &self.claimed.hints {
            let known = counted.entry(task.clone()).or_default();
            *known = (*known).max(*rungs);
        }
        counted
    }

    /// What was done and answered, told from other logs: entries without what replies they brought,
    /// and answers. Who hands in somebody else's log has the same, under any name and seed. `None`:
    /// an empty journal tells nobody from another.
    #[must_use]
    pub fn log(&self) -> Option<Log> {
        let done = self.journal.iter().map(|entry| (entry.at, &entry.kind));
        let done: Vec<_> = done.collect();
        (!done.is_empty()).then(|| Log {
            sha256: hex(&digest(&[], &(&self.lab, &done, &self.answers))),
            entries: done.len(),
        })
    }

    fn chain(&self) -> (Vec<SmolStr>, String) {
        let head = (
            (&self.kind, self.format, &self.lab, &self.lab_hash),
            (&self.scenario, &self.scenario_hash, self.seed),
            (self.opens_at, &self.build),
        );
        let mut link = digest(&[], &head);
        if let Some(learner) = &self.learner {
            link = digest(&link, learner);
        }
        let mut links = Vec::with_capacity(self.journal.len());
        for entry in &self.journal {
            link = digest(&link, entry);
            links.push(hex(&link[..8]).into());
        }
        let seal = digest(&link, &(&self.answers, &self.claimed));
        (links, hex(&seal))
    }
}

fn digest(before: &[u8], value: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(value).expect("text keys, finite numbers");
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(json);
    hash.finalize().to_vec()
}

/// The SHA-256 of a file, in hex.
#[must_use]
pub fn fingerprint(octets: &[u8]) -> String {
    hex(&Sha256::digest(octets))
}
