//! Log groups drawn at random: flow logs in the default and in custom formats, and JSON.

use serde_json::{Value as Json, json};
use wirelab_flowlog::LogFormat;
use wirelab_model::UnixTime;
use wirelab_query::{LogGroup, QueryOptions};

use super::eval;
use super::random::Random;
use super::table::{Clock, Row};
use super::value::Value;

/// 5 March 2024, 00:00:00 UTC.
const MIDNIGHT: u64 = 1_709_596_800;

/// What the default format has: the record's name of each field, and the name in queries.
const DEFAULT: [(&str, &str); 14] = [
    ("version", "version"),
    ("account-id", "accountId"),
    ("interface-id", "interfaceId"),
    ("srcaddr", "srcAddr"),
    ("dstaddr", "dstAddr"),
    ("srcport", "srcPort"),
    ("dstport", "dstPort"),
    ("protocol", "protocol"),
    ("packets", "packets"),
    ("bytes", "bytes"),
    ("start", "startTime"),
    ("end", "endTime"),
    ("action", "action"),
    ("log-status", "logStatus"),
];

const FURTHER: [(&str, &str); 9] = [
    ("vpc-id", "vpcId"),
    ("instance-id", "instanceId"),
    ("tcp-flags", "tcpFlags"),
    ("type", "type"),
    ("pkt-srcaddr", "pktSrcAddr"),
    ("pkt-dstaddr", "pktDstAddr"),
    ("az-id", "azId"),
    ("flow-direction", "flowDirection"),
    ("traffic-path", "trafficPath"),
];

const ADDRESSES: [&str; 10] = [
    "10.0.1.5",
    "10.0.1.20",
    "10.0.2.9",
    "110.0.1.7",
    "8.8.8.8",
    "192.168.0.1",
    "198.51.100.7",
    "2001:db8::5",
    "fd00:1::9",
    "2600:1f14::a",
];

/// How the fields of a group's messages are found.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// The record's names and the names in queries, in the order of the line.
    Flow(Vec<(&'static str, &'static str)>),
    Json,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at_ms: u64,
    pub(crate) arrived_ms: u64,
    pub(crate) stream: String,
    pub(crate) message: String,
}

/// A log group and when it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    pub(crate) form: Form,
    pub(crate) events: Vec<Event>,
    pub(crate) clock: Clock,
}

