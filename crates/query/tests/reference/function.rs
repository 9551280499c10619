//! The functions of the language.

use serde_json::Value as Json;
use wirelab_query::ColumnKind as Kind;

use super::table::{Names, Row};
use super::tree::Expr;
use super::value::{Value, holds};
use super::{address, eval, text, time};

/// What a function gives, its name in small letters.
pub(crate) fn kind(name: &str, args: &[Kind]) -> Kind {
    match name {
        "abs" | "ceil" | "floor" | "log" | "sqrt" | "round" | "greatest" | "least" | "tonumber"
        | "toint" | "tolong" | "todouble" | "haversine" | "tomillis" | "ipv4tonumber"
        | "strlen" | "hextodec" | "jsonarraysize" | "now" | "querystarttime" | "queryendtime"
        | "querytimerange" | "messagesize" | "parsedate" => Kind::Number,
        "bin" | "datefloor" | "dateceil" | "frommillis" => Kind::Time,
        "jsonparse" | "split" => Kind::Structure,
        "coalesce" => common(args.to_vec()),
        "if" => common(args[1..].to_vec()),
        "case" => {
            let branches = args
                .chunks(2)
                .map(|branch| *branch.last().expect("not empty"));
            common(branches.collect())
        }
        "concat" | "trim" | "ltrim" | "rtrim" | "toupper" | "tolower" | "substr" | "replace"
        | "urlencode" | "urldecode" | "base64encode" | "base64decode" | "hextoascii"
        | "dectohex" | "jsonstringify" | "regexreplace" | "regex_replace" | "formatdate"
        | "strftime" => Kind::Text,
        _ => Kind::Bool,
    }
}

/// Values of one kind keep it; of several kinds they are text, unless one is a map or list.
fn common(kinds: Vec<Kind>) -> Kind {
    if kinds.contains(&Kind::Structure) {
        return Kind::Structure;
    }
    let first = kinds[0];
    if kinds.iter().all(|kind| *kind == first) {
        first
    } else {
        Kind::Text
    }
}

/// A function's value for a row.
pub(crate) fn value(name: &str, args: &[Expr], row: &Row, names: &Names) -> Value {
    let values: Vec<Value> = args
        .iter()
        .map(|arg| eval::value(arg, row, names))
        .collect();
    if let Some(value) = of_time(name, args, &values, row, names) {
        return value;
    }
    if let Some(number) = of_numbers(name, &values) {
        return Value::from_number(number);
    }
    if let Some(text) = of_texts(name, &values) {
        return Value::from_text(text);
    }
    if let Some(truth) = of_truth(name, &values) {
        return Value::Bool(truth);
    }
    general(name, &values)
}

/// Those of time and of the query itself.
fn of_time(name: &str, args: &[Expr], values: &[Value], row: &Row, names: &Names) -> Option<Value> {
    let rounded = |value: &Value, period: &Expr| match (value.number(), period) {
        (Some(millis), Expr::Period(amount, unit)) => Value::Time(time::round(
            millis as i64,
            *amount,
            unit,
            name == "dateceil",
        )),
        _ => Value::Missing,
    };
    let constant = |at: usize| match args.get(at) {
        Some(Expr::Text(text)) => text.as_str(),
        _ => "",
    };
    // Zones are offsets in whole hours here, such as `+02:00`.
    let zone = || {
        constant(2)
            .get(..3)
            .and_then(|hours| hours.parse::<i64>().ok())
    };
    let zone_millis = || zone().unwrap_or(0) * 3_600_000;
    let clock = names.clock;
    let numbered = |number: u64| Value::Number(number as f64);
    Some(match name {
        "bin" => rounded(row.values.get("@timestamp")?, &args[0]),
        "datefloor" | "dateceil" => rounded(&values[0], &args[1]),
        "formatdate" => Value::from_text(
            values[0]
                .number()
                .map(|millis| time::format(millis as i64 + zone_millis(), constant(1))),
        ),
        "parsedate" => {
            let text = values[0].text();
            let millis = text.and_then(|text| time::parse(&text, constant(1)));
            Value::from_number(millis.map(|millis| (millis - zone_millis()) as f64))
        }
        "now" => numbered(clock.now_secs),
        "querystarttime" => numbered(clock.start_secs * 1000),
        "queryendtime" => numbered(clock.end_secs * 1000),
        "querytimerange" => numbered((clock.end_secs - clock.start_secs) * 1000),
        "messagesize" => {
            let message = row.values.get("@message").and_then(Value::text);
            Value::from_number(message.map(|message| message.len() as f64))
        }
        _ => return None,
    })
}

