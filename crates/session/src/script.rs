//! Scripts that Systems Manager has an instance run: commands one after the other.
//!
//! Of a shell's language there is what such scripts begin with: words and quotes, comments, lines,
//! `;`, `&&` and `||`. What else means something to a shell is refused, and the script with it, so
//! that nothing is done which does not mean it.
//!
//! ```text
//! #!/bin/bash
//! ping -c 3 10.0.2.10 && curl -s "http://10.0.2.10/"   # both
//! ```

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::InstanceId;
use wirelab_simulator::host::ExecId;

use crate::run::ExecResult;

/// A command of a script, and when it is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    when: When,
    pub(crate) argv: Vec<String>,
}

/// When a command is run, by how the one before it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum When {
    Always,
    Succeeded,
    Failed,
}

/// A script at work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) command_id: SmolStr,
    pub(crate) instance: InstanceId,
    /// The command that it is at.
    pub(crate) exec: Option<ExecId>,
    left: VecDeque<Step>,
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    pub(crate) fn new(script: wirelab_control::Script) -> Self {
        let lines: Vec<&str> = script.lines.iter().map(SmolStr::as_str).collect();
        let (left, stderr, status) = match read(&lines.join("\n")) {
            Ok(steps) => (steps, String::new(), 0),
            Err(why) => (VecDeque::new(), why, 2),
        };
        Self {
            command_id: script.command_id,
            instance: script.instance,
            exec: None,
            left,
            status,
            stdout: String::new(),
            stderr,
        }
    }

    /// Takes what a command has printed, and how it has ended.
    pub(crate) fn take(&mut self, result: &ExecResult) {
        self.stdout += &result.stdout;
        self.stderr += &result.stderr;
        self.status = result.status;
        self.exec = None;
    }

    /// The next command; `None` at the end, where the agent says so if the last one has failed.
    pub(crate) fn next_command(&mut self) -> Option<Vec<String>> {
        while let Some(step) = self.left.pop_front() {
            let is_due = match step.when {
                When::Always => true,
                When::Succeeded => self.status == 0,
                When::Failed => self.status != 0,
            };
            if is_due {
                return Some(step.argv);
            }
        }
        if self.status != 0 {
            let status = self.status;
            self.stderr += &format!("failed to run commands: exit status {status}");
        }
        None
    }
}

/// The commands of a script, or what `sh` prints instead.
fn read(text: &str) -> Result<VecDeque<Step>, String> {
    let mut steps = VecDeque::new();
    let mut reader = Reader::default();
    let mut chars = text.chars().peekable();
    while let Some(letter) = chars.next() {
        match letter {
            '\'' => reader.quoted(chars.by_ref().take_while(|it| *it != '\'')),
            '"' => {
                reader.begin();
                while let Some(letter) = chars.next().filter(|it| *it != '"') {
                    match letter {
                        '$' | '`' => return Err(unknown(letter)),
                        '\\' => reader.push(chars.next().unwrap_or('\\')),
                        _ => reader.push(letter),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(letter) => reader.push(letter),
            },
            '#' if reader.word.is_none() => while chars.next_if(|it| *it != '\n').is_some() {},
            '&' | '|' if chars.next_if_eq(&letter).is_some() => {
                let when = if letter == '&' {
                    When::Succeeded
                } else {
                    When::Failed
                };
                reader.end_command(&mut steps, when);
            }
            ';' | '\n' => reader.end_command(&mut steps, When::Always),
            '$' | '`' | '|' | '&' | '<' | '>' | '(' | ')' | '{' | '}' | '*' | '?' => {
                return Err(unknown(letter));
            }
            _ if letter.is_whitespace() => reader.end_word(),
            _ => reader.push(letter),
        }
    }
    reader.end_command(&mut steps, When::Always);
    Ok(steps)
}

fn unknown(letter: char) -> String {
    format!("sh: `{letter}` is not simulated in scripts, and nothing was run\n")
}

/// A command that is being read.
struct Reader {
    when: When,
    argv: Vec<String>,
    word: Option<String>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            when: When::Always,
            argv: Vec::new(),
            word: None,
        }
    }
}

impl Reader {
    /// A word begins, if none has; it may stay empty.
    fn begin(&mut self) {
        self.word.get_or_insert_default();
    }

    fn push(&mut self, letter: char) {
        self.word.get_or_insert_default().push(letter);
    }

    fn quoted(&mut self, letters: impl Iterator<Item = char>) {
        self.word.get_or_insert_default().extend(letters);
    }

    fn end_word(&mut self) {
        self.argv.extend(self.word.take());
    }

    /// The command ends; `then` is when the next one is run.
    fn end_command(&mut self, steps: &mut VecDeque<Step>, then: When) {
        self.end_word();
        if self.argv.is_empty() {
            return;
        }
        let argv = std::mem::take(&mut self.argv);
        let when = std::mem::replace(&mut self.when, then);
        steps.push_back(Step { when, argv });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, String> {
        let step = |it: Step| format!("{:?} {}", it.when, it.argv.join("|"));
        Ok(read(text)?.into_iter().map(step).collect())
    }

    #[test]
    fn scripts_are_read_as_a_shell_reads_them_or_not_at_all() {
        let text = "#!/bin/bash\n\nping -c 1 'a b' && curl \"http://x/?y=*\" '' || \\\n  ip route; ss # end";
        let expected = [
            "Always ping|-c|1|a b",
            "Succeeded curl|http://x/?y=*|",
            "Failed ip|route",
            "Always ss",
        ];
        assert_eq!(shown(text).expect("a script"), expected);
        for refused in [
            "a | b",
            "echo $HOME",
            "ls *",
            "a > b",
            "(a)",
            "a &",
            "echo \"`a`\"",
        ] {
            let why = shown(refused).expect_err(refused);
            assert!(why.contains("not simulated"), "{why}");
        }
    }
}