impl Data {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let form = match random.below(4) {
            0 => Form::Json,
            1 => Form::Flow(custom(random)),
            _ => Form::Flow(DEFAULT.to_vec()),
        };
        let count = random.below(random.clone().below(40) + 1);
        let mut events: Vec<Event> = (0..count).map(|_| event(&form, random)).collect();
        if random.percent(50) {
            events.sort_by_key(|event| event.arrived_ms);
        }
        let clock = Clock {
            start_secs: MIDNIGHT + if random.percent(20) { 60 } else { 0 },
            end_secs: MIDNIGHT + if random.percent(20) { 600 } else { 3600 },
            now_secs: MIDNIGHT + if random.percent(20) { 900 } else { 7200 },
        };
        Self {
            form,
            events,
            clock,
        }
    }

    /// The same for the engine.
    pub(crate) fn group(&self) -> LogGroup {
        let format = match &self.form {
            Form::Flow(fields) => {
                let names: Vec<String> = fields
                    .iter()
                    .map(|(name, _)| format!("${{{name}}}"))
                    .collect();
                Some(LogFormat::parse(&names.join(" ")).expect("fields of records"))
            }
            Form::Json => None,
        };
        let mut group = LogGroup {
            format,
            ..LogGroup::flow_log("group", "123456789012", LogFormat::default())
        };
        for event in &self.events {
            let stream = event.stream.as_str();
            group
                .events
                .push(event.at_ms, event.arrived_ms, stream, &event.message);
        }
        group
    }

    pub(crate) fn options(&self) -> QueryOptions {
        QueryOptions {
            start: UnixTime::from_secs(self.clock.start_secs),
            end: UnixTime::from_secs(self.clock.end_secs),
            now: UnixTime::from_secs(self.clock.now_secs),
            limit: None,
        }
    }

    /// The events in the range that have arrived, newest first; of those at the same time, the last
    /// to arrive first. The end's second is in the range whole.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let range = self.clock.start_secs * 1000..(self.clock.end_secs + 1) * 1000;
        let mut places: Vec<usize> = (0..self.events.len()).collect();
        places.retain(|place| {
            let event = &self.events[*place];
            range.contains(&event.at_ms) && event.arrived_ms <= self.clock.now_secs * 1000
        });
        places.reverse();
        places.sort_by_key(|place| std::cmp::Reverse(self.events[*place].at_ms));
        let numbered = places.into_iter().enumerate();
        numbered
            .map(|(class, place)| self.row(place, class))
            .collect()
    }

    fn row(&self, place: usize, class: usize) -> Row {
        let event = &self.events[place];
        let mut row = Row {
            event: Some(place),
            class,
            ..Row::default()
        };
        let mut set = |name: &str, value: Value| row.values.insert(name.to_owned(), value);
        match &self.form {
            Form::Flow(fields) => {
                let values: Vec<&str> = event.message.split_whitespace().collect();
                // A line of another form has no fields.
                if values.len() == fields.len() {
                    for ((_, name), value) in fields.iter().zip(values) {
                        set(name, Value::Text(value.to_owned()));
                    }
                }
            }
            Form::Json => {
                let json: Json = serde_json::from_str(&event.message).unwrap_or(Json::Null);
                let mut all = Vec::new();
                eval::paths(&json, "", &mut all);
                let top = if json.is_object() { all } else { Vec::new() };
                for (path, json) in top.iter().filter(|(_, json)| !json.is_object()) {
                    if !json.is_array() {
                        let at = if path.starts_with('@') { "@" } else { "" };
                        set(&format!("{at}{path}"), Value::from_json(json));
                    }
                }
            }
        }
        set("@timestamp", Value::Time(event.at_ms as i64));
        set("@ingestionTime", Value::Time(event.arrived_ms as i64));
        set("@message", Value::Text(event.message.clone()));
        set("@logStream", Value::Text(event.stream.clone()));
        set("@log", Value::Text("123456789012:group".to_owned()));
        row
    }

    /// The fields that the events may have, by what they look like.
    pub(crate) fn fields(&self) -> Fields {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match &self.form {
            Form::Json => Fields {
                numbers: names(&["n", "size", "user.id", "list.0.v", "list.1.v", "ok"]),
                texts: names(&[
                    "level",
                    "user.name",
                    "tags.0",
                    "tags.1",
                    "req-id",
                    "time",
                    "@@at",
                ]),
                addresses: names(&["src", "user.ip"]),
            },
            Form::Flow(fields) => {
                let of = |known: &[&str]| {
                    let names = fields.iter().map(|(_, name)| (*name).to_owned());
                    names
                        .filter(|name| known.contains(&name.as_str()))
                        .collect()
                };
                let numbers = [
                    "srcPort",
                    "dstPort",
                    "protocol",
                    "packets",
                    "bytes",
                    "startTime",
                    "endTime",
                    "tcpFlags",
                    "trafficPath",
                    "version",
                ];
                let texts = [
                    "action",
                    "logStatus",
                    "interfaceId",
                    "accountId",
                    "vpcId",
                    "instanceId",
                    "type",
                    "azId",
                    "flowDirection",
                ];
                let addresses = ["srcAddr", "dstAddr", "pktSrcAddr", "pktDstAddr"];
                Fields {
                    numbers: of(&numbers),
                    texts: of(&texts),
                    addresses: of(&addresses),
                }
            }
        }
    }
}

/// Names of fields by what they mostly hold.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) numbers: Vec<String>,
    pub(crate) texts: Vec<String>,
    pub(crate) addresses: Vec<String>,
}

fn custom(random: &mut Random) -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<(&str, &str)> = DEFAULT.into_iter().chain(FURTHER).collect();
    let mut fields = Vec::new();
    for _ in 0..3 + random.below(12) {
        let at = random.below(all.len() as u64) as usize;
        fields.push(all.remove(at));
    }
    fields
}

