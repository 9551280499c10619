//! `curl -w`: the variables of what happened.

use std::net::SocketAddr;

use wirelab_model::{SimDuration, SimTime};

use super::Printer;
use super::curl::Curl;
use crate::host::program::http::header;

/// What is known at the end of an exchange.
pub(super) struct Facts<'a> {
    pub(super) started: SimTime,
    pub(super) ended: SimTime,
    /// Exit code.
    pub(super) status: i32,
    pub(super) error: &'a str,
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self {
            started: SimTime::ZERO,
            ended: SimTime::ZERO,
            status: 0,
            error: "",
        }
    }
}

/// Prints the format with its variables filled in.
pub(super) fn write_out(curl: &Curl, facts: &Facts<'_>, printer: &mut Printer) {
    let mut text = String::new();
    let mut rest = curl.write_out.as_str();
    while let Some(at) = rest.find(['%', '\\']) {
        let (before, tail) = rest.split_at(at);
        text += before;
        rest = if let Some(tail) = tail.strip_prefix("%{") {
            let Some((name, tail)) = tail.split_once('}') else {
                text += "%{";
                rest = tail;
                continue;
            };
            match variable(curl, facts, name) {
                Some(value) => text += &value,
                None => printer.err(format!("curl: unknown --write-out variable: '{name}'\n")),
            }
            tail
        } else if let Some(tail) = tail.strip_prefix("%%") {
            text.push('%');
            tail
        } else if let Some(tail) = tail.strip_prefix("\\n") {
            text.push('\n');
            tail
        } else if let Some(tail) = tail.strip_prefix("\\t") {
            text.push('\t');
            tail
        } else if let Some(tail) = tail.strip_prefix("\\r") {
            text.push('\r');
            tail
        } else {
            text += &tail[..1];
            &tail[1..]
        };
    }
    printer.out(text + rest);
}

fn variable(curl: &Curl, facts: &Facts<'_>, name: &str) -> Option<String> {
    let client = &curl.client;
    let head = client.head.as_deref().unwrap_or_default();
    // What was not come to took no time.
    let since =
        |at: Option<SimTime>| seconds(at.map_or(SimDuration::ZERO, |at| at.since(facts.started)));
    let address = |end: Option<SocketAddr>| end.map_or_else(String::new, |it| it.ip().to_string());
    let port = |end: Option<SocketAddr>| end.map_or(0, |it| it.port()).to_string();
    Some(match name {
        "http_code" | "response_code" => format!("{:03}", client.status().unwrap_or(0)),
        "size_download" => client.body_len.to_string(),
        "size_header" => head.len().to_string(),
        "size_request" => client.request_head().len().to_string(),
        "size_upload" => client.own_body().to_string(),
        "num_connects" => u8::from(curl.connected_at.is_some() && !curl.reused).to_string(),
        "num_redirects" | "proxy_ssl_verify_result" => "0".to_owned(),
        "ssl_verify_result" => {
            let tls = curl.tls.as_ref();
            tls.map_or(0, |it| it.verify_result()).to_string()
        }
        "http_version" => match head.get(..8) {
            None => "0",
            Some("HTTP/1.0") => "1",
            Some(_) => "1.1",
        }
        .to_owned(),
        "http_connect" => "000".to_owned(),
        "content_type" => header(head, "content-type").unwrap_or_default(),
        "redirect_url" => header(head, "location").unwrap_or_default(),
        "method" => client.ask().method.clone(),
        "scheme" => if curl.tls.is_some() { "HTTPS" } else { "HTTP" }.to_owned(),
        "url" => curl.url.clone(),
        "url_effective" => match curl.url.contains("://") {
            true => curl.url.clone(),
            false => format!("http://{}", curl.url),
        },
        "exitcode" => facts.status.to_string(),
        "errormsg" => facts.error.to_owned(),
        "urlnum" => curl.nth.to_string(),
        "remote_ip" => address(curl.peer),
        "remote_port" => port(curl.peer),
        "local_ip" => address(curl.local),
        "local_port" => port(curl.local),
        "time_namelookup" => since(curl.looked_up_at),
        "time_connect" => since(curl.connected_at),
        "time_pretransfer" => since(curl.secured_at.or(curl.connected_at)),
        "time_appconnect" => since(curl.secured_at),
        "time_redirect" => seconds(SimDuration::ZERO),
        "time_starttransfer" => since(curl.first_at),
        "time_total" => since(Some(facts.ended)),
        "speed_download" => {
            let micros = facts.ended.since(facts.started).as_nanos() / 1000;
            (client.body_len * 1_000_000 / micros.max(1)).to_string()
        }
        "speed_upload" => "0".to_owned(),
        _ => return None,
    })
}

fn seconds(span: SimDuration) -> String {
    let micros = span.as_nanos() / 1000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
