//! The one-line grammars of a machine: interfaces and routes.

use std::str::FromStr;

use wirelab_simulator::SegmentSpec;
use wirelab_simulator::host::{HostRoute, OutsideInterface};

use crate::build::Builder;
use crate::fields::{Sink, Text};

pub(super) fn refuse<T>(text: &Text, what: &str, why: &str, hint: &str, sink: &Sink) -> Option<T> {
    let message = format!("`{}` is no {what}: {why}", text.text);
    sink.explain(&text.span, message, "", Some(hint.to_owned()));
    None
}

pub(super) fn parse<T>(word: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    word.parse()
        .map_err(|error: T::Err| format!("`{word}`: {error}"))
}

/// `eth0 segment.lan 192.168.10.5/24`, `eth0 internet 203.0.113.9/32`, each with `mtu 1400`.
pub(super) fn interface(
    builder: &Builder<'_>,
    text: &Text,
    segments: &[SegmentSpec],
) -> Option<OutsideInterface> {
    let hint = "write `eth0 segment.NAME 192.168.10.5/24`, if need be with `mtu 1400`";
    let words: Vec<&str> = text.text.split_whitespace().collect();
    let (name, segment, address, mtu) = match words[..] {
        [name, segment, address] => (name, segment, address, None),
        [name, segment, address, "mtu", mtu] => (name, segment, address, Some(mtu)),
        _ => {
            return refuse(
                text,
                "interface",
                "three words are wanted",
                hint,
                builder.sink,
            );
        }
    };
    let segment = segment.strip_prefix("segment.").unwrap_or(segment);
    let found = segments.iter().find(|it| it.name == segment);
    if found.is_none() && segment != SegmentSpec::INTERNET {
        builder.unknown("segment", segment, &text.span);
        return None;
    }
    let default = found.map_or(1500, |it| it.mtu);
    let read = || {
        let mtu = mtu.map_or(Ok(default), parse)?;
        Ok((parse(address)?, mtu))
    };
    match read() {
        Ok((address, mtu)) => Some(OutsideInterface {
            name: name.into(),
            segment: segment.into(),
            address,
            ipv6_address: None,
            ipv6_gateway: None,
            mtu,
        }),
        Err(why) => {
            let why: String = why;
            refuse(text, "interface", &why, hint, builder.sink)
        }
    }
}

/// `10.0.0.0/8 via 192.168.10.1 dev eth0 mtu 1400 advmss 1360`, as `ip route add` has it.
pub(super) fn route(text: &Text, sink: &Sink) -> Option<HostRoute> {
    let hint = "write `10.0.0.0/8 via 192.168.10.1`, if need be with `dev`, `mtu`, `advmss`";
    match read_route(&text.text) {
        Ok(route) => Some(route),
        Err(why) => refuse(text, "route", &why, hint, sink),
    }
}

fn read_route(text: &str) -> Result<HostRoute, String> {
    let mut words = text.split_whitespace();
    let destination = match words.next() {
        Some("default") => "0.0.0.0/0",
        Some(block) => block,
        None => return Err("it is empty".to_owned()),
    };
    let mut route = HostRoute {
        destination: parse(destination)?,
        via: None,
        device: None,
        mtu: None,
        advmss: None,
    };
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("`{word}` is the last word"))?;
        match word {
            "via" => route.via = Some(parse(value)?),
            "dev" => route.device = Some(value.into()),
            "mtu" => route.mtu = Some(parse(value)?),
            "advmss" => route.advmss = Some(parse(value)?),
            _ => return Err(format!("unknown word `{word}`")),
        }
    }
    Ok(route)
}
