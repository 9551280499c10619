//! What the commands on machines print, and what they do.

mod machines;

use machines::Net;
use wirelab_model::{SimDuration, SimTime};
use wirelab_simulator::host::{
    HttpResource, PostgresTable, ServerSpec, TlsServerSpec, TrafficProgram,
};

/// A session at the client's prompt.
fn session(net: &mut Net, commands: &[&str]) -> String {
    let mut text = String::new();
    for command in commands {
        let words: Vec<_> = command.split_whitespace().collect();
        let (printed, status) = net.exec(&words);
        text += &format!("$ {command}\n{printed}[{status}]\n");
    }
    text
}

#[test]
fn ping_finds_the_path_mtu_once_and_is_refused_locally_afterwards() {
    let mut net = Net::new(9001, 1500, 9001);
    insta::assert_snapshot!(session(
        &mut net,
        &[
            "ping -c 2 -i 0.3 10.0.2.20",
            "ping -c 2 -i 0.3 -W 1 -M do -s 1472 10.0.2.20",
            "ping -c 1 -W 1 -t 1 10.0.2.20",
            "ip link set dev ens5 mtu 1400",
            "ping -c 1 -W 1 -M do -s 1373 10.0.2.20",
            "ping -c 1 -W 1 -M dont -s 2973 10.0.2.20",
            "ping 10.0.2.20",
            "ping -c 1 -Z 10.0.2.20",
        ]
    ));
}

#[test]
fn curl_and_nc_tell_open_closed_and_silent_apart() {
    let mut net = Net::new(1500, 1500, 1500);
    net.serve("/hello", 45);
    net.server_firewall("-A INPUT -p tcp --dport 82 -j DROP");
    net.server_firewall("-A INPUT -p tcp --dport 83 -j REJECT --reject-with icmp-admin-prohibited");
    insta::assert_snapshot!(session(
        &mut net,
        &[
            "curl -v http://10.0.2.20/hello",
            "curl -s -o /dev/null -w %{http_code} http://10.0.2.20/missing",
            "curl http://10.0.2.20:81/",
            "curl -m 5 http://10.0.2.20:82/",
            "curl -sS http://10.0.2.20:83/",
            "nc -vz -w 2 10.0.2.20 80",
            "nc -vz -w 2 10.0.2.20 81",
            "nc -vz -w 2 10.0.2.20 82",
            "curl https://10.0.2.20/",
        ]
    ));
}

#[test]
fn curl_speaks_tls_and_refuses_certificates_as_curl_does() {
    let mut net = Net::new(1500, 1500, 1500);
    net.add_server(ServerSpec::Tls {
        tls: TlsServerSpec {
            names: vec!["server".into()],
            ..TlsServerSpec::default()
        },
        inside: Box::new(ServerSpec::Http {
            port: 443,
            resources: vec![HttpResource {
                path: "/hello".into(),
                status: 200,
                bytes: 45,
            }],
            think: SimDuration::ZERO,
        }),
    });
    net.serve("/hello", 45);
    let all = "https://other.example.com/hello --resolve other.example.com:443:10.0.2.20";
    insta::assert_snapshot!(session(
        &mut net,
        &[
            "curl -s https://server/hello",
            "curl -sv https://server/hello",
            "curl -sSk https://10.0.2.20/hello",
            &format!("curl {all}"),
            &format!("curl -k {all}"),
            "curl https://server:80/",
            "curl -s -o /dev/null -w %{scheme} https://server/hello",
        ]
    ));
}

#[test]
fn tracepath_names_the_hop_that_narrows_the_path() {
    let mut net = Net::new(9001, 9001, 1500);
    insta::assert_snapshot!(session(
        &mut net,
        &["tracepath -n 10.0.2.20", "ip route get 10.0.2.20",]
    ));
}

