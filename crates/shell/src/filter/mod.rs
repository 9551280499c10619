//! Small programs of POSIX and GNU (coreutils, grep, sed, awk, findutils): what scripts put around
//! the programs that do something. An option that is not there is refused with those that are.

mod about;
mod awk;
mod column;
mod cut;
mod date;
mod expr;
mod file;
mod grep;
mod lines;
mod sed;
mod seq;
mod sort;
mod text;
mod translate;
mod wrap;
mod xargs;

use crate::question::FileError;
use crate::run::{Flow, Interpreter};

pub(crate) use date::moment_text as moment;

/// Names of these programs.
const FILTERS: &[&str] = &[
    "arch", "awk", "basename", "bash", "cat", "chmod", "column", "cp", "cut", "dash", "date",
    "dirname", "egrep", "env", "expr", "fgrep", "gawk", "grep", "head", "id", "ls", "mawk",
    "mkdir", "mktemp", "mv", "nl", "nohup", "nproc", "paste", "printenv", "readlink", "realpath",
    "rev", "rm", "rmdir", "sed", "seq", "sh", "sort", "stdbuf", "sudo", "sync", "tac", "tail",
    "tee", "timeout", "touch", "tr", "tty", "uname", "uniq", "wc", "which", "whoami", "xargs",
    "yes",
];

/// Whether it is one of the programs that need no machine.
#[must_use]
pub fn is_filter(name: &str) -> bool {
    FILTERS.contains(&name)
}

/// Runs one; gives its status.
pub(crate) fn run(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    match name {
        "cat" => text::cat(shell, arguments),
        "head" => text::head(shell, arguments),
        "tail" => text::tail(shell, arguments),
        "wc" => text::wc(shell, arguments),
        "tee" => text::tee(shell, arguments),
        "seq" => seq::seq(shell, arguments),
        "yes" => text::yes(shell, arguments),
        "tac" | "rev" | "nl" | "paste" => lines::run(shell, name, arguments),
        "uniq" => lines::uniq(shell, arguments),
        "column" => column::column(shell, arguments),
        "cut" => cut::cut(shell, arguments),
        "sort" => sort::sort(shell, arguments),
        "tr" => translate::tr(shell, arguments),
        "grep" | "egrep" | "fgrep" => grep::grep(shell, name, arguments),
        "sed" => sed::sed(shell, arguments),
        "awk" | "gawk" | "mawk" => awk::awk(shell, arguments),
        "date" => date::date(shell, arguments),
        "expr" => expr::expr(shell, arguments),
        "arch" | "id" | "nproc" | "tty" | "uname" | "which" | "whoami" => {
            about::run(shell, name, arguments)
        }
        "basename" | "dirname" | "chmod" | "cp" | "ls" | "mkdir" | "mktemp" | "mv" | "readlink"
        | "realpath" | "rm" | "rmdir" | "touch" => file::run(shell, name, arguments),
        _ => wrap::run(shell, name, arguments),
    }
}

/// Options that have been read.
pub(crate) struct Read {
    /// Letters, each with its value where it takes one.
    pub(crate) options: Vec<(char, String)>,
    pub(crate) operands: Vec<String>,
}

impl Read {
    pub(crate) fn has(&self, letter: char) -> bool {
        self.options.iter().any(|it| it.0 == letter)
    }

    pub(crate) fn value(&self, letter: char) -> Option<&str> {
        let mut all = self.options.iter().rev();
        all.find(|it| it.0 == letter).map(|it| it.1.as_str())
    }
}

/// Reads options as getopt does: `letters` as there, `long` names with their letters.
pub(crate) fn options(
    arguments: &[String],
    letters: &str,
    long: &[(&str, char)],
) -> Result<Read, String> {
    let mut read = Read {
        options: Vec::new(),
        operands: Vec::new(),
    };
    let takes = |letter: char| {
        let at = letters.find(letter)?;
        Some(letters[at + letter.len_utf8()..].starts_with(':'))
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            read.operands.extend(words.cloned());
            break;
        }
        if let Some(name) = word.strip_prefix("--") {
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (name, None),
            };
            let found = long.iter().find(|it| it.0 == name);
            let (_, letter) = found.ok_or_else(|| format!("--{name}"))?;
            let value = match takes(*letter) {
                Some(true) => match value.or_else(|| words.next().cloned()) {
                    Some(value) => value,
                    None => return Err(format!("--{name} without its value")),
                },
                _ => value.unwrap_or_default(),
            };
            read.options.push((*letter, value));
            continue;
        }
        let Some(group) = word.strip_prefix('-').filter(|it| !it.is_empty()) else {
            read.operands.push(word.clone());
            continue;
        };
        let mut rest = group.chars();
        while let Some(letter) = rest.next() {
            match takes(letter) {
                None => return Err(format!("-{letter}")),
                Some(false) => read.options.push((letter, String::new())),
                Some(true) => {
                    let inner = rest.as_str().to_owned();
                    let value = match inner.is_empty() {
                        true => words.next().cloned(),
                        false => Some(inner),
                    };
                    let value = value.ok_or_else(|| format!("-{letter} without its value"))?;
                    read.options.push((letter, value));
                    break;
                }
            }
        }
    }
    Ok(read)
}

/// Options, or a complaint that has been made.
pub(crate) fn read_options(
    shell: &mut Interpreter<'_>,
    name: &str,
    arguments: &[String],
    letters: &str,
    long: &[(&str, char)],
) -> Flow<Option<Read>> {
    match options(arguments, letters, long) {
        Ok(read) => Ok(Some(read)),
        Err(what) => {
            let known: String = letters.chars().filter(|it| *it != ':').collect();
            let text =
                format!("{name}: {what}: not simulated (of the options there are -{known})\n");
            shell.error(&text)?;
            Ok(None)
        }
    }
}

/// What the programs of GNU say behind what is wrong with a command line.
pub(crate) fn more_about(name: &str) -> String {
    format!("Try '{name} --help' for more information.\n")
}

/// What a filter reads: each file with its name, or what comes in.
pub(crate) struct Inputs {
    pub(crate) texts: Vec<(String, String)>,
    /// Whether a file was missing.
    pub(crate) failed: bool,
}

impl Inputs {
    /// All the lines: a file whose last one has no end does not run into the next file.
    pub(crate) fn joined(self) -> String {
        let mut all = String::new();
        for (_, text) in self.texts {
            if !all.is_empty() && !all.ends_with('\n') {
                all.push('\n');
            }
            all += &text;
        }
        all
    }
}

pub(crate) fn inputs(shell: &mut Interpreter<'_>, name: &str, files: &[String]) -> Flow<Inputs> {
    inputs_or(shell, files, |file, error| {
        format!("{name}: {file}: {error}\n")
    })
}

/// The same, with another complaint about a file that cannot be read.
pub(crate) fn inputs_or(
    shell: &mut Interpreter<'_>,
    files: &[String],
    complaint: impl Fn(&str, &FileError) -> String,
) -> Flow<Inputs> {
    let mut inputs = Inputs {
        texts: Vec::new(),
        failed: false,
    };
    if files.is_empty() {
        inputs.texts.push(("-".to_owned(), shell.rest_of_input(0)?));
    }
    for file in files {
        let text = match file.as_str() {
            "-" => Ok(shell.rest_of_input(0)?),
            path => shell.read_file(path)?,
        };
        match text {
            Ok(text) => inputs.texts.push((file.clone(), text)),
            Err(error) => {
                inputs.failed = true;
                shell.error(&complaint(file, &error))?;
            }
        }
    }
    Ok(inputs)
}
