//! What the commands on machines print, and what they do.

mod machines;

use machines::Net;
use wirelab_model::SimDuration;
use wirelab_simulator::host::{HttpResource, PostgresTable, ServerSpec, TlsServerSpec};

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
