//! Compound commands: loops, choices, groups, functions.

use std::sync::Arc;

use brush_parser::ast::{self, CaseItemPostAction, Command, CompoundCommand};

use super::resume::{Top, Turn};
use super::{Flow, Interpreter, Stop};
use crate::expand::Fields;
use crate::limits::OCTETS_OF_PATTERN;

impl Interpreter<'_> {
    pub(super) fn command(&mut self, command: &Command) -> Flow<()> {
        self.step(0)?;
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Compound(compound, redirects) => {
                let redirects = redirects.iter().flat_map(|it| &it.0);
                self.with_redirects(redirects, |shell| shell.compound(compound))
            }
            Command::Function(function) => {
                let body = Arc::new(function.body.clone());
                self.state
                    .functions
                    .insert(function.fname.value.clone(), body);
                self.state.status = 0;
                Ok(())
            }
            Command::ExtendedTest(test, redirects) => {
                self.state.line = self.line_of(test.loc.start.line);
                let redirects = redirects.iter().flat_map(|it| &it.0);
                self.with_redirects(redirects, |shell| {
                    shell.trace_test(&test.expr)?;
                    let found = shell.extended_test(&test.expr)?;
                    shell.state.status = found.map_or(2, |it| i32::from(!it));
                    Ok(())
                })
            }
        }
    }

    /// A line of the text at hand, as a line of the whole.
    pub(super) const fn line_of(&self, line: usize) -> usize {
        self.state.base + line - 1
    }

    fn compound(&mut self, compound: &CompoundCommand) -> Flow<()> {
        match compound {
            CompoundCommand::BraceGroup(it) => self.list(&it.list),
            CompoundCommand::Subshell(it) => {
                self.subshell(|shell| shell.list(&it.list))?;
                Ok(())
            }
            CompoundCommand::Arithmetic(it) => {
                self.state.line = self.line_of(it.loc.start.line);
                self.trace(&format!("(( {} ))", it.expr.value.trim()))?;
                let value = self.arithmetic_or_complain(&it.expr.value, "((: ")?;
                self.state.status = i32::from(value.is_none_or(|it| it == 0));
                Ok(())
            }
            CompoundCommand::IfClause(it) => self.choose(it),
            CompoundCommand::WhileClause(it) => self.repeat(&it.0, &it.1.list, true, None),
            CompoundCommand::UntilClause(it) => self.repeat(&it.0, &it.1.list, false, None),
            CompoundCommand::ForClause(it) => self.each(it, None),
            CompoundCommand::ArithmeticForClause(it) => self.count(it, None),
            CompoundCommand::CaseClause(it) => self.case(it),
            CompoundCommand::Coprocess(_) => {
                Err(Stop::Refused("coprocesses are not simulated".to_owned()))
            }
        }
    }

    /// A list whose failure is asked for.
    fn tested(&mut self, list: &ast::CompoundList) -> Flow<bool> {
        let before = std::mem::replace(&mut self.state.tested, true);
        let done = self.list(list);
        self.state.tested = before;
        done?;
        Ok(self.state.status == 0)
    }

    fn choose(&mut self, choice: &ast::IfClauseCommand) -> Flow<()> {
        if self.tested(&choice.condition)? {
            return self.list(&choice.then);
        }
        for other in choice.elses.iter().flatten() {
            let holds = match &other.condition {
                Some(condition) => self.tested(condition)?,
                None => true,
            };
            if holds {
                return self.list(&other.body);
            }
        }
        self.state.status = 0;
        Ok(())
    }

    /// One turn of a loop; whether there may be another.
    fn turn(&mut self, body: &ast::CompoundList) -> Flow<bool> {
        self.step(0)?;
        match self.list(body) {
            Ok(()) | Err(Stop::Continue(1)) => Ok(true),
            Err(Stop::Break(1)) => Ok(false),
            Err(Stop::Break(more)) => Err(Stop::Break(more - 1)),
            Err(Stop::Continue(more)) => Err(Stop::Continue(more - 1)),
            Err(other) => Err(other),
        }
    }

    /// Runs a loop; one that is taken up again has been entered before.
    fn in_loop(&mut self, entered: bool, act: impl FnOnce(&mut Self) -> Flow<()>) -> Flow<()> {
        self.state.loops += u32::from(!entered);
        let done = act(self);
        self.state.loops -= 1;
        done
    }

    pub(super) fn repeat(
        &mut self,
        condition: &ast::CompoundList,
        body: &ast::CompoundList,
        wanted: bool,
        top: Option<Top>,
    ) -> Flow<()> {
        let turn = top.as_ref().and_then(|it| it.turn.clone());
        self.in_loop(turn.is_some(), |shell| {
            let mut status = match turn {
                Some(Turn::While(status)) => status,
                _ => 0,
            };
            loop {
                shell.mark_turn(top.as_ref(), || Turn::While(status));
                let holds = match shell.tested(condition) {
                    Ok(holds) => holds,
                    Err(Stop::Break(1)) => break,
                    Err(Stop::Continue(1)) => continue,
                    Err(Stop::Break(more)) => return Err(Stop::Break(more - 1)),
                    Err(Stop::Continue(more)) => return Err(Stop::Continue(more - 1)),
                    Err(other) => return Err(other),
                };
                if holds != wanted {
                    break;
                }
                let goes_on = shell.turn(body)?;
                status = shell.state.status;
                if !goes_on {
                    break;
                }
            }
            shell.state.status = status;
            Ok(())
        })
    }

    pub(super) fn each(&mut self, each: &ast::ForClauseCommand, top: Option<Top>) -> Flow<()> {
        self.state.line = self.line_of(each.loc.start.line);
        let name = &each.variable_name;
        let turn = top.as_ref().and_then(|it| it.turn.clone());
        let entered = turn.is_some();
        let (values, from) = match (turn, &each.values) {
            (Some(Turn::Each(values, next)), _) => (values, next),
            (_, None) => (Arc::new(self.state.positional.clone()), 0),
            (_, Some(words)) => {
                let words = words.iter().map(|it| it.value.as_str());
                (Arc::new(self.words(words)?), 0)
            }
        };
        let shown = each.values.as_ref().map_or_else(
            || "\"$@\"".to_owned(),
            |words| {
                let words: Vec<&str> = words.iter().map(|it| it.value.as_str()).collect();
                words.join(" ")
            },
        );
        if !entered {
            self.state.status = 0;
        }
        self.in_loop(entered, |shell| {
            for at in from..values.len() {
                shell.mark_turn(top.as_ref(), || Turn::Each(Arc::clone(&values), at));
                shell.trace(&format!("for {name} in {shown}"))?;
                let done = shell.state.variables.set_text(name, values[at].clone());
                if !shell.is_set(name, done)? {
                    shell.state.status = 1;
                    break;
                }
                if !shell.turn(&each.body.list)? {
                    break;
                }
            }
            Ok(())
        })
    }

    /// `for ((a; b; c))`
    pub(super) fn count(
        &mut self,
        count: &ast::ArithmeticForClauseCommand,
        top: Option<Top>,
    ) -> Flow<()> {
        self.state.line = self.line_of(count.loc.start.line);
        let value = |shell: &mut Self, it: &Option<ast::UnexpandedArithmeticExpr>| match it {
            Some(it) if !it.value.trim().is_empty() => {
                shell.arithmetic_or_complain(&it.value, "((: ")
            }
            _ => Ok(Some(1)),
        };
        let entered = top.as_ref().is_some_and(|it| it.turn.is_some());
        self.in_loop(entered, |shell| {
            if !entered {
                if value(shell, &count.initializer)?.is_none() {
                    shell.state.status = 1;
                    return Ok(());
                }
                shell.state.status = 0;
            }
            loop {
                shell.mark_turn(top.as_ref(), || Turn::Count);
                match value(shell, &count.condition)? {
                    Some(0) => break,
                    Some(_) => {}
                    None => {
                        shell.state.status = 1;
                        break;
                    }
                }
                if !shell.turn(&count.body.list)? {
                    break;
                }
                value(shell, &count.updater)?;
            }
            Ok(())
        })
    }

    fn case(&mut self, case: &ast::CaseClauseCommand) -> Flow<()> {
        self.state.line = self.line_of(case.loc.start.line);
        self.trace(&format!("case {} in", case.value.value))?;
        let value = self.one_word(&case.value.value)?;
        self.state.status = 0;
        let mut falls_through = false;
        for item in &case.cases {
            let mut fits = falls_through;
            for pattern in &item.patterns {
                if fits {
                    break;
                }
                let pattern = self.pattern_word(&pattern.value)?;
                fits = self.fits(&pattern, &value)?;
            }
            if !fits {
                continue;
            }
            self.state.status = 0;
            if let Some(list) = &item.cmd {
                self.list(list)?;
            }
            match item.post_action {
                CaseItemPostAction::ExitCase => return Ok(()),
                CaseItemPostAction::UnconditionallyExecuteNextCaseItem => falls_through = true,
                CaseItemPostAction::ContinueEvaluatingCases => falls_through = false,
            }
        }
        Ok(())
    }

    /// Whether a text fits a pattern.
    pub(crate) fn fits(&mut self, pattern: &str, text: &str) -> Flow<bool> {
        self.step(text.len())?;
        if pattern.contains(['*', '?', '[', '(']) {
            self.step(OCTETS_OF_PATTERN)?;
        }
        self.patterns.fits(pattern, text).map_err(Stop::Refused)
    }

    pub(super) fn call(&mut self, body: &ast::FunctionBody, arguments: &[String]) -> Flow<()> {
        let before = std::mem::replace(&mut self.state.positional, arguments.to_vec());
        let loops = std::mem::take(&mut self.state.loops);
        self.state.variables.push();
        let redirects = body.1.iter().flat_map(|it| &it.0);
        let done =
            self.deeper(|shell| shell.with_redirects(redirects, |shell| shell.compound(&body.0)));
        self.state.variables.pop();
        self.state.positional = before;
        self.state.loops = loops;
        match done {
            Err(Stop::Return(status)) => {
                self.state.status = status;
                Ok(())
            }
            other => other,
        }
    }

    /// Words of a command, in fields.
    pub(super) fn words<'w>(&mut self, words: impl Iterator<Item = &'w str>) -> Flow<Vec<String>> {
        let mut fields = Fields::default();
        for word in words {
            self.fields(word, &mut fields)?;
        }
        Ok(fields.into_texts())
    }
}
