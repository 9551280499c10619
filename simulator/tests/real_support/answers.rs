//! What the server answers: the same octets in both networks.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "it serves real programs, on sockets of its own namespaces"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, PTR, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// Answers of the HTTP server by the first line of the request.
pub(crate) type Http = BTreeMap<String, Vec<u8>>;

fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).expect("a name");
    name.set_fqdn(true);
    name
}

/// The records of a name; nothing if it does not exist.
fn records(of: &str) -> Option<Vec<(&str, u32, RData)>> {
    let db = ("db.example.internal", 60, RData::A(A::new(10, 0, 2, 20)));
    let ipv6 = "fd00:2::20".parse().expect("an address");
    Some(match of {
        "db.example.internal" => vec![db],
        "www.example.internal" => {
            let alias = RData::CNAME(CNAME(name("db.example.internal")));
            vec![(of, 300, alias), db]
        }
        "both.example.internal" => vec![
            (of, 60, RData::A(A::new(10, 0, 2, 20))),
            (of, 60, RData::AAAA(AAAA(ipv6))),
        ],
        "two.example.internal" => vec![
            (of, 60, RData::A(A::new(10, 0, 2, 20))),
            (of, 60, RData::A(A::new(10, 0, 2, 99))),
        ],
        "mail.example.internal" => vec![
            (
                of,
                3600,
                RData::MX(MX::new(10, name("mx1.example.internal"))),
            ),
            (
                of,
                3600,
                RData::TXT(TXT::new(vec!["v=spf1 -all".to_owned()])),
            ),
        ],
        "20.2.0.10.in-addr.arpa" => {
            vec![(of, 60, RData::PTR(PTR(name("db.example.internal"))))]
        }
        _ => return None,
    })
}

/// The answer to a DNS query; nothing if the server keeps silent.
pub(crate) fn dns(octets: &[u8]) -> Option<Vec<u8>> {
    let query = Message::from_vec(octets).ok()?;
    let question = query.queries.first()?;
    let asked = question.name().to_ascii().to_ascii_lowercase();
    let asked = asked.trim_end_matches('.').to_owned();
    if asked.starts_with("silent") {
        return None;
    }
    let mut message = Message::response(query.metadata.id, query.metadata.op_code);
    message.metadata.message_type = MessageType::Response;
    message.metadata.recursion_desired = query.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    message.add_queries(query.queries.iter().cloned());
    if query.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(4096).set_version(0);
        message.set_edns(edns);
    }
    let kind = question.query_type();
    let fits = |data: &RData| {
        let own = data.record_type();
        kind == RecordType::ANY || own == kind || own == RecordType::CNAME
    };
    let known = records(&asked);
    let mut found: Vec<_> = known.clone().unwrap_or_default();
    found.retain(|(_, _, data)| fits(data));
    if asked.starts_with("broken") {
        message.metadata.response_code = ResponseCode::ServFail;
    } else if asked.starts_with("refused") {
        message.metadata.response_code = ResponseCode::Refused;
    } else if found.is_empty() {
        if known.is_none() {
            message.metadata.response_code = ResponseCode::NXDomain;
        }
        let (server, contact) = (name("ns.example.internal"), name("admin.example.internal"));
        let soa = SOA::new(server, contact, 1, 7200, 900, 1_209_600, 86_400);
        let soa = Record::from_rdata(name("example.internal"), 60, RData::SOA(soa));
        message.add_authorities([soa]);
    }
    let answers = found.into_iter();
    message.add_answers(answers.map(|(of, ttl, data)| Record::from_rdata(name(of), ttl, data)));
    message.to_vec().ok()
}

/// Serves DNS, HTTP, echo (7) and discard (9) in the namespace of this process, for ever.
pub(crate) fn serve(http: Http) -> ! {
    let datagrams = |port: u16, answer: fn(&[u8]) -> Option<Vec<u8>>| {
        for any in ["0.0.0.0", "::"] {
            let Ok(socket) = UdpSocket::bind((any, port)) else {
                // The IPv6 one takes IPv4 as well where the kernel is set up so.
                continue;
            };
            std::thread::spawn(move || {
                let mut octets = [0; 65_535];
                while let Ok((len, from)) = socket.recv_from(&mut octets) {
                    if let Some(answer) = answer(&octets[..len]) {
                        let _ = socket.send_to(&answer, from);
                    }
                }
            });
        }
    };
    datagrams(53, dns);
    datagrams(7, |octets| Some(octets.to_vec()));
    let http = std::sync::Arc::new(http);
    for port in [80_u16, 7, 9] {
        let listener = TcpListener::bind(("::", port)).expect("a free port");
        let http = std::sync::Arc::clone(&http);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let http = std::sync::Arc::clone(&http);
                std::thread::spawn(move || match port {
                    80 => answer_http(stream, &http),
                    7 => echo(stream),
                    _ => read_on(stream),
                });
            }
        });
    }
    println!("serving");
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

fn echo(mut stream: TcpStream) {
    let mut octets = [0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut octets) {
        let _ = stream.write_all(&octets[..len]);
    }
}

fn read_on(mut stream: TcpStream) {
    let mut octets = [0; 4096];
    while let Ok(1..) = stream.read(&mut octets) {}
}

fn answer_http(mut stream: TcpStream, http: &Http) {
    let mut request = Vec::new();
    let mut octets = [0; 4096];
    while let Ok(len @ 1..) = stream.read(&mut octets) {
        request.extend_from_slice(&octets[..len]);
        let Some(at) = request.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&request[..at]).into_owned();
        let length = head.lines().find_map(|line| {
            let lower = line.to_ascii_lowercase();
            lower
                .strip_prefix("content-length: ")?
                .parse::<usize>()
                .ok()
        });
        if request.len() < at + 4 + length.unwrap_or(0) {
            continue;
        }
        request.clear();
        let line = head.lines().next().unwrap_or_default();
        let Some(answer) = http.get(line) else {
            return;
        };
        let _ = stream.write_all(answer);
        let head = String::from_utf8_lossy(answer).to_ascii_lowercase();
        if head.contains("connection: close") {
            return;
        }
    }
}
