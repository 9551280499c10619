//! What the grader tells a learner: what was wanted, what happened, on what evidence.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::task::query::Records;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; costs nothing.
    Note,
    /// Right in part.
    Partial,
    /// Wrong.
    Error,
}

macro_rules! finding_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $severity:ident;)*) => {
        /// Every finding there is. Authors name them in `wrong/` files, so a name never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingKind {
            $($(#[$doc])* $variant,)*
        }

        impl FindingKind {
            /// All of them, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The kebab-case name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// How much it weighs.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)*
                }
            }
        }
    };
}

finding_kinds! {
    /// The answer file is missing, empty, or still as shipped.
    NoAnswer = "no-answer", Error;
    /// The answer cannot be read: two lines where one is wanted, no number in a number.
    UnreadableAnswer = "unreadable-answer", Error;
    /// The answer is not the value that was drawn.
    WrongAnswer = "wrong-answer", Error;
    /// The prediction stands; what it is about is still to come.
    PredictionOpen = "prediction-open", Note;
    /// The file says something else than was predicted in time.
    PredictionFinal = "prediction-final", Note;
    /// Nothing was predicted before it could be seen.
    NotPredicted = "not-predicted", Error;
    /// It came otherwise than predicted.
    WrongPrediction = "wrong-prediction", Error;
    /// libpcap refuses the expression.
    FilterDoesNotCompile = "filter-does-not-compile", Error;
    /// The filter keeps packets that were to be dropped.
    FilterKeepsTooMuch = "filter-keeps-too-much", Error;
    /// The filter drops packets that were to be kept.
    FilterMisses = "filter-misses", Error;
    /// Right on the learner's capture, wrong on another run of the same network.
    FilterFailsHiddenRun = "filter-fails-hidden-run", Partial;
    /// Right on every capture, wrong on a packet that differs in one field.
    FilterFailsNearMiss = "filter-fails-near-miss", Partial;
    /// Right on every capture, and yet another filter: a packet of the task's scope tells it from
    /// the solution.
    FilterDiffers = "filter-differs", Partial;
    /// Another filter than the solution's on packets that the task does not ask about.
    FilterDiffersElsewhere = "filter-differs-elsewhere", Note;
    /// A clause that is always true or always false.
    FilterLint = "filter-lint", Note;
    /// The query does not parse or cannot run.
    QueryDoesNotRun = "query-does-not-run", Error;
    /// The query is stopped at a limit of rows or memory, the same on every machine.
    QueryTakesTooMuch = "query-takes-too-much", Error;
    /// The result lacks a column that was asked for.
    QueryLacksColumns = "query-lacks-columns", Error;
    /// The result lacks rows.
    QueryMisses = "query-misses", Error;
    /// The result has rows that do not belong.
    QueryKeepsTooMuch = "query-keeps-too-much", Error;
    /// The rows are right, their order is not.
    QueryOrder = "query-order", Partial;
    /// Right on the learner's log, wrong on another run of the same network.
    QueryFailsHiddenRun = "query-fails-hidden-run", Partial;
    /// Right on every log of the network, wrong on one with records that differ in one field.
    QueryFailsNearMiss = "query-fails-near-miss", Partial;
    /// A warning of the query engine.
    QueryLint = "query-lint", Note;
    /// Nothing was changed yet.
    NothingChanged = "nothing-changed", Error;
    /// The complaining traffic still fails.
    SymptomRemains = "symptom-remains", Error;
    /// The complaining traffic works from some of its client's ports only.
    WorksInPart = "works-in-part", Error;
    /// It works round the fault on one machine; the network still has it.
    FaultRemains = "fault-remains", Partial;
    /// What repairs it was typed on a machine, and is gone when that boots.
    NotPersistent = "not-persistent", Note;
    /// The complaining client does nothing any more: no complaint is not a repair.
    ClientStopped = "client-stopped", Error;
    /// Traffic that worked before does not work now.
    HealthyBroken = "healthy-broken", Error;
    /// Traffic that worked before, and works again, did not for a time.
    HealthyInterrupted = "healthy-interrupted", Error;
    /// A machine that ran, a flow log that recorded, or a service of AWS's own is gone.
    ResourceLost = "resource-lost", Error;
    /// Other resources are gone that were there before.
    ResourceRemoved = "resource-removed", Note;
    /// A rule that is new lets nothing in now, and will once somebody meets it.
    Dormant = "dormant-rule", Note;
    /// Live connections were lost to the change.
    ConnectionsCut = "connections-cut", Error;
    /// A flow that must stay closed gets through.
    MustDenyOpen = "must-deny-open", Error;
    /// A flow that must get through is refused.
    MustAllowClosed = "must-allow-closed", Error;
    /// A control lets in more than is meant to work.
    TooOpen = "too-open", Error;
    /// Something that is meant to work got through before the change and does not now.
    TooClosed = "too-closed", Error;
}

