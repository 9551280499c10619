//! First-order mutants of a query: the query with one small mistake in it.
//!
//! They are made from the text, in Logs Insights' language and in SQL alike: another comparison,
//! `or` for `and`, a condition or a command left out, another aggregate, another field, a number
//! one more or less, a prefix one bit longer, the other order. What grading does not refuse of them
//! it would not refuse of a learner either. So `author check` tries them all, and wants each
//! refused, or declared to be the same query with the reason why.
//!
//! ```text
//! filter dstPort = 5432 and action = "REJECT"     =#1 -> !=      filter dstPort != 5432 and ...
//!                                                 and#1 -> or    filter dstPort = 5432 or ...
//!                                                 without condition#2
//! ```
//!
//! A mutant is named by what changes and which one of its kind it is in the text, never by a
//! value: so its name is the same on every seed.

mod clauses;
mod text;
mod values;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use self::text::{Token, tokens};

/// A query with one mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// What was changed: `=#1 -> !=`.
    pub(crate) name: String,
    /// The query.
    pub(crate) text: String,
}

/// What of a result counts, so that what cannot show is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// The order of rows.
    pub(crate) order: bool,
}

/// Every mutant of the last statement of `query`, in the order of the text, each text once.
pub(crate) fn of(query: &str, counts: Counts) -> Vec<Mutant> {
    let tokens = tokens(query);
    let last = tokens.iter().rposition(|token| token.is(";"));
    // A `;` at the very end ends the statement; it does not begin one.
    let from = match last {
        Some(at) if at + 1 < tokens.len() => at + 1,
        Some(_) => tokens[..tokens.len() - 1]
            .iter()
            .rposition(|token| token.is(";"))
            .map_or(0, |at| at + 1),
        None => 0,
    };
    let mut made = Made {
        query,
        tokens: &tokens[from..],
        counts,
        seen: BTreeMap::new(),
        mutants: Vec::new(),
    };
    values::mutate(&mut made);
    clauses::mutate(&mut made);
    made.mutants
}

/// The whole numbers that a query names, each once, in rising order.
pub(crate) fn numbers(query: &str) -> Vec<u64> {
    let tokens = tokens(query).into_iter();
    let numbers = tokens.filter(|token| token.kind == text::Kind::Number);
    let mut numbers: Vec<u64> = numbers.filter_map(|it| it.text.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The numbers behind `limit` in a query.
pub(crate) fn limits(query: &str) -> impl Iterator<Item = u64> {
    let tokens = tokens(query);
    let limits = tokens.windows(2).filter(|pair| pair[0].is("limit"));
    let limits: Vec<u64> = limits.filter_map(|it| it[1].text.parse().ok()).collect();
    limits.into_iter()
}

/// The texts in quotes that a query names, in order.
pub(crate) fn texts(query: &str) -> impl Iterator<Item = &str> {
    tokens(query).into_iter().filter_map(|token| token.quoted())
}

/// `110.0.1.9` and `10.0.1.91` for `10.0.1.9`: other addresses that hold its text. Many have none.
pub(crate) fn holding_text(address: Ipv4Addr) -> impl Iterator<Item = Ipv4Addr> {
    let [a, b, c, d] = address.octets();
    let longer = d.checked_mul(10).and_then(|it| it.checked_add(1));
    // 127 is no host's.
    let front = (a < 100 && a != 27).then(|| Ipv4Addr::new(a + 100, b, c, d));
    let back = longer.map(|d| Ipv4Addr::new(a, b, c, d));
    front.into_iter().chain(back)
}

/// The mutants so far, and what they are made from.
struct Made<'a> {
    query: &'a str,
    tokens: &'a [Token<'a>],
    counts: Counts,
    /// How often each thing has been met.
    seen: BTreeMap<String, usize>,
    mutants: Vec<Mutant>,
}

