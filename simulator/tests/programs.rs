//! What programs say on the wire, against captures of the real ones.

mod machines;

use machines::{Golden, Net, Side};
use wirelab_model::{SimDuration, SimTime};
use wirelab_simulator::host::{
    HttpResource, Outcome, ServerSpec, TlsClientSpec, TlsServerSpec, TlsVersion, TrafficEvent,
    TrafficProgram,
};
use wirelab_wire::{IpPacket, TcpFlags};

/// Octets that a side sent to or from `port`, in order and once.
fn stream(packets: &[(SimTime, IpPacket)], port: u16, from_client: bool) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut next = None;
    for segment in packets.iter().filter_map(|(_, packet)| packet.as_tcp()) {
        let own = if from_client {
            segment.destination_port
        } else {
            segment.source_port
        };
        if own != port {
            continue;
        }
        let start = segment
            .sequence
            .wrapping_add(u32::from(segment.flags.contains(TcpFlags::SYN)));
        if *next.get_or_insert(start) == start {
            octets.extend_from_slice(&segment.payload);
            next = Some(start.wrapping_add(segment.payload.len() as u32));
        }
    }
    octets
}

/// Type, version and length of every TLS record.
fn records(octets: &[u8]) -> Vec<(u8, u16, usize)> {
    let mut records = Vec::new();
    let mut rest = octets;
    while let [kind, a, b, c, d, tail @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*c, *d]));
        records.push((*kind, u16::from_be_bytes([*a, *b]), len));
        rest = tail.get(len..).unwrap_or(&[]);
    }
    records
}

fn get(keep_alive: bool) -> TrafficProgram {
    TrafficProgram::Http {
        method: "GET".into(),
        path: "/".into(),
        body_bytes: 0,
        keep_alive,
        user_agent: "curl/7.88.1".into(),
    }
}

fn page(port: u16) -> ServerSpec {
    ServerSpec::Http {
        port,
        resources: vec![HttpResource {
            path: "/".into(),
            status: 200,
            bytes: 5000,
        }],
        think: SimDuration::ZERO,
    }
}

fn over_tls(tls: TlsServerSpec) -> ServerSpec {
    ServerSpec::Tls {
        tls,
        inside: Box::new(page(443)),
    }
}

fn through_tls(tls: TlsClientSpec) -> TrafficProgram {
    TrafficProgram::Tls {
        tls,
        inside: Box::new(get(false)),
    }
}

/// The server of the captures: `openssl s_server` with a leaf of the test CA.
fn golden_server() -> TlsServerSpec {
    TlsServerSpec {
        issuer: "Wirelab Test CA".into(),
        alpn: Vec::new(),
        ..TlsServerSpec::default()
    }
}

fn golden_client() -> TlsClientSpec {
    TlsClientSpec {
        server_name: Some("db.example.com".into()),
        trusts: vec!["Wirelab Test CA".into()],
        ..TlsClientSpec::default()
    }
}

/// One exchange between these two.
fn exchange(server: ServerSpec, client: TrafficProgram) -> (Net, TrafficEvent) {
    let mut net = Net::new(1500, 1500, 1500);
    let port = server.port();
    net.add_server(server);
    net.request_at_port(client, port, SimTime::from_secs(1));
    net.run_until(SimTime::from_secs(20));
    let events = net.traffic_events();
    let event = events.first().expect("the exchange ends").clone();
    (net, event)
}

/// What both sides sent, ours and theirs.
fn against(name: &str, net: &Net) -> [(Vec<u8>, Vec<u8>); 2] {
    let golden = Golden::read(&format!("{name}.client.pcap"));
    let ours = net.packets(Side::Client);
    [true, false].map(|from_client| {
        (
            stream(ours, 443, from_client),
            stream(golden.packets(), 443, from_client),
        )
    })
}

/// A ClientHello's record with random, session id and key share blanked.
fn masked(hello: &[u8]) -> Vec<u8> {
    let end = 5 + usize::from(u16::from_be_bytes([hello[3], hello[4]]));
    let mut hello = hello[..end].to_vec();
    hello[11..43].fill(0);
    let session = usize::from(hello[43]);
    hello[44..44 + session].fill(0);
    let share = [0, 51, 0, 38, 0, 36, 0, 29, 0, 32];
    if let Some(at) = hello.windows(10).position(|ten| ten == share) {
        hello[at + 10..at + 42].fill(0);
    }
    hello
}

