//! What stands behind `sudo` (sudo(8) 1.9).
//!
//! Everybody is root on simulated machines and is asked for no password, so most options change
//! nothing; those that would are named, not passed over.

use thiserror::Error;

/// An option of `sudo`: its letter, its long name, and what becomes of it.
struct Known(char, &'static str, Means);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Means {
    /// It changes nothing for one who is root already.
    Nothing,
    /// The same, and a value comes with it.
    NothingOf,
    /// User or group: root alone is there.
    Root,
    /// The environment is kept, or what a value names of it.
    Environment,
    /// The command is run by a shell, of a login if it says so.
    Shell { login: bool },
    /// The credentials are renewed or forgotten: no command is needed.
    Credentials,
    /// It does something else that is not simulated, and whether a value comes with it.
    Unsimulated { takes: bool },
}

const UNSIMULATED: Means = Means::Unsimulated { takes: false };
const UNSIMULATED_OF: Means = Means::Unsimulated { takes: true };

/// The options of sudo(8), in its order.
const KNOWN: &[Known] = &[
    Known('A', "askpass", Means::Nothing),
    Known('a', "auth-type", Means::NothingOf),
    Known('b', "background", UNSIMULATED),
    Known('B', "bell", Means::Nothing),
    Known('C', "close-from", Means::NothingOf),
    Known('c', "login-class", Means::NothingOf),
    Known('D', "chdir", UNSIMULATED_OF),
    Known('E', "preserve-env", Means::Environment),
    Known('e', "edit", UNSIMULATED),
    Known('g', "group", Means::Root),
    Known('H', "set-home", Means::Nothing),
    Known('h', "help", UNSIMULATED),
    Known('h', "host", UNSIMULATED_OF),
    Known('i', "login", Means::Shell { login: true }),
    Known('K', "remove-timestamp", Means::Credentials),
    Known('k', "reset-timestamp", Means::Credentials),
    Known('l', "list", UNSIMULATED),
    Known('N', "no-update", Means::Nothing),
    Known('n', "non-interactive", Means::Nothing),
    Known('P', "preserve-groups", Means::Nothing),
    Known('p', "prompt", Means::NothingOf),
    Known('R', "chroot", UNSIMULATED_OF),
    Known('r', "role", Means::NothingOf),
    Known('S', "stdin", Means::Nothing),
    Known('s', "shell", Means::Shell { login: false }),
    Known('T', "command-timeout", UNSIMULATED_OF),
    Known('t', "type", Means::NothingOf),
    Known('U', "other-user", UNSIMULATED_OF),
    Known('u', "user", Means::Root),
    Known('V', "version", UNSIMULATED),
    Known('v', "validate", Means::Credentials),
];

/// How much of the caller's environment a command is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SudoEnvironment<'w> {
    /// What `env_keep` of sudoers(5) names: as good as nothing.
    #[default]
    Reset,
    /// All of it: `-E`.
    Kept,
    /// These variables too, with commas between them: `--preserve-env=LIST`.
    Listed(&'w str),
}

/// A command line of `sudo`, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sudo<'w> {
    /// `NAME=VALUE` before the command.
    pub settings: Vec<(&'w str, &'w str)>,
    /// What of the caller's environment is kept.
    pub environment: SudoEnvironment<'w>,
    /// Whether a shell runs the command (`-s`, `-i`).
    pub by_shell: bool,
    /// Whether that is the shell of a login (`-i`), which begins at home.
    pub login: bool,
    /// The command with its arguments. Nothing where none is needed (`-v`, `-k`), or where a shell
    /// would read what is typed.
    pub command: &'w [String],
}

/// Why a command line of `sudo` runs nothing. Each text is what `sudo` prints, and ends a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SudoError {
    /// `sudo` would not take it either.
    #[error(
        "sudo: {0}\nusage: sudo [-ABEHnPS] [-u root] [VAR=value] [-i | -s] [command [arg ...]]\n"
    )]
    Usage(String),
    /// No command was given, and no option that needs none.
    #[error("usage: sudo [-ABEHnPS] [-u root] [VAR=value] [-i | -s] [command [arg ...]]\n")]
    NoCommand,
    /// It is right, and not simulated.
    #[error("sudo: {0}\n")]
    Unsimulated(String),
}