#[test]
fn routes_and_settings_change_what_is_sent() {
    let mut net = Net::new(9001, 9001, 9001);
    net.serve("/hello", 10);
    insta::assert_snapshot!(session(
        &mut net,
        &[
            "ip addr show dev ens5",
            "ip route",
            "ip route add 10.0.2.0/24 via 10.0.1.1 dev ens5 mtu 1500",
            "ip route add 10.0.2.0/24 via 10.0.1.1",
            "ip route",
            "ip route get 10.0.2.20",
            "ip route del 10.0.2.0/24",
            "ip route del 10.0.2.0/24",
            "ip route add 10.9.0.0/16 via 192.168.1.1",
            "sysctl net.ipv4.tcp_mtu_probing",
            "sysctl -w net.ipv4.tcp_mtu_probing=1",
            "sysctl net.ipv4.nonsense",
            "iptables -A OUTPUT -d 10.0.2.20 -p tcp --dport 80 -j DROP",
            "iptables -S OUTPUT",
            "curl -m 1 http://10.0.2.20/hello",
            "iptables -F",
            "curl -s http://10.0.2.20/hello",
            "ss -ta",
            "ethtool -S ens5",
            "ethtool -S eth9",
            "vim",
        ]
    ));
}

#[test]
fn a_database_answers_queries_and_streams_its_log() {
    use wirelab_model::SimTime;
    use wirelab_simulator::host::{Outcome, TrafficProgram};
    let mut net = Net::new(9001, 1500, 9001);
    net.add_server(ServerSpec::Postgres {
        port: 5432,
        tables: vec![PostgresTable {
            name: "orders".into(),
            columns: vec!["id".into(), "note".into()],
            rows: 500,
            value_bytes: 40,
        }],
        think: SimDuration::from_millis(2),
        wal_every: SimDuration::from_secs(5),
        wal_bytes: 20_000,
    });
    let query = TrafficProgram::Postgres {
        user: "app".into(),
        database: "shop".into(),
        query: "SELECT * FROM orders".into(),
        keep_alive: true,
    };
    let standby = TrafficProgram::PostgresReplication {
        user: "replicator".into(),
        slot: "standby_1".into(),
    };
    net.request_every(query, 5432, SimTime::ZERO, SimDuration::from_secs(1));
    net.request_every(standby, 5432, SimTime::ZERO, SimDuration::from_secs(1));
    net.run_until(SimTime::from_secs(61));
    let events = net.traffic_events();
    assert!(
        events
            .iter()
            .all(|event| event.outcome == Outcome::Completed)
    );
    let of = |name: &str| events.iter().filter(|event| event.traffic == name).count();
    assert_eq!((of("traffic-0"), of("traffic-1")), (61, 12));
    let large = events.iter().filter(|event| event.bytes_received > 20_000);
    assert!(large.count() > 60);
    let ports: std::collections::BTreeSet<_> = events
        .iter()
        .filter_map(|event| event.connection.map(|tuple| tuple.local_port))
        .collect();
    assert_eq!(ports.len(), 2, "both keep their connection");
}

#[test]
fn names_attached_values_and_every_look_at_a_machine() {
    let mut net = Net::new(9001, 1500, 9001);
    net.serve("/hello", 10);
    insta::assert_snapshot!(session(
        &mut net,
        &[
            "ping -c1 server",
            "ping -nc1 -W1 server",
            "ping -c1 nowhere",
            "ping -w3 -i1 192.0.2.1",
            "nc -vzw2 server 80",
            "nc -nvz server 80",
            "curl -sm5 http://server/hello",
            "curl -s localhost",
            "curl https://server/",
            "curl -o page http://server/",
            "tracepath -m5 server",
            "ip -br a",
            "ip -br link",
            "ip -o a",
            "ip link set ens5 mtu 60",
            "ip link set ens5 mtu 9300",
            "ip -s link show ens5",
            "ss -tani",
            "ss -tap",
            "sysctl -n net.ipv4.ip_forward",
            "sysctl -w net.ipv4.ip_forward",
            "iptables -A INPUT -s 10.0.2.20 -p tcp --dport 80 -j DROP",
            "iptables -A INPUT -p icmp --icmp-type 8 -j REJECT",
            "ping -c1 server",
            "iptables -nvL INPUT --line-numbers",
            "iptables -L OUTPUT",
            "iptables -nS",
        ]
    ));
}

#[test]
fn a_link_mtu_set_by_hand_outlives_a_change_of_other_interfaces() {
    let mut net = Net::new(9001, 1500, 9001);
    net.exec(&["ip", "link", "set", "ens5", "mtu", "1300"]);
    net.readdress_client("10.0.1.10/25");
    let (printed, _) = net.exec(&["ip", "addr", "show", "ens5"]);
    assert!(printed.contains("mtu 1300") && printed.contains("10.0.1.10/25"));
}