#[test]
fn tls_1_3_is_openssls_record_by_record() {
    let (net, event) = exchange(over_tls(golden_server()), through_tls(golden_client()));
    assert_eq!(event.outcome, Outcome::Completed);
    assert_eq!(event.status, Some(200));
    let [(client, theirs), (server, their_server)] = against("tls-tls13", &net);
    assert_eq!(masked(&client), masked(&theirs));
    // ClientHello, ChangeCipherSpec, Finished; then the request, then close_notify.
    assert_eq!(records(&client)[..3], records(&theirs)[..3]);
    assert_eq!(records(&client).last(), records(&theirs).last());
    // To the second ticket; the ServerHello's lengths and extensions.
    assert_eq!(records(&server)[..8], records(&their_server)[..8]);
    assert_eq!(server[..11], their_server[..11]);
    assert_eq!(server[76..95], their_server[76..95]);
}

#[test]
fn tls_1_2_is_openssls_record_by_record() {
    let mut spec = golden_server();
    spec.range.max = TlsVersion::Tls12;
    let (net, event) = exchange(over_tls(spec), through_tls(golden_client()));
    assert_eq!(event.status, Some(200));
    let [(client, theirs), (server, their_server)] = against("tls-tls12", &net);
    assert_eq!(masked(&client), masked(&theirs));
    assert_eq!(records(&client)[..4], records(&theirs)[..4]);
    assert_eq!(records(&server)[..6], records(&their_server)[..6]);
    // After the session id: suite, compression, extensions.
    assert_eq!(server[76..98], their_server[76..98]);
    assert_eq!(records(&client).last(), records(&theirs).last());
}

#[test]
fn a_server_refuses_in_the_clear_and_closes() {
    let mut modern = golden_server();
    modern.range.min = TlsVersion::Tls13;
    let mut old = golden_client();
    old.range.max = TlsVersion::Tls12;
    let mut picky = golden_server();
    picky.range.max = TlsVersion::Tls12;
    picky.range.ciphers = vec!["ECDHE-ECDSA-AES128-GCM-SHA256".into()];
    for (name, server, client, text) in [
        (
            "tls-version",
            modern,
            old,
            "OpenSSL/3.0.19: error:0A00042E:SSL routines::tlsv1 alert protocol version",
        ),
        (
            "tls-no-cipher",
            picky,
            golden_client(),
            "OpenSSL/3.0.19: error:0A000410:SSL routines::sslv3 alert handshake failure",
        ),
    ] {
        let (net, event) = exchange(over_tls(server), through_tls(client));
        assert_eq!(event.outcome, Outcome::Failed(text.into()));
        let [(client, theirs), (server, their_server)] = against(name, &net);
        assert_eq!(masked(&client), masked(&theirs), "{name}");
        assert_eq!(records(&client).len(), 1, "{name}");
        assert_eq!(server, their_server, "{name}");
    }
}

#[test]
fn a_client_says_what_it_does_not_like_of_a_certificate() {
    let mut stranger = golden_client();
    stranger.trusts.clear();
    let (net, event) = exchange(over_tls(golden_server()), through_tls(stranger.clone()));
    let [(client, theirs), _] = against("tls-unknown-ca", &net);
    let last = [21, 3, 3, 0, 2, 2, 48];
    assert!(theirs.ends_with(&last) && client.ends_with(&last));
    assert_eq!(client.len(), theirs.len());
    // It closes with the rest of the server's flight unread.
    let golden = Golden::read("tls-unknown-ca.client.pcap");
    for packets in [net.packets(Side::Client), golden.packets()] {
        let segments = packets.iter().filter_map(|(_, packet)| packet.as_tcp());
        let mut sent = segments.filter(|segment| segment.destination_port == 443);
        assert!(sent.any(|segment| segment.flags == TcpFlags::RST | TcpFlags::ACK));
    }
    let text = "SSL certificate problem: unable to get local issuer certificate";
    assert_eq!(event.outcome, Outcome::Failed(text.into()));

    let mut misnamed = golden_server();
    misnamed.names = vec!["www.example.com".into(), "*.example.org".into()];
    let mut expired = golden_server();
    expired.expires = SimDuration::ZERO;
    let mut own = golden_server();
    own.names = vec!["db.example.com".into()];
    own.issuer = "db.example.com".into();
    let mut strict = misnamed.clone();
    strict.strict_sni = true;
    let mut nameless = golden_client();
    nameless.server_name = None;
    for (server, client, alert) in [
        (misnamed, golden_client(), Some(42)),
        (expired, golden_client(), Some(45)),
        (own, stranger, Some(48)),
        (strict.clone(), golden_client(), None),
        (strict, nameless, None),
    ] {
        let (net, event) = exchange(over_tls(server), through_tls(client));
        let sent = stream(net.packets(Side::Client), 443, true);
        let answered = stream(net.packets(Side::Client), 443, false);
        assert!(matches!(event.outcome, Outcome::Failed(_)));
        match alert {
            Some(alert) => assert!(sent.ends_with(&[21, 3, 3, 0, 2, 2, alert])),
            None => assert_eq!(answered, [21, 3, 3, 0, 2, 2, 112]),
        }
    }
}

