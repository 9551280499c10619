//! Numbers over time in one line: `▆▇▆▇▁▁▁▁`.

/// From nothing to the most there is.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

/// At most `width` characters for the values in their order; where there is none, a blank. Of
/// neighbours that share a character the largest counts. Zero has the lowest bar, and nothing else
/// has it.
pub(crate) fn line(values: &[Option<u64>], width: usize, ascii: bool) -> String {
    let bars = if ascii { ASCII } else { BARS };
    let most = values.iter().flatten().copied().max().unwrap_or(0);
    let share = values.len().div_ceil(width.max(1)).max(1);
    let shown = values.chunks(share).map(|chunk| {
        let Some(value) = chunk.iter().flatten().max() else {
            return ' ';
        };
        bars[height(*value, most)]
    });
    shown.collect::<String>().trim_end().to_owned()
}

/// Which bar: 0 for zero, 7 for the most.
fn height(value: u64, most: u64) -> usize {
    if value == 0 || most == 0 {
        return 0;
    }
    let seventh = u128::from(value) * 7;
    usize::try_from(seventh.div_ceil(u128::from(most))).unwrap_or(7)
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn an_outage_a_gap_and_the_smallest_value_are_told_apart() {
        let values = [Some(70), Some(1), Some(0), None, Some(u64::MAX)];
        assert_eq!(line(&values[..4], 10, false), "█▂▁");
        assert_eq!(line(&values, 10, true), ".._ #");
        assert_eq!(line(&values[..2], 1, false), "█");
        assert_eq!(line(&[], 10, false), "");
    }
}
