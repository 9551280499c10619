//! Programs that run others (`timeout`, `xargs`, `env`, `sudo`, shells), and those that say what a
//! machine is.

use wirelab_model::SimDuration;

use super::{is_filter, read_options, xargs};
use crate::question::Kind;
use crate::run::{Flow, Interpreter, Stop, Value};

pub(super) fn run(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    match name {
        "timeout" => timeout(shell, arguments),
        "xargs" => xargs::xargs(shell, arguments),
        "env" | "printenv" => environment(shell, name, arguments),
        "sudo" => sudo(shell, arguments),
        "nohup" | "time" => program(shell, arguments),
        "stdbuf" => {
            let at = arguments.iter().position(|it| !it.starts_with('-'));
            program(shell, &arguments[at.unwrap_or(arguments.len())..])
        }
        "bash" | "sh" | "dash" => nested(shell, name, arguments),
        "which" => which(shell, arguments),
        "id" => id(shell, arguments),
        "whoami" => say(shell, "root"),
        "nproc" => say(shell, "2"),
        "arch" => say(shell, "x86_64"),
        "uname" => uname(shell, arguments),
        "tty" => {
            say(shell, "not a tty")?;
            Ok(1)
        }
        _ => Ok(0),
    }
}

fn say(shell: &mut Interpreter<'_>, text: &str) -> Flow<i32> {
    shell.out(&format!("{text}\n"))?;
    Ok(0)
}

/// Runs a program, no function; gives its status.
pub(super) fn program(shell: &mut Interpreter<'_>, words: &[String]) -> Flow<i32> {
    if words.is_empty() {
        shell.state.status = 0;
        return Ok(0);
    }
    let doing = shell.doing.clone();
    let done = shell.deeper(|shell| shell.run_program(words));
    shell.doing = doing;
    done?;
    Ok(shell.state.status)
}

