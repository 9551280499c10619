//! Questions and their answers, in order: those on record first, then the machine's.

use super::Stop;
use crate::question::{Answer, Machine, Question};

/// The record of a script, and the machine that goes on with it.
pub(crate) struct Tape<'m> {
    answers: &'m mut Vec<Answer>,
    pub(super) next: usize,
    /// How many answers there were at the beginning.
    pub(super) recorded: usize,
    machine: &'m mut dyn Machine,
    /// What nobody has answered yet.
    pub(crate) open: Option<Question>,
}

impl<'m> Tape<'m> {
    pub(crate) fn new(answers: &'m mut Vec<Answer>, machine: &'m mut dyn Machine) -> Self {
        Self {
            recorded: answers.len(),
            answers,
            next: 0,
            machine,
            open: None,
        }
    }

    pub(crate) fn ask(&mut self, question: Question) -> Result<Answer, Stop> {
        if self.next == self.answers.len() {
            match self.machine.ask(&question) {
                Some(answer) => self.answers.push(answer),
                None => {
                    self.open = Some(question);
                    return Err(Stop::Waits);
                }
            }
        }
        self.next += 1;
        Ok(self.answers[self.next - 1].clone())
    }
}
