//! Why an answer is wrong, in words, where the lab has nothing to ask the evidence about it.

use std::net::IpAddr;

use wirelab_model::IpNet;
use wirelab_scenario::AnswerPart;
use wirelab_session::Run;

use crate::material::Material;

/// Said where the evidence would tell an answer that is still to be given.
pub(super) const WITHHELD: &str =
    "what the evidence has against it names a right answer, and is shown once the others are given";

/// What is known of a wrong value without giving the right one away.
pub(super) fn of(material: &Material<'_>, run: &Run, part: &AnswerPart, value: &str) -> String {
    let what = what(run, part, value);
    let look = look(material, run);
    match look.is_empty() {
        true => what,
        false => format!("{what}; {look}"),
    }
}

fn what(run: &Run, part: &AnswerPart, value: &str) -> String {
    let value = value.trim();
    if let Ok(address) = value.parse::<IpAddr>() {
        return owner(run, address);
    }
    let names = &run.plan().names;
    if names.name_of(value).is_some() || names.id(value).is_some() {
        return "it is in the network, and another one is asked for".to_owned();
    }
    if !part.choices.is_empty() {
        let meant = super::plain(names, part, value);
        let other = format!("of {} it is another one", part.choices.join(", "));
        return match meant.filter(|it| *it != value) {
            Some(meant) => format!("that is `{meant}`, and {other}"),
            None => other,
        };
    }
    // `*` is how the number of a list's final deny is written.
    let is_number = |text: &str| text == "*" || text.parse::<f64>().is_ok();
    let asks_number = match run.plan().resolve(&part.expected) {
        Ok(serde_json::Value::String(text)) => is_number(&text),
        Ok(other) => other.is_number(),
        Err(_) => false,
    };
    match (is_number(value), asks_number) {
        (true, true) => "it is a number, and another one is asked for".to_owned(),
        (true, false) => "it is a number, and none is asked for".to_owned(),
        (false, true) => "a number is asked for".to_owned(),
        (false, false) => {
            "nothing in the network is called so, and the answer is no such word".to_owned()
        }
    }
}

/// Whose an address is.
fn owner(run: &Run, address: IpAddr) -> String {
    let own = |host: &&wirelab_simulator::host::Host| {
        let mut own = host.interfaces().iter().flat_map(|it| &it.addresses);
        own.any(|it| it.addr() == address)
    };
    if let Some(host) = run.world().hosts().find(own) {
        return format!(
            "it is the address of `{}`, and another one is asked for",
            host.name()
        );
    }
    let subnets = &run.control().resources().subnets;
    let names = &run.plan().names;
    let inside = subnets.values().find(|subnet| {
        let v6 = subnet.ipv6_cidr_block.map(IpNet::from);
        let blocks = [Some(IpNet::from(subnet.cidr_block)), v6];
        blocks.into_iter().flatten().any(|it| it.contains(&address))
    });
    match inside.and_then(|it| names.name_of(it.subnet_id.as_str())) {
        Some(subnet) => format!("no machine that is seen has it; it is of `{subnet}`"),
        None => "no machine of the network has it".to_owned(),
    }
}

/// Where the lab's evidence is.
fn look(material: &Material<'_>, run: &Run) -> String {
    let plan = run.plan();
    let places = material
        .lab
        .evidence
        .iter()
        .map(|name| match plan.capture_point(name) {
            Ok(point) => format!("evidence/{}.pcap", plan.capture_name(&point)),
            Err(_) => format!("`{name}`"),
        });
    let places: Vec<String> = places.collect();
    match places.is_empty() {
        true => String::new(),
        false => format!("what decides is in {}", places.join(", ")),
    }
}
