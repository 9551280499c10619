//! Where a script is taken up again.
//!
//! A script that has waited would be run from its beginning, with the answers that are on record.
//! So that one that asks a thousand questions is not run a thousand times, its place is kept at
//! each command of its outermost list, and at each turn of a loop there. A checkpoint saves work
//! and changes nothing: without it, as in another process, the same is done from the beginning,
//! and the same work is counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use brush_parser::ast::{self, Command, CompoundCommand};
use wirelab_model::SimTime;

use super::channel::{Input, Pipe};
use super::{Flow, Interpreter, State};
use crate::question::Stream;

/// A command of the outermost list: of which complete command, and which of it.
type Place = (usize, usize);

/// Where a loop is.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// The values of a `for`, and the one that is next.
    Each(Arc<Vec<String>>, usize),
    /// The status of the turn before.
    While(i32),
    /// `for ((...))`, after its initializer.
    Count,
}

/// A loop of the outermost list.
#[derive(Clone, Debug)]
pub(super) struct Top {
    place: Place,
    pub(super) turn: Option<Turn>,
}

/// Everything that a script is at a moment.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    place: Place,
    turn: Option<Turn>,
    state: State,
    answers: usize,
    steps: u64,
    octets: usize,
    now: SimTime,
    random: u32,
    /// Parts that have been printed, and the length of the last.
    printed: (usize, usize),
    /// How far each input has been read.
    inputs: Vec<usize>,
    pipes: usize,
    substituted: BTreeMap<String, String>,
}

/// What is kept of a script while it waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    checkpoint: Option<Box<Checkpoint>>,
    printed: Vec<(Stream, String)>,
    inputs: Vec<Input>,
    pipes: Vec<Pipe>,
}

impl Interpreter<'_> {
    /// Takes up what is known of the script.
    pub(crate) fn remember(&mut self, memory: Memory) {
        let Some(kept) = &memory.checkpoint else {
            return;
        };
        self.state = kept.state.clone();
        self.tape.next = kept.answers;
        self.steps = kept.steps;
        self.counted_from = kept.steps;
        self.octets = kept.octets;
        self.now = kept.now;
        self.random = kept.random;
        self.substituted.clone_from(&kept.substituted);
        self.printed = memory.printed;
        self.printed.truncate(kept.printed.0);
        if let Some((_, last)) = self.printed.last_mut() {
            last.truncate(kept.printed.1);
        }
        self.inputs = memory.inputs;
        self.inputs.truncate(kept.inputs.len());
        for (input, at) in self.inputs.iter_mut().zip(&kept.inputs) {
            input.at = *at;
        }
        self.pipes = memory.pipes;
        self.pipes.truncate(kept.pipes);
        self.checkpoint = memory.checkpoint;
    }

    /// What is to be known of the script when it goes on.
    pub(crate) fn memory(&mut self) -> Memory {
        Memory {
            checkpoint: self.checkpoint.take(),
            printed: std::mem::take(&mut self.printed),
            inputs: std::mem::take(&mut self.inputs),
            pipes: std::mem::take(&mut self.pipes),
        }
    }

    /// Keeps the place, if something has been asked since the last one was kept.
    fn mark(&mut self, place: Place, turn: Option<Turn>) {
        let before = self.checkpoint.as_ref().map_or(0, |it| it.answers);
        if self.tape.next == before {
            return;
        }
        // A script without memory comes by here too, and counts from here as one with it.
        if self.tape.next < self.tape.recorded {
            self.counted_from = self.steps;
        }
        self.checkpoint = Some(Box::new(Checkpoint {
            place,
            turn,
            state: self.state.clone(),
            answers: self.tape.next,
            steps: self.steps,
            octets: self.octets,
            now: self.now,
            random: self.random,
            printed: (
                self.printed.len(),
                self.printed.last().map_or(0, |it| it.1.len()),
            ),
            inputs: self.inputs.iter().map(|it| it.at).collect(),
            pipes: self.pipes.len(),
            substituted: self.substituted.clone(),
        }));
    }

    pub(super) fn mark_turn(&mut self, top: Option<&Top>, turn: impl FnOnce() -> Turn) {
        if let Some(top) = top {
            self.mark(top.place, Some(turn()));
        }
    }

    /// Runs the outermost list, from where it was left.
    pub(super) fn outermost(&mut self, program: &ast::Program) -> Flow<()> {
        let kept = self
            .checkpoint
            .as_ref()
            .map(|it| (it.place, it.turn.clone()));
        let (from, mut turn) = kept.unwrap_or(((0, 0), None));
        for (at, list) in program.complete_commands.iter().enumerate().skip(from.0) {
            let first = if at == from.0 { from.1 } else { 0 };
            for (item, ast::CompoundListItem(and_or, _)) in list.0.iter().enumerate().skip(first) {
                let place = (at, item);
                let turn = turn.take();
                if turn.is_none() {
                    self.mark(place, None);
                }
                self.deeper(|shell| match plain_loop(and_or) {
                    Some(compound) => {
                        let top = Top { place, turn };
                        shell.top_loop(compound, top)
                    }
                    None => shell.and_or(and_or),
                })?;
            }
        }
        Ok(())
    }

    fn top_loop(&mut self, compound: &CompoundCommand, top: Top) -> Flow<()> {
        self.step(0)?;
        let top = Some(top);
        match compound {
            CompoundCommand::WhileClause(it) => self.repeat(&it.0, &it.1.list, true, top)?,
            CompoundCommand::UntilClause(it) => self.repeat(&it.0, &it.1.list, false, top)?,
            CompoundCommand::ForClause(it) => self.each(it, top)?,
            CompoundCommand::ArithmeticForClause(it) => self.count(it, top)?,
            _ => {}
        }
        self.set_pipe_status(&[self.state.status]);
        Ok(())
    }
}

/// A loop that stands by itself, if it is one.
fn plain_loop(and_or: &ast::AndOrList) -> Option<&CompoundCommand> {
    let pipeline = &and_or.first;
    let alone = and_or.additional.is_empty() && !pipeline.bang && pipeline.timed.is_none();
    let [Command::Compound(compound, None)] = &pipeline.seq[..] else {
        return None;
    };
    let is_loop = matches!(
        compound,
        CompoundCommand::WhileClause(_)
            | CompoundCommand::UntilClause(_)
            | CompoundCommand::ForClause(_)
            | CompoundCommand::ArithmeticForClause(_)
    );
    (alone && is_loop).then_some(compound)
}