/// `5`, `0.5`, `2m`
pub(crate) fn span(text: &str) -> Option<SimDuration> {
    let (digits, unit) = match text.chars().last()? {
        's' => (&text[..text.len() - 1], 1),
        'm' => (&text[..text.len() - 1], 60),
        'h' => (&text[..text.len() - 1], 3600),
        'd' => (&text[..text.len() - 1], 86_400),
        _ => (text, 1),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || digits.len() < 1 || digits == "." {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let nanos: u64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let nanos = whole.saturating_mul(1_000_000_000).saturating_add(nanos);
    Some(SimDuration::from_nanos(nanos.saturating_mul(unit)))
}

/// A program of the machine's is left to the machine, which knows signals; of others the time is
/// counted here.
fn timeout(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let argv = [&["timeout".to_owned()], arguments].concat();
    if let Some(status) = shell.run_on_machine(&argv)? {
        return Ok(status);
    }
    let (mut words, mut status) = (arguments, None);
    while let Some((word, rest)) = words.split_first().filter(|it| it.0.starts_with('-')) {
        words = rest;
        match word.as_str() {
            "-k" | "-s" | "--signal" | "--kill-after" => {
                if words.first().is_some_and(|it| it == "KILL" || it == "9") && word == "-s" {
                    status = Some(137);
                }
                words = words.get(1..).unwrap_or_default();
            }
            "-9" => status = Some(137),
            _ => {}
        }
    }
    let Some((limit, words)) = words.split_first().filter(|it| !it.1.is_empty()) else {
        shell.error("Try 'timeout --help' for more information.\n")?;
        return Ok(125);
    };
    let Some(limit) = span(limit) else {
        shell.error(&format!("timeout: invalid time interval ‘{limit}’\n"))?;
        return Ok(125);
    };
    if limit == SimDuration::from_nanos(0) {
        return program(shell, words);
    }
    shell.deadlines.push(shell.now + limit);
    let own = shell.deadlines.len() - 1;
    let before = shell.state.clone();
    let ended = program_or_missing(shell, words);
    shell.deadlines.truncate(own);
    match ended {
        Err(Stop::Deadline(which)) if which == own => {
            shell.state = before;
            Ok(status.unwrap_or(124))
        }
        other => other,
    }
}

/// As `timeout` says that there is no such program.
fn program_or_missing(shell: &mut Interpreter<'_>, words: &[String]) -> Flow<i32> {
    shell.missing_by = Some("timeout: failed to run command");
    let status = program(shell, words);
    shell.missing_by = None;
    status
}

fn sudo(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mut words = arguments;
    while let Some((word, rest)) = words.split_first() {
        match word.as_str() {
            "-u" if rest.first().is_none_or(|it| it != "root") => {
                let why = "sudo -u: there is no user but root here";
                return Err(Stop::Refused(why.to_owned()));
            }
            "-u" => words = &rest[1..],
            "-n" | "-E" | "-H" | "--" | "-S" => words = rest,
            option if option.starts_with('-') => {
                return Err(Stop::Refused(format!("sudo {option} is not simulated")));
            }
            assignment if assignment.contains('=') && !assignment.contains('/') => {
                return environment(shell, "env", words);
            }
            _ => break,
        }
    }
    program(shell, words)
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
            "-i" | "-" => shell.state.variables = before.inherited_none(),
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
                let variable = shell.state.variables.entry(name);
                variable.value = Some(Value::Text(text.to_owned()));
                variable.exported = true;
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
        false => program(shell, words),
    };
    shell.state.variables = before;
    status
}

/// `bash -c ...`, `bash FILE`, or what comes in.
fn nested(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    let is_sh = name != "bash";
    let (mut words, mut flags, mut command) = (arguments, Vec::new(), false);
    while let Some((word, rest)) = words.split_first() {
        let Some(letters) = word.strip_prefix(['-', '+']).filter(|it| !it.is_empty()) else {
            break;
        };
        words = rest;
        match word.as_str() {
            "--" => break,
            "--norc" | "--noprofile" | "--login" | "-l" | "-s" => continue,
            "-o" => {
                flags.extend(["-o".to_owned(), words.first().cloned().unwrap_or_default()]);
                words = words.get(1..).unwrap_or_default();
                continue;
            }
            _ => {}
        }
        if word.starts_with("--") || letters.contains(['i', 'n', 'v', 'D', 'r']) {
            return Err(Stop::Refused(format!("{name} {word} is not simulated")));
        }
        command |= letters.contains('c');
        let others: String = letters.chars().filter(|it| !"cl".contains(*it)).collect();
        if !others.is_empty() {
            flags.push(format!("{}{others}", &word[..1]));
        }
    }
    let setting = match flags.is_empty() {
        true => String::new(),
        false => format!("set {}; ", flags.join(" ")),
    };
    match (command, words.split_first()) {
        (true, None) => {
            shell.error(&format!("{name}: -c: option requires an argument\n"))?;
            Ok(2)
        }
        (true, Some((text, rest))) => {
            let (own, rest) = match rest.split_first() {
                Some((own, rest)) => (own.as_str(), rest),
                None => (name, rest),
            };
            shell.nested(own, &(setting + text), rest, is_sh, true)
        }
        (false, Some((path, rest))) => match (shell.stat(path)?, shell.read_file(path)?) {
            (Some(Kind::Directory), _) => {
                shell.error(&format!("{path}: {path}: Is a directory\n"))?;
                Ok(126)
            }
            (_, Ok(text)) => shell.nested(path, &(setting + &text), rest, is_sh, false),
            (_, Err(error)) => {
                shell.error(&format!("{name}: {path}: {error}\n"))?;
                Ok(127)
            }
        },
        (false, None) => {
            let text = shell.rest_of_input(0)?;
            shell.nested(name, &(setting + &text), &[], is_sh, false)
        }
    }
}

fn which(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mut status = 0;
    for name in arguments {
        let path = format!("/usr/bin/{name}");
        let known = is_filter(name) || matches!(shell.stat(&path)?, Some(Kind::File { .. }));
        match known {
            true => shell.out(&format!("{path}\n"))?,
            false => status = 1,
        }
    }
    Ok(status)
}

fn id(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] | ["root"] => say(shell, "uid=0(root) gid=0(root) groups=0(root)"),
        ["-u" | "-g" | "-G"] => say(shell, "0"),
        ["-un" | "-gn" | "-nu" | "-Gn"] | ["-u" | "-g", "-n"] => say(shell, "root"),
        [name] if !name.starts_with('-') => {
            shell.error(&format!("id: ‘{name}’: no such user\n"))?;
            Ok(1)
        }
        _ => Err(Stop::Refused(
            "of `id` there are -u, -g, -G and -n".to_owned(),
        )),
    }
}

