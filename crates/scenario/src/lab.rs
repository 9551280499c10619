//! `lab.toml`: tasks posed on a scenario.

pub mod expression;
mod handout;
mod prediction;
pub(crate) mod read;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wirelab_model::{SimDuration, SimTime};

use self::expression::{Expression, Question};
use crate::error::{ContentErrors, Source};

/// A lab: a story on a scenario, with tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lab {
    /// The folder it was read from.
    pub dir: PathBuf,
    /// Name; equals the folder's.
    pub name: String,
    /// One line for lists.
    pub title: String,
    /// Name of the scenario: `../../scenarios/NAME` from the lab's folder.
    pub scenario: String,
    /// Virtual time at which the learner arrives: after the evidence was delivered.
    pub opens_at: SimTime,
    /// How long it takes, for lists.
    pub minutes: u32,
    /// Skills it teaches.
    pub teaches: Vec<String>,
    /// Skills that should be there before.
    pub requires: Vec<String>,
    /// `traffic` parts of the seed that answers are graded on as well.
    pub hidden_traffic_seeds: Vec<u64>,
    /// Run on after a mutating call until what it started has settled (`design.md` section 5).
    pub settle: bool,
    /// Capture points and flow logs whose evidence a learner gets as files; all if empty.
    pub evidence: Vec<String>,
    /// The tasks, in the order they are posed.
    pub tasks: Vec<LabTask>,
    /// SHA-256 in hex of what learners get of the file: see [`Lab::handed_out`].
    pub hash: String,
    pub(crate) source: Arc<Source>,
}

/// One graded thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabTask {
    /// Name: a word, unique in the lab; the answer's file is `answers/NAME.EXT`.
    pub name: String,
    /// One line.
    pub title: String,
    /// Full score.
    pub points: u32,
    /// What is asked.
    pub kind: TaskKind,
    /// The ladder, from a nudge to the solution.
    pub hints: Vec<Hint>,
}

/// A rung of the hint ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The hint. `${..}` is filled from the plan ([`crate::Plan::fill`]).
    pub text: String,
    /// Points it costs, out of what its task gives.
    pub price: u32,
}

/// What a task asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// `answer`: a value.
    Answer(AnswerTask),
    /// `tcpdump-filter`: a pcap expression.
    TcpdumpFilter(FilterTask),
    /// `logs-insights`: a query.
    LogsInsights(QueryTask),
    /// `athena`: a query in SQL, or a script that makes its table first.
    Athena(AthenaTask),
    /// `prediction`: what will happen, said before it does.
    Prediction(PredictionTask),
    /// `fix`: a changed network.
    Fix(FixTask),
}

impl TaskKind {
    /// The word in the file.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::TcpdumpFilter(_) => "tcpdump-filter",
            Self::LogsInsights(_) => "logs-insights",
            Self::Athena(_) => "athena",
            Self::Prediction(_) => "prediction",
            Self::Fix(_) => "fix",
        }
    }

    /// Whether answers are held against a reference solution: repairs, values and predictions are
    /// graded by what the network does.
    #[must_use]
    pub const fn needs_solution(&self) -> bool {
        matches!(
            self,
            Self::TcpdumpFilter(_) | Self::LogsInsights(_) | Self::Athena(_)
        )
    }

    /// Extension of the answer's file; `None` for fixes, which are in the journal.
    #[must_use]
    pub const fn extension(&self) -> Option<&'static str> {
        match self {
            Self::Answer(_) | Self::Prediction(_) => Some("txt"),
            Self::TcpdumpFilter(_) => Some("bpf"),
            Self::LogsInsights(_) => Some("insights"),
            Self::Athena(_) => Some("sql"),
            Self::Fix(_) => None,
        }
    }
}

/// What an `answer` task wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerTask {
    /// The question, in one line.
    pub question: String,
    /// One value, or several parts that are all asked for.
    pub parts: Vec<AnswerPart>,
}

/// One value of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerPart {
    /// What it is called in the answer file (`mtu: 1446`); empty if the answer is one value alone.
    pub name: String,
    /// Reference to the value: `variant.bottleneck.mtu`, `network_acl.db`,
    /// `instance.app.private_ip_address`. Resolved by [`crate::Plan::resolve`].
    pub expected: String,
    /// Further references whose values are right as well.
    pub accepts: Vec<String>,
    /// If not empty: the answer is one of these words.
    pub choices: Vec<String>,
    /// What the evidence at the lab's opening gives as the answer: the proof of `expected`.
    pub proof: Option<Expression>,
    /// What the evidence is asked about a wrong answer, which stands there as `${answer}`: what it
    /// shows speaks against it.
    pub against: Vec<Expression>,
}

