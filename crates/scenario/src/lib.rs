//! Content files: `scenario.toml` (a network, its programs, a timeline) and `lab.toml` (tasks posed
//! on one) become checked values.
//!
//! A scenario file is API calls in disguise: [`Scenario::compile`] draws what varies, then makes
//! every resource through [`wirelab_control::Control`], so a file can say no more and no less than
//! the API, and breaks AWS's rules with AWS's errors. The result, a [`Plan`], is all that a run
//! needs; running is `session`'s work, grading the grader's.
//!
//! The way of a file through the modules:
//!
//! 1. `node`: the TOML text as a tree with places;
//! 2. `draw`: the seed chooses the [`[[variant]]`](Variant) and lays it over the rest; `${draw.x}`
//!    and `${variant.x}` are filled in;
//! 3. `fields`: typed reading, key by key; what nobody asks for is unknown and reported;
//! 4. `resource/*`: each kind of resource, one file each, makes its calls;
//! 5. `host`, `traffic`, `timeline`, `intent`: the rest of the plan.
//!
//! Mistakes carry their place ([`ContentError`]) and are collected. `book/src/teaching/format.md`
//! lists every key.

mod build;
mod cause;
mod compile;
mod course;
mod draw;
mod error;
mod fields;
mod host;
mod intent;
mod lab;
mod names;
mod node;
mod plan;
mod public_dns;
mod resolve;
mod resource;
mod rule;
mod scenario;
pub mod schema;
mod size;
mod timeline;
mod traffic;

pub use course::{CourseOrder, CoursePart};
pub use error::{ContentError, ContentErrors, Source, suggest};
pub use host::server_line;
pub use lab::expression;
pub use lab::{
    AnswerPart, AnswerTask, AthenaTask, Compare, Equivalent, FilterTask, FixTask, Hint, Lab,
    LabTask, NearMiss, PredictionPart, PredictionTask, QueryTask, Succeeds, TaskKind,
};
pub use names::Names;
pub use plan::{
    CallerError, Cause, Exec, Expect, FillError, Intent, IntentEnd, Plan, TimedEvent, TimedKind,
    Variant,
};
pub use scenario::Scenario;
