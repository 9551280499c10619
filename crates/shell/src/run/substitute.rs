//! `$(...)`: what commands print as a part of a word.

use brush_parser::ast;

use super::{Channel, Flow, Interpreter};

impl Interpreter<'_> {
    /// Runs something in a copy of this shell; gives what it prints on file descriptor 1.
    pub(crate) fn captured(&mut self, act: impl FnOnce(&mut Self) -> Flow<()>) -> Flow<String> {
        let pipe = self.new_pipe(None);
        self.subshell(|shell| {
            shell.state.channels.insert(1, Channel::Pipe(pipe));
            shell.state.level += 1;
            if !shell.state.is_sh {
                shell.state.options.errexit = false;
            }
            act(shell)
        })?;
        Ok(self.take_pipe(pipe))
    }

    /// `$(...)`, without the line ends at its end.
    pub(crate) fn substitute(&mut self, text: &str) -> Flow<String> {
        let base = self.state.line;
        let mut printed = self.captured(|shell| {
            shell.state.base = base;
            shell.state.tested = false;
            match shell.file_alone(text) {
                Some(word) => shell.print_file(&word),
                None => shell.text(text),
            }
        })?;
        self.substitution = Some(self.state.status);
        if printed.contains('\0') {
            self.complain("warning: command substitution: ignored null byte in input")?;
            printed.retain(|it| it != '\0');
        }
        printed.truncate(printed.trim_end_matches('\n').len());
        Ok(printed)
    }

    /// `$(< FILE)`: the word that names the file.
    fn file_alone(&mut self, text: &str) -> Option<String> {
        use ast::{CommandPrefixOrSuffixItem as Item, IoFileRedirectKind, IoFileRedirectTarget};
        if !text.trim_start().starts_with('<') {
            return None;
        }
        let program = self.programs.parse(text).ok()?;
        let [list] = &program.complete_commands[..] else {
            return None;
        };
        let [ast::CompoundListItem(and_or, _)] = &list.0[..] else {
            return None;
        };
        let [ast::Command::Simple(simple)] = &and_or.first.seq[..] else {
            return None;
        };
        let prefix = simple
            .prefix
            .as_ref()
            .filter(|_| simple.word_or_name.is_none())?;
        match &prefix.0[..] {
            [
                Item::IoRedirect(ast::IoRedirect::File(
                    None,
                    IoFileRedirectKind::Read,
                    IoFileRedirectTarget::Filename(word),
                )),
            ] if and_or.additional.is_empty() => Some(word.value.clone()),
            _ => None,
        }
    }

    fn print_file(&mut self, word: &str) -> Flow<()> {
        let path = self.one_word(word)?;
        match self.read_file(&path)? {
            Ok(text) => self.out(&text),
            Err(error) => {
                self.state.status = 1;
                self.complain(&format!("{path}: {error}"))
            }
        }
    }

    /// The status of the last substitution since this was asked.
    pub(crate) fn take_substituted(&mut self) -> Option<i32> {
        self.substitution.take()
    }
}
