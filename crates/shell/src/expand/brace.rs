//! Brace expansion: `a{b,c}d`, `{1..3}`.

use crate::limits::{BRACES_AT_MOST, OCTETS_AT_MOST};

/// Braces make more words of one, or longer ones, than are simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// The words that braces make of one.
pub(super) fn expand(word: &str) -> Result<Vec<String>, TooMany> {
    if !word.contains('{') {
        return Ok(vec![word.to_owned()]);
    }
    let letters: Vec<char> = word.chars().collect();
    braces(&letters)
}

/// Where something that begins at `at` and is no brace of its own ends: a quote, `${...}`.
fn skip(letters: &[char], at: usize) -> usize {
    let find = |from: usize, end: char| {
        let mut at = from;
        while at < letters.len() && letters[at] != end {
            at += if letters[at] == '\\' && end != '\'' {
                2
            } else {
                1
            };
        }
        at + 1
    };
    match (letters[at], letters.get(at + 1)) {
        ('\\', _) => at + 2,
        ('\'', _) => find(at + 1, '\''),
        ('"', _) => find(at + 1, '"'),
        // In `$'...'` a quote may stand behind a backslash.
        ('$', Some('\'')) => {
            let mut inner = at + 2;
            while inner < letters.len() && letters[inner] != '\'' {
                inner += if letters[inner] == '\\' { 2 } else { 1 };
            }
            inner + 1
        }
        ('`', _) => find(at + 1, '`'),
        ('$', Some('{' | '(')) => {
            let (mut depth, mut inner) = (0, at + 1);
            while inner < letters.len() {
                match letters[inner] {
                    '{' | '(' => depth += 1,
                    '}' | ')' => depth -= 1,
                    '\\' => inner += 1,
                    _ => {}
                }
                inner += 1;
                if depth == 0 {
                    break;
                }
            }
            inner
        }
        _ => at + 1,
    }
}

/// The words of a text.
fn braces(letters: &[char]) -> Result<Vec<String>, TooMany> {
    let mut made = vec![String::new()];
    // The length of all of them, known before they are made.
    let mut octets = 0_usize;
    let mut at = 0;
    while at < letters.len() {
        let (end, members) = match letters[at] {
            '{' => members(letters, at)?.unwrap_or((at + 1, vec!["{".to_owned()])),
            _ => {
                let end = skip(letters, at).min(letters.len());
                (end, vec![letters[at..end].iter().collect()])
            }
        };
        at = end;
        let count = made.len().saturating_mul(members.len());
        let more: usize = members.iter().map(String::len).sum();
        octets = octets
            .saturating_mul(members.len())
            .saturating_add(made.len().saturating_mul(more));
        if count > BRACES_AT_MOST || octets > OCTETS_AT_MOST {
            return Err(TooMany);
        }
        if let [only] = &members[..] {
            made.iter_mut().for_each(|it| it.push_str(only));
            continue;
        }
        let mut longer = Vec::with_capacity(count);
        for before in &made {
            longer.extend(members.iter().map(|it| format!("{before}{it}")));
        }
        made = longer;
    }
    Ok(made)
}

/// What stands in braces, and where they end.
type Members = (usize, Vec<String>);

/// What stands in the braces that open at `at`; nothing if they are no more than letters.
fn members(letters: &[char], at: usize) -> Result<Option<Members>, TooMany> {
    let (mut depth, mut inner, mut from) = (0, at + 1, at + 1);
    let mut parts: Vec<&[char]> = Vec::new();
    while inner < letters.len() {
        match letters[inner] {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&letters[from..inner]);
                let made = match &parts[..] {
                    [only] => match sequence(&only.iter().collect::<String>())? {
                        Some(made) => made,
                        None => return Ok(None),
                    },
                    _ => {
                        let (mut made, mut octets) = (Vec::new(), 0);
                        for part in parts {
                            let words = braces(part)?;
                            octets += words.iter().map(String::len).sum::<usize>();
                            made.extend(words);
                            if made.len() > BRACES_AT_MOST || octets > OCTETS_AT_MOST {
                                return Err(TooMany);
                            }
                        }
                        made
                    }
                };
                return Ok(Some((inner + 1, made)));
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&letters[from..inner]);
                from = inner + 1;
            }
            _ => {}
        }
        inner = match letters[inner] {
            '{' | '}' | ',' => inner + 1,
            _ => skip(letters, inner),
        };
    }
    Ok(None)
}

