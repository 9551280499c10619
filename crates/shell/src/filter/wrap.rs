//! Programs that run others: `timeout`, `xargs`, `env`, `sudo`, shells.

use wirelab_model::{
    SimDuration, Sudo, SudoEnvironment, SudoError, TimeoutError, read_sudo, read_timeout,
};

use super::xargs;
use crate::question::Kind;
use crate::run::{Flow, Interpreter, Stop, TextFrom};

pub(super) fn run(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    match name {
        "timeout" => timeout(shell, arguments),
        "xargs" => xargs::xargs(shell, arguments),
        "env" | "printenv" => environment(shell, name, arguments),
        "sudo" => sudo(shell, arguments),
        "nohup" => nohup(shell, arguments),
        "stdbuf" => {
            let at = arguments.iter().position(|it| !it.starts_with('-'));
            program(shell, "stdbuf", &arguments[at.unwrap_or(arguments.len())..])
        }
        "bash" | "sh" | "dash" => nested(shell, name, arguments),
        // `sync`: what is written is written.
        _ => Ok(0),
    }
}

/// Runs a program, no function, for another one; gives its status.
pub(super) fn program(
    shell: &mut Interpreter<'_>,
    starter: &'static str,
    words: &[String],
) -> Flow<i32> {
    if words.is_empty() {
        shell.error(&format!(
            "{starter}: missing operand\nTry '{starter} --help' for more information.\n"
        ))?;
        return Ok(125);
    }
    let doing = shell.doing.clone();
    shell.started_by = Some(starter);
    let done = shell.deeper(|shell| shell.run_program(words));
    shell.started_by = None;
    shell.doing = doing;
    done?;
    Ok(shell.state.status)
}

/// A program of the machine's is left to the machine, which knows signals; of others the time is
/// counted here.
fn timeout(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let timeout = match read_timeout(arguments) {
        Ok(timeout) => timeout,
        Err(why @ TimeoutError::Unsimulated(_)) => {
            return Err(Stop::Refused(why.to_string().trim_end().to_owned()));
        }
        Err(why) => {
            shell.error(&why.to_string())?;
            return Ok(125);
        }
    };
    let argv = [&["timeout".to_owned()], arguments].concat();
    if let Some(status) = shell.run_on_machine(&argv)? {
        return Ok(status);
    }
    if timeout.limit == SimDuration::ZERO {
        return program(shell, "timeout", timeout.command);
    }
    shell.deadlines.push(shell.now + timeout.limit);
    let own = shell.deadlines.len() - 1;
    let before = shell.copied()?;
    let ended = program(shell, "timeout", timeout.command);
    shell.deadlines.truncate(own);
    match ended {
        Err(Stop::Deadline(which)) if which == own => {
            shell.state = before;
            if let Some(notice) = timeout.notice() {
                shell.error(&notice)?;
            }
            Ok(timeout.status(None))
        }
        other => other,
    }
}

fn nohup(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    // No file descriptor is a terminal, so nothing is appended to `nohup.out`.
    let words = arguments.strip_prefix(&["--".to_owned()]);
    program(shell, "nohup", words.unwrap_or(arguments))
}

/// What of its environment `sudo` hands on unless it is told to (sudoers(5), `env_keep`).
const KEPT_BY_SUDO: &[&str] = &[
    "COLORS",
    "DISPLAY",
    "HOSTNAME",
    "HISTSIZE",
    "LANG",
    "LANGUAGE",
    "LS_COLORS",
    "MAIL",
    "PS1",
    "PS2",
    "TERM",
    "TZ",
];

/// What `sudo` sets for every command.
const SET_BY_SUDO: &[(&str, &str)] = &[
    ("HOME", "/root"),
    ("LOGNAME", "root"),
    ("PATH", "/sbin:/bin:/usr/sbin:/usr/bin"),
    ("SHELL", "/bin/bash"),
    ("SUDO_GID", "0"),
    ("SUDO_UID", "0"),
    ("SUDO_USER", "root"),
    ("USER", "root"),
];

fn sudo(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let sudo = match read_sudo(arguments) {
        Ok(sudo) => sudo,
        Err(why @ SudoError::Unsimulated(_)) => {
            return Err(Stop::Refused(why.to_string().trim_end().to_owned()));
        }
        Err(why) => {
            shell.error(&why.to_string())?;
            return Ok(1);
        }
    };
    let before = (shell.state.variables.clone(), shell.state.directory.clone());
    let variables = &mut shell.state.variables;
    match sudo.environment {
        SudoEnvironment::Kept => {}
        SudoEnvironment::Reset => variables.export_only(|it| is_kept(it, "")),
        SudoEnvironment::Listed(names) => variables.export_only(|it| is_kept(it, names)),
    }
    for (name, value) in SET_BY_SUDO.iter().chain(&sudo.settings) {
        variables.export(name, value);
    }
    if sudo.login {
        "/root".clone_into(&mut shell.state.directory);
    }
    let status = run_by_sudo(shell, &sudo);
    (shell.state.variables, shell.state.directory) = before;
    status
}

fn is_kept(name: &str, listed: &str) -> bool {
    let by_default = name.starts_with("LC_") || KEPT_BY_SUDO.contains(&name);
    by_default || listed.split(',').any(|it| it == name)
}

