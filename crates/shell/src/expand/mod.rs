//! Expansion of words (Bash Reference Manual, 3.5): braces, tildes, parameters, substitutions,
//! arithmetic, splitting, names of files, quotes.

mod arithmetic;
mod brace;
mod change;
pub(crate) mod fields;
mod names;
mod parameter;
pub(crate) mod test;

use brush_parser::word::{TildeExpr, WordPiece, WordPieceWithSource};

use crate::limits::BRACES_AT_MOST;
use crate::parse::{Refused, document, pieces};
use crate::run::{Flow, Interpreter, Stop};

pub(crate) use fields::Fields;

/// A part of a word that has been expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bit {
    /// As it stands in the text: never split; `*` in it is special.
    Literal(String),
    /// Quoted: never split, nothing in it is special.
    Quoted(String),
    /// What an expansion outside quotes gave: split, and `*` in it is special.
    Split(String),
    /// A field ends here, as between the elements of `"$@"`.
    Break,
}

impl Interpreter<'_> {
    /// Expands a word into the fields of a command.
    pub(crate) fn fields(&mut self, word: &str, fields: &mut Fields) -> Flow<()> {
        let words = brace::expand(word).map_err(|brace::TooMany| {
            let text =
                format!("braces that make more than {BRACES_AT_MOST} words are not simulated");
            Stop::Refused(text)
        })?;
        for word in words {
            // `{,x}` makes no word of nothing.
            if word.is_empty() {
                continue;
            }
            self.step(word.len())?;
            let bits = self.bits(&word, false)?;
            let separators = self.separators();
            let made = fields::split(bits, &separators);
            for field in made {
                let names = self.names(&field)?;
                fields.push(field, names);
            }
        }
        Ok(())
    }

    /// `$IFS`, or what it is when it is unset.
    pub(crate) fn separators(&self) -> String {
        self.state
            .variables
            .text("IFS")
            .unwrap_or(" \t\n")
            .to_owned()
    }

    /// Expands a word into one text, as where nothing is split.
    pub(crate) fn one_word(&mut self, word: &str) -> Flow<String> {
        let bits = self.bits(word, false)?;
        Ok(joined(bits))
    }

    /// Expands a word into a pattern: what is quoted stands for itself.
    pub(crate) fn pattern_word(&mut self, word: &str) -> Flow<String> {
        let mut pattern = String::new();
        for bit in self.bits(word, false)? {
            match bit {
                Bit::Literal(text) | Bit::Split(text) => pattern += &text,
                Bit::Quoted(text) => pattern += &escaped(&text),
                Bit::Break => pattern.push(' '),
            }
        }
        Ok(pattern)
    }

    /// Expands a here-document.
    pub(crate) fn document(&mut self, text: &str) -> Flow<String> {
        self.step(text.len())?;
        let pieces = document(text).map_err(|it| self.bad(it))?;
        self.readable(&pieces)?;
        let mut bits = Vec::new();
        for piece in &pieces {
            match &piece.piece {
                // A line that goes on.
                WordPiece::Text(text) => bits.push(Bit::Quoted(text.replace("\\\n", ""))),
                _ => self.piece(piece, true, &mut bits)?,
            }
        }
        Ok(joined(bits))
    }

    /// A text that cannot be parsed ends the shell.
    fn bad(&mut self, refused: Refused) -> Stop {
        match refused {
            Refused::Unsimulated(why) => Stop::Refused(why),
            Refused::Syntax(_, what) => match self.complain(&what) {
                Ok(()) => Stop::Exit(1),
                Err(stop) => stop,
            },
        }
    }

    /// The parts of a word; `quoted` where it stands within quotes.
    pub(crate) fn bits(&mut self, word: &str, quoted: bool) -> Flow<Vec<Bit>> {
        let mut bits = Vec::new();
        if is_plain(word) {
            bits.push(Bit::Literal(word.to_owned()));
            return Ok(bits);
        }
        let pieces = match quoted && word.contains('\'') && !word.contains('"') {
            true => document(word),
            false => pieces(word),
        };
        let pieces = pieces.map_err(|it| self.bad(it))?;
        self.readable(&pieces)?;
        for piece in &pieces {
            self.piece(piece, quoted, &mut bits)?;
        }
        Ok(bits)
    }

    fn piece(
        &mut self,
        piece: &WordPieceWithSource,
        quoted: bool,
        bits: &mut Vec<Bit>,
    ) -> Flow<()> {
        let expanded = |text: String| match quoted {
            true => Bit::Quoted(text),
            false => Bit::Split(text),
        };
        match &piece.piece {
            WordPiece::Text(text) if quoted => {
                bits.push(Bit::Quoted(text.replace("\\\n", "")));
            }
            WordPiece::Text(text) => bits.push(Bit::Literal(text.clone())),
            WordPiece::SingleQuotedText(text) => bits.push(Bit::Quoted(text.clone())),
            WordPiece::AnsiCQuotedText(text) => bits.push(Bit::Quoted(ansi(text))),
            WordPiece::DoubleQuotedSequence(inner)
            | WordPiece::GettextDoubleQuotedSequence(inner) => {
                let before = bits.len();
                let nothing = std::mem::take(&mut self.nothing);
                self.readable(inner)?;
                for piece in inner {
                    self.piece(piece, true, bits)?;
                }
                // Quotes make a field of nothing, but not of no elements.
                if bits.len() == before && !self.nothing {
                    bits.push(Bit::Quoted(String::new()));
                }
                self.nothing = nothing;
            }
            WordPiece::TildeExpansion(tilde) => bits.push(Bit::Quoted(self.tilde(tilde))),
            WordPiece::ParameterExpansion(parameter) => self.parameter(parameter, quoted, bits)?,
            WordPiece::CommandSubstitution(text) => {
                let text = self.substitute(text)?;
                bits.push(expanded(text));
            }
            WordPiece::BackquotedCommandSubstitution(text) => {
                let text = self.substitute(&text.replace("\\\\", "\\").replace("\\$", "$"))?;
                bits.push(expanded(text));
            }
            WordPiece::EscapeSequence(text) => {
                let letter = text.strip_prefix('\\').unwrap_or(text);
                if letter != "\n" {
                    bits.push(Bit::Quoted(letter.to_owned()));
                }
            }
            WordPiece::ArithmeticExpression(expression) => {
                let value = self.arithmetic_or_exit(&expression.value)?;
                bits.push(expanded(value.to_string()));
            }
        }
        Ok(())
    }

    /// The parser leaves `$` and `{` of what it cannot read as they are.
    fn readable(&mut self, pieces: &[WordPieceWithSource]) -> Flow<()> {
        for pair in pieces.windows(2) {
            if let (WordPiece::Text(sign), WordPiece::Text(rest)) = (&pair[0].piece, &pair[1].piece)
                && sign == "$"
                && rest.starts_with('{')
            {
                let end = rest.find('}').map_or(rest.len(), |it| it + 1);
                let text = format!("${}", &rest[..end]);
                return Err(match text.contains('~') {
                    true => Stop::Refused(format!("`{text}` is not simulated")),
                    false => self.bad(Refused::Syntax(0, format!("{text}: bad substitution"))),
                });
            }
        }
        Ok(())
    }

    fn tilde(&self, tilde: &TildeExpr) -> String {
        let text = |name| {
            self.state
                .variables
                .text(name)
                .unwrap_or_default()
                .to_owned()
        };
        match tilde {
            TildeExpr::Home => text("HOME"),
            TildeExpr::WorkingDir => self.state.directory.clone(),
            TildeExpr::OldWorkingDir => text("OLDPWD"),
            TildeExpr::UserHome(user) if user == "root" => "/root".to_owned(),
            TildeExpr::UserHome(user) if user == "ec2-user" => "/home/ec2-user".to_owned(),
            TildeExpr::UserHome(user) => format!("~{user}"),
            TildeExpr::NthDirFromTopOfDirStack { n, plus_used } => {
                format!("~{}{n}", if *plus_used { "+" } else { "" })
            }
            TildeExpr::NthDirFromBottomOfDirStack { n } => format!("~-{n}"),
        }
    }
}