/// Reads what was typed behind `sudo`.
///
/// # Errors
/// See [`SudoError`].
pub fn read_sudo(arguments: &[String]) -> Result<Sudo<'_>, SudoError> {
    let mut sudo = Sudo::default();
    let mut needs_command = true;
    let mut words = arguments;
    while let Some((word, rest)) = words.split_first() {
        if word == "--" {
            words = rest;
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            words = rest;
            let (name, inner) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let known = long_option(name)?;
            let value = match inner {
                None if known.2.takes() => Some(taken(&mut words, || {
                    format!("option '--{}' requires an argument", known.1)
                })?),
                inner => inner,
            };
            sudo.take(known, value, &mut needs_command)?;
        } else if let Some(letters) = word.strip_prefix('-').filter(|it| !it.is_empty()) {
            words = rest;
            sudo.letters(letters, &mut words, &mut needs_command)?;
        } else if let Some(setting) = setting(word) {
            sudo.settings.push(setting);
            words = rest;
        } else {
            break;
        }
    }
    sudo.command = words;
    match words.is_empty() && needs_command {
        true => Err(SudoError::NoCommand),
        false => Ok(sudo),
    }
}

/// The command that is meant: what stands behind every `sudo` that a command line begins with.
/// Nothing where `sudo` would run none.
#[must_use]
pub fn without_sudo(argv: &[String]) -> &[String] {
    let mut argv = argv;
    while let Some((program, arguments)) = argv.split_first()
        && program.rsplit('/').next() == Some("sudo")
    {
        argv = read_sudo(arguments).map_or(&[], |it| it.command);
    }
    argv
}

/// `NAME=VALUE`, as sudo(8) tells it from a command: by a sign that does not stand first.
fn setting(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    (!name.is_empty() && !name.contains('/')).then_some((name, value))
}

/// An option by its name, or by as much of it as tells it from others (getopt_long(3)).
fn long_option(name: &str) -> Result<&'static Known, SudoError> {
    if let Some(known) = KNOWN.iter().find(|it| it.1 == name) {
        return Ok(known);
    }
    let mut fitting = KNOWN.iter().filter(|it| it.1.starts_with(name));
    match (fitting.next(), fitting.next()) {
        (Some(known), None) if !name.is_empty() => Ok(known),
        (Some(_), Some(_)) => Err(SudoError::Usage(format!("option '--{name}' is ambiguous"))),
        _ => Err(SudoError::Usage(format!("unrecognized option '--{name}'"))),
    }
}

fn taken<'w>(words: &mut &'w [String], why: impl Fn() -> String) -> Result<&'w str, SudoError> {
    let (value, rest) = words.split_first().ok_or_else(|| SudoError::Usage(why()))?;
    *words = rest;
    Ok(value)
}

impl Means {
    const fn takes(self) -> bool {
        matches!(
            self,
            Self::NothingOf | Self::Root | Self::Unsimulated { takes: true }
        )
    }
}

impl<'w> Sudo<'w> {
    /// Options of one letter, as many as stand in a word.
    fn letters(
        &mut self,
        letters: &'w str,
        words: &mut &'w [String],
        needs_command: &mut bool,
    ) -> Result<(), SudoError> {
        for (at, letter) in letters.char_indices() {
            let known = KNOWN.iter().find(|it| it.0 == letter);
            let known =
                known.ok_or_else(|| SudoError::Usage(format!("invalid option -- '{letter}'")))?;
            if !known.2.takes() {
                self.take(known, None, needs_command)?;
                continue;
            }
            let inner = &letters[at + letter.len_utf8()..];
            let value = match inner.is_empty() {
                true => taken(words, || {
                    format!("option requires an argument -- '{letter}'")
                })?,
                false => inner,
            };
            return self.take(known, Some(value), needs_command);
        }
        Ok(())
    }

