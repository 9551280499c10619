//! Records at other ports than those that the reference names: one more, and such as have the same
//! digits in them, which a search for the text of a port finds as well.

use wirelab_model::Flow;

use super::Made;
use super::models::Model;
use super::numbers::may_be;
use super::said::Said;

/// So many models of a port are moved to ports with its digits.
const MODELS: usize = 8;

/// Each model at the next port; and of some of those at a port that the reference names, its
/// digits at either end.
pub(super) fn of(said: &Said, models: &[Model<'_>]) -> Vec<Made> {
    let next = models.iter().filter_map(|model| {
        let port = service(&model.flow);
        let next = port.saturating_add(1);
        (next != port).then(|| model.with(with_service(&model.flow, next)))
    });
    let mut made: Vec<Made> = next.collect();
    let is_named = |port: u16| said.numbers.contains(&port.into());
    let named = models.iter().filter(|it| is_named(service(&it.flow)));
    for model in named.take(MODELS) {
        let flow = &model.flow;
        let port = service(flow);
        let holding = holding_digits(port);
        let services = holding.iter().filter(|it| may_be(**it, port));
        made.extend(services.map(|it| model.with(with_service(flow, *it))));
        // A client that has them, of a service that the reference does not speak of.
        let other = with_service(flow, port.saturating_add(1));
        let clients = holding.iter().filter(|it| may_be(**it, client(flow)));
        made.extend(clients.map(|it| model.with(with_client(&other, *it))));
    }
    made
}

/// Ports of services and of clients that have the digits of another at their beginning and end:
/// 4431, 8443, 44312 and 40443 for 443.
fn holding_digits(port: u16) -> Vec<u16> {
    let digits = port.to_string();
    let texts = [
        format!("{digits}1"),
        format!("8{digits}"),
        format!("1{digits}"),
        format!("{digits}12"),
        format!("40{digits}"),
        format!("4{digits}"),
        format!("40{digits:0>3}"),
    ];
    let mut ports: Vec<u16> = texts.iter().filter_map(|it| it.parse().ok()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The service's port is the lower one.
fn service(flow: &Flow) -> u16 {
    flow.srcport.min(flow.dstport)
}

fn client(flow: &Flow) -> u16 {
    flow.srcport.max(flow.dstport)
}

fn with_service(flow: &Flow, port: u16) -> Flow {
    with_port(flow, port, flow.srcport < flow.dstport)
}

fn with_client(flow: &Flow, port: u16) -> Flow {
    with_port(flow, port, flow.srcport >= flow.dstport)
}

fn with_port(flow: &Flow, port: u16, of_source: bool) -> Flow {
    let mut flow = flow.clone();
    *match of_source {
        true => &mut flow.srcport,
        false => &mut flow.dstport,
    } = port;
    flow
}

#[cfg(test)]
mod tests {
    use super::super::numbers::CLIENTS;
    use super::*;

    #[test]
    fn the_digits_of_a_port_are_in_those_of_services_and_of_clients() {
        for port in [22, 53, 443, 5432] {
            let holding = holding_digits(port);
            let text = port.to_string();
            let (begins, ends): (Vec<u16>, Vec<u16>) = holding
                .iter()
                .partition(|it| it.to_string().starts_with(&text));
            assert!(!begins.is_empty(), "{port}");
            assert!(ends.iter().any(|it| *it < CLIENTS), "{port}: {ends:?}");
            assert!(ends.iter().any(|it| *it > CLIENTS), "{port}: {ends:?}");
        }
        assert!(holding_digits(443).contains(&44_312));
    }
}
