//! `test` and `[` (XCU `test`): what it is depends on how many arguments there are.

use crate::expand::test::{compares, is_binary, is_numeric, is_unary};
use crate::run::{Flow, Interpreter};

/// Whether it holds, or what is wrong with it.
type Found = Flow<Result<bool, String>>;

pub(super) fn bracket(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    match arguments.split_last() {
        Some((last, rest)) if last == "]" => status(shell, "[", rest),
        _ => {
            shell.complain("[: missing `]'")?;
            Ok(2)
        }
    }
}

pub(super) fn test(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    status(shell, "test", arguments)
}

fn status(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match by_count(shell, &words)? {
        Ok(holds) => Ok(i32::from(!holds)),
        Err(why) => {
            shell.complain(&format!("{name}: {why}"))?;
            Ok(2)
        }
    }
}

fn by_count(shell: &mut Interpreter<'_>, words: &[&str]) -> Found {
    shell.step(0)?;
    match words {
        [] => Ok(Ok(false)),
        [word] => Ok(Ok(!word.is_empty())),
        ["!", rest @ ..] if rest.len() < 4 => Ok(by_count(shell, rest)?.map(|it| !it)),
        [operator, word] if is_unary(operator) => Ok(Ok(shell.unary(operator, word)?)),
        [operator, _] => Ok(Err(format!("{operator}: unary operator expected"))),
        [left, operator, right] if is_binary(operator) => two(shell, left, operator, right),
        [left, "-a", right] => Ok(Ok(!left.is_empty() && !right.is_empty())),
        [left, "-o", right] => Ok(Ok(!left.is_empty() || !right.is_empty())),
        ["(", word, ")"] => Ok(Ok(!word.is_empty())),
        [_, operator, _] => Ok(Err(format!("{operator}: binary operator expected"))),
        ["(", inner @ .., ")"] if inner.len() == 2 => by_count(shell, inner),
        _ => {
            let mut at = 0;
            let found = either(shell, words, &mut at)?;
            match found {
                Ok(_) if at < words.len() => Ok(Err("too many arguments".to_owned())),
                other => Ok(other),
            }
        }
    }
}

fn two(shell: &mut Interpreter<'_>, left: &str, operator: &str, right: &str) -> Found {
    if !is_numeric(operator) {
        return Ok(Ok(shell.binary(left, operator, right)?));
    }
    let number = |text: &str| {
        let number = text.trim().parse::<i64>();
        number.map_err(|_| format!("{text}: integer expression expected"))
    };
    Ok(number(left).and_then(|left| Ok(compares(operator, left, number(right)?))))
}

/// `-o`
fn either(shell: &mut Interpreter<'_>, words: &[&str], at: &mut usize) -> Found {
    let mut found = both(shell, words, at)?;
    while words.get(*at) == Some(&"-o") {
        *at += 1;
        let more = both(shell, words, at)?;
        found = found.and_then(|it| more.map(|more| it || more));
    }
    Ok(found)
}

/// `-a`
fn both(shell: &mut Interpreter<'_>, words: &[&str], at: &mut usize) -> Found {
    let mut found = one(shell, words, at)?;
    while words.get(*at) == Some(&"-a") {
        *at += 1;
        let more = one(shell, words, at)?;
        found = found.and_then(|it| more.map(|more| it && more));
    }
    Ok(found)
}

fn one(shell: &mut Interpreter<'_>, words: &[&str], at: &mut usize) -> Found {
    match words[(*at).min(words.len())..] {
        [] => Ok(Err("argument expected".to_owned())),
        ["!", ..] => {
            *at += 1;
            Ok(shell.deeper(|shell| one(shell, words, at))?.map(|it| !it))
        }
        ["(", ..] => {
            *at += 1;
            let found = shell.deeper(|shell| either(shell, words, at))?;
            if words.get(*at) != Some(&")") {
                return Ok(Err("`)' expected".to_owned()));
            }
            *at += 1;
            Ok(found)
        }
        [left, operator, right, ..] if is_binary(operator) => {
            *at += 3;
            two(shell, left, operator, right)
        }
        [operator, word, ..] if is_unary(operator) => {
            *at += 2;
            Ok(Ok(shell.unary(operator, word)?))
        }
        [word, ..] => {
            *at += 1;
            Ok(Ok(!word.is_empty()))
        }
    }
}
