//! The endpoint as a hand on the wire sees it: what it refuses, and how.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use wirelab_aws_api::{AccessKey, Endpoint, Server};
use wirelab_model::Seed;
use wirelab_session::{Content, Session};

struct Served {
    home: TempDir,
    content: Content,
    port: u16,
    secret: String,
    authorization: String,
    thread: std::thread::JoinHandle<std::io::Result<()>>,
}

fn served() -> Served {
    served_for(128)
}

/// With room for so many connections.
fn served_for(connections: usize) -> Served {
    let home = TempDir::new().expect("a temporary folder");
    let content = Content::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    let folder = home.path().join("lab");
    let session = Session::create(&folder, &content, "nacl-ephemeral", Seed::whole(7));
    let session = session.unwrap_or_else(|error| panic!("{error}"));
    let key = AccessKey::of_account(&session.plan().caller.account);
    let endpoint = Endpoint::new(session, content.clone());
    let server = Server::bind_for(endpoint, 0, connections).expect("a port");
    Served {
        home,
        content,
        port: server.port(),
        secret: server.secret().to_owned(),
        authorization: format!(
            "Authorization: AWS4-HMAC-SHA256 Credential={}/20240305/us-east-1/ec2/aws4_request, \
             SignedHeaders=host, Signature={}\r\n",
            key.id,
            "0".repeat(64)
        ),
        thread: std::thread::spawn(|| server.run()),
    }
}

impl Served {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a listener");
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).expect("a socket");
        stream
    }

    /// Sends octets and reads until the endpoint ends the connection.
    fn exchange(&self, sent: &[u8]) -> String {
        let mut stream = self.connect();
        // It may end before everything was sent.
        stream.write_all(sent).ok();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).ok();
        String::from_utf8_lossy(&read).into_owned()
    }

    fn post(&self, headers: &str, body: &str) -> String {
        let length = body.len();
        self.exchange(
            format!(
                "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\
                 Content-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        )
    }
}

fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn what_is_no_request_for_us_is_refused_and_the_next_one_is_answered() {
    let served = served();
    let long = format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    let both = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\
                Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let large = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n";
    let chunk =
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n";
    let negative = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n";
    let elsewhere = "GET /_wirelab HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let page = "GET /_wirelab HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\
                Connection: close\r\n\r\n";
    for (sent, expected) in [
        ("\x16\x03\x01 hello\r\n\r\n", "400"),
        (&*long, "431"),
        (both, "400"),
        (large, "413"),
        (chunk, "413"),
        (negative, "400"),
        (elsewhere, "421"),
        (page, "403"),
    ] {
        let response = served.exchange(sent.as_bytes());
        assert_eq!(status(&response), expected, "{sent:.80}\n{response}");
    }
    let body = "Action=DescribeVpcs&Version=2016-11-15";
    let response = served.post(&served.authorization, body);
    assert_eq!(status(&response), "200", "{response}");
    assert!(
        response
            .contains("<DescribeVpcsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">")
    );
    assert!(
        response.contains("<requestId>") && response.contains("<vpcSet><item>"),
        "{response}"
    );
}

/// What a page from elsewhere can make a browser ask for without leave of this endpoint: a form, an
/// image. The key is in the address, and the signature is not verified.
#[test]
fn pages_from_elsewhere_get_nothing_in_any_protocol() {
    let served = served();
    let (_, key) = served
        .authorization
        .split_once("Credential=")
        .expect("a key");
    let (key, _) = key.split_once('/').expect("a scope");
    let ask = |service: &str, query: &str, headers: &str| {
        let signed = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20240305T090000Z&X-Amz-Credential={key}%2F20240305%2Fus-east-1%2F\
             {service}%2Faws4_request&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
            "0".repeat(64)
        );
        let request = format!(
            "GET /?{query}&{signed} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             {headers}\r\n",
            served.port
        );
        served.exchange(request.as_bytes())
    };
    let make = "Action=CreateVpc&CidrBlock=10.88.0.0%2F16";
    let calls = [
        ("ec2", make),
        ("sts", "Action=GetCallerIdentity"),
        ("s3", "x=y"),
    ];
    for foreign in [
        "Origin: http://evil.example.com\r\n",
        "Origin: null\r\n",
        "Origin: http://127.0.0.1:1\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: Cross\r\nSec-Fetch-Mode: no-cors\r\n",
    ] {
        for (service, query) in calls {
            let response = ask(service, query, foreign);
            assert_eq!(status(&response), "403", "{service} {foreign}{response}");
            assert!(response.ends_with("from elsewhere\n"), "{response}");
        }
    }
    let shown = served.post(&served.authorization, "Action=DescribeVpcs");
    assert!(!shown.contains("10.88.0.0"), "{shown}");
    // A person who opens a presigned address, and a page that came from the endpoint itself.
    let own = format!("Origin: http://127.0.0.1:{}\r\n", served.port);
    for near in ["", "Sec-Fetch-Site: none\r\n", &own] {
        let response = ask("ec2", "Action=DescribeVpcs", near);
        assert_eq!(status(&response), "200", "{near}{response}");
    }
}

#[test]
fn a_version_that_there_is_not_is_refused() {
    let served = served();
    for (version, code) in [
        ("2016-11-15", "200"),
        // What AWS had once.
        ("2014-10-01", "200"),
        ("2030-01-01", "400"),
        ("1999-01-01", "400"),
        ("latest", "400"),
    ] {
        let body = format!("Action=DescribeVpcs&Version={version}");
        let response = served.post(&served.authorization, &body);
        assert_eq!(status(&response), code, "{version}\n{response}");
        let refused = response.contains("<Code>NoSuchVersion</Code>");
        assert_eq!(refused, code == "400", "{response}");
    }
}

#[test]
fn bodies_come_with_a_length_or_in_chunks_and_connections_are_kept() {
    let served = served();
    let mut stream = served.connect();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost:{}\r\n{}",
        served.port, served.authorization
    );
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n7\r\nAction=\r\nC;x=y\r\nDescribeVpcs\r\n0\r\nT: t\r\n\r\n"
    );
    stream.write_all(chunked.as_bytes()).expect("a listener");
    let length = format!(
        "{head}Expect: 100-continue\r\nContent-Length: 19\r\nConnection: close\r\n\r\nAction=DescribeVpcs"
    );
    stream
        .write_all(length.as_bytes())
        .expect("the same connection");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("two responses");
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{text}");
    assert_eq!(
        text.matches("HTTP/1.1 100 Continue\r\n\r\n").count(),
        1,
        "{text}"
    );
    assert_eq!(text.matches("</DescribeVpcsResponse>").count(), 2, "{text}");
}

