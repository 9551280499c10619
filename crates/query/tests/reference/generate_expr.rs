//! Expressions drawn at random.

use super::random::Random;
use super::tree::{Expr, Step};

/// What a drawn expression can read: names (or whole expressions that columns bear), by what they
/// mostly hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) numbers: Vec<Expr>,
    pub(crate) texts: Vec<Expr>,
    pub(crate) addresses: Vec<Expr>,
    pub(crate) structures: Vec<Expr>,
    /// Whether the rows are events: `@timestamp`, `bin` and the message are there.
    pub(crate) events: bool,
}

const REGEXES: [&str; 8] = [
    r"^10\.",
    r"(?i)error|reject",
    r"\d+$",
    r"^(eni|vpc)-\d",
    r"a.*b|c#d",
    r"[A-Z]{3,}",
    r":+",
    r"^-?$",
];
const BLOCKS: [&str; 6] = [
    "10.0.1.0/24",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "2001:db8::/32",
    "fd00::/8",
    "8.8.8.8/32",
];
pub(crate) const PERIODS: [(i64, &str); 16] = [
    (1, "m"),
    (5, "min"),
    (5, "m"),
    (30, "s"),
    (300, "s"),
    (90, "minutes"),
    (1, "h"),
    (36, "hours"),
    (1, "d"),
    (2, "weeks"),
    (1, "mo"),
    (1, "q"),
    (1, "y"),
    (500, "ms"),
    (5000, "msec"),
    (7, "seconds"),
];
const TEXTS: [&str; 16] = [
    "",
    "-",
    "ACCEPT",
    "REJECT",
    "10.0.1.",
    "eni-1",
    "error",
    "a|b",
    "it's",
    "say \"hi\"",
    "c:\\d",
    "é#1",
    "22",
    "007",
    "1e3",
    "-0",
];

/// Draws expressions over a scope.
pub(crate) struct Draw<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) scope: &'a Scope,
}

