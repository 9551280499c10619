//! Simple commands: assignments, words, and who runs them.

use std::sync::Arc;

use brush_parser::ast::{
    self, Assignment, AssignmentName, AssignmentValue, Command, CommandPrefixOrSuffixItem as Item,
    IoRedirect, SourceLocation,
};

use super::variables::{NotSet, Value, Variable, end_of};
use super::{Flow, Interpreter, State, Stop};
use crate::question::{FileError, Kind};
use crate::{builtin, filter};

/// Where programs are.
const PATHS: &[&str] = &[
    "/bin/",
    "/sbin/",
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/local/bin/",
    "/usr/local/sbin/",
];

/// Where a shell has its text from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFrom {
    /// `-c`
    Command,
    File,
    /// File descriptor 0.
    Input,
}

/// How many lines a command takes at the most, if it is a `head` or a `sed` that says so.
pub(super) fn lines_wanted(command: &Command) -> Option<usize> {
    let Command::Simple(simple) = command else {
        return None;
    };
    let name = simple.word_or_name.as_ref()?.value.as_str();
    if !["head", "sed"].contains(&name) {
        return None;
    }
    let words = simple.suffix.iter().flat_map(|it| &it.0);
    let words: Option<Vec<&str>> = words
        .map(|it| match it {
            Item::Word(word) => Some(word.value.as_str()),
            _ => None,
        })
        .collect();
    match words?[..] {
        // `sed 3q`
        [script] if name == "sed" => {
            let script = script.trim_matches(['\'', '"']);
            script.strip_suffix('q')?.parse().ok().filter(|it| *it > 0)
        }
        _ if name == "sed" => None,
        [] => Some(10),
        // So many octets are no more lines.
        ["-n" | "-c", number] => number.parse().ok(),
        [option] => option
            .strip_prefix("-n")
            .or_else(|| option.strip_prefix('-'))?
            .parse()
            .ok(),
        _ => None,
    }
}

