//! Sizes: `200B`, `4KiB`, `1MiB`.

use std::str::FromStr;

/// A number of octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u32);

/// A text that is no size.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no size; write a number and a unit: `200B`, `64KiB`, `1MiB`")]
pub(crate) struct SizeError(String);

const UNITS: [(&str, u64); 3] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("B", 1)];

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
