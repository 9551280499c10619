//! Requests to the AWS endpoint: the first octet chooses what is asked and how, the rest is the
//! body. Whatever comes is answered with a status that blames the client.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wirelab_aws_api::{AccessKey, Endpoint};
use wirelab_model::Seed;
use wirelab_session::{Content, Session};

/// Service, path, header: the protocols with some of their actions.
const ASKED: [(&str, &str, (&str, &str)); 20] = [
    ("ec2", "/", FORM),
    ("sts", "/", FORM),
    ("monitoring", "/", FORM),
    ("logs", "/", target("Logs_20140328.FilterLogEvents")),
    ("logs", "/", target("Logs_20140328.StartQuery")),
    ("logs", "/", target("Logs_20140328.PutLogEvents")),
    ("logs", "/", target("Logs_20140328.PutMetricFilter")),
    ("athena", "/", target("AmazonAthena.CreateWorkGroup")),
    ("athena", "/", target("AmazonAthena.StartQueryExecution")),
    (
        "cloudtrail",
        "/",
        target("CloudTrail_20131101.LookupEvents"),
    ),
    (
        "monitoring",
        "/",
        target("GraniteServiceVersion20100801.GetMetricData"),
    ),
    (
        "monitoring",
        "/service/GraniteServiceVersion20100801/operation/GetMetricData",
        CBOR,
    ),
    (
        "monitoring",
        "/service/GraniteServiceVersion20100801/operation/ListMetrics",
        CBOR,
    ),
    ("route53", "/2013-04-01/hostedzone", XML),
    ("route53", "/2013-04-01/hostedzone/Z1/rrset", XML),
    ("route53", "/2013-04-01/hostedzone/Z1/associatevpc", XML),
    ("s3", "/bucket/key", XML),
    ("s3", "/bucket?delete", XML),
    ("", "/", FORM),
    ("ec2", "/", ("Content-Type", "application/x-amz-json-1.1")),
];
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const CBOR: (&str, &str) = ("Smithy-Protocol", "rpc-v2-cbor");
const XML: (&str, &str) = ("Content-Type", "text/xml");

const fn target(action: &'static str) -> (&'static str, &'static str) {
    ("X-Amz-Target", action)
}

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
    let (service, path, (name, value)) = ASKED[usize::from(*choice) % ASKED.len()];
    let key = AccessKey::of_account("123456789012").id;
    let hex = "0".repeat(64);
    let request = http::Request::post(path).header(name, value).header(
        "Authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature={hex}"
        ),
    );
    let request = request.body(body.to_vec()).expect("headers of our own");
    let response = ENDPOINT.answer(&request);
    let status = response.status().as_u16();
    assert!(status < 500 || status == 501, "{response:?}");
});