#[test]
fn curl_looks_at_the_name_after_the_handshake() {
    let mut server = golden_server();
    server.names = vec!["www.example.com".into()];
    let mut client = golden_client();
    client.late_name_check = true;
    let (net, event) = exchange(over_tls(server), through_tls(client));
    let text =
        "SSL: no alternative certificate subject name matches target host name 'db.example.com'";
    assert_eq!(event.outcome, Outcome::Failed(text.into()));
    let sent = records(&stream(net.packets(Side::Client), 443, true));
    // ClientHello, ChangeCipherSpec, Finished and an encrypted close_notify.
    let kinds: Vec<_> = sent.iter().map(|(kind, _, len)| (*kind, *len)).collect();
    assert_eq!(kinds, [(22, 512), (20, 1), (23, 69), (23, 19)]);
}

#[test]
fn every_version_and_cipher_carries_a_page() {
    for version in [TlsVersion::Tls10, TlsVersion::Tls11, TlsVersion::Tls12] {
        for cipher in [
            "AES128-SHA",
            "ECDHE-RSA-AES256-SHA",
            "ECDHE-RSA-CHACHA20-POLY1305",
        ] {
            if version < TlsVersion::Tls12 && cipher.ends_with("POLY1305") {
                continue;
            }
            let mut server = golden_server();
            server.range.min = TlsVersion::Tls10;
            server.range.max = version;
            let mut client = golden_client();
            client.range.ciphers = vec![cipher.into()];
            let (net, event) = exchange(over_tls(server), through_tls(client));
            assert_eq!(event.status, Some(200), "{version:?} {cipher}");
            let sent = stream(net.packets(Side::Client), 443, true);
            assert!(sent.windows(4).all(|four| four != b"GET "));
        }
    }
}

