//! Takes out of a failing script what is not needed for it to fail.

use crate::statement::{Script, Statement};

/// The smallest script that was found for which `fails` still holds, in at most `tries` tries.
///
/// Larger pieces are tried first, from the end: what came last is needed least often by the rest.
#[must_use]
pub fn shrink(script: &Script, tries: usize, fails: impl Fn(&Script) -> bool) -> Script {
    let mut best = script.clone();
    let mut left = tries;
    let mut piece = best.statements.len() / 2;
    while piece > 0 {
        let mut end = best.statements.len();
        while end > 0 && left > 0 {
            let start = end.saturating_sub(piece);
            let shorter = best.with(without(&best.statements, start, end));
            left -= 1;
            if fails(&shorter) {
                best = shorter;
            }
            end = start;
        }
        piece /= 2;
    }
    best
}

/// The statements outside `start..end`; the time that passed within still passes.
fn without(statements: &[Statement], start: usize, end: usize) -> Vec<Statement> {
    let mut kept = statements[..start].to_vec();
    let passed = statements[start..end]
        .iter()
        .map(|it| it.wait)
        .fold(wirelab_model::SimDuration::ZERO, |sum, wait| sum + wait);
    let mut rest = statements[end..].to_vec();
    if let Some(next) = rest.first_mut() {
        next.wait = next.wait + passed;
    }
    kept.extend(rest);
    kept
}
