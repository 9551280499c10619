//! Functions of arrays and maps. Positions count from 1.

use std::collections::HashMap;

use super::{Function, Given, functions, within};
use crate::athena::error::{Checked, Fault};
use crate::athena::result;
use crate::athena::types::Type;
use crate::athena::value::Value;

pub(super) const FUNCTIONS: &[Function] = functions! {
    "cardinality(array(T)):bigint" |_, v| Ok(Value::Int(v[0].list().len() as i64));
    "cardinality(map(K,V)):bigint" |_, v| Ok(Value::Int(entries(&v[0]).len() as i64));
    "element_at(array(T),bigint):T" |_, v| {
        let (list, index) = (v[0].list(), v[1].int());
        if index == 0 {
            return Err(Fault::argument("SQL array indices start at 1"));
        }
        let at = if index < 0 { index + list.len() as i64 } else { index - 1 };
        Ok(usize::try_from(at).ok().and_then(|at| list.get(at)).cloned().unwrap_or_default())
    };
    "element_at(map(K,V),K):V" |_, v| Ok(lookup(v).unwrap_or_default());
    "subscript(array(T),bigint):T" subscript;
    "subscript(map(K,V),K):V" |given, v| lookup(v).ok_or_else(|| {
        let key = result::print(&v[1], &given.types[1]).unwrap_or_default();
        Fault::argument(format!("Key not present in map: {key}"))
    });
    "contains(array(T),T):boolean" |_, v| {
        if v[0].list().contains(&v[1]) {
            return Ok(Value::Bool(true));
        }
        let unknown = v[0].list().contains(&Value::Null);
        Ok(if unknown { Value::Null } else { Value::Bool(false) })
    };
    "array_position(array(T),T):bigint" |_, v| {
        let place = v[0].list().iter().position(|item| *item == v[1]);
        Ok(Value::Int(place.map_or(0, |at| at as i64 + 1)))
    };
    "array_distinct(array(T)):array(T)" |_, v| Ok(Value::List(distinct(v[0].list())));
    "array_sort(array(T)):array(T)" |_, v| {
        let mut items = v[0].list().to_vec();
        items.sort_by(Value::order);
        Ok(Value::List(items))
    };
    "array_max(array(T)):T" |_, v| Ok(best(v[0].list(), std::cmp::Ordering::Greater));
    "array_min(array(T)):T" |_, v| Ok(best(v[0].list(), std::cmp::Ordering::Less));
    "array_remove(array(T),T):array(T)" |_, v| {
        Ok(Value::List(v[0].list().iter().filter(|item| **item != v[1]).cloned().collect()))
    };
    "array_intersect(array(T),array(T)):array(T)" |_, v| {
        let (items, others) = (distinct(v[0].list()).into_iter(), Set::of(v[1].list()));
        Ok(Value::List(items.filter(|item| others.contains(item)).collect()))
    };
    "array_except(array(T),array(T)):array(T)" |_, v| {
        let (items, others) = (distinct(v[0].list()).into_iter(), Set::of(v[1].list()));
        Ok(Value::List(items.filter(|item| !others.contains(item)).collect()))
    };
    "array_union(array(T),array(T)):array(T)" |_, v| {
        Ok(Value::List(distinct(&[v[0].list(), v[1].list()].concat())))
    };
    "arrays_overlap(array(T),array(T)):boolean" |_, v| {
        let others = Set::of(v[1].list());
        let both = |item: &Value<'_>| !item.is_null() && others.contains(item);
        Ok(Value::Bool(v[0].list().iter().any(both)))
    };
    "array_join(array(T),varchar):varchar" |given, v| join(given, v, None);
    "array_join(array(T),varchar,varchar):varchar" |given, v| join(given, v, Some(v[2].text()));
    "reverse(array(T)):array(T)" |_, v| Ok(Value::List(v[0].list().iter().rev().cloned().collect()));
    "flatten(array(array(T))):array(T)" |_, v| {
        Ok(Value::List(v[0].list().iter().flat_map(Value::list).cloned().collect()))
    };
    "slice(array(T),bigint,bigint):array(T)" slice;
    "concat(array(T),array(T)...):array(T)" |_, v| {
        Ok(Value::List(v.iter().flat_map(Value::list).cloned().collect()))
    };
    "sequence(bigint,bigint):array(bigint)" |_, v| {
        sequence(v[0].int(), v[1].int(), if v[0].int() <= v[1].int() { 1 } else { -1 })
    };
    "sequence(bigint,bigint,bigint):array(bigint)" |_, v| {
        sequence(v[0].int(), v[1].int(), v[2].int())
    };
    "sequence(date,date):array(date)" |_, v| {
        sequence(v[0].int(), v[1].int(), if v[0].int() <= v[1].int() { 1 } else { -1 })
    };
    "sequence(date,date,interval day to second):array(date)" |_, v| {
        sequence(v[0].int(), v[1].int(), v[2].int() / 86_400_000)
    };
    "sequence(timestamp,timestamp,interval day to second):array(timestamp)" |_, v| {
        sequence(v[0].int(), v[1].int(), v[2].int())
    };
    "map_keys(map(K,V)):array(K)" |_, v| {
        Ok(Value::List(entries(&v[0]).iter().map(|(key, _)| key.clone()).collect()))
    };
    "map_values(map(K,V)):array(V)" |_, v| {
        Ok(Value::List(entries(&v[0]).iter().map(|(_, value)| value.clone()).collect()))
    };
    "map(array(K),array(V)):map(K,V)" map;
    "map_entries(map(K,V)):array(row(K,V))" |_, v| {
        let entries = entries(&v[0]).iter().map(|(k, v)| Value::List(vec![k.clone(), v.clone()]));
        Ok(Value::List(entries.collect()))
    };
    "map_from_entries(array(row(K,V))):map(K,V)" |given, v| {
        let part = |at: usize| {
            let parts = v[0].list().iter().map(|entry| entry.list().get(at).cloned());
            Value::List(parts.map(Option::unwrap_or_default).collect())
        };
        if v[0].list().iter().any(Value::is_null) {
            return Err(Fault::argument("map entry cannot be null"));
        }
        map(given, &[part(0), part(1)])
    };
    "zip(array(T),array(U)):array(row(T,U))" |_, v| Ok(zip(v));
    "zip(array(T),array(U),array(V)):array(row(T,U,V))" |_, v| Ok(zip(v));
    "ngrams(array(T),bigint):array(array(T))" |_, v| {
        let size = usize::try_from(v[1].int()).ok().filter(|size| *size > 0);
        let size = size.ok_or_else(|| Fault::argument("N must be positive"))?;
        let items = v[0].list();
        let size = size.min(items.len().max(1));
        within((items.len().saturating_sub(size) + 1).saturating_mul(size * 32))?;
        let grams = match items.len() {
            0 => vec![Value::List(Vec::new())],
            _ => items.windows(size).map(|gram| Value::List(gram.to_vec())).collect(),
        };
        Ok(Value::List(grams))
    };
    "trim_array(array(T),bigint):array(T)" |_, v| {
        let items = v[0].list();
        let left = usize::try_from(v[1].int()).ok().and_then(|n| items.len().checked_sub(n));
        let left = left.ok_or_else(|| {
            Fault::argument(format!("size must not exceed array cardinality: {}", v[1].int()))
        })?;
        Ok(Value::List(items[..left].to_vec()))
    };
    "map_concat(map(K,V),map(K,V)):map(K,V)" |_, v| {
        let later: Vec<Value<'_>> = entries(&v[1]).iter().map(|(key, _)| key.clone()).collect();
        let later = Set::of(&later);
        let first = entries(&v[0]).iter().filter(|(key, _)| !later.contains(key));
        Ok(Value::Map(first.chain(entries(&v[1])).cloned().collect()))
    };
};

