//! `expr` (XCU `expr`, and what GNU adds to it: `length`, `substr`, `index`, `match`).

use crate::limits::OCTETS_OF_PATTERN;
use crate::regular::{self, Language};
use crate::run::{Flow, Interpreter, Stop};

/// A value, or what is wrong.
type Found = Flow<Result<String, String>>;

/// Takes a value, or hands on why there is none.
macro_rules! value {
    ($it:expr) => {
        match $it? {
            Ok(value) => value,
            Err(why) => return Ok(Err(why)),
        }
    };
}

pub(super) fn expr(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    if arguments.is_empty() {
        shell.error("expr: missing operand\nTry 'expr --help' for more information.\n")?;
        return Ok(2);
    }
    let mut reader = Reader {
        words: arguments,
        at: 0,
    };
    let found = match reader.operation(shell, 0)? {
        Ok(value) => match arguments.get(reader.at) {
            None => Ok(value),
            Some(more) => Err(format!("syntax error: unexpected argument ‘{more}’")),
        },
        wrong => wrong,
    };
    match found {
        Ok(text) => {
            shell.out(&format!("{text}\n"))?;
            Ok(i32::from(is_null(&text)))
        }
        Err(why) => {
            shell.error(&format!("expr: {why}\n"))?;
            Ok(2)
        }
    }
}

/// Operators, each row binding closer than the one before it.
const OPERATORS: &[&[&str]] = &[
    &["|"],
    &["&"],
    &["<", "<=", "=", "==", "!=", ">=", ">"],
    &["+", "-"],
    &["*", "/", "%"],
    &[":"],
];

struct Reader<'w> {
    words: &'w [String],
    at: usize,
}

impl<'w> Reader<'w> {
    fn next(&mut self) -> Result<&'w str, String> {
        let word = self.words.get(self.at).ok_or_else(|| match self.at {
            0 => "missing operand".to_owned(),
            at => {
                let last = &self.words[at - 1];
                format!("syntax error: missing argument after ‘{last}’")
            }
        })?;
        self.at += 1;
        Ok(word)
    }

    fn operation(&mut self, shell: &mut Interpreter<'_>, row: usize) -> Found {
        shell.step(0)?;
        let Some(operators) = OPERATORS.get(row) else {
            return self.operand(shell);
        };
        let mut left = value!(self.operation(shell, row + 1));
        while let Some(sign) = self.words.get(self.at)
            && operators.contains(&sign.as_str())
        {
            self.at += 1;
            let right = value!(self.operation(shell, row + 1));
            left = value!(apply(shell, &left, sign, &right));
        }
        Ok(Ok(left))
    }

    fn another(&mut self, shell: &mut Interpreter<'_>) -> Found {
        shell.deeper(|shell| self.operand(shell))
    }

    fn operand(&mut self, shell: &mut Interpreter<'_>) -> Found {
        let word = value!(Ok(self.next()));
        Ok(Ok(match word {
            "(" => {
                let inner = value!(shell.deeper(|shell| self.operation(shell, 0)));
                match self.next() {
                    Ok(")") => inner,
                    Ok(other) => {
                        let text = format!("syntax error: expecting ')' instead of ‘{other}’");
                        return Ok(Err(text));
                    }
                    Err(_) => {
                        let last = &self.words[self.at - 1];
                        let text = format!("syntax error: expecting ')' after ‘{last}’");
                        return Ok(Err(text));
                    }
                }
            }
            ")" => return Ok(Err("syntax error: unexpected ')'".to_owned())),
            // What comes next is a word, whatever it looks like.
            "+" => return Ok(self.next().map(str::to_owned)),
            "length" => value!(self.another(shell)).chars().count().to_string(),
            "match" => {
                let text = value!(self.another(shell));
                let pattern = value!(self.another(shell));
                return matched(shell, &text, &pattern);
            }
            "index" => {
                let text = value!(self.another(shell));
                let letters = value!(self.another(shell));
                let found = text.chars().position(|it| letters.contains(it));
                found.map_or(0, |it| it + 1).to_string()
            }
            "substr" => {
                let text = value!(self.another(shell));
                let from = value!(self.another(shell)).parse::<usize>().unwrap_or(0);
                let count = value!(self.another(shell)).parse::<usize>().unwrap_or(0);
                match from {
                    0 => String::new(),
                    from => text.chars().skip(from - 1).take(count).collect(),
                }
            }
            word => word.to_owned(),
        }))
    }
}

/// Whether it is nothing, or zero.
fn is_null(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text != "-" && digits.bytes().all(|it| it == b'0')
}

fn integer(text: &str) -> Option<i64> {
    let is_number = !text.starts_with('+');
    text.parse().ok().filter(|_| is_number)
}

fn apply(shell: &mut Interpreter<'_>, left: &str, sign: &str, right: &str) -> Found {
    let numbers = integer(left).zip(integer(right));
    Ok(Ok(match sign {
        "|" if !is_null(left) => left.to_owned(),
        "|" if !is_null(right) => right.to_owned(),
        "&" if !is_null(left) && !is_null(right) => left.to_owned(),
        "|" | "&" => "0".to_owned(),
        ":" => return matched(shell, left, right),
        "+" | "-" | "*" | "/" | "%" => {
            let Some((left, right)) = numbers else {
                return Ok(Err("non-integer argument".to_owned()));
            };
            let value = match sign {
                "+" => left.checked_add(right),
                "-" => left.checked_sub(right),
                "*" => left.checked_mul(right),
                _ if right == 0 => return Ok(Err("division by zero".to_owned())),
                "/" => left.checked_div(right),
                _ => left.checked_rem(right),
            };
            match value {
                Some(value) => value.to_string(),
                None => {
                    let why = "expr: numbers of more than 64 bits are not simulated";
                    return Err(Stop::Refused(why.to_owned()));
                }
            }
        }
        comparison => {
            let order = match numbers {
                Some((left, right)) => left.cmp(&right),
                None => left.cmp(right),
            };
            let holds = match comparison {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                "=" | "==" => order.is_eq(),
                "!=" => order.is_ne(),
                ">=" => order.is_ge(),
                _ => order.is_gt(),
            };
            i32::from(holds).to_string()
        }
    }))
}

/// `TEXT : PATTERN`, which is anchored: what its group has matched, or how many letters fit.
fn matched(shell: &mut Interpreter<'_>, text: &str, pattern: &str) -> Found {
    shell.step(text.len() + OCTETS_OF_PATTERN)?;
    let translated = regular::translate(pattern, Language::Basic);
    let regex = translated.and_then(|it| regular::build(&format!("^(?:{it})"), false));
    let regex = match regex {
        Ok(regex) => regex,
        Err(why) if why.contains("not simulated") => {
            return Err(Stop::Refused(format!("expr: {why}")));
        }
        Err(why) => return Ok(Err(why)),
    };
    let found = regex.captures(text);
    Ok(Ok(match (regex.captures_len() > 1, found) {
        (true, found) => {
            let group = found.as_ref().and_then(|it| it.get(1));
            group.map_or_else(String::new, |it| it.as_str().to_owned())
        }
        (false, Some(found)) => found[0].chars().count().to_string(),
        (false, None) => "0".to_owned(),
    }))
}
