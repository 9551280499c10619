//! What the seed draws: the variant, the values of `[draw]`, and filling them in.
//!
//! Every draw has its own random stream, named after it, so that a new one shifts none of the
//! others. Draws may refer to each other and to the variant's values; they are made in the order
//! of the file, or earlier where one is needed.

mod value;

use std::collections::BTreeMap;
use std::ops::Range;

use ipnet::Ipv4Net;
use wirelab_model::{Seed, Stream};

use crate::error::suggest;
use crate::fields::{Fields, Sink};
use crate::node::{Key, Node, Table, Value};

/// The sections of a scenario file: what a variant may lay over the rest.
pub(crate) const SECTIONS: &[&str] = &[
    "vpc",
    "dhcp_options",
    "subnet",
    "route_table",
    "internet_gateway",
    "nat_gateway",
    "network_acl",
    "security_group",
    "instance",
    "address",
    "vpn_gateway",
    "customer_gateway",
    "vpn_connection",
    "transit_gateway",
    "transit_gateway_route_table",
    "transit_gateway_vpc_attachment",
    "transit_gateway_peering_attachment",
    "vpc_peering_connection",
    "vpc_endpoint",
    "egress_only_internet_gateway",
    "prefix_list",
    "hosted_zone",
    "flow_log",
    "segment",
    "host",
    "fabric",
    "draw",
    "traffic",
    "event",
    "expect",
    "intent",
];

/// The names of the variants, in the order of the file.
pub(crate) fn variant_names(table: &Table) -> Vec<String> {
    let tables = variants(table);
    let names = tables
        .iter()
        .filter_map(|(variant, _)| variant.get("name")?.value.to_text());
    names.collect()
}

fn variants(table: &Table) -> Vec<(&Table, &Range<usize>)> {
    let Some(Value::Array(items)) = table.get("variant").map(|node| &node.value) else {
        return Vec::new();
    };
    let tables = items.iter().filter_map(|item| match &item.value {
        Value::Table(variant) => Some((variant, &item.span)),
        _ => None,
    });
    tables.collect()
}

/// The drawn variant.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) values: Table,
}

/// Chooses a variant, by the `fault` part of the seed unless `wanted` names one, and lays its
/// sections over `table`.
pub(crate) fn choose(
    table: &mut Table,
    seed: Seed,
    wanted: Option<&str>,
    sink: &Sink,
) -> Option<Chosen> {
    let names = variant_names(table);
    let original = table.clone();
    let variants = variants(&original);
    if variants.is_empty() && wanted.is_none() {
        return Some(Chosen::default());
    }
    let weights: Vec<u64> = variants.iter().map(|it| header(it.0, it.1, sink)).collect();
    if !sink.is_clean() {
        return None;
    }
    let index = match wanted {
        None => weighted(&weights, seed),
        Some(name) => match names.iter().position(|it| it == name) {
            Some(index) => index,
            None => {
                let hint = suggest(name, names.iter().map(String::as_str));
                sink.file(format!("no variant is called `{name}`"), hint);
                return None;
            }
        },
    };
    let values = overlay(table, variants[index].0, sink);
    let name = names[index].clone();
    Some(Chosen { name, values })
}

/// Checks name and weight; gives the weight.
fn header(variant: &Table, span: &Range<usize>, sink: &Sink) -> u64 {
    let fields = Fields::new(variant, span, "[[variant]]", sink);
    let _ = fields.required_text("name");
    let _ = fields.text("summary");
    fields.integer::<u32>("weight").unwrap_or(1).into()
}

fn weighted(weights: &[u64], seed: Seed) -> usize {
    let total: u64 = weights.iter().sum();
    let mut drawn = Stream::new(seed.fault, "variant").range(0, total.max(1) - 1);
    for (index, weight) in weights.iter().enumerate() {
        match drawn.checked_sub(*weight) {
            Some(rest) => drawn = rest,
            None => return index,
        }
    }
    0
}