fn of_numbers(name: &str, values: &[Value]) -> Option<Option<f64>> {
    let first = values.first().and_then(Value::number);
    let numbers = || values.iter().filter_map(Value::number);
    let text = || values.first().and_then(Value::text);
    let whole = |limit: f64| first.map(f64::trunc).filter(move |n| n.abs() < limit);
    Some(match name {
        "abs" => first.map(f64::abs),
        "ceil" => first.map(f64::ceil),
        "floor" => first.map(f64::floor),
        "log" => first.map(f64::ln),
        "sqrt" => first.map(f64::sqrt),
        "tonumber" | "todouble" | "tomillis" => first,
        "toint" => whole(2_147_483_648.0),
        "tolong" => whole(9.3e18),
        "greatest" => numbers().reduce(f64::max),
        "least" => numbers().reduce(f64::min),
        "round" => {
            let decimals = values.get(1).map_or(Some(0.0), Value::number);
            first.zip(decimals).map(|(number, decimals)| {
                let scale = 10_f64.powf(decimals);
                (number * scale).round() / scale
            })
        }
        "haversine" => match numbers().collect::<Vec<_>>()[..] {
            [lat1, lon1, lat2, lon2] => Some(haversine(lat1, lon1, lat2, lon2)),
            _ => None,
        },
        "ipv4tonumber" => address::to_number(&values[0]),
        "strlen" => text().map(|text| text.chars().count() as f64),
        "hextodec" => text().and_then(|text| {
            let digits = text.strip_prefix("0x").unwrap_or(&text);
            u64::from_str_radix(digits, 16)
                .ok()
                .map(|number| number as f64)
        }),
        "jsonarraysize" => match structure(&values[0]) {
            Some(Json::Array(list)) => Some(list.len() as f64),
            _ => None,
        },
        _ => return None,
    })
}

/// Kilometres on a sphere of 6371 km, by the angle between two vectors.
fn haversine(lat1: f64, lon1: f64, lat2: f64, lon2: f64) -> f64 {
    let vector = |lat: f64, lon: f64| {
        let (lat, lon) = (lat.to_radians(), lon.to_radians());
        [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
    };
    let (a, b) = (vector(lat1, lon1), vector(lat2, lon2));
    let chord: f64 = a.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).sum();
    6371.0 * 2.0 * (chord.sqrt() / 2.0).min(1.0).asin()
}

fn of_texts(name: &str, values: &[Value]) -> Option<Option<String>> {
    let text = |at: usize| values.get(at).and_then(Value::text);
    let number = |at: usize| values.get(at).and_then(Value::number);
    let first = text(0);
    Some(match name {
        "concat" => Some(values.iter().filter_map(Value::text).collect()),
        "trim" | "ltrim" | "rtrim" => first
            .map(|first| text::trim(&first, text(1).as_deref(), name != "rtrim", name != "ltrim")),
        "toupper" => first.map(|first| first.to_uppercase()),
        "tolower" => first.map(|first| first.to_lowercase()),
        "substr" => first
            .zip(number(1))
            .map(|(first, start)| text::substr(&first, start, number(2))),
        "replace" => match (first, text(1), text(2)) {
            (Some(first), Some(from), _) if from.is_empty() && text(2).is_some() => Some(first),
            (Some(first), Some(from), Some(to)) => {
                Some(first.split(&from).collect::<Vec<_>>().join(&to))
            }
            _ => None,
        },
        "regexreplace" => match (first, text(1), text(2)) {
            (Some(first), Some(regex), Some(to)) => {
                let regex = text::regex(&regex);
                Some(regex.replace_all(&first, to.as_str()).into_owned())
            }
            _ => None,
        },
        "urlencode" => first.map(|first| text::url_encode(&first)),
        "urldecode" => first.map(|first| text::url_decode(&first)),
        "base64encode" => first.map(|first| text::base64(&first)),
        "base64decode" => first.and_then(|first| text::from_base64(&first)),
        "dectohex" => number(0)
            .filter(|number| *number >= 0.0 && *number == number.trunc() && *number < 1.8e19)
            .map(|number| format!("{:x}", number as u64)),
        "hextoascii" => first.and_then(|first| {
            let chars: Vec<char> = first.chars().collect();
            let byte = |pair: &[char]| {
                let (high, low) = (pair.first()?.to_digit(16)?, pair.get(1)?.to_digit(16)?);
                Some((high * 16 + low) as u8)
            };
            let bytes: Option<Vec<u8>> = chars.chunks(2).map(byte).collect();
            String::from_utf8(bytes?).ok()
        }),
        "jsonstringify" => match &values[0] {
            Value::Structure(json) => Some(json.to_string()),
            _ => None,
        },
        _ => return None,
    })
}

