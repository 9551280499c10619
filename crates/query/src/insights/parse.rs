//! The grammar's frame: a recursive descent over the tokens. Commands are in `parse_command`,
//! `SOURCE` and what stands in parentheses after it in `parse_source`, expressions in `parse_expr`.

use super::ast::{Query, Span, Step};
use super::habit;
use super::parse_command::COMMANDS;
use super::token::{Kind, Lexer, Token};
use crate::QueryError;
use crate::error::Place;

/// The longest query that `StartQuery` takes, in characters.
const QUERY_CHARS_MAX: usize = 10_000;
/// The most commands: more only make the plan deep.
const COMMANDS_MAX: usize = 100;
/// The largest regex, in bytes of its compiled form, and how deep it may nest.
const REGEX_BYTES_MAX: usize = 4 << 20;
const REGEX_DEPTH_MAX: u32 = 100;
/// The most rows that `limit` may ask for.
pub(super) const LIMIT_MAX: u64 = 100_000;

/// Reads a query.
pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) token: Token,
    /// End of the token before the current one.
    pub(super) last_end: usize,
    /// End of the last list of items: what follows it may lack a comma.
    pub(super) list_end: usize,
    /// How deep the current expression is nested.
    pub(super) depth: usize,
    /// Inside the parentheses of `join` or of a subquery.
    pub(super) inner: bool,
    /// Places of things that AWS's guide does not have, with what it has.
    pub(super) doubts: Vec<(Span, String, String)>,
}

type Parsed<T> = Result<T, QueryError>;

impl<'a> Parser<'a> {
    /// Starts at the first token.
    pub(super) fn new(query: &'a str) -> Parsed<Self> {
        let mut lexer = Lexer::new(query);
        if query.chars().count() > QUERY_CHARS_MAX {
            let span = Span { start: 0, end: 1 };
            let message = format!("the query has more than {QUERY_CHARS_MAX} characters");
            return Err(lexer.malformed(span, message, None));
        }
        let token = lexer.next()?;
        Ok(Self {
            lexer,
            token,
            last_end: 0,
            list_end: 0,
            depth: 0,
            inner: false,
            doubts: Vec::new(),
        })
    }

    /// The whole query.
    pub(super) fn query(&mut self) -> Parsed<Query> {
        let query = self.commands()?;
        if self.token.kind != Kind::End {
            return Err(self.expected_separator());
        }
        Ok(query)
    }

    /// Commands up to what is none.
    pub(super) fn commands(&mut self) -> Parsed<Query> {
        let source = if self.at_word("source") {
            Some(self.source()?)
        } else {
            None
        };
        let mut steps = Vec::new();
        if source.is_some() && !self.eat("|")? {
            return Ok(Query { source, steps });
        }
        loop {
            if steps.len() == COMMANDS_MAX {
                let message = format!("a query has at most {COMMANDS_MAX} commands");
                return Err(self.lexer.malformed(self.token.span, message, None));
            }
            let start = self.token.span.start;
            let command = self.command()?;
            steps.push(Step {
                command,
                span: Span {
                    start,
                    end: self.last_end,
                },
            });
            if !self.eat("|")? {
                return Ok(Query { source, steps });
            }
        }
    }

    pub(super) fn expected_separator(&self) -> QueryError {
        let hint = self.after_condition();
        self.unexpected("`|` or the end of the query", hint.as_deref())
    }

    /// What people put behind an expression who mean a further command or condition.
    pub(super) fn after_condition(&self) -> Option<String> {
        let hint = match &self.token.kind {
            Kind::Symbol(",") => "conditions are joined with `and`, commands with `|`",
            Kind::Symbol("-") => "names with `-` are written in backticks",
            Kind::Name { text, .. } => {
                let word = text.to_lowercase();
                let is_command = COMMANDS.contains(&word.as_str());
                let missing = is_command.then_some("a `|` is missing before this command");
                match habit::separator(&word).or(missing) {
                    Some(hint) => hint,
                    None => return self.missing_comma(),
                }
            }
            _ => return self.missing_comma(),
        };
        Some(hint.to_owned())
    }

