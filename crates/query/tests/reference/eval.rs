//! The value of an expression for one row.

use serde_json::Value as Json;
use wirelab_query::ColumnKind as Kind;

use super::table::{Names, Row};
use super::tree::{Expr, Step};
use super::value::{Value, holds};
use super::{function, text};

/// What the values of an expression are.
pub(crate) fn kind(expr: &Expr, names: &Names) -> Kind {
    if names.names(expr) {
        return names.kind(&expr.key()).unwrap_or(Kind::Text);
    }
    match expr {
        Expr::Field(name) if names.inside(name).is_some() => Kind::Structure,
        Expr::Field(name) => names.kind(name).unwrap_or(Kind::Text),
        Expr::Number(_) | Expr::Negative(_) => Kind::Number,
        Expr::Binary("+" | "-" | "*" | "/" | "%" | "^", ..) => Kind::Number,
        Expr::Not(_) | Expr::Binary(..) | Expr::Like(..) | Expr::Matches(..) | Expr::In(..) => {
            Kind::Bool
        }
        Expr::Access(of, path) => match &**of {
            Expr::Field(name) => kind(&Expr::Field(format!("{name}.{}", dotted(path))), names),
            of if kind(of, names) == Kind::Structure => Kind::Structure,
            _ => Kind::Text,
        },
        Expr::Call(name, args) => {
            let kinds: Vec<Kind> = args.iter().map(|arg| kind(arg, names)).collect();
            function::kind(&name.to_lowercase(), &kinds)
        }
        Expr::Text(_) | Expr::Period(..) | Expr::Star => Kind::Text,
    }
}

/// The value of an expression.
pub(crate) fn value(expr: &Expr, row: &Row, names: &Names) -> Value {
    if names.names(expr) {
        return row
            .values
            .get(&expr.key())
            .cloned()
            .unwrap_or(Value::Missing);
    }
    let number = |expr: &Expr| value(expr, row, names).number();
    let truth = |expr: &Expr| value(expr, row, names).truth();
    match expr {
        Expr::Field(name) => field(name, row, names),
        Expr::Text(literal) => Value::Text(literal.clone()),
        Expr::Number(number) => Value::Number(*number),
        Expr::Period(..) | Expr::Star => Value::Missing,
        Expr::Not(inner) => Value::Bool(!truth(inner)),
        Expr::Negative(inner) => Value::from_number(number(inner).map(|number| -number)),
        Expr::Binary("and", left, right) => Value::Bool(truth(left) && truth(right)),
        Expr::Binary("or", left, right) => Value::Bool(truth(left) || truth(right)),
        Expr::Binary(operator @ ("+" | "-" | "*" | "/" | "%" | "^"), left, right) => {
            let sides = number(left).zip(number(right));
            Value::from_number(sides.map(|(left, right)| arithmetic(operator, left, right)))
        }
        Expr::Binary(operator, left, right) => {
            let (left, right) = (value(left, row, names), value(right, row, names));
            Value::Bool(holds(operator, &left, &right))
        }
        Expr::Like(of, part) => {
            let text = value(of, row, names).text();
            Value::Bool(text.is_some_and(|text| text.contains(part.as_str())))
        }
        Expr::Matches(of, regex) => {
            let text = value(of, row, names).text();
            let regex = text::regex(regex);
            Value::Bool(text.is_some_and(|text| regex.is_match(&text)))
        }
        Expr::In(of, list, negated) => {
            let of = value(of, row, names);
            let found = list
                .iter()
                .any(|element| holds("=", &of, &value(element, row, names)));
            Value::Bool(found != *negated)
        }
        Expr::Access(of, path) => match &**of {
            Expr::Field(name) => field(&format!("{name}.{}", dotted(path)), row, names),
            of => inside(&value(of, row, names), &dotted(path)),
        },
        Expr::Call(name, args) => {
            let called = Expr::Call(name.clone(), args.clone());
            let found = function::value(&name.to_lowercase(), args, row, names);
            found.into_kind(kind(&called, names))
        }
    }
}

fn arithmetic(operator: &str, left: f64, right: f64) -> f64 {
    match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "%" => left % right,
        _ => left.powf(right),
    }
}

fn field(name: &str, row: &Row, names: &Names) -> Value {
    match names.inside(name) {
        Some((of, path)) => {
            let of = row.values.get(of).cloned().unwrap_or(Value::Missing);
            inside(&of, path)
        }
        None => row.values.get(name).cloned().unwrap_or(Value::Missing),
    }
}

fn dotted(path: &[Step]) -> String {
    let steps: Vec<String> = path
        .iter()
        .map(|step| match step {
            Step::Name(name) => name.clone(),
            Step::Place(place) => place.to_string(),
        })
        .collect();
    steps.join(".")
}

/// What lies at a path in a map or list: of all leaves and inner values, the one with that path.
fn inside(of: &Value, path: &str) -> Value {
    let Value::Structure(json) = of else {
        return Value::Missing;
    };
    let mut all = Vec::new();
    paths(json, "", &mut all);
    let found = all.into_iter().find(|(known, _)| known == path);
    found.map_or(Value::Missing, |(_, json)| Value::from_json(json))
}

/// All paths into a JSON value, with what lies there.
pub(crate) fn paths<'j>(json: &'j Json, before: &str, all: &mut Vec<(String, &'j Json)>) {
    let mut step = |key: &str, child: &'j Json| {
        let path = if before.is_empty() {
            key.to_owned()
        } else {
            format!("{before}.{key}")
        };
        all.push((path.clone(), child));
        paths(child, &path, all);
    };
    match json {
        Json::Object(map) => map.iter().for_each(|(key, child)| step(key, child)),
        Json::Array(list) => {
            let numbered = list.iter().enumerate();
            numbered.for_each(|(place, child)| step(&place.to_string(), child));
        }
        _ => {}
    }
}
