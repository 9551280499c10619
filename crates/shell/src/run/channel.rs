//! Where file descriptors lead: to the terminal, pipes, files, texts.

use super::{Flow, Interpreter, Stop};
use crate::question::{Answer, Question, Stream};

/// Where a file descriptor leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Terminal(Stream),
    /// What is written there is read later.
    Pipe(usize),
    /// Text to be read, from where the last reader has left it.
    Input(usize),
    /// The end of a file.
    File(String),
    /// `/dev/null`
    Null,
    /// A connection of `/dev/tcp`, of which only that it could be made is known.
    Connection,
}

/// A pipe that is being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipe {
    text: String,
    /// Its reader takes no more lines.
    lines: Option<usize>,
    /// Lines that are in it, where they count.
    count: usize,
}

/// A text that is being read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Input {
    text: String,
    pub(super) at: usize,
    /// Whether it is a file, of which the size is known.
    is_file: bool,
}

const CONNECTION: &str = "what goes over a connection of /dev/tcp is not simulated, only that it \
                          opens: `nc HOST PORT` reads and writes";

impl Interpreter<'_> {
    pub(super) fn new_pipe(&mut self, lines: Option<usize>) -> usize {
        self.pipes.push(Pipe {
            lines,
            ..Pipe::default()
        });
        self.pipes.len() - 1
    }

    pub(super) fn take_pipe(&mut self, pipe: usize) -> String {
        std::mem::take(&mut self.pipes[pipe].text)
    }

    pub(crate) fn new_input(&mut self, text: String) -> Channel {
        self.inputs.push(Input {
            text,
            ..Input::default()
        });
        Channel::Input(self.inputs.len() - 1)
    }

    pub(super) fn file_input(&mut self, text: String) -> Channel {
        self.inputs.push(Input {
            text,
            at: 0,
            is_file: true,
        });
        Channel::Input(self.inputs.len() - 1)
    }

    /// Whether a file is read on a file descriptor, and no pipe.
    pub(crate) fn reads_file(&self, descriptor: i32) -> bool {
        match self.state.channels.get(&descriptor) {
            Some(Channel::Input(input)) => self.inputs[*input].is_file,
            _ => false,
        }
    }

    /// How many lines the reader of a file descriptor still takes.
    pub(crate) fn lines_left(&self, descriptor: i32) -> Option<usize> {
        let Some(Channel::Pipe(pipe)) = self.state.channels.get(&descriptor) else {
            return None;
        };
        let pipe = &self.pipes[*pipe];
        Some(pipe.lines?.saturating_sub(pipe.count))
    }

    /// Writes; `false` where the file descriptor is closed or cannot be written.
    pub(crate) fn write(&mut self, descriptor: i32, text: &str) -> Flow<bool> {
        if text.is_empty() {
            return Ok(self.state.channels.contains_key(&descriptor));
        }
        self.written(text.len())?;
        match self.state.channels.get(&descriptor).cloned() {
            None | Some(Channel::Input(_)) => Ok(false),
            Some(Channel::Null) => Ok(true),
            // An empty line is written to see whether a port is open.
            Some(Channel::Connection) if text == "\n" => Ok(true),
            Some(Channel::Connection) => Err(Stop::Refused(CONNECTION.to_owned())),
            Some(Channel::Terminal(stream)) => {
                match self.printed.last_mut() {
                    Some((last, before)) if *last == stream => before.push_str(text),
                    _ => self.printed.push((stream, text.to_owned())),
                }
                Ok(true)
            }
            Some(Channel::Pipe(pipe)) => {
                let pipe = &mut self.pipes[pipe];
                let Some(lines) = pipe.lines else {
                    pipe.text.push_str(text);
                    return Ok(true);
                };
                if pipe.count >= lines {
                    return Err(Stop::Pipe);
                }
                pipe.text.push_str(text);
                pipe.count += text.matches('\n').count();
                Ok(true)
            }
            Some(Channel::File(path)) => {
                let question = Question::Write {
                    path,
                    text: text.to_owned(),
                    append: true,
                };
                match self.tape.ask(question)? {
                    Answer::Done(Ok(())) => Ok(true),
                    Answer::Done(Err(error)) if descriptor != 2 => {
                        let doing = self.doing.clone();
                        self.complain(&format!("{doing}: write error: {error}"))?;
                        Ok(false)
                    }
                    _ => Ok(false),
                }
            }
        }
    }

    pub(crate) fn out(&mut self, text: &str) -> Flow<()> {
        self.write(1, text)?;
        Ok(())
    }

    pub(crate) fn error(&mut self, text: &str) -> Flow<()> {
        self.write(2, text)?;
        Ok(())
    }

    /// An error of the shell itself, with its name and the line.
    pub(crate) fn complain(&mut self, text: &str) -> Flow<()> {
        let (name, line) = (&self.state.name, self.state.line);
        let text = format!("{name}: line {line}: {text}\n");
        self.error(&text)
    }

    /// Everything that is left to be read from a file descriptor.
    pub(crate) fn rest_of_input(&mut self, descriptor: i32) -> Flow<String> {
        let input = match self.state.channels.get(&descriptor) {
            Some(Channel::Input(input)) => input,
            Some(Channel::Connection) => return Err(Stop::Refused(CONNECTION.to_owned())),
            _ => return Ok(String::new()),
        };
        let input = &mut self.inputs[*input];
        let text = input.text[input.at..].to_owned();
        input.at = input.text.len();
        self.step(text.len())?;
        Ok(text)
    }

    /// What is left up to and including a letter; whether the letter was found.
    pub(crate) fn input_to(&mut self, descriptor: i32, end: char) -> Flow<Option<(String, bool)>> {
        let input = match self.state.channels.get(&descriptor) {
            Some(Channel::Input(input)) => input,
            Some(Channel::Connection) => return Err(Stop::Refused(CONNECTION.to_owned())),
            _ => return Ok(None),
        };
        let input = &mut self.inputs[*input];
        let rest = &input.text[input.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        let (text, found) = match rest.split_once(end) {
            Some((text, _)) => (text.to_owned(), true),
            None => (rest.to_owned(), false),
        };
        input.at += text.len() + if found { end.len_utf8() } else { 0 };
        Ok(Some((text, found)))
    }

    /// So many letters of what is left.
    pub(crate) fn input_letters(&mut self, descriptor: i32, letters: usize) -> Option<String> {
        let Some(Channel::Input(input)) = self.state.channels.get(&descriptor) else {
            return None;
        };
        let input = &mut self.inputs[*input];
        let text: String = input.text[input.at..].chars().take(letters).collect();
        input.at += text.len();
        (!text.is_empty()).then_some(text)
    }
}
