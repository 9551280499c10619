//! A program run over all frames of a shape at once.
//!
//! Programs jump forward only, so one pass over the instructions is enough. Each instruction has
//! the condition under which it is reached, and the registers there; where two ways meet, the
//! registers are chosen by that condition. The result is the condition under which the program
//! keeps the frame.

use std::collections::BTreeMap;

use super::GaveUp;
use super::circuit::{Bit, Word, known, widened, word};
use super::frame::Frame;
use crate::machine::{
    ABS, ALU, BYTE, CLASS, HALF, IMM, IND, Instruction, JMP, LD, LDX, LEN, MEM, MEMORY, MODE, MSH,
    OPERATION, RET, RETURN_A, SIZE, SOURCE_X, ST, STX, TXA,
};

/// The most unknown bits of an index: each doubles the places that may be read.
const MAX_INDEX_BITS: usize = 8;

/// The most gates that one shape may take.
const MAX_GATES: usize = 500_000;

/// What is true where an instruction is reached.
#[derive(Clone, Debug)]
struct State {
    reached: Bit,
    a: Word,
    x: Word,
    memory: BTreeMap<u32, Word>,
}

impl State {
    fn memory(&self, at: u32) -> Word {
        self.memory.get(&at).copied().unwrap_or_else(|| word(0))
    }
}

/// The condition under which the program keeps the frame.
pub(super) fn execute(frame: &mut Frame, program: &[Instruction]) -> Result<Bit, GaveUp> {
    let mut run = Run {
        frame,
        waiting: vec![None; program.len()],
        kept: Bit::FALSE,
    };
    let start = State {
        reached: Bit::TRUE,
        a: word(0),
        x: word(0),
        memory: BTreeMap::new(),
    };
    run.go_to(0, start)?;
    for (at, instruction) in program.iter().enumerate() {
        if let Some(state) = run.waiting[at].take() {
            run.step(at, *instruction, state)?;
        }
        if run.frame.circuit.len() > MAX_GATES {
            return Err(GaveUp::Work);
        }
    }
    Ok(run.kept)
}

struct Run<'a> {
    frame: &'a mut Frame,
    /// The state in front of each instruction.
    waiting: Vec<Option<State>>,
    kept: Bit,
}

