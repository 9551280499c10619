//! Queries drawn at random: what may follow what, and which names there are.

use super::data::{Data, Form};
use super::generate_expr::{Draw, PERIODS, Scope};
use super::random::Random;
use super::tree::{Command, Expr, Item, Key, Query, Style};

/// Names that aliases may have; some are those of fields.
const ALIASES: [&str; 12] = [
    "a", "b", "total", "n", "bytes", "srcAddr", "action", "@t", "my-name", "x.y", "level", "by",
];

/// A query and the events it runs over.
pub(crate) fn case(seed: u64) -> (Query, Data) {
    let mut random = Random::new(seed);
    let data = Data::draw(&mut random);
    let fields = data.fields();
    let all = |names: &[String]| names.iter().map(|name| Expr::field(name)).collect();
    let scope = Scope {
        numbers: all(&fields.numbers),
        texts: all(&fields.texts),
        addresses: all(&fields.addresses),
        structures: Vec::new(),
        events: true,
    };
    let style = Style {
        capitals: random.percent(20),
        lines: random.percent(30),
    };
    let json = matches!(data.form, Form::Json);
    let mut writer = Writer {
        random,
        scope,
        commands: Vec::new(),
        json,
    };
    writer.write();
    let query = Query {
        commands: writer.commands,
        style,
    };
    (query, data)
}

struct Writer {
    random: Random,
    scope: Scope,
    commands: Vec<Command>,
    json: bool,
}

impl Writer {
    fn write(&mut self) {
        for _ in 0..self.random.below(4) {
            self.row_by_row();
        }
        let stats = *self.random.pick(&[0, 0, 1, 1, 1, 2]);
        for _ in 0..stats {
            self.stats();
            for _ in 0..self.random.below(3) {
                self.filter_or_fields();
            }
        }
        if self.random.percent(60) {
            self.sort();
        }
        if stats == 0 && self.random.percent(20) {
            for _ in 0..self.random.below(2) {
                self.row_by_row();
            }
        }
        if stats == 0 && self.random.percent(10) {
            self.limit();
        }
        if stats == 0 && self.random.percent(25) {
            self.dedup();
        }
        if self.random.percent(40) {
            self.limit();
        }
        if self.commands.is_empty() {
            self.limit();
        }
    }