fn run_by_sudo(shell: &mut Interpreter<'_>, sudo: &Sudo<'_>) -> Flow<i32> {
    let name = if sudo.login { "-bash" } else { "/bin/bash" };
    match (sudo.by_shell, sudo.command) {
        (true, []) => {
            let text = shell.rest_of_input(0)?;
            shell.nested(name, &text, &[], false, TextFrom::Input)
        }
        (true, words) => {
            let words: Vec<String> = words.iter().map(|it| for_a_shell(it)).collect();
            shell.nested(name, &words.join(" "), &[], false, TextFrom::Command)
        }
        (false, []) => Ok(0),
        (false, words) => program(shell, "sudo", words),
    }
}

/// A word as `sudo -s` hands it to a shell: all is escaped but letters, digits, `_`, `-` and `$`.
fn for_a_shell(word: &str) -> String {
    let plain = |it: char| it.is_alphanumeric() || "_-$".contains(it);
    let escaped = |it: char| (!plain(it)).then_some('\\').into_iter().chain([it]);
    word.chars().flat_map(escaped).collect()
}

fn environment(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    if name == "printenv" && !arguments.is_empty() {
        let exported = shell.state.variables.exported();
        let mut status = 0;
        for name in arguments {
            match exported.iter().find(|it| it.0 == *name) {
                Some((_, text)) => shell.out(&format!("{text}\n"))?,
                None => status = 1,
            }
        }
        return Ok(status);
    }
    let before = shell.state.variables.clone();
    let mut words = arguments;
    while let Some((word, rest)) = words.split_first() {
        match word.as_str() {
            "-i" | "-" => shell.state.variables.export_only(|_| false),
            "-u" => {
                if let Some(name) = rest.first() {
                    // A constant stays.
                    let _ = shell.state.variables.remove(name);
                }
                words = rest.get(1..).unwrap_or_default();
                continue;
            }
            option if option.starts_with('-') => {
                shell.state.variables = before;
                return Err(Stop::Refused(format!("env {option} is not simulated")));
            }
            assignment => {
                let Some((name, text)) = assignment.split_once('=') else {
                    break;
                };
                shell.state.variables.export(name, text);
            }
        }
        words = rest;
    }
    let status = match words.is_empty() {
        true => {
            let all = shell.state.variables.exported();
            let text: String = all
                .iter()
                .map(|(name, it)| format!("{name}={it}\n"))
                .collect();
            shell.out(&text).map(|()| 0)
        }
        false => program(shell, "env", words),
    };
    shell.state.variables = before;
    status
}

/// What a shell is called with.
#[derive(Default)]
struct Called<'w> {
    /// Options of `set`, as words.
    flags: Vec<String>,
    command: bool,
    /// `-s`: the text comes in, and all words are its arguments.
    comes_in: bool,
    words: &'w [String],
}

/// Reads the options of a shell.
fn called<'w>(name: &str, arguments: &'w [String]) -> Flow<Called<'w>> {
    let mut called = Called {
        words: arguments,
        ..Called::default()
    };
    while let Some((word, rest)) = called.words.split_first() {
        let Some(letters) = word.strip_prefix(['-', '+']).filter(|it| !it.is_empty()) else {
            break;
        };
        called.words = rest;
        match word.as_str() {
            "--" => break,
            "--norc" | "--noprofile" | "--login" | "--posix" => continue,
            _ => {}
        }
        if word.starts_with("--") || letters.contains(['i', 'n', 'v', 'D', 'r', 'O']) {
            return Err(Stop::Refused(format!("{name} {word} is not simulated")));
        }
        called.command |= letters.contains('c');
        called.comes_in |= letters.contains('s');
        let others: String = letters.chars().filter(|it| !"cls".contains(*it)).collect();
        if others.is_empty() {
            continue;
        }
        called.flags.push(format!("{}{others}", &word[..1]));
        // The name of an option is a word of its own.
        if others.contains('o')
            && let Some((option, rest)) = called.words.split_first()
        {
            called.flags.push(option.clone());
            called.words = rest;
        }
    }
    Ok(called)
}

/// `bash -c ...`, `bash FILE`, or what comes in.
fn nested(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    let is_sh = name != "bash";
    let called = called(name, arguments)?;
    let setting = match called.flags.is_empty() {
        true => String::new(),
        false => format!("set {}; ", called.flags.join(" ")),
    };
    match (called.command, called.words.split_first()) {
        (true, None) => {
            shell.error(&format!("{name}: -c: option requires an argument\n"))?;
            Ok(2)
        }
        (true, Some((text, rest))) => {
            let (own, rest) = match rest.split_first() {
                Some((own, rest)) => (own.as_str(), rest),
                None => (name, rest),
            };
            shell.nested(own, &(setting + text), rest, is_sh, TextFrom::Command)
        }
        (false, Some((path, rest))) if !called.comes_in => {
            match (shell.stat(path)?, shell.read_file(path)?) {
                (Some(Kind::Directory), _) => {
                    shell.error(&format!("{path}: {path}: Is a directory\n"))?;
                    Ok(126)
                }
                (_, Ok(text)) => {
                    shell.nested(path, &(setting + &text), rest, is_sh, TextFrom::File)
                }
                (_, Err(error)) => {
                    shell.error(&format!("{name}: {path}: {error}\n"))?;
                    Ok(127)
                }
            }
        }
        (false, _) => {
            let text = shell.rest_of_input(0)?;
            let text = setting + &text;
            shell.nested(name, &text, called.words, is_sh, TextFrom::Input)
        }
    }
}
