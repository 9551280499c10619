//! Trino's scalar functions: which there are, how a call finds its overload, and how they run.
//!
//! A function is a row in a table: a signature in Trino's words, such as
//! `split(varchar,varchar):array(varchar)`, and a Rust function over [`Value`]s. A call of `split`
//! takes the first signature that the arguments' types fit exactly, else the first that they
//! coerce to; the planner casts them, and [`Udf`] makes DataFusion call the function row by row.
//!
//! In signatures `T`, `K`, `V` stand for any type, `N` for any number, `D` for any decimal, `W` for
//! that decimal without digits behind the point, `P` for a date or timestamp, `M` for a timestamp,
//! `A` for any type, another each time, `row(...)` for a row of such fields,
//! `...` for the last argument again and again, `(T)->U` for a lambda.

mod arrays;
mod dates;
mod digest;
mod format;
mod ip;
mod joda;
mod json;
mod lambda;
mod math;
mod mysql;
mod printf;
mod regex;
mod signature;
mod text;
mod times;
mod udf;
mod url;
mod zones;

pub(super) use dates::{added, moved};
pub(super) use digest::from_hex;
pub(super) use ip::{parse_address, parse_prefix, print_address, print_prefix};
pub(super) use joda::{joda_parse, joda_print};
pub(super) use json::{cast_json, parsed as parsed_json};
pub(super) use lambda::{Body, guarded_try};
pub(super) use regex::regex;
pub(super) use signature::{Argument, Resolved, listed, resolve};
pub(super) use times::{civil, parse_date, parse_time, parse_timestamp};
pub(super) use udf::Udf;
pub(super) use zones::{
    at_moment, moment_and_zone, packed, printed as printed_zone, zone_moment, zone_name,
    zone_offset,
};

use super::error::{Checked, Fault, LIMIT};
use super::types::Type;
use super::value::Value;
use crate::budget::VALUE_MAX;

/// Whether a value of so many bytes may be built.
pub(super) fn within(bytes: usize) -> Checked<()> {
    if bytes > VALUE_MAX {
        let most = VALUE_MAX >> 20;
        return Err(Fault::bare(
            LIMIT,
            format!(
                "Query exhausted resources at this scale factor: one value of a function needs \
                 more than {most} MiB"
            ),
        ));
    }
    Ok(())
}

/// What a function may know beside its arguments.
pub(super) struct Given<'c> {
    /// Types of the arguments, after coercion.
    pub(super) types: &'c [Type],
    pub(super) returns: &'c Type,
    /// Applies a lambda argument to rows of its parameters.
    pub(super) apply: &'c Apply<'c>,
}

/// `(which lambda, rows)` to one value a row.
pub(super) type Apply<'c> = dyn Fn(usize, Vec<Vec<Value<'_>>>) -> Checked<Vec<Value<'static>>> + 'c;

/// A function over the values of one row.
pub(super) type Run = for<'a> fn(&Given<'_>, &[Value<'a>]) -> Checked<Value<'a>>;

/// One overload.
pub(super) struct Function {
    pub(super) signature: &'static str,
    pub(super) run: Run,
    /// Whether it is asked at all if an argument is NULL; else the result is NULL.
    pub(super) nulls: bool,
}

macro_rules! functions {
    ($($signature:literal $run:expr;)*) => {
        &[$($crate::athena::functions::Function {
            signature: $signature, run: $run, nulls: false,
        },)*]
    };
}
use functions;

/// All overloads, in groups by subject.
fn all() -> impl Iterator<Item = &'static Function> {
    let groups = [
        text::FUNCTIONS,
        regex::FUNCTIONS,
        math::FUNCTIONS,
        dates::FUNCTIONS,
        ip::FUNCTIONS,
        arrays::FUNCTIONS,
        arrays::WITH_NULLS,
        lambda::FUNCTIONS,
        json::FUNCTIONS,
        url::FUNCTIONS,
        digest::FUNCTIONS,
        printf::FUNCTIONS,
        printf::WITH_NULLS,
    ];
    groups.into_iter().flatten()
}

/// The overloads of a name.
pub(super) fn named(name: &str) -> Vec<&'static Function> {
    let is_named = |function: &&Function| function.signature.split('(').next() == Some(name);
    all().filter(is_named).collect()
}

/// Every signature, in Trino's words, for SHOW FUNCTIONS.
pub(super) fn signatures() -> impl Iterator<Item = &'static str> {
    all().map(|function| function.signature)
}

/// The known name nearest to a misspelt one.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let names = all().filter_map(|f| f.signature.split('(').next());
    let aggregates = super::aggregates::NAMES.iter().copied();
    let scored = names
        .chain(aggregates)
        .map(|known| (strsim::jaro_winkler(name, known), known));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.85).then_some(best.1)
}