    fn take(
        &mut self,
        Known(letter, name, means): &Known,
        value: Option<&'w str>,
        needs_command: &mut bool,
    ) -> Result<(), SudoError> {
        match means {
            Means::Nothing | Means::NothingOf => {}
            Means::Root if matches!(value, Some("root" | "#0")) => {}
            Means::Root => {
                let other = value.unwrap_or_default();
                return Err(SudoError::Unsimulated(format!(
                    "-{letter} {other} is not simulated: there is no {name} but root here"
                )));
            }
            Means::Environment => {
                self.environment = value.map_or(SudoEnvironment::Kept, SudoEnvironment::Listed);
            }
            Means::Shell { login } => (self.by_shell, self.login) = (true, *login),
            Means::Credentials => *needs_command = false,
            Means::Unsimulated { .. } => {
                return Err(SudoError::Unsimulated(format!(
                    "-{letter} (--{name}) is not simulated"
                )));
            }
        }
        // A shell needs none either: it would read what is typed.
        *needs_command &= !self.by_shell;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_command_stands_behind_options_in_any_of_their_forms() {
        for line in [
            "ip route",
            "-n ip route",
            "-nEH ip route",
            "-u root ip route",
            "-uroot -g#0 ip route",
            "--user=root --group root ip route",
            "--non-int --preserve-env=A,B ip route",
            "-p word: -C 5 ip route",
            "-k ip route",
            "-i ip route",
            "-s -- ip route",
            "A=1 -n B=x=y ip route",
        ] {
            let words = argv(line);
            let read = read_sudo(&words).map(|it| it.command.join(" "));
            assert_eq!(read.as_deref(), Ok("ip route"), "{line}");
        }
        // What comes behind the command is the command's.
        let words = argv("-n grep -u x=1 -- y");
        assert_eq!(read_sudo(&words).map(|it| it.command.len()), Ok(5));
    }

    #[test]
    fn options_say_what_is_kept_and_who_runs_it() {
        let words = argv("-Ei A=1 env");
        let read = read_sudo(&words).expect("it is right");
        assert_eq!(read.environment, SudoEnvironment::Kept);
        assert!(read.by_shell && read.login);
        assert_eq!(read.settings, [("A", "1")]);
        let words = argv("--preserve-env=A,B -s env");
        let read = read_sudo(&words).expect("it is right");
        assert_eq!(read.environment, SudoEnvironment::Listed("A,B"));
        assert!(read.by_shell && !read.login);
        for none in ["-v", "-k", "-n -K", "-i", "-s"] {
            let words = argv(none);
            let read = read_sudo(&words).map(|it| it.command.len());
            assert_eq!(read, Ok(0), "{none}");
        }
    }

    #[test]
    fn what_runs_nothing_says_why() {
        let text = |line: &str| match read_sudo(&argv(line)) {
            Ok(read) => panic!("{line}: {read:?}"),
            Err(error) => error.to_string(),
        };
        for (line, says) in [
            ("", "usage: sudo"),
            ("-n", "usage: sudo"),
            ("A=1", "usage: sudo"),
            ("-x ls", "sudo: invalid option -- 'x'\nusage"),
            ("-u", "sudo: option requires an argument -- 'u'\nusage"),
            ("--user", "sudo: option '--user' requires an argument\n"),
            ("--nosuch ls", "sudo: unrecognized option '--nosuch'\n"),
            ("--s ls", "sudo: option '--s' is ambiguous\n"),
            ("-u ec2-user ls", "there is no user but root here\n"),
            ("-g wheel ls", "there is no group but root here\n"),
            ("-l", "sudo: -l (--list) is not simulated\n"),
            ("-D /tmp ls", "sudo: -D (--chdir) is not simulated\n"),
        ] {
            assert!(text(line).contains(says), "{line}: {}", text(line));
        }
    }

    #[test]
    fn every_sudo_in_front_is_taken_away() {
        let shown = |line: &str| without_sudo(&argv(line)).join(" ");
        assert_eq!(shown("ip route"), "ip route");
        assert_eq!(
            shown("/usr/bin/sudo -n sudo -u root A=1 ip route"),
            "ip route"
        );
        assert_eq!(shown("sudo -u nobody ip route"), "");
        assert_eq!(shown("sudo"), "");
        assert_eq!(shown(""), "");
    }
}