fn of_truth(name: &str, values: &[Value]) -> Option<bool> {
    let text = |at: usize| values.get(at).and_then(Value::text);
    let address = || address::read(&values[0]);
    let pair = || text(0).zip(text(1));
    Some(match name {
        "isnumeric" => values[0].number().is_some(),
        "ispresent" => values[0] != Value::Missing,
        "isempty" => text(0).unwrap_or_default().is_empty(),
        "isblank" => text(0).unwrap_or_default().trim().is_empty(),
        "strcontains" => pair().is_some_and(|(text, part)| {
            if values.get(2).is_some_and(Value::truth) {
                text.to_lowercase().contains(&part.to_lowercase())
            } else {
                text.contains(&part)
            }
        }),
        "startswith" => pair().is_some_and(|(text, part)| text.starts_with(&part)),
        "endswith" => pair().is_some_and(|(text, part)| text.ends_with(&part)),
        "isvalidip" => address().is_some(),
        "isvalidipv4" => address().is_some_and(|address| address.is_ipv4()),
        "isvalidipv6" => address().is_some_and(|address| address.is_ipv6()),
        "isipinsubnet" | "isipv4insubnet" | "isipv6insubnet" => text(1)
            .is_some_and(|block| address().is_some_and(|address| address::is_in(address, &block))),
        "isprivateip" => address().is_some_and(address::is_private),
        "isreservedip" => address().is_some_and(address::is_reserved),
        "ispublicip" => address()
            .is_some_and(|address| !address::is_private(address) && !address::is_reserved(address)),
        "jsonarraycontains" => match structure(&values[0]) {
            Some(Json::Array(list)) => list
                .iter()
                .any(|element| holds("=", &Value::from_json(element), &values[1])),
            _ => false,
        },
        _ => return None,
    })
}

fn general(name: &str, values: &[Value]) -> Value {
    match name {
        "coalesce" => {
            let present = values.iter().find(|value| **value != Value::Missing);
            present.cloned().unwrap_or(Value::Missing)
        }
        "if" | "case" => {
            for branch in values.chunks(2) {
                match branch {
                    [condition, value] if condition.truth() => return value.clone(),
                    [default] => return default.clone(),
                    _ => {}
                }
            }
            Value::Missing
        }
        "frommillis" => values[0].clone(),
        "jsonparse" => structure(&values[0]).map_or(Value::Missing, Value::Structure),
        "split" => match (values[0].text(), values[1].text()) {
            (Some(text), Some(by)) => {
                let parts = text.split(&by).map(|part| Json::String(part.to_owned()));
                Value::Structure(Json::Array(parts.collect()))
            }
            _ => Value::Missing,
        },
        other => panic!("the reference has no function `{other}`"),
    }
}

/// The map or list that a value is, or that its text is.
fn structure(value: &Value) -> Option<Json> {
    match value {
        Value::Structure(json) => Some(json.clone()),
        other => {
            let json: Json = serde_json::from_str(&other.text()?).ok()?;
            (json.is_object() || json.is_array()).then_some(json)
        }
    }
}
