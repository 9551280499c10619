//! Files of machines: those that are the machine's own, and those that scripts write.

use smol_str::SmolStr;
use wirelab_shell::{Answer, FileError, Kind, Question, is_filter};
use wirelab_simulator::host::is_program;

use super::Run;
use super::commands::Running;

/// Files about names, which come from the network.
const OF_NAMES: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/// Whether the machine has it, and scripts make nothing of it.
fn is_own(path: &str) -> bool {
    let below = |root: &str| path == root || path.starts_with(&format!("{root}/"));
    below("/proc") || below("/sys") || OF_NAMES.contains(&path)
}

/// The program that a path leads to.
fn program(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    let is_folder = ["/bin", "/sbin", "/usr/bin", "/usr/sbin"].contains(&folder);
    (is_folder && (is_program(name) || is_filter(name))).then_some(name)
}

impl Run {
    /// Answers what a script asks about files.
    pub(super) fn about_files(&mut self, host: &SmolStr, question: &Question) -> Answer {
        let path = match question {
            Question::Run { .. } => return Answer::Unknown,
            Question::Stat { path }
            | Question::Read { path }
            | Question::Write { path, .. }
            | Question::MakeDirectory { path }
            | Question::Remove { path }
            | Question::SetExecutable { path, .. }
            | Question::List { path } => path,
        };
        if is_own(path) {
            return self.about_own(host, path, question);
        }
        if let Question::Stat { path } = question {
            if path == "/dev/null" {
                return Answer::Stat(Some(Kind::Null));
            }
            if program(path).is_some() {
                let executable = true;
                return Answer::Stat(Some(Kind::File {
                    size: 1,
                    executable,
                }));
            }
        }
        let files = self.state.files.entry(host.clone()).or_default();
        let answer = files.answer(question).unwrap_or(Answer::Unknown);
        match answer {
            Answer::Names(mut names) => {
                let before = format!("{}/", path.trim_end_matches('/'));
                let own = OF_NAMES.iter().filter_map(|it| it.strip_prefix(&before));
                names.extend(own.filter(|it| !it.contains('/')).map(str::to_owned));
                names.sort();
                Answer::Names(names)
            }
            other => other,
        }
    }

    fn about_own(&mut self, host: &SmolStr, path: &str, question: &Question) -> Answer {
        let machine = self.state.world.host(host);
        match question {
            Question::Stat { .. } => {
                let kind = machine.and_then(|it| match it.file(path) {
                    Some(text) => {
                        // What the kernel makes up has no size (`proc`, `sysfs`).
                        let size = if path.starts_with("/etc") {
                            text.len()
                        } else {
                            0
                        };
                        Some(Kind::File {
                            size,
                            executable: false,
                        })
                    }
                    None => it.file_names(path).map(|_| Kind::Directory),
                });
                Answer::Stat(kind)
            }
            Question::List { .. } => {
                let names = machine.and_then(|it| it.file_names(path));
                Answer::Names(names.unwrap_or_default())
            }
            Question::Read { .. } => {
                if machine.is_some_and(|it| it.file_names(path).is_some()) {
                    return Answer::Text(Err(FileError::IsDirectory));
                }
                // By the program, which knows of machines what has changed since.
                let words = ["cat".to_owned(), path.to_owned()];
                let ended = self.at_once(host, &words);
                let found = ended.filter(|it| it.0 == 0).map(|it| it.1);
                Answer::Text(found.ok_or(FileError::NotFound))
            }
            Question::Write { text, .. } => Answer::Done(self.set(host, path, text)),
            _ => Answer::Done(Err(FileError::Other("Operation not permitted".to_owned()))),
        }
    }

    /// Writes a setting of the kernel.
    fn set(&mut self, host: &SmolStr, path: &str, text: &str) -> Result<(), FileError> {
        let Some(name) = path.strip_prefix("/proc/sys/") else {
            let why = "Read-only file system (what it says comes from the network here)";
            return Err(FileError::Other(why.to_owned()));
        };
        let machine = self.state.world.host(host);
        machine
            .and_then(|it| it.file(path))
            .ok_or(FileError::NotFound)?;
        if text.trim().is_empty() {
            return Ok(());
        }
        let setting = format!("{}={}", name.replace('/', "."), text.trim());
        let words = ["sysctl", "-q", "-w", &setting].map(str::to_owned);
        let (status, said) = self.at_once(host, &words).ok_or(FileError::Denied)?;
        match status {
            0 => Ok(()),
            _ if said.contains("keep the value") => {
                let why = "Permission denied (machines here keep the value that they have)";
                Err(FileError::Other(why.to_owned()))
            }
            _ => Err(FileError::Invalid),
        }
    }

    /// Runs a program that takes no time: its status, and all that it has printed.
    fn at_once(&mut self, host: &SmolStr, argv: &[String]) -> Option<(i32, String)> {
        let id = self.new_command(Running::default());
        let started = self.start_program(id, host, argv);
        let ended = self.take_ended(id);
        self.state.running.remove(&id);
        started.ok()?;
        ended.map(|it| (it.status, it.combined))
    }
}
