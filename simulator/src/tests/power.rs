//! Instances that are stopped or rebooted.

use wirelab_model::{
    DhcpConfiguration, DhcpOptions, DhcpOptionsId, Instance, InstanceId, InstanceState, Tag, Vpc,
    VpcId,
};
use wirelab_wire::TcpFlags;

use super::end_to_end::{add, net, populated};
use crate::event::Input;
use crate::host::ExecId;
use crate::testing::{Bench, Net, parse};

/// How a packet of TCP is seen: `F` for FIN, `R` for RST, `S` for SYN.
fn ends_of(bench: &Bench, from: &str) -> Vec<(u64, String)> {
    let from: std::net::IpAddr = parse(from);
    let seen = bench.captured.iter().filter_map(|it| {
        let packet = it.packet().expect("an IP packet");
        let segment = packet.as_tcp().filter(|_| packet.source() == from)?;
        let mut flags = String::new();
        for (letter, flag) in [
            ('F', TcpFlags::FIN),
            ('R', TcpFlags::RST),
            ('S', TcpFlags::SYN),
        ] {
            if segment.flags.contains(flag) {
                flags.push(letter);
            }
        }
        (!flags.is_empty()).then(|| (it.at.as_nanos() / 1_000_000_000, flags))
    });
    seen.collect()
}

/// A connection from `app` to `db`, open for two seconds.
fn connected() -> Bench {
    let mut bench = populated(&mut net());
    let words = ["nc", "-w", "100", "10.0.2.10", "8080"];
    let argv = words.map(str::to_owned).to_vec();
    let id = ExecId(1);
    let host = "app".into();
    add(&mut bench, Input::Exec { id, host, argv });
    bench.wait(2);
    bench
}

#[test]
fn a_stopped_instance_shuts_down_before_its_power_goes() {
    let mut bench = connected();
    let state = |bench: &mut Bench, state| {
        let mut change = Net::default();
        let before = bench.world.resources().instances[&InstanceId::new("i-db")].clone();
        change.put(Instance {
            state,
            ..before.as_ref().clone()
        });
        bench.change(&mut change);
    };
    bench.captured.clear();
    let stops = bench.world.now();
    state(&mut bench, InstanceState::Stopping);
    bench.wait(1);
    let second = stops.as_nanos() / 1_000_000_000;
    assert!(
        ends_of(&bench, "10.0.2.10").contains(&(second, "F".to_owned())),
        "{:?}",
        ends_of(&bench, "10.0.2.10")
    );
    // The kernel is still there, its programs are not.
    let (text, _) = bench.run("app", &["nc", "-vz", "-w", "1", "10.0.2.10", "8080"]);
    assert!(text.contains("refused"), "{text}");
    bench.wait(5);
    let (text, _) = bench.run("app", &["nc", "-vz", "-w", "1", "10.0.2.10", "8080"]);
    assert!(text.contains("timed out"), "{text}");
    state(&mut bench, InstanceState::Stopped);
    state(&mut bench, InstanceState::Running);
    bench.wait(1);
    let (text, _) = bench.run("app", &["nc", "-vz", "-w", "1", "10.0.2.10", "8080"]);
    assert!(text.contains("succeeded"), "{text}");
}

#[test]
fn a_stopped_instance_keeps_its_name_until_another_that_runs_has_it() {
    let mut bench = populated(&mut net());
    let change = |bench: &mut Bench, id: &str, state| {
        let mut change = Net::default();
        let before = bench.world.resources().instances[&InstanceId::new(id)].clone();
        change.put(Instance {
            state,
            tags: vec![Tag {
                key: "Name".into(),
                value: "base".into(),
            }],
            ..before.as_ref().clone()
        });
        bench.change(&mut change);
    };
    let base = |bench: &Bench| {
        let host = bench.world.host("base")?;
        Some(host.spec().name.to_string())
    };
    change(&mut bench, "i-db", InstanceState::Stopped);
    assert_eq!(base(&bench).as_deref(), Some("db"));
    change(&mut bench, "i-app", InstanceState::Running);
    assert_eq!(base(&bench).as_deref(), Some("app"));
    change(&mut bench, "i-app", InstanceState::Stopped);
    assert_eq!(base(&bench), None, "it does not say which");
    change(&mut bench, "i-app", InstanceState::Terminated);
    assert_eq!(base(&bench).as_deref(), Some("db"));
}

