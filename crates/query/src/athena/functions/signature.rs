//! Finding the overload that a call means.

use std::collections::BTreeMap;

use super::Function;
use crate::athena::types::Type;

/// A type in a signature.
#[derive(Clone, Debug, PartialEq)]
enum Pattern {
    Exact(Type),
    Variable(char),
    Array(Box<Self>),
    Map(Box<Self>, Box<Self>),
    Row(Vec<Self>),
    Lambda(Vec<Self>, Box<Self>),
}

/// What an argument of a call is, as far as it is known before lambdas are.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::athena) enum Argument {
    Value(Type),
    /// A lambda of so many parameters.
    Lambda(usize),
}

/// What a lambda's body gives, once its parameters' types are known.
pub(in crate::athena) type LambdaType<'l, E> = dyn FnMut(usize, &[Type]) -> Result<Type, E> + 'l;

/// The overload of a call and its types.
pub(in crate::athena) struct Resolved {
    pub(in crate::athena) function: &'static Function,
    /// Of the arguments after coercion; `Unknown` where a lambda stands.
    pub(in crate::athena) args: Vec<Type>,
    pub(in crate::athena) returns: Type,
}

type Bound = BTreeMap<char, Type>;

/// The first overload that fits exactly, else the first that fits after coercion.
pub(in crate::athena) fn resolve<E>(
    overloads: &[&'static Function],
    args: &[Argument],
    lambda: &mut LambdaType<'_, E>,
) -> Result<Option<Resolved>, E> {
    for exact in [true, false] {
        for function in overloads {
            if let Some(resolved) = fit(function, args, exact, lambda)? {
                return Ok(Some(resolved));
            }
        }
    }
    Ok(None)
}

fn fit<E>(
    function: &'static Function,
    args: &[Argument],
    exact: bool,
    lambda: &mut LambdaType<'_, E>,
) -> Result<Option<Resolved>, E> {
    let Some((patterns, returns)) = patterns(function.signature, args.len()) else {
        return Ok(None);
    };
    let mut bound = Bound::new();
    for (pattern, arg) in patterns.iter().zip(args) {
        let fits = match (pattern, arg) {
            (Pattern::Lambda(parameters, _), Argument::Lambda(n)) => parameters.len() == *n,
            (Pattern::Lambda(..), _) | (_, Argument::Lambda(_)) => false,
            (pattern, Argument::Value(ty)) => bind(pattern, ty, exact, &mut bound),
        };
        if !fits {
            return Ok(None);
        }
    }
    for (at, pattern) in patterns.iter().enumerate() {
        if let Pattern::Lambda(parameters, body) = pattern {
            let types: Vec<Type> = parameters.iter().map(|p| fill(p, &bound)).collect();
            let ty = lambda(at, &types)?;
            if !bind(body, &ty, false, &mut bound) {
                return Ok(None);
            }
        }
    }
    Ok(Some(Resolved {
        function,
        args: patterns
            .iter()
            .zip(args)
            .map(|(pattern, arg)| match (pattern, arg) {
                (Pattern::Variable('A'), Argument::Value(ty)) => ty.clone(),
                (pattern, _) => fill(pattern, &bound),
            })
            .collect(),
        returns: fill(&returns, &bound),
    }))
}

/// Whether a type fits a pattern; binds its variables.
fn bind(pattern: &Pattern, ty: &Type, exact: bool, bound: &mut Bound) -> bool {
    match (pattern, ty) {
        (Pattern::Exact(want), ty) => {
            let same = want == ty || (want.is_text() && ty.is_text());
            same || (want.has_zone() && ty.has_zone()) || (!exact && ty.coerces_to(want))
        }
        (Pattern::Variable('A'), _) => true,
        (Pattern::Variable('D'), ty) if !matches!(ty, Type::Decimal(..)) => false,
        (Pattern::Variable('N'), ty) if !ty.is_number() && *ty != Type::Unknown => false,
        (Pattern::Variable('P'), ty) if !ty.is_point() => false,
        (Pattern::Variable('M'), ty) if !ty.is_point() || *ty == Type::Date => false,
        (Pattern::Variable(name), ty) => {
            let common = match bound.get(name) {
                Some(known) => known.common(ty),
                None => Some(ty.clone()),
            };
            let fits = common.is_some();
            if let Some(common) = common {
                bound.insert(*name, common);
            }
            fits
        }
        (Pattern::Array(item), Type::Array(ty)) => bind(item, ty, exact, bound),
        (Pattern::Map(k, v), Type::Map(key, value)) => {
            bind(k, key, exact, bound) && bind(v, value, exact, bound)
        }
        (Pattern::Row(items), Type::Row(fields)) if items.len() == fields.len() => {
            let mut both = items.iter().zip(fields);
            both.all(|(item, (_, ty))| bind(item, ty, exact, bound))
        }
        (Pattern::Array(item), Type::Unknown) => bind(item, ty, exact, bound),
        _ => false,
    }
}

fn fill(pattern: &Pattern, bound: &Bound) -> Type {
    match pattern {
        Pattern::Exact(ty) => ty.clone(),
        Pattern::Variable('W') => match bound.get(&'D') {
            Some(Type::Decimal(precision, scale)) => {
                let whole = i16::from(*precision) - i16::from(*scale) + i16::from((*scale).min(1));
                Type::Decimal(whole.clamp(1, 38) as u8, 0)
            }
            _ => Type::Unknown,
        },
        Pattern::Variable(name) => bound.get(name).cloned().unwrap_or(Type::Unknown),
        Pattern::Array(item) => Type::array(fill(item, bound)),
        Pattern::Map(key, value) => {
            Type::Map(Box::new(fill(key, bound)), Box::new(fill(value, bound)))
        }
        Pattern::Row(items) => {
            Type::Row(items.iter().map(|item| (None, fill(item, bound))).collect())
        }
        Pattern::Lambda(..) => Type::Unknown,
    }
}

/// The patterns of so many arguments, and of the result.
fn patterns(signature: &str, args: usize) -> Option<(Vec<Pattern>, Pattern)> {
    let open = signature.find('(')?;
    let colon = signature.rfind(':')?;
    let inner = &signature[open + 1..colon - 1];
    let mut parts = split(inner);
    if let Some(repeated) = parts.last().and_then(|last| last.strip_suffix("...")) {
        let fixed = parts.len() - 1;
        parts.truncate(fixed);
        parts.resize(args.max(fixed + 1), repeated);
    }
    if parts.len() != args {
        return None;
    }
    let patterns = parts.into_iter().map(pattern).collect();
    Some((patterns, pattern(&signature[colon + 1..])))
}

fn pattern(text: &str) -> Pattern {
    if let Some((parameters, body)) = text.split_once("->") {
        let parameters = parameters.trim_matches(['(', ')']);
        let parameters = split(parameters).into_iter().map(pattern).collect();
        return Pattern::Lambda(parameters, Box::new(pattern(body)));
    }
    let mut chars = text.chars();
    if let (Some(name), None) = (chars.next(), chars.next()) {
        return Pattern::Variable(name);
    }
    if let Some(item) = text.strip_prefix("array(") {
        return Pattern::Array(Box::new(pattern(&item[..item.len() - 1])));
    }
    if let Some(entry) = text.strip_prefix("map(") {
        let parts = split(&entry[..entry.len() - 1]);
        return Pattern::Map(Box::new(pattern(parts[0])), Box::new(pattern(parts[1])));
    }
    if let Some(fields) = text.strip_prefix("row(") {
        let fields = split(&fields[..fields.len() - 1]);
        return Pattern::Row(fields.into_iter().map(pattern).collect());
    }
    let named = match text {
        "timestamptz" => Ok(Type::utc()),
        "zoned" => Ok(Type::Zoned),
        text => Type::parse(text, 0),
    };
    Pattern::Exact(named.unwrap_or(Type::Unknown))
}

fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut open, mut from) = (Vec::new(), 0, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            ',' if open == 0 => {
                parts.push(&text[from..i]);
                from = i + 1;
            }
            _ => {}
        }
    }
    if !text.is_empty() {
        parts.push(&text[from..]);
    }
    parts
}

/// The signatures of overloads, as Trino lists them in a message.
pub(in crate::athena) fn listed(overloads: &[&'static Function]) -> String {
    let texts: Vec<&str> = overloads
        .iter()
        .filter_map(|function| function.signature.rsplit_once(':'))
        .map(|(call, _)| call)
        .collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{pattern, patterns};
    use crate::athena::functions::all;
    use crate::athena::types::Type;

    #[test]
    fn every_signature_can_be_read() {
        for function in all() {
            let inner = function.signature.split('(').nth(1).is_some();
            assert!(inner, "{}", function.signature);
            let readable = (0..8).any(|args| patterns(function.signature, args).is_some());
            assert!(readable, "{}", function.signature);
            for word in function
                .signature
                .split(['(', ')', ',', ':', '>', '-', '.'])
                .skip(1)
            {
                let known = word.len() < 2
                    || ["array", "map", "row"].contains(&word)
                    || pattern(word) != super::Pattern::Exact(Type::Unknown);
                assert!(known, "{word} in {}", function.signature);
            }
        }
    }
}
