//! Parameters: `$x`, `${x:-y}`, `${x#p}`, `${x/p/r}` and so on (Bash Reference Manual, 3.5.3).

use brush_parser::word::{
    self, Parameter, ParameterExpr as Expr, ParameterTestType, SpecialParameter,
};

use super::{Bit, joined};
use crate::parse::options;
use crate::run::{Flow, Interpreter, NotSet, State, Stop, Value, end_of};

/// What a parameter holds.
pub(super) enum Got {
    Unset,
    One(String),
    /// `$@`, `$*`, `${a[@]}`: each by itself, or as one.
    Many(Vec<String>, bool),
}

impl Got {
    fn is_unset(&self, test: &ParameterTestType) -> bool {
        let or_null = matches!(test, ParameterTestType::UnsetOrNull);
        match self {
            Self::Unset => true,
            Self::One(text) => or_null && text.is_empty(),
            Self::Many(all, _) => all.is_empty() || or_null && all.iter().all(String::is_empty),
        }
    }

    pub(super) fn map(self, mut change: impl FnMut(String) -> Flow<String>) -> Flow<Self> {
        Ok(match self {
            Self::Unset => Self::Unset,
            Self::One(text) => Self::One(change(text)?),
            Self::Many(all, as_one) => {
                let all: Flow<Vec<String>> = all.into_iter().map(change).collect();
                Self::Many(all?, as_one)
            }
        })
    }
}

