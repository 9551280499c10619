//! A server that dies at any moment: what a client was told is in the journal, once.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::harness::Place;

const KILLS: u64 = 50;

/// Calls between two kills at most: all of them are fewer than the groups that a Region may have.
const CALLS: u64 = 40;

#[test]
fn whatever_got_a_200_is_in_the_journal_once_however_the_server_ends() {
    let place = Place::with_lab("nacl-ephemeral", 7);
    let mut confirmed = Vec::new();
    for round in 0..KILLS {
        let (mut server, settings) = serve(&place);
        let vpc = text_of(
            &settings.post("Action=DescribeVpcs").expect("a reply"),
            "vpcId",
        );
        // The server dies in the middle of a call, a little later each time.
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let (settings, vpc) = (&settings, &vpc);
            let calls = scope.spawn(move || {
                let mut made = Vec::new();
                for number in 0..CALLS {
                    let name = format!("group-{round}-{number}-end");
                    let body = format!(
                        "Action=CreateSecurityGroup&GroupName={name}&GroupDescription=x&VpcId={vpc}"
                    );
                    match settings.post(&body) {
                        Some(reply) if reply.starts_with("HTTP/1.1 200") => {
                            made.push(name);
                            tell.send(()).ok();
                        }
                        Some(reply) => panic!("{reply}"),
                        None => break,
                    }
                }
                made
            });
            told.iter().take(3).for_each(drop);
            (0..60 * round).for_each(|_| std::thread::yield_now());
            server.kill().expect("a server");
            confirmed.extend(calls.join().expect("a client"));
        });
        server.wait().expect("a server");
    }
    assert!(
        confirmed.len() as u64 > 3 * KILLS,
        "only {} calls were made",
        confirmed.len()
    );
    let journal = place.here().join("nacl-ephemeral/.wirelab/journal.jsonl");
    let journal = std::fs::read_to_string(journal).expect("a journal");
    for name in &confirmed {
        assert_eq!(journal.matches(name.as_str()).count(), 1, "{name}");
    }
    let made = journal.matches("CreateSecurityGroup").count();
    let unheard = made - confirmed.len();
    assert!(
        unheard as u64 <= KILLS,
        "{made} calls, {} replies",
        confirmed.len()
    );
    place.wirelab(&["status"]).exits(0);
}

/// What a client must know of a server.
struct Settings {
    port: u16,
    key: String,
}

/// `wirelab env --serve`, once it listens.
fn serve(place: &Place) -> (Child, Settings) {
    let mut server = Command::new(env!("CARGO_BIN_EXE_wirelab"))
        .args(["env", "--serve"])
        .current_dir(place.here())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut text = String::new();
    let mut lines = BufReader::new(server.stdout.take().expect("it is piped"));
    while !text.ends_with("# the endpoint listens\n") {
        assert_ne!(lines.read_line(&mut text).expect("text"), 0, "{text}");
    }
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("export ")?.strip_prefix(name));
        line.and_then(|it| it.strip_prefix('='))
            .expect("a variable")
            .trim_matches('\'')
    };
    let settings = Settings {
        port: value("WIRELAB_ENDPOINT").parse().expect("a port"),
        key: value("AWS_ACCESS_KEY_ID").to_owned(),
    };
    (server, settings)
}

impl Settings {
    /// The whole response; `None` if it did not come whole.
    fn post(&self, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let (key, hex, length) = (&self.key, "0".repeat(64), body.len());
        let request = format!(
            "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: \
             AWS4-HMAC-SHA256 Credential={key}/20240305/us-east-1/ec2/aws4_request, \
             SignedHeaders=host, Signature={hex}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        reply.ends_with("Response>").then_some(reply)
    }
}

fn text_of(reply: &str, element: &str) -> String {
    let (_, rest) = reply
        .split_once(&format!("<{element}>"))
        .expect("the element");
    rest.split_once('<').expect("its end").0.to_owned()
}
