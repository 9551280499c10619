//! tcpdump filters: compiled by libpcap itself, run over captured frames, and looked at for
//! what their authors most often did not mean.
//!
//! - [`Filter::compile`] takes a pcap-filter(7) expression, refuses names that would be looked up
//!   on the network, and keeps libpcap's optimised program; [`Filter::matches`] runs it.
//! - [`Filter::select`] runs it over the [`Frames`] of a capture, and [`Kept`] sets are compared.
//! - [`FilterError::hint`] says what was probably meant.
//! - [`lints`] names clauses that say nothing: constants, clauses implied by others, `tcp[...]`
//!   where IPv6 was meant to match too, `and` and `or` mixed without parentheses.
//! - [`equal::compare`] proves that two filters keep the same packets, or makes one that tells
//!   them apart.
//! - [`savefile::Reader`] reads pcap and pcapng files through libpcap.
//!
//! No live capture, no name look-up, no judgement of people's filters: the grader does that with
//! the programs and frames that this crate gives it.

mod arithmetic;
mod clause;
pub mod equal;
mod error;
mod filter;
mod frames;
mod hint;
mod lex;
mod lint;
mod machine;
mod name;
pub mod savefile;

pub use error::FilterError;
pub use filter::Filter;
pub use frames::{Frames, Kept};
pub use lint::{Lint, LintKind, lints};
pub use machine::Instruction;
pub use wirelab_wire::link::LinkType;
