//! A slow, plain second evaluator of Logs Insights QL, to hold the engine against.
//!
//! It is written from the description of the language alone and shares nothing with the engine but
//! the input: [`generate`] draws events and a query, a tree of [`tree::Query`]. The engine gets the
//! tree's text; [`command::run`] walks the tree itself, one row and one command after the other,
//! with every row a map from names to values. Then [`check`] compares the answers and, if they
//! differ, makes the query and the events as small as the difference allows.
//!
//! Where the guide is silent, this takes the engine's documented choice, each in one place: missing
//! values sort first when ascending, no comparison with a missing value holds, `2^3^2` is
//! `2^(3^2)`, a value that may be a number or text is text.

pub(crate) mod address;
pub(crate) mod check;
pub(crate) mod command;
pub(crate) mod data;
pub(crate) mod eval;
pub(crate) mod function;
pub(crate) mod generate;
pub(crate) mod generate_expr;
pub(crate) mod random;
pub(crate) mod stats;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod tree;
pub(crate) mod value;
