//! `read` and `mapfile`.

use crate::expand::fields::read_words;
use crate::run::{Flow, Interpreter, Stop, Value};

/// What was typed.
struct Asked {
    raw: bool,
    list: Option<String>,
    end: char,
    letters: Option<usize>,
    descriptor: i32,
    names: Vec<String>,
}

fn asked(arguments: &[String]) -> Result<Asked, String> {
    let mut asked = Asked {
        raw: false,
        list: None,
        end: '\n',
        letters: None,
        descriptor: 0,
        names: Vec::new(),
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-').filter(|it| !it.is_empty()) else {
            asked.names.push(word.clone());
            asked.names.extend(words.cloned());
            break;
        };
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let mut value = || {
                let inner = rest.as_str().to_owned();
                rest = "".chars();
                match inner.is_empty() {
                    true => words.next().cloned().unwrap_or_default(),
                    false => inner,
                }
            };
            match letter {
                'r' => asked.raw = true,
                's' | 'e' => {}
                'p' | 't' | 'i' => drop(value()),
                'a' => asked.list = Some(value()),
                'd' => asked.end = value().chars().next().unwrap_or('\0'),
                'n' | 'N' => asked.letters = value().parse().ok(),
                'u' => asked.descriptor = value().parse().unwrap_or(0),
                '-' => {}
                _ => return Err(format!("read: -{letter}: invalid option")),
            }
        }
    }
    Ok(asked)
}

pub(super) fn read(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let asked = match asked(arguments) {
        Ok(asked) => asked,
        Err(why) => {
            shell.complain(&why)?;
            return Ok(2);
        }
    };
    let (line, complete) = line(shell, &asked)?;
    let separators = shell.separators();
    let whole: String = line.iter().map(|it| it.0).collect();
    shell.step(whole.len())?;
    if let Some(name) = &asked.list {
        let mut words = read_words(&line, &separators, usize::MAX);
        if words.last().is_some_and(String::is_empty) {
            words.pop();
        }
        let list = Value::List((0..).zip(words).collect());
        let done = shell.state.variables.set(name, list);
        if !shell.is_set(name, done)? {
            return Ok(1);
        }
    } else if asked.names.is_empty() {
        shell.set_variable("REPLY", &whole, false)?;
    } else {
        let mut words = read_words(&line, &separators, asked.names.len()).into_iter();
        for name in &asked.names {
            let text = words.next().unwrap_or_default();
            if !super::declare::is_name(name) {
                shell.complain(&format!("read: `{name}': not a valid identifier"))?;
                return Ok(1);
            }
            if !shell.set_variable(name, &text, false)? {
                return Ok(1);
            }
        }
    }
    Ok(i32::from(!complete))
}

/// A line: its letters, and whether a backslash stood before each; whether it has an end.
fn line(shell: &mut Interpreter<'_>, asked: &Asked) -> Flow<(Vec<(char, bool)>, bool)> {
    let mut line = Vec::new();
    if let Some(count) = asked.letters {
        let text = shell.input_letters(asked.descriptor, count);
        let complete = text.is_some();
        let text = text.unwrap_or_default();
        let text = text
            .split_once('\n')
            .map_or(text.as_str(), |it| it.0)
            .to_owned();
        line.extend(text.chars().map(|it| (it, false)));
        return Ok((line, complete));
    }
    loop {
        shell.step(0)?;
        let Some((text, complete)) = shell.input_to(asked.descriptor, asked.end)? else {
            return Ok((line, false));
        };
        if asked.raw {
            line.extend(text.chars().map(|it| (it, false)));
            return Ok((line, complete));
        }
        let mut letters = text.chars();
        let mut goes_on = false;
        while let Some(letter) = letters.next() {
            if letter != '\\' {
                line.push((letter, false));
                continue;
            }
            match letters.next() {
                Some(letter) => line.push((letter, true)),
                None => goes_on = true,
            }
        }
        if !goes_on || !complete {
            return Ok((line, complete));
        }
    }
}

/// What `mapfile` is told.
struct Mapped {
    bare: bool,
    end: char,
    most: usize,
    skip: usize,
    descriptor: i32,
    name: String,
}

fn mapped(arguments: &[String]) -> Flow<Mapped> {
    let mut mapped = Mapped {
        bare: false,
        end: '\n',
        most: usize::MAX,
        skip: 0,
        descriptor: 0,
        name: "MAPFILE".to_owned(),
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().map(String::as_str).unwrap_or_default();
        match word.as_str() {
            "-t" => mapped.bare = true,
            "-d" => mapped.end = value().chars().next().unwrap_or('\0'),
            "-n" => {
                mapped.most = value()
                    .parse()
                    .ok()
                    .filter(|it| *it > 0)
                    .unwrap_or(usize::MAX)
            }
            "-s" => mapped.skip = value().parse().unwrap_or(0),
            "-u" => mapped.descriptor = value().parse().unwrap_or(0),
            option if option.starts_with('-') => {
                let why = format!("mapfile: {option}: there are -d, -n, -s, -t and -u");
                return Err(Stop::Refused(why));
            }
            word => word.clone_into(&mut mapped.name),
        }
    }
    Ok(mapped)
}

pub(super) fn mapfile(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mapped = mapped(arguments)?;
    let text = shell.rest_of_input(mapped.descriptor)?;
    let lines = text
        .split_inclusive(mapped.end)
        .skip(mapped.skip)
        .take(mapped.most);
    let lines = lines.map(|it| match mapped.bare {
        true => it.strip_suffix(mapped.end).unwrap_or(it).to_owned(),
        false => it.to_owned(),
    });
    let list = Value::List((0..).zip(lines).collect());
    let done = shell.state.variables.set(&mapped.name, list);
    Ok(i32::from(!shell.is_set(&mapped.name, done)?))
}