/// Sections go over the scenario's; every other key is one of the variant's values.
fn overlay(table: &mut Table, variant: &Table, sink: &Sink) -> Table {
    let mut sections = Table::default();
    let mut values = Table::default();
    for (key, node) in variant.iter() {
        match key.name.as_str() {
            "name" | "weight" | "summary" => {}
            name if SECTIONS.contains(&name) => sections.insert(key.clone(), node.clone()),
            name => {
                refuse_typo(name, key, sink);
                values.insert(key.clone(), node.clone());
            }
        }
    }
    table.overlay(sections);
    values
}

/// A value called almost like a section is a mistyped section.
fn refuse_typo(name: &str, key: &Key, sink: &Sink) {
    let near = |section: &&&str| strsim::damerau_levenshtein(name, section) == 1;
    if let Some(section) = SECTIONS.iter().find(near) {
        let hint = format!("did you mean `{section}`? values need a name of their own");
        sink.explain(
            &key.span,
            format!("unknown section `{name}`"),
            "",
            Some(hint),
        );
    }
}

/// One draw's state while the others are made.
#[derive(Clone, Debug)]
enum Draw {
    Busy,
    Done(Node),
}

/// Fills `${draw.x}` and `${variant.x}` in.
pub(crate) struct Filler<'a> {
    table: &'a Table,
    variant: &'a Table,
    seed: Seed,
    sink: &'a Sink,
    draws: BTreeMap<String, Draw>,
    /// Addresses that the file names or that were drawn.
    addresses: Vec<std::net::IpAddr>,
    /// Blocks that were drawn, each with the one it was drawn from.
    blocks: Vec<(Ipv4Net, Ipv4Net)>,
}

impl<'a> Filler<'a> {
    pub(crate) fn new(table: &'a Table, variant: &'a Table, seed: Seed, sink: &'a Sink) -> Self {
        let mut addresses = Vec::new();
        literal_addresses(table, &mut addresses);
        Self {
            table,
            variant,
            seed,
            sink,
            draws: BTreeMap::new(),
            addresses,
            blocks: Vec::new(),
        }
    }

    /// Makes every draw; the values by name.
    pub(crate) fn draw_all(&mut self) -> Table {
        let mut drawn = Table::default();
        let Some(Value::Table(draws)) = self.table.get("draw").map(|node| &node.value) else {
            return drawn;
        };
        for (key, _) in draws.iter() {
            if let Some(node) = self.draw(&key.name, &key.span) {
                drawn.insert(key.clone(), node);
            }
        }
        drawn
    }

    /// A table with everything filled in.
    pub(crate) fn fill_table(&mut self, table: &Table) -> Table {
        let mut filled = Table::default();
        for (key, node) in table.iter() {
            filled.insert(key.clone(), self.fill(node));
        }
        filled
    }

    /// A node with everything filled in. A string that is one reference alone becomes the value
    /// with its type; in an array, an array becomes its items.
    pub(crate) fn fill(&mut self, node: &Node) -> Node {
        let value = match &node.value {
            Value::String(text) => self.fill_text(text, &node.span),
            Value::Table(table) => Value::Table(self.fill_table(table)),
            Value::Array(items) => Value::Array(self.fill_items(items)),
            other => other.clone(),
        };
        Node {
            value,
            span: node.span.clone(),
        }
    }

    fn fill_items(&mut self, items: &[Node]) -> Vec<Node> {
        let mut filled = Vec::new();
        for item in items {
            let is_reference = matches!(&item.value, Value::String(_));
            match self.fill(item) {
                Node {
                    value: Value::Array(inner),
                    span,
                } if is_reference => filled.extend(inner.into_iter().map(|node| Node {
                    value: node.value,
                    span: span.clone(),
                })),
                node => filled.push(node),
            }
        }
        filled
    }

