//! Programs that say what a machine is: `uname`, `id`, `nproc`, `which` and their like.

use super::read_options;
use crate::builtin;
use crate::run::{Flow, Interpreter, Stop};

pub(super) fn run(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    match name {
        "id" => id(shell, arguments),
        "uname" => uname(shell, arguments),
        "which" => which(shell, arguments),
        "whoami" => say(shell, "root"),
        "nproc" => say(shell, "2"),
        "arch" => say(shell, "x86_64"),
        _ => {
            say(shell, "not a tty")?;
            Ok(1)
        }
    }
}

fn say(shell: &mut Interpreter<'_>, text: &str) -> Flow<i32> {
    shell.out(&format!("{text}\n"))?;
    Ok(0)
}

fn which(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let mut status = 0;
    for name in arguments {
        match builtin::program(shell, name)? {
            Some(path) => shell.out(&format!("{path}\n"))?,
            None => status = 1,
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
