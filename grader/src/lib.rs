//! Grading: what a learner's answers and changes do, held against what was asked for.
//!
//! A [`Submission`] (seed, journal, answers) becomes a [`Report`]: one [`report::TaskReport`] a
//! task, made of graded conditions, each with the [`Finding`]s that say what was wanted, what
//! happened and on what evidence. Answers are judged by what they do, never by how they are
//! written: filters by the packets they keep, queries by the rows they give, repairs by what the
//! network then does on copies with other traffic, and by what no control lets in beyond the
//! scenario's intent ([`reach`]).
//!
//! ```text
//! Session ─▶ Submission ─▶ Grader::grade ─▶ task::{answer, filter, query, fix, ..} ─▶ Report
//!                              │ Material: the lab's opening on each seed, reference solutions
//! ```
//!
//! [`submitted`] is the file that a learner hands in; [`batch`] grades such files by replay, trusts
//! nothing in them, and says of those it does not grade why. [`variant`] draws a course's seeds.
//!
//! [`author`] turns the grader on a lab itself: its solutions must earn everything, its wrong
//! answers exactly what they say. Running, files and the journal are `session`'s; printing beyond
//! [`Report::print`] is the command line's.

pub mod author;
pub mod batch;
mod calls;
mod error;
pub mod finding;
mod flow_logs;
mod grade;
mod material;
mod moment;
mod mutant;
pub mod reach;
pub mod report;
mod smallest;
mod submission;
pub mod submitted;
mod task;
mod truth;
pub mod variant;

pub use calls::{CallsError, Step, parse_calls};
pub use error::GradeError;
pub use finding::{Counterexample, Finding, FindingKind, Severity};
pub use flow_logs::{group_name, log_group};
pub use grade::{Grader, check, unready};
pub use material::is_left_to_the_instructor;
pub use moment::Moment;
pub use report::{Report, Style};
pub use submission::{Said, Submission};