/// Those whose elements may be NULL arguments.
pub(super) const WITH_NULLS: &[Function] = &[
    Function {
        signature: "repeat(T,bigint):array(T)",
        run: |_, v| {
            let count = usize::try_from(v[1].int())
                .ok()
                .filter(|count| *count <= ITEMS_MAX);
            let count = count.ok_or_else(|| {
                Fault::argument(
                    "count argument of repeat function must be less than or equal to 10000",
                )
            })?;
            within(v[0].weight().saturating_mul(count))?;
            Ok(Value::List(vec![v[0].clone(); count]))
        },
        nulls: true,
    },
    Function {
        signature: "concat_ws(varchar,array(varchar)):varchar",
        run: |_, v| concat_ws(v, v.get(1).map_or(&[], Value::list)),
        nulls: true,
    },
    Function {
        signature: "concat_ws(varchar,varchar...):varchar",
        run: |_, v| concat_ws(v, &v[1..]),
        nulls: true,
    },
];

/// Elements that a function may make.
const ITEMS_MAX: usize = 10_000;

fn entries<'v, 'a>(map: &'v Value<'a>) -> &'v [(Value<'a>, Value<'a>)] {
    match map {
        Value::Map(entries) => entries,
        _ => &[],
    }
}

fn lookup<'a>(v: &[Value<'a>]) -> Option<Value<'a>> {
    let entry = entries(&v[0]).iter().find(|(key, _)| *key == v[1]);
    entry.map(|(_, value)| value.clone())
}

fn subscript<'a>(_: &Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    let (list, index) = (v[0].list(), v[1].int());
    if index == 0 {
        return Err(Fault::argument("SQL array indices start at 1"));
    }
    if index < 0 {
        return Err(Fault::argument(format!(
            "Array subscript is negative: {index}"
        )));
    }
    list.get(index as usize - 1).cloned().ok_or_else(|| {
        let len = list.len();
        Fault::argument(format!(
            "Array subscript must be less than or equal to array length: {index} > {len}"
        ))
    })
}

