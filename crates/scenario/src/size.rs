//! Sizes: `200B`, `4KiB`, `1MiB`.

use std::str::FromStr;

/// A number of octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u32);

/// A text that is no size.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no size; write a number and a unit: `200B`, `64KiB`, `1MiB`, `1GiB`")]
pub(crate) struct SizeError(String);

const UNITS: [(&str, u64); 4] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || SizeError(text.to_owned());
        let unit = UNITS
            .iter()
            .find_map(|(unit, octets)| Some((text.strip_suffix(unit)?, octets)));
        let (number, octets) = unit.ok_or_else(error)?;
        let number: u64 = number.trim().parse().map_err(|_| error())?;
        let size = number
            .checked_mul(*octets)
            .and_then(|size| u32::try_from(size).ok());
        size.map(Self).ok_or_else(error)
    }
}

/// Bits a second: `500kbit`, `10Mbit`, `1Gbit`, as `tc` writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) u64);

/// A text that is no rate.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no rate; write bits a second: `500kbit`, `10Mbit`, `1Gbit`")]
pub(crate) struct RateError(String);

const RATES: [(&str, u64); 3] = [("kbit", 1000), ("Mbit", 1_000_000), ("Gbit", 1_000_000_000)];

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || RateError(text.to_owned());
        let unit = RATES
            .iter()
            .find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, bits)));
        let (number, bits) = unit.ok_or_else(error)?;
        let number: u64 = number.trim().parse().map_err(|_| error())?;
        let rate = number.checked_mul(*bits).filter(|rate| *rate > 0);
        rate.map(Self).ok_or_else(error)
    }
}
