//! Habits from SQL and spoken language, and how they are written here.

use super::ast::{Expr, ExprKind};
use super::period::Period;
use super::token::Kind;

/// About a word where a command or an operator should follow.
pub(super) fn separator(word: &str) -> Option<&'static str> {
    Some(match word {
        "group" => "grouping is written `by`, right after the aggregates",
        "order" => "sorting is a command of its own: `| sort total desc`",
        "having" => "a condition on aggregates is a command of its own: `| filter n > 5`",
        "where" => "a condition is a command of its own: `| filter action = \"REJECT\"`",
        "descending" | "ascending" => "directions are written `desc` and `asc`",
        _ => return None,
    })
}

/// About an operator of SQL behind `left`.
pub(super) fn operator(kind: &Kind, left: &Expr) -> Option<String> {
    let Kind::Name {
        text,
        quoted: false,
    } = kind
    else {
        return None;
    };
    let left = match &left.kind {
        ExprKind::Field(name) => name.as_str(),
        _ => "bytes",
    };
    match text.to_lowercase().as_str() {
        "between" => Some(format!(
            "write both bounds: `{left} >= FROM and {left} <= TO`"
        )),
        "is" => Some(format!(
            "write `ispresent({left})` or `not ispresent({left})`; flow logs print a missing \
             value as `\"-\"`"
        )),
        "contains" => Some(format!("a substring is found by `{left} like \"text\"`")),
        "matches" | "regexp" | "rlike" => {
            Some(format!("a regex is looked for by `{left} like /regex/`"))
        }
        "ilike" => Some(format!("write `{left} like /(?i)text/`")),
        _ => None,
    }
}

/// About what follows the argument `last` of a function.
pub(super) fn argument(function: &str, last: Option<&Expr>, kind: &Kind) -> Option<String> {
    let Kind::Name { text, .. } = kind else {
        return None;
    };
    match &last?.kind {
        ExprKind::Number(amount) if Period::new(*amount, text).is_some() => Some(format!(
            "a period has no space: `{}`",
            Period::new(*amount, text)?
        )),
        ExprKind::Field(word) if word.eq_ignore_ascii_case("distinct") && function == "count" => {
            Some(format!("write `count_distinct({text})`"))
        }
        ExprKind::Field(word) if word.eq_ignore_ascii_case("distinct") => {
            Some("group by the field in one `stats`, aggregate in a second".to_owned())
        }
        _ => separator(&text.to_lowercase()).map(str::to_owned),
    }
}

/// About a number with letters behind it that is no period.
pub(super) fn unit(number: &str, unit: &str, after: &str) -> (String, Option<String>) {
    let written = format!("{number}{unit}");
    if Period::new(1.0, unit).is_some() {
        let message = format!("`{written}` is no period");
        let hint = "a period is a whole number of units, from 1: `30s`, `5m`, `1h`, `1d`";
        return (message, Some(hint.to_owned()));
    }
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    if unit.eq_ignore_ascii_case("e") && !digits.is_empty() {
        let value: Option<f64> = format!("{written}{digits}").parse().ok();
        let hint = value
            .filter(|value| value.abs() < 1e18)
            .map(|value| format!("write it out: `{value}`"));
        return ("numbers have no exponent".to_owned(), hint);
    }
    let power = match unit.to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" => 1,
        "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        _ => {
            let message = format!("`{written}` is neither a number nor a period");
            let hint = "periods are written `30s`, `5m`, `1h`, `1d`";
            return (message, Some(hint.to_owned()));
        }
    };
    let factor = ["1024"; 3][..power].join(" * ");
    (
        format!("numbers have no unit of size like `{unit}`"),
        Some(format!(
            "`bytes` counts octets: write `{number} * {factor}`"
        )),
    )
}

/// About a function of another language, or one that people expect.
pub(super) fn function(name: &str) -> Option<&'static str> {
    Some(match name {
        "isnull" | "isnotnull" | "ifnull" | "nvl" => {
            "write `ispresent(x)`, `not ispresent(x)` or `coalesce(x, 0)`"
        }
        "length" | "lenght" | "len" | "char_length" => "write `strlen(x)`",
        "upper" | "ucase" => "write `toupper(x)`",
        "lower" | "lcase" => "write `tolower(x)`",
        "substring" => "write `substr(x, start, length)`, counted from 0",
        "contains" | "includes" | "instr" => {
            "write `x like \"text\"` or `strcontains(x, \"text\")`"
        }
        "regexp_like" | "regex_match" | "match" => "write `x like /regex/`",
        "regexp_extract" | "extract" | "rex" => "write `parse x /(?<name>regex)/`",
        "regexp_replace" => "write `regexReplace(x, /regex/, \"text\")`",
        "jsonextract" | "json_extract" | "json_extract_scalar" => "write `jsonParse(x).key`",
        "median" | "p50" => "write `pct(x, 50)`",
        "percentile" | "perc" | "approx_percentile" | "p90" | "p95" | "p99" => "write `pct(x, 95)`",
        "distinct" | "dc" | "countdistinct" | "distinct_count" | "approx_distinct" => {
            "write `count_distinct(x)`"
        }
        "mean" | "average" => "write `avg(x)`",
        "stdev" | "stddev_pop" | "std" => "write `stddev(x)`",
        "first" => "write `earliest(x)`, or `sortsFirst(x)` by value",
        "last" => "write `latest(x)`, or `sortsLast(x)` by value",
        "date_trunc" | "trunc" | "date_bin" => "write `datefloor(@timestamp, 1h)` or `bin(1h)`",
        "date_format" | "format_datetime" => "write `formatDate(@timestamp, \"%Y-%m-%d\")`",
        "date_parse" | "strptime" | "to_timestamp" => "write `parseDate(x, \"yyyy-MM-dd\")`",
        "from_unixtime" => "write `fromMillis(1000 * x)`",
        "cidrmatch" | "cidr_match" => "write `isIpInSubnet(x, \"10.0.1.0/24\")`",
        "ago" | "datetime_sub" | "dateadd" => {
            "`now()` is in seconds: write `@timestamp >= (now() - 3600) * 1000`"
        }
        "cast" | "try_cast" | "to_number" | "int" => "write `toNumber(x)`",
        "countif" | "count_if" => "write `sum(action = \"REJECT\")`",
        "iff" | "iif" => "write `if(condition, a, b)`",
        _ => return None,
    })
}
