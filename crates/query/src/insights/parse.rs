//! The grammar's commands: a recursive descent over the tokens.

use super::ast::{Command, Expr, ExprKind, Item, ParsePattern, SortKey, Span, Step};
use super::habit;
use super::token::{Kind, Lexer, Token};
use crate::QueryError;
use crate::error::Place;

/// The longest query that `StartQuery` takes, in characters.
const QUERY_CHARS_MAX: usize = 10_000;
/// The most rows that `limit` may ask for.
pub(super) const LIMIT_MAX: u64 = 100_000;

const COMMANDS: [&str; 8] = [
    "fields", "display", "filter", "stats", "sort", "limit", "parse", "dedup",
];

/// Commands of the language that this engine does not answer.
const NOT_HERE: [&str; 22] = [
    "source",
    "pattern",
    "diff",
    "unnest",
    "expand",
    "join",
    "lookup",
    "anomaly",
    "accum",
    "addtotals",
    "appendcols",
    "autoregress",
    "countfrequent",
    "estimate",
    "fillmissing",
    "filldown",
    "logcompare",
    "outlier",
    "relevantfields",
    "sessionize",
    "append",
    "eval",
];

/// What other languages call a command, and what to write here.
const FOREIGN: [(&str, &str); 6] = [
    (
        "select",
        "this is not SQL: write `fields srcAddr, bytes | filter action = \"REJECT\"`",
    ),
    (
        "from",
        "the log group is chosen outside the query; begin with `fields` or `filter`",
    ),
    (
        "order",
        "write `sort` and the column: `stats sum(bytes) as total by srcAddr | sort total desc`",
    ),
    ("group", "write `stats count(*) by srcAddr`"),
    (
        "having",
        "write `filter` after `stats`: `stats count(*) as n by srcAddr | filter n > 5`",
    ),
    ("by", "`by` belongs to `stats`, without a `|` before it"),
];

