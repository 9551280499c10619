//! Mistakes of omission: a condition, a command, a clause, a key, an element of a list.

use super::Made;
use super::text::Kind;

/// What begins a clause of SQL, or ends the one before it.
const SQL: [&str; 9] = [
    "select", "from", "where", "group", "having", "order", "limit", "union", ";",
];

/// Commands of Insights whose absence shows; `fields` and `display` only choose columns, and
/// further columns do no harm.
const COMMANDS: [&str; 6] = ["filter", "stats", "dedup", "limit", "parse", "sort"];

pub(super) fn mutate(made: &mut Made<'_>) {
    conditions(made);
    elements(made);
    keys(made);
    commands(made);
    clauses(made);
}

/// Where the condition that begins after `index` ends: at the next command or clause.
fn condition_end(made: &Made<'_>, index: usize) -> usize {
    let depth = made.tokens[index].depth;
    let ends = |at: &usize| {
        let token = &made.tokens[*at];
        token.depth < depth
            || (token.depth == depth && (token.is("|") || SQL.iter().any(|word| token.is(word))))
    };
    let mut rest = index + 1..made.tokens.len();
    rest.find(ends).unwrap_or(made.tokens.len())
}

/// Each of several conditions that `and` or `or` joins, left out with its connective.
fn conditions(made: &mut Made<'_>) {
    for index in 0..made.tokens.len() {
        let token = &made.tokens[index];
        let begins = ["filter", "where", "having", "on"]
            .iter()
            .any(|it| token.is(it));
        if begins {
            joined(made, index + 1, condition_end(made, index));
        }
    }
}

fn joined(made: &mut Made<'_>, from: usize, to: usize) {
    let Some(depth) = made.tokens.get(from).map(|token| token.depth) else {
        return;
    };
    // Connectives at this depth; that of `between X and Y` joins nothing.
    let mut connectives = Vec::new();
    let mut between = false;
    for at in from..to {
        let token = &made.tokens[at];
        if token.depth != depth {
            continue;
        }
        if token.is("between") {
            between = true;
        } else if token.is("and") && between {
            between = false;
        } else if token.is("and") || token.is("or") {
            connectives.push(at);
        }
    }
    let mut bounds = vec![from];
    bounds.extend(connectives.iter().map(|at| at + 1));
    for (number, start) in bounds.iter().enumerate() {
        let end = connectives.get(number).copied().unwrap_or(to);
        if !connectives.is_empty() && end > *start {
            let name = made.nth("condition");
            let octets = match number {
                // The first goes with the connective behind it, the others with that before them.
                0 => (made.tokens[*start].start, made.tokens[end + 1].start),
                _ => (made.tokens[start - 2].end(), made.tokens[end - 1].end()),
            };
            made.replace(format!("without {name}"), octets, "");
        }
        inner(made, *start, end);
    }
}

/// Conditions in brackets, `not (..)` among them; what a function is given is none.
fn inner(made: &mut Made<'_>, from: usize, to: usize) {
    let mut at = from;
    while at < to && made.is(at, "not") {
        at += 1;
    }
    if made.is(at, "(") && to > at + 2 && made.is(to - 1, ")") {
        joined(made, at + 1, to - 1);
    }
}

/// Each element of a list of several: `in [2, 18]`, `IN ('a', 'b')`.
fn elements(made: &mut Made<'_>) {
    for index in 0..made.tokens.len() {
        let opens = made.is(index + 1, "[") || made.is(index + 1, "(");
        if !made.is(index, "in") || !opens {
            continue;
        }
        let depth = made.tokens[index + 1].depth;
        let rest = index + 2..made.tokens.len();
        let Some(close) = rest.clone().find(|at| made.tokens[*at].depth == depth) else {
            continue;
        };
        if made.is(index + 2, "select") {
            continue;
        }
        without_each(made, "element", index + 2, close);
    }
}

/// Each key of several after `by`.
fn keys(made: &mut Made<'_>) {
    for index in 0..made.tokens.len() {
        let sorts = index > 0 && (made.is(index - 1, "order") || made.is(index - 1, "group"));
        if made.is(index, "by") && !sorts {
            without_each(made, "key", index + 1, condition_end(made, index));
        }
    }
}

fn without_each(made: &mut Made<'_>, what: &str, from: usize, to: usize) {
    let Some(depth) = made.tokens.get(from).map(|token| token.depth) else {
        return;
    };
    let commas: Vec<usize> = (from..to)
        .filter(|at| made.tokens[*at].depth == depth && made.is(*at, ","))
        .collect();
    if commas.is_empty() {
        return;
    }
    for number in 0..=commas.len() {
        let name = made.nth(what);
        let octets = match number {
            0 => (made.tokens[from].start, made.tokens[commas[0] + 1].start),
            _ => {
                let end = commas.get(number).copied().unwrap_or(to);
                let before = &made.tokens[commas[number - 1]];
                (before.start, made.tokens[end - 1].end())
            }
        };
        made.replace(format!("without {name}"), octets, "");
    }
}

/// Each command of an Insights query but those that only choose columns; `sort` if order counts.
fn commands(made: &mut Made<'_>) {
    let is_sql = made
        .tokens
        .first()
        .is_some_and(|it| it.is("select") || it.is("with"));
    if is_sql {
        return;
    }
    let pipes: Vec<usize> = (0..made.tokens.len())
        .filter(|at| made.tokens[*at].depth == 0 && made.is(*at, "|"))
        .collect();
    let mut starts = vec![0];
    starts.extend(pipes.iter().map(|at| at + 1));
    let ordered = made.counts.order || made.tokens.iter().any(|it| it.is("limit"));
    for (number, start) in starts.iter().enumerate() {
        let Some(token) = made.tokens.get(*start) else {
            continue;
        };
        let command = token.text.to_ascii_lowercase();
        if !COMMANDS.contains(&command.as_str()) || (command == "sort" && !ordered) {
            continue;
        }
        let name = made.nth(&command);
        let octets = match (number, pipes.get(number)) {
            (0, Some(pipe)) => (token.start, made.tokens[pipe + 1].start),
            (0, None) => continue,
            (_, Some(pipe)) => (made.tokens[start - 1].start, made.tokens[*pipe].start),
            (_, None) => (made.tokens[start - 1].start, made.query.len()),
        };
        made.replace(format!("without {name}"), octets, "");
    }
}

/// WHERE, HAVING and LIMIT as a whole; ORDER BY if order counts.
fn clauses(made: &mut Made<'_>) {
    for index in 0..made.tokens.len() {
        let token = &made.tokens[index];
        let clause = ["where", "having", "limit", "order"];
        let Some(clause) = clause.iter().find(|word| token.is(word)) else {
            continue;
        };
        let in_insights = made
            .tokens
            .first()
            .is_none_or(|it| !it.is("select") && !it.is("with"));
        let ordered = made.counts.order || made.tokens.iter().any(|it| it.is("limit"));
        if in_insights || token.kind != Kind::Word || (*clause == "order" && !ordered) {
            continue;
        }
        let end = condition_end(made, index);
        let start = token.start;
        let stop = made
            .tokens
            .get(end)
            .map_or(made.query.len(), |next| next.start);
        let name = made.nth(&clause.to_ascii_uppercase());
        made.replace(format!("without {name}"), (start, stop), "");
    }
}
