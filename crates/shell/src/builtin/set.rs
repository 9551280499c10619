//! `set`, `shopt`, `shift`, `getopts`.

use crate::run::{Flow, Interpreter, Options, Stop};

pub(super) fn set(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    if arguments.is_empty() {
        let all = shell.state.variables.all();
        let texts = all.iter().filter_map(|(name, it)| {
            let text = it.value.as_ref()?.text()?;
            Some(format!("{name}={}\n", crate::expand::quoted(text)))
        });
        let text: String = texts.collect();
        shell.out(&text)?;
        return Ok(0);
    }
    let mut words = arguments;
    while let Some((word, rest)) = words.split_first() {
        let on = word.starts_with('-');
        if word == "--" || word == "-" {
            shell.state.positional = rest.to_vec();
            return Ok(0);
        }
        let Some(letters) = word.strip_prefix(['-', '+']).filter(|it| !it.is_empty()) else {
            shell.state.positional = words.to_vec();
            return Ok(0);
        };
        words = rest;
        for letter in letters.chars() {
            let name = match letter {
                'o' => {
                    let Some((name, rest)) = words.split_first() else {
                        return show(shell);
                    };
                    words = rest;
                    name.as_str()
                }
                'e' => "errexit",
                'u' => "nounset",
                'x' => "xtrace",
                'f' => "noglob",
                'C' => "noclobber",
                'a' => "allexport",
                'h' => "hashall",
                'B' => "braceexpand",
                'E' => "errtrace",
                'm' | 'b' => "monitor",
                _ => {
                    shell.complain(&format!("set: {}{letter}: invalid option", &word[..1]))?;
                    return Ok(2);
                }
            };
            match switch(&mut shell.state.options, name, on) {
                Switched::Done => {}
                Switched::Unknown => {
                    shell.complain(&format!("set: {name}: invalid option name"))?;
                    return Ok(2);
                }
                Switched::Unsimulated => {
                    return Err(Stop::Refused(format!("`set -o {name}` is not simulated")));
                }
            }
        }
    }
    Ok(0)
}

enum Switched {
    Done,
    Unknown,
    Unsimulated,
}

fn switch(options: &mut Options, name: &str, on: bool) -> Switched {
    let option = match name {
        "errexit" => &mut options.errexit,
        "nounset" => &mut options.nounset,
        "xtrace" => &mut options.xtrace,
        "noglob" => &mut options.noglob,
        "noclobber" => &mut options.noclobber,
        "pipefail" => &mut options.pipefail,
        "allexport" => &mut options.allexport,
        // They change nothing that can be seen here.
        "hashall" | "braceexpand" | "errtrace" | "functrace" | "posix" | "monitor" | "notify" => {
            return Switched::Done;
        }
        "noexec" | "verbose" | "keyword" | "onecmd" | "physical" | "privileged" => {
            return Switched::Unsimulated;
        }
        _ => return Switched::Unknown,
    };
    *option = on;
    Switched::Done
}

fn show(shell: &mut Interpreter<'_>) -> Flow<i32> {
    let options = shell.state.options;
    let mut text = String::new();
    for (name, on) in [
        ("allexport", options.allexport),
        ("errexit", options.errexit),
        ("noclobber", options.noclobber),
        ("noglob", options.noglob),
        ("nounset", options.nounset),
        ("pipefail", options.pipefail),
        ("xtrace", options.xtrace),
    ] {
        text += &format!("{name:<15}\t{}\n", if on { "on" } else { "off" });
    }
    shell.out(&text)?;
    Ok(0)
}

pub(super) fn shopt(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mut on = None;
    for word in arguments {
        match word.as_str() {
            "-s" => on = Some(true),
            "-u" => on = Some(false),
            "-q" => {}
            "nullglob" => match on {
                Some(on) => shell.state.options.nullglob = on,
                None => {
                    let on = shell.state.options.nullglob;
                    if !arguments.iter().any(|it| it == "-q") {
                        let text = if on { "on" } else { "off" };
                        shell.out(&format!("nullglob       \t{text}\n"))?;
                    }
                    return Ok(i32::from(!on));
                }
            },
            // On in any case, or without effect here.
            "extglob" | "checkwinsize" | "inherit_errexit" => {}
            other => {
                return Err(Stop::Refused(format!("`shopt {other}` is not simulated")));
            }
        }
    }
    Ok(0)
}

