//! How many requests a second the endpoint answers: one client, one connection that is kept, a
//! sandbox. `cargo run --release -p wirelab-aws-api --example rates -- [GROUPS [SECONDS]]`
//!
//! Prints, for each of three calls, requests a second and the time of the median and of the 99th
//! of a hundred; before that how long a new sandbox takes to its first reply, after that how long
//! a reset takes and what memory all of it has taken.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use wirelab_aws_api::{AccessKey, Endpoint, Server};
use wirelab_model::Seed;
use wirelab_session::{Content, Session};

const ACCOUNT: &str = "123456789012";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| {
        let given = arguments.next().map(|it| it.parse().expect("a number"));
        given.unwrap_or(default)
    };
    let (groups, seconds) = (number(10), number(3));

    let folder = std::env::temp_dir().join(format!("wirelab-rates-{}", std::process::id()));
    let began = Instant::now();
    let (server, content) = serve(&folder);
    let port = server.port();
    let stopper = server.stopper();
    let serving = std::thread::spawn(|| server.run());
    let mut client = Client::new(port);
    client.call("Action=DescribeVpcs");
    println!("start to first reply  {:>8.1} ms", millis(began.elapsed()));

    for group in 0..groups {
        client.call(&format!(
            "Action=CreateSecurityGroup&GroupName=group-{group}&GroupDescription=group"
        ));
    }
    println!("{groups} security groups; {:.1} MiB", resident());
    let life = Duration::from_secs(seconds);
    client.rate("DescribeSecurityGroups", life, |_| {
        "Action=DescribeSecurityGroups".to_owned()
    });
    client.rate("DescribeNetworkAcls", life, |_| {
        "Action=DescribeNetworkAcls".to_owned()
    });
    let reply = client.call("Action=DescribeNetworkAcls");
    let acl = between(&reply, "<networkAclId>", "</networkAclId>").to_owned();
    // A list has room for twenty: each entry goes again, and the time of both is shown.
    client.rate("CreateNetworkAclEntry, Delete...", life, |turn| {
        let entry = format!("NetworkAclId={acl}&RuleNumber=50&Egress=false");
        match turn % 2 {
            0 => format!(
                "Action=CreateNetworkAclEntry&{entry}&Protocol=6&RuleAction=allow\
                 &CidrBlock=10.0.0.0%2F8&PortRange.From=80&PortRange.To=80"
            ),
            _ => format!("Action=DeleteNetworkAclEntry&{entry}"),
        }
    });
    println!("after {} calls  {:.1} MiB", client.calls, resident());
    let began = Instant::now();
    client.post("/_wirelab/reset", "");
    println!("reset                 {:>8.1} ms", millis(began.elapsed()));
    drop(client);
    stopper.stop();
    serving.join().expect("no panic").expect("no error");
    let began = Instant::now();
    drop(Session::open(&folder, &content).expect("the session"));
    println!("opened again in       {:>8.1} ms", millis(began.elapsed()));
    std::fs::remove_dir_all(folder).expect("our own folder");
}

fn serve(folder: &Path) -> (Server, Content) {
    let content = Content::new(folder);
    let session = Session::create(folder, &content, Content::SANDBOX, Seed::whole(1));
    let session = session.expect("a new sandbox");
    let endpoint = Endpoint::new(session, content.clone());
    (Server::bind(endpoint, 0).expect("a free port"), content)
}

struct Client {
    stream: TcpStream,
    head: String,
    read: Vec<u8>,
    calls: u64,
}

impl Client {
    fn new(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server");
        stream.set_nodelay(true).expect("a socket");
        let key = AccessKey::of_account(ACCOUNT).id;
        let signature = "0".repeat(64);
        Self {
            stream,
            head: format!(
                "Host: 127.0.0.1:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Authorization: AWS4-HMAC-SHA256 \
                 Credential={key}/20260101/us-east-1/ec2/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature={signature}\r\n\
                 X-Amz-Date: 20260101T000000Z\r\n"
            ),
            read: vec![0; 1 << 16],
            calls: 0,
        }
    }

    fn call(&mut self, form: &str) -> String {
        self.post("/", &format!("{form}&Version=2016-11-15"))
    }

    /// The body of the reply, which must be a good one.
    fn post(&mut self, path: &str, body: &str) -> String {
        self.calls += 1;
        let head = &self.head;
        let length = body.len();
        let request =
            format!("POST {path} HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{body}");
        self.stream.write_all(request.as_bytes()).expect("sent");
        let mut reply = Vec::new();
        loop {
            let length = self.stream.read(&mut self.read).expect("read");
            assert!(length > 0, "the server has gone");
            reply.extend(&self.read[..length]);
            let Some(end) = reply.windows(4).position(|it| it == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&reply[..end]).into_owned() + "\r\n";
            let length: usize = between(&head, "Content-Length: ", "\r\n")
                .parse()
                .expect("a length");
            if reply.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&reply[end + 4..]).into_owned();
                assert!(head.starts_with("HTTP/1.1 200 "), "{body}");
                return body;
            }
        }
    }

    fn rate(&mut self, name: &str, life: Duration, form: impl Fn(u64) -> String) {
        let began = Instant::now();
        let mut times = Vec::new();
        for turn in 0.. {
            if began.elapsed() > life && turn % 2 == 0 {
                break;
            }
            let form = form(turn);
            let sent = Instant::now();
            self.call(&form);
            times.push(sent.elapsed());
        }
        times.sort_unstable();
        let at = |share: usize| millis(times[(times.len() * share / 100).min(times.len() - 1)]);
        let rate = times.len() as f64 / began.elapsed().as_secs_f64();
        let (median, late) = (at(50), at(99));
        println!("{name:34} {rate:>9.0} a second   p50 {median:.3} ms   p99 {late:.3} ms");
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).expect(before);
    rest.split_once(after).expect(after).0
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What of this process is in memory, in MiB (Linux).
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|it| it.split_whitespace().next()?.parse::<f64>().ok());
    kibibytes.unwrap_or(f64::NAN) / 1024.0
}