#[test]
fn plain_http_at_a_tls_port_and_the_other_way_round() {
    let (net, event) = exchange(over_tls(golden_server()), get(false));
    assert_eq!(event.outcome, Outcome::Reset);
    assert!(stream(net.packets(Side::Client), 443, false).is_empty());
    let (net, event) = exchange(page(443), through_tls(golden_client()));
    let text = "OpenSSL/3.0.19: error:0A00010B:SSL routines::wrong version number";
    assert_eq!(event.outcome, Outcome::Failed(text.into()));
    let answered = stream(net.packets(Side::Client), 443, false);
    assert!(answered.starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
}

/// What each port was asked and answered: flags in order.
fn dialogues(packets: &[(SimTime, IpPacket)]) -> std::collections::BTreeMap<u16, Vec<TcpFlags>> {
    let mut dialogues = std::collections::BTreeMap::<u16, Vec<TcpFlags>>::new();
    for segment in packets.iter().filter_map(|(_, packet)| packet.as_tcp()) {
        let port = segment.source_port.min(segment.destination_port);
        dialogues.entry(port).or_default().push(segment.flags);
    }
    dialogues
}

#[test]
fn a_port_scan_looks_like_nmaps() {
    for (name, connect) in [("scan-syn-closed", false), ("scan-connect-closed", true)] {
        let mut net = Net::new(1500, 1500, 1500);
        net.add_server(page(80));
        net.add_server(ServerSpec::Discard { port: 22 });
        let scan = TrafficProgram::Scan {
            ports: vec![(1, 100)],
            connect,
        };
        net.request(scan, SimTime::from_secs(1));
        net.run_until(SimTime::from_secs(20));
        assert_eq!(net.traffic_events()[0].outcome, Outcome::Completed);
        let golden = Golden::read(&format!("{name}.client.pcap"));
        assert_eq!(
            dialogues(net.packets(Side::Client)),
            dialogues(golden.packets())
        );
        let probes = |packets: &[(SimTime, IpPacket)]| {
            let mut seen = std::collections::BTreeSet::new();
            for (_, packet) in packets {
                let Some(tcp) = packet.as_tcp().filter(|it| it.flags == TcpFlags::SYN) else {
                    continue;
                };
                let random = if connect { packet.header.ttl } else { 0 };
                assert!(connect || (37..60).contains(&packet.header.ttl));
                let (df, len) = (packet.dont_fragment(), packet.total_len());
                seen.insert((tcp.window, df, len, random));
            }
            seen
        };
        assert_eq!(probes(net.packets(Side::Client)), probes(golden.packets()));
    }
}

/// Every kind of exchange over TCP at once; `interrupt`: machines are saved and read back all along.
fn conversation(interrupt: bool) -> Vec<(SimTime, IpPacket)> {
    let mut net = Net::new(1500, 1500, 1500);
    net.delay(SimDuration::from_millis(3));
    net.add_server(over_tls(golden_server()));
    net.add_server(ServerSpec::Mysql {
        port: 3306,
        tables: Vec::new(),
        think: SimDuration::from_millis(5),
        binlog_every: SimDuration::from_millis(50),
        binlog_bytes: 700,
    });
    net.add_server(ServerSpec::Ssh {
        port: 22,
        users: Vec::new(),
    });
    net.add_server(ServerSpec::Bulk { port: 5201 });
    let query = |query: &str| TrafficProgram::Mysql {
        user: "app".into(),
        database: "shop".into(),
        query: query.into(),
        keep_alive: true,
    };
    let pool = TrafficProgram::Pool {
        inside: Box::new(query("SELECT 1")),
        size: 3,
        idle: Some(SimDuration::from_millis(400)),
        tcp_keepalive: true,
    };
    let replica = TrafficProgram::MysqlReplication {
        user: "repl".into(),
    };
    let ssh = TrafficProgram::Ssh {
        user: "ec2-user".into(),
    };
    let bulk = TrafficProgram::Bulk {
        bytes: 200_000,
        upload: true,
        rate: Some(4_000_000),
    };
    let scan = TrafficProgram::Scan {
        ports: vec![(20, 40)],
        connect: true,
    };
    for (program, port) in [
        (through_tls(golden_client()), 443),
        (pool, 3306),
        (replica, 3306),
        (ssh, 22),
        (bulk, 5201),
        (scan, 0),
    ] {
        let every = SimDuration::from_millis(300);
        net.request_every(program, port, SimTime::from_secs(1), every);
    }
    for step in 0..40 {
        net.run_until(SimTime::from_nanos(1_000_000_000 + step * 47_000_000));
        if interrupt {
            net.save_and_restore();
        }
    }
    let events = net.traffic_events();
    assert!(events.len() > 40);
    for event in events {
        assert_eq!(event.outcome, Outcome::Completed, "{event:?}");
    }
    net.packets(Side::Client).to_vec()
}

#[test]
fn machines_that_are_saved_in_the_middle_go_on_as_if_they_were_not() {
    assert!(conversation(false) == conversation(true));
}

#[test]
fn a_filtered_port_is_asked_twice_from_two_ports() {
    let mut net = Net::new(1500, 1500, 1500);
    net.server_firewall("-A INPUT -p tcp --dport 25 -j DROP");
    net.server_firewall("-A INPUT -p tcp --dport 26 -j REJECT --reject-with icmp-admin-prohibited");
    let scan = TrafficProgram::Scan {
        ports: vec![(24, 26)],
        connect: false,
    };
    net.request(scan, SimTime::from_secs(1));
    net.run_until(SimTime::from_secs(20));
    assert_eq!(net.traffic_events()[0].outcome, Outcome::Completed);
    let sent = net.packets(Side::Client).iter();
    let syns =
        sent.filter_map(|(_, packet)| packet.as_tcp().filter(|it| it.flags == TcpFlags::SYN));
    let asked: Vec<_> = syns
        .map(|it| (it.destination_port, it.source_port))
        .collect();
    let sources = |port| asked.iter().filter(move |it| it.0 == port).map(|it| it.1);
    assert_eq!(sources(24).count(), 1);
    assert_eq!(sources(26).count(), 1, "ICMP says that it is filtered");
    let silent: Vec<_> = sources(25).collect();
    assert!(matches!(silent[..], [first, second] if second == first + 1));
}

/// As a server of PostgreSQL 15 answers `curl http://db:5432/`, with TLS and without.
#[test]
fn a_database_hangs_up_on_who_speaks_http() {
    let database = || ServerSpec::Postgres {
        port: 5432,
        tables: Vec::new(),
        think: SimDuration::ZERO,
        wal_every: SimDuration::from_secs(10),
        wal_bytes: 0,
    };
    let behind_tls = ServerSpec::Tls {
        tls: TlsServerSpec::default(),
        inside: Box::new(database()),
    };
    for server in [database(), behind_tls] {
        let (net, event) = exchange(server, get(false));
        let sent = stream(net.packets(Side::Client), 5432, false);
        assert_eq!(sent, b"");
        let seconds = event.at.since(event.started).as_secs();
        assert_eq!(seconds, 0, "{event:?}");
        assert_ne!(event.outcome, Outcome::Completed);
    }
}
