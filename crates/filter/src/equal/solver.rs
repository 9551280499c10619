//! Circuits given to a SAT solver.

use std::cell::{Cell, RefCell};

use batsat::{Callbacks, ClauseKind, Lit, Solver, SolverInterface, SolverOpts, lbool};

use super::GaveUp;
use super::circuit::{Bit, Circuit, Node};

/// Counts what the solver has learnt, a clause a conflict: work that is the same on every machine.
#[derive(Debug)]
struct Counter {
    conflicts: u64,
    limit: u64,
    /// Decisions of the solver, each of which asks whether to stop.
    decisions: Cell<u64>,
}

/// The most decisions of the solver about one shape.
const MAX_DECISIONS: u64 = 1_000_000;

impl Callbacks for Counter {
    fn on_new_clause(&mut self, _: &[Lit], kind: ClauseKind) {
        self.conflicts += u64::from(kind == ClauseKind::Learnt);
    }

    fn stop(&self) -> bool {
        self.decisions.set(self.decisions.get() + 1);
        self.conflicts >= self.limit || self.decisions.get() > MAX_DECISIONS
    }
}

/// A solver for one circuit. Gates reach it when somebody asks about them.
pub(super) struct Sat {
    solver: Solver<Counter>,
    literals: Vec<Option<Lit>>,
    /// Values of nodes for the inputs found last, as far as they were looked at.
    known: RefCell<Vec<Option<Option<bool>>>>,
}

impl Sat {
    /// A solver that gives up after so many conflicts, all questions together.
    pub(super) fn new(limit: u64) -> Self {
        let counter = Counter {
            conflicts: 0,
            limit,
            decisions: Cell::new(0),
        };
        Self {
            solver: Solver::new(SolverOpts::default(), counter),
            literals: Vec::new(),
            known: RefCell::new(Vec::new()),
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
        self.known.borrow_mut().clear();
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
        let mut known = self.known.borrow_mut();
        known.resize(circuit.len(), None);
        self.node_value(circuit, bit, &mut known)
    }

    /// Gates are shared, so each is looked at once: a chain of carries has no end otherwise.
    fn node_value(
        &self,
        circuit: &Circuit,
        bit: Bit,
        known: &mut [Option<Option<bool>>],
    ) -> Option<bool> {
        let at = bit.node();
        let value = match (known[at], circuit.node(at)) {
            (Some(value), _) => value,
            (None, Node::Constant) => Some(false),
            (None, node) => match (self.found(at), node) {
                (None, Node::And(a, b)) => {
                    let a = self.node_value(circuit, a, known);
                    let b = self.node_value(circuit, b, known);
                    match (a, b) {
                        (Some(false), _) | (_, Some(false)) => Some(false),
                        (Some(true), Some(true)) => Some(true),
                        _ => None,
                    }
                }
                (found, _) => found,
            },
        };
        known[at] = Some(value);
        value.map(|value| value ^ bit.is_inverted())
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
