//! Builtins that decide what is run next: `break`, `return`, `eval`, `exec`, `trap` and so on.

use crate::filter;
use crate::question::Kind;
use crate::run::{Flow, Interpreter, Reading, Stop};

/// A number that is an argument: `exit 3`.
fn number(shell: &mut Interpreter<'_>, name: &str, text: Option<&String>) -> Flow<Option<i64>> {
    let Some(text) = text else { return Ok(None) };
    match text.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => {
            shell.complain(&format!("{name}: {text}: numeric argument required"))?;
            Err(Stop::Exit(2))
        }
    }
}

pub(super) fn run(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<()> {
    match name {
        "exit" => {
            let status = number(shell, name, arguments.first())?;
            let status = status.map_or(shell.state.status, |it| (it & 0xff) as i32);
            Err(Stop::Exit(status))
        }
        "return" => {
            if !shell.state.variables.is_in_function() && !shell.sourced {
                shell.complain("return: can only `return' from a function or sourced script")?;
                shell.state.status = 2;
                return Ok(());
            }
            let status = number(shell, name, arguments.first())?;
            let status = status.map_or(shell.state.status, |it| (it & 0xff) as i32);
            Err(Stop::Return(status))
        }
        "break" | "continue" => {
            if shell.state.loops == 0 {
                let text = "only meaningful in a `for', `while', or `until' loop";
                shell.complain(&format!("{name}: {text}"))?;
                shell.state.status = 0;
                return Ok(());
            }
            let count = number(shell, name, arguments.first())?.unwrap_or(1);
            if count < 1 {
                shell.complain(&format!("{name}: {count}: loop count out of range"))?;
                shell.state.status = 1;
                return Err(Stop::Break(shell.state.loops));
            }
            let count = u32::try_from(count)
                .unwrap_or(u32::MAX)
                .min(shell.state.loops);
            shell.state.status = 0;
            Err(if name == "break" {
                Stop::Break(count)
            } else {
                Stop::Continue(count)
            })
        }
        "eval" => evaluate(shell, arguments),
        "." | "source" => source(shell, name, arguments),
        "exec" => {
            shell.started_by = Some("exec");
            shell.run_program(arguments)?;
            Err(Stop::Exit(shell.state.status))
        }
        "builtin" => match arguments.first() {
            Some(name) if super::is_builtin(name) => super::run(shell, arguments),
            Some(name) => {
                shell.complain(&format!("builtin: {name}: not a shell builtin"))?;
                shell.state.status = 1;
                Ok(())
            }
            None => Ok(()),
        },
        _ => command(shell, arguments),
    }
}

fn evaluate(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<()> {
    shell.state.status = 0;
    let text = arguments.join(" ");
    let base = std::mem::replace(&mut shell.state.base, shell.state.line);
    let done = shell.deeper(|shell| shell.read_text(&text, Reading::Eval));
    shell.state.base = base;
    done
}

fn source(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<()> {
    let Some((path, rest)) = arguments.split_first() else {
        shell.complain(&format!("{name}: filename argument required"))?;
        shell.error(&format!("{name}: usage: {name} filename [arguments]\n"))?;
        shell.state.status = 2;
        return Ok(());
    };
    let text = match shell.read_file(path)? {
        Ok(text) => text,
        Err(_) if shell.state.is_sh => {
            shell.complain(&format!(".: {path}: file not found"))?;
            return Err(Stop::Exit(1));
        }
        Err(error) => {
            shell.complain(&format!("{path}: {error}"))?;
            shell.state.status = 1;
            return Ok(());
        }
    };
    let positional = shell.state.positional.clone();
    if !rest.is_empty() {
        shell.state.positional = rest.to_vec();
    }
    let base = std::mem::replace(&mut shell.state.base, 1);
    let source = std::mem::replace(&mut shell.state.source, Some(path.clone()));
    let sourced = std::mem::replace(&mut shell.sourced, true);
    let done = shell.deeper(|shell| shell.read_text(&text, Reading::File));
    shell.sourced = sourced;
    shell.state.source = source;
    shell.state.base = base;
    if !rest.is_empty() {
        shell.state.positional = positional;
    }
    match done {
        Err(Stop::Return(status)) => {
            shell.state.status = status;
            Ok(())
        }
        other => other,
    }
}

/// `command`: no function; `command -v` tells what it would be.
fn command(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<()> {
    match arguments {
        [] => {
            shell.state.status = 0;
            Ok(())
        }
        [option, names @ ..] if option == "-v" || option == "-V" => {
            let mut found = false;
            for name in names {
                if let Some(place) = place(shell, name)? {
                    found = true;
                    let text = match place {
                        Place::Program(path) => path,
                        _ => name.clone(),
                    };
                    shell.out(&format!("{text}\n"))?;
                }
            }
            shell.state.status = i32::from(!found);
            Ok(())
        }
        [option, rest @ ..] if option == "-p" || option == "--" => command(shell, rest),
        _ => shell.run_without_functions(arguments),
    }
}

/// What a command's name means.
pub(crate) enum Place {
    Function,
    Builtin,
    Keyword,
    Program(String),
}

const KEYWORDS: &[&str] = &[
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac",
    "in", "function", "time", "{", "}", "!", "[[", "]]", "select",
];

pub(crate) fn place(shell: &mut Interpreter<'_>, name: &str) -> Flow<Option<Place>> {
    if KEYWORDS.contains(&name) {
        return Ok(Some(Place::Keyword));
    }
    if shell.state.functions.contains_key(name) {
        return Ok(Some(Place::Function));
    }
    if super::is_builtin(name) {
        return Ok(Some(Place::Builtin));
    }
    Ok(program(shell, name)?.map(Place::Program))
}

/// Where a program is, if there is one of that name.
pub(crate) fn program(shell: &mut Interpreter<'_>, name: &str) -> Flow<Option<String>> {
    let path = match name.contains('/') {
        true => name.to_owned(),
        false => format!("/usr/bin/{name}"),
    };
    let found = filter::is_filter(name)
        || super::is_program_too(name)
        || matches!(
            shell.stat(&path)?,
            Some(Kind::File {
                executable: true,
                ..
            })
        );
    Ok(found.then_some(path))
}

/// `alias`: what is defined has no effect in a script (Bash Reference Manual, 6.6).
pub(super) fn alias(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mut status = 0;
    for name in arguments.iter().filter(|it| !it.contains('=')) {
        shell.complain(&format!("alias: {name}: not found"))?;
        status = 1;
    }
    Ok(status)
}

/// `wait`: there is nothing to wait for.
pub(super) fn wait(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mut status = 0;
    for process in arguments.iter().filter(|it| !it.starts_with('-')) {
        shell.complain(&format!("wait: pid {process} is not a child of this shell"))?;
        status = 127;
    }
    Ok(status)
}

/// `hash NAME`: whether there are such programs.
pub(super) fn hash(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mut status = 0;
    for name in arguments.iter().filter(|it| !it.starts_with('-')) {
        if place(shell, name)?.is_none() {
            shell.complain(&format!("hash: {name}: not found"))?;
            status = 1;
        }
    }
    Ok(status)
}

pub(super) fn kind(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let short = arguments.first().is_some_and(|it| it == "-t");
    let names = arguments.iter().filter(|it| !it.starts_with('-'));
    let mut status = 0;
    for name in names {
        let place = place(shell, name)?;
        let text = match (&place, short) {
            (None, true) => String::new(),
            (None, false) => {
                shell.complain(&format!("type: {name}: not found"))?;
                String::new()
            }
            (Some(Place::Function), true) => "function\n".to_owned(),
            (Some(Place::Builtin), true) => "builtin\n".to_owned(),
            (Some(Place::Keyword), true) => "keyword\n".to_owned(),
            (Some(Place::Program(_)), true) => "file\n".to_owned(),
            (Some(Place::Function), _) => {
                shell.out(&format!("{name} is a function\n"))?;
                shell.says_no_body(true)?;
                String::new()
            }
            (Some(Place::Builtin), _) => format!("{name} is a shell builtin\n"),
            (Some(Place::Keyword), _) => format!("{name} is a shell keyword\n"),
            (Some(Place::Program(path)), _) => format!("{name} is {path}\n"),
        };
        shell.out(&text)?;
        if place.is_none() {
            status = 1;
        }
    }
    Ok(status)
}

pub(super) fn cd(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mut words = arguments
        .iter()
        .filter(|it| !["-P", "-L", "--"].contains(&it.as_str()));
    let text = |shell: &Interpreter<'_>, name| shell.state.variables.text(name).map(str::to_owned);
    let (path, shows) = match words.next().map(String::as_str) {
        None => (text(shell, "HOME"), false),
        Some("-") => (text(shell, "OLDPWD"), true),
        Some(path) => (Some(path.to_owned()), false),
    };
    if words.next().is_some() {
        shell.complain("cd: too many arguments")?;
        return Ok(1);
    }
    let Some(path) = path else {
        let name = if shows { "OLDPWD" } else { "HOME" };
        shell.complain(&format!("cd: {name} not set"))?;
        return Ok(1);
    };
    if path.is_empty() {
        return Ok(0);
    }
    let why = match shell.stat(&path)? {
        Some(Kind::Directory) => None,
        Some(_) => Some("Not a directory"),
        None => Some("No such file or directory"),
    };
    if let Some(why) = why {
        shell.complain(&format!("cd: {path}: {why}"))?;
        return Ok(1);
    }
    let directory = shell.absolute(&path);
    let before = std::mem::replace(&mut shell.state.directory, directory.clone());
    shell.set_variable("OLDPWD", &before, false)?;
    shell.set_variable("PWD", &directory, false)?;
    if shows {
        shell.out(&format!("{directory}\n"))?;
    }
    Ok(0)
}

pub(super) fn trap(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let words: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|it| *it != "--")
        .collect();
    match words[..] {
        [] | ["-p"] => {
            if let Some(text) = shell.state.farewell.clone() {
                let text = format!("trap -- '{}' EXIT\n", text.replace('\'', r"'\''"));
                shell.out(&text)?;
            }
            Ok(0)
        }
        [action, ref signals @ ..] if !signals.is_empty() => {
            for signal in signals {
                let signal = signal.trim_start_matches("SIG");
                match (signal, action) {
                    ("EXIT" | "0", "-") => shell.state.farewell = None,
                    ("EXIT" | "0", _) => shell.state.farewell = Some(action.to_owned()),
                    // No signal comes, so nothing is missed.
                    ("INT" | "TERM" | "HUP" | "QUIT" | "PIPE" | "2" | "15" | "1", _) => {}
                    (_, "-" | "") => {}
                    _ => {
                        let text = format!("`trap ... {signal}` is not simulated; EXIT is");
                        return Err(Stop::Refused(text));
                    }
                }
            }
            Ok(0)
        }
        _ => Ok(0),
    }
}
