//! A running lab.
//!
//! [`Run`] is the pure part: control plane, data plane and timeline of one [`Plan`] carried through
//! virtual time together; no file, no clock. What happened is its [`Evidence`].
//!
//! [`Session`] is the part on disk: the journal of everything a person did, the lock that lets
//! several processes work on it, checkpoints so that no command replays hours, answers, hints, and
//! the evidence files a learner reads. It is the only writer of session files. A session is a
//! journal and a replay: what is not in the journal can be thrown away.
//!
//! [`Content`] finds labs and scenarios.
//!
//! [`Plan`]: wirelab_scenario::Plan

mod cache;
mod captures;
mod cloudwatch;
mod content;
mod datapoints;
pub mod elapsed;
mod error;
mod evidence;
mod flow_files;
mod folder;
mod history;
mod insights;
mod journal;
mod lock;
mod managed;
mod names;
mod replay;
mod run;
mod sandbox;
mod script;
mod servers;
mod session;
mod texts;
mod typed;
mod waiting;
mod weight;

pub use cloudwatch::{
    Aggregate, Alarm, CloudWatch, HistoryItem, HistoryItemType, MetricQueries, Points, Series,
    Statistics, is_percentile,
};
pub use content::Content;
pub use datapoints::{Datapoint, Datapoints};
pub use error::SessionError;
pub use evidence::{ApiEvent, CallHead, Calls, Evidence};
pub use flow_files::{S3Object, s3_objects};
pub use history::{Attribute, Events, HistoryEvent, Lookup, history};
pub use journal::{Entry, EntryKind, Header, build, effective};
pub use lock::Waiting;
pub use names::Nameless;
pub use replay::apply;
pub use run::{ExecResult, Run, RunError};
pub use session::{CallOutcome, Note, Session, Undone, notes, prediction, reached, says_nothing};
pub use typed::{plain, typed};
pub use weight::Weight;
