//! `cut`.

use super::{inputs, read_options};
use crate::run::{Flow, Interpreter};

/// Positions from and to, both included, counted from 1.
type Range = (usize, usize);

fn ranges(text: &str) -> Option<Vec<Range>> {
    let one = |part: &str| -> Option<Range> {
        match part.split_once('-') {
            None => part.parse().ok().map(|it| (it, it)),
            Some(("", to)) => to.parse().ok().map(|to| (1, to)),
            Some((from, "")) => from.parse().ok().map(|from| (from, usize::MAX)),
            Some((from, to)) => Some((from.parse().ok()?, to.parse().ok()?)),
        }
    };
    let all: Option<Vec<Range>> = text.split(',').map(one).collect();
    all.filter(|it| it.iter().all(|(from, to)| *from > 0 && from <= to))
}

pub(super) fn cut(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let long = &[
        ("delimiter", 'd'),
        ("fields", 'f'),
        ("characters", 'c'),
        ("bytes", 'b'),
        ("only-delimited", 's'),
        ("complement", 'C'),
        ("output-delimiter", 'O'),
    ];
    let Some(read) = read_options(shell, "cut", arguments, "d:f:c:b:snCO:", long)? else {
        return Ok(1);
    };
    let by_field = read.value('f');
    let list = by_field
        .or_else(|| read.value('c'))
        .or_else(|| read.value('b'));
    let Some(list) = list else {
        let text = "cut: you must specify a list of bytes, characters, or fields\n";
        shell.error(&(text.to_owned() + &super::more_about("cut")))?;
        return Ok(1);
    };
    let Some(ranges) = ranges(list) else {
        let zero = list.split([',', '-']).any(|it| it == "0");
        let what = match (zero, by_field.is_some()) {
            (true, true) => "fields are numbered from 1".to_owned(),
            (true, false) => "byte/character positions are numbered from 1".to_owned(),
            (false, _) => format!("invalid list ‘{list}’"),
        };
        shell.error(&format!("cut: {what}\n{}", super::more_about("cut")))?;
        return Ok(1);
    };
    let delimiter = read.value('d').unwrap_or("\t");
    if delimiter.chars().count() != 1 {
        let text = "cut: the delimiter must be a single character\n";
        shell.error(&(text.to_owned() + &super::more_about("cut")))?;
        return Ok(1);
    }
    let within = |at: usize| {
        let listed = ranges.iter().any(|(from, to)| (*from..=*to).contains(&at));
        listed != read.has('C')
    };
    let between = read.value('O').unwrap_or(delimiter);
    let found = inputs(shell, "cut", &read.operands)?;
    let failed = found.failed;
    let text = found.joined();
    shell.step(text.len().saturating_mul(ranges.len()) / 4)?;
    let mut out = String::new();
    for line in text.lines() {
        if by_field.is_none() {
            let kept = line.chars().enumerate().filter(|(at, _)| within(at + 1));
            out.extend(kept.map(|it| it.1));
        } else if line.contains(delimiter) {
            let fields = line.split(delimiter).enumerate();
            let kept: Vec<&str> = fields
                .filter(|(at, _)| within(at + 1))
                .map(|it| it.1)
                .collect();
            out += &kept.join(between);
        } else if read.has('s') {
            continue;
        } else {
            out += line;
        }
        out.push('\n');
    }
    shell.out(&out)?;
    Ok(i32::from(failed))
}
