//! Rules at work.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use super::datum::{Datum, truth};
use super::{Expr, Pattern, Rule, Statement};
use crate::regular::{Language, compile};
use crate::run::{Flow, Interpreter, Stop};

/// What a statement has led to.
enum Next {
    Goes,
    Next,
    Exit,
    Break,
    Continue,
}

/// A program at work.
pub(super) struct Machine {
    rules: Arc<[Rule]>,
    /// Ranges that are open.
    open: Vec<bool>,
    pub(super) variables: BTreeMap<String, Datum>,
    pub(super) arrays: BTreeMap<String, BTreeMap<String, Datum>>,
    /// `$0` and the fields.
    pub(super) record: String,
    fields: Vec<String>,
    regexes: BTreeMap<String, Regex>,
    pub(super) out: String,
    /// Files that have been opened.
    pub(super) opened: Vec<String>,
    /// Commands that have been opened, each with what it is to read.
    pub(super) commands: Vec<(String, String)>,
    exit: Option<i32>,
}

impl Machine {
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        let texts = [
            ("FS", " "),
            ("OFS", " "),
            ("ORS", "\n"),
            ("RS", "\n"),
            ("SUBSEP", "\x1c"),
        ];
        let variables = texts.map(|(name, text)| (name.to_owned(), Datum::Text(text.to_owned())));
        Self {
            open: vec![false; rules.len()],
            rules: rules.into(),
            variables: BTreeMap::from(variables),
            arrays: BTreeMap::new(),
            record: String::new(),
            fields: Vec::new(),
            regexes: BTreeMap::new(),
            out: String::new(),
            opened: Vec::new(),
            commands: Vec::new(),
            exit: None,
        }
    }

    pub(super) fn set_typed(&mut self, name: &str, text: String) {
        self.variables.insert(name.to_owned(), Datum::Typed(text));
    }

    pub(super) fn set_array(
        &mut self,
        name: &str,
        elements: impl IntoIterator<Item = (String, String)>,
    ) {
        let elements = elements.into_iter();
        let elements = elements.map(|(key, text)| (key, Datum::Typed(text)));
        self.arrays.insert(name.to_owned(), elements.collect());
    }

    pub(super) const fn status(&self) -> Option<i32> {
        self.exit
    }

    /// Whether anything is to be read.
    pub(super) fn reads(&self) -> bool {
        let begins = |it: &Rule| matches!(it.pattern, Pattern::Begin);
        self.exit.is_none() && !self.rules.iter().all(begins)
    }

    pub(super) fn begin(&mut self, shell: &mut Interpreter<'_>) -> Flow<()> {
        self.special(shell, true)
    }

    /// What is done at the end, `exit` or not: one in here ends it.
    pub(super) fn end(&mut self, shell: &mut Interpreter<'_>) -> Flow<()> {
        self.special(shell, false)
    }

    fn special(&mut self, shell: &mut Interpreter<'_>, begin: bool) -> Flow<()> {
        let rules = Arc::clone(&self.rules);
        for rule in rules.iter() {
            let due = match rule.pattern {
                Pattern::Begin => begin,
                Pattern::End => !begin,
                _ => false,
            };
            if due {
                let action = rule.action.as_deref().unwrap_or_default();
                if let Next::Exit = self.all(shell, action)? {
                    break;
                }
            }
        }
        Ok(())
    }

    pub(super) fn text_of(&self, name: &str) -> String {
        self.variables
            .get(name)
            .map(Datum::text)
            .unwrap_or_default()
    }

    /// Runs the rules over the records of a file.
    pub(super) fn file(&mut self, shell: &mut Interpreter<'_>, name: &str, text: &str) -> Flow<()> {
        self.variables
            .insert("FILENAME".to_owned(), Datum::Text(name.to_owned()));
        self.variables.insert("FNR".to_owned(), Datum::Number(0.0));
        let separator = self.text_of("RS");
        let mut records: Vec<&str> = match separator.as_str() {
            "" => text
                .split("\n\n")
                .map(|it| it.trim_matches('\n'))
                .filter(|it| !it.is_empty())
                .collect(),
            separator => text.split(separator).collect(),
        };
        if !separator.is_empty() && records.last() == Some(&"") {
            records.pop();
        }
        for record in records {
            if self.exit.is_some() {
                break;
            }
            shell.step(record.len())?;
            self.set_record(shell, record.to_owned())?;
            for name in ["NR", "FNR"] {
                let count = self.variables.get(name).map_or(0.0, Datum::number);
                self.variables
                    .insert(name.to_owned(), Datum::Number(count + 1.0));
            }
            self.each_rule(shell)?;
        }
        Ok(())
    }

    fn each_rule(&mut self, shell: &mut Interpreter<'_>) -> Flow<()> {
        let rules = Arc::clone(&self.rules);
        for (at, rule) in rules.iter().enumerate() {
            let due = match &rule.pattern {
                Pattern::Begin | Pattern::End => false,
                Pattern::Always => true,
                Pattern::Fits(expr) => self.value(shell, expr)?.holds(),
                Pattern::Range(from, to) => {
                    let open = self.open[at] || self.value(shell, from)?.holds();
                    self.open[at] = open && !self.value(shell, to)?.holds();
                    open
                }
            };
            if !due {
                continue;
            }
            let next = match &rule.action {
                Some(action) => self.all(shell, action)?,
                None => {
                    self.out += &format!("{}{}", self.record, self.text_of("ORS"));
                    Next::Goes
                }
            };
            if let Next::Next | Next::Exit = next {
                break;
            }
        }
        Ok(())
    }

    fn set_record(&mut self, shell: &mut Interpreter<'_>, text: String) -> Flow<()> {
        let separator = self.text_of("FS");
        self.fields = self.split(shell, &text, &separator)?;
        self.record = text;
        Ok(())
    }

    pub(super) fn split(
        &mut self,
        shell: &mut Interpreter<'_>,
        text: &str,
        separator: &str,
    ) -> Flow<Vec<String>> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        Ok(match separator {
            " " => text.split_whitespace().map(str::to_owned).collect(),
            "" => text.chars().map(String::from).collect(),
            one if one.chars().count() == 1 && one != "\\" => {
                text.split(one).map(str::to_owned).collect()
            }
            other => {
                let regex = self.regex(shell, other)?;
                regex.split(text).map(str::to_owned).collect()
            }
        })
    }

    pub(super) fn regex(&mut self, shell: &mut Interpreter<'_>, text: &str) -> Flow<Regex> {
        if let Some(regex) = self.regexes.get(text) {
            return Ok(regex.clone());
        }
        match compile(text, Language::Extended, false) {
            Ok(regex) => {
                self.regexes.insert(text.to_owned(), regex.clone());
                Ok(regex)
            }
            Err(why) => {
                shell.error(&format!("awk: {why}: /{text}/\n"))?;
                Err(Stop::Refused(format!("awk: {why}")))
            }
        }
    }

    fn rebuild(&mut self) {
        self.record = self.fields.join(&self.text_of("OFS"));
    }

    fn all(&mut self, shell: &mut Interpreter<'_>, statements: &[Statement]) -> Flow<Next> {
        for statement in statements {
            match self.one(shell, statement)? {
                Next::Goes => {}
                other => return Ok(other),
            }
        }
        Ok(Next::Goes)
    }

    fn one(&mut self, shell: &mut Interpreter<'_>, statement: &Statement) -> Flow<Next> {
        shell.step(0)?;
        match statement {
            Statement::Print(parts, to) => {
                let mut texts = Vec::new();
                for part in parts {
                    texts.push(self.value(shell, part)?.text());
                }
                let text = match texts.is_empty() {
                    true => self.record.clone(),
                    false => texts.join(&self.text_of("OFS")),
                };
                let text = text + &self.text_of("ORS");
                self.print(shell, text, to.as_ref())?;
            }
            Statement::Printf(parts, to) => {
                let text = self.formatted(shell, parts)?;
                self.print(shell, text, to.as_ref())?;
            }
            Statement::Value(expr) => drop(self.value(shell, expr)?),
            Statement::If(condition, then, other) => {
                let holds = self.value(shell, condition)?.holds();
                return self.all(shell, if holds { then } else { other });
            }
            Statement::While(condition, body) => {
                return self.repeat(shell, Some(condition), body, &[], true);
            }
            Statement::DoWhile(body, condition) => {
                return self.repeat(shell, Some(condition), body, &[], false);
            }
            Statement::For(first, condition, last, body) => {
                self.all(shell, first)?;
                return self.repeat(shell, condition.as_ref(), body, last, true);
            }
            Statement::ForIn(name, list, body) => {
                let list = self.arrays.get(list);
                let keys: Vec<String> =
                    list.into_iter().flat_map(|it| it.keys().cloned()).collect();
                for key in keys {
                    self.variables.insert(name.clone(), Datum::Typed(key));
                    match self.all(shell, body)? {
                        Next::Break => break,
                        Next::Goes | Next::Continue => {}
                        other => return Ok(other),
                    }
                }
            }
            Statement::Delete(name, keys) => match keys {
                None => drop(self.arrays.remove(name)),
                Some(keys) => {
                    let key = self.key(shell, keys)?;
                    self.arrays.entry(name.clone()).or_default().remove(&key);
                }
            },
            Statement::Next => return Ok(Next::Next),
            Statement::Exit(status) => {
                // Without a number one that was given before stands.
                let status = match status {
                    Some(expr) => self.value(shell, expr)?.number() as i32,
                    None => self.exit.unwrap_or(0),
                };
                self.exit = Some(status & 0xff);
                return Ok(Next::Exit);
            }
            Statement::Break => return Ok(Next::Break),
            Statement::Continue => return Ok(Next::Continue),
        }
        Ok(Next::Goes)
    }

    fn repeat(
        &mut self,
        shell: &mut Interpreter<'_>,
        condition: Option<&Expr>,
        body: &[Statement],
        last: &[Statement],
        asks_first: bool,
    ) -> Flow<Next> {
        let mut asks = asks_first;
        loop {
            shell.step(0)?;
            if asks
                && let Some(condition) = condition
                && !self.value(shell, condition)?.holds()
            {
                return Ok(Next::Goes);
            }
            asks = true;
            match self.all(shell, body)? {
                Next::Break => return Ok(Next::Goes),
                Next::Goes | Next::Continue => {}
                other => return Ok(other),
            }
            self.all(shell, last)?;
        }
    }

    fn key(&mut self, shell: &mut Interpreter<'_>, keys: &[Expr]) -> Flow<String> {
        let mut texts = Vec::new();
        for key in keys {
            texts.push(self.value(shell, key)?.text());
        }
        Ok(texts.join(&self.text_of("SUBSEP")))
    }

    pub(super) fn value(&mut self, shell: &mut Interpreter<'_>, expr: &Expr) -> Flow<Datum> {
        shell.step(0)?;
        Ok(match expr {
            Expr::Number(number) => Datum::Number(*number),
            Expr::Text(text) => Datum::Text(text.clone()),
            Expr::Regex(text) => {
                let regex = self.regex(shell, text)?;
                truth(regex.is_match(&self.record))
            }
            Expr::Variable(name) if name == "NF" => Datum::Number(self.fields.len() as f64),
            Expr::Variable(name) => self.variables.get(name).cloned().unwrap_or(Datum::Nothing),
            Expr::Field(inner) => {
                let at = self.value(shell, inner)?.number();
                self.field(shell, at)?
            }
            Expr::Element(name, keys) => {
                let key = self.key(shell, keys)?;
                let array = self.arrays.entry(name.clone()).or_default();
                array.entry(key).or_insert(Datum::Nothing).clone()
            }
            Expr::In(keys, name) => {
                let key = self.key(shell, keys)?;
                truth(
                    self.arrays
                        .get(name)
                        .is_some_and(|it| it.contains_key(&key)),
                )
            }
            Expr::Assign(target, operator, value) => {
                let value = match operator {
                    None => self.value(shell, value)?,
                    Some(sign) => {
                        let right = self.value(shell, value)?.number();
                        let left = self.value(shell, target)?.number();
                        Datum::Number(self.calculate(shell, *sign, left, right)?)
                    }
                };
                self.store(shell, target, value.clone())?;
                value
            }
            Expr::Step(target, by, gives_new) => {
                let before = self.value(shell, target)?.number();
                self.store(shell, target, Datum::Number(before + by))?;
                Datum::Number(if *gives_new { before + by } else { before })
            }
            Expr::Unary(sign, inner) => {
                let inner = self.value(shell, inner)?;
                match sign {
                    '!' => truth(!inner.holds()),
                    '-' => Datum::Number(-inner.number()),
                    _ => Datum::Number(inner.number()),
                }
            }
            Expr::Binary(sign, left, right) => self.binary(shell, sign, left, right)?,
            Expr::Choice(condition, then, other) => {
                let holds = self.value(shell, condition)?.holds();
                self.value(shell, if holds { then } else { other })?
            }
            Expr::Call(name, arguments) => self.call(shell, name, arguments)?,
        })
    }

    fn field(&self, shell: &mut Interpreter<'_>, at: f64) -> Flow<Datum> {
        if at < 0.0 {
            let text = format!("awk: attempt to access field {at}\n");
            shell.error(&text)?;
            return Err(Stop::Refused(
                "awk: a field of a negative number".to_owned(),
            ));
        }
        Ok(match at as usize {
            0 => Datum::Typed(self.record.clone()),
            at => match self.fields.get(at - 1) {
                Some(text) => Datum::Typed(text.clone()),
                None => Datum::Nothing,
            },
        })
    }

    pub(super) fn store(
        &mut self,
        shell: &mut Interpreter<'_>,
        target: &Expr,
        value: Datum,
    ) -> Flow<()> {
        match target {
            Expr::Variable(name) if name == "NF" => {
                let count = (value.number().max(0.0) as usize).min(4096);
                self.fields.resize(count, String::new());
                self.rebuild();
            }
            Expr::Variable(name) => drop(self.variables.insert(name.clone(), value)),
            Expr::Element(name, keys) => {
                let key = self.key(shell, keys)?;
                self.arrays
                    .entry(name.clone())
                    .or_default()
                    .insert(key, value);
            }
            Expr::Field(inner) => {
                let at = self.value(shell, inner)?.number().max(0.0) as usize;
                if at == 0 {
                    return self.set_record(shell, value.text());
                }
                let at = at.min(4096);
                if self.fields.len() < at {
                    self.fields.resize(at, String::new());
                }
                self.fields[at - 1] = value.text();
                self.rebuild();
            }
            _ => {}
        }
        Ok(())
    }

    fn calculate(
        &self,
        shell: &mut Interpreter<'_>,
        sign: char,
        left: f64,
        right: f64,
    ) -> Flow<f64> {
        Ok(match sign {
            '+' => left + right,
            '-' => left - right,
            '*' => left * right,
            '/' | '%' if right == 0.0 => {
                shell.error("awk: division by zero\n")?;
                return Err(Stop::Refused("awk: division by zero".to_owned()));
            }
            '/' => left / right,
            '%' => left % right,
            // By whole numbers alone: others differ in their last digit between machines.
            _ if right == right.trunc() && right.abs() < 1024.0 => left.powi(right as i32),
            _ => {
                return Err(Stop::Refused(
                    "awk: powers of fractions are not simulated".to_owned(),
                ));
            }
        })
    }

    fn binary(
        &mut self,
        shell: &mut Interpreter<'_>,
        sign: &str,
        left: &Expr,
        right: &Expr,
    ) -> Flow<Datum> {
        let first = self.value(shell, left)?;
        match sign {
            "&&" => return Ok(truth(first.holds() && self.value(shell, right)?.holds())),
            "||" => return Ok(truth(first.holds() || self.value(shell, right)?.holds())),
            "~" | "!~" => {
                let text = match right {
                    Expr::Regex(text) => text.clone(),
                    other => self.value(shell, other)?.text(),
                };
                let fits = self.regex(shell, &text)?.is_match(&first.text());
                return Ok(truth(fits == (sign == "~")));
            }
            _ => {}
        }
        let second = self.value(shell, right)?;
        if sign == " " {
            let text = first.text() + &second.text();
            shell.step(text.len())?;
            return Ok(Datum::Text(text));
        }
        if let Some(sign) = sign.chars().next().filter(|it| "+-*/%^".contains(*it)) {
            let value = self.calculate(shell, sign, first.number(), second.number())?;
            return Ok(Datum::Number(value));
        }
        let order = match first.is_number() && second.is_number() {
            true => first.number().total_cmp(&second.number()),
            false => first.text().cmp(&second.text()),
        };
        Ok(truth(match sign {
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            "==" => order.is_eq(),
            "!=" => order.is_ne(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        }))
    }
}
