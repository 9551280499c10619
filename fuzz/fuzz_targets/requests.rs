//! Requests to the AWS endpoint: the first octet chooses service and dialect, the rest is the body.
//! Whatever comes is answered with a status that blames the client.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wirelab_aws_api::{AccessKey, Endpoint};
use wirelab_model::Seed;
use wirelab_session::{Content, Session};

const SERVICES: [&str; 8] = ["ec2", "sts", "logs", "athena", "monitoring", "route53", "s3", ""];
const DIALECTS: [(&str, &str); 4] = [
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Content-Type", "application/x-amz-json-1.1"),
    ("X-Amz-Target", "Logs_20140328.DescribeLogGroups"),
    ("Smithy-Protocol", "rpc-v2-cbor"),
];

static ENDPOINT: LazyLock<Endpoint> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("wirelab-fuzz-{}", std::process::id()));
    let content = Content::new(&folder);
    let session = Session::create(&folder, &content, Content::SANDBOX, Seed::whole(1));
    Endpoint::new(session.expect("a sandbox"), content)
});

fuzz_target!(|octets: &[u8]| {
    let Some((choice, body)) = octets.split_first() else {
        return;
    };
    let service = SERVICES[usize::from(choice & 7)];
    let (name, value) = DIALECTS[usize::from(choice >> 3 & 3)];
    let key = AccessKey::of_account("123456789012").id;
    let hex = "0".repeat(64);
    let request = http::Request::post("/").header(name, value).header(
        "Authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature={hex}"
        ),
    );
    let request = request.body(body.to_vec()).expect("headers of our own");
    let response = ENDPOINT.answer(&request);
    assert!(response.status().as_u16() < 500, "{response:?}");
});