/// RFC 2131, section 4.4.5: half of the lease; a machine that boots asks at once.
#[test]
fn other_dhcp_options_are_heeded_when_a_machine_asks_again_and_by_a_reboot() {
    let mut bench = populated(&mut net());
    let file = |bench: &mut Bench| bench.run("app", &["cat", "/etc/resolv.conf"]).0;
    let amazons = "nameserver 10.0.0.2\nsearch ec2.internal\n";
    assert_eq!(file(&mut bench), amazons);
    let option = |key: &str, values: &[&str]| DhcpConfiguration {
        key: key.into(),
        values: values.iter().map(|it| (*it).into()).collect(),
    };
    let own = DhcpOptionsId::new("dopt-own");
    let mut change = Net::default();
    change.put(DhcpOptions {
        dhcp_options_id: own.clone(),
        owner_id: "123456789012".into(),
        dhcp_configurations: vec![
            option("domain-name-servers", &["10.0.2.53", "AmazonProvidedDNS"]),
            option("domain-name", &["corp.example"]),
        ],
        tags: Vec::new(),
    });
    let vpc = bench.world.resources().vpcs[&VpcId::new("vpc-a")].clone();
    let with = |options: Option<&DhcpOptionsId>| Vpc {
        dhcp_options_id: options.cloned(),
        ..vpc.as_ref().clone()
    };
    change.put(with(Some(&own)));
    bench.change(&mut change);
    bench.wait(60);
    assert_eq!(file(&mut bench), amazons, "nobody has asked");
    bench.wait(1740);
    let corps = "nameserver 10.0.2.53\nnameserver 10.0.0.2\nsearch corp.example\n";
    assert_eq!(file(&mut bench), corps);

    // No options at all, and a machine that boots.
    let mut change = Net::default();
    change.put(with(None));
    let app = bench.world.resources().instances[&InstanceId::new("i-app")].clone();
    change.put(Instance {
        reboots: 1,
        ..app.as_ref().clone()
    });
    bench.change(&mut change);
    bench.wait(25);
    assert_eq!(file(&mut bench), "");
}

#[test]
fn a_rebooted_instance_loses_its_connections_and_keeps_its_servers_and_addresses() {
    let mut bench = connected();
    let mut change = Net::default();
    let before = bench.world.resources().instances[&InstanceId::new("i-db")].clone();
    change.put(Instance {
        reboots: 1,
        ..before.as_ref().clone()
    });
    bench.captured.clear();
    let asked = bench.world.now();
    bench.change(&mut change);
    bench.wait(1);
    let second = asked.as_nanos() / 1_000_000_000;
    let ends = ends_of(&bench, "10.0.2.10");
    assert!(ends.contains(&(second, "F".to_owned())), "{ends:?}");
    let looks = ["nc", "-vz", "-w", "1", "10.0.2.10", "8080"];
    for (seconds, wanted) in [(0, "refused"), (5, "timed out"), (14, "succeeded")] {
        bench.wait(seconds);
        let (text, _) = bench.run("app", &looks);
        assert!(text.contains(wanted), "{seconds} {text}");
    }
    // The same again is a change of nothing.
    change.put(Instance {
        reboots: 1,
        ..before.as_ref().clone()
    });
    bench.change(&mut change);
    bench.wait(1);
    let (text, _) = bench.run("app", &looks);
    assert!(text.contains("succeeded"), "{text}");
}
