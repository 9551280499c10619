//! `tr`.

use super::read_options;
use crate::expand::{Escapes, escapes};
use crate::run::{Flow, Interpreter};

/// The letters of a set: ranges, classes, backslashes; or a range that is none.
fn set(text: &str) -> Result<Vec<char>, String> {
    let letters: Vec<char> = escapes(text, Escapes::Quoted).0.chars().collect();
    let mut set = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let rest: String = letters[at..].iter().take(12).collect();
        let class = rest.strip_prefix("[:").and_then(|it| it.split_once(":]"));
        if let Some((name, members)) = class.and_then(|it| Some((it.0, class_of(it.0)?))) {
            set.extend(members);
            at += name.len() + 4;
        } else if letters.get(at + 1) == Some(&'-')
            && let Some(last) = letters.get(at + 2)
        {
            if *last < letters[at] {
                return Err(letters[at..at + 3].iter().collect());
            }
            set.extend(letters[at]..=*last);
            at += 3;
        } else {
            set.push(letters[at]);
            at += 1;
        }
    }
    Ok(set)
}

fn class_of(name: &str) -> Option<Vec<char>> {
    let fits: fn(&char) -> bool = match name {
        "alnum" => char::is_ascii_alphanumeric,
        "alpha" => char::is_ascii_alphabetic,
        "blank" => |it| matches!(it, ' ' | '\t'),
        "cntrl" => char::is_ascii_control,
        "digit" => char::is_ascii_digit,
        "graph" => char::is_ascii_graphic,
        "lower" => char::is_ascii_lowercase,
        "print" => |it| it.is_ascii_graphic() || *it == ' ',
        "punct" => char::is_ascii_punctuation,
        "space" => |it| it.is_ascii_whitespace() || *it == '\x0b',
        "upper" => char::is_ascii_uppercase,
        "xdigit" => char::is_ascii_hexdigit,
        _ => return None,
    };
    Some(('\0'..='\x7f').filter(|it| fits(it)).collect())
}

/// What is wrong with so many sets.
fn usage(sets: &[String]) -> String {
    match sets {
        [] => "missing operand".to_owned(),
        [first] => {
            format!("missing operand after ‘{first}’\nTwo strings must be given when translating.")
        }
        [.., more] => format!("extra operand ‘{more}’"),
    }
}

pub(super) fn tr(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let long = &[
        ("delete", 'd'),
        ("squeeze-repeats", 's'),
        ("complement", 'c'),
        ("truncate-set1", 't'),
    ];
    let Some(read) = read_options(shell, "tr", arguments, "dscCt", long)? else {
        return Ok(1);
    };
    let complement = read.has('c') || read.has('C');
    let (first, second) = match &read.operands[..] {
        [first] if read.has('d') || read.has('s') => (set(first), Ok(Vec::new())),
        [first, second] => (set(first), set(second)),
        wrong => {
            let text = format!("tr: {}\n{}", usage(wrong), super::more_about("tr"));
            shell.error(&text)?;
            return Ok(1);
        }
    };
    let (first, second) = match (first, second) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(range), _) | (_, Err(range)) => {
            let text = "are in reverse collating sequence order";
            shell.error(&format!("tr: range-endpoints of '{range}' {text}\n"))?;
            return Ok(1);
        }
    };
    let is_in = |letter: char| first.contains(&letter) != complement;
    let text = shell.rest_of_input(0)?;
    shell.step(text.len().saturating_mul(first.len() + second.len()) / 64)?;
    let translates = !read.has('d') && read.operands.len() == 2;
    let changed = text.chars().filter_map(|letter| match () {
        () if read.has('d') && is_in(letter) => None,
        () if translates && is_in(letter) => {
            let at = first
                .iter()
                .rposition(|it| *it == letter)
                .filter(|_| !complement);
            let at = at.unwrap_or(usize::MAX);
            second.get(at).or(second.last()).copied()
        }
        () => Some(letter),
    });
    // Of two sets the second is squeezed.
    let squeezed = if read.operands.len() == 2 {
        &second
    } else {
        &first
    };
    let squeezes = |letter: char| match read.operands.len() {
        2 => squeezed.contains(&letter),
        _ => is_in(letter),
    };
    let (mut out, mut last) = (String::new(), None);
    for letter in changed {
        if read.has('s') && last == Some(letter) && squeezes(letter) {
            continue;
        }
        last = Some(letter);
        out.push(letter);
    }
    shell.out(&out)?;
    Ok(0)
}