/// What a `prediction` task wants: an answer that is given before its evidence is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictionTask {
    /// The question, in one line.
    pub question: String,
    /// When the evidence begins to show the answer. What is said later is no prediction. A
    /// prediction that is not about the timeline has [`Lab::opens_at`] here: it is played at once
    /// when it has been made.
    pub at: SimTime,
    /// The time from the scenario's start that the expressions look at.
    pub window: (SimTime, SimTime),
    /// One value, or several parts that are all asked for.
    pub parts: Vec<PredictionPart>,
}

/// One value of a prediction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredictionPart {
    /// What it is called in the answer file; empty if the prediction is one value alone.
    pub name: String,
    /// If not empty: the prediction is one of these words.
    pub choices: Vec<String>,
    /// What is done to a copy of the network at `at`, in the lines of `.calls` files; may be
    /// nothing: time shows it.
    pub play: Vec<String>,
    /// What the evidence then gives.
    pub truth: Expression,
}

/// What a `tcpdump-filter` task wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterTask {
    /// Capture point: `instance.app` (its primary interface), `nat_gateway.out`, `host.client`.
    pub capture: String,
    /// A pcap expression: outside it, differences are no error.
    pub scope: Option<String>,
    /// Graded on other addresses and variants as well; the ticket forbids literals.
    pub portable: bool,
}

/// How result sets are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Same rows, any order; column names are free.
    Rows,
    /// Same rows, same order.
    OrderedRows,
    /// Every expected row is there; others may be.
    Contains,
    /// The values of the named columns, others ignored.
    Columns,
}

/// A kind of record that a log could have, made from one that it has so that a query is separated
/// from its near misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NearMiss {
    /// Accepted for refused, refused for accepted.
    OtherAction,
    /// The service's port, one more; and ports that have the digits of one that the reference
    /// names.
    OtherPort,
    /// UDP for TCP; TCP for any other.
    OtherProtocol,
    /// No TCP flags for some, SYN for none.
    OtherFlags,
    /// The way back.
    Reversed,
    /// An end beside each address and block that the reference names, and at addresses that hold
    /// the text of these.
    Neighbours,
    /// Each number that the reference names, and those beside it, as port, flags, packets, bytes,
    /// and as the seconds that a conversation lasts.
    Boundaries,
    /// Sources that try as many ports, or as many addresses, as each number that the reference
    /// names says, and one less and one more.
    FanOut,
    /// What a NAT gateway's interface records of a flow to or from an address that is not here.
    Translated,
    /// The same flow in the next minute, with more packets.
    Again,
    /// Intervals with NODATA and SKIPDATA.
    NoData,
    /// Many more like those that the reference speaks of, from and to machines that are new: more
    /// than the answer's `limit`; and one that sends a single packet without options or data.
    More,
    /// As [`Self::Boundaries`], for the numbers that the answer names and the reference does not.
    TheirNumbers,
}

impl NearMiss {
    /// Every kind with its word in the file.
    pub const ALL: [(&'static str, Self); 13] = [
        ("other-action", Self::OtherAction),
        ("other-port", Self::OtherPort),
        ("other-protocol", Self::OtherProtocol),
        ("other-flags", Self::OtherFlags),
        ("reversed", Self::Reversed),
        ("neighbours", Self::Neighbours),
        ("boundaries", Self::Boundaries),
        ("fan-out", Self::FanOut),
        ("translated", Self::Translated),
        ("again", Self::Again),
        ("no-data", Self::NoData),
        ("more", Self::More),
        ("their-numbers", Self::TheirNumbers),
    ];

    /// The word in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        let known = Self::ALL.iter().find(|(_, it)| *it == self);
        known.map_or("", |(name, _)| name)
    }
}

/// A mutant of a reference query that is the same query, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivalent {
    /// Which: as `author check` names it.
    pub mutant: String,
    /// Why no record of the network tells the two apart.
    pub because: String,
}

/// What a `logs-insights` task wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryTask {
    /// The flow log: `flow_log.all`.
    pub log_group: String,
    /// How the result is compared with the reference's.
    pub compare: Compare,
    /// Columns (of the reference solution's result) that count, for [`Compare::Columns`].
    pub columns: Vec<String>,
    /// Graded on other addresses and variants as well.
    pub portable: bool,
    /// The time from the scenario's start that the query looks at; the whole run if none.
    pub window: Option<(SimTime, SimTime)>,
    /// Kinds of records that are added to the learner's log for one hidden comparison.
    pub near_misses: Vec<NearMiss>,
    /// Mutants of the reference that cannot be told from it.
    pub equivalents: Vec<Equivalent>,
}

/// What an `athena` task wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AthenaTask {
    /// The flow log that the task is about: `flow_log.all`. It is the table `flow_logs`, unless
    /// the answer makes its own.
    pub flow_log: String,
    /// How the result is compared with the reference's.
    pub compare: Compare,
    /// Columns (of the reference solution's result) that count, for [`Compare::Columns`].
    pub columns: Vec<String>,
    /// Graded on other addresses and variants as well.
    pub portable: bool,
    /// The answer is a script: DDL over the lab's buckets, then one SELECT. There is no ready
    /// table.
    pub script: bool,
    /// As [`QueryTask::near_misses`].
    pub near_misses: Vec<NearMiss>,
    /// As [`QueryTask::equivalents`].
    pub equivalents: Vec<Equivalent>,
}

