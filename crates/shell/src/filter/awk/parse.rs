//! From tokens to rules.

use super::token::{Token, tokens};
use super::{Expr, Pattern, Rule, Statement, To};
use crate::limits::NESTING_AT_MOST;

pub(super) type Parsed<T> = Result<T, String>;

pub(super) struct Parser {
    tokens: Vec<Token>,
    pub(super) at: usize,
    depth: u32,
    /// Operators of the statement at hand.
    pub(super) operators: usize,
    /// Within the parts of `print`, where `>` is no comparison.
    pub(super) printing: bool,
    /// Within the head of a `for`, where `in` is no operator.
    pub(super) no_in: bool,
}

pub(super) fn rules(text: &str) -> Parsed<Vec<Rule>> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
        operators: 0,
        printing: false,
        no_in: false,
    };
    let mut rules = Vec::new();
    loop {
        parser.skip_ends();
        if parser.peek() == &Token::End {
            return Ok(rules);
        }
        rules.push(parser.rule()?);
    }
}

impl Parser {
    pub(super) fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    pub(super) fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(it) if *it == sign)
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Token::Name(it, _) if it == name)
    }

    pub(super) fn take(&mut self, sign: &str) -> bool {
        let is = self.is(sign);
        self.at += usize::from(is);
        is
    }

    pub(super) fn expect(&mut self, sign: &str) -> Parsed<()> {
        match self.take(sign) {
            true => Ok(()),
            false => Err(format!("`{sign}' expected")),
        }
    }

    pub(super) fn skip_lines(&mut self) {
        while self.peek() == &Token::Line {
            self.at += 1;
        }
    }

    fn skip_ends(&mut self) {
        while self.peek() == &Token::Line || self.is(";") {
            self.at += 1;
        }
    }

    pub(super) fn deeper<T>(&mut self, act: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == NESTING_AT_MOST {
            return Err("programs nested so deep are not simulated".to_owned());
        }
        self.depth += 1;
        let done = act(self);
        self.depth -= 1;
        done
    }

    fn rule(&mut self) -> Parsed<Rule> {
        self.operators = 0;
        let pattern = if self.is("{") {
            Pattern::Always
        } else if self.is_name("BEGIN") {
            self.at += 1;
            Pattern::Begin
        } else if self.is_name("END") {
            self.at += 1;
            Pattern::End
        } else {
            let from = self.expression()?;
            if self.take(",") {
                self.skip_lines();
                Pattern::Range(from, self.expression()?)
            } else {
                Pattern::Fits(from)
            }
        };
        let action = if self.is("{") {
            Some(self.block()?)
        } else {
            None
        };
        let ends =
            action.is_some() || matches!(self.peek(), Token::Line | Token::End) || self.is(";");
        match ends {
            true => Ok(Rule { pattern, action }),
            false => Err(format!("unexpected {:?}", self.peek())),
        }
    }

    fn block(&mut self) -> Parsed<Vec<Statement>> {
        self.expect("{")?;
        let mut statements = Vec::new();
        loop {
            self.skip_ends();
            if self.take("}") {
                return Ok(statements);
            }
            if self.peek() == &Token::End {
                return Err("`}' expected".to_owned());
            }
            statements.extend(self.deeper(Self::statement)?);
        }
    }

    /// The body of an `if` or a loop.
    fn body(&mut self) -> Parsed<Vec<Statement>> {
        self.skip_lines();
        if self.take(";") {
            return Ok(Vec::new());
        }
        self.deeper(Self::statement)
    }

    fn end(&mut self) -> Parsed<()> {
        match self.peek() {
            Token::Line | Token::End => Ok(()),
            Token::Sign("}") => Ok(()),
            Token::Sign(";") => {
                self.at += 1;
                Ok(())
            }
            other => Err(format!("unexpected {other:?}")),
        }
    }

    fn statement(&mut self) -> Parsed<Vec<Statement>> {
        self.operators = 0;
        if self.is("{") {
            return self.block();
        }
        let name = match self.peek() {
            Token::Name(name, _) => name.clone(),
            _ => String::new(),
        };
        let one = match name.as_str() {
            "if" | "while" | "for" | "do" => {
                self.at += 1;
                return self.compound(&name).map(|it| vec![it]);
            }
            "print" | "printf" => {
                self.at += 1;
                self.print(name == "printf")?
            }
            "next" => self.word(Statement::Next),
            "break" => self.word(Statement::Break),
            "continue" => self.word(Statement::Continue),
            "exit" => {
                self.at += 1;
                let bare =
                    matches!(self.peek(), Token::Line | Token::End) || self.is(";") || self.is("}");
                Statement::Exit(if bare { None } else { Some(self.expression()?) })
            }
            "delete" => {
                self.at += 1;
                let Token::Name(name, _) = self.next() else {
                    return Err("a name expected".to_owned());
                };
                let keys = match self.take("[") {
                    true => Some(self.list("]")?),
                    false => None,
                };
                Statement::Delete(name, keys)
            }
            _ => Statement::Value(self.expression()?),
        };
        self.end()?;
        Ok(vec![one])
    }

    fn word(&mut self, statement: Statement) -> Statement {
        self.at += 1;
        statement
    }

    fn compound(&mut self, name: &str) -> Parsed<Statement> {
        if name == "do" {
            let body = self.body()?;
            self.skip_ends();
            if !self.is_name("while") {
                return Err("`while' expected".to_owned());
            }
            self.at += 1;
            self.expect("(")?;
            let condition = self.expression()?;
            self.expect(")")?;
            self.end()?;
            return Ok(Statement::DoWhile(body, condition));
        }
        self.expect("(")?;
        if name == "for" {
            return self.for_loop();
        }
        let condition = self.expression()?;
        self.expect(")")?;
        let body = self.body()?;
        if name == "while" {
            return Ok(Statement::While(condition, body));
        }
        let before = self.at;
        self.skip_ends();
        if !self.is_name("else") {
            self.at = before;
            return Ok(Statement::If(condition, body, Vec::new()));
        }
        self.at += 1;
        Ok(Statement::If(condition, body, self.body()?))
    }

    fn for_loop(&mut self) -> Parsed<Statement> {
        if let [
            Token::Name(name, _),
            Token::Name(word, _),
            Token::Name(list, _),
            Token::Sign(")"),
        ] = &self.tokens[self.at..(self.at + 4).min(self.tokens.len())]
            && word == "in"
        {
            let (name, list) = (name.clone(), list.clone());
            self.at += 4;
            return Ok(Statement::ForIn(name, list, self.body()?));
        }
        let part = |parser: &mut Self, end: &str| -> Parsed<Vec<Statement>> {
            let mut statements = Vec::new();
            while !parser.take(end) {
                statements.push(Statement::Value(parser.expression()?));
                parser.take(",");
            }
            Ok(statements)
        };
        self.no_in = true;
        let first = part(self, ";");
        self.no_in = false;
        let first = first?;
        let condition = match self.take(";") {
            true => None,
            false => {
                let condition = self.expression()?;
                self.expect(";")?;
                Some(condition)
            }
        };
        let last = part(self, ")")?;
        Ok(Statement::For(first, condition, last, self.body()?))
    }

    fn print(&mut self, formatted: bool) -> Parsed<Statement> {
        let bare = |it: &Self| {
            matches!(it.peek(), Token::Line | Token::End)
                || [";", "}", ">", ">>", "|"].iter().any(|s| it.is(s))
        };
        let mut parts = Vec::new();
        let before = std::mem::replace(&mut self.printing, true);
        if self.is("(") && self.closes_all() {
            self.at += 1;
            self.printing = false;
            parts = self.list(")")?;
            self.printing = true;
        } else if !bare(self) {
            parts.push(self.expression()?);
            while self.take(",") {
                self.skip_lines();
                parts.push(self.expression()?);
            }
        }
        let signs = [(">", To::File), (">>", To::Append), ("|", To::Command)];
        let to = match signs.iter().find(|(sign, _)| self.take(sign)) {
            Some((_, to)) => Some((*to, self.concatenation()?)),
            None => None,
        };
        self.printing = before;
        Ok(match formatted {
            true => Statement::Printf(parts, to),
            false => Statement::Print(parts, to),
        })
    }

    /// Whether the bracket that is open here closes at the end of the statement.
    fn closes_all(&self) -> bool {
        let mut depth = 0;
        for (at, token) in self.tokens[self.at..].iter().enumerate() {
            match token {
                Token::Sign("(") => depth += 1,
                Token::Sign(")") => {
                    depth -= 1;
                    if depth == 0 {
                        let after = &self.tokens[self.at + at + 1];
                        return matches!(
                            after,
                            Token::Line | Token::End | Token::Sign(";" | "}" | ">" | ">>" | "|")
                        );
                    }
                }
                Token::End => return false,
                _ => {}
            }
        }
        false
    }

    pub(super) fn list(&mut self, end: &str) -> Parsed<Vec<Expr>> {
        let mut list = Vec::new();
        while !self.take(end) {
            list.push(self.expression()?);
            if !self.is(end) {
                self.expect(",")?;
                self.skip_lines();
            }
        }
        Ok(list)
    }
}
