//! Where awk prints: standard output, files, and commands that read it.

use super::run::Machine;
use super::{Expr, To};
use crate::run::{Flow, Interpreter, TextFrom};

impl Machine {
    pub(super) fn print(
        &mut self,
        shell: &mut Interpreter<'_>,
        text: String,
        to: Option<&(To, Expr)>,
    ) -> Flow<()> {
        let Some((to, place)) = to else {
            self.out += &text;
            return match self.out.len() > 4096 {
                true => self.flush(shell),
                false => Ok(()),
            };
        };
        let path = self.value(shell, place)?.text();
        if *to == To::Command {
            shell.written(text.len())?;
            match self.commands.iter_mut().find(|it| it.0 == path) {
                Some((_, before)) => before.push_str(&text),
                None => self.commands.push((path, text)),
            }
            return Ok(());
        }
        self.flush(shell)?;
        match path.as_str() {
            "/dev/stdout" | "-" => return shell.out(&text),
            "/dev/stderr" => return shell.error(&text),
            _ => {}
        }
        if !self.opened.contains(&path) {
            self.opened.push(path.clone());
            if *to == To::File
                && let Err(error) = shell.write_file(&path, "", false)?
            {
                return shell.error(&format!("awk: cannot open \"{path}\": {error}\n"));
            }
        }
        // What cannot be opened has been told.
        let _ = shell.write_file(&path, &text, true)?;
        Ok(())
    }

    /// Ends what has been opened under a name: a command is run now. Gives its status, or -1 if
    /// nothing has been.
    pub(super) fn close(&mut self, shell: &mut Interpreter<'_>, name: &str) -> Flow<f64> {
        self.flush(shell)?;
        if let Some(at) = self.commands.iter().position(|it| it.0 == name) {
            let (command, text) = self.commands.remove(at);
            return self.system(shell, &command, Some(text));
        }
        let before = self.opened.len();
        self.opened.retain(|it| it != name);
        Ok(if self.opened.len() < before {
            0.0
        } else {
            -1.0
        })
    }

    /// Writes what is left, and runs the commands that have been written to.
    pub(super) fn close_all(&mut self, shell: &mut Interpreter<'_>) -> Flow<()> {
        self.flush(shell)?;
        for (command, text) in std::mem::take(&mut self.commands) {
            self.system(shell, &command, Some(text))?;
        }
        Ok(())
    }

    /// Runs a command by `sh`, with a text to read.
    pub(super) fn system(
        &mut self,
        shell: &mut Interpreter<'_>,
        command: &str,
        text: Option<String>,
    ) -> Flow<f64> {
        self.flush(shell)?;
        let before = shell.state.channels.clone();
        if let Some(text) = text {
            let input = shell.new_input(text);
            shell.state.channels.insert(0, input);
        }
        let status = shell.nested("sh", command, &[], true, TextFrom::Command);
        shell.state.channels = before;
        Ok(f64::from(status?))
    }

    /// Writes what has been printed.
    pub(super) fn flush(&mut self, shell: &mut Interpreter<'_>) -> Flow<()> {
        let out = std::mem::take(&mut self.out);
        shell.out(&out)
    }
}
