//! Which clause of a filter is at fault.
//!
//! A clause is at fault alone if some other condition in its place would make the filter right:
//! if there is no packet on which the filter is wrong with the clause taken for true and wrong with
//! the clause taken for false. That is a question to the solver as any other. Where two clauses
//! could each be mended that way, as in `a and b` for `c`, nothing is said.

use super::circuit::Bit;
use super::execute::execute;
use super::frame::Frame;
use super::shape::Shape;
use super::solver::Sat;
use super::{Fault, GaveUp, MAX_CONFLICTS, Pair};
use crate::clause::{Node, Skeleton};
use crate::filter::Filter;
use crate::machine;

/// More clauses are not looked at one by one.
const MAX_CLAUSES: usize = 16;

/// The only clause that is at fault alone.
pub(super) fn fault(filter: &Filter, pair: &Pair<'_>, found: &[u8]) -> Option<Fault> {
    let skeleton = Skeleton::of(filter.expression())?;
    if !(2..=MAX_CLAUSES).contains(&skeleton.clauses.len()) {
        return None;
    }
    let compiled = skeleton.clauses.iter().map(|clause| {
        let whole = Filter::compile(&clause.whole, filter.link());
        whole.ok()
    });
    let clauses: Vec<Filter> = compiled.collect::<Option<_>>()?;
    let mut suspects = suspects_by(found, &skeleton, &clauses, pair);
    for shape in Shape::all(pair.domain) {
        acquit(&shape, pair, &skeleton, &clauses, &mut suspects).ok()?;
        if !suspects.contains(&true) {
            return None;
        }
    }
    let mut at_fault = (0..clauses.len()).filter(|at| suspects[*at]);
    let (only, None) = (at_fault.next()?, at_fault.next()) else {
        return None;
    };
    let clause = &skeleton.clauses[only];
    Some(Fault {
        clause: clause.written.clone(),
        span: clause.span.clone(),
    })
}

/// The clauses that may be at fault, as far as one packet can tell on which the filter is wrong:
/// with another value of the clause it is right.
fn suspects_by(
    packet: &[u8],
    skeleton: &Skeleton,
    clauses: &[Filter],
    pair: &Pair<'_>,
) -> Vec<bool> {
    let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
    let keeps = |program| machine::run(&machine::steps(program), packet, len);
    let wanted = keeps(pair.wanted).is_some_and(|kept| kept != 0);
    let mut values: Vec<bool> = clauses.iter().map(|it| it.matches(packet, len)).collect();
    let other = (0..values.len()).map(|at| {
        values[at] = !values[at];
        let is_right = skeleton.root.value(&values) == wanted;
        values[at] = !values[at];
        is_right
    });
    other.collect()
}

/// Strikes out the clauses with which alone nothing would be mended, on the frames of a shape.
fn acquit(
    shape: &Shape,
    pair: &Pair<'_>,
    skeleton: &Skeleton,
    clauses: &[Filter],
    suspects: &mut [bool],
) -> Result<(), GaveUp> {
    let mut frame = shape.frame();
    let wanted = execute(&mut frame, pair.wanted)?;
    let yours = execute(&mut frame, pair.yours)?;
    let mut values = Vec::new();
    for clause in clauses {
        values.push(execute(&mut frame, clause.program())?);
    }
    let joined = value(&mut frame, &skeleton.root, &values);
    // Joined from its clauses, the filter must be what it is as a whole.
    let mut wrong = vec![frame.circuit.xor(joined, yours)];
    for at in 0..values.len() {
        let mut both = Bit::TRUE;
        for taken in [Bit::TRUE, Bit::FALSE] {
            let before = std::mem::replace(&mut values[at], taken);
            let answer = value(&mut frame, &skeleton.root, &values);
            values[at] = before;
            let is_wrong = frame.circuit.xor(answer, wanted);
            both = frame.circuit.and(both, is_wrong);
        }
        wrong.push(both);
    }
    let (mut sat, mut rules) = (Sat::new(MAX_CONFLICTS), None);
    for (at, wrong) in wrong.into_iter().enumerate() {
        let wrong = pair.in_scope(&mut frame, wrong)?;
        if wrong == Bit::FALSE || at > 0 && !suspects[at - 1] {
            continue;
        }
        if !sat.solve(&frame.circuit, &[wrong])? {
            continue;
        }
        let rules = rules.get_or_insert_with(|| shape.rules(&mut frame, pair.domain));
        if !sat.solve_within(&frame.circuit, rules, &[wrong])? {
            continue;
        }
        match at {
            0 => suspects.fill(false),
            _ => suspects[at - 1] = false,
        }
    }
    Ok(())
}

/// The value of an expression, given those of its clauses.
fn value(frame: &mut Frame, node: &Node, clauses: &[Bit]) -> Bit {
    match node {
        Node::Clause(at) => clauses[*at],
        Node::Not(inner) => value(frame, inner, clauses).not(),
        Node::And(left, right) | Node::Or(left, right) => {
            let (a, b) = (value(frame, left, clauses), value(frame, right, clauses));
            match node {
                Node::And(..) => frame.circuit.and(a, b),
                _ => frame.circuit.or(a, b),
            }
        }
    }
}