#[test]
fn each_client_reads_refusals_in_its_own_protocol() {
    let served = served();
    let scope = |service: &str| {
        served
            .authorization
            .replace("/ec2/", &format!("/{service}/"))
    };
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let json =
        "Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: Logs_20140328.GetLogEvents\r\n";
    let cbor = "Content-Type: application/cbor\r\nSmithy-Protocol: rpc-v2-cbor\r\n";
    for (headers, body, code, shape) in [
        (
            String::new(),
            "Action=DescribeVpcs&Version=2016-11-15",
            "403",
            "<Response><Errors><Error><Code>MissingA",
        ),
        (
            scope("ec2"),
            "Action=Fly",
            "400",
            "<Response><Errors><Error><Code>InvalidAction</Code>",
        ),
        (
            scope("ec2"),
            "Version=2016-11-15",
            "400",
            "<Code>MissingAction</Code>",
        ),
        (
            scope("sts") + form,
            "Action=Fly",
            "400",
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction",
        ),
        (
            scope("directconnect") + json,
            "{}",
            "400",
            "{\"__type\":\"InvalidAction\",\"message\":\"wirelab does not",
        ),
        (
            scope("logs") + json,
            "{\"logStreamName\":1}",
            "400",
            "\r\nx-amzn-errortype: SerializationException\r\n",
        ),
        (scope("monitoring") + cbor, "", "400", "f__type"),
        (scope("s3"), "", "501", "<Error><Code>NotImplemented</Code>"),
        (scope("route53"), "", "400", "<ErrorResponse>"),
        (
            scope("lambda"),
            "",
            "400",
            "\r\nx-amzn-errortype: InvalidAction\r\n",
        ),
    ] {
        let response = served.post(&headers, body);
        assert_eq!(status(&response), code, "{headers}{response}");
        assert!(response.contains(shape), "{headers}{response}");
    }
}