impl Interpreter<'_> {
    pub(super) fn simple(&mut self, simple: &ast::SimpleCommand) -> Flow<()> {
        if let Some(at) = simple.location() {
            self.state.line = self.line_of(at.start.line.max(1));
        }
        self.take_substituted();
        let prefix = || simple.prefix.iter().flat_map(|it| &it.0);
        let suffix = || simple.suffix.iter().flat_map(|it| &it.0);
        let words = self.command_words(simple)?;
        let assignments = prefix().filter_map(|it| match it {
            Item::AssignmentWord(assignment, _) => Some(assignment),
            _ => None,
        });
        let redirects = prefix().chain(suffix()).filter_map(|it| match it {
            Item::IoRedirect(redirect) => Some(redirect),
            _ => None,
        });
        if words.is_empty() {
            return self.only_assignments(assignments, redirects);
        }
        if words[0] == "exec" && words.len() == 1 {
            let done = self.redirect_all(redirects)?;
            self.state.status = i32::from(!done);
            return Ok(());
        }
        self.with_redirects(redirects, |shell| {
            let mut before = Vec::new();
            for assignment in assignments {
                let AssignmentName::VariableName(name) = &assignment.name else {
                    continue;
                };
                let old = shell.state.variables.find(name).cloned();
                if old.as_ref().is_some_and(|it| it.readonly) {
                    // The command is run all the same.
                    shell.complain(&format!("{name}: {}", NotSet::Readonly))?;
                    continue;
                }
                before.push((name.clone(), old));
                shell.assign(assignment)?;
                shell.state.variables.entry(name).exported = true;
            }
            shell.trace_words(&words)?;
            let done = shell.run(&words);
            shell.restore(before);
            shell.state.last_word = words.into_iter().next_back().unwrap_or_default();
            done
        })
    }

    fn restore(&mut self, before: Vec<(String, Option<Variable>)>) {
        for (name, variable) in before.into_iter().rev() {
            match variable {
                Some(variable) => *self.state.variables.entry(&name) = variable,
                // What was set for the command alone is no constant.
                None => drop(self.state.variables.remove(&name)),
            }
        }
    }

    /// The words of a command, expanded.
    fn command_words(&mut self, simple: &ast::SimpleCommand) -> Flow<Vec<String>> {
        let Some(first) = &simple.word_or_name else {
            return Ok(Vec::new());
        };
        let mut words = self.words(std::iter::once(first.value.as_str()))?;
        let declares = words.first().is_some_and(|it| builtin::declares(it));
        for item in simple.suffix.iter().flat_map(|it| &it.0) {
            match item {
                Item::IoRedirect(_) => {}
                Item::ProcessSubstitution(kind, list) => {
                    words.push(self.process_substitution(kind, list)?);
                }
                Item::AssignmentWord(assignment, _) if declares => {
                    words.push(self.declaration(assignment)?);
                }
                Item::AssignmentWord(_, word) | Item::Word(word) => {
                    words.extend(self.words(std::iter::once(word.value.as_str()))?);
                }
            }
        }
        Ok(words)
    }

    /// An argument of `export` and its like: not split. Arrays are handed over as they are typed.
    fn declaration(&mut self, assignment: &Assignment) -> Flow<String> {
        let sign = if assignment.append { "+=" } else { "=" };
        let AssignmentValue::Scalar(word) = &assignment.value else {
            return Ok(assignment.to_string());
        };
        let value = self.one_word(&word.value)?;
        Ok(format!("{}{sign}{value}", assignment.name))
    }

    fn only_assignments<'r>(
        &mut self,
        assignments: impl Iterator<Item = &'r Assignment>,
        redirects: impl Iterator<Item = &'r IoRedirect>,
    ) -> Flow<()> {
        let redirects: Vec<&IoRedirect> = redirects.collect();
        if !redirects.is_empty() {
            let before = self.state.status;
            self.state.status = 0;
            self.with_redirects(redirects.into_iter(), |_| Ok(()))?;
            if self.state.status != 0 {
                return Ok(());
            }
            self.state.status = before;
        }
        for assignment in assignments {
            self.assign(assignment)?;
        }
        self.state.status = self.take_substituted().unwrap_or(0);
        Ok(())
    }

    /// Makes an assignment. One that fails ends the shell.
    pub(crate) fn assign(&mut self, assignment: &Assignment) -> Flow<()> {
        let done = match (&assignment.name, &assignment.value) {
            (AssignmentName::VariableName(name), AssignmentValue::Scalar(word)) => {
                let text = self.one_word(&word.value)?;
                let sign = if assignment.append { "+=" } else { "=" };
                if self.state.options.xtrace {
                    self.trace(&format!("{name}{sign}{}", crate::expand::quoted(&text)))?;
                }
                self.set_variable(name, &text, assignment.append)?
            }
            (AssignmentName::VariableName(name), AssignmentValue::Array(items)) => {
                self.assign_array(name, items, assignment.append)?
            }
            (AssignmentName::ArrayElementName(name, index), AssignmentValue::Scalar(word)) => {
                let mut text = self.one_word(&word.value)?;
                let (key, index) = self.index(name, index)?;
                if assignment.append {
                    let before = self.element(name, &key, index).unwrap_or_default();
                    text.insert_str(0, &before);
                }
                self.set_element(name, &key, index, text)?
            }
            (AssignmentName::ArrayElementName(name, _), AssignmentValue::Array(_)) => {
                self.complain(&format!("{name}: cannot assign list to array member"))?;
                false
            }
        };
        match done {
            true => Ok(()),
            false => Err(Stop::Exit(1)),
        }
    }

    pub(crate) fn set_element(
        &mut self,
        name: &str,
        key: &str,
        index: i64,
        text: String,
    ) -> Flow<bool> {
        self.written(text.len())?;
        let done = self.state.variables.set_element(name, key, index, text);
        match done {
            Err(NotSet::Subscript) => self.is_set(&format!("{name}[{key}]"), done),
            done => self.is_set(name, done),
        }
    }

    /// Whether a variable was set; if not, says why.
    pub(crate) fn is_set(&mut self, name: &str, done: Result<(), NotSet>) -> Flow<bool> {
        match done {
            Ok(()) => Ok(true),
            Err(why) => {
                self.complain(&format!("{name}: {why}"))?;
                Ok(false)
            }
        }
    }

    /// Sets a variable as an assignment does.
    pub(crate) fn set_variable(&mut self, name: &str, text: &str, append: bool) -> Flow<bool> {
        let before = self.state.variables.find(name);
        let is_integer = before.is_some_and(|it| it.integer);
        let old = self
            .state
            .variables
            .text(name)
            .unwrap_or_default()
            .to_owned();
        let text = match (is_integer, append) {
            (false, false) => text.to_owned(),
            (false, true) => old + text,
            (true, _) => {
                let text = if append {
                    format!("{old}+({text})")
                } else {
                    text.to_owned()
                };
                match self.arithmetic_or_complain(&text, "")? {
                    Some(value) => value.to_string(),
                    None => return Ok(false),
                }
            }
        };
        self.written(text.len())?;
        let exports = self.state.options.allexport;
        let done = self.state.variables.set_text(name, text);
        if done.is_ok() {
            self.state.variables.entry(name).exported |= exports;
        }
        self.is_set(name, done)
    }

    fn assign_array(
        &mut self,
        name: &str,
        items: &[(Option<ast::Word>, ast::Word)],
        append: bool,
    ) -> Flow<bool> {
        // Everything is expanded first: the list may be made of itself.
        let mut texts = Vec::new();
        for (key, word) in items {
            match key {
                Some(key) => texts.push((Some(key), self.one_word(&word.value)?)),
                None => {
                    let words = self.words(std::iter::once(word.value.as_str()))?;
                    texts.extend(words.into_iter().map(|it| (None, it)));
                }
            }
        }
        if !append {
            let empty = match self.state.variables.value(name) {
                Some(Value::Map(_)) => Value::Map(Default::default()),
                _ => Value::List(Default::default()),
            };
            let done = self.state.variables.set(name, empty);
            if !self.is_set(name, done)? {
                return Ok(false);
            }
        }
        let mut next = match self.state.variables.value(name) {
            Some(Value::List(list)) => end_of(list),
            Some(Value::Text(_)) => 1,
            _ => 0,
        };
        for (key, text) in texts {
            let (key, index) = match key {
                Some(key) => self.index(name, &key.value)?,
                None => (next.to_string(), next),
            };
            next = index.saturating_add(1);
            if !self.set_element(name, &key, index, text)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Runs expanded words: a function, a builtin, a filter or a program.
    pub(crate) fn run(&mut self, words: &[String]) -> Flow<()> {
        if let Some(body) = self.state.functions.get(&words[0]) {
            let body = Arc::clone(body);
            self.state.calls.push(words[0].clone());
            let done = self.call(&body, &words[1..]);
            self.state.calls.pop();
            return done;
        }
        self.run_without_functions(words)
    }

    pub(crate) fn run_without_functions(&mut self, words: &[String]) -> Flow<()> {
        self.doing.clone_from(&words[0]);
        if builtin::is_builtin(&words[0]) {
            return builtin::run(self, words);
        }
        self.run_program(words)
    }

    /// Runs a filter, a script or a program of the machine.
    pub(crate) fn run_program(&mut self, words: &[String]) -> Flow<()> {
        self.step(words.iter().map(String::len).sum())?;
        let started_by = self.started_by.take();
        let typed = &words[0];
        let mut name = typed.as_str();
        if typed.contains('/') {
            let known = PATHS.iter().find_map(|it| typed.strip_prefix(it));
            match known.filter(|it| !it.contains('/')) {
                Some(known) => name = known,
                None => return self.run_file(words, started_by),
            }
        }
        if builtin::is_program_too(name) {
            let mut words = words.to_vec();
            words[0] = name.to_owned();
            return builtin::run(self, &words);
        }
        if filter::is_filter(name) {
            self.state.status = filter::run(self, name, &words[1..])?;
            return Ok(());
        }
        let mut argv = words.to_vec();
        argv[0] = name.to_owned();
        if let Some(status) = self.run_on_machine(&argv)? {
            self.state.status = status & 0xff;
            return Ok(());
        }
        self.state.status = self.lacks(typed, started_by, &FileError::NotFound)?;
        Ok(())
    }

    /// Says that a program cannot be run, as who was to start it does; gives the status.
    pub(crate) fn lacks(
        &mut self,
        typed: &str,
        started_by: Option<&'static str>,
        why: &FileError,
    ) -> Flow<i32> {
        match started_by {
            None if !typed.contains('/') => {
                self.complain(&format!("{typed}: command not found"))?
            }
            Some("exec") if !typed.contains('/') => {
                self.complain(&format!("exec: {typed}: not found"))?;
            }
            None | Some("exec") => self.complain(&format!("{typed}: {why}"))?,
            Some("sudo") => {
                self.error(&format!("sudo: {typed}: command not found\n"))?;
                return Ok(1);
            }
            Some("xargs") => self.error(&format!("xargs: {typed}: {why}\n"))?,
            Some("env") => self.error(&format!("env: ‘{typed}’: {why}\n"))?,
            Some(by) => self.error(&format!("{by}: failed to run command ‘{typed}’: {why}\n"))?,
        }
        Ok(if *why == FileError::NotFound {
            127
        } else {
            126
        })
    }

    /// A script by its path.
    fn run_file(&mut self, words: &[String], started_by: Option<&'static str>) -> Flow<()> {
        let path = &words[0];
        let refused = match self.stat(path)? {
            None => Some(FileError::NotFound),
            Some(Kind::Directory) if started_by.is_none() => Some(FileError::IsDirectory),
            Some(Kind::File {
                executable: true, ..
            }) => None,
            Some(_) => Some(FileError::Denied),
        };
        if let Some(why) = refused {
            self.state.status = self.lacks(path, started_by, &why)?;
            return Ok(());
        }
        let text = self.read_file(path)?.unwrap_or_default();
        let shell = crate::interpreter(&text).unwrap_or("bash");
        match shell {
            "sh" | "bash" | "dash" => {
                let is_sh = shell != "bash";
                self.state.status = self.nested(path, &text, &words[1..], is_sh, TextFrom::File)?;
                Ok(())
            }
            other => {
                self.complain(&format!("{path}: {other}: bad interpreter: not simulated"))?;
                self.state.status = 126;
                Ok(())
            }
        }
    }

    /// A shell of its own; gives its status.
    pub(crate) fn nested(
        &mut self,
        name: &str,
        text: &str,
        arguments: &[String],
        is_sh: bool,
        from: TextFrom,
    ) -> Flow<i32> {
        let level = self
            .state
            .variables
            .text("SHLVL")
            .and_then(|it| it.parse::<u32>().ok());
        self.subshell(|shell| {
            let before = std::mem::take(&mut shell.state);
            let mut variables = before.variables.inherited();
            for (name, text) in [("IFS", " \t\n"), ("PS4", "+ "), ("OPTIND", "1")] {
                variables.entry(name).value = Some(Value::Text(text.to_owned()));
            }
            if variables.find("PATH").is_none() {
                let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
                variables.entry("PATH").value = Some(Value::Text(path.to_owned()));
            }
            let level = (level.unwrap_or(1) + 1).to_string();
            variables.entry("SHLVL").value = Some(Value::Text(level));
            shell.state = State {
                variables,
                name: name.to_owned(),
                positional: arguments.to_vec(),
                directory: before.directory,
                channels: before.channels,
                is_sh,
                is_command: from == TextFrom::Command,
                source: (from == TextFrom::File).then(|| name.to_owned()),
                last_word: "/usr/bin/bash".to_owned(),
                umask: before.umask,
                base: 1,
                line: 1,
                ..State::default()
            };
            shell.text(text)
        })
    }
}