impl Run<'_> {
    fn step(&mut self, at: usize, it: Instruction, mut state: State) -> Result<(), GaveUp> {
        match it.code & CLASS {
            LD => state.a = self.load(it, &mut state)?,
            LDX => state.x = self.load_index(it, &mut state)?,
            ST | STX if it.k as usize >= MEMORY => return Ok(()),
            ST => drop(state.memory.insert(it.k, state.a)),
            STX => drop(state.memory.insert(it.k, state.x)),
            ALU => state.a = self.arithmetic(it, &mut state)?,
            JMP => return self.jump(at, it, state),
            RET if it.code & RETURN_A != 0 => {
                let keeps = self.frame.circuit.any(state.a);
                let keeps = self.frame.circuit.and(state.reached, keeps);
                self.kept = self.frame.circuit.or(self.kept, keeps);
                return Ok(());
            }
            RET => {
                if it.k != 0 {
                    self.kept = self.frame.circuit.or(self.kept, state.reached);
                }
                return Ok(());
            }
            _ if it.code & TXA != 0 => state.a = state.x,
            _ => state.x = state.a,
        }
        self.go_to(at + 1, state)
    }

    /// Brings a state to an instruction further on. Behind the end the frame is dropped.
    fn go_to(&mut self, at: usize, state: State) -> Result<(), GaveUp> {
        let Some(waiting) = self.waiting.get_mut(at) else {
            return Ok(());
        };
        if state.reached == Bit::FALSE {
            return Ok(());
        }
        let circuit = &mut self.frame.circuit;
        *waiting = Some(match waiting.take() {
            None => state,
            Some(there) => {
                let from = state.reached;
                let places = there.memory.keys().chain(state.memory.keys()).copied();
                let places: Vec<u32> = places.collect();
                let memory = places.into_iter().map(|place| {
                    let (new, old) = (state.memory(place), there.memory(place));
                    (place, circuit.choose_word(from, &new, &old))
                });
                let memory = memory.collect();
                State {
                    reached: circuit.or(from, there.reached),
                    a: circuit.choose_word(from, &state.a, &there.a),
                    x: circuit.choose_word(from, &state.x, &there.x),
                    memory,
                }
            }
        });
        Ok(())
    }

    fn jump(&mut self, at: usize, it: Instruction, state: State) -> Result<(), GaveUp> {
        let operand = if it.code & SOURCE_X == 0 {
            word(it.k)
        } else {
            state.x
        };
        let circuit = &mut self.frame.circuit;
        let holds = match it.code & OPERATION {
            0x00 => {
                // Only `protochain` makes loops: a jump backwards wraps around.
                let to = (at + 1)
                    .checked_add(it.k as usize)
                    .filter(|to| *to < self.waiting.len());
                return self.go_to(to.ok_or(GaveUp::Loop)?, state);
            }
            0x10 => circuit.equal(&state.a, &operand),
            0x20 => circuit.less(&operand, &state.a),
            0x30 => circuit.less(&state.a, &operand).not(),
            0x40 => {
                let common: Vec<Bit> = (0..32)
                    .map(|bit| circuit.and(state.a[bit], operand[bit]))
                    .collect();
                circuit.any(common)
            }
            _ => return Ok(()),
        };
        let yes = circuit.and(state.reached, holds);
        let no = circuit.and(state.reached, holds.not());
        let other = State {
            reached: no,
            ..state.clone()
        };
        self.go_to(
            at + 1 + usize::from(it.jt),
            State {
                reached: yes,
                ..state
            },
        )?;
        self.go_to(at + 1 + usize::from(it.jf), other)
    }

    fn load(&mut self, it: Instruction, state: &mut State) -> Result<Word, GaveUp> {
        let size = match it.code & SIZE {
            BYTE => 1,
            HALF => 2,
            _ => 4,
        };
        match it.code & MODE {
            IMM => Ok(word(it.k)),
            ABS => Ok(self.packet(it.k, size, state)),
            IND => self.indexed(it.k, size, state),
            MEM => Ok(state.memory(it.k)),
            LEN => Ok(self.frame.len),
            _ => Ok(self.drop_all(state)),
        }
    }

    fn load_index(&mut self, it: Instruction, state: &mut State) -> Result<Word, GaveUp> {
        match it.code & MODE {
            IMM => Ok(word(it.k)),
            MEM => Ok(state.memory(it.k)),
            LEN => Ok(self.frame.len),
            MSH => {
                let octet = self.packet(it.k, 1, state);
                Ok(widened(
                    [Bit::FALSE; 2].into_iter().chain(octet.into_iter().take(4)),
                ))
            }
            _ => Ok(self.drop_all(state)),
        }
    }

    /// What BPF does not have rejects the frame.
    fn drop_all(&mut self, state: &mut State) -> Word {
        state.reached = Bit::FALSE;
        word(0)
    }

    /// Reads the frame; goes on only where it reaches that far.
    fn packet(&mut self, at: u32, size: u32, state: &mut State) -> Word {
        let Some(end) = at.checked_add(size) else {
            return self.drop_all(state);
        };
        let reaches = self.frame.reaches(end);
        state.reached = self.frame.circuit.and(state.reached, reaches);
        if state.reached == Bit::FALSE {
            return word(0);
        }
        self.frame.number(at, size)
    }

    /// Reads at `x + k`: at each place where that may be.
    fn indexed(&mut self, k: u32, size: u32, state: &mut State) -> Result<Word, GaveUp> {
        let unknown: Vec<usize> = (0..32)
            .filter(|bit| state.x[*bit].known().is_none())
            .collect();
        if unknown.len() > MAX_INDEX_BITS {
            return Err(GaveUp::Index);
        }
        let (mut value, mut reaches) = (word(0), Bit::FALSE);
        for choice in 0..1_u32 << unknown.len() {
            let mut x = state.x;
            for (place, bit) in unknown.iter().enumerate() {
                x[*bit] = Bit::of(choice >> place & 1 == 1);
            }
            let end = known(&x)
                .and_then(|x| x.checked_add(k))
                .and_then(|at| at.checked_add(size));
            let Some(end) = end else {
                continue;
            };
            let matching = unknown.iter().map(|bit| {
                if x[*bit] == Bit::TRUE {
                    state.x[*bit]
                } else {
                    state.x[*bit].not()
                }
            });
            let here = self.frame.circuit.all(matching);
            let there = self.frame.reaches(end);
            let here = self.frame.circuit.and(here, there);
            if here == Bit::FALSE {
                continue;
            }
            let read = self.frame.number(end - size, size);
            reaches = self.frame.circuit.or(reaches, here);
            value = self.frame.circuit.choose_word(here, &read, &value);
        }
        state.reached = self.frame.circuit.and(state.reached, reaches);
        Ok(value)
    }

    fn arithmetic(&mut self, it: Instruction, state: &mut State) -> Result<Word, GaveUp> {
        let a = state.a;
        let b = if it.code & SOURCE_X == 0 {
            word(it.k)
        } else {
            state.x
        };
        let circuit = &mut self.frame.circuit;
        let bitwise = |make: &mut dyn FnMut(Bit, Bit) -> Bit| -> Word {
            std::array::from_fn(|bit| make(a[bit], b[bit]))
        };
        Ok(match it.code & OPERATION {
            0x00 => circuit.add(&a, &b),
            0x10 => circuit.subtract(&a, &b),
            0x20 => circuit.multiply(&a, &b),
            0x30 | 0x90 => {
                let is_zero = circuit.any(b).not();
                state.reached = circuit.and(state.reached, is_zero.not());
                let (quotient, rest) = circuit.divide(&a, &b);
                if it.code & OPERATION == 0x30 {
                    quotient
                } else {
                    rest
                }
            }
            0x40 => bitwise(&mut |a, b| circuit.or(a, b)),
            0x50 => bitwise(&mut |a, b| circuit.and(a, b)),
            0x60 => circuit.shift(&a, &b, true),
            0x70 => circuit.shift(&a, &b, false),
            0x80 => circuit.subtract(&word(0), &a),
            0xa0 => bitwise(&mut |a, b| circuit.xor(a, b)),
            _ => self.drop_all(state),
        })
    }
}