/// Each value once, in the order in which they are first seen.
fn distinct<'a>(items: &[Value<'a>]) -> Vec<Value<'a>> {
    let mut known = Set::default();
    let kept = items.iter().filter(|item| known.insert(item));
    kept.cloned().collect()
}

/// Values of one type, found by their hash; lists may have a million elements.
#[derive(Default)]
struct Set<'v, 'a>(HashMap<u64, Vec<&'v Value<'a>>>);

impl<'v, 'a> Set<'v, 'a> {
    fn of(items: &'v [Value<'a>]) -> Self {
        let mut set = Self::default();
        for item in items {
            set.insert(item);
        }
        set
    }

    /// Whether it is new.
    fn insert(&mut self, value: &'v Value<'a>) -> bool {
        let same = self.0.entry(value.hash()).or_default();
        let new = !same.contains(&value);
        if new {
            same.push(value);
        }
        new
    }

    fn contains(&self, value: &Value<'_>) -> bool {
        let same = self.0.get(&value.hash());
        same.is_some_and(|same| same.iter().any(|known| **known == *value))
    }
}

fn best<'a>(items: &[Value<'a>], wanted: std::cmp::Ordering) -> Value<'a> {
    if items.iter().any(Value::is_null) {
        return Value::Null;
    }
    let best = items.iter().reduce(|best, item| {
        if item.order(best) == wanted {
            item
        } else {
            best
        }
    });
    best.cloned().unwrap_or_default()
}

fn join<'a>(given: &Given<'_>, v: &[Value<'a>], null: Option<&str>) -> Checked<Value<'a>> {
    let Type::Array(item) = &given.types[0] else {
        return Ok(Value::Null);
    };
    let texts = v[0]
        .list()
        .iter()
        .filter_map(|value| match result::print(value, item) {
            Some(text) => Some(text),
            None => null.map(str::to_owned),
        });
    super::text::joined(texts, v[1].text())
}

fn concat_ws<'a>(v: &[Value<'a>], parts: &[Value<'a>]) -> Checked<Value<'a>> {
    if v[0].is_null() {
        return Ok(Value::Null);
    }
    let parts = parts.iter().filter(|part| !part.is_null()).map(Value::text);
    super::text::joined(parts, v[0].text())
}

/// The lists side by side; what is missing at the end of one is NULL.
fn zip<'a>(v: &[Value<'a>]) -> Value<'a> {
    let longest = v.iter().map(|list| list.list().len()).max().unwrap_or(0);
    let row = |at: usize| {
        let items = v.iter().map(|list| list.list().get(at).cloned());
        Value::List(items.map(Option::unwrap_or_default).collect())
    };
    Value::List((0..longest).map(row).collect())
}

fn slice<'a>(_: &Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    let (list, start, length) = (v[0].list(), v[1].int(), v[2].int());
    if length < 0 {
        return Err(Fault::argument("length must be greater than or equal to 0"));
    }
    let from = match start {
        0 => return Err(Fault::argument("SQL array indices start at 1")),
        n if n > 0 => n - 1,
        n => list.len() as i64 + n,
    };
    let Some(from) = usize::try_from(from).ok().filter(|from| *from < list.len()) else {
        return Ok(Value::List(Vec::new()));
    };
    let items = list[from..].iter().take(length as usize);
    Ok(Value::List(items.cloned().collect()))
}

fn sequence<'a>(from: i64, to: i64, step: i64) -> Checked<Value<'a>> {
    if step == 0 {
        return Err(Fault::argument("step must not be zero"));
    }
    if (step > 0 && to < from) || (step < 0 && to > from) {
        return Err(Fault::argument(
            "sequence stop value should be greater than or equal to start value if step is greater than zero otherwise stop should be less than or equal to start",
        ));
    }
    let count = (i128::from(to) - i128::from(from)) / i128::from(step) + 1;
    if count > ITEMS_MAX as i128 {
        return Err(Fault::argument(format!(
            "result of sequence function must not have more than {ITEMS_MAX} entries"
        )));
    }
    Ok(Value::List(
        (0..count as i64)
            .map(|n| Value::Int(from + n * step))
            .collect(),
    ))
}

fn map<'a>(_: &Given<'_>, v: &[Value<'a>]) -> Checked<Value<'a>> {
    let (keys, values) = (v[0].list(), v[1].list());
    if keys.len() != values.len() {
        return Err(Fault::argument(
            "Key and value arrays must be the same length",
        ));
    }
    if keys.iter().any(Value::is_null) {
        return Err(Fault::argument("map key cannot be null"));
    }
    if distinct(keys).len() != keys.len() {
        return Err(Fault::argument("Duplicate map keys are not allowed"));
    }
    Ok(Value::Map(
        keys.iter().cloned().zip(values.iter().cloned()).collect(),
    ))
}