    fn draw(&mut self) -> Draw<'_> {
        Draw {
            random: &mut self.random,
            scope: &self.scope,
        }
    }

    fn depth(&mut self) -> u32 {
        *self.random.pick(&[0, 1, 1, 2, 2, 3])
    }

    fn row_by_row(&mut self) {
        match self.random.below(12) {
            0..=4 => self.filter_or_fields(),
            5..=6 => self.glob(),
            7..=8 => self.regex(),
            9 => {
                let items = self.items(1);
                self.give(&items);
                self.commands.push(Command::Display(items));
            }
            10 if self.random.percent(30) => self.unnest(),
            _ => self.structure(),
        }
    }

    fn filter_or_fields(&mut self) {
        if self.random.percent(50) {
            let depth = self.depth();
            let condition = self.draw().condition(depth);
            self.commands.push(Command::Filter(condition));
            return;
        }
        let items = self.items(2);
        self.give(&items);
        self.commands.push(Command::Fields(items));
    }

    /// A map or list under a name.
    fn structure(&mut self) {
        let depth = self.depth();
        let expr = match self.random.below(2) {
            0 if self.json => Expr::call("jsonParse", vec![Expr::field("@message")]),
            _ => self.draw().structure(depth),
        };
        let name = self.random.word(&["j", "parts"]);
        self.scope.structures.push(Expr::field(&name));
        let item = Item {
            expr,
            alias: Some(name),
        };
        self.commands.push(Command::Fields(vec![item]));
    }

    fn unnest(&mut self) {
        let list = self.draw().structure(1);
        let name = "element".to_owned();
        self.scope.texts.push(Expr::field(&name));
        self.commands.push(Command::Unnest { list, name });
    }

    /// One or more items, each under a name of its own.
    fn items(&mut self, depth: u32) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let depth = self.random.below(u64::from(depth) + 1) as u32;
            let mut draw = self.draw();
            let expr = if draw.random.percent(40) {
                draw.name()
            } else {
                draw.any(depth)
            };
            let alias = self.random.percent(55).then(|| self.random.word(&ALIASES));
            let item = Item { expr, alias };
            if items
                .iter()
                .all(|known| known.name() != item.name() && known.key() != item.key())
            {
                items.push(item);
            }
        }
        items
    }

    /// The names of items are there from now on.
    fn give(&mut self, items: &[Item]) {
        for item in items {
            let Some(alias) = &item.alias else { continue };
            let name = Expr::field(alias);
            match &item.expr {
                Expr::Number(_) | Expr::Negative(_) | Expr::Binary(..) => {
                    self.scope.numbers.push(name);
                }
                _ => self.scope.texts.push(name),
            }
        }
    }

    /// Mostly of the message, else of a text.
    fn parsed(&mut self) -> Option<Expr> {
        match self.random.below(4) {
            0..=1 => None,
            2 => Some(self.draw().name()),
            _ => {
                let text = self.draw().text(1);
                matches!(text, Expr::Field(_) | Expr::Call(..)).then_some(text)
            }
        }
    }

    fn glob(&mut self) {
        let (pattern, count) = *self.random.pick(&[
            ("* * * *", 4),
            ("* eni-* *", 3),
            ("*.*.*.*", 4),
            ("10.0.*", 1),
            ("\"level\":\"*\"", 1),
            ("\"n\":*,", 1),
            ("-*-", 1),
            ("*é*", 2),
            (" *", 1),
            ("REJECT*", 1),
        ]);
        let names = ["p", "q", "r", "bytes", "rest", "srcAddr", "my-name"];
        let from = self.random.below(3) as usize;
        let names: Vec<String> = names[from..from + count]
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        let of = self.parsed();
        self.scope
            .texts
            .extend(names.iter().map(|name| Expr::field(name)));
        self.commands.push(Command::Glob {
            of,
            pattern: pattern.to_owned(),
            names,
        });
    }

    fn regex(&mut self) {
        let (pattern, names): (&str, &[&str]) = *self.random.pick(&[
            (
                r"(?<first>\S+) (?<owner>\d+)",
                ["first", "owner"].as_slice(),
            ),
            (r"eni-(?<number>\d+)", ["number"].as_slice()),
            (
                r"(?<net>\d+\.\d+)\.(?<host>[\d.]+)",
                ["net", "host"].as_slice(),
            ),
            (
                r#""n":(?<bytes>-?\d+)|(?<no>REJECT)"#,
                ["bytes", "no"].as_slice(),
            ),
            (r"(?<letters>[a-z]*)(?<p>\d?)", ["letters", "p"].as_slice()),
        ]);
        let of = self.parsed();
        self.scope
            .texts
            .extend(names.iter().map(|name| Expr::field(name)));
        let names = names.to_vec();
        self.commands.push(Command::Regex { of, pattern, names });
    }

    fn stats(&mut self) {
        // What an earlier `stats` put out without an alias is no argument of an aggregate.
        let is_name = |expr: &Expr| matches!(expr, Expr::Field(_));
        self.scope.numbers.retain(is_name);
        self.scope.texts.retain(is_name);
        let mut by: Vec<Item> = Vec::new();
        for _ in 0..self.random.below(3) {
            let expr = self.group();
            let alias = self.random.percent(40).then(|| self.random.word(&ALIASES));
            let item = Item { expr, alias };
            if by
                .iter()
                .all(|known| known.name() != item.name() && known.key() != item.key())
            {
                by.push(item);
            }
        }
        let mut items: Vec<Item> = Vec::new();
        for _ in 0..1 + self.random.below(4) {
            let expr = self.aggregated(&by, &items);
            let alias = self.random.percent(60).then(|| self.random.word(&ALIASES));
            let item = Item { expr, alias };
            let mut known = by.iter().chain(&items);
            if known.all(|known| known.name() != item.name() && known.key() != item.key()) {
                items.push(item);
            }
        }
        if items.is_empty() {
            let expr = Expr::call("count", vec![Expr::Star]);
            items.push(Item {
                expr,
                alias: Some(format!("rows-{}", self.commands.len())),
            });
        }
        self.scope = Scope::default();
        // An operator in front of a column's whole text would make another expression of it.
        let name = |item: &Item| match (&item.alias, &item.expr) {
            (_, expr) if is_rough(expr) => None,
            (Some(alias), _) => Some(Expr::field(alias)),
            (None, Expr::Field(_) | Expr::Call(..)) => Some(item.expr.clone()),
            (None, _) => None,
        };
        self.scope.texts.extend(by.iter().filter_map(name));
        self.scope.numbers.extend(items.iter().filter_map(name));
        self.commands.push(Command::Stats { items, by });
    }

    fn group(&mut self) -> Expr {
        let events = self.scope.events;
        match self.random.below(6) {
            0 if events => {
                let (amount, unit) = *self.random.pick(&PERIODS);
                Expr::call("bin", vec![Expr::Period(amount, unit)])
            }
            1 => {
                let expr = self.draw().any(1);
                if matches!(expr, Expr::Number(_) | Expr::Text(_)) {
                    self.draw().name()
                } else {
                    expr
                }
            }
            _ => self.draw().name(),
        }
    }

    /// An item of `stats`: an aggregate, or an expression over aggregates and names of this `stats`.
    fn aggregated(&mut self, by: &[Item], items: &[Item]) -> Expr {
        let names = by.iter().chain(items).filter_map(|item| item.alias.clone());
        let names: Vec<String> = names.collect();
        match self.random.below(8) {
            0 if !names.is_empty() => {
                let left = Expr::Field(self.random.pick(&names).clone());
                let right = self.aggregate();
                let operators = ["+", "-", "/", ">"];
                let operator: &&str = self.random.pick(&operators);
                Expr::binary(operator, left, right)
            }
            1 => {
                let (left, right) = (self.aggregate(), self.aggregate());
                let operators = ["+", "-", "*", "/"];
                let operator: &&str = self.random.pick(&operators);
                Expr::binary(operator, left, right)
            }
            2 => {
                let args = vec![self.aggregate(), Expr::Number(1.0)];
                let name = self.random.word(&["round", "greatest", "coalesce"]);
                Expr::call(&name, args)
            }
            _ => self.aggregate(),
        }
    }

    fn aggregate(&mut self) -> Expr {
        let events = self.scope.events;
        let mut names = vec![
            "count",
            "count_distinct",
            "sum",
            "avg",
            "min",
            "max",
            "pct",
            "stddev",
        ];
        if events {
            names.extend(["earliest", "latest", "sortsFirst", "sortsLast"]);
        }
        let name = *self.random.pick(&names);
        let mut args = match self.random.below(8) {
            0 if name == "count" => return Expr::call("count", Vec::new()),
            1..=2 if name == "count" => return Expr::call("COUNT", vec![Expr::Star]),
            0 => vec![self.draw().any(1)],
            1..=2 => vec![self.draw().number(1)],
            3..=4 => vec![self.draw().name()],
            _ => vec![self.draw().number(0)],
        };
        if name == "pct" {
            args.push(Expr::Number(
                *self.random.pick(&[0.0, 50.0, 90.0, 99.0, 100.0]),
            ));
        }
        Expr::call(name, args)
    }

    fn sort(&mut self) {
        let mut keys: Vec<Key> = Vec::new();
        for _ in 0..1 + self.random.below(3) {
            let mut draw = self.draw();
            let expr = if draw.random.percent(75) {
                draw.name()
            } else {
                draw.any(1)
            };
            let descending = *self.random.pick(&[None, Some(false), Some(true)]);
            keys.push(Key { expr, descending });
        }
        self.commands.push(Command::Sort(keys));
    }

    fn dedup(&mut self) {
        let mut keys = Vec::new();
        for _ in 0..1 + self.random.below(2) {
            if let Expr::Field(name) = self.draw().name() {
                keys.push(name);
            }
        }
        if !keys.is_empty() {
            self.commands.push(Command::Dedup(keys));
        }
    }

    fn limit(&mut self) {
        let rows = 1 + self.random.below(12) as usize;
        self.commands.push(Command::Limit(rows));
    }
}

/// Whether the last digits of its values hang on the order of sums, so that no text, no comparison
/// and no rounding may be made of them.
fn is_rough(expr: &Expr) -> bool {
    let key = expr.key();
    ["pct(", "stddev(", "haversine(", "log(", "sqrt("]
        .iter()
        .any(|name| key.contains(name))
}
