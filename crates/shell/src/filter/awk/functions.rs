//! Functions of awk, and `printf`.

use super::Expr;
use super::datum::Datum;
use super::run::Machine;
use crate::builtin::formatted;
use crate::run::{Flow, Interpreter, Stop};

impl Machine {
    pub(super) fn formatted(
        &mut self,
        shell: &mut Interpreter<'_>,
        parts: &[Expr],
    ) -> Flow<String> {
        let mut texts = Vec::new();
        for part in parts {
            let value = self.value(shell, part)?;
            texts.push(value);
        }
        let Some((format, values)) = texts.split_first() else {
            return Ok(String::new());
        };
        let format = format.text().replace('\\', "\\\\");
        // Integers are wanted of numbers that are none.
        let kinds = format.split('%').skip(1);
        let mut wanted: Vec<char> = Vec::new();
        let mut escaped = false;
        for part in kinds {
            if escaped {
                escaped = false;
                continue;
            }
            escaped = part.is_empty();
            for letter in part.chars() {
                match letter {
                    // A width that is an argument.
                    '*' => wanted.push('d'),
                    _ if letter.is_ascii_alphabetic() => {
                        wanted.push(letter);
                        break;
                    }
                    _ => {}
                }
            }
        }
        let shown = values
            .iter()
            .enumerate()
            .map(|(at, it)| match wanted.get(at) {
                Some('d' | 'i' | 'x' | 'X' | 'o' | 'u') => (it.number() as i64).to_string(),
                Some('e' | 'E' | 'f' | 'F' | 'g' | 'G') => it.number().to_string(),
                Some('c') if matches!(it, Datum::Number(_)) => char::from_u32(it.number() as u32)
                    .map(String::from)
                    .unwrap_or_default(),
                _ => it.text(),
            });
        // A format is not repeated.
        let shown: Vec<String> = shown.take(wanted.len()).collect();
        let text = formatted(&format, &shown, 0).text;
        shell.step(text.len())?;
        Ok(text)
    }

    pub(super) fn call(
        &mut self,
        shell: &mut Interpreter<'_>,
        name: &str,
        arguments: &[Expr],
    ) -> Flow<Datum> {
        match (name, arguments) {
            ("length", [Expr::Variable(name)]) if self.arrays.contains_key(name) => {
                return Ok(Datum::Number(self.arrays[name].len() as f64));
            }
            ("length", []) => return Ok(Datum::Number(self.record.chars().count() as f64)),
            ("split", _) => return self.call_split(shell, arguments),
            ("sub" | "gsub", _) => return self.substitute(shell, name == "gsub", arguments),
            ("match", [text, pattern, rest @ ..]) => {
                return self.call_match(shell, text, pattern, rest.first());
            }
            ("fflush", _) => {
                self.flush(shell)?;
                return Ok(Datum::Number(0.0));
            }
            ("sprintf", _) => return Ok(Datum::Text(self.formatted(shell, arguments)?)),
            _ => {}
        }
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.value(shell, argument)?);
        }
        let text = values[0].text();
        Ok(match name {
            "length" => Datum::Number(text.chars().count() as f64),
            "index" => {
                let found = text.find(&values[1].text());
                let at = found.map_or(0, |it| text[..it].chars().count() + 1);
                Datum::Number(at as f64)
            }
            "substr" => {
                let from = values[1].number().round();
                let to = match values.get(2) {
                    Some(length) => from + length.number().round(),
                    None => f64::INFINITY,
                };
                let within = |at: usize| (at as f64 + 1.0) >= from && (at as f64 + 1.0) < to;
                let letters = text.chars().enumerate().filter(|(at, _)| within(*at));
                Datum::Text(letters.map(|it| it.1).collect())
            }
            "close" => Datum::Number(self.close(shell, &text)?),
            "system" => Datum::Number(self.system(shell, &text, None)?),
            "tolower" => Datum::Text(text.to_lowercase()),
            "toupper" => Datum::Text(text.to_uppercase()),
            "int" => Datum::Number(values[0].number().trunc()),
            _ => Datum::Number(values[0].number().sqrt()),
        })
    }

    fn call_split(&mut self, shell: &mut Interpreter<'_>, arguments: &[Expr]) -> Flow<Datum> {
        let text = self.value(shell, &arguments[0])?.text();
        let Expr::Variable(array) = &arguments[1] else {
            return Err(Stop::Refused(
                "awk: split: the second argument is no array".to_owned(),
            ));
        };
        let separator = match arguments.get(2) {
            Some(Expr::Regex(text)) => text.clone(),
            Some(other) => self.value(shell, other)?.text(),
            None => self.text_of("FS"),
        };
        let parts = self.split(shell, &text, &separator)?;
        let count = parts.len() as f64;
        let keys = (1_usize..).map(|it| it.to_string());
        self.set_array(array, keys.zip(parts));
        Ok(Datum::Number(count))
    }

    fn call_match(
        &mut self,
        shell: &mut Interpreter<'_>,
        text: &Expr,
        pattern: &Expr,
        groups: Option<&Expr>,
    ) -> Flow<Datum> {
        let text = self.value(shell, text)?.text();
        let pattern = match pattern {
            Expr::Regex(text) => text.clone(),
            other => self.value(shell, other)?.text(),
        };
        let regex = self.regex(shell, &pattern)?;
        // What the groups have matched goes into gawk's third argument.
        if let Some(Expr::Variable(array)) = groups {
            let found = regex.captures(&text);
            let found = found.iter().flat_map(|it| it.iter().enumerate());
            let found =
                found.filter_map(|(at, it)| Some((at.to_string(), it?.as_str().to_owned())));
            self.set_array(array, found);
        }
        let (start, length) = match regex.find(&text) {
            Some(found) => {
                let start = text[..found.start()].chars().count() + 1;
                (start as f64, found.as_str().chars().count() as f64)
            }
            None => (0.0, -1.0),
        };
        self.variables
            .insert("RSTART".to_owned(), Datum::Number(start));
        self.variables
            .insert("RLENGTH".to_owned(), Datum::Number(length));
        Ok(Datum::Number(start))
    }

    fn substitute(
        &mut self,
        shell: &mut Interpreter<'_>,
        all: bool,
        arguments: &[Expr],
    ) -> Flow<Datum> {
        let pattern = match &arguments[0] {
            Expr::Regex(text) => text.clone(),
            other => self.value(shell, other)?.text(),
        };
        let with = self.value(shell, &arguments[1])?.text();
        let record = Expr::Field(Box::new(Expr::Number(0.0)));
        let target = arguments.get(2).unwrap_or(&record);
        let text = self.value(shell, target)?.text();
        let regex = self.regex(shell, &pattern)?;
        let (mut out, mut end, mut count) = (String::new(), 0, 0);
        for found in regex.find_iter(&text) {
            if count > 0 && !all {
                break;
            }
            out += &text[end..found.start()];
            let mut letters = with.chars();
            while let Some(letter) = letters.next() {
                match letter {
                    '&' => out += found.as_str(),
                    '\\' => match letters.next() {
                        Some(letter @ ('&' | '\\')) => out.push(letter),
                        other => out.extend(std::iter::once('\\').chain(other)),
                    },
                    _ => out.push(letter),
                }
            }
            end = found.end();
            count += 1;
            shell.has_room(out.len())?;
        }
        if count > 0 {
            out += &text[end..];
            shell.step(out.len())?;
            self.store(shell, target, Datum::Text(out))?;
        }
        Ok(Datum::Number(f64::from(count)))
    }
}
