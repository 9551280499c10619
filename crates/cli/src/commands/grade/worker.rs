//! A process that grades, and the end of it that asks.
//!
//! One line of JSON a submission goes in, one comes out. The asking end waits so long and no
//! longer, and starts another process when one has ended or was stopped.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wirelab_grader::batch::{Batch, Graded, Limits, Status, too_large};
use wirelab_session::Content;

use super::find::{self, Found};
use crate::failure::{Code, Failure};

/// A process may address so much: far more than any lab takes.
const MEMORY_BYTES: u64 = 4 << 30;

/// What is asked.
#[derive(Serialize, Deserialize)]
struct Asked {
    name: String,
    /// Its octets: a path need not be UTF-8.
    path: Vec<u8>,
    course: Option<String>,
}

/// Answers what stdin asks until it ends.
pub(super) fn serve(content: Content) -> Result<Code, Failure> {
    let most = Some(MEMORY_BYTES);
    setrlimit(
        Resource::As,
        Rlimit {
            current: most,
            maximum: most,
        },
    )
    .ok();
    // A panic is in the result.
    std::panic::set_hook(Box::new(|_| {}));
    let limits = Limits::default();
    let mut batch = Batch::new(content, limits);
    let mut stdout = std::io::stdout().lock();
    for line in std::io::stdin().lines() {
        let asked: Asked = serde_json::from_str(&line?).map_err(Failure::internal)?;
        batch.set_course(asked.course);
        let graded = match find::read(Path::new(OsStr::from_bytes(&asked.path)), &limits) {
            Ok(Some(octets)) => batch.grade(&asked.name, &octets),
            Ok(None) => Graded::without_report(&asked.name, Status::Refused, too_large(&limits)),
            Err(error) => {
                Graded::without_report(&asked.name, Status::Unreadable, error.to_string())
            }
        };
        let mut line = serde_json::to_string(&graded).map_err(Failure::internal)?;
        line.push('\n');
        stdout.write_all(line.as_bytes())?;
        stdout.flush()?;
    }
    Ok(Code::Passed)
}

/// The asking end.
pub(super) struct Worker {
    limit: Duration,
    course: Option<String>,
    process: Option<Process>,
}

struct Process {
    child: Child,
    asks: ChildStdin,
    answers: Receiver<String>,
}

impl Worker {
    pub(super) const fn new(limit: Duration, course: Option<String>) -> Self {
        Self {
            limit,
            course,
            process: None,
        }
    }

    /// The result of one file, whatever becomes of the process.
    pub(super) fn grade(&mut self, file: &Found) -> Result<Value, Failure> {
        if let Some((status, reason)) = &file.trouble {
            let graded = file.ungraded(*status, reason);
            return serde_json::to_value(graded).map_err(Failure::internal);
        }
        let mut process = match self.process.take() {
            Some(process) => process,
            None => Process::start()?,
        };
        let reason = match process.ask(file, self.course.clone(), self.limit) {
            Ok(answer) => {
                self.process = Some(process);
                return serde_json::from_str(&answer).map_err(Failure::internal);
            }
            Err(RecvTimeoutError::Timeout) => {
                let seconds = self.limit.as_secs();
                format!("not graded: it was stopped after {seconds} s (--time-limit)")
            }
            Err(RecvTimeoutError::Disconnected) => {
                "not graded: the process that graded it ended; perhaps it took too much memory"
                    .to_owned()
            }
        };
        process.stop();
        let graded = file.ungraded(Status::OurFault, &reason);
        serde_json::to_value(graded).map_err(Failure::internal)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop();
        }
    }
}

impl Process {
    fn start() -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["grade", "--worker"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
        let none = || Failure::internal("a worker without pipes");
        let asks = child.stdin.take().ok_or_else(none)?;
        let stdout = child.stdout.take().ok_or_else(none)?;
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            asks,
            answers,
        })
    }

    fn ask(
        &mut self,
        file: &Found,
        course: Option<String>,
        limit: Duration,
    ) -> Result<String, RecvTimeoutError> {
        let asked = Asked {
            name: file.name.clone(),
            path: file.path.as_os_str().as_bytes().to_vec(),
            course,
        };
        let line = serde_json::to_string(&asked).map_err(|_| RecvTimeoutError::Disconnected)?;
        // Who has ended reads nothing, and answers nothing either.
        writeln!(self.asks, "{line}").map_err(|_| RecvTimeoutError::Disconnected)?;
        self.answers.recv_timeout(limit)
    }

    /// Ends the process if it has not.
    fn stop(mut self) {
        drop(self.asks);
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
