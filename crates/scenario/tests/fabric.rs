//! Figures that a scenario file wants otherwise than AWS has them.

use std::path::Path;

use wirelab_model::{Seed, SimDuration};
use wirelab_scenario::{Plan, Scenario, Source};

const TEXT: &str = r#"
format = 1
name   = "s"
title  = "Figures"
starts = 2024-03-05T00:00:00Z

[fabric]
conntrack_limit           = 100
conntrack_closing_timeout = "10s"
nat_gateway_timeout       = "20s"
inter_region_mtu          = 1500
propagation_delay         = "3s"
vpc_peering_delay         = "1m"
flow_log_s3_delay         = "1m"

[vpc.app]
cidr_block = "10.0.0.0/16"

[subnet.web]
vpc        = "app"
cidr_block = "10.0.1.0/24"

[instance.web]
subnet              = "web"
connection_tracking = { tcp_established_timeout = "1h" }
interfaces          = [{ subnet = "web", connection_tracking = { udp_timeout = "40s" } }]

[instance.db]
subnet = "web"

[[traffic]]
name  = "health"
from  = "instance.web"
to    = "instance.db:8080"
http  = "GET /"
every = "10s"

[[expect]]
during  = "0s..1m"
traffic = "health"
outcome = "refused"
"#;

fn compile(text: &str) -> Result<Plan, String> {
    let source = Source::new("scenarios/s/scenario.toml", text.trim_start());
    let scenario = Scenario::parse(Path::new("scenarios/s"), &source).expect("TOML");
    (scenario.compile(Seed::whole(1))).map_err(|errors| errors.to_string())
}

#[test]
fn figures_are_heeded() {
    let plan = compile(TEXT).unwrap_or_else(|errors| panic!("{errors}"));
    let (fabric, delays) = (&plan.fabric, &plan.control.config().delays);
    let seconds = SimDuration::from_secs;
    assert_eq!(fabric.conntrack_limit, Some(100));
    assert_eq!(fabric.timeouts.tcp_closing, seconds(10));
    assert_eq!(fabric.timeouts.nat_gateway, seconds(20));
    assert_eq!(fabric.inter_region_mtu, 1500);
    assert_eq!(fabric.flow_logs.s3_delay, seconds(60));
    assert_eq!(delays.propagation, seconds(3));
    assert_eq!(delays.vpc_peering_provision, seconds(60));
    // What is not said is AWS's.
    assert_eq!(fabric.flow_logs.cloudwatch_delay, seconds(300));
    let interfaces = plan.control.resources().network_interfaces.values();
    let timeouts = interfaces.map(|it| it.connection_tracking_configuration);
    let mut timeouts: Vec<_> = timeouts
        .map(|it| (it.tcp_established_timeout, it.udp_timeout))
        .collect();
    timeouts.sort_unstable();
    let own = [(None, None), (None, Some(40)), (Some(3600), None)];
    assert_eq!(timeouts, own);
}

#[test]
fn figures_out_of_range_are_refused() {
    for (old, new, wanted) in [
        ("= \"20s\"", "= \"0s\"", "`nat_gateway_timeout` is a time"),
        ("= \"3s\"", "= \"3\"", "propagation_delay"),
        ("= 1500", "= 100", "`inter_region_mtu` is an MTU"),
        ("= \"1h\"", "= \"10s\"", "TcpEstablishedTimeout"),
        (
            "nat_gateway_timeout ",
            "nat_gateway_timeuot ",
            "nat_gateway_timeout",
        ),
    ] {
        let text = TEXT.replacen(old, new, 1);
        let errors = compile(&text).err().unwrap_or_default();
        assert!(errors.contains(wanted), "{new}\n{errors}");
    }
}
