//! What a script may use, all of it counted: the same on every machine.

/// Commands, words and turns of loops of a script, and bytes that pass through its filters in
/// units of [`BYTES_OF_STEP`].
pub const STEPS_AT_MOST: u64 = 200_000;
/// Steps of a script, those counted again that are repeated after a program has ended.
pub const WORK_AT_MOST: u64 = 5_000_000;
/// Bytes that are a step.
pub const BYTES_OF_STEP: usize = 256;
/// What a pattern costs to be read, in octets.
pub const OCTETS_OF_PATTERN: usize = 8 * BYTES_OF_STEP;
/// Octets that a script writes, into pipes and files too, and that its programs print.
pub const OCTETS_AT_MOST: usize = 4 << 20;
/// Octets of a script's text.
pub const TEXT_AT_MOST: usize = 64 << 10;
/// How deep commands, substitutions and functions may be nested as they are run.
pub const DEPTH_AT_MOST: u32 = 40;
/// How deep a text may be nested, for its parser.
pub const NESTING_AT_MOST: u32 = 40;
/// How deep `[` may be nested on a line: the parser's work doubles with each.
pub const BRACKETS_AT_MOST: u32 = 12;
/// How deep `case` may be nested in one text: the parser's work doubles with each.
pub const CASES_AT_MOST: u32 = 6;
/// Operators of an arithmetic expression, of a test, and of a statement of `awk`.
pub const OPERATORS_AT_MOST: usize = 500;
/// Words that braces make of one.
pub const BRACES_AT_MOST: usize = 100_000;
/// Octets of a compiled regular expression.
pub const REGEX_AT_MOST: usize = 1 << 20;
