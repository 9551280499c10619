//! `column -t` (util-linux): a table of what comes in.

use super::{inputs, read_options};
use crate::run::{Flow, Interpreter, Stop};

pub(super) fn column(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let long = &[
        ("table", 't'),
        ("separator", 's'),
        ("output-separator", 'o'),
    ];
    let Some(read) = read_options(shell, "column", arguments, "ts:o:", long)? else {
        return Ok(1);
    };
    if !read.has('t') {
        let why = "`column` without -t is not simulated: no terminal says how wide it is";
        return Err(Stop::Refused(why.to_owned()));
    }
    let found = inputs(shell, "column", &read.operands)?;
    let failed = found.failed;
    let text = found.joined();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|it| !it.trim().is_empty())
        .map(|line| match read.value('s') {
            Some(set) => line.split(|it| set.contains(it)).collect(),
            None => line.split_whitespace().collect(),
        })
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let between = read.value('o').unwrap_or("  ");
    let width: usize = widths.iter().map(|it| it + between.len()).sum();
    shell.has_room(width.saturating_mul(rows.len()))?;
    let mut out = String::new();
    for row in &rows {
        for (at, width) in widths.iter().enumerate() {
            let cell = row.get(at).copied().unwrap_or_default();
            out += cell;
            if at + 1 < columns {
                out.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
                out += between;
            }
        }
        out.push('\n');
    }
    shell.out(&out)?;
    Ok(i32::from(failed))
}
