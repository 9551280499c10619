//! `awk` (XCU `awk`): patterns, actions, fields, arrays; no functions of one's own, no `getline`.

mod datum;
mod expression;
mod functions;
mod output;
mod parse;
mod run;
mod token;

use super::inputs_or;
use crate::builtin::is_name;
use crate::expand::{Escapes, escapes};
use crate::run::{Flow, Interpreter, Stop};

/// An expression.
#[derive(Clone, Debug)]
enum Expr {
    Number(f64),
    Text(String),
    Regex(String),
    Variable(String),
    Field(Box<Expr>),
    Element(String, Vec<Expr>),
    In(Vec<Expr>, String),
    Assign(Box<Expr>, Option<char>, Box<Expr>),
    /// `++`, `--`: by how much, and whether the new value is given.
    Step(Box<Expr>, f64, bool),
    Unary(char, Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(&'static str, Vec<Expr>),
}

/// Where something is printed, if not on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    File,
    /// The end of a file.
    Append,
    /// What a command reads, which is run when it is closed, or at the end.
    Command,
}

/// A statement.
#[derive(Clone, Debug)]
enum Statement {
    Print(Vec<Expr>, Option<(To, Expr)>),
    Printf(Vec<Expr>, Option<(To, Expr)>),
    Value(Expr),
    If(Expr, Vec<Statement>, Vec<Statement>),
    While(Expr, Vec<Statement>),
    DoWhile(Vec<Statement>, Expr),
    For(Vec<Statement>, Option<Expr>, Vec<Statement>, Vec<Statement>),
    ForIn(String, String, Vec<Statement>),
    Delete(String, Option<Vec<Expr>>),
    Next,
    Exit(Option<Expr>),
    Break,
    Continue,
}

/// When an action is done.
#[derive(Clone, Debug)]
enum Pattern {
    Begin,
    End,
    Always,
    Fits(Expr),
    Range(Expr, Expr),
}

/// A pattern with its action; without one the record is printed.
#[derive(Clone, Debug)]
struct Rule {
    pattern: Pattern,
    action: Option<Vec<Statement>>,
}

/// What was typed: variables, the program, and what is read.
#[derive(Default)]
struct Asked<'w> {
    settings: Vec<(String, String)>,
    texts: Vec<String>,
    operands: &'w [String],
}

const USAGE: &str = "usage: awk [-F fs][-v var=value][prog | -f progfile][file ...]\n";

/// Reads the command line; nothing if it makes no sense, which has been said.
fn asked<'w>(shell: &mut Interpreter<'_>, arguments: &'w [String]) -> Flow<Option<Asked<'w>>> {
    let (mut asked, mut words) = (Asked::default(), arguments);
    while let Some((word, rest)) = words.split_first().filter(|it| it.0.starts_with('-')) {
        if word == "-" {
            break;
        }
        words = rest;
        if word == "--" {
            break;
        }
        let (letter, inner) = (word.chars().nth(1), word.get(2..).unwrap_or_default());
        let value = match (inner.is_empty(), words.split_first()) {
            (false, _) => inner.to_owned(),
            (true, Some((value, rest))) => {
                words = rest;
                value.clone()
            }
            (true, None) => {
                shell.error(USAGE)?;
                return Ok(None);
            }
        };
        match letter {
            Some('F') => {
                let value = if value == "t" { "\t".to_owned() } else { value };
                asked.settings.push(("FS".to_owned(), value));
            }
            Some('v') => {
                let Some((name, text)) = value.split_once('=') else {
                    let text = "argument to `-v' not in `var=value' form";
                    shell.error(&format!("awk: `{value}' {text}\n"))?;
                    return Ok(None);
                };
                asked.settings.push((name.to_owned(), text.to_owned()));
            }
            Some('f') => match shell.read_file(&value)? {
                Ok(text) => asked.texts.push(text),
                Err(error) => {
                    shell.error(&format!("awk: cannot open `{value}': {error}\n"))?;
                    return Ok(None);
                }
            },
            _ => return Err(Stop::Refused(format!("awk {word}: there is -F, -v and -f"))),
        }
    }
    if asked.texts.is_empty() {
        let Some((text, rest)) = words.split_first() else {
            shell.error(USAGE)?;
            return Ok(None);
        };
        asked.texts.push(text.clone());
        words = rest;
    }
    asked.operands = words;
    Ok(Some(asked))
}

pub(super) fn awk(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let Some(asked) = asked(shell, arguments)? else {
        return Ok(2);
    };
    let rules = match parse::rules(&asked.texts.join("\n")) {
        Ok(rules) => rules,
        Err(why) if why.contains("not simulated") => {
            return Err(Stop::Refused(format!("awk: {why}")));
        }
        Err(why) => {
            shell.error(&format!("awk: syntax error: {why}\n"))?;
            return Ok(1);
        }
    };
    let mut machine = run::Machine::new(rules);
    for (name, text) in asked.settings {
        machine.set_typed(&name, escapes(&text, Escapes::Quoted).0);
    }
    machine.set_array("ENVIRON", shell.state.variables.exported());
    let words = std::iter::once("awk".to_owned()).chain(asked.operands.iter().cloned());
    machine.set_array("ARGV", (0..).map(|it: usize| it.to_string()).zip(words));
    machine.set_typed("ARGC", (asked.operands.len() + 1).to_string());
    records(shell, &mut machine, asked.operands)
}

/// Runs the rules over everything that is read.
fn records(
    shell: &mut Interpreter<'_>,
    machine: &mut run::Machine,
    operands: &[String],
) -> Flow<i32> {
    machine.begin(shell)?;
    if machine.reads() {
        let mut read_any = false;
        for operand in operands {
            let is_setting = operand.split_once('=').filter(|it| is_name(it.0));
            if let Some((name, text)) = is_setting {
                machine.set_typed(name, text.to_owned());
                continue;
            }
            read_any = true;
            let found = inputs_or(shell, std::slice::from_ref(operand), |file, error| {
                format!("awk: fatal: cannot open file `{file}' for reading: {error}\n")
            })?;
            if found.failed {
                machine.close_all(shell)?;
                return Ok(2);
            }
            machine.file(shell, operand, &found.joined())?;
        }
        if !read_any {
            let text = shell.rest_of_input(0)?;
            machine.file(shell, "", &text)?;
        }
    }
    machine.end(shell)?;
    machine.close_all(shell)?;
    Ok(machine.status().unwrap_or(0))
}