#[test]
fn the_sockets_of_a_container_are_not_the_hosts() {
    let mut net = Net::new(9001, 1500, 9001);
    net.serve("/hello", 10);
    let fetch = ["curl", "-s", "http://server/hello"];
    let inside = [&["docker", "exec", "web"][..], &fetch].concat();
    assert_eq!(net.exec(&inside).1, 0);
    assert_eq!(net.exec(&["ss", "-tanH"]).0, "");
    assert_eq!(net.exec(&fetch).1, 0);
    let own = net.exec(&["ss", "-tanH"]).0;
    assert!(own.contains("10.0.2.20:80"), "{own}");
}

#[test]
fn sockets_name_the_programs_that_hold_them() {
    let mut net = Net::new(1500, 1500, 1500);
    net.serve("/hello", 10);
    let program = TrafficProgram::Http {
        method: "GET".into(),
        path: "/hello".into(),
        body_bytes: 0,
        keep_alive: true,
        user_agent: "orders/1".into(),
    };
    let minute = SimDuration::from_secs(60);
    net.request_every(program, 80, SimTime::from_secs(1), minute);
    net.run_until(SimTime::from_secs(2));
    let held = net.exec(&["ss", "-tnpH"]).0;
    assert!(
        held.contains(" users:((\"traffic-0\",pid=1500,fd=3))"),
        "{held}"
    );
    let held = net.exec(&["netstat", "-tnp"]).0;
    let line = held.lines().last().expect("a connection");
    assert!(
        line.contains("10.0.2.20:80            ESTABLISHED 1500/traffic-0 "),
        "{held}"
    );
    // The other end's are the server's; what waits belongs to it too.
    for command in [&["netstat", "-tnp"][..], &["netstat", "-tlnp"]] {
        let own = net.exec_on(2, command).0;
        assert!(
            own.lines()
                .last()
                .is_some_and(|it| it.contains(" 1000/nginx ")),
            "{own}"
        );
    }
    // Once more without a pid: a connection that was closed lives on in the kernel.
    net.exec(&["curl", "-s", "http://10.0.2.20/hello"]);
    let closed = net.exec(&["netstat", "-tnp"]).0;
    let mut waits = closed.lines().filter(|it| it.contains(" FIN_WAIT1 "));
    assert!(
        waits.next().is_some_and(|it| it.trim_end().ends_with(" -")),
        "{closed}"
    );
}

#[test]
fn sleep_takes_its_time_and_files_of_the_kernel_say_what_ip_and_sysctl_say() {
    let mut net = Net::new(9001, 1500, 9001);
    let began = net.now();
    for (command, printed) in [
        ("sleep 1.5 0.5s", ""),
        ("sleep 1x", "sleep: invalid time interval ‘1x’\n"),
        ("ip link set dev ens5 mtu 1400", ""),
        (
            "cat /sys/class/net/ens5/mtu /sys/class/net/lo/operstate",
            "1400\nunknown\n",
        ),
        (
            "sysctl -q -w net.ipv4.ip_local_port_range=40000:50000",
            "sysctl: setting",
        ),
        (
            "cat /proc/sys/net/ipv4/ip_local_port_range",
            "32768\t60999\n",
        ),
        (
            "cat /sys/class/net/eth0/mtu",
            "cat: /sys/class/net/eth0/mtu: No such file",
        ),
    ] {
        let words: Vec<_> = command.split_whitespace().collect();
        let (text, _) = net.exec(&words);
        assert!(text.starts_with(printed), "{command}: {text}");
    }
    assert_eq!(net.now().since(began), SimDuration::from_secs(2));
}

