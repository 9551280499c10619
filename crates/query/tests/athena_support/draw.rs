//! Random rows and random queries over them, from a seed.

/// A query in two dialects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) trino: String,
    pub(crate) duckdb: String,
    /// Whether its rows have one order.
    pub(crate) ordered: bool,
}

/// A part of a query in two dialects.
type Part = (String, String);

const NUMBERS: &[&str] = &[
    "srcport", "dstport", "protocol", "packets", "bytes", "start",
];
const TEXTS: &[&str] = &["srcaddr", "dstaddr", "action"];

pub(crate) struct Draw {
    state: u64,
}

fn both(text: impl Into<String>) -> Part {
    let text = text.into();
    (text.clone(), text)
}

fn with(parts: &[&Part], join: impl Fn(&[&str]) -> String) -> Part {
    let trino: Vec<&str> = parts.iter().map(|part| part.0.as_str()).collect();
    let duckdb: Vec<&str> = parts.iter().map(|part| part.1.as_str()).collect();
    (join(&trino), join(&duckdb))
}

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// Lines of text; some values missing.
    pub(crate) fn rows(&mut self, count: u64) -> String {
        let mut lines = String::new();
        for id in 0..count {
            let mut cells = vec![
                id.to_string(),
                format!("10.0.{}.{}", self.below(3), self.below(6)),
                format!("10.{}.0.{}", self.below(2), self.below(8)),
                (40000 + self.below(20)).to_string(),
                self.one(&["22", "53", "80", "443", "3389", "5432"])
                    .to_owned(),
                self.one(&["6", "6", "17", "1"]).to_owned(),
                self.below(50).to_string(),
                (self.below(9) * 1000 + self.below(40)).to_string(),
                (1_709_596_800 + self.below(3600)).to_string(),
                self.one(&["ACCEPT", "ACCEPT", "REJECT"]).to_owned(),
            ];
            for cell in &mut cells[1..] {
                if self.below(12) == 0 {
                    *cell = "\\N".to_owned();
                }
            }
            lines.push_str(&cells.join(" "));
            lines.push('\n');
        }
        lines
    }

    fn number(&mut self, depth: u64) -> Part {
        match self.below(if depth == 0 { 2 } else { 9 }) {
            0 => both(self.one(NUMBERS)),
            1 => both(self.below(6000).to_string()),
            2 => {
                let (a, b) = (self.number(depth - 1), self.number(depth - 1));
                let sign = self.one(&["+", "-"]);
                let wide = |side: &str| format!("CAST({side} AS bigint)");
                with(&[&a, &b], |p| {
                    format!("({} {sign} {})", wide(p[0]), wide(p[1]))
                })
            }
            3 => {
                let (a, by) = (self.number(depth - 1), 1 + self.below(60));
                (format!("({} / {by})", a.0), format!("({} // {by})", a.1))
            }
            4 => {
                let (a, by) = (self.number(depth - 1), 1 + self.below(60));
                with(&[&a], |p| format!("({} % {by})", p[0]))
            }
            5 => {
                let (a, b) = (self.number(depth - 1), self.number(depth - 1));
                with(&[&a, &b], |p| format!("coalesce({}, {})", p[0], p[1]))
            }
            6 => {
                let test = self.test(depth - 1);
                let (a, b) = (self.number(depth - 1), self.number(depth - 1));
                with(&[&test, &a, &b], |p| {
                    format!("CASE WHEN {} THEN {} ELSE {} END", p[0], p[1], p[2])
                })
            }
            7 => {
                let text = self.text(depth - 1);
                with(&[&text], |p| format!("length({})", p[0]))
            }
            _ => {
                let a = self.number(depth - 1);
                with(&[&a], |p| format!("abs({} - 100)", p[0]))
            }
        }
    }

    fn text(&mut self, depth: u64) -> Part {
        match self.below(if depth == 0 { 2 } else { 8 }) {
            0 | 1 => both(self.one(TEXTS)),
            2 => both(format!("'{}'", self.one(&["ACCEPT", "10.0.1.5", "", "x"]))),
            3 => {
                let (a, b) = (self.text(depth - 1), self.text(depth - 1));
                with(&[&a, &b], |p| format!("({} || '-' || {})", p[0], p[1]))
            }
            4 => {
                let (a, from) = (self.text(depth - 1), 1 + self.below(5));
                with(&[&a], |p| format!("substr({}, {from}, 4)", p[0]))
            }
            5 => {
                let function = self.one(&["lower", "upper", "reverse", "trim"]);
                let a = self.text(depth - 1);
                with(&[&a], |p| format!("{function}({})", p[0]))
            }
            6 => {
                let a = self.text(depth - 1);
                with(&[&a], |p| format!("replace({}, '.', '')", p[0]))
            }
            _ => {
                let a = self.number(depth - 1);
                with(&[&a], |p| format!("CAST({} AS varchar)", p[0]))
            }
        }
    }

    fn test(&mut self, depth: u64) -> Part {
        let sign = self.one(&["=", "<>", "<", "<=", ">", ">="]);
        match self.below(if depth == 0 { 4 } else { 10 }) {
            0 | 1 => {
                let (a, b) = (self.number(depth.min(1)), self.number(0));
                with(&[&a, &b], |p| format!("{} {sign} {}", p[0], p[1]))
            }
            2 => {
                let a = self.text(depth.min(1));
                let b = self.one(&["'10.0.1.3'", "'ACCEPT'", "dstaddr", "srcaddr"]);
                with(&[&a], |p| format!("{} {sign} {b}", p[0]))
            }
            3 => {
                let a = both(self.one(NUMBERS));
                let not = self.one(&["", "NOT "]);
                with(&[&a], |p| format!("{} IS {not}NULL", p[0]))
            }
            4 => {
                let (a, b) = (self.test(depth - 1), self.test(depth - 1));
                let word = self.one(&["AND", "OR"]);
                with(&[&a, &b], |p| format!("({} {word} {})", p[0], p[1]))
            }
            5 => {
                let a = self.test(depth - 1);
                with(&[&a], |p| format!("NOT ({})", p[0]))
            }
            6 => {
                let (a, not) = (self.number(depth - 1), self.one(&["", "NOT "]));
                with(&[&a], |p| format!("{} {not}IN (22, 53, 443, 6)", p[0]))
            }
            7 => {
                let (a, low) = (self.number(depth - 1), self.below(100));
                with(&[&a], |p| format!("{} BETWEEN {low} AND 5000", p[0]))
            }
            8 => {
                let (a, not) = (self.text(depth - 1), self.one(&["", "NOT "]));
                let pattern = self.one(&["10.0.%", "%.5", "_CC%", "%0.1%", "REJECT"]);
                with(&[&a], |p| format!("{} {not}LIKE '{pattern}'", p[0]))
            }
            _ => {
                let a = both(self.one(&["srcaddr", "dstaddr"]));
                let inner = self.test(0);
                let column = self.one(&["srcaddr", "dstaddr"]);
                with(&[&a, &inner], |p| {
                    format!("{} IN (SELECT {column} FROM flow WHERE {})", p[0], p[1])
                })
            }
        }
    }

    fn aggregate(&mut self) -> Part {
        let a = self.number(1);
        match self.below(9) {
            0 => both("count(*)"),
            1 => with(&[&a], |p| format!("count({})", p[0])),
            2 => with(&[&a], |p| format!("count(DISTINCT {})", p[0])),
            3 => with(&[&a], |p| format!("sum({})", p[0])),
            4 => with(&[&a], |p| format!("min({})", p[0])),
            5 => with(&[&a], |p| format!("max({})", p[0])),
            6 => with(&[&a], |p| format!("avg({})", p[0])),
            7 => {
                let text = self.text(1);
                with(&[&text], |p| format!("max({})", p[0]))
            }
            _ => {
                let test = self.test(1);
                with(&[&a, &test], |p| {
                    format!("sum({}) FILTER (WHERE {})", p[0], p[1])
                })
            }
        }
    }

    fn filter(&mut self) -> Part {
        if self.below(4) == 0 {
            return both("");
        }
        let test = self.test(2);
        with(&[&test], |p| format!(" WHERE {}", p[0]))
    }

    /// A query of one of six shapes.
    pub(crate) fn query(&mut self) -> Query {
        let (part, ordered) = match self.below(6) {
            0 | 1 => self.plain(),
            2 | 3 => self.grouped(),
            4 => self.windowed(),
            _ => self.joined(),
        };
        let (trino, duckdb) = part;
        Query {
            trino,
            duckdb,
            ordered,
        }
    }

    fn plain(&mut self) -> (Part, bool) {
        let (a, b, filter) = (self.number(2), self.text(2), self.filter());
        let test = self.test(1);
        if self.below(3) == 0 {
            let (c, other) = (self.text(1), self.filter());
            let op = self.one(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]);
            let part = with(&[&b, &filter, &c, &other], |p| {
                format!(
                    "SELECT {} FROM flow{} {op} SELECT {} FROM flow{}",
                    p[0], p[1], p[2], p[3]
                )
            });
            return (part, false);
        }
        let (down, limit) = (
            self.one(&["", " DESC", " DESC NULLS FIRST"]),
            1 + self.below(60),
        );
        let part = with(&[&a, &b, &test, &filter], |p| {
            let items = format!("{} AS a, {} AS b, {} AS t, id", p[0], p[1], p[2]);
            format!(
                "SELECT {items} FROM flow{} ORDER BY a{down}, id LIMIT {limit}",
                p[3]
            )
        });
        (part, true)
    }

    fn grouped(&mut self) -> (Part, bool) {
        let key = if self.below(2) == 0 {
            self.text(1)
        } else {
            self.number(1)
        };
        let (x, y, filter) = (self.aggregate(), self.aggregate(), self.filter());
        let having = self.below(3) == 0;
        let part = with(&[&key, &x, &y, &filter], |p| {
            let having = if having { " HAVING count(*) > 3" } else { "" };
            format!(
                "SELECT {}, {}, {} FROM flow{} GROUP BY 1{having}",
                p[0], p[1], p[2], p[3]
            )
        });
        (part, false)
    }

    fn windowed(&mut self) -> (Part, bool) {
        let (x, filter) = (self.number(1), self.filter());
        let by = self.one(&["srcaddr", "action", "dstport"]);
        let down = self.one(&["", " DESC"]);
        let window = format!("(PARTITION BY {by} ORDER BY bytes{down}, id)");
        let part = with(&[&x, &filter], |p| {
            let x = p[0];
            let items = format!(
                "id, row_number() OVER {window}, sum({x}) OVER {window}, lag({x}) OVER {window}, \
                 max({x}) OVER (PARTITION BY {by})"
            );
            format!("SELECT {items} FROM flow{} ORDER BY id", p[1])
        });
        (part, true)
    }

    fn joined(&mut self) -> (Part, bool) {
        let kind = self.one(&["JOIN", "LEFT JOIN", "FULL JOIN"]);
        let (x, filter) = (self.aggregate(), self.filter());
        let column = self.one(&["srcaddr", "dstport", "action"]);
        let least = self.below(30);
        let part = with(&[&x, &filter], |p| {
            let (x, filter) = (p[0], p[1]);
            format!(
                "WITH g AS (SELECT {column} AS k, {x} AS x FROM flow{filter} GROUP BY {column}), \
                 h AS (SELECT {column} AS k, count(*) AS n FROM flow WHERE packets > {least} GROUP BY 1) \
                 SELECT g.k, g.x, h.n FROM g {kind} h ON g.k = h.k"
            )
        });
        (part, false)
    }
}