/// Whether nothing in a word is special.
fn is_plain(word: &str) -> bool {
    !word.contains(['$', '`', '\\', '\'', '"', '~'])
}

/// Parts as one text.
pub(crate) fn joined(bits: Vec<Bit>) -> String {
    let mut text = String::new();
    for bit in bits {
        match bit {
            Bit::Literal(part) | Bit::Quoted(part) | Bit::Split(part) => text += &part,
            Bit::Break => text.push(' '),
        }
    }
    text
}

/// A text as a pattern that fits it alone.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if r"*?[]\!-^+@()|".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// A word as the shell would have it typed, in the way of `set -x`.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |it: char| it.is_alphanumeric() || "%+-./:=@_,~".contains(it);
    if word.is_empty() {
        return "''".to_owned();
    }
    if word.chars().any(char::is_control) {
        return ansi_quoted(word);
    }
    let starts_plain = !word.starts_with(['~', '#']);
    if starts_plain && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn ansi_quoted(word: &str) -> String {
    let mut out = "$'".to_owned();
    for letter in word.chars() {
        match letter {
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            '\x1b' => out += "\\E",
            '\'' => out += "\\'",
            '\\' => out += "\\\\",
            _ if letter.is_control() => out += &format!("\\{:03o}", u32::from(letter)),
            _ => out.push(letter),
        }
    }
    out + "'"
}

