//! What the interpreter asks its machine.

use wirelab_model::SimTime;

use super::{Flow, Interpreter, Stop};
use crate::question::{Answer, FileError, Kind, Question, Stream};

impl Interpreter<'_> {
    /// A path as the machine knows it.
    pub(crate) fn absolute(&self, path: &str) -> String {
        let whole = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("{}/{path}", self.state.directory),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in whole.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                _ => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }

    pub(crate) fn stat(&mut self, path: &str) -> Flow<Option<Kind>> {
        if path.is_empty() {
            return Ok(None);
        }
        if let Some(text) = self.substituted.get(path) {
            let (size, executable) = (text.len(), false);
            return Ok(Some(Kind::File { size, executable }));
        }
        let path = self.absolute(path);
        self.step(0)?;
        Ok(match self.tape.ask(Question::Stat { path })? {
            Answer::Stat(kind) => kind,
            _ => None,
        })
    }

    pub(crate) fn read_file(&mut self, path: &str) -> Flow<Result<String, FileError>> {
        match path {
            "" => return Ok(Err(FileError::NotFound)),
            "/dev/null" => return Ok(Ok(String::new())),
            "/dev/stdin" | "/dev/fd/0" => return Ok(Ok(self.rest_of_input(0)?)),
            _ => {}
        }
        if let Some(text) = self.substituted.get(path) {
            return Ok(Ok(text.clone()));
        }
        let path = self.absolute(path);
        let answer = self.tape.ask(Question::Read { path })?;
        let Answer::Text(text) = answer else {
            return Ok(Err(FileError::NotFound));
        };
        self.step(text.as_ref().map_or(0, String::len))?;
        Ok(text)
    }

    pub(crate) fn done(&mut self, question: Question) -> Flow<Result<(), FileError>> {
        self.step(0)?;
        Ok(match self.tape.ask(question)? {
            Answer::Done(done) => done,
            _ => Err(FileError::Invalid),
        })
    }

    pub(crate) fn write_file(
        &mut self,
        path: &str,
        text: &str,
        append: bool,
    ) -> Flow<Result<(), FileError>> {
        self.written(text.len())?;
        if path.is_empty() {
            return Ok(Err(FileError::NotFound));
        }
        let path = self.absolute(path);
        let text = text.to_owned();
        self.done(Question::Write { path, text, append })
    }

    pub(crate) fn names_in(&mut self, path: &str) -> Flow<Vec<String>> {
        let path = self.absolute(path);
        let answer = self.tape.ask(Question::List { path })?;
        let names = match answer {
            Answer::Names(names) => names,
            _ => Vec::new(),
        };
        self.step(names.iter().map(String::len).sum())?;
        Ok(names)
    }

    /// Runs a program of the machine; gives its status, or nothing if there is no such program.
    pub(crate) fn run_on_machine(&mut self, argv: &[String]) -> Flow<Option<i32>> {
        let is = |it: &String, names: &[&str]| {
            let name = it.rsplit('/').next().unwrap_or(it);
            names.contains(&name)
        };
        let nc = ["nc", "ncat", "netcat"];
        let reads = argv.first().is_some_and(|it| match is(it, &["timeout"]) {
            true => argv.iter().any(|it| is(it, &nc)),
            false => is(it, &nc),
        });
        let stdin = match reads {
            true => self.rest_of_input(0)?,
            false => String::new(),
        };
        let nearest = self.deadlines.iter().min().copied();
        let limit = nearest.filter(|it| *it != SimTime::MAX);
        let question = Question::Run {
            argv: argv.to_vec(),
            stdin,
            limit: limit.map(|it| it.since(self.now)),
            lines: self.lines_left(1),
        };
        let (status, printed, at, timed_out) = match self.tape.ask(question)? {
            Answer::Ran {
                status,
                printed,
                at,
                timed_out,
            } => (status, printed, at, timed_out),
            _ => return Ok(None),
        };
        self.now = self.now.max(at);
        for (stream, text) in printed {
            let descriptor = match stream {
                Stream::Stdout => 1,
                Stream::Stderr => 2,
            };
            self.write(descriptor, &text)?;
        }
        if timed_out || limit.is_some_and(|it| self.now >= it) {
            return Err(Stop::Deadline(self.passed_deadline()));
        }
        Ok(Some(status))
    }

    /// Which of the deadlines has passed, the outermost if several have.
    fn passed_deadline(&self) -> usize {
        let nearest = self.deadlines.iter().min();
        let mut all = self.deadlines.iter();
        all.position(|it| Some(it) == nearest).unwrap_or(0)
    }
}