/// `1..9..2`, `a..e`; nothing if it is none.
fn sequence(text: &str) -> Result<Option<Vec<String>>, TooMany> {
    let parts: Vec<&str> = text.split("..").collect();
    let (first, last, step) = match parts[..] {
        [first, last] => (first, last, Ok(1)),
        [first, last, step] => (first, last, step.parse::<i64>()),
        _ => return Ok(None),
    };
    let Ok(step) = step else {
        return Ok(None);
    };
    let step = step.unsigned_abs().max(1);
    let letter = |it: &str| {
        let mut letters = it.chars();
        letters
            .next()
            .filter(|it| it.is_ascii_alphabetic() && letters.next().is_none())
    };
    let (from, to, width) = match (first.parse::<i64>(), last.parse::<i64>()) {
        (Ok(from), Ok(to)) => {
            let padded = |it: &str| it.trim_start_matches('-').starts_with('0') && it.len() > 1;
            let pads = padded(first) || padded(last);
            let width = if pads { first.len().max(last.len()) } else { 0 };
            (from, to, Some(width))
        }
        _ => {
            let (Some(from), Some(to)) = (letter(first), letter(last)) else {
                return Ok(None);
            };
            (i64::from(u32::from(from)), i64::from(u32::from(to)), None)
        }
    };
    let count = from.abs_diff(to) / step;
    if count >= BRACES_AT_MOST as u64 {
        return Err(TooMany);
    }
    // The last value lies between the two, so nothing overflows.
    let value = |at: u64| match from <= to {
        true => from.wrapping_add_unsigned(at * step),
        false => from.wrapping_sub_unsigned(at * step),
    };
    let values = (0..=count).map(value);
    let shown = |value: i64| match width {
        Some(width) => format!("{value:0width$}"),
        None => u32::try_from(value)
            .ok()
            .and_then(char::from_u32)
            .into_iter()
            .collect(),
    };
    Ok(Some(values.map(shown).collect()))
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn braces_make_words_and_leave_quotes_and_parameters_alone() {
        let shown = |word: &str| expand(word).map(|it| it.join(" ")).unwrap_or_default();
        assert_eq!(shown("a{b,c}d"), "abd acd");
        assert_eq!(shown("{a,b{1,2}}x"), "ax b1x b2x");
        assert_eq!(shown("{08..11}"), "08 09 10 11");
        assert_eq!(shown("{5..1..2}{a..c}"), "5a 5b 5c 3a 3b 3c 1a 1b 1c");
        for same in [
            "{a}",
            "${a,b}",
            "'{a,b}'",
            "$'it\\'s {a,b}'",
            "\\{a,b}",
            "{1..99999999999999999999}",
            "{1..2..x}",
            "a{b",
            "{}",
        ] {
            assert_eq!(shown(same), same);
        }
        assert_eq!(shown(&"{1..1}".repeat(9000)).len(), 9000);
        assert_eq!(
            shown("{9223372036854775806..9223372036854775807}").len(),
            39
        );
        for much in [
            "{1..1000000000}",
            "{-9223372036854775808..9223372036854775807}",
            "{1..1000}{1..1000}",
            &format!("{{1..10000}}{}", "x".repeat(10_000)),
        ] {
            let refused = expand(much).is_err();
            assert!(refused, "{}", &much[..much.len().min(60)]);
        }
    }
}