/// `printf %q`
pub(crate) fn backslashed(word: &str) -> String {
    if word.is_empty() || word.chars().any(char::is_control) {
        return quoted(word);
    }
    let mut out = String::new();
    for (at, letter) in word.chars().enumerate() {
        let special = " !\"$&'()*,;<>?[\\]^`{|}".contains(letter);
        if special || at == 0 && "~#".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// `$'...'`
pub(crate) fn ansi(text: &str) -> String {
    escapes(text, Escapes::Quoted).0
}

/// Where backslashes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// `$'...'`, and formats of `printf`.
    Quoted,
    /// `echo -e`, `%b`: octal numbers begin with 0, `\c` ends it all.
    Echo,
}

/// A text without its backslashes; whether `\c` has ended it.
pub(crate) fn escapes(text: &str, kind: Escapes) -> (String, bool) {
    let mut out = Octets::default();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        let Some(letter) = letters.next() else {
            out.push('\\');
            break;
        };
        let mut digits = |base: u32, most: usize| {
            let mut value = 0;
            let mut read = 0;
            while let Some(digit) = letters.peek().and_then(|it| it.to_digit(base)) {
                if read == most {
                    break;
                }
                letters.next();
                (value, read) = (value * base + digit, read + 1);
            }
            (value, read)
        };
        match letter {
            'a' => out.push('\x07'),
            'b' => out.push('\x08'),
            'e' | 'E' => out.push('\x1b'),
            'f' => out.push('\x0c'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\x0b'),
            '\\' => out.push('\\'),
            '\'' | '"' | '?' if kind == Escapes::Quoted => out.push(letter),
            'c' if kind == Escapes::Echo => return (out.text(), true),
            'x' | 'u' | 'U' => {
                let most = match letter {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let (value, read) = digits(16, most);
                match char::from_u32(value).filter(|_| read > 0) {
                    Some(_) if letter == 'x' => out.octet(value),
                    Some(made) => out.push(made),
                    None => out.extend(['\\', letter]),
                }
            }
            '0' if kind == Escapes::Echo => {
                let (value, _) = digits(8, 3);
                out.octet(value);
            }
            '0'..='7' if kind == Escapes::Quoted => {
                let first = letter.to_digit(8).unwrap_or(0);
                let (rest, read) = digits(8, 2);
                let value = first * 8_u32.pow(read as u32) + rest;
                out.octet(value);
            }
            _ => out.extend(['\\', letter]),
        }
    }
    (out.text(), false)
}

/// A text that is made of letters and octets, which may be parts of letters.
#[derive(Default)]
struct Octets(Vec<u8>);

impl Octets {
    fn push(&mut self, letter: char) {
        self.0.extend(letter.encode_utf8(&mut [0; 4]).bytes());
    }

    fn extend(&mut self, letters: impl IntoIterator<Item = char>) {
        letters.into_iter().for_each(|it| self.push(it));
    }

    fn octet(&mut self, value: u32) {
        self.0.extend(u8::try_from(value & 0xff));
    }

    /// Octets that are no letters stand for the letters of these numbers: texts are Unicode here.
    fn text(self) -> String {
        let mut text = String::new();
        for chunk in self.0.utf8_chunks() {
            text += chunk.valid();
            text.extend(chunk.invalid().iter().map(|it| char::from(*it)));
        }
        text
    }
}