impl Made<'_> {
    /// The name of the next thing of that kind: `=#2`.
    fn nth(&mut self, what: &str) -> String {
        let count = self.seen.entry(what.to_owned()).or_default();
        *count += 1;
        format!("{what}#{count}")
    }

    /// Puts `text` in place of the octets from `start` to `end`.
    fn replace(&mut self, name: String, (start, end): (usize, usize), text: &str) {
        let text = format!("{}{text}{}", &self.query[..start], &self.query[end..]);
        let is_new = text != self.query && self.mutants.iter().all(|it| it.text != text);
        if is_new {
            self.mutants.push(Mutant { name, text });
        }
    }

    /// Puts `text` in place of a token.
    fn put(&mut self, name: String, token: usize, text: &str) {
        let token = &self.tokens[token];
        self.replace(name, (token.start, token.end()), text);
    }

    /// Whether the token at `index` is that word.
    fn is(&self, index: usize, word: &str) -> bool {
        self.tokens.get(index).is_some_and(|token| token.is(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERED: Counts = Counts { order: true };

    fn names(query: &str) -> Vec<String> {
        let mutants = of(query, ORDERED).into_iter();
        mutants.map(|mutant| mutant.name).collect()
    }

    fn text(query: &str, name: &str) -> String {
        let mutants = of(query, ORDERED);
        let found = mutants.iter().find(|mutant| mutant.name == name);
        let known: Vec<_> = mutants.iter().map(|it| &it.name).collect();
        found
            .unwrap_or_else(|| panic!("{name}: {known:#?}"))
            .text
            .clone()
    }

    #[test]
    fn mistakes_are_made_one_at_a_time() {
        let query = "filter dstPort >= 1024 and action = \"REJECT\" # not this one\n\
                     | stats sum(packets) as n by srcAddr, dstAddr\n| sort n desc\n| limit 5";
        assert!(text(query, ">=#1 -> >").starts_with("filter dstPort > 1024 and"));
        assert!(text(query, "and#1 -> or").contains("1024 or action"));
        assert!(text(query, "dstPort#1 -> srcPort").starts_with("filter srcPort >="));
        assert!(text(query, "number#1 + 1").contains(">= 1025 and"));
        assert!(text(query, "\"REJECT\"#1 -> ACCEPT").contains("= \"ACCEPT\" #"));
        assert!(text(query, "without condition#1").starts_with("filter action = "));
        assert!(text(query, "without condition#2").starts_with("filter dstPort >= 1024 #"));
        assert!(text(query, "sum#1 -> max").contains("max(packets) as n"));
        assert!(text(query, "without key#2").contains("by srcAddr\n"));
        assert!(text(query, "desc#1 -> asc").contains("sort n asc"));
        assert!(text(query, "without filter#1").starts_with("stats sum"));
        assert!(text(query, "without limit#1").ends_with("sort n desc\n"));
    }

    #[test]
    fn texts_are_searched_for_and_arithmetic_is_turned_around() {
        let query = "filter srcAddr = \"10.0.1.5\" and isIpv4InSubnet(dstAddr, \"10.1.0.0/20\")\n\
                     | stats count(*) as n, max(endTime) - min(startTime) as t by dstPort";
        assert!(text(query, "address =#1 -> like").contains("srcAddr  like \"10.0.1.5\" and"));
        assert!(text(query, "block#1 -> like").contains("and dstAddr like \"10.1.0.\"\n"));
        assert!(text(query, "count#1 -> sum").contains("stats sum(packets) as n"));
        assert!(text(query, "-#1 -> +").contains("max(endTime) + min"));
        assert!(names(query).iter().all(|name| !name.starts_with('*')));
    }

    #[test]
    fn a_search_for_text_is_a_mistake_where_another_address_holds_it() {
        let found = |text: &str| {
            let found = holding_text(text.parse().expect("an address"));
            found.map(|it| it.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("10.0.1.9"), ["110.0.1.9", "10.0.1.91"]);
        assert!(found("198.51.100.50").is_empty());
        let same = "filter dstAddr = \"198.51.100.50\"";
        assert!(names(same).iter().all(|name| !name.ends_with("like")));
    }

    #[test]
    fn what_only_orders_rows_is_no_mistake_where_order_is_free() {
        let query = "stats sum(bytes) as n by srcPort, dstPort | sort srcPort desc";
        let free = Counts { order: false };
        let names: Vec<_> = of(query, free).into_iter().map(|it| it.name).collect();
        assert!(names.iter().any(|name| name.starts_with("srcPort#1")));
        assert!(
            !names.iter().any(|name| name.starts_with("srcPort#2")),
            "{names:?}"
        );
    }

    #[test]
    fn sql_has_the_same_mistakes_in_its_own_words() {
        let query = "CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/';\n\
                     SELECT srcaddr, count(DISTINCT dstport) AS n FROM t\n\
                     WHERE action = 'REJECT' AND (dstport < 1024 OR protocol = 17)\n\
                     GROUP BY srcaddr HAVING count(*) > 3 ORDER BY n DESC;";
        assert!(text(query, "without DISTINCT#1").contains("count(dstport) AS n"));
        assert!(text(query, "<#1 -> <=").contains("dstport <= 1024 OR"));
        assert!(text(query, "without condition#3").contains("AND (protocol = 17)"));
        assert!(text(query, "without WHERE#1").contains("FROM t\nGROUP BY"));
        assert!(text(query, "without HAVING#1").contains("srcaddr ORDER BY n DESC"));
        assert!(names(query).iter().all(|name| !name.contains("int")));
    }

    #[test]
    fn prefixes_grow_and_shrink_and_addresses_have_neighbours() {
        let query = "filter isIpv4InSubnet(srcAddr, \"10.0.1.0/24\") or dstAddr = \"10.0.1.9\"";
        assert!(text(query, "prefix#1 - 1").contains("10.0.1.0/23"));
        assert!(text(query, "prefix#1 + 1").contains("10.0.1.0/25"));
        assert!(text(query, "address#1 + 1").contains("10.0.1.10"));
        assert!(text(query, "not isIpv4InSubnet#1").starts_with("filter not isIpv4InSubnet"));
    }
}
