//! Redirections.

use brush_parser::ast::ProcessSubstitutionKind;
use brush_parser::ast::{self, IoFileRedirectKind, IoFileRedirectTarget, IoRedirect};

use super::{Channel, Flow, Interpreter, Stop};
use crate::question::{FileError, Kind};

impl Interpreter<'_> {
    /// Runs something with redirections, which end with it. If one fails it is not run.
    pub(super) fn with_redirects<'r>(
        &mut self,
        redirects: impl Iterator<Item = &'r IoRedirect>,
        act: impl FnOnce(&mut Self) -> Flow<()>,
    ) -> Flow<()> {
        let before = self.state.channels.clone();
        let mut done = self.redirect_all(redirects);
        self.unopened = matches!(done, Ok(false));
        if matches!(done, Ok(true)) {
            done = act(self).map(|()| true);
            self.unopened = false;
        } else if done.is_ok() {
            self.state.status = 1;
        }
        self.state.channels = before;
        done.map(|_| ())
    }

    /// Makes redirections that stay; `false` if one has failed.
    pub(super) fn redirect_all<'r>(
        &mut self,
        redirects: impl Iterator<Item = &'r IoRedirect>,
    ) -> Flow<bool> {
        for redirect in redirects {
            if !self.redirect(redirect)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn redirect(&mut self, redirect: &IoRedirect) -> Flow<bool> {
        match redirect {
            IoRedirect::File(descriptor, kind, target) => self.file(*descriptor, kind, target),
            IoRedirect::HereDocument(descriptor, document) => {
                let text = match document.requires_expansion {
                    true => self.document(&document.doc.value)?,
                    false => document.doc.value.clone(),
                };
                self.feed(descriptor.unwrap_or(0), text);
                Ok(true)
            }
            IoRedirect::HereString(descriptor, word) => {
                let text = self.one_word(&word.value)? + "\n";
                self.feed(descriptor.unwrap_or(0), text);
                Ok(true)
            }
            IoRedirect::OutputAndError(word, append) => match self.one_name(&word.value)? {
                Some(path) => self.both(&path, *append),
                None => Ok(false),
            },
        }
    }

    fn feed(&mut self, descriptor: i32, text: String) {
        let input = self.new_input(text);
        self.state.channels.insert(descriptor, input);
    }

    /// `&>` and `>&`
    fn both(&mut self, path: &str, append: bool) -> Flow<bool> {
        let Some(channel) = self.open_to_write(path, append, true)? else {
            return Ok(false);
        };
        self.state.channels.insert(1, channel.clone());
        self.state.channels.insert(2, channel);
        Ok(true)
    }

    fn file(
        &mut self,
        descriptor: Option<i32>,
        kind: &IoFileRedirectKind,
        target: &IoFileRedirectTarget,
    ) -> Flow<bool> {
        let word = match target {
            IoFileRedirectTarget::Filename(word) | IoFileRedirectTarget::Duplicate(word) => {
                match self.one_name(&word.value)? {
                    Some(name) => name,
                    None => return Ok(false),
                }
            }
            IoFileRedirectTarget::Fd(number) => number.to_string(),
            IoFileRedirectTarget::ProcessSubstitution(kind, list) => {
                self.process_substitution(kind, list)?
            }
        };
        match kind {
            IoFileRedirectKind::Read => {
                let descriptor = descriptor.unwrap_or(0);
                match self.open_to_read(&word)? {
                    Ok(channel) => {
                        self.state.channels.insert(descriptor, channel);
                        Ok(true)
                    }
                    Err(error) => {
                        self.complain(&format!("{word}: {error}"))?;
                        Ok(false)
                    }
                }
            }
            IoFileRedirectKind::DuplicateInput => self.duplicate(descriptor.unwrap_or(0), &word),
            IoFileRedirectKind::DuplicateOutput => {
                let is_number = word == "-" || word.parse::<u8>().is_ok();
                match descriptor {
                    None if !is_number => self.both(&word, false),
                    _ => self.duplicate(descriptor.unwrap_or(1), &word),
                }
            }
            IoFileRedirectKind::ReadAndWrite => {
                let descriptor = descriptor.unwrap_or(0);
                let is_connection = word.starts_with("/dev/");
                if !is_connection {
                    let why = "`<>` is simulated for /dev/tcp, not for files";
                    return Err(Stop::Refused(why.to_owned()));
                }
                match self.open_to_write(&word, true, true)? {
                    Some(channel) => {
                        self.state.channels.insert(descriptor, channel);
                        Ok(true)
                    }
                    None => Ok(false),
                }
            }
            _ => {
                let append = matches!(kind, IoFileRedirectKind::Append);
                let force = matches!(kind, IoFileRedirectKind::Clobber);
                let opened = self.open_to_write(&word, append, append || force)?;
                let Some(channel) = opened else {
                    return Ok(false);
                };
                self.state.channels.insert(descriptor.unwrap_or(1), channel);
                Ok(true)
            }
        }
    }

    /// The name that a word stands for; nothing if it stands for none or several, which is said.
    fn one_name(&mut self, word: &str) -> Flow<Option<String>> {
        let mut names = self.words(std::iter::once(word))?;
        match (names.pop(), names.is_empty()) {
            (Some(name), true) => Ok(Some(name)),
            _ => {
                self.complain(&format!("{word}: ambiguous redirect"))?;
                Ok(None)
            }
        }
    }

    fn duplicate(&mut self, descriptor: i32, word: &str) -> Flow<bool> {
        if word == "-" {
            self.state.channels.remove(&descriptor);
            return Ok(true);
        }
        let number = word.trim_end_matches('-').parse::<i32>().ok();
        match number.and_then(|it| self.state.channels.get(&it).cloned()) {
            Some(channel) => {
                self.state.channels.insert(descriptor, channel);
                if let Some(moved) = number.filter(|_| word.ends_with('-')) {
                    self.state.channels.remove(&moved);
                }
                Ok(true)
            }
            None => {
                self.complain(&format!("{word}: Bad file descriptor"))?;
                Ok(false)
            }
        }
    }

    /// `/dev/stdout` and its like: a file descriptor that is there already.
    fn descriptor_of(&self, path: &str) -> Option<Option<Channel>> {
        let number = match path {
            "/dev/stdin" => 0,
            "/dev/stdout" => 1,
            "/dev/stderr" => 2,
            _ => path.strip_prefix("/dev/fd/")?.parse().ok()?,
        };
        Some(self.state.channels.get(&number).cloned())
    }

    fn open_to_read(&mut self, path: &str) -> Flow<Result<Channel, FileError>> {
        if path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/") {
            return self
                .connect(path)
                .map(|it| it.map(|()| Channel::Connection));
        }
        if !self.substituted.contains_key(path)
            && let Some(channel) = self.descriptor_of(path)
        {
            return Ok(channel.ok_or(FileError::NotFound));
        }
        Ok(match self.read_file(path)? {
            Ok(text) => Ok(self.file_input(text)),
            Err(error) => Err(error),
        })
    }

    /// The end of a file, emptied unless `append`; nothing if that has failed, which has been said.
    fn open_to_write(&mut self, path: &str, append: bool, force: bool) -> Flow<Option<Channel>> {
        if path == "/dev/null" {
            return Ok(Some(Channel::Null));
        }
        let opened = if path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/") {
            self.connect(path)?.map(|()| Channel::Connection)
        } else if let Some(channel) = self.descriptor_of(path) {
            channel.ok_or(FileError::NotFound)
        } else {
            let guarded = self.state.options.noclobber && !force;
            if guarded && matches!(self.stat(path)?, Some(Kind::File { .. })) {
                self.complain(&format!("{path}: cannot overwrite existing file"))?;
                return Ok(None);
            }
            let opened = self.write_file(path, "", append)?;
            opened.map(|()| Channel::File(self.absolute(path)))
        };
        match opened {
            Ok(channel) => Ok(Some(channel)),
            Err(error) => {
                self.complain(&format!("{path}: {error}"))?;
                Ok(None)
            }
        }
    }

    /// `/dev/tcp/HOST/PORT`: a connection that is opened, and closed again without a word.
    fn connect(&mut self, path: &str) -> Flow<Result<(), FileError>> {
        let mut parts = path.split('/').skip(2);
        let (kind, host, port) = (parts.next(), parts.next(), parts.next());
        let (Some("tcp"), Some(host), Some(port)) = (kind, host, port) else {
            let text = "datagrams by way of files are not simulated";
            return Ok(Err(FileError::Other(text.to_owned())));
        };
        let argv = ["nc", "-z", "-v", host, port].map(str::to_owned);
        let (pipe, mut status) = (self.new_pipe(None), None);
        self.subshell(|shell| {
            shell.state.channels.insert(1, Channel::Null);
            shell.state.channels.insert(2, Channel::Pipe(pipe));
            status = shell.run_on_machine(&argv)?;
            Ok(())
        })?;
        let said = self.take_pipe(pipe);
        if status == Some(0) {
            return Ok(Ok(()));
        }
        let why = said.lines().last().and_then(|it| it.rsplit_once(": "));
        let why = why.map_or("Connection refused", |it| it.1).to_owned();
        if said.contains("getaddrinfo") {
            self.complain(&format!("{host}: {why}"))?;
            return Ok(Err(FileError::Invalid));
        }
        let name = self.state.name.clone();
        self.error(&format!("{name}: connect: {why}\n"))?;
        Ok(Err(FileError::Other(why)))
    }

    /// `<(...)`: run at once; gives the name under which what it has printed is read.
    pub(super) fn process_substitution(
        &mut self,
        kind: &ProcessSubstitutionKind,
        command: &ast::SubshellCommand,
    ) -> Flow<String> {
        if matches!(kind, ProcessSubstitutionKind::Write) {
            return Err(Stop::Refused("`>(...)` is not simulated".to_owned()));
        }
        let text = self.captured(|shell| shell.list(&command.list))?;
        let name = format!("/dev/fd/{}", 63 - self.substituted.len() as i64);
        self.substituted.insert(name.clone(), text);
        Ok(name)
    }
}