/// What a `fix` task wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixTask {
    /// What must work afterwards.
    pub succeeds: Vec<Succeeds>,
    /// How long the network is run on before it is judged.
    pub run_on: SimDuration,
    /// Flows (in the grammar of `intent`) that must stay closed.
    pub must_deny: Vec<String>,
    /// Flows that must stay open.
    pub must_allow: Vec<String>,
    /// Whether the fault is the network's: a repair that is typed on machines earns a point less.
    pub in_network: bool,
    /// Points of the whole that least privilege is worth.
    pub least_privilege_points: u32,
    /// Points of the whole that unharmed healthy traffic is worth.
    pub unharmed_points: u32,
}

/// A piece of traffic that must work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succeeds {
    /// Name of the traffic.
    pub traffic: String,
    /// Within this time after the last journal entry ...
    pub within: SimDuration,
    /// ... this many new exchanges must have completed, none failed after the first of them.
    pub exchanges: u64,
}

impl PredictionTask {
    /// Whether it is about something that is done to a copy of the network once the prediction has
    /// been made; else time shows it.
    #[must_use]
    pub fn is_played(&self) -> bool {
        self.parts.iter().any(|part| !part.play.is_empty())
    }
}

impl Lab {
    /// Reads `lab.toml` in `dir`.
    ///
    /// # Errors
    /// Every mistake found, with its place.
    pub fn load(dir: &Path) -> Result<Self, ContentErrors> {
        let source = Source::read(&dir.join("lab.toml"))?;
        Self::parse(dir, &source)
    }

    /// Reads a text as the `lab.toml` of `dir`.
    ///
    /// # Errors
    /// As [`Lab::load`].
    pub fn parse(dir: &Path, source: &Arc<Source>) -> Result<Self, ContentErrors> {
        read::lab(dir, source)
    }

    /// A lab that asks nothing of anybody, on the scenario of the same name.
    #[must_use]
    pub fn without_tasks(name: &str, title: &str) -> Self {
        let source = Source::new(name, "");
        Self {
            dir: PathBuf::from(name),
            name: name.to_owned(),
            title: title.to_owned(),
            scenario: name.to_owned(),
            opens_at: SimTime::ZERO,
            minutes: 0,
            teaches: Vec::new(),
            requires: Vec::new(),
            hidden_traffic_seeds: Vec::new(),
            settle: true,
            evidence: Vec::new(),
            tasks: Vec::new(),
            hash: String::new(),
            source,
        }
    }

    /// Where its scenario is: the sibling of the folder that holds the labs.
    #[must_use]
    pub fn scenario_dir(&self) -> PathBuf {
        let root = self.dir.parent().and_then(Path::parent);
        match root {
            Some(root) => root.join("scenarios").join(&self.scenario),
            None => self.dir.join("../../scenarios").join(&self.scenario),
        }
    }

    /// The task of that name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<&LabTask> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Whether the evidence is asked which packets were dropped.
    #[must_use]
    pub fn asks_for_drops(&self) -> bool {
        self.asks(Question::needs_drops)
    }

    /// Whether the evidence is asked for captured packets, or filters choose among them.
    #[must_use]
    pub fn asks_for_captures(&self) -> bool {
        self.has_filters() || self.asks(Question::needs_captures)
    }

    /// Whether a task of it is graded by captured packets.
    #[must_use]
    pub fn has_filters(&self) -> bool {
        let is_filter = |task: &LabTask| matches!(task.kind, TaskKind::TcpdumpFilter(_));
        self.tasks.iter().any(is_filter)
    }

    /// Whether an expression of its answers and predictions asks such a question.
    fn asks(&self, which: fn(Question) -> bool) -> bool {
        self.tasks.iter().any(|task| match &task.kind {
            TaskKind::Answer(answer) => answer.parts.iter().any(|part| {
                let mut expressions = part.proof.iter().chain(&part.against);
                expressions.any(|it| it.asks(which))
            }),
            TaskKind::Prediction(prediction) => {
                prediction.parts.iter().any(|part| part.truth.asks(which))
            }
            TaskKind::TcpdumpFilter(_)
            | TaskKind::LogsInsights(_)
            | TaskKind::Athena(_)
            | TaskKind::Fix(_) => false,
        })
    }

    /// The file as learners get it: without comments, and without the keys that only an author
    /// needs and that say how an answer is found (`proof`, `[[task.equivalent]]`).
    #[must_use]
    pub fn handed_out(&self) -> String {
        handout::handed_out(&self.source.text)
    }

    /// The file as it was read.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }
}
