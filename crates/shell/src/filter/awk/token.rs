//! From the text of a program to its tokens.

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Regex(String),
    /// A name; whether `(` stands right behind it.
    Name(String, bool),
    Sign(&'static str),
    Line,
    End,
}

const SIGNS: &[&str] = &[
    "**=", "&&", "||", "==", "!=", "<=", ">=", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=",
    "!~", ">>", "**", "{", "}", "(", ")", "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!",
    "~", "<", ">", "=", "?", ":", "$", "|",
];

/// The tokens of a program.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let letter = letters[at];
        match letter {
            ' ' | '\t' | '\r' => at += 1,
            '\\' if letters.get(at + 1) == Some(&'\n') => at += 2,
            '\n' => {
                tokens.push(Token::Line);
                at += 1;
            }
            '#' => {
                while at < letters.len() && letters[at] != '\n' {
                    at += 1;
                }
            }
            '"' => {
                let (text, end) = string(&letters, at + 1)?;
                tokens.push(Token::Text(text));
                at = end;
            }
            '/' if regex_may_begin(tokens.last()) => {
                let (text, end) = regex(&letters, at + 1)?;
                tokens.push(Token::Regex(text));
                at = end;
            }
            _ if letter.is_ascii_digit()
                || letter == '.' && letters.get(at + 1).is_some_and(char::is_ascii_digit) =>
            {
                let (number, end) = number(&letters, at);
                tokens.push(Token::Number(number));
                at = end;
            }
            _ if letter == '_' || letter.is_ascii_alphabetic() => {
                let from = at;
                while letters
                    .get(at)
                    .is_some_and(|it| *it == '_' || it.is_ascii_alphanumeric())
                {
                    at += 1;
                }
                let name: String = letters[from..at].iter().collect();
                tokens.push(Token::Name(name, letters.get(at) == Some(&'(')));
            }
            _ => {
                let rest: String = letters[at..].iter().take(3).collect();
                let sign = SIGNS.iter().find(|it| rest.starts_with(**it));
                let sign = sign.ok_or_else(|| format!("`{letter}'"))?;
                tokens.push(Token::Sign(sign));
                at += sign.len();
            }
        }
    }
    tokens.push(Token::End);
    Ok(tokens)
}

/// Whether `/` begins an expression rather than divides.
fn regex_may_begin(before: Option<&Token>) -> bool {
    match before {
        None | Some(Token::Line) => true,
        Some(Token::Sign(sign)) => ![")", "]", "$", "++", "--"].contains(sign),
        Some(Token::Name(name, _)) => ["print", "return", "in"].contains(&name.as_str()),
        Some(_) => false,
    }
}

fn string(letters: &[char], mut at: usize) -> Result<(String, usize), String> {
    let mut text = String::new();
    loop {
        match letters.get(at) {
            None | Some('\n') => return Err("unterminated string".to_owned()),
            Some('"') => return Ok((text, at + 1)),
            Some('\\') => {
                at += 1;
                match letters.get(at) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('a') => text.push('\x07'),
                    Some('b') => text.push('\x08'),
                    Some('f') => text.push('\x0c'),
                    Some('v') => text.push('\x0b'),
                    Some(letter @ ('"' | '\\' | '/')) => text.push(*letter),
                    Some(digit) if digit.is_digit(8) => {
                        let digits = letters[at..].iter().take(3).take_while(|it| it.is_digit(8));
                        let digits: String = digits.collect();
                        let code = u32::from_str_radix(&digits, 8).unwrap_or(0);
                        text.extend(char::from_u32(code & 0xff));
                        at += digits.len() - 1;
                    }
                    Some(letter) => text.extend(['\\', *letter]),
                    None => {}
                }
                at += 1;
            }
            Some(letter) => {
                text.push(*letter);
                at += 1;
            }
        }
    }
}

fn regex(letters: &[char], mut at: usize) -> Result<(String, usize), String> {
    let (mut text, mut bracket) = (String::new(), false);
    loop {
        match letters.get(at) {
            None | Some('\n') => return Err("unterminated regexp".to_owned()),
            Some('/') if !bracket => return Ok((text, at + 1)),
            Some('\\') => {
                match letters.get(at + 1) {
                    Some('/') => text.push('/'),
                    Some(letter) => text.extend(['\\', *letter]),
                    None => text.push('\\'),
                }
                at += 2;
                continue;
            }
            Some('[') => bracket = true,
            Some(']') => bracket = false,
            Some(_) => {}
        }
        text.push(letters[at]);
        at += 1;
    }
}

fn number(letters: &[char], from: usize) -> (f64, usize) {
    let mut at = from;
    let digits = |at: &mut usize| {
        while letters.get(*at).is_some_and(char::is_ascii_digit) {
            *at += 1;
        }
    };
    digits(&mut at);
    if letters.get(at) == Some(&'.') {
        at += 1;
        digits(&mut at);
    }
    if matches!(letters.get(at), Some('e' | 'E')) {
        let sign = usize::from(matches!(letters.get(at + 1), Some('+' | '-')));
        if letters.get(at + 1 + sign).is_some_and(char::is_ascii_digit) {
            at += 1 + sign;
            digits(&mut at);
        }
    }
    let text: String = letters[from..at].iter().collect();
    (text.parse().unwrap_or(0.0), at)
}
