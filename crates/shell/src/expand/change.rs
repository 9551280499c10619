//! Parameters that are changed as they are expanded: `${x#p}`, `${x:1:2}`, `${x/p/r}`, `${x^}`.

use brush_parser::word::{
    Parameter, ParameterExpr as Expr, ParameterTransformOp, SubstringMatchKind,
};

use super::parameter::Got;
use super::{Bit, Escapes, escapes, quoted as quoted_word};
use crate::limits::OCTETS_OF_PATTERN;
use crate::regular;
use crate::run::{Flow, Interpreter, Stop, Value};

impl Interpreter<'_> {
    /// What changes what it finds.
    pub(super) fn changed(&mut self, expression: &Expr) -> Flow<Got> {
        match expression {
            Expr::Substring {
                parameter,
                indirect,
                offset,
                length,
            } => {
                let got = self.got(parameter, *indirect)?;
                self.not_unset(parameter, &got)?;
                let from = self.arithmetic_or_exit(&offset.value)?;
                let length = match length {
                    Some(length) => Some(self.arithmetic_or_exit(&length.value)?),
                    None => None,
                };
                self.substring(parameter, got, from, length)
            }
            Expr::ReplaceSubstring {
                parameter,
                indirect,
                pattern,
                replacement,
                match_kind,
            } => {
                let got = self.got(parameter, *indirect)?;
                self.not_unset(parameter, &got)?;
                self.replaced(got, pattern, replacement.as_ref(), match_kind)
            }
            Expr::Transform {
                parameter,
                indirect,
                op,
            } => {
                let got = self.got(parameter, *indirect)?;
                got.map(|text| transformed(text, op))
            }
            Expr::UppercaseFirstChar {
                parameter,
                indirect,
                pattern,
            } => self.cased(parameter, *indirect, pattern.as_ref(), (true, true)),
            Expr::UppercasePattern {
                parameter,
                indirect,
                pattern,
            } => self.cased(parameter, *indirect, pattern.as_ref(), (true, false)),
            Expr::LowercaseFirstChar {
                parameter,
                indirect,
                pattern,
            } => self.cased(parameter, *indirect, pattern.as_ref(), (false, true)),
            Expr::LowercasePattern {
                parameter,
                indirect,
                pattern,
            } => self.cased(parameter, *indirect, pattern.as_ref(), (false, false)),
            other => self.cut(other),
        }
    }

    /// What takes a pattern off one end.
    fn cut(&mut self, expression: &Expr) -> Flow<Got> {
        match expression {
            Expr::RemoveSmallestPrefixPattern {
                parameter,
                indirect,
                pattern,
            } => self.removed(parameter, *indirect, pattern.as_ref(), (true, true)),
            Expr::RemoveLargestPrefixPattern {
                parameter,
                indirect,
                pattern,
            } => self.removed(parameter, *indirect, pattern.as_ref(), (true, false)),
            Expr::RemoveSmallestSuffixPattern {
                parameter,
                indirect,
                pattern,
            } => self.removed(parameter, *indirect, pattern.as_ref(), (false, true)),
            Expr::RemoveLargestSuffixPattern {
                parameter,
                indirect,
                pattern,
            } => self.removed(parameter, *indirect, pattern.as_ref(), (false, false)),
            _ => Ok(Got::Unset),
        }
    }

    fn removed(
        &mut self,
        parameter: &Parameter,
        indirect: bool,
        pattern: Option<&String>,
        (prefix, smallest): (bool, bool),
    ) -> Flow<Got> {
        let got = self.got(parameter, indirect)?;
        self.not_unset(parameter, &got)?;
        let pattern = self.pattern_word(pattern.map(String::as_str).unwrap_or_default())?;
        self.step(OCTETS_OF_PATTERN)?;
        let part = regular::pattern(&pattern, prefix && smallest).map_err(Stop::Refused)?;
        let whole = match (prefix, smallest) {
            (true, _) => format!("^(?:{part})(.*)$"),
            (false, true) => format!("^(.*)(?:{part})$"),
            (false, false) => format!("^(.*?)(?:{part})$"),
        };
        // A lazy star stops where the rest fits, which is anything.
        let regex = regular::build(&whole, false).map_err(Stop::Refused)?;
        got.map(|text| {
            self.step(text.len())?;
            let found = regex.captures(&text).and_then(|it| it.get(1));
            Ok(found.map_or_else(|| text.clone(), |it| it.as_str().to_owned()))
        })
    }

    fn substring(
        &mut self,
        parameter: &Parameter,
        got: Got,
        from: i64,
        length: Option<i64>,
    ) -> Flow<Got> {
        let is_positional = matches!(parameter, Parameter::Special(_));
        Ok(match got {
            Got::Unset => Got::Unset,
            Got::One(text) => {
                let letters: Vec<char> = text.chars().collect();
                Got::One(self.slice(&letters, from, length)?.iter().collect())
            }
            Got::Many(all, as_one) if !is_positional => {
                // Of an array the indices count, which need not be all there.
                let keys = match parameter {
                    Parameter::NamedWithAllIndices { name, .. } => self
                        .state
                        .variables
                        .value(name)
                        .map(Value::keys)
                        .unwrap_or_default(),
                    _ => Vec::new(),
                };
                let numbers: Vec<i64> = keys.iter().filter_map(|it| it.parse().ok()).collect();
                let end = numbers.last().map_or(0, |it| it + 1);
                let from = if from < 0 { end + from } else { from };
                let skipped = numbers.iter().filter(|it| **it < from).count();
                let left = all.into_iter().skip(skipped);
                let most = length
                    .and_then(|it| usize::try_from(it).ok())
                    .unwrap_or(usize::MAX);
                Got::Many(left.take(most).collect(), as_one)
            }
            Got::Many(mut all, as_one) => {
                if is_positional {
                    all.insert(0, self.state.name.clone());
                }
                Got::Many(self.slice(&all, from, length)?.to_vec(), as_one)
            }
        })
    }

    fn slice<'t, T>(&mut self, all: &'t [T], from: i64, length: Option<i64>) -> Flow<&'t [T]> {
        let count = all.len() as i64;
        let from = if from < 0 { count + from } else { from };
        if from < 0 || from > count {
            return Ok(&[]);
        }
        let end = match length {
            None => count,
            Some(length) if length >= 0 => from.saturating_add(length).min(count),
            Some(length) => count + length,
        };
        if end < from {
            let length = length.unwrap_or(0);
            self.complain(&format!("{length}: substring expression < 0"))?;
            return Err(Stop::Exit(1));
        }
        Ok(&all[from as usize..end as usize])
    }

    fn replaced(
        &mut self,
        got: Got,
        pattern: &str,
        replacement: Option<&String>,
        kind: &SubstringMatchKind,
    ) -> Flow<Got> {
        let pattern = self.pattern_word(pattern)?;
        // `&` that is not quoted is what was found (`patsub_replacement` of bash 5.2).
        let mut with = String::new();
        for bit in self.bits(replacement.map(String::as_str).unwrap_or_default(), false)? {
            match bit {
                Bit::Literal(text) | Bit::Split(text) => {
                    with += &text.replace('$', "$$").replace('&', "${0}");
                }
                Bit::Quoted(text) => with += &text.replace('$', "$$"),
                Bit::Break => with.push(' '),
            }
        }
        if pattern.is_empty() && matches!(kind, SubstringMatchKind::Anywhere) {
            return Ok(got);
        }
        self.step(OCTETS_OF_PATTERN)?;
        let part = regular::pattern(&pattern, false).map_err(Stop::Refused)?;
        let whole = match kind {
            SubstringMatchKind::Prefix => format!("^(?:{part})"),
            SubstringMatchKind::Suffix => format!("(?:{part})$"),
            _ => part,
        };
        let regex = regular::build(&whole, false).map_err(Stop::Refused)?;
        let all = matches!(kind, SubstringMatchKind::Anywhere);
        got.map(|text| {
            self.step(text.len())?;
            // What was found may stand in its own place several times.
            let count = if all {
                regex.find_iter(&text).count()
            } else {
                1
            };
            let found = with.matches("${0}").count().saturating_mul(text.len());
            let more = count.saturating_mul(with.len()).saturating_add(found);
            self.has_room(text.len().saturating_add(more))?;
            let made = match all {
                true => regex.replace_all(&text, with.as_str()),
                false => regex.replace(&text, with.as_str()),
            };
            self.written(made.len())?;
            Ok(made.into_owned())
        })
    }

    fn cased(
        &mut self,
        parameter: &Parameter,
        indirect: bool,
        pattern: Option<&String>,
        (upper, first): (bool, bool),
    ) -> Flow<Got> {
        let got = self.got(parameter, indirect)?;
        self.not_unset(parameter, &got)?;
        let pattern = match pattern {
            Some(pattern) if !pattern.is_empty() => self.pattern_word(pattern)?,
            _ => "?".to_owned(),
        };
        got.map(|text| {
            let mut out = String::new();
            for (at, letter) in text.chars().enumerate() {
                let due = (at == 0 || !first) && self.fits(&pattern, &letter.to_string())?;
                match (due, upper) {
                    (true, true) => out.extend(letter.to_uppercase()),
                    (true, false) => out.extend(letter.to_lowercase()),
                    (false, _) => out.push(letter),
                }
            }
            Ok(out)
        })
    }
}

/// `${x@U}`
fn transformed(text: String, operation: &ParameterTransformOp) -> Flow<String> {
    Ok(match operation {
        ParameterTransformOp::ToUpperCase => text.to_uppercase(),
        ParameterTransformOp::ToLowerCase => text.to_lowercase(),
        ParameterTransformOp::CapitalizeInitial => {
            let mut letters = text.chars();
            let first = letters.next().map(|it| it.to_uppercase().to_string());
            first.unwrap_or_default() + letters.as_str()
        }
        ParameterTransformOp::Quoted => match quoted_word(&text) {
            plain if plain == text => format!("'{plain}'"),
            quoted => quoted,
        },
        ParameterTransformOp::ExpandEscapeSequences => escapes(&text, Escapes::Quoted).0,
        _ => {
            let why = "of `${x@...}` there are U, u, L, Q and E; others are not simulated";
            return Err(Stop::Refused(why.to_owned()));
        }
    })
}