impl FindingKind {
    /// Whether there is always something to show: a packet, a row, a flow, what came instead. What
    /// is not of these kinds gives its reason in words.
    pub(crate) const fn has_counterexample(self) -> bool {
        matches!(
            self,
            Self::WrongPrediction
                | Self::FilterKeepsTooMuch
                | Self::FilterMisses
                | Self::FilterFailsHiddenRun
                | Self::FilterFailsNearMiss
                | Self::FilterDiffers
                | Self::QueryMisses
                | Self::QueryKeepsTooMuch
                | Self::QueryFailsNearMiss
                | Self::SymptomRemains
                | Self::HealthyBroken
                | Self::HealthyInterrupted
                | Self::ResourceLost
                | Self::ConnectionsCut
                | Self::MustDenyOpen
                | Self::MustAllowClosed
                | Self::TooOpen
                | Self::TooClosed
                | Self::WorksInPart
        )
    }

    /// Whether it is about rows of a result.
    pub(crate) const fn shows_rows(self) -> bool {
        matches!(
            self,
            Self::QueryMisses
                | Self::QueryKeepsTooMuch
                | Self::QueryOrder
                | Self::QueryFailsHiddenRun
                | Self::QueryFailsNearMiss
        )
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for FindingKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for FindingKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(de::Error::custom)
    }
}

/// A name that is no finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no finding; there are: {}", all_names())]
pub struct UnknownFinding {
    name: String,
}

fn all_names() -> String {
    let names: Vec<_> = FindingKind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

impl std::str::FromStr for FindingKind {
    type Err = UnknownFinding;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|kind| kind.name() == text);
        found.copied().ok_or_else(|| UnknownFinding {
            name: text.to_owned(),
        })
    }
}

/// One thing that the grader found, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which of the catalogue.
    pub name: FindingKind,
    /// How much it weighs.
    pub severity: Severity,
    /// One line: what is the matter.
    pub summary: String,
    /// What was wanted.
    pub expected: Option<String>,
    /// What happened.
    pub observed: Option<String>,
    /// Lines that show it: a decoded packet, a row, a rule.
    pub evidence: Vec<String>,
    /// Where to read on: a page of the book.
    pub see: Option<String>,
    /// Whether nothing of what it shows can be left out: one packet, one exchange, one row, or
    /// records of which each was tried to be. For authors; learners read it in `evidence`.
    #[serde(skip)]
    pub is_minimal: bool,
    /// The packet that shows it, for who wants to look into it.
    #[serde(skip)]
    pub packet: Option<Counterexample>,
    /// The records of which `evidence` shows the first few.
    #[serde(skip)]
    pub(crate) records: Option<Records>,
}

/// A packet that shows what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The Ethernet frame.
    pub frame: Vec<u8>,
    /// The capture of the learner's that has it, below the lab's folder, and its number there from
    /// 1; `None`: it is of a hidden run, or was made.
    pub captured: Option<(String, usize)>,
}

/// The chapter on the network's order of things, for one who may not have the book at hand.
pub(crate) const PACKETS_WAY: &str = "\"A packet's way through a VPC\": wirelab book packets-way";

impl Finding {
    /// Whether it says no more than that something is wrong.
    pub(crate) fn is_bare(&self) -> bool {
        let shows = self.observed.is_some() || !self.evidence.is_empty();
        let shows = shows || self.expected.is_some();
        self.summary.is_empty() || (self.name.has_counterexample() && !shows)
    }

    /// A finding with nothing but its summary.
    #[must_use]
    pub fn new(name: FindingKind, summary: impl Into<String>) -> Self {
        Self {
            name,
            severity: name.severity(),
            summary: summary.into(),
            expected: None,
            observed: None,
            evidence: Vec::new(),
            see: None,
            is_minimal: true,
            packet: None,
            records: None,
        }
    }

    /// Adds what was wanted.
    #[must_use]
    pub fn expected(mut self, text: impl Into<String>) -> Self {
        self.expected = Some(text.into());
        self
    }

    /// Adds what happened.
    #[must_use]
    pub fn observed(mut self, text: impl Into<String>) -> Self {
        self.observed = Some(text.into());
        self
    }

    /// Adds a line of evidence.
    #[must_use]
    pub fn evidence(mut self, line: impl Into<String>) -> Self {
        self.evidence.push(line.into());
        self
    }

    /// Adds the packet that shows it.
    #[must_use]
    pub(crate) fn packet(mut self, frame: Vec<u8>, captured: Option<(String, usize)>) -> Self {
        self.packet = Some(Counterexample { frame, captured });
        self
    }

    /// Adds where to read on.
    #[must_use]
    pub fn see(mut self, page: impl Into<String>) -> Self {
        self.see = Some(page.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for kind in FindingKind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
        }
        let error = "too-opne".parse::<FindingKind>().expect_err("a typo");
        assert!(error.to_string().contains("too-open"), "{error}");
    }
}