/// `https` to an address wants the address in the certificate, and asks for no name.
#[test]
fn curl_looks_for_the_address_in_the_certificate() {
    let over_tls = |port: u16, names: &[&str], issuer: Option<&str>| ServerSpec::Tls {
        tls: TlsServerSpec {
            names: names.iter().map(|it| (*it).into()).collect(),
            issuer: issuer.unwrap_or(TlsServerSpec::PUBLIC_ISSUER).into(),
            ..TlsServerSpec::default()
        },
        inside: Box::new(ServerSpec::Http {
            port,
            resources: vec![HttpResource {
                path: "/hello".into(),
                status: 200,
                bytes: 10,
            }],
            think: SimDuration::ZERO,
        }),
    };
    let mut net = Net::new(1500, 1500, 1500);
    net.add_server(over_tls(443, &["www.example.com"], None));
    net.add_server(over_tls(444, &["www.example.com", "10.0.2.20"], None));
    net.add_server(over_tls(445, &["www.example.com"], Some("www.example.com")));
    net.add_server(over_tls(446, &["www.example.com"], Some("Corp-CA")));
    let other = net.exec(&["curl", "-sS", "https://10.0.2.20/hello"]);
    let complaint = "curl: (60) SSL: no alternative certificate subject name matches target host \
        name '10.0.2.20'\n";
    assert!(other.0.starts_with(complaint), "{}", other.0);
    assert_eq!(other.1, 60);
    assert_eq!(
        net.exec(&["curl", "-s", "https://10.0.2.20:444/hello"]).1,
        0
    );
    let verified = [
        "curl",
        "-k",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{ssl_verify_result}",
    ];
    for (port, result) in [(443, "0"), (445, "18"), (446, "20")] {
        let url = format!("https://10.0.2.20:{port}/hello");
        let printed = net.exec(&[&verified[..], &[&url]].concat());
        assert_eq!(printed, (result.to_owned(), 0), "{port}");
    }
}

/// The clock that `nc -w` looks at starts again with the connection and with what comes.
#[test]
fn nc_ends_when_nothing_has_come_for_its_patience() {
    let mut net = Net::new(1500, 1500, 1500);
    net.delay(SimDuration::from_millis(20));
    net.echo(7);
    let (printed, status) = net.exec(&["nc", "-v", "-w", "2", "10.0.2.20", "7"]);
    assert!(printed.ends_with("succeeded!\n"), "{printed}");
    assert_eq!(status, 0);
}

/// iputils counts to the last request, not to its answer.
#[test]
fn ping_counts_the_time_to_its_last_request() {
    let mut net = Net::new(1500, 1500, 1500);
    net.delay(SimDuration::from_millis(20));
    for (count, time) in [("1", "time 0ms"), ("3", "time 400ms")] {
        let (printed, _) = net.exec(&["ping", "-c", count, "-i", "0.2", "10.0.2.20"]);
        assert!(printed.contains(time), "{printed}");
    }
}

/// What the probes carry is what the real programs' carry.
#[test]
fn probes_carry_what_the_real_programs_send() {
    use machines::Side;
    use wirelab_wire::{IcmpMessage, Transport};
    let mut net = Net::new(1500, 1500, 1500);
    net.exec(&["ping", "-c", "1", "10.0.2.20"]);
    net.exec(&["traceroute", "-n", "-q", "1", "-m", "1", "10.0.2.20"]);
    net.exec(&["traceroute", "-I", "-n", "-q", "1", "-m", "1", "10.0.2.20"]);
    net.exec(&["tracepath", "-n", "-m", "1", "-l", "100", "10.0.2.20"]);
    net.exec(&["traceroute", "-T", "-n", "-m", "1", "10.0.2.20"]);
    let sent: Vec<_> = net.packets(Side::Client).iter().map(|it| &it.1).collect();
    let from_here = |packet: &&&wirelab_wire::IpPacket| packet.source().to_string() == "10.0.1.10";
    let echoes: Vec<_> = sent
        .iter()
        .filter(from_here)
        .filter_map(|packet| match packet.as_icmp() {
            Some(IcmpMessage::EchoRequest { payload, .. }) => Some(payload.clone()),
            _ => None,
        })
        .collect();
    let places: Vec<u8> = (0x10..0x38).collect();
    assert_eq!((echoes[0].len(), &echoes[0][16..]), (56, &places[..]));
    assert!(echoes[1].starts_with(b"HIJKLMNOPQRSTUVWXYZ[\\]^_`abc"));
    let datagrams: Vec<_> = sent
        .iter()
        .filter(from_here)
        .filter_map(|packet| match &packet.transport {
            Transport::Udp(datagram) => Some(datagram.payload.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(&datagrams[0][..], b"@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_");
    let path = datagrams.last().expect("one at least");
    assert_eq!((path.len(), path[0]), (72, 1));
    assert!(path[24..].iter().all(|octet| *octet == 0));
    let stamps: std::collections::BTreeSet<_> = sent
        .iter()
        .filter(from_here)
        .filter_map(|packet| match &packet.transport {
            Transport::Tcp(segment) => segment.options.timestamps().map(|it| it.0),
            _ => None,
        })
        .collect();
    assert_eq!(stamps.len(), 1);
}
