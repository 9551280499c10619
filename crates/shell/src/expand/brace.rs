//! Brace expansion: `a{b,c}d`, `{1..3}`.

use crate::limits::BRACES_AT_MOST;

/// The words that braces make of one; the word itself where they make too many.
pub(super) fn expand(word: &str) -> Vec<String> {
    if !word.contains('{') {
        return vec![word.to_owned()];
    }
    let letters: Vec<char> = word.chars().collect();
    match braces(&letters) {
        Some(words) if words.len() <= BRACES_AT_MOST => words,
        _ => vec![word.to_owned()],
    }
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

/// The words of a text; nothing if there are too many of them.
fn braces(letters: &[char]) -> Option<Vec<String>> {
    let mut at = 0;
    while at < letters.len() {
        if letters[at] == '{'
            && let Some((end, members)) = members(letters, at)
        {
            let before: String = letters[..at].iter().collect();
            let after = braces(&letters[end..])?;
            if members.len().saturating_mul(after.len()) > BRACES_AT_MOST {
                return None;
            }
            let ends = |member: String| {
                let before = &before;
                let after = after.iter();
                after
                    .map(move |it| format!("{before}{member}{it}"))
                    .collect::<Vec<_>>()
            };
            return Some(members.into_iter().flat_map(ends).collect());
        }
        at = skip(letters, at);
    }
    Some(vec![letters.iter().collect()])
}

/// What stands in the braces that open at `at`, and where they end.
fn members(letters: &[char], at: usize) -> Option<(usize, Vec<String>)> {
    let (mut depth, mut inner, mut from) = (0, at + 1, at + 1);
    let mut parts: Vec<&[char]> = Vec::new();
    while inner < letters.len() {
        match letters[inner] {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&letters[from..inner]);
                let made = match &parts[..] {
                    [only] => sequence(&only.iter().collect::<String>())?,
                    _ => {
                        let mut made = Vec::new();
                        for part in parts {
                            made.extend(braces(part)?);
                        }
                        made
                    }
                };
                return Some((inner + 1, made));
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
    None
}

/// `1..9..2`, `a..e`
fn sequence(text: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = text.split("..").collect();
    let (first, last, step) = match parts[..] {
        [first, last] => (first, last, 1),
        [first, last, step] => (first, last, step.parse::<i32>().ok()?.unsigned_abs().max(1)),
        _ => return None,
    };
    let letter = |it: &str| {
        let mut letters = it.chars();
        letters
            .next()
            .filter(|it| it.is_ascii_alphabetic() && letters.next().is_none())
    };
    let (from, to, width) = match (first.parse::<i32>(), last.parse::<i32>()) {
        (Ok(from), Ok(to)) => {
            let padded = |it: &str| it.trim_start_matches('-').starts_with('0') && it.len() > 1;
            let pads = padded(first) || padded(last);
            let width = if pads { first.len().max(last.len()) } else { 0 };
            (i64::from(from), i64::from(to), Some(width))
        }
        _ => {
            let (from, to) = (letter(first)?, letter(last)?);
            (i64::from(u32::from(from)), i64::from(u32::from(to)), None)
        }
    };
    let count = (from - to).unsigned_abs() / u64::from(step);
    if count >= BRACES_AT_MOST as u64 {
        return None;
    }
    let by = if from <= to {
        i64::from(step)
    } else {
        -i64::from(step)
    };
    let values = (0..=count as i64).map(|it| from + it * by);
    let shown = |value: i64| match width {
        Some(width) => format!("{value:0width$}"),
        None => u32::try_from(value)
            .ok()
            .and_then(char::from_u32)
            .into_iter()
            .collect(),
    };
    Some(values.map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn braces_make_words_and_leave_quotes_and_parameters_alone() {
        let shown = |word: &str| expand(word).join(" ");
        assert_eq!(shown("a{b,c}d"), "abd acd");
        assert_eq!(shown("{a,b{1,2}}x"), "ax b1x b2x");
        assert_eq!(shown("{08..11}"), "08 09 10 11");
        assert_eq!(shown("{5..1..2}{a..c}"), "5a 5b 5c 3a 3b 3c 1a 1b 1c");
        for same in [
            "{a}",
            "${a,b}",
            "'{a,b}'",
            "\\{a,b}",
            "{1..99999999999}",
            "a{b",
            "{}",
        ] {
            assert_eq!(shown(same), same);
        }
    }
}
