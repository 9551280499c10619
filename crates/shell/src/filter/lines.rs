//! `uniq`, `tac`, `rev`, `nl`, `paste`.

use super::{inputs, read_options};
use crate::run::{Flow, Interpreter};

pub(super) fn uniq(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let long = &[
        ("count", 'c'),
        ("repeated", 'd'),
        ("unique", 'u'),
        ("ignore-case", 'i'),
    ];
    let Some(read) = read_options(shell, "uniq", arguments, "cduif:s:w:", long)? else {
        return Ok(1);
    };
    let number = |letter| read.value(letter).and_then(|it| it.parse::<usize>().ok());
    let skip = number('f').unwrap_or(0);
    let (letters, most) = (number('s').unwrap_or(0), number('w').unwrap_or(usize::MAX));
    let found = inputs(shell, "uniq", &read.operands)?;
    let failed = found.failed;
    let text = found.joined();
    let key = |line: &str| {
        let mut rest = line;
        for _ in 0..skip {
            rest = rest
                .trim_start_matches([' ', '\t'])
                .trim_start_matches(|it| it != ' ' && it != '\t');
        }
        let compared = rest.chars().skip(letters).take(most);
        if read.has('i') {
            compared.flat_map(char::to_lowercase).collect()
        } else {
            compared.collect::<String>()
        }
    };
    let mut groups: Vec<(String, &str, usize)> = Vec::new();
    for line in text.lines() {
        let key = key(line);
        match groups.last_mut() {
            Some((last, _, count)) if *last == key => *count += 1,
            _ => groups.push((key, line, 1)),
        }
    }
    let mut out = String::new();
    for (_, line, count) in groups {
        if read.has('d') && count < 2 || read.has('u') && count > 1 {
            continue;
        }
        if read.has('c') {
            out += &format!("{count:>7} ");
        }
        out += line;
        out.push('\n');
    }
    shell.out(&out)?;
    Ok(i32::from(failed))
}

pub(super) fn run(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    let letters = match name {
        "paste" => "d:s",
        "nl" => "b:w:s:",
        _ => "",
    };
    let Some(read) = read_options(shell, name, arguments, letters, &[])? else {
        return Ok(1);
    };
    let found = inputs(shell, name, &read.operands)?;
    let failed = found.failed;
    let text = match name {
        "paste" => {
            let separators = read.value('d').unwrap_or("\t");
            let separators: Vec<char> = crate::expand::ansi(separators).chars().collect();
            paste(&found.texts, &separators, read.has('s'))
        }
        "nl" => {
            let all = read.value('b') == Some("a");
            let width = read
                .value('w')
                .and_then(|it| it.parse().ok())
                .unwrap_or(6_usize);
            let separator = read.value('s').unwrap_or("\t").to_owned();
            let (text, mut number) = (found.joined(), 0);
            let numbered = text.lines().map(|line| {
                if line.is_empty() && !all {
                    return format!("{}\n", " ".repeat(width + 1));
                }
                number += 1;
                format!("{number:>width$}{separator}{line}\n", width = width.min(64))
            });
            numbered.collect()
        }
        "tac" => {
            let turned = found.texts.iter();
            let turned = turned.flat_map(|(_, text)| text.split_inclusive('\n').rev());
            turned.collect::<String>()
        }
        _ => {
            let text = found.joined();
            let turned = text.split_inclusive('\n').map(|line| {
                let bare = line.trim_end_matches('\n');
                let end = &line[bare.len()..];
                bare.chars().rev().collect::<String>() + end
            });
            turned.collect()
        }
    };
    shell.out(&text)?;
    Ok(i32::from(failed))
}

fn paste(texts: &[(String, String)], separators: &[char], serial: bool) -> String {
    let separator = |at: usize| match separators.len() {
        0 => String::new(),
        count => separators[at % count].to_string(),
    };
    let joined = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                line += &separator(at - 1);
            }
            line += cell;
        }
        line + "\n"
    };
    if serial {
        return texts
            .iter()
            .map(|(_, text)| joined(&mut text.lines()))
            .collect();
    }
    // What comes in is read line by line by all the columns that are `-`.
    let coming = texts.iter().filter(|it| it.0 == "-");
    let coming: Vec<&str> = coming.flat_map(|(_, text)| text.lines()).collect();
    let shares = texts.iter().filter(|it| it.0 == "-").count();
    let mut share = 0;
    let mut columns: Vec<Vec<&str>> = Vec::new();
    for (name, text) in texts {
        if name == "-" {
            columns.push(coming.iter().skip(share).step_by(shares).copied().collect());
            share += 1;
        } else {
            columns.push(text.lines().collect());
        }
    }
    let most = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = |at: usize| {
        let cells = columns
            .iter()
            .map(|it| it.get(at).copied().unwrap_or_default());
        joined(&mut cells.into_iter())
    };
    (0..most).map(row).collect()
}
