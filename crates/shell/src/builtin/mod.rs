//! Commands that are the shell's own (Bash Reference Manual, 4).

mod control;
mod declare;
mod output;
mod read;
mod set;
mod test;

use crate::run::{Flow, Interpreter, Stop};

pub(crate) use control::program;
pub(crate) use declare::is_name;
pub(crate) use output::{Conversion, formatted};

/// Names of builtins.
const BUILTINS: &[&str] = &[
    ".",
    ":",
    "[",
    "alias",
    "break",
    "builtin",
    "cd",
    "command",
    "continue",
    "declare",
    "echo",
    "eval",
    "exec",
    "exit",
    "export",
    "false",
    "getopts",
    "hash",
    "jobs",
    "let",
    "local",
    "mapfile",
    "printf",
    "pwd",
    "read",
    "readarray",
    "readonly",
    "return",
    "set",
    "shift",
    "shopt",
    "source",
    "test",
    "trap",
    "true",
    "type",
    "typeset",
    "ulimit",
    "umask",
    "unalias",
    "unset",
    "wait",
];

/// Builtins of bash that are not simulated.
const UNSIMULATED: &[&str] = &[
    "bg", "bind", "caller", "compgen", "complete", "coproc", "disown", "enable", "fc", "fg",
    "history", "kill", "logout", "popd", "pushd", "dirs", "suspend", "times",
];

pub(crate) fn is_builtin(name: &str) -> bool {
    BUILTINS.contains(&name) || UNSIMULATED.contains(&name)
}

/// Whether there is a program of that name too, as `/usr/bin/echo`.
#[must_use]
pub fn is_program_too(name: &str) -> bool {
    ["[", "echo", "false", "printf", "pwd", "test", "true"].contains(&name)
}

/// Whether its arguments may be assignments.
pub(crate) fn declares(name: &str) -> bool {
    ["declare", "export", "local", "readonly", "typeset"].contains(&name)
}

/// Runs a builtin: the status is left in the state.
pub(crate) fn run(shell: &mut Interpreter<'_>, words: &[String]) -> Flow<()> {
    let (name, arguments) = (words[0].as_str(), &words[1..]);
    shell.step(words.iter().map(String::len).sum())?;
    if UNSIMULATED.contains(&name) {
        return Err(Stop::Refused(format!(
            "line {}: `{name}` is not simulated: there are no jobs, signals and keyboards here",
            shell.state.line
        )));
    }
    let status = match name {
        ":" | "true" | "jobs" | "unalias" => 0,
        "wait" => control::wait(shell, arguments)?,
        "alias" => control::alias(shell, arguments)?,
        "hash" => control::hash(shell, arguments)?,
        "false" => 1,
        "echo" => output::echo(shell, arguments)?,
        "printf" => output::printf(shell, arguments)?,
        "test" => test::test(shell, arguments)?,
        "[" => test::bracket(shell, arguments)?,
        "cd" => control::cd(shell, arguments)?,
        "pwd" => {
            let text = format!("{}\n", shell.state.directory);
            shell.out(&text)?;
            0
        }
        "umask" => set::umask(shell, arguments)?,
        "ulimit" => {
            let why = "`ulimit` is not simulated: programs have no limits here";
            return Err(Stop::Refused(why.to_owned()));
        }
        "export" | "readonly" | "declare" | "typeset" | "local" => {
            declare::declare(shell, name, arguments)?
        }
        "unset" => declare::unset(shell, arguments)?,
        "let" => declare::calculate(shell, arguments)?,
        "set" => set::set(shell, arguments)?,
        "shopt" => set::shopt(shell, arguments)?,
        "shift" => set::shift(shell, arguments)?,
        "getopts" => set::getopts(shell, arguments)?,
        "read" => read::read(shell, arguments)?,
        "mapfile" | "readarray" => read::mapfile(shell, arguments)?,
        "trap" => control::trap(shell, arguments)?,
        "type" => control::kind(shell, arguments)?,
        _ => return control::run(shell, name, arguments),
    };
    shell.state.status = status;
    Ok(())
}