/// Which permissions files are made without: nothing here asks for them.
pub(super) fn umask(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mask = shell.state.umask;
    let of = |shift: u32| -> String {
        let bits = !mask >> shift;
        let letters = [(4, 'r'), (2, 'w'), (1, 'x')].into_iter();
        letters
            .filter(|it| bits & it.0 != 0)
            .map(|it| it.1)
            .collect()
    };
    match arguments {
        [] => shell.out(&format!("{mask:04o}\n"))?,
        [option] if option == "-S" => {
            shell.out(&format!("u={},g={},o={}\n", of(6), of(3), of(0)))?;
        }
        [mode] => match u32::from_str_radix(mode, 8) {
            Ok(mode) if mode <= 0o777 => shell.state.umask = mode,
            _ => {
                shell.complain(&format!("umask: {mode}: octal number out of range"))?;
                return Ok(1);
            }
        },
        _ => {
            return Err(Stop::Refused(
                "`umask` takes a number or -S here".to_owned(),
            ));
        }
    }
    Ok(0)
}

pub(super) fn shift(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let by = match arguments.first() {
        None => 1,
        Some(text) => match text.parse::<usize>() {
            Ok(by) => by,
            Err(_) => {
                shell.complain(&format!("shift: {text}: numeric argument required"))?;
                return Ok(1);
            }
        },
    };
    shell.step(shell.state.positional.len())?;
    if by > shell.state.positional.len() {
        return Ok(1);
    }
    shell.state.positional.drain(..by);
    Ok(0)
}

/// The next option of the arguments (XCU `getopts`).
pub(super) fn getopts(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let [letters, name, words @ ..] = arguments else {
        shell.error("getopts: usage: getopts optstring name [arg ...]\n")?;
        return Ok(2);
    };
    let words = match words.is_empty() {
        true => shell.state.positional.clone(),
        false => words.to_vec(),
    };
    let number = |shell: &Interpreter<'_>, name| {
        let text = shell.state.variables.text(name);
        text.and_then(|it| it.parse::<usize>().ok())
    };
    let mut index = number(shell, "OPTIND").unwrap_or(1).max(1);
    let inner = number(shell, "_OPTAT").filter(|_| index > 1 || number(shell, "_OPTAT") > Some(1));
    let inner = inner.unwrap_or(1).max(1);
    let word = words.get(index - 1).map(String::as_str).unwrap_or_default();
    if !word.starts_with('-') || word == "-" || word == "--" {
        index += usize::from(word == "--");
        set_all(
            shell,
            &[("OPTIND", index.to_string()), (name, "?".to_owned())],
        )?;
        return Ok(1);
    }
    let option = word.chars().nth(inner).unwrap_or('?');
    let is_last = word.chars().count() == inner + 1;
    let known = letters
        .trim_start_matches(':')
        .find(option)
        .filter(|_| option != ':');
    let takes = known.is_some_and(|at| letters.trim_start_matches(':')[at + 1..].starts_with(':'));
    let quiet = letters.starts_with(':');
    let (mut value, mut found, mut next) = (String::new(), option.to_string(), inner + 1);
    if is_last || takes {
        (index, next) = (index + 1, 1);
    }
    let name0 = shell.state.name.clone();
    if known.is_none() {
        match quiet {
            true => value = found,
            false => shell.error(&format!("{name0}: illegal option -- {option}\n"))?,
        }
        found = "?".to_owned();
    } else if takes {
        let rest: String = word.chars().skip(inner + 1).collect();
        if !rest.is_empty() {
            value = rest;
        } else if let Some(word) = words.get(index - 1) {
            (value, index) = (word.clone(), index + 1);
        } else if quiet {
            (value, found) = (found, ":".to_owned());
        } else {
            let text = format!("{name0}: option requires an argument -- {option}\n");
            shell.error(&text)?;
            found = "?".to_owned();
        }
    }
    set_all(
        shell,
        &[
            ("OPTIND", index.to_string()),
            ("_OPTAT", next.to_string()),
            ("OPTARG", value),
            (name, found),
        ],
    )?;
    Ok(0)
}

fn set_all(shell: &mut Interpreter<'_>, all: &[(&str, String)]) -> Flow<()> {
    for (name, text) in all {
        shell.set_variable(name, text, false)?;
    }
    Ok(())
}
