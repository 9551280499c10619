//! The grammar of each command.

use super::ast::{Command, Expr, ExprKind, Item, ParsePattern, Since, SortKey, Span};
use super::parse::{LIMIT_MAX, Parser};
use super::token::Kind;
use crate::QueryError;
use crate::error::Place;

type Parsed<T> = Result<T, QueryError>;

/// The commands, most used first.
pub(super) const COMMANDS: [&str; 18] = [
    "fields",
    "filter",
    "stats",
    "sort",
    "limit",
    "parse",
    "display",
    "dedup",
    "pattern",
    "diff",
    "unnest",
    "expand",
    "join",
    "filterIndex",
    "unmask",
    "accum",
    "filldown",
    "fillmissing",
];
/// Those that a message lists.
const COMMON: usize = 8;

/// Commands of the language that this engine does not answer.
const NOT_HERE: [(&str, &str); 16] = [
    (
        "lookup",
        "a list of a few values fits in `case(...)` or `in [...]`",
    ),
    (
        "anomaly",
        "compare with the time before: `pattern @message | diff`",
    ),
    (
        "logcompare",
        "compare with the time before: `pattern @message | diff`",
    ),
    (
        "outlier",
        "compare with a percentile: `stats pct(bytes, 99) as p`",
    ),
    ("addtotals", "a second `stats` sums up: `| stats sum(n)`"),
    ("appendcols", ""),
    ("append", ""),
    ("autoregress", ""),
    (
        "countfrequent",
        "write `stats count(*) as n by x | sort n desc`",
    ),
    ("estimate", ""),
    ("relevantfields", ""),
    ("sessionize", ""),
    ("transpose", ""),
    ("eval", "write `fields bytes / 1024 as kb`"),
    (
        "makemv",
        "write `fields split(x, \",\") as list | unnest list into part`",
    ),
    ("timechart", "write `stats count(*) by bin(5m)`"),
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

impl Parser<'_> {
    pub(super) fn command(&mut self) -> Parsed<Command> {
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
            "filter" | "where" => {
                self.advance()?;
                self.expr().map(Command::Filter)
            }
            "filterindex" => self.filter_index(),
            "stats" => self.stats(),
            "sort" => self.sort(),
            "limit" | "head" | "tail" => self.limit(),
            "parse" => self.parse(),
            "dedup" => self.dedup(),
            "unmask" => {
                self.advance()?;
                self.items().map(|_| Command::Unmask)
            }
            "pattern" => {
                self.advance()?;
                self.expr().map(Command::Pattern)
            }
            "diff" => self.diff(),
            "unnest" => self.unnest(),
            "expand" => self.expand(),
            "join" => self.join(),
            "accum" => self.accum(),
            "filldown" => self.fill_down(),
            "fillmissing" => self.fill_missing(),
            "source" => {
                let message = "`SOURCE` stands at the beginning of a query";
                Err(self.lexer.malformed(span, message, None))
            }
            _ => Err(self.no_command(&word, span)),
        }
    }

    /// `filterIndex field = value` or `in [...]`: there are no indexes here, so it filters.
    fn filter_index(&mut self) -> Parsed<Command> {
        self.advance()?;
        let condition = self.expr()?;
        let indexed = match &condition.kind {
            ExprKind::Compare(super::ast::Comparison::Equal, left, _) => Some(left),
            ExprKind::In { value, .. } | ExprKind::InQuery { value, .. } => Some(value),
            _ => None,
        };
        if indexed.is_none_or(|left| !matches!(left.kind, ExprKind::Field(_))) {
            let message = "`filterIndex` takes a field and `=` or `in` only";
            let hint = Some("other conditions go into a `filter` after it");
            return Err(self.lexer.malformed(condition.span, message, hint));
        }
        Ok(Command::Filter(condition))
    }

    fn diff(&mut self) -> Parsed<Command> {
        self.advance()?;
        let times = [
            ("previousDay", Since::Day),
            ("previousWeek", Since::Week),
            ("previousMonth", Since::Month),
        ];
        for (word, since) in times {
            if self.eat_word(word)? {
                return Ok(Command::Diff(since));
            }
        }
        if matches!(self.token.kind, Kind::Name { .. }) {
            let expected = "`previousDay`, `previousWeek`, `previousMonth` or the next command";
            return Err(self.unexpected(expected, None));
        }
        Ok(Command::Diff(Since::Period))
    }

    fn unnest(&mut self) -> Parsed<Command> {
        self.advance()?;
        let list = self.primary()?;
        if !self.eat_word("into")? {
            let hint = Some("`unnest list into element`");
            return Err(self.unexpected("`into` and a name", hint));
        }
        let name = self.name()?;
        Ok(Command::Unnest {
            list,
            name,
            keyword: "unnest",
        })
    }

    fn expand(&mut self) -> Parsed<Command> {
        self.advance()?;
        let item = self.item()?;
        Ok(Command::Unnest {
            name: item.name(),
            list: item.expr,
            keyword: "expand",
        })
    }

    fn accum(&mut self) -> Parsed<Command> {
        self.advance()?;
        let item = self.item()?;
        Ok(Command::Accum {
            name: item.name(),
            of: item.expr,
        })
    }

    /// Names with `*` in them, separated by blanks or commas.
    fn fill_down(&mut self) -> Parsed<Command> {
        self.advance()?;
        let mut patterns: Vec<String> = Vec::new();
        let mut glued = false;
        loop {
            let piece = match &self.token.kind {
                Kind::Name { text, .. } => text.clone(),
                Kind::Symbol("*") => "*".to_owned(),
                Kind::Symbol(",") if !patterns.is_empty() => {
                    self.advance()?;
                    glued = false;
                    continue;
                }
                _ => return Ok(Command::FillDown(patterns)),
            };
            match patterns.last_mut() {
                Some(last) if glued => last.push_str(&piece),
                _ => patterns.push(piece),
            }
            let end = self.token.span.end;
            self.advance()?;
            glued = self.token.span.start == end;
        }
    }

    fn fill_missing(&mut self) -> Parsed<Command> {
        self.advance()?;
        if !self.eat_word("with")? {
            return Ok(Command::FillMissing(Vec::new()));
        }
        let values = self.list(|parser| {
            let value = parser.negative()?;
            if !matches!(value.kind, ExprKind::Number(_) | ExprKind::Text(_)) {
                let message = "the value is a number or a string";
                return Err(parser.lexer.malformed(value.span, message, None));
            }
            if !parser.eat_word("for")? {
                let hint = Some("`fillmissing with 0 for n`");
                return Err(parser.unexpected("`for` and a name", hint));
            }
            // A column may bear the text of an expression.
            Ok((value, parser.item()?.key()))
        })?;
        Ok(Command::FillMissing(values))
    }

    fn no_command(&self, word: &str, span: Span) -> QueryError {
        if let Some((_, hint)) = NOT_HERE.iter().find(|(name, _)| *name == word) {
            return QueryError::Unsupported {
                what: format!("the command `{word}`"),
                place: Place::new(self.lexer.query, span.start, span.end),
                hint: Some(*hint)
                    .filter(|hint| !hint.is_empty())
                    .map(str::to_owned),
            };
        }
        let message = format!("`{word}` is not a command");
        if let Some((_, hint)) = FOREIGN.iter().find(|(name, _)| *name == word) {
            return self.lexer.malformed(span, message, Some(hint));
        }
        let lower = COMMANDS.map(str::to_lowercase);
        let near = super::advice::nearest(word, lower.iter().map(String::as_str));
        let hint = near.map_or_else(
            || format!("the commands are `{}`", COMMANDS[..COMMON].join("`, `")),
            |near| format!("did you mean `{near}`?"),
        );
        self.lexer.malformed(span, message, Some(&hint))
    }

    pub(super) fn items(&mut self) -> Parsed<Vec<Item>> {
        self.list(Self::item)
    }

    pub(super) fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut list = vec![one(self)?];
        while self.eat(",")? {
            list.push(one(self)?);
        }
        self.list_end = self.last_end;
        Ok(list)
    }

    pub(super) fn item(&mut self) -> Parsed<Item> {
        if self.after_comma() && self.at_word("by") {
            return Err(self.unexpected("an expression", Some("leave out the comma before `by`")));
        }
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
        if self.at_word("offset") {
            return Err(QueryError::Unsupported {
                what: "`offset` after `by bin(...)`".to_owned(),
                place: self.place(self.token.span),
                hint: Some("ask for the earlier time range in a query of its own".to_owned()),
            });
        }
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
            let alias = if parser.eat_word("as")? {
                Some(parser.name()?)
            } else {
                None
            };
            Ok(SortKey {
                expr,
                ascending: !descending,
                alias,
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
                self.advance()?;
                if !self.eat_word("as")? {
                    let hint = Some("`parse @message logfmt as lf`, then `lf.level`");
                    return Err(self.unexpected("`as` and a name", hint));
                }
                ParsePattern::Logfmt(self.name()?)
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
            let comma = matches!(self.token.kind, Kind::Name { .. });
            let hint = comma.then_some("a comma stands between two names");
            return Err(self.lexer.malformed(span, message, hint));
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
}