impl Interpreter<'_> {
    pub(super) fn parameter(
        &mut self,
        expression: &Expr,
        quoted: bool,
        bits: &mut Vec<Bit>,
    ) -> Flow<()> {
        let got = match expression {
            Expr::Parameter {
                parameter,
                indirect,
            } => {
                let got = self.got(parameter, *indirect)?;
                self.not_unset(parameter, &got)?;
                got
            }
            Expr::ParameterLength {
                parameter,
                indirect,
            } => self.length(parameter, *indirect)?,
            Expr::VariableNames {
                prefix,
                concatenate,
            } => {
                let all = self.state.variables.all();
                let names = all.keys().filter(|it| it.starts_with(prefix));
                Got::Many(names.map(|it| (*it).to_owned()).collect(), *concatenate)
            }
            Expr::MemberKeys {
                variable_name,
                concatenate,
            } => {
                let value = self.state.variables.value(variable_name);
                Got::Many(value.map(Value::keys).unwrap_or_default(), *concatenate)
            }
            Expr::UseDefaultValues { .. }
            | Expr::UseAlternativeValue { .. }
            | Expr::AssignDefaultValues { .. }
            | Expr::IndicateErrorIfNullOrUnset { .. } => {
                match self.tested_parameter(expression, quoted, bits)? {
                    Some(got) => got,
                    None => return Ok(()),
                }
            }
            other => self.changed(other)?,
        };
        self.push(got, quoted, bits);
        Ok(())
    }

    /// `${x:-y}` and its like; nothing where the word behind has been taken.
    fn tested_parameter(
        &mut self,
        expression: &Expr,
        quoted: bool,
        bits: &mut Vec<Bit>,
    ) -> Flow<Option<Got>> {
        let got = match expression {
            Expr::UseDefaultValues {
                parameter,
                indirect,
                test_type,
                default_value,
            } => {
                let got = self.got(parameter, *indirect)?;
                if got.is_unset(test_type) {
                    self.other_word(default_value.as_ref(), quoted, bits)?;
                    return Ok(None);
                }
                got
            }
            Expr::UseAlternativeValue {
                parameter,
                indirect,
                test_type,
                alternative_value,
            } => {
                let got = self.got(parameter, *indirect)?;
                if !got.is_unset(test_type) {
                    self.other_word(alternative_value.as_ref(), quoted, bits)?;
                    return Ok(None);
                }
                Got::One(String::new())
            }
            Expr::AssignDefaultValues {
                parameter,
                indirect,
                test_type,
                default_value,
            } => {
                let got = self.got(parameter, *indirect)?;
                match got.is_unset(test_type) {
                    true => self.default(parameter, default_value.as_ref())?,
                    false => got,
                }
            }
            Expr::IndicateErrorIfNullOrUnset {
                parameter,
                indirect,
                test_type,
                error_message,
            } => {
                let got = self.got(parameter, *indirect)?;
                if got.is_unset(test_type) {
                    let says = match error_message.as_deref() {
                        Some(message) if !message.is_empty() => self.one_word(message)?,
                        _ => match test_type {
                            ParameterTestType::UnsetOrNull => "parameter null or not set",
                            ParameterTestType::Unset => "parameter not set",
                        }
                        .to_owned(),
                    };
                    self.ends_unset(&format!("{}: {says}", name_of(parameter)))?;
                }
                got
            }
            _ => Got::Unset,
        };
        Ok(Some(got))
    }

    fn push(&mut self, got: Got, quoted: bool, bits: &mut Vec<Bit>) {
        let bit = |text| {
            if quoted {
                Bit::Quoted(text)
            } else {
                Bit::Split(text)
            }
        };
        match got {
            Got::Unset => {
                if quoted {
                    bits.push(Bit::Quoted(String::new()));
                }
            }
            Got::One(text) => bits.push(bit(text)),
            Got::Many(all, true) if quoted => {
                let separator = match self.state.variables.text("IFS") {
                    Some(text) => text.chars().next().map(String::from).unwrap_or_default(),
                    None => " ".to_owned(),
                };
                bits.push(Bit::Quoted(all.join(&separator)));
            }
            Got::Many(all, _) => {
                self.nothing |= all.is_empty();
                for (at, text) in all.into_iter().enumerate() {
                    if at > 0 {
                        bits.push(Bit::Break);
                    }
                    bits.push(bit(text));
                }
            }
        }
    }

    /// The word behind `:-` and its like.
    fn other_word(&mut self, word: Option<&String>, quoted: bool, bits: &mut Vec<Bit>) -> Flow<()> {
        let word = word.map(String::as_str).unwrap_or_default();
        let made = self.deeper(|shell| shell.bits(word, quoted))?;
        if made.is_empty() && quoted {
            bits.push(Bit::Quoted(String::new()));
        }
        // What it says is split as if it had been the parameter's.
        bits.extend(made.into_iter().map(|it| match it {
            Bit::Literal(text) if !quoted => Bit::Split(text),
            Bit::Literal(text) => Bit::Quoted(text),
            other => other,
        }));
        Ok(())
    }

    fn default(&mut self, parameter: &Parameter, word: Option<&String>) -> Flow<Got> {
        let word = word.map(String::as_str).unwrap_or_default();
        let text = joined(self.bits(word, false)?);
        let done = match parameter {
            Parameter::Named(name) => self.set_variable(name, &text, false)?,
            Parameter::NamedWithIndex { name, index } => {
                let (key, index) = self.index(name, index)?;
                self.set_element(name, &key, index, text.clone())?
            }
            other => {
                self.complain(&format!("{}: cannot assign in this way", name_of(other)))?;
                false
            }
        };
        match done {
            true => Ok(Got::One(text)),
            false => Err(Stop::Exit(1)),
        }
    }

    /// `set -u`
    pub(super) fn not_unset(&mut self, parameter: &Parameter, got: &Got) -> Flow<()> {
        match got {
            Got::Unset if self.state.options.nounset => {
                let sign = if matches!(parameter, Parameter::Positional(_)) {
                    "$"
                } else {
                    ""
                };
                self.ends_unset(&format!("{sign}{}: unbound variable", name_of(parameter)))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn ends_unset(&mut self, text: &str) -> Flow<()> {
        self.complain(text)?;
        let State {
            is_command,
            in_subshell,
            options,
            ..
        } = &self.state;
        let is_whole = *is_command && !in_subshell && !options.errexit;
        Err(Stop::Exit(if is_whole { 127 } else { 1 }))
    }

    /// What a parameter holds, or the one that it names.
    pub(super) fn got(&mut self, parameter: &Parameter, indirect: bool) -> Flow<Got> {
        if !indirect {
            return self.direct(parameter);
        }
        let Got::One(name) = self.direct(parameter)? else {
            return Ok(Got::Unset);
        };
        match word::parse_parameter(&name, &options()) {
            Ok(parameter) => self.direct(&parameter),
            Err(_) => {
                self.complain(&format!("{name}: invalid variable name"))?;
                Err(Stop::Exit(1))
            }
        }
    }

    fn direct(&mut self, parameter: &Parameter) -> Flow<Got> {
        let one = |text: Option<String>| text.map_or(Got::Unset, Got::One);
        Ok(match parameter {
            Parameter::Positional(0) => Got::One(self.state.name.clone()),
            Parameter::Positional(number) => {
                one(self.state.positional.get(*number as usize - 1).cloned())
            }
            Parameter::Special(special) => self.special(special),
            Parameter::Named(name) if name == "HOSTNAME" => Got::One(self.host_name()?),
            Parameter::Named(name) => one(self.variable_text(name)),
            Parameter::NamedWithIndex { name, index } => {
                let (key, index) = self.index(name, index)?;
                if let Some(Value::List(list)) = self.state.variables.value(name)
                    && index.saturating_add(end_of(list)) < 0
                {
                    self.complain(&format!("{name}: {}", NotSet::Subscript))?;
                }
                one(self.element(name, &key, index))
            }
            Parameter::NamedWithAllIndices { name, concatenate } if name == "FUNCNAME" => {
                Got::Many(
                    self.state.calls.iter().rev().cloned().collect(),
                    *concatenate,
                )
            }
            Parameter::NamedWithAllIndices { name, concatenate } => {
                let value = self.state.variables.value(name);
                Got::Many(value.map(Value::all).unwrap_or_default(), *concatenate)
            }
        })
    }

    fn special(&self, special: &SpecialParameter) -> Got {
        Got::One(match special {
            SpecialParameter::AllPositionalParameters { concatenate } => {
                return Got::Many(self.state.positional.clone(), *concatenate);
            }
            SpecialParameter::PositionalParameterCount => self.state.positional.len().to_string(),
            SpecialParameter::LastExitStatus => self.state.status.to_string(),
            SpecialParameter::CurrentOptionFlags => self.option_letters(),
            SpecialParameter::ProcessId => self.begin().process.to_string(),
            // There is no job in the background.
            SpecialParameter::LastBackgroundProcessId => return Got::Unset,
            SpecialParameter::ShellName => self.state.name.clone(),
        })
    }

    fn option_letters(&self) -> String {
        let options = &self.state.options;
        let mut letters = String::new();
        for (on, letter) in [
            (options.errexit, 'e'),
            (true, 'h'),
            (options.nounset, 'u'),
            (options.xtrace, 'x'),
            (true, 'B'),
            (self.state.is_command, 'c'),
        ] {
            if on {
                letters.push(letter);
            }
        }
        letters
    }

    fn host_name(&mut self) -> Flow<String> {
        if let Some(set) = self.state.variables.text("HOSTNAME") {
            return Ok(set.to_owned());
        }
        let text = self.captured(|shell| {
            shell.run_on_machine(&["hostname".to_owned()])?;
            Ok(())
        })?;
        let text = text.trim_end().to_owned();
        // It cannot be readonly, since it is not there.
        let _ = self.state.variables.set_text("HOSTNAME", text.clone());
        Ok(text)
    }

    /// A variable, or what only looks like one.
    pub(crate) fn variable_text(&mut self, name: &str) -> Option<String> {
        if let Some(text) = self.state.variables.text(name) {
            return Some(text.to_owned());
        }
        let utc = self.begin().starts.at(self.now);
        Some(match name {
            "LINENO" => self.state.line.to_string(),
            "SECONDS" => self.now.since(self.begin().at).as_secs().to_string(),
            "EPOCHSECONDS" => utc.as_secs().to_string(),
            "EPOCHREALTIME" => {
                let micros = utc.as_nanos() / 1000;
                format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
            }
            "UID" | "EUID" => "0".to_owned(),
            "BASHPID" => self.begin().process.to_string(),
            "PPID" => (self.begin().process - 1).to_string(),
            "BASH" => "/usr/bin/bash".to_owned(),
            "BASH_SUBSHELL" => self.state.level.to_string(),
            "OSTYPE" => "linux-gnu".to_owned(),
            // That of Amazon Linux 2023.
            "BASH_VERSION" => "5.2.15(1)-release".to_owned(),
            "BASH_VERSINFO" => "5".to_owned(),
            "FUNCNAME" => self.state.calls.last()?.clone(),
            "BASH_SOURCE" => self.state.source.clone()?,
            "_" => self.state.last_word.clone(),
            "SHELL" => "/bin/bash".to_owned(),
            "HOSTTYPE" => "x86_64".to_owned(),
            "RANDOM" => {
                // As bash: the minimal standard generator of Park and Miller, folded to 15 bits.
                let next = u64::from(self.random) * 16_807 % 0x7fff_ffff;
                self.random = next as u32;
                ((self.random >> 16 ^ self.random & 0xffff) & 0x7fff).to_string()
            }
            _ => return None,
        })
    }

    /// The index of an element: as a key, and as a number.
    pub(crate) fn index(&mut self, name: &str, index: &str) -> Flow<(String, i64)> {
        if matches!(self.state.variables.value(name), Some(Value::Map(_))) {
            return Ok((self.one_word(index)?, 0));
        }
        let value = self.arithmetic_or_exit(index)?;
        Ok((value.to_string(), value))
    }

    pub(crate) fn element(&self, name: &str, key: &str, index: i64) -> Option<String> {
        if name == "BASH_VERSINFO" {
            return ["5", "2", "15", "1"]
                .get(usize::try_from(index).ok()?)
                .map(|it| (*it).into());
        }
        if name == "BASH_SOURCE" && index == 0 {
            return self.state.source.clone();
        }
        if name == "FUNCNAME" {
            let at = usize::try_from(index).ok()?;
            return self.state.calls.iter().rev().nth(at).cloned();
        }
        match self.state.variables.value(name)? {
            Value::Map(map) => map.get(key).cloned(),
            other => other.element(index).map(str::to_owned),
        }
    }

    fn length(&mut self, parameter: &Parameter, indirect: bool) -> Flow<Got> {
        let got = self.got(parameter, indirect)?;
        self.not_unset(parameter, &got)?;
        let length = match got {
            Got::Unset => 0,
            Got::One(text) => text.chars().count(),
            Got::Many(all, _) => all.len(),
        };
        Ok(Got::One(length.to_string()))
    }
}

/// As errors name it.
fn name_of(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Positional(number) => number.to_string(),
        Parameter::Special(special) => special.to_string(),
        Parameter::Named(name) => name.clone(),
        Parameter::NamedWithIndex { name, index } => format!("{name}[{index}]"),
        Parameter::NamedWithAllIndices { name, concatenate } => {
            format!("{name}[{}]", if *concatenate { '*' } else { '@' })
        }
    }
}