    /// What people mean who put something behind the last item of a list.
    pub(super) fn missing_comma(&self) -> Option<String> {
        let Kind::Name { text, .. } = &self.token.kind else {
            return None;
        };
        if self.list_end != self.last_end {
            return None;
        }
        let behind = &self.lexer.query[self.token.span.end..];
        Some(match behind.starts_with('(') {
            true => format!("a comma is missing before `{text}(...)`"),
            false => format!("a comma is missing before `{text}`, or `as` if it is to be the name"),
        })
    }

    // --- tokens ---

    /// Goes to the next token.
    pub(super) fn advance(&mut self) -> Parsed<()> {
        self.last_end = self.token.span.end;
        self.token = self.lexer.next()?;
        Ok(())
    }

    /// Whether the last token was a comma.
    pub(super) fn after_comma(&self) -> bool {
        self.lexer.query[..self.last_end].ends_with(',')
    }

    /// Takes the symbol if it is next.
    pub(super) fn eat(&mut self, symbol: &str) -> Parsed<bool> {
        let found = matches!(self.token.kind, Kind::Symbol(s) if s == symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Whether the keyword is next.
    pub(super) fn at_word(&self, word: &str) -> bool {
        matches!(&self.token.kind, Kind::Name { text, quoted: false }
            if text.eq_ignore_ascii_case(word))
    }

    /// Takes the keyword if it is next.
    pub(super) fn eat_word(&mut self, word: &str) -> Parsed<bool> {
        let found = self.at_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn name(&mut self) -> Parsed<String> {
        let Kind::Name { text, .. } = self.token.kind.clone() else {
            return Err(self.unexpected("a name", None));
        };
        self.advance()?;
        Ok(text)
    }

    /// The regex that begins with the current token, a `/`.
    pub(super) fn regex(&mut self) -> Parsed<(regex::Regex, Span)> {
        let (pattern, span) = self.lexer.regex(self.token.span.start)?;
        self.token.span = span;
        self.advance()?;
        let regex = compile(&pattern)
            .map_err(|(message, hint)| self.lexer.malformed(span, message, hint))?;
        Ok((regex, span))
    }

    pub(super) fn place(&self, span: Span) -> Place {
        Place::new(self.lexer.query, span.start, span.end)
    }

    pub(super) fn doubt(&mut self, span: Span, message: &str, hint: &str) {
        self.doubts
            .push((span, message.to_owned(), hint.to_owned()));
    }

    /// The error that says what should stand at the current token.
    pub(super) fn unexpected(&self, expected: &str, hint: Option<&str>) -> QueryError {
        let message = format!("expected {expected}, found {}", self.token.kind);
        self.lexer.malformed(self.token.span, message, hint)
    }
}

/// A regex of the language, or what is wrong with it and what to do.
pub(super) fn compile(pattern: &str) -> Result<regex::Regex, (String, Option<&'static str>)> {
    let compiled = regex::RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES_MAX)
        .nest_limit(REGEX_DEPTH_MAX)
        .build();
    compiled.map_err(|error| {
        if let regex::Error::CompiledTooBig(_) = error {
            let hint = "repeat less: `{1,1000}` inside another repetition multiplies";
            return ("the regex is too large".to_owned(), Some(hint));
        }
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default();
        let reason = reason.trim_start_matches("error: ");
        let around = ["(?=", "(?!", "(?<=", "(?<!"];
        let hint = if around.iter().any(|token| pattern.contains(token)) {
            Some("there is no look-around: match the whole and name the group that counts")
        } else if reason.contains("backreference") {
            Some("there are no back-references: a regex takes time linear in the text")
        } else {
            None
        };
        (format!("the regex is malformed: {reason}"), hint)
    })
}