/// Reads a query.
pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    pub(super) token: Token,
    /// End of the token before the current one.
    pub(super) last_end: usize,
    /// How deep the current expression is nested.
    pub(super) depth: usize,
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
            depth: 0,
            doubts: Vec::new(),
        })
    }

    /// The whole query.
    pub(super) fn query(&mut self) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            let start = self.token.span.start;
            let command = self.command()?;
            steps.push(Step {
                command,
                span: Span {
                    start,
                    end: self.last_end,
                },
            });
            if self.token.kind == Kind::End {
                return Ok(steps);
            }
            if !self.eat("|")? {
                return Err(self.expected_separator());
            }
        }
    }

    fn expected_separator(&self) -> QueryError {
        self.unexpected("`|` or the end of the query", self.after_condition())
    }

    /// What people put behind an expression who mean a further command or condition.
    pub(super) fn after_condition(&self) -> Option<&'static str> {
        match &self.token.kind {
            Kind::Symbol(",") => Some("conditions are joined with `and`, commands with `|`"),
            Kind::Symbol("-") => Some("names with `-` are written in backticks"),
            Kind::Name { text, .. } => {
                let word = text.to_lowercase();
                let is_command = COMMANDS.contains(&word.as_str());
                let missing = is_command.then_some("a `|` is missing before this command");
                habit::separator(&word).or(missing)
            }
            _ => None,
        }
    }

    fn command(&mut self) -> Parsed<Command> {
        let Kind::Name {
            text,
            quoted: false,
        } = &self.token.kind
        else {
            let hint = Some("a query is commands separated by `|`, such as `filter`, `stats`");
            return Err(self.unexpected("a command", hint));
        };
        let word = text.to_lowercase();
        let span = self.token.span;
        match word.as_str() {
            "where" => self.doubt(span, "`where` is not in the user guide", "write `filter`"),
            "head" | "tail" => self.doubt(span, "this command is deprecated", "write `limit`"),
            _ => {}
        }
        match word.as_str() {
            "fields" => self
                .advance()
                .and_then(|()| self.items())
                .map(Command::Fields),
            "display" => self
                .advance()
                .and_then(|()| self.items())
                .map(Command::Display),
            "filter" | "where" | "filterindex" => {
                self.advance()?;
                self.expr().map(Command::Filter)
            }
            "stats" => self.stats(),
            "sort" => self.sort(),
            "limit" | "head" | "tail" => self.limit(),
            "parse" => self.parse(),
            "dedup" => self.dedup(),
            "unmask" => {
                self.advance()?;
                self.items().map(|_| Command::Unmask)
            }
            _ => Err(self.no_command(&word, span)),
        }
    }

    fn no_command(&self, word: &str, span: Span) -> QueryError {
        if NOT_HERE.contains(&word) {
            return QueryError::Unsupported {
                what: format!("the command `{word}`"),
                place: Place::new(self.lexer.query, span.start, span.end),
                hint: None,
            };
        }
        let message = format!("`{word}` is not a command");
        if let Some((_, hint)) = FOREIGN.iter().find(|(name, _)| *name == word) {
            return self.lexer.malformed(span, message, Some(hint));
        }
        let near = super::advice::nearest(word, COMMANDS.into_iter());
        let hint = near.map_or_else(
            || format!("the commands are `{}`", COMMANDS.join("`, `")),
            |near| format!("did you mean `{near}`?"),
        );
        self.lexer.malformed(span, message, Some(&hint))
    }

    fn items(&mut self) -> Parsed<Vec<Item>> {
        self.list(Self::item)
    }

    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut list = vec![one(self)?];
        while self.eat(",")? {
            list.push(one(self)?);
        }
        Ok(list)
    }

    fn item(&mut self) -> Parsed<Item> {
        let expr = self.expr()?;
        let text = self.lexer.query[expr.span.start..self.last_end].to_owned();
        let alias = if self.eat_word("as")? {
            Some(self.name()?)
        } else {
            None
        };
        Ok(Item { expr, alias, text })
    }

    fn stats(&mut self) -> Parsed<Command> {
        self.advance()?;
        let items = self.items()?;
        let by = if self.eat_word("by")? {
            self.items()?
        } else {
            Vec::new()
        };
        Ok(Command::Stats { items, by })
    }

    fn sort(&mut self) -> Parsed<Command> {
        self.advance()?;
        self.eat_word("by")?;
        let keys = self.list(|parser| {
            let expr = parser.expr()?;
            let descending = parser.eat_word("desc")?;
            // The direction left out is ascending (the guide does not say).
            if !descending {
                parser.eat_word("asc")?;
            }
            if parser.at_word("descending") || parser.at_word("ascending") {
                let hint = Some("directions are written `desc` and `asc`");
                return Err(parser.unexpected("`desc`, `asc` or `|`", hint));
            }
            Ok(SortKey {
                expr,
                ascending: !descending,
            })
        });
        keys.map(Command::Sort)
    }

    fn limit(&mut self) -> Parsed<Command> {
        self.advance()?;
        self.eat_word("any")?;
        let Kind::Number(number) = self.token.kind else {
            return Err(self.unexpected("a number of rows", None));
        };
        if number.fract() != 0.0 || !(1.0..=LIMIT_MAX as f64).contains(&number) {
            let message = format!("`limit` takes a whole number from 1 to {LIMIT_MAX}");
            return Err(self.lexer.malformed(self.token.span, message, None));
        }
        self.advance()?;
        Ok(Command::Limit(number as u64))
    }

    fn dedup(&mut self) -> Parsed<Command> {
        self.advance()?;
        let items = self.items()?;
        for item in &items {
            if !matches!(item.expr.kind, ExprKind::Field(_)) || item.alias.is_some() {
                let message = "`dedup` takes the names of fields only";
                return Err(self.lexer.malformed(item.expr.span, message, None));
            }
        }
        Ok(Command::Dedup(items))
    }

    fn parse(&mut self) -> Parsed<Command> {
        self.advance()?;
        let at_pattern = matches!(self.token.kind, Kind::Text(_) | Kind::Symbol("/"));
        let of = if at_pattern {
            let kind = ExprKind::Field("@message".to_owned());
            Expr {
                kind,
                span: self.token.span,
            }
        } else {
            self.primary()?
        };
        let pattern = match self.token.kind.clone() {
            Kind::Text(text) => self.parse_glob(&text)?,
            Kind::Symbol("/") => self.parse_regex()?,
            Kind::Name { text, .. } if text.eq_ignore_ascii_case("logfmt") => {
                return Err(QueryError::Unsupported {
                    what: "`parse ... logfmt`".to_owned(),
                    place: self.place(self.token.span),
                    hint: Some(
                        "write a pattern: `parse @message \"level=* \" as level`".to_owned(),
                    ),
                });
            }
            _ => {
                let hint = Some("`parse @message \"user=* \" as user` or `/user=(?<user>\\S+)/`");
                return Err(self.unexpected("a pattern in quotes or a regex", hint));
            }
        };
        Ok(Command::Parse { of, pattern })
    }

    fn parse_glob(&mut self, text: &str) -> Parsed<ParsePattern> {
        let span = self.token.span;
        self.advance()?;
        if !self.eat_word("as")? {
            return Err(self.unexpected("`as` and a name for each `*`", None));
        }
        let names = self.new_names()?;
        let literals: Vec<String> = text.split('*').map(str::to_owned).collect();
        let stars = literals.len() - 1;
        let span = Span {
            start: span.start,
            end: self.last_end,
        };
        if stars != names.len() {
            let count = names.len();
            let message = format!("{stars} `*` in the pattern, but {count} after `as`");
            return Err(self.lexer.malformed(span, message, None));
        }
        if text.contains("**") {
            let message = "two `*` side by side cannot be told apart";
            return Err(self.lexer.malformed(span, message, None));
        }
        Ok(ParsePattern::Glob { literals, names })
    }

    /// The names after `as`, each once.
    fn new_names(&mut self) -> Parsed<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        self.list(|parser| {
            let span = parser.token.span;
            let name = parser.name()?;
            if names.contains(&name) {
                let message = format!("two fields are called `{name}`");
                let hint = Some("give each `*` a name of its own");
                return Err(parser.lexer.malformed(span, message, hint));
            }
            names.push(name);
            Ok(())
        })?;
        Ok(names)
    }

    fn parse_regex(&mut self) -> Parsed<ParsePattern> {
        let (regex, span) = self.regex()?;
        if regex.capture_names().flatten().next().is_none() {
            let message = "the regex has no named group, so there is no field to make";
            let hint = Some("name a group: `(?<user>\\S+)`");
            return Err(self.lexer.malformed(span, message, hint));
        }
        Ok(ParsePattern::Regex(regex))
    }

    // --- tokens ---

    /// Goes to the next token.
    pub(super) fn advance(&mut self) -> Parsed<()> {
        self.last_end = self.token.span.end;
        self.token = self.lexer.next()?;
        Ok(())
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

    fn name(&mut self) -> Parsed<String> {
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
        let compiled = regex::RegexBuilder::new(&pattern)
            .size_limit(4 << 20)
            .build();
        let regex = compiled.map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            let reason = reason.trim_start_matches("error: ");
            let message = format!("the regex is malformed: {reason}");
            self.lexer.malformed(span, message, None)
        })?;
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