impl Draw<'_> {
    fn one_of(&mut self, from: &[Expr]) -> Expr {
        let scope = self.scope;
        let all = [from, &scope.texts, &scope.numbers];
        match all.into_iter().find(|names| !names.is_empty()) {
            Some(names) if !self.random.percent(3) => self.random.pick(names).clone(),
            _ => Expr::field("missing"),
        }
    }

    /// Any name at all.
    pub(crate) fn name(&mut self) -> Expr {
        match self.random.below(if self.scope.events { 12 } else { 9 }) {
            0..=2 => self.one_of(&self.scope.addresses),
            3..=5 => self.one_of(&self.scope.numbers),
            6..=8 => self.one_of(&self.scope.texts),
            9 => Expr::field("@timestamp"),
            10 => Expr::field("@logStream"),
            _ => self
                .random
                .pick(&["@message", "@log", "@ingestionTime"].map(Expr::field))
                .clone(),
        }
    }

    /// Something of any kind but a map or list.
    pub(crate) fn any(&mut self, depth: u32) -> Expr {
        match self.random.below(8) {
            0..=1 => self.name(),
            2..=3 => self.number(depth),
            4..=5 => self.text(depth),
            6 => self.condition(depth),
            _ => self.time(depth),
        }
    }

    /// A function's name in one of the spellings.
    fn call(&mut self, name: &str, args: Vec<Expr>) -> Expr {
        let name = match self.random.below(6) {
            0 => name.to_uppercase(),
            1 => name.to_lowercase(),
            _ => name.to_owned(),
        };
        Expr::Call(name, args)
    }

    fn literal_number(&mut self) -> Expr {
        let numbers = [
            0.0, 1.0, 2.0, 6.0, 22.0, 44.0, 1024.0, 0.5, -1.0, -2.5, 5432.0, 1e6,
        ];
        Expr::Number(*self.random.pick(&numbers))
    }

    pub(crate) fn literal_text(&mut self) -> Expr {
        Expr::Text(self.random.word(&TEXTS))
    }

    pub(crate) fn number(&mut self, depth: u32) -> Expr {
        if depth == 0 {
            return match self.random.below(8) {
                0..=2 => self.literal_number(),
                3 => self.name(),
                _ => self.one_of(&self.scope.numbers),
            };
        }
        let d = depth - 1;
        match self.random.below(18) {
            0..=7 => {
                let operator = self
                    .random
                    .constant(&["+", "-", "*", "/", "%", "+", "-", "*", "^"]);
                let (left, right) = (self.number(d), self.number(d));
                // Beside aggregates a remainder would make much of a sum's last digit.
                let operator = if self.scope.events || operator != "%" {
                    operator
                } else {
                    "+"
                };
                // A power of drawn numbers is soon beyond all digits.
                let right = if operator == "^" {
                    Expr::Number(2.0)
                } else {
                    right
                };
                Expr::binary(operator, left, right)
            }
            8 => match self.number(d) {
                Expr::Number(number) => Expr::Number(-number),
                number => Expr::Negative(Box::new(number)),
            },
            9..=10 => {
                let name = self.random.word(&[
                    "abs", "ceil", "floor", "sqrt", "log", "toNumber", "toInt", "toLong",
                    "toDouble",
                ]);
                let arg = self.number(d);
                self.call(&name, vec![arg])
            }
            11..=12 => self.chosen_number(d),
            _ => self.called_number(d),
        }
    }

    /// One of several numbers, or a rounded one.
    fn chosen_number(&mut self, d: u32) -> Expr {
        match self.random.below(5) {
            0 => {
                let decimals = Expr::Number(self.random.below(3) as f64);
                let args = [self.number(d), decimals];
                let count = 1 + self.random.below(2) as usize;
                self.call("round", args[..count].to_vec())
            }
            1 => {
                let name = self.random.word(&["greatest", "least"]);
                let args = (0..1 + self.random.below(3))
                    .map(|_| self.number(d))
                    .collect();
                self.call(&name, args)
            }
            2..=3 => {
                let args = vec![self.condition(d), self.number(d), self.number(d)];
                self.call("if", args)
            }
            _ => {
                let args = vec![self.name(), self.number(d)];
                self.call("coalesce", args)
            }
        }
    }

    /// A number that a function makes of something else.
    fn called_number(&mut self, d: u32) -> Expr {
        match self.random.below(8) {
            0 => {
                let text = self.text(d);
                self.call("strlen", vec![text])
            }
            1 => {
                let time = self.time(d);
                self.call("toMillis", vec![time])
            }
            2 => {
                let address = self.address();
                self.call("ipv4ToNumber", vec![address])
            }
            3 => {
                let list = self.structure(d);
                self.call("jsonArraySize", vec![list])
            }
            4 => {
                let texts = ["ff", "0x1A", "zz", "12"].map(|text| Expr::Text(text.to_owned()));
                let text = self.random.pick(&texts).clone();
                self.call("hexToDec", vec![text])
            }
            5 => self.of_the_query(),
            6 => {
                let args = (0..4)
                    .map(|_| Expr::Number(self.random.below(90) as f64))
                    .collect();
                self.call("haversine", args)
            }
            _ => self.condition(d),
        }
    }

    fn of_the_query(&mut self) -> Expr {
        let name = self
            .random
            .word(&["now", "queryStartTime", "queryEndTime", "queryTimeRange"]);
        if self.scope.events && self.random.percent(30) {
            return self.call("messageSize", Vec::new());
        }
        self.call(&name, Vec::new())
    }

    pub(crate) fn text(&mut self, depth: u32) -> Expr {
        if depth == 0 {
            return match self.random.below(6) {
                0 => self.literal_text(),
                1..=2 => self.name(),
                _ => self.one_of(&self.scope.texts),
            };
        }
        let d = depth - 1;
        match self.random.below(18) {
            0..=1 => {
                let args = (0..1 + self.random.below(3)).map(|_| self.any(d)).collect();
                self.call("concat", args)
            }
            2 => {
                let name = self
                    .random
                    .word(&["toUpper", "toLower", "urlEncode", "base64encode"]);
                let arg = self.text(d);
                self.call(&name, vec![arg])
            }
            3 => {
                let name = self.random.word(&["trim", "ltrim", "rtrim"]);
                let set = Expr::Text(self.random.word(&["1", "eni-", " ", "AT"]));
                let count = 1 + self.random.below(2) as usize;
                let args = [self.text(d), set];
                self.call(&name, args[..count].to_vec())
            }
            4..=5 => {
                let mut place = || Expr::Number(self.random.below(8) as f64);
                let (start, len) = (place(), place());
                let args = [self.text(d), start, len];
                let count = 2 + self.random.below(2) as usize;
                self.call("substr", args[..count].to_vec())
            }
            6 => {
                let from = Expr::Text(self.random.word(&["1", ".", "E", "-", ""]));
                let args = vec![self.text(d), from, self.text(0)];
                self.call("replace", args)
            }
            7 => {
                let regex = Expr::Text(self.random.word(&[r"\d+", "[A-Z]", r"\.", "^.", "(e)(n)"]));
                let by = Expr::Text(self.random.word(&["#", "", "<$0>", "x"]));
                let args = vec![self.text(d), regex, by];
                self.call("regexReplace", args)
            }
            8..=12 => self.chosen_text(d),
            _ => self.called_text(d),
        }
    }

    /// One of several texts.
    fn chosen_text(&mut self, d: u32) -> Expr {
        match self.random.below(4) {
            0..=1 => {
                let args = vec![self.condition(d), self.any(d), self.any(d)];
                self.call("if", args)
            }
            2 => {
                let mut args = Vec::new();
                for _ in 0..1 + self.random.below(3) {
                    args.extend([self.condition(d), self.text(d)]);
                }
                if self.random.percent(70) {
                    args.push(self.any(d));
                }
                self.call("case", args)
            }
            _ => {
                let args = (0..2 + self.random.below(2)).map(|_| self.any(d)).collect();
                self.call("coalesce", args)
            }
        }
    }

    /// A text that a function makes of something else.
    fn called_text(&mut self, d: u32) -> Expr {
        match self.random.below(6) {
            0 => {
                let formats = ["%Y-%m-%d", "%H:%M:%S", "%F %T", "%j/%y", "day %d"];
                let zone = Expr::Text(self.random.word(&["UTC", "+02:00", "-05:00"]));
                let format = Expr::Text(self.random.word(&formats));
                let args = [self.time(d), format, zone];
                let count = 2 + self.random.below(2) as usize;
                self.call("formatDate", args[..count].to_vec())
            }
            1 => {
                let inner = self.text(d);
                let (encode, decode) = *self
                    .random
                    .pick(&[("urlEncode", "urlDecode"), ("base64encode", "base64decode")]);
                let inner = self.call(encode, vec![inner]);
                self.call(decode, vec![inner])
            }
            2 => {
                let number = self.number(d);
                self.call("decToHex", vec![number])
            }
            3 => {
                let list = self.structure(d);
                self.call("jsonStringify", vec![list])
            }
            4 => self.element(d),
            _ => {
                let texts = ["41426a", "zz", "c3ab", "4"].map(|text| Expr::Text(text.to_owned()));
                let text = self.random.pick(&texts).clone();
                self.call("hexToAscii", vec![text])
            }
        }
    }

    /// A map or list, mostly.
    pub(crate) fn structure(&mut self, depth: u32) -> Expr {
        if !self.scope.structures.is_empty() && self.random.percent(50) {
            return self.one_of(&self.scope.structures);
        }
        if self.random.percent(30) {
            let text = if self.scope.events {
                Expr::field("@message")
            } else {
                self.text(0)
            };
            return self.call("jsonParse", vec![text]);
        }
        let by = Expr::Text(self.random.word(&[".", "-", ":", " "]));
        let text = self.text(depth.min(1));
        self.call("split", vec![text, by])
    }

    /// What lies in a map or list.
    fn element(&mut self, depth: u32) -> Expr {
        let of = self.structure(depth);
        let name = |name: &str| Step::Name(name.to_owned());
        let paths = [
            vec![Step::Place(0)],
            vec![Step::Place(1)],
            vec![name("level")],
            vec![name("user"), name("name")],
            vec![name("list"), Step::Place(0), name("v")],
            vec![name("tags")],
            vec![name("req-id")],
        ];
        let path = self.random.pick(&paths).clone();
        // A column that bears a text as its name is not what steps lead into.
        match &of {
            Expr::Field(_) | Expr::Call(..) => Expr::Access(Box::new(of), path),
            _ => of,
        }
    }

    fn time(&mut self, depth: u32) -> Expr {
        let stamp = if self.scope.events {
            Expr::field("@timestamp")
        } else {
            self.number(0)
        };
        if depth == 0 {
            return stamp;
        }
        let (amount, unit) = *self.random.pick(&PERIODS);
        let period = Expr::Period(amount, unit);
        match self.random.below(5) {
            0 if self.scope.events => self.call("bin", vec![period]),
            1 => self.call("dateceil", vec![stamp, period]),
            2 => {
                let number = self.number(0);
                self.call("fromMillis", vec![number])
            }
            3 => {
                let pattern = self.random.word(&["yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd"]);
                let zone = Expr::Text(self.random.word(&["UTC", "+02:00"]));
                let text = if self.scope.events {
                    self.text(0)
                } else {
                    self.literal_text()
                };
                let args = [text, Expr::Text(pattern), zone];
                let count = 2 + self.random.below(2) as usize;
                self.call("parseDate", args[..count].to_vec())
            }
            _ => self.call("datefloor", vec![stamp, period]),
        }
    }

    fn address(&mut self) -> Expr {
        if self.random.percent(15) {
            self.name()
        } else {
            self.one_of(&self.scope.addresses)
        }
    }

    pub(crate) fn condition(&mut self, depth: u32) -> Expr {
        if depth > 0 && self.random.percent(35) {
            let d = depth - 1;
            return match self.random.below(5) {
                0..=1 => Expr::binary("and", self.condition(d), self.condition(d)),
                2..=3 => Expr::binary("or", self.condition(d), self.condition(d)),
                _ => Expr::Not(Box::new(self.condition(d))),
            };
        }
        let d = depth.saturating_sub(1);
        let operator = self
            .random
            .constant(&["=", "==", "!=", "<", "<=", ">", ">=", "=", "!="]);
        match self.random.below(16) {
            0..=2 => Expr::binary(operator, self.number(d), self.literal_number()),
            3 => Expr::binary(operator, self.number(d), self.number(d)),
            4..=5 => Expr::binary(operator, self.text(d), self.literal_text()),
            6 => Expr::binary(operator, self.any(d), self.any(d)),
            7 => Expr::Like(Box::new(self.any(d)), self.random.word(&TEXTS[1..])),
            8..=9 => Expr::Matches(Box::new(self.any(d)), self.random.constant(&REGEXES)),
            10..=11 => self.in_list(d),
            12 => {
                let block = self.random.word(&BLOCKS);
                let args = vec![self.address(), Expr::Text(block)];
                self.call("isIpInSubnet", args)
            }
            13..=14 => self.test(d),
            _ => self.name(),
        }
    }

    fn in_list(&mut self, depth: u32) -> Expr {
        let value = self.any(depth);
        let count = *self.random.pick(&[1, 2, 3, 12]);
        let element = |draw: &mut Self| match draw.random.below(3) {
            0 => draw.literal_text(),
            1 => Expr::Text(
                draw.random
                    .word(&["10.0.1.5", "22", "53", "6", "OK", "ann"]),
            ),
            _ => draw.literal_number(),
        };
        let list = (0..count).map(|_| element(self)).collect();
        Expr::In(Box::new(value), list, self.random.percent(40))
    }

    /// A function that gives true or false.
    fn test(&mut self, depth: u32) -> Expr {
        let name = self.random.word(&[
            "isPresent",
            "isNumeric",
            "isEmpty",
            "isBlank",
            "isValidIp",
            "isValidIpV4",
            "isValidIpV6",
            "isPrivateIP",
            "isPublicIP",
            "isReservedIP",
            "strContains",
            "startsWith",
            "endsWith",
            "jsonArrayContains",
        ]);
        let args = match name.as_str() {
            "strContains" => {
                let ignore_case = Expr::Number(self.random.below(2) as f64);
                let args = [self.text(depth), self.text(0), ignore_case];
                let count = 2 + self.random.below(2) as usize;
                args[..count].to_vec()
            }
            "startsWith" | "endsWith" => vec![self.text(depth), self.text(0)],
            "jsonArrayContains" => vec![self.structure(depth), self.text(0)],
            name if name.ends_with("IP") || name.starts_with("isValid") => vec![self.address()],
            _ => vec![self.any(depth)],
        };
        self.call(&name, args)
    }
}
