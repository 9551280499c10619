//! Circuits given to a SAT solver.

use std::cell::Cell;

use batsat::{Callbacks, ClauseKind, Lit, Solver, SolverInterface, SolverOpts, lbool};

use super::GaveUp;
use super::circuit::{Bit, Circuit, Node};

/// Counts what the solver has learnt, a clause a conflict: work that is the same on every machine.
#[derive(Debug)]
struct Counter {
    conflicts: u64,
    limit: u64,
    was_stopped: Cell<bool>,
}

impl Callbacks for Counter {
    fn on_new_clause(&mut self, _: &[Lit], kind: ClauseKind) {
        self.conflicts += u64::from(kind == ClauseKind::Learnt);
    }

    fn stop(&self) -> bool {
        let stops = self.conflicts >= self.limit;
        self.was_stopped.set(stops);
        stops
    }
}

/// A solver for one circuit. Gates reach it when somebody asks about them.
pub(super) struct Sat {
    solver: Solver<Counter>,
    literals: Vec<Option<Lit>>,
}

impl Sat {
    /// A solver that gives up after so many conflicts, all questions together.
    pub(super) fn new(limit: u64) -> Self {
        let counter = Counter {
            conflicts: 0,
            limit,
            was_stopped: Cell::new(false),
        };
        Self {
            solver: Solver::new(SolverOpts::default(), counter),
            literals: Vec::new(),
        }
    }

    /// Conflicts so far.
    pub(super) fn conflicts(&self) -> u64 {
        self.solver.cb().conflicts
    }

    /// Demands that `bit` holds.
    pub(super) fn demand(&mut self, circuit: &Circuit, bit: Bit) {
        let literal = self.literal(circuit, bit);
        self.solver.add_clause_reuse(&mut vec![literal]);
    }

    /// Whether there are inputs for which all that was demanded holds, and the assumptions.
    pub(super) fn solve(&mut self, circuit: &Circuit, assumed: &[Bit]) -> Result<bool, GaveUp> {
        let assumed: Vec<Lit> = assumed
            .iter()
            .map(|it| self.literal(circuit, *it))
            .collect();
        let answer = self.solver.solve_limited(&assumed);
        if answer == lbool::TRUE {
            Ok(true)
        } else if answer == lbool::FALSE {
            Ok(false)
        } else {
            Err(GaveUp::Work)
        }
    }

    /// Whether there are inputs for which also `rules` hold. Rules are demanded when what was found
    /// breaks them, so that a proof is not burdened with those that it does not need; what was
    /// demanded is gone from `rules`.
    pub(super) fn solve_within(
        &mut self,
        circuit: &Circuit,
        rules: &mut Vec<Bit>,
        assumed: &[Bit],
    ) -> Result<bool, GaveUp> {
        while self.solve(circuit, assumed)? {
            let is_broken = |rule: &Bit| self.value(circuit, *rule) == Some(false);
            let (broken, rest): (Vec<Bit>, Vec<Bit>) = rules.iter().partition(|it| is_broken(it));
            let demanded = if broken.is_empty() {
                rules.clone()
            } else {
                broken
            };
            if demanded.is_empty() {
                return Ok(true);
            }
            *rules = if demanded.len() == rules.len() {
                Vec::new()
            } else {
                rest
            };
            for rule in demanded {
                self.demand(circuit, rule);
            }
        }
        Ok(false)
    }

    /// The value of a bit for the inputs found last; `None` if it depends on some that nobody has
    /// asked about.
    pub(super) fn value(&self, circuit: &Circuit, bit: Bit) -> Option<bool> {
        let value = match circuit.node(bit.node()) {
            Node::Constant => false,
            node => match (self.found(bit.node()), node) {
                (Some(value), _) => value,
                (None, Node::And(a, b)) => match self.value(circuit, a) {
                    Some(false) => false,
                    Some(true) => self.value(circuit, b)?,
                    None if self.value(circuit, b)? => return None,
                    None => false,
                },
                (None, _) => return None,
            },
        };
        Some(value ^ bit.is_inverted())
    }

    /// The value that the solver found for a node that it has.
    fn found(&self, node: usize) -> Option<bool> {
        let literal = (*self.literals.get(node)?)?;
        let value = self.solver.value_lit(literal);
        (value != lbool::UNDEF).then_some(value == lbool::TRUE)
    }

    fn literal(&mut self, circuit: &Circuit, bit: Bit) -> Lit {
        self.literals.resize(circuit.len(), None);
        let mut open = vec![bit.node()];
        while let Some(at) = open.pop() {
            if self.literals[at].is_some() {
                continue;
            }
            let node = circuit.node(at);
            if let Node::And(a, b) = node {
                let missing = [a.node(), b.node()].into_iter();
                let missing = missing.filter(|it| self.literals[*it].is_none());
                let missing: Vec<usize> = missing.collect();
                if !missing.is_empty() {
                    open.push(at);
                    open.extend(missing);
                    continue;
                }
            }
            let literal = Lit::new(self.solver.new_var_default(), true);
            self.literals[at] = Some(literal);
            match node {
                Node::Constant => self.clause(&[!literal]),
                Node::Input => {}
                Node::And(a, b) => {
                    let (a, b) = (self.signed(a), self.signed(b));
                    self.clause(&[!literal, a]);
                    self.clause(&[!literal, b]);
                    self.clause(&[literal, !a, !b]);
                }
            }
        }
        self.signed(bit)
    }

    /// The literal of a bit whose node has one.
    fn signed(&self, bit: Bit) -> Lit {
        let literal = self.literals[bit.node()].expect("gates reach the solver after their inputs");
        if bit.is_inverted() { !literal } else { literal }
    }

    fn clause(&mut self, literals: &[Lit]) {
        self.solver.add_clause_reuse(&mut literals.to_vec());
    }
}
