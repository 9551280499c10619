//! `[fabric]`: how the network behaves where AWS's texts disagree or say nothing, and the figures
//! that a story may want otherwise.

use wirelab_control::Delays;
use wirelab_model::SimDuration;
use wirelab_simulator::{FabricConfig, IcmpRelated};

use crate::fields::Fields;

/// The longest latency of one way that a network can have: beyond TCP's patience nothing works.
const LONGEST_LATENCY: SimDuration = SimDuration::from_secs(60);
/// The longest timeout or delay: as long as AWS's longest, five days.
const LONGEST: SimDuration = SimDuration::from_secs(432_000);
/// The shortest: with nothing at all, no state would be kept and nothing be seen on its way.
const SHORTEST: SimDuration = SimDuration::from_millis(1);

/// What the table says; AWS's figures where it says nothing.
pub(super) fn fabric(fields: &Fields<'_>) -> (FabricConfig, Delays) {
    let (mut config, mut delays) = (FabricConfig::default(), Delays::default());
    let Some(node) = fields.node("fabric") else {
        return (config, delays);
    };
    let Some(fields) = Fields::of(node, "[fabric]", fields.sink()) else {
        return (config, delays);
    };
    latencies(&fields, &mut config);
    times(&fields, &mut config, &mut delays);
    let related = [
        ("strict", IcmpRelated::Strict),
        ("related", IcmpRelated::Related),
    ];
    config.icmp_related = fields.choice("icmp_related", &related).unwrap_or_default();
    config.tgw_pmtud = fields.boolean("tgw_pmtud").unwrap_or(true);
    config.conntrack_limit = fields.integer("conntrack_limit");
    if let Some(mtu) = fields.integer("inter_region_mtu") {
        config.inter_region_mtu = mtu;
        if !(1280..=9001).contains(&mtu) {
            let message = "`inter_region_mtu` is an MTU from 1280 to 9001";
            let hint = "8500 is AWS's since 2025; it was 1500 before";
            explain(&fields, "inter_region_mtu", message, hint);
        }
    }
    fields.finish();
    (config, delays)
}

fn latencies(fields: &Fields<'_>, config: &mut FabricConfig) {
    let latency = &mut config.latency;
    for (key, slot) in [
        ("internet_latency", &mut latency.internet),
        ("vpn_latency", &mut latency.vpn),
        ("segment_latency", &mut latency.segment),
    ] {
        let Some(value) = fields.parsed(key) else {
            continue;
        };
        *slot = value;
        if value > LONGEST_LATENCY {
            let message = format!("`{key}` is longer than any path on Earth takes");
            let hint = format!("write the time of one way, {LONGEST_LATENCY} at most: `40ms`");
            explain(fields, key, &message, &hint);
        }
    }
}

/// Idle timeouts of security groups' tracking and of NAT gateways, and how long it takes until
/// something is seen.
fn times(fields: &Fields<'_>, config: &mut FabricConfig, delays: &mut Delays) {
    let (timeouts, logs) = (&mut config.timeouts, &mut config.flow_logs);
    for (key, slot) in [
        ("conntrack_opening_timeout", &mut timeouts.tcp_opening),
        ("conntrack_closing_timeout", &mut timeouts.tcp_closing),
        ("conntrack_icmp_timeout", &mut timeouts.icmp),
        ("conntrack_other_timeout", &mut timeouts.other),
        ("nat_gateway_timeout", &mut timeouts.nat_gateway),
        ("flow_log_cloudwatch_delay", &mut logs.cloudwatch_delay),
        ("flow_log_s3_delay", &mut logs.s3_delay),
        ("metrics_delay", &mut config.metrics_delay),
        ("propagation_delay", &mut delays.propagation),
        ("nat_gateway_create_delay", &mut delays.nat_gateway_create),
        ("nat_gateway_delete_delay", &mut delays.nat_gateway_delete),
        ("transit_gateway_delay", &mut delays.transit_gateway),
        ("vpc_endpoint_delay", &mut delays.vpc_endpoint),
        ("vpc_peering_delay", &mut delays.vpc_peering_provision),
        ("vpn_connection_delay", &mut delays.vpn_connection),
    ] {
        let Some(value) = fields.parsed(key) else {
            continue;
        };
        let usual = std::mem::replace(slot, value);
        if !(SHORTEST..=LONGEST).contains(&value) {
            let message = format!("`{key}` is a time from {SHORTEST} to {LONGEST}");
            let hint = format!("without the key it is {usual}");
            explain(fields, key, &message, &hint);
        }
    }
}

fn explain(fields: &Fields<'_>, key: &'static str, message: &str, hint: &str) {
    if let Some(node) = fields.node(key) {
        (fields.sink()).explain(&node.span, message, "", Some(hint.to_owned()));
    }
}