fn uname(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let long = &[("all", 'a')];
    let Some(read) = read_options(shell, "uname", arguments, "asnrvmpio", long)? else {
        return Ok(1);
    };
    let release = match shell.read_file("/proc/sys/kernel/osrelease")? {
        Ok(text) => text.trim_end().to_owned(),
        Err(_) => "unknown".to_owned(),
    };
    let host = match shell.read_file("/proc/sys/kernel/hostname")? {
        Ok(text) => text.trim_end().to_owned(),
        Err(_) => "localhost".to_owned(),
    };
    let (all, none) = (read.has('a'), read.options.is_empty());
    let mut words = Vec::new();
    for (letter, text) in [
        ('s', "Linux"),
        ('n', host.as_str()),
        ('r', release.as_str()),
        ('v', "#1 SMP PREEMPT_DYNAMIC"),
        ('m', "x86_64"),
        ('p', "x86_64"),
        ('i', "x86_64"),
        ('o', "GNU/Linux"),
    ] {
        let is_default = none && letter == 's';
        if read.has(letter) || is_default || all && letter != 'p' && letter != 'i' {
            words.push(text);
        }
    }
    say(shell, &words.join(" "))
}

/// `expr`: of its operators those on numbers, comparisons and `length`.
pub(super) fn expr(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let text = match words[..] {
        ["length", text] => text.chars().count().to_string(),
        [text] => text.to_owned(),
        [left, sign, right] => {
            let numbers = (left.parse::<i64>(), right.parse::<i64>());
            match (numbers, sign) {
                ((Ok(left), Ok(right)), "+") => left.wrapping_add(right).to_string(),
                ((Ok(left), Ok(right)), "-") => left.wrapping_sub(right).to_string(),
                ((Ok(left), Ok(right)), "*") => left.wrapping_mul(right).to_string(),
                ((Ok(_), Ok(0)), "/" | "%") => {
                    shell.error("expr: division by zero\n")?;
                    return Ok(2);
                }
                ((Ok(left), Ok(right)), "/") => left.wrapping_div(right).to_string(),
                ((Ok(left), Ok(right)), "%") => left.wrapping_rem(right).to_string(),
                (_, "+" | "-" | "*" | "/" | "%") => {
                    shell.error("expr: non-integer argument\n")?;
                    return Ok(2);
                }
                (numbers, "=" | "!=" | "<" | "<=" | ">" | ">=") => {
                    let order = match numbers {
                        (Ok(left), Ok(right)) => left.cmp(&right),
                        _ => left.cmp(right),
                    };
                    let holds = match sign {
                        "=" => order.is_eq(),
                        "!=" => order.is_ne(),
                        "<" => order.is_lt(),
                        "<=" => order.is_le(),
                        ">" => order.is_gt(),
                        _ => order.is_ge(),
                    };
                    i32::from(holds).to_string()
                }
                _ => {
                    return Err(Stop::Refused(format!(
                        "`expr ... {sign} ...` is not simulated"
                    )));
                }
            }
        }
        _ => {
            let why = "`expr` with more than one operator is not simulated: `$((...))` is";
            return Err(Stop::Refused(why.to_owned()));
        }
    };
    shell.out(&format!("{text}\n"))?;
    Ok(i32::from(text.is_empty() || text == "0"))
}
