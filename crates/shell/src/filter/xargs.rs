//! `xargs`.

use super::wrap::program;
use super::{Read, read_options};
use crate::run::{Channel, Flow, Interpreter};

pub(super) fn xargs(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    // Options end where the program begins.
    let takes = |it: &str| ["-n", "-I", "-d", "-P", "-L", "-s"].contains(&it);
    let mut at = 0;
    while let Some(word) = arguments.get(at).filter(|it| it.starts_with('-')) {
        at += if takes(word) { 2 } else { 1 };
    }
    let (options, command) = arguments.split_at(at.min(arguments.len()));
    let letters = "n:I:d:P:L:rt0";
    let Some(read) = read_options(shell, "xargs", options, letters, &[("null", '0')])? else {
        return Ok(1);
    };
    let text = shell.rest_of_input(0)?;
    let command = match command.is_empty() {
        true => vec!["echo".to_owned()],
        false => command.to_vec(),
    };
    let items = match items(&read, &text) {
        Ok(items) => items,
        Err(quote) => {
            let kind = if quote == '"' { "double" } else { "single" };
            let hint = "by default quotes are special to xargs unless you use the -0 option";
            shell.error(&format!("xargs: unmatched {kind} quote; {hint}\n"))?;
            return Ok(1);
        }
    };
    if let Some(mark) = read.value('I') {
        let marks: usize = command.iter().map(|it| it.matches(mark).count()).sum();
        let octets: usize = command.iter().map(String::len).sum();
        shell.has_room(text.len().saturating_mul(marks) + items.len().saturating_mul(octets))?;
    }
    let calls = calls(&read, &items, &command);
    let before = shell.state.channels.insert(0, Channel::Null);
    let status = run_all(shell, &read, &calls)?;
    if let Some(before) = before {
        shell.state.channels.insert(0, before);
    }
    Ok(status)
}

/// What the text is made of; or a quote that has no end.
fn items(read: &Read, text: &str) -> Result<Vec<String>, char> {
    let delimiter = match read.value('d') {
        Some(text) => crate::expand::ansi(text).chars().next(),
        None if read.has('0') => Some('\0'),
        None => None,
    };
    let by_line = read.has('I') || read.has('L');
    match delimiter {
        Some(delimiter) => {
            let parts = text.split(delimiter).filter(|it| !it.is_empty());
            Ok(parts
                .map(|it| it.trim_end_matches('\n').to_owned())
                .collect())
        }
        None if by_line => {
            let lines = text.lines().map(|it| it.trim().to_owned());
            Ok(lines.filter(|it| !it.is_empty()).collect())
        }
        None => words(text),
    }
}

/// The commands that are run.
fn calls(read: &Read, items: &[String], command: &[String]) -> Vec<Vec<String>> {
    if let Some(mark) = read.value('I') {
        let put = |item: &String| command.iter().map(|it| it.replace(mark, item)).collect();
        return items.iter().map(put).collect();
    }
    if items.is_empty() {
        return if read.has('r') {
            Vec::new()
        } else {
            vec![command.to_vec()]
        };
    }
    let most = read
        .value('n')
        .or_else(|| read.value('L'))
        .and_then(|it| it.parse().ok());
    let most = most.unwrap_or(usize::MAX).clamp(1, 4096);
    // A line of several words is several arguments.
    let split = |item: &String| match read.has('L') {
        true => words(item).unwrap_or_default(),
        false => vec![item.clone()],
    };
    let one = |items: &[String]| {
        let words = items.iter().flat_map(split);
        command.iter().cloned().chain(words).collect()
    };
    items.chunks(most).map(one).collect()
}

fn run_all(shell: &mut Interpreter<'_>, read: &Read, calls: &[Vec<String>]) -> Flow<i32> {
    let mut status = 0;
    for call in calls {
        if read.has('t') {
            shell.error(&format!("{}\n", call.join(" ")))?;
        }
        match program(shell, "xargs", call)? {
            0 => {}
            255 => {
                shell.error(&format!(
                    "xargs: {}: exited with status 255; aborting\n",
                    call[0]
                ))?;
                return Ok(124);
            }
            missing @ (126 | 127) => return Ok(missing),
            _ => status = 123,
        }
    }
    Ok(status)
}

/// Words of a text with quotes and backslashes; or a quote that has no end.
fn words(text: &str) -> Result<Vec<String>, char> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        Some(inner) if inner == letter => break,
                        Some(inner) if inner != '\n' => word.push(inner),
                        _ => return Err(letter),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(letters.next()),
            _ if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Ok(words)
}