    fn fill_text(&mut self, text: &str, span: &Range<usize>) -> Value {
        if let Some(reference) = whole_reference(text) {
            let found = self.reference(reference, span);
            return found.map_or_else(|| Value::String(text.to_owned()), |node| node.value);
        }
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, reference, after)) = next_reference(rest) {
            filled.push_str(before);
            match self
                .reference(reference, span)
                .map(|node| node.value.to_text())
            {
                Some(Some(value)) => filled.push_str(&value),
                Some(None) => {
                    let message = format!("`{reference}` is no text that fits into a longer one");
                    self.sink.error(span, message);
                }
                None => filled.push_str(&format!("${{{reference}}}")),
            }
            rest = after;
        }
        filled.push_str(rest);
        Value::String(filled)
    }

    /// The value of `draw.x.y` or `variant.x.y`; `None` for references that are filled in later.
    fn reference(&mut self, reference: &str, span: &Range<usize>) -> Option<Node> {
        let mut parts = reference.split('.');
        let (root, name) = (parts.next()?, parts.next().unwrap_or_default());
        let mut node = match root {
            "draw" => self.draw(name, span)?,
            "variant" => self.variant_value(name, span)?,
            _ => return None,
        };
        for part in parts {
            let Value::Table(table) = &node.value else {
                self.sink
                    .error(span, format!("`{reference}`: there is no table to look in"));
                return None;
            };
            let Some(inner) = table.get(part) else {
                let known = table.iter().map(|(key, _)| key.name.as_str());
                let message = format!("`{reference}` refers to nothing");
                self.sink.explain(span, message, "", suggest(part, known));
                return None;
            };
            node = inner.clone();
        }
        Some(node)
    }

    fn variant_value(&mut self, name: &str, span: &Range<usize>) -> Option<Node> {
        let Some(node) = self.variant.get(name).cloned() else {
            let known = self.variant.iter().map(|(key, _)| key.name.as_str());
            let message = format!("the variant that was drawn has no value `{name}`");
            self.sink.explain(span, message, "", suggest(name, known));
            return None;
        };
        Some(self.fill(&node))
    }

    fn draw(&mut self, name: &str, span: &Range<usize>) -> Option<Node> {
        match self.draws.get(name) {
            Some(Draw::Done(node)) => return Some(node.clone()),
            Some(Draw::Busy) => {
                self.sink.error(span, format!("`draw.{name}` needs itself"));
                return None;
            }
            None => {}
        }
        let definition = self.definition(name, span)?;
        self.draws.insert(name.to_owned(), Draw::Busy);
        let mistakes = self.sink.count();
        let definition = self.fill(&definition);
        let filled = self.sink.count() == mistakes;
        let drawn = if filled {
            self.value(name, &definition)
        } else {
            None
        };
        self.draws.remove(name);
        let drawn = drawn?;
        self.draws
            .insert(name.to_owned(), Draw::Done(drawn.clone()));
        Some(drawn)
    }

    fn definition(&self, name: &str, span: &Range<usize>) -> Option<Node> {
        let draws = match self.table.get("draw").map(|node| &node.value) {
            Some(Value::Table(draws)) => draws,
            _ => &Table::default(),
        };
        let found = draws.get(name).cloned();
        if found.is_none() {
            let known = draws.iter().map(|(key, _)| key.name.as_str());
            let message = format!("nothing is drawn as `{name}`");
            self.sink.explain(span, message, "", suggest(name, known));
        }
        found
    }
}

/// `draw.x` if the text is `${draw.x}` and nothing else.
fn whole_reference(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("${")?.strip_suffix('}')?;
    (!inner.contains(['$', '{', '}'])).then_some(inner)
}

/// What comes before the next `${reference}`, the reference, and what comes after.
pub(crate) fn next_reference(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (reference, after) = rest.split_once('}')?;
    Some((before, reference, after))
}

fn literal_addresses(table: &Table, addresses: &mut Vec<std::net::IpAddr>) {
    for (_, node) in table.iter() {
        literal_addresses_in(node, addresses);
    }
}

fn literal_addresses_in(node: &Node, addresses: &mut Vec<std::net::IpAddr>) {
    match &node.value {
        Value::Table(table) => literal_addresses(table, addresses),
        Value::Array(items) => {
            items
                .iter()
                .for_each(|item| literal_addresses_in(item, addresses));
        }
        Value::String(text) => {
            let words = text.split([' ', ':', '/']);
            addresses.extend(words.filter_map(|word| word.parse::<std::net::IpAddr>().ok()));
        }
        _ => {}
    }
}