fn event(form: &Form, random: &mut Random) -> Event {
    // Few different times, so that many are equal; some between seconds.
    let at_ms = (MIDNIGHT + 25 * random.below(30)) * 1000 + 250 * (random.below(8) / 5);
    let arrived_ms = at_ms + 1000 * *random.pick(&[0, 30, 300, 800]);
    let message = match form {
        _ if random.percent(3) => random.word(&["", "some other line", "{ \"n\": ", "[1, 2]"]),
        Form::Flow(fields) => flow(fields, at_ms / 1000, random),
        Form::Json => object(random).to_string(),
    };
    let stream = format!("eni-{}-all", random.below(3));
    Event {
        at_ms,
        arrived_ms,
        stream,
        message,
    }
}

fn flow(fields: &[(&str, &str)], start: u64, random: &mut Random) -> String {
    let no_data = random.percent(12);
    let values: Vec<String> = fields
        .iter()
        .map(|(name, _)| match *name {
            "version" => "2".to_owned(),
            "account-id" => random.word(&["123456789012", "210987654321"]),
            "interface-id" => format!("eni-{}", random.below(3)),
            "start" => start.to_string(),
            "end" => (start + 30 + random.below(30)).to_string(),
            "log-status" if no_data => random.word(&["NODATA", "SKIPDATA"]),
            "log-status" => "OK".to_owned(),
            _ if no_data => "-".to_owned(),
            name => traffic(name, random),
        })
        .collect();
    values.join(" ")
}

fn traffic(name: &str, random: &mut Random) -> String {
    match name {
        "srcaddr" | "dstaddr" | "pkt-srcaddr" | "pkt-dstaddr" => random.word(&ADDRESSES),
        "srcport" | "dstport" => random.word(&["0", "22", "53", "443", "5432", "40000", "40001"]),
        "protocol" => random.word(&["1", "6", "6", "17", "58"]),
        "packets" => random.below(12).to_string(),
        "bytes" => match random.below(4) {
            0 => (random.below(90) * 1_000_003).to_string(),
            _ => (44 * random.below(60)).to_string(),
        },
        "action" => random.word(&["ACCEPT", "ACCEPT", "REJECT"]),
        "vpc-id" => random.word(&["vpc-1", "vpc-02", "vpc-10"]),
        "instance-id" => random.word(&["i-0a", "i-9", "i-10", "-"]),
        "tcp-flags" => random.word(&["0", "2", "3", "18", "19"]),
        "type" => random.word(&["IPv4", "IPv6"]),
        "az-id" => random.word(&["use1-az1", "use1-az2", "-"]),
        "flow-direction" => random.word(&["ingress", "egress"]),
        _ => random.word(&["1", "2", "8", "-"]),
    }
}

fn object(random: &mut Random) -> Json {
    let mut map = serde_json::Map::new();
    let numbers = [
        json!(0),
        json!(7),
        json!(-3),
        json!(2.5),
        json!("12"),
        json!("x"),
        json!(1e3),
    ];
    let mut put = |random: &mut Random, key: &str, value: Json| {
        if random.percent(75) {
            map.insert(key.to_owned(), value);
        }
    };
    let level = json!(random.word(&["info", "Error", "error", "warn-2", "warn-10", ""]));
    put(random, "level", level);
    for key in ["n", "size"] {
        let number = random.pick(&numbers).clone();
        put(random, key, number);
    }
    let user = json!({
        "name": random.word(&["ann", "Bob", "zoë", "a b"]),
        "id": random.pick(&numbers),
        "ip": random.word(&ADDRESSES),
    });
    put(random, "user", user);
    let mut tags = vec![json!("a"), json!("b10"), json!("b9"), json!(5), Json::Null];
    tags.truncate(random.below(6) as usize);
    put(random, "tags", Json::Array(tags));
    let list = json!([{"v": random.pick(&numbers)}, {"v": random.below(3)}]);
    put(random, "list", list);
    let truth = json!(random.percent(50));
    put(random, "ok", truth);
    let id = json!(format!("r-{}", random.below(4)));
    put(random, "req-id", id);
    let address = json!(random.word(&ADDRESSES));
    put(random, "src", address);
    let time = json!(random.word(&["2024-03-05T00:02:05", "2024-02-29T23:59:59", "never"]));
    put(random, "time", time);
    let at = json!(random.word(&["1709596800000", "1709600400123"]));
    put(random, "@at", at);
    put(random, "none", Json::Null);
    Json::Object(map)
}