#[test]
fn connections_that_wait_make_room_and_who_finds_none_is_told_in_its_dialect() {
    let served = served_for(2);
    let ask = || {
        served.post(
            &served.authorization,
            "Action=DescribeVpcs&Version=2016-11-15",
        )
    };
    let mut kept: Vec<TcpStream> = (0..2).map(|_| served.connect()).collect();
    assert_eq!(status(&ask()), "200", "who only waits goes");
    // The first octets of requests that do not come to their end. One that the server has not seen
    // yet only waits, and may go for the next: so there are more, until all places are at work.
    let mut response = String::new();
    for _ in 0..1000 {
        let mut slow = served.connect();
        slow.write_all(b"POST / HTTP/1.1\r\n")
            .expect("a connection");
        kept.push(slow);
        response = ask();
        if status(&response) == "503" {
            break;
        }
    }
    assert_eq!(status(&response), "503", "{response}");
    assert!(
        response.contains("<Response><Errors><Error><Code>ServiceUnavailable</Code>"),
        "{response}"
    );
    drop(kept);
    // Their places are free once the server has seen that they are gone.
    let answered = (0..1000).any(|_| status(&ask()) == "200");
    assert!(answered);
}

#[test]
fn it_says_what_it_serves_and_stops_for_those_who_know_its_secret() {
    let served = served();
    let about = wirelab_aws_api::about(served.port).expect("an endpoint");
    assert_eq!(about.lab, "nacl-ephemeral");
    assert!(
        about.elapsed_seconds > 0 && about.utc_seconds > 1_600_000_000,
        "{about:?}"
    );
    wirelab_aws_api::stop(served.port, "guess").expect_err("a wrong secret");
    wirelab_aws_api::stop(served.port, &served.secret).expect("the right one");
    served
        .thread
        .join()
        .expect("no panic")
        .expect("a listening socket");
    wirelab_aws_api::about(served.port).expect_err("nobody is there");
}

#[test]
fn a_session_that_is_started_again_in_its_folder_is_served_from_then_on() {
    let served = served();
    let lab = served.home.path().join("lab");
    let make = "Action=CreateVpc&CidrBlock=10.50.0.0%2F16";
    assert_eq!(status(&served.post(&served.authorization, make)), "200");
    std::fs::rename(&lab, served.home.path().join("lab.1")).expect("a folder");
    let again = Session::create(&lab, &served.content, "nacl-ephemeral", Seed::whole(9));
    let mut again = again.unwrap_or_else(|error| panic!("{error}"));

    let opened = wirelab_aws_api::about(served.port).expect("the new session");
    assert_eq!(opened.elapsed_seconds, again.now().as_secs());
    let body = "Action=DescribeVpcs";
    let response = served.post(&served.authorization, body);
    assert!(!response.contains("10.50.0.0"), "{response}");
    assert_eq!(status(&served.post(&served.authorization, make)), "200");
    again.catch_up().expect("a journal with one call more");
    assert_eq!(again.changes(), 1);
}

#[test]
fn time_passes_for_those_who_may_let_it() {
    let served = served();
    let advance = |secret: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "POST /_wirelab/advance HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             {secret}Content-Length: {length}\r\n\r\n{body}"
        );
        served.exchange(request.as_bytes())
    };
    let elapsed = |response: &str| -> u64 {
        let (_, body) = response.split_once("\r\n\r\n").expect("a body");
        let about: serde_json::Value = serde_json::from_str(body).expect("JSON");
        about["elapsed_seconds"].as_u64().expect("seconds")
    };
    assert_eq!(
        status(&advance("", "10m")),
        "403",
        "a lab is not everybody's"
    );
    let secret = format!("X-Wirelab-Secret: {}\r\n", served.secret);
    for wrong in ["", "10", "-10m", "soon", "400d"] {
        assert_eq!(status(&advance(&secret, wrong)), "400", "{wrong}");
    }
    let first = elapsed(&advance(&secret, "10m"));
    assert_eq!(elapsed(&advance(&secret, "1m30s\n")) - first, 90);
}
