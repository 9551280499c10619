//! The kinds of draws.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use ipnet::Ipv4Net;
use wirelab_model::Stream;

use super::{Filler, Seed};
use crate::fields::{Fields, Text};
use crate::node::{Node, Value};

/// How often a taken address or block is drawn again before the draw is given up.
const ATTEMPTS: usize = 10_000;

type Part = fn(Seed) -> u64;

/// Which part of the seed a draw hangs on.
const PARTS: [(&str, Part); 3] = [
    ("fault", |seed| seed.fault),
    ("names", |seed| seed.names),
    ("traffic", |seed| seed.traffic),
];

impl Filler<'_> {
    /// Makes one draw.
    pub(super) fn value(&mut self, name: &str, definition: &Node) -> Option<Node> {
        let title = format!("`draw.{name}`");
        let sink = self.sink;
        let fields = Fields::of(definition, &title, sink)?;
        let part = fields.choice("from", &PARTS).unwrap_or(|seed| seed.names);
        let mut stream = Stream::new(part(self.seed), &format!("draw.{name}"));
        let value = if let Some(node) = fields.node("one_of") {
            one_of(node, &mut stream, &fields)
        } else if fields.has("between") {
            between(&mut stream, &fields)
        } else if let Some(block) = fields.text("host_in") {
            self.host_in(&block, &mut stream, &fields)
        } else if let Some(block) = fields.text("cidr_in") {
            self.cidr_in(&block, &mut stream, &fields)
        } else {
            let message = format!("{title} does not say what to draw");
            let hint = "use one of `one_of`, `between`, `host_in`, `cidr_in`".to_owned();
            sink.explain(&definition.span, message, "", Some(hint));
            return None;
        };
        fields.finish();
        Some(Node {
            value: value?,
            span: definition.span.clone(),
        })
    }

    /// An address of a subnet, segment or block that nobody else has: not one of the five that AWS
    /// reserves, none that the file names, none drawn before.
    /// `nth = 1` is no draw but the first address: the VPC's router in a subnet.
    fn host_in(&mut self, block: &Text, stream: &mut Stream, fields: &Fields<'_>) -> Option<Value> {
        let net = self.block(block)?;
        if let Some(nth) = fields.integer::<u32>("nth") {
            let address = u32::from(net.network())
                .checked_add(nth)
                .map(Ipv4Addr::from);
            let address = address.filter(|address| net.contains(address));
            let text = address.map(|address| Value::String(address.to_string()));
            return text.or_else(|| self.exhausted(&block.span, &net.to_string()));
        }
        let low = u64::from(u32::from(net.network())) + 4;
        let high = u64::from(u32::from(net.broadcast())).saturating_sub(1);
        let attempts = if low <= high { ATTEMPTS } else { 0 };
        for _ in 0..attempts {
            let drawn = u32::try_from(stream.range(low, high)).ok()?;
            let address = IpAddr::V4(Ipv4Addr::from(drawn));
            if !self.addresses.contains(&address) {
                self.addresses.push(address);
                return Some(Value::String(address.to_string()));
            }
        }
        self.exhausted(&block.span, &net.to_string())
    }

    /// A block inside another one that overlaps none drawn from the same one before.
    fn cidr_in(&mut self, block: &Text, stream: &mut Stream, fields: &Fields<'_>) -> Option<Value> {
        fields.required("prefix_length");
        let length: Option<u8> = fields.integer("prefix_length");
        let (net, length) = (self.block(block)?, length?);
        if length < net.prefix_len() || length > 32 {
            let message = format!("no /{length} fits into {net}");
            self.sink.error(&block.span, message);
            return None;
        }
        let count = 1_u64 << (length - net.prefix_len());
        for _ in 0..ATTEMPTS {
            let index = stream.range(0, count - 1);
            let step = index << (32 - u32::from(length));
            let base = u64::from(u32::from(net.network())) + step;
            let drawn = Ipv4Net::new(Ipv4Addr::from(u32::try_from(base).ok()?), length).ok()?;
            let taken = |(parent, other): &(Ipv4Net, Ipv4Net)| {
                *parent == net && (other.contains(&drawn) || drawn.contains(other))
            };
            if !self.blocks.iter().any(taken) {
                self.blocks.push((net, drawn));
                return Some(Value::String(drawn.to_string()));
            }
        }
        self.exhausted(&block.span, &net.to_string())
    }

    /// A block as it is written, or the `cidr_block` of `subnet.x`, `vpc.x` or `segment.x`.
    fn block(&mut self, text: &Text) -> Option<Ipv4Net> {
        if let Some((kind, name)) = text.text.split_once('.')
            && matches!(kind, "subnet" | "vpc" | "segment")
        {
            let node = self.cidr_block_of(kind, name);
            let Some(Value::String(block)) = node.map(|node| self.fill(&node).value) else {
                let message = format!("no `cidr_block` in `[{kind}.{name}]`");
                self.sink.error(&text.span, message);
                return None;
            };
            let span = text.span.clone();
            return Text { text: block, span }.parse(self.sink);
        }
        text.parse(self.sink)
    }

    fn cidr_block_of(&self, kind: &str, name: &str) -> Option<Node> {
        let Value::Table(kind) = &self.table.get(kind)?.value else {
            return None;
        };
        let Value::Table(resource) = &kind.get(name)?.value else {
            return None;
        };
        resource.get("cidr_block").cloned()
    }

    fn exhausted(&self, span: &Range<usize>, block: &str) -> Option<Value> {
        self.sink
            .error(span, format!("nothing is left to draw in {block}"));
        None
    }
}

fn one_of(node: &Node, stream: &mut Stream, fields: &Fields<'_>) -> Option<Value> {
    match &node.value {
        Value::Array(items) if !items.is_empty() => {
            let index = stream.range(0, items.len() as u64 - 1);
            let index = usize::try_from(index).expect("an index fits");
            Some(items[index].value.clone())
        }
        _ => {
            fields
                .sink()
                .error(&node.span, "`one_of` is an array with at least one item");
            None
        }
    }
}

/// `between = [20, 40]`, both ends included; `step = 5` draws 20, 25, 30, 35 or 40.
fn between(stream: &mut Stream, fields: &Fields<'_>) -> Option<Value> {
    let step = u64::from(fields.integer::<u32>("step").unwrap_or(1).max(1));
    let [low, high] = fields.integers("between")[..] else {
        fields.sink().error(
            fields.span(),
            "`between` is two integers, the lower one first",
        );
        return None;
    };
    if low > high {
        fields.sink().error(
            fields.span(),
            "`between` is two integers, the lower one first",
        );
        return None;
    }
    let drawn = low + step * stream.range(0, (high - low) / step);
    i64::try_from(drawn).ok().map(Value::Integer)
}
