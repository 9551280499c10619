//! How shells are told things: POSIX shells (bash, zsh and dash among them) one way, fish another.
//!
//! Lines are read in by `eval` in a shell that is there, whose aliases, functions and options are
//! not known: none may end a shell under `set -e` or `set -u`, and none relies on a word that an
//! alias could stand for.

use super::tools::quoted;

/// A kind of shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Syntax {
    /// sh, bash, zsh, dash, ksh.
    Sh,
    Fish,
}

impl Syntax {
    /// That of the shell which has started this process, POSIX's if that cannot be told.
    pub(crate) fn of_parent() -> Self {
        match parent().as_deref() {
            Some("fish") => Self::Fish,
            _ => Self::Sh,
        }
    }

    /// What an option or [`Self::of_parent`] has named, for a command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sh => "sh",
            Self::Fish => "fish",
        }
    }

    /// `text` as one word.
    pub(crate) fn word(self, text: &str) -> String {
        match self {
            Self::Sh => quoted(text),
            Self::Fish => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        }
    }

    /// A line that gives a variable to the shell and its programs.
    pub(crate) fn export(self, name: &str, value: &str) -> String {
        let value = self.word(value);
        match self {
            Self::Sh => format!("export {name}={value}\n"),
            Self::Fish => format!("set -gx {name} {value}\n"),
        }
    }

    /// A line that gives what a command prints to the shell and its programs, as a variable.
    pub(crate) fn export_output(self, name: &str, command: &str) -> String {
        match self {
            Self::Sh => format!("export {name}=\"$({command})\"\n"),
            Self::Fish => format!("set -gx {name} ({command})\n"),
        }
    }

    /// A line that takes variables away.
    pub(crate) fn unset(self, names: &[&str]) -> String {
        match self {
            Self::Sh => format!("unset {}\n", names.join(" ")),
            Self::Fish => format!("set -eg {}\n", names.join(" ")),
        }
    }

    /// A line that takes away every variable whose name starts so, whoever has set it. Fish's
    /// universal ones, which every fish of the user has, are not removed but hidden by others that
    /// say nothing: fish exports a universal one behind a global one that is not exported.
    pub(crate) fn unset_all(self, start: &str) -> String {
        match self {
            Self::Sh => format!(
                "for wirelab_it in $(env | sed -n 's/^\\({start}[A-Za-z0-9_]*\\)=.*/\\1/p'); do \
                 unset \"$wirelab_it\"; done; unset wirelab_it\n"
            ),
            Self::Fish => format!(
                "for it in (set -nx | string match '{start}*'); set -eg $it; set -qx $it; \
                 and set -gx $it (test $it = AWS_PROFILE; and echo default; or echo); end\n"
            ),
        }
    }

    /// Lines that take away aliases and functions that would run instead of the lab's programs, and
    /// keep them for [`Self::give_back`].
    pub(crate) fn set_aside(self) -> String {
        let lines = |name: &&str| match self {
            Self::Sh => format!(
                ": \"${{wirelab_alias_{name}=$(alias {name} 2>/dev/null)}}\"\n\
                 : \"${{wirelab_function_{name}=$(typeset -f {name} 2>/dev/null)}}\"\n{}",
                self.forget(name)
            ),
            Self::Fish => format!(
                "functions -q {name}; and functions -c {name} wirelab_{name}\n{}",
                self.forget(name)
            ),
        };
        PROGRAMS.iter().map(lines).collect()
    }

    /// Lines that take away aliases and functions for good.
    pub(crate) fn forget_all(self) -> String {
        PROGRAMS.iter().map(|name| self.forget(name)).collect()
    }

    fn forget(self, name: &str) -> String {
        match self {
            Self::Sh => {
                format!("unalias {name} 2>/dev/null || :\nunset -f {name} 2>/dev/null || :\n")
            }
            Self::Fish => format!("functions -e {name}\n"),
        }
    }

    /// Lines that bring back what [`Self::set_aside`] has kept.
    pub(crate) fn give_back(self) -> String {
        let lines = |name: &&str| match self {
            Self::Sh => format!(
                "[ -z \"${{wirelab_function_{name}-}}\" ] || eval \"$wirelab_function_{name}\"\n\
                 [ -z \"${{wirelab_alias_{name}-}}\" ] || eval \"alias ${{wirelab_alias_{name}#alias }}\"\n\
                 unset wirelab_alias_{name} wirelab_function_{name}\n"
            ),
            Self::Fish => format!(
                "functions -q wirelab_{name}; and functions -c wirelab_{name} {name}; \
                 and functions -e wirelab_{name}\n"
            ),
        };
        PROGRAMS.iter().map(lines).collect()
    }

    /// A last line after which the shell's status is `code`, so that `set -e` ends a script.
    pub(crate) fn fails(self, code: u8) -> String {
        match self {
            Self::Sh => format!("(exit {code})\n"),
            Self::Fish => "false\n".to_owned(),
        }
    }
}

/// The lab's own programs.
const PROGRAMS: [&str; 2] = ["aws", "date"];

/// The name of the program that has started this process.
fn parent() -> Option<String> {
    let parent = rustix::process::getppid()?.as_raw_nonzero().get();
    let name = match std::fs::read_to_string(format!("/proc/{parent}/comm")) {
        Ok(name) => name,
        // No /proc on macOS.
        Err(_) => {
            let mut asked = std::process::Command::new("ps");
            let said = asked
                .args(["-o", "comm=", "-p", &parent.to_string()])
                .output();
            String::from_utf8_lossy(&said.ok()?.stdout).into_owned()
        }
    };
    let name = name.trim().rsplit('/').next()?;
    Some(name.trim_start_matches('-').to_owned())
}
