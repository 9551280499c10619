//! The grammar of what stands between operators: literals, names, calls, CASE, CAST, lambdas.

use super::ast::{Bound, Call, Expr, Frame, FrameUnit, Kind, Over, Window};
use super::cursor::{Cursor, Name};
use super::error::{Checked, Fault};
use super::token;

/// Words that are values.
const CURRENT: &[&str] = &[
    "CURRENT_DATE",
    "CURRENT_TIMESTAMP",
    "CURRENT_TIME",
    "LOCALTIMESTAMP",
    "LOCALTIME",
    "CURRENT_USER",
    "CURRENT_SCHEMA",
    "CURRENT_CATALOG",
];
/// Reserved words that are function names too.
const FUNCTION_WORDS: &[&str] = &[
    "LISTAGG",
    "GROUPING",
    "NORMALIZE",
    "JSON_EXISTS",
    "JSON_QUERY",
    "JSON_VALUE",
];

impl Cursor<'_> {
    pub(super) fn primary(&mut self) -> Checked<Expr> {
        let at = self.at();
        let text = self.slice(0);
        let kind = match self.kind() {
            token::Kind::Integer => Kind::Integer(text.to_owned()),
            token::Kind::Decimal => Kind::Decimal(text.to_owned()),
            token::Kind::Float => Kind::Double(text.parse().unwrap_or(f64::INFINITY)),
            token::Kind::Text(text) => Kind::Text(text.clone()),
            token::Kind::Word => return self.word(at),
            token::Kind::Quoted(_) => return self.named(at),
            token::Kind::Backticked(_) => return Err(self.backticks()),
            token::Kind::Sign if text == "(" => return self.parenthesized(at),
            token::Kind::Sign if text == "?" => {
                let message = "Incorrect number of parameters: expected 1 but found 0";
                return Err(Fault::new("INVALID_PARAMETER_USAGE", at, message));
            }
            _ => {
                self.could_be("<expression>");
                return Err(self.mismatch());
            }
        };
        self.advance();
        Ok(self.node(kind, at, at))
    }

    fn word(&mut self, at: usize) -> Checked<Expr> {
        let word = self.slice(0).to_ascii_uppercase();
        let constant = match word.as_str() {
            "NULL" => Some(Kind::Null),
            "TRUE" => Some(Kind::Bool(true)),
            "FALSE" => Some(Kind::Bool(false)),
            _ if CURRENT.contains(&word.as_str()) => Some(Kind::Current(word.clone())),
            _ => None,
        };
        if let Some(kind) = constant {
            self.advance();
            if matches!(kind, Kind::Current(_)) && self.takes_sign("(") {
                self.integer()?;
                self.expects_sign(")")?;
            }
            return Ok(self.node(kind, at, at));
        }
        let call = self.sign_ahead(1, "(");
        match word.as_str() {
            "CASE" => self.case(at),
            "INTERVAL" if self.text_ahead(1) || self.sign_ahead(1, "-") => self.interval(at),
            "EXISTS" => self.exists(at),
            "CAST" | "TRY_CAST" if call => self.cast(at, word == "TRY_CAST"),
            "TRY" if call => self.with_parens(at, |cursor| cursor.expr().map(Kind::Try)),
            "EXTRACT" if call => self.with_parens(at, |cursor| {
                let field = cursor.name()?;
                cursor.expects("FROM")?;
                Ok(Kind::Extract(field, cursor.expr()?))
            }),
            "TRIM" if call => self.trim(at),
            "POSITION" if call => self.position(at),
            "SUBSTRING" if call => self.substring(at),
            "ROW" if call => self.with_parens(at, |c| c.list(Self::expr).map(Kind::Row)),
            "ARRAY" if self.sign_ahead(1, "[") => self.array(at),
            _ if call && FUNCTION_WORDS.contains(&word.as_str()) => {
                let (text, name_at) = (self.slice(0).to_owned(), at);
                self.advance();
                self.call(Name { text, at: name_at })
            }
            _ if self.text_ahead(1) && !super::reserved::in_query(&word) => self.typed(at),
            _ => self.named(at),
        }
    }

    /// A form of a keyword and parentheses.
    fn with_parens(
        &mut self,
        at: usize,
        inner: impl FnOnce(&mut Self) -> Checked<Kind>,
    ) -> Checked<Expr> {
        self.advance();
        self.expects_sign("(")?;
        let kind = inner(self)?;
        self.expects_sign(")")?;
        Ok(self.node(kind, at, at))
    }

    /// `TYPE 'text'`; `TIMESTAMP` and the rest are not reserved words.
    fn typed(&mut self, at: usize) -> Checked<Expr> {
        let ty = self.slice(0).to_lowercase();
        self.advance();
        let text = self.string()?;
        Ok(self.node(Kind::Typed(ty, text), at, at))
    }

    /// A column, a call or a lambda of one parameter.
    fn named(&mut self, at: usize) -> Checked<Expr> {
        let Some(name) = self.name_if() else {
            self.could_be("<expression>");
            return Err(self.mismatch());
        };
        if self.sign_ahead(0, "(") {
            return self.call(name);
        }
        if self.sign_ahead(0, "->") {
            self.advance();
            let body = self.expr()?;
            return Ok(self.node(Kind::Lambda(vec![name], body), at, at));
        }
        Ok(self.node(Kind::Column(name), at, at))
    }

    /// A query, a row, a lambda of several parameters, or just an expression.
    fn parenthesized(&mut self, at: usize) -> Checked<Expr> {
        let mark = self.mark();
        self.advance();
        if let Some(names) = self.lambda_names() {
            let body = self.expr()?;
            return Ok(self.node(Kind::Lambda(names, body), at, at));
        }
        self.back_to(mark);
        self.advance();
        if self.sees_query() {
            let query = self.query()?;
            self.expects_sign(")")?;
            return Ok(self.node(Kind::Subquery(Box::new(query)), at, at));
        }
        let mut all = self.list(Self::expr)?;
        self.expects_sign(")")?;
        if all.len() == 1 {
            // The parentheses belong to the text of an expression, but not to its place.
            let mut inner = all.remove(0);
            inner.start = at;
            inner.end = self.end();
            return Ok(inner);
        }
        Ok(self.node(Kind::Row(all), at, at))
    }

    /// `x, y) ->`, or `) ->`.
    fn lambda_names(&mut self) -> Option<Vec<Name>> {
        let mut names = Vec::new();
        while !self.sign_ahead(0, ")") {
            names.push(self.name_if()?);
            if self.sign_ahead(0, ",") {
                self.advance();
            }
        }
        self.advance();
        let arrow = self.sign_ahead(0, "->");
        if arrow {
            self.advance();
        }
        arrow.then_some(names)
    }

    fn case(&mut self, at: usize) -> Checked<Expr> {
        self.advance();
        let operand = if self.sees("WHEN") {
            None
        } else {
            Some(self.expr()?)
        };
        let mut branches = Vec::new();
        while self.takes("WHEN") {
            let when = self.expr()?;
            self.expects("THEN")?;
            branches.push((when, self.expr()?));
        }
        if branches.is_empty() {
            return Err(self.mismatch());
        }
        let otherwise = self.takes("ELSE").then(|| self.expr()).transpose()?;
        self.expects("END")?;
        let kind = Kind::Case {
            operand,
            branches,
            otherwise,
        };
        Ok(self.node(kind, at, at))
    }

    fn interval(&mut self, at: usize) -> Checked<Expr> {
        self.advance();
        let negative = self.takes_sign("-");
        let text = self.string()?;
        let unit = self.name()?;
        let to = self.takes("TO").then(|| self.name()).transpose()?;
        let kind = Kind::Interval {
            text,
            negative,
            unit,
            to,
        };
        Ok(self.node(kind, at, at))
    }

    fn exists(&mut self, at: usize) -> Checked<Expr> {
        self.with_parens(at, |cursor| {
            let query = cursor.query()?;
            Ok(Kind::Exists(Box::new(query)))
        })
    }

    fn cast(&mut self, at: usize, safe: bool) -> Checked<Expr> {
        self.with_parens(at, |cursor| {
            let value = cursor.expr()?;
            cursor.expects("AS")?;
            let to = cursor.type_text()?;
            Ok(Kind::Cast { value, to, safe })
        })
    }

    /// A type's text: a word or several, with parameters in parentheses.
    pub(super) fn type_text(&mut self) -> Checked<String> {
        let start = self.at();
        self.could_be("<type>");
        let mut open = 0_usize;
        loop {
            let text = self.slice(0);
            match self.kind() {
                token::Kind::End => return Err(self.mismatch()),
                token::Kind::Sign if text == "(" || text == "<" => open += 1,
                token::Kind::Sign if (text == ")" || text == ">") && open > 0 => open -= 1,
                token::Kind::Sign if open == 0 || !matches!(text, "," | ":") => break,
                token::Kind::Text(_) | token::Kind::Unknown => return Err(self.mismatch()),
                _ => {}
            }
            self.advance();
        }
        if self.at() == start || open > 0 {
            return Err(self.mismatch());
        }
        Ok(self.text[start..self.end()].to_owned())
    }

    fn trim(&mut self, at: usize) -> Checked<Expr> {
        let name_at = at;
        self.advance();
        self.expects_sign("(")?;
        let name = if self.takes("LEADING") {
            "ltrim"
        } else if self.takes("TRAILING") {
            "rtrim"
        } else {
            self.takes("BOTH");
            "trim"
        };
        let mut args = Vec::new();
        if !self.takes("FROM") {
            args.push(self.expr()?);
            if self.takes("FROM") || self.takes_sign(",") {
                // `trim(chars FROM text)` is `trim(text, chars)`.
                let comma = self.text.as_bytes()[self.end() - 1] == b',';
                let place = if comma { 1 } else { 0 };
                let second = self.expr()?;
                args.insert(place, second);
            }
        } else {
            args.push(self.expr()?);
        }
        self.expects_sign(")")?;
        let call = Call::simple(name, name_at, args);
        Ok(self.node(Kind::Call(call), at, at))
    }

    fn position(&mut self, at: usize) -> Checked<Expr> {
        self.with_parens(at, |cursor| {
            let part = cursor.value(0)?;
            cursor.expects("IN")?;
            let whole = cursor.value(0)?;
            Ok(Kind::Call(Call::simple("strpos", at, vec![whole, part])))
        })
    }

    /// `substring(text FROM 2 FOR 3)`, or with commas.
    fn substring(&mut self, at: usize) -> Checked<Expr> {
        self.with_parens(at, |cursor| {
            let mut args = vec![cursor.expr()?];
            for word in ["FROM", "FOR"] {
                if cursor.takes(word) || cursor.takes_sign(",") {
                    args.push(cursor.expr()?);
                }
            }
            Ok(Kind::Call(Call::simple("substring", at, args)))
        })
    }

    fn array(&mut self, at: usize) -> Checked<Expr> {
        self.advance();
        self.expects_sign("[")?;
        let items = if self.sign_ahead(0, "]") {
            Vec::new()
        } else {
            self.list(Self::expr)?
        };
        self.expects_sign("]")?;
        Ok(self.node(Kind::Array(items), at, at))
    }

    /// A call; its name is taken.
    fn call(&mut self, name: Name) -> Checked<Expr> {
        let at = name.at;
        self.expects_sign("(")?;
        let mut call = Call::simple(&name.text, at, Vec::new());
        if self.takes_sign("*") {
            call.star = true;
        } else if !self.sign_ahead(0, ")") {
            call.distinct = !self.takes("ALL") && self.takes("DISTINCT");
            call.args = self.list(Self::expr)?;
            if self.takes_all(&["ON", "OVERFLOW"]) && !self.takes("ERROR") {
                return Err(self
                    .mismatch()
                    .with_hint("only ON OVERFLOW ERROR is answered here"));
            }
            if self.takes_all(&["ORDER", "BY"]) {
                call.order = self.list(Self::order)?;
            }
        }
        self.expects_sign(")")?;
        if self.takes_all(&["WITHIN", "GROUP"]) {
            self.expects_sign("(")?;
            self.expects_all(&["ORDER", "BY"])?;
            call.order = self.list(Self::order)?;
            self.expects_sign(")")?;
        }
        if self.sees_all(&["FILTER"]) && self.sign_ahead(1, "(") {
            self.advance();
            self.expects_sign("(")?;
            self.expects("WHERE")?;
            call.filter = Some(self.expr()?);
            self.expects_sign(")")?;
        }
        if self.takes_all(&["IGNORE", "NULLS"]) {
            call.ignore_nulls = true;
        } else {
            self.takes_all(&["RESPECT", "NULLS"]);
        }
        if self.takes("OVER") {
            call.over = Some(self.over()?);
        }
        Ok(self.node(Kind::Call(call), at, at))
    }

    fn over(&mut self) -> Checked<Over> {
        if !self.takes_sign("(") {
            return self.name().map(Over::Named);
        }
        let window = self.window()?;
        self.expects_sign(")")?;
        Ok(Over::Window(window))
    }

    /// What stands in the parentheses of OVER.
    pub(super) fn window(&mut self) -> Checked<Window> {
        let parts = ["PARTITION", "ORDER", "ROWS", "RANGE", "GROUPS"];
        let clause = parts.iter().any(|word| self.sees_all(&[word]));
        let base = if clause { None } else { self.name_if() };
        let partition = if self.takes_all(&["PARTITION", "BY"]) {
            self.list(Self::expr)?
        } else {
            Vec::new()
        };
        let order = if self.takes_all(&["ORDER", "BY"]) {
            self.list(Self::order)?
        } else {
            Vec::new()
        };
        let rows = if self.takes("ROWS") {
            Some(FrameUnit::Rows)
        } else if self.takes("RANGE") {
            Some(FrameUnit::Range)
        } else {
            self.takes("GROUPS").then_some(FrameUnit::Groups)
        };
        let frame = rows.map(|rows| self.frame(rows)).transpose()?;
        Ok(Window {
            base,
            partition,
            order,
            frame,
        })
    }

    fn frame(&mut self, rows: FrameUnit) -> Checked<Frame> {
        if !self.takes("BETWEEN") {
            let (start, end) = (self.bound()?, Bound::CurrentRow);
            return Ok(Frame { rows, start, end });
        }
        let start = self.bound()?;
        self.expects("AND")?;
        let end = self.bound()?;
        Ok(Frame { rows, start, end })
    }

    fn bound(&mut self) -> Checked<Bound> {
        if self.takes_all(&["UNBOUNDED", "PRECEDING"]) {
            return Ok(Bound::UnboundedPreceding);
        }
        if self.takes_all(&["UNBOUNDED", "FOLLOWING"]) {
            return Ok(Bound::UnboundedFollowing);
        }
        if self.takes_all(&["CURRENT", "ROW"]) {
            return Ok(Bound::CurrentRow);
        }
        let distance = Box::new(self.expr()?);
        if self.takes("PRECEDING") {
            return Ok(Bound::Preceding(distance));
        }
        self.expects("FOLLOWING")?;
        Ok(Bound::Following(distance))
    }
}

impl Call {
    /// A call with arguments and nothing else.
    pub(super) fn simple(name: &str, at: usize, args: Vec<Expr>) -> Self {
        Self {
            name: Name {
                text: name.to_owned(),
                at,
            },
            args,
            star: false,
            distinct: false,
            order: Vec::new(),
            filter: None,
            ignore_nulls: false,
            over: None,
        }
    }
}
