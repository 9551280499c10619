//! `cat`, `head`, `tail`, `wc`, `tee`, `yes`.

use super::{inputs, read_options};
use crate::run::{Flow, Interpreter, Stop};

pub(super) fn cat(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let long = &[
        ("number", 'n'),
        ("show-ends", 'E'),
        ("squeeze-blank", 's'),
        ("show-all", 'A'),
    ];
    let Some(read) = read_options(shell, "cat", arguments, "nbEsAvTu", long)? else {
        return Ok(1);
    };
    // One after the other, so that a pipe ends where it should.
    let files = match read.operands.is_empty() {
        true => vec!["-".to_owned()],
        false => read.operands.clone(),
    };
    let (mut number, mut failed) = (0, false);
    for file in &files {
        let found = inputs(shell, "cat", std::slice::from_ref(file))?;
        failed |= found.failed;
        let text = found.joined();
        if read.options.is_empty() {
            shell.out(&text)?;
            continue;
        }
        let (mut out, mut blank) = (String::new(), false);
        for line in text.split_inclusive('\n') {
            let bare = line.trim_end_matches('\n');
            if bare.is_empty() && blank && read.has('s') {
                continue;
            }
            blank = bare.is_empty();
            if read.has('n') || read.has('b') && !bare.is_empty() {
                number += 1;
                out += &format!("{number:>6}\t");
            }
            let (tabs, others) = (
                read.has('A') || read.has('T'),
                read.has('A') || read.has('v'),
            );
            for letter in bare.chars() {
                match letter {
                    '\t' if tabs => out += "^I",
                    '\t' => out.push('\t'),
                    '\x7f' if others => out += "^?",
                    _ if others && letter.is_ascii_control() => {
                        out.extend(['^', char::from(letter as u8 + b'@')]);
                    }
                    _ if others && !letter.is_ascii() => {
                        for octet in letter.encode_utf8(&mut [0; 4]).bytes() {
                            out += &shown_octet(octet);
                        }
                    }
                    _ => out.push(letter),
                }
            }
            if line.ends_with('\n') {
                out += if read.has('E') || read.has('A') {
                    "$\n"
                } else {
                    "\n"
                };
            }
        }
        shell.out(&out)?;
    }
    Ok(i32::from(failed))
}

/// An octet beyond ASCII as `cat -v` shows it.
fn shown_octet(octet: u8) -> String {
    match octet & 0x7f {
        low @ ..0x20 => format!("M-^{}", char::from(low + b'@')),
        0x7f => "M-^?".to_owned(),
        low => format!("M-{}", char::from(low)),
    }
}

/// `-5` is `-n 5`.
fn old_number(arguments: &[String]) -> Vec<String> {
    let number = |it: &String| {
        let digits = it.strip_prefix('-')?;
        let all = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
        all.then(|| format!("-n{digits}"))
    };
    let is_value = |at: usize| at > 0 && ["-n", "-c"].contains(&arguments[at - 1].as_str());
    let one = |(at, it): (usize, &String)| match number(it) {
        Some(number) if !is_value(at) => number,
        _ => it.clone(),
    };
    arguments.iter().enumerate().map(one).collect()
}

/// How many, and of what.
struct Amount {
    count: usize,
    octets: bool,
    /// From there on, or all but so many.
    turned: bool,
}

fn amount(
    shell: &mut Interpreter<'_>,
    name: &str,
    read: &super::Read,
    sign: char,
) -> Flow<Option<Amount>> {
    let octets = read.has('c');
    let text = read.value(if octets { 'c' } else { 'n' }).unwrap_or("10");
    let turned = text.starts_with(sign);
    let digits = text.trim_start_matches(['+', '-']);
    match multiplied(digits) {
        Some(count) => Ok(Some(Amount {
            count,
            octets,
            turned,
        })),
        None => {
            let what = if octets { "bytes" } else { "lines" };
            shell.error(&format!("{name}: invalid number of {what}: ‘{text}’\n"))?;
            Ok(None)
        }
    }
}

