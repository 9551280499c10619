//! Numbers as axes and bars show them.

/// A number for a person: grouped by thousands, at most three digits after the point.
pub(super) fn plain(number: f64) -> String {
    let rounded = format!("{number:.3}");
    let (whole, fraction) = rounded.split_once('.').unwrap_or((&rounded, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |it| ("-", it));
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() {
        format!("{sign}{grouped}")
    } else {
        format!("{sign}{grouped}.{fraction}")
    }
}

/// A number for an axis: `1.2M`, powers of 1,000.
pub(super) fn short(number: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let unit = UNITS.into_iter().find(|(size, _)| number.abs() >= *size);
    let (scaled, name) = unit.map_or((number, ""), |(size, name)| (number / size, name));
    let rounded = (scaled * 100.0).round() / 100.0;
    format!("{rounded}{name}")
}

/// The least number of the form 1, 2, 2.5 or 5 times a power of ten that is not below `number`.
pub(super) fn round_up(number: f64) -> f64 {
    if number <= 0.0 {
        return 0.0;
    }
    let power = 10_f64.powf(number.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    let enough = steps
        .into_iter()
        .find(|step| *step >= number * (1.0 - 1e-9));
    enough.unwrap_or(number)
}