/// `2K` is 2048; what is too large for any text is as good as the most.
fn multiplied(text: &str) -> Option<usize> {
    let end = text
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = match unit {
        "" => 1,
        "b" => 512,
        "kB" => 1000,
        "K" | "k" => 1 << 10,
        "MB" => 1_000_000,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    match digits {
        "" => None,
        digits => Some(digits.parse().unwrap_or(usize::MAX).saturating_mul(unit)),
    }
}

const COUNTS: &[(&str, char)] = &[
    ("lines", 'n'),
    ("bytes", 'c'),
    ("quiet", 'q'),
    ("silent", 'q'),
    ("verbose", 'v'),
];

pub(super) fn head(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let arguments = old_number(arguments);
    let Some(read) = read_options(shell, "head", &arguments, "n:c:qv", COUNTS)? else {
        return Ok(1);
    };
    let Some(amount) = amount(shell, "head", &read, '-')? else {
        return Ok(1);
    };
    each(shell, "head", &read, |text| {
        if amount.octets {
            let all = text.len();
            let end = if amount.turned {
                all.saturating_sub(amount.count)
            } else {
                amount.count
            };
            return text[..text.floor_char_boundary(end.min(all))].to_owned();
        }
        let all = text.split_inclusive('\n').count();
        let take = if amount.turned {
            all.saturating_sub(amount.count)
        } else {
            amount.count
        };
        text.split_inclusive('\n').take(take).collect()
    })
}

pub(super) fn tail(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    if arguments
        .iter()
        .any(|it| it.starts_with("-f") || it == "-F" || it == "--follow")
    {
        let why = "`tail -f` is not simulated: nothing is written while it waits";
        return Err(Stop::Refused(why.to_owned()));
    }
    let arguments = old_number(arguments);
    let Some(read) = read_options(shell, "tail", &arguments, "n:c:qv", COUNTS)? else {
        return Ok(1);
    };
    let Some(amount) = amount(shell, "tail", &read, '+')? else {
        return Ok(1);
    };
    each(shell, "tail", &read, |text| {
        if amount.octets {
            let start = match amount.turned {
                true => amount.count.saturating_sub(1).min(text.len()),
                false => text.len().saturating_sub(amount.count),
            };
            return text[text.floor_char_boundary(start)..].to_owned();
        }
        let all = text.split_inclusive('\n').count();
        let skip = match amount.turned {
            true => amount.count.saturating_sub(1),
            false => all.saturating_sub(amount.count),
        };
        text.split_inclusive('\n').skip(skip).collect()
    })
}

fn opened(
    shell: &mut Interpreter<'_>,
    before: &str,
    after: &str,
    read: &super::Read,
) -> Flow<super::Inputs> {
    super::inputs_or(shell, &read.operands, |file, error| {
        format!("{before}{file}{after}: {error}\n")
    })
}

/// What `head` and `tail` do with each file.
fn each(
    shell: &mut Interpreter<'_>,
    name: &str,
    read: &super::Read,
    part: impl Fn(&str) -> String,
) -> Flow<i32> {
    let found = opened(
        shell,
        &format!("{name}: cannot open '"),
        "' for reading",
        read,
    )?;
    let titled = (read.operands.len() > 1 || read.has('v')) && !read.has('q');
    for (at, (file, text)) in found.texts.iter().enumerate() {
        if titled {
            let before = if at > 0 { "\n" } else { "" };
            let file = if file == "-" { "standard input" } else { file };
            shell.out(&format!("{before}==> {file} <==\n"))?;
        }
        shell.out(&part(text))?;
    }
    Ok(i32::from(found.failed))
}

pub(super) fn wc(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let long = &[
        ("lines", 'l'),
        ("words", 'w'),
        ("bytes", 'c'),
        ("chars", 'm'),
    ];
    let Some(read) = read_options(shell, "wc", arguments, "lwcmL", long)? else {
        return Ok(1);
    };
    let wanted = |letter: char| match read.options.is_empty() {
        true => "lwc".contains(letter),
        false => read.has(letter),
    };
    let found = inputs(shell, "wc", &read.operands)?;
    let mut rows: Vec<(Vec<usize>, String)> = Vec::new();
    for (file, text) in &found.texts {
        let mut counts = Vec::new();
        for (letter, count) in [
            ('l', text.matches('\n').count()),
            ('w', text.split_whitespace().count()),
            ('m', text.chars().count()),
            ('c', text.len()),
            (
                'L',
                text.lines().map(|it| it.chars().count()).max().unwrap_or(0),
            ),
        ] {
            if wanted(letter) {
                counts.push(count);
            }
        }
        let file = if read.operands.is_empty() {
            String::new()
        } else {
            format!(" {file}")
        };
        rows.push((counts, file));
    }
    if rows.len() > 1 {
        let sum = |at: usize| rows.iter().map(|it| it.0[at]).sum();
        let total = (0..rows[0].0.len()).map(sum).collect();
        rows.push((total, " total".to_owned()));
    }
    // Of what is no file wc does not know the size, and takes seven columns for several counts.
    let several = rows.first().is_some_and(|it| it.0.len() > 1);
    let size: usize = found.texts.iter().map(|it| it.1.len()).sum();
    let width = match (read.operands.is_empty(), several || rows.len() > 1) {
        (_, false) => 1,
        (true, true) if !shell.reads_file(0) => 7,
        (true, true) => size.to_string().len(),
        (false, true) => size.to_string().len(),
    };
    let mut out = String::new();
    for (counts, file) in rows {
        let counts: Vec<String> = counts.iter().map(|it| format!("{it:>width$}")).collect();
        out += &format!("{}{file}\n", counts.join(" "));
    }
    shell.out(&out)?;
    Ok(i32::from(found.failed))
}

pub(super) fn tee(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let Some(read) = read_options(shell, "tee", arguments, "ai", &[("append", 'a')])? else {
        return Ok(1);
    };
    let text = shell.rest_of_input(0)?;
    let mut status = 0;
    for file in &read.operands {
        let done = match file.as_str() {
            "/dev/null" => Ok(()),
            "/dev/stderr" => shell.error(&text).map(Ok)?,
            "/dev/stdout" => shell.out(&text).map(Ok)?,
            // The file is opened, and then written.
            path => match shell.write_file(path, "", read.has('a'))? {
                Ok(()) if text.is_empty() => Ok(()),
                Ok(()) => shell.write_file(path, &text, true)?,
                refused => refused,
            },
        };
        if let Err(error) = done {
            shell.error(&format!("tee: {file}: {error}\n"))?;
            status = 1;
        }
    }
    shell.out(&text)?;
    Ok(status)
}

pub(super) fn yes(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let text = if arguments.is_empty() {
        "y".to_owned()
    } else {
        arguments.join(" ")
    } + "\n";
    loop {
        if !shell.write(1, &text)? {
            return Ok(1);
        }
    }
}
