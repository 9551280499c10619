//! Reachability Analyzer (Amazon EC2 API Reference: `CreateNetworkInsightsPath`,
//! `StartNetworkInsightsAnalysis` and their kin).
//!
//! Paths and analyses are kept here; the question itself is the data plane's. A start leaves as an
//! [`Question`] in the call's output; whoever has a data plane answers it at the same moment by
//! [`Input::Answer`](crate::Input::Answer). The analysis is shown `running` until its time is over,
//! as AWS's takes a while.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::error;
use crate::transaction::Transaction;
use crate::view::{maybe, one, tags};

/// Paths and analyses of all accounts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Insights {
    paths: BTreeMap<SmolStr, Path>,
    analyses: BTreeMap<SmolStr, Analysis>,
}

/// A question that may be asked again and again.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Path {
    id: SmolStr,
    arn: String,
    created: UnixTime,
    source: SmolStr,
    destination: Option<SmolStr>,
    source_ip: Option<IpAddr>,
    destination_ip: Option<IpAddr>,
    protocol: SmolStr,
    destination_port: Option<u16>,
    at_source: PathFilter,
    at_destination: PathFilter,
    tags: Vec<Tag>,
}

/// One time that it was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Analysis {
    id: SmolStr,
    arn: String,
    path: SmolStr,
    started: UnixTime,
    /// Until then it runs.
    done_at: SimTime,
    /// The answer's members as JSON text, or why there is none.
    outcome: Result<String, String>,
    tags: Vec<Tag>,
}

/// What headers a path is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PathFilter {
    source_address: Option<IpAddr>,
    source_port_range: Option<Ports>,
    destination_address: Option<IpAddr>,
    destination_port_range: Option<Ports>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Ports {
    from_port: u16,
    to_port: u16,
}

/// What an analysis asks of the data plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The analysis that waits for the answer.
    pub analysis: SmolStr,
    /// The path's source and destination, as it names them.
    pub ends: (SmolStr, Option<SmolStr>),
    /// Who sends.
    pub from: QuestionSource,
    /// To which address.
    pub to: IpAddr,
    /// Whether it is UDP, not TCP.
    pub udp: bool,
    /// Source port; any if none.
    pub source_port: Option<u16>,
    /// The ports to ask about: the answer is about the first that can be reached, or the first.
    pub ports: Vec<u16>,
}

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionSource {
    /// An interface, with an address of it.
    Interface(NetworkInterfaceId, Option<IpAddr>),
    /// Somebody on the internet with this address.
    Internet(IpAddr),
}

impl Insights {
    /// When the last analysis that runs has ended.
    pub(crate) fn settled_at(&self, now: SimTime) -> Option<SimTime> {
        let running = self.analyses.values().map(|it| it.done_at);
        running.filter(|at| *at > now).max()
    }

    /// Takes an answer.
    pub(crate) fn answer(&mut self, analysis: &str, outcome: Result<Value, String>) {
        if let Some(analysis) = self.analyses.get_mut(analysis) {
            analysis.outcome = outcome.map(|it| it.to_string());
        }
    }

    /// What is tagged: id, type, tags.
    pub(crate) fn all_tags(&self) -> impl Iterator<Item = (&str, &'static str, &[Tag])> {
        let paths = self.paths.iter();
        let paths = paths.map(|(id, it)| (id.as_str(), "network-insights-path", &it.tags[..]));
        let analyses = self.analyses.iter();
        paths.chain(
            analyses.map(|(id, it)| (id.as_str(), "network-insights-analysis", &it.tags[..])),
        )
    }

    /// The tags of a path or an analysis.
    pub(crate) fn tags_mut(&mut self, id: &str) -> Option<&mut Vec<Tag>> {
        let path = self.paths.get_mut(id).map(|it| &mut it.tags);
        path.or_else(|| self.analyses.get_mut(id).map(|it| &mut it.tags))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateNetworkInsightsPath {
    source: SmolStr,
    destination: Option<SmolStr>,
    source_ip: Option<IpAddr>,
    destination_ip: Option<IpAddr>,
    protocol: SmolStr,
    destination_port: Option<u16>,
    #[serde(default)]
    filter_at_source: PathFilter,
    #[serde(default)]
    filter_at_destination: PathFilter,
}

pub(crate) fn create_path(tx: &mut Transaction<'_>, request: CreateNetworkInsightsPath) -> Reply {
    let protocol = request.protocol.to_ascii_lowercase();
    if protocol != "tcp" && protocol != "udp" {
        return Err(error::invalid_value(
            &request.protocol,
            "protocol",
            "it is tcp or udp",
        ));
    }
    let old = request.destination_port.is_some()
        || request.source_ip.is_some()
        || request.destination_ip.is_some();
    let none = PathFilter::default();
    if old && (request.filter_at_source != none || request.filter_at_destination != none) {
        return Err(error::combination(
            "FilterAtSource and FilterAtDestination exclude DestinationPort, SourceIp and \
             DestinationIp",
        ));
    }
    let source = resource(&request.source);
    end(tx, &source, "source")?;
    let destination = request.destination.as_deref().map(resource);
    match &destination {
        Some(id) => end(tx, id, "destination").map(drop)?,
        None if request.destination_ip.is_some() => {}
        None if request.filter_at_source.destination_address.is_some() => {}
        None => return Err(error::missing_one_of("Destination, DestinationIp")),
    }
    let id = SmolStr::new(tx.new_text_id("nip"));
    let path = Path {
        arn: arn(tx, "network-insights-path", &id),
        created: tx.utc(),
        source,
        destination,
        source_ip: request.source_ip,
        destination_ip: request.destination_ip,
        protocol: protocol.into(),
        destination_port: request.destination_port,
        at_source: request.filter_at_source,
        at_destination: request.filter_at_destination,
        tags: new_tags(tx, "network-insights-path")?,
        id: id.clone(),
    };
    let shown = show_path(&path, &tx.region, &tx.owner);
    tx.state.insights.paths.insert(id, path);
    Ok(json!({ "NetworkInsightsPath": shown }))
}

/// The id in an ARN, or the id itself.
fn resource(text: &str) -> SmolStr {
    text.rsplit_once('/').map_or(text, |(_, id)| id).into()
}

fn arn(tx: &Transaction<'_>, kind: &str, id: &str) -> String {
    format!("arn:aws:ec2:{}:{}:{kind}/{id}", tx.region, tx.owner)
}

fn new_tags(tx: &mut Transaction<'_>, kind: &'static str) -> Result<Vec<Tag>, ApiError> {
    tx.tags_of(kind)
}

/// One end of a path.
enum End {
    Interface(NetworkInterfaceId),
    /// Whatever is beyond an internet gateway.
    Internet,
}

fn end(tx: &Transaction<'_>, id: &str, member: &str) -> Result<End, ApiError> {
    let prefix = id.split_once('-').map_or("", |(prefix, _)| prefix);
    match prefix {
        "eni" => {
            let id = NetworkInterfaceId::new(id);
            tx.get::<NetworkInterface>(&id)?;
            Ok(End::Interface(id))
        }
        "i" => {
            let instance = tx.get::<Instance>(&InstanceId::new(id))?;
            let first = instance.network_interfaces.first().cloned();
            let gone = || error::incorrect_instance_state(id, "running");
            first.map(End::Interface).ok_or_else(gone)
        }
        "igw" => {
            tx.get::<InternetGateway>(&InternetGatewayId::new(id))?;
            Ok(End::Internet)
        }
        _ => Err(error::invalid_value(
            id,
            member,
            "wirelab analyses paths between instances, network interfaces and internet gateways",
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteNetworkInsightsPath {
    network_insights_path_id: SmolStr,
}

pub(crate) fn delete_path(tx: &mut Transaction<'_>, request: DeleteNetworkInsightsPath) -> Reply {
    let id = request.network_insights_path_id;
    own_path(tx, &id)?;
    let mut analyses = tx.state.insights.analyses.values();
    if analyses.any(|it| it.path == id) {
        return Err(error::insights_path_in_use(&id));
    }
    tx.state.insights.paths.remove(&id);
    Ok(json!({ "NetworkInsightsPathId": id }))
}

fn own_path<'t>(tx: &'t Transaction<'_>, id: &str) -> Result<&'t Path, ApiError> {
    let path = tx.state.insights.paths.get(id);
    let path = path.filter(|_| tx.owns(id));
    path.ok_or_else(|| error::insights_path_not_found(id))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct StartNetworkInsightsAnalysis {
    network_insights_path_id: SmolStr,
    // One account's resources are asked about at a time, and none is left out.
    #[serde(default, rename = "AdditionalAccounts")]
    _additional_accounts: Option<IgnoredAny>,
}

pub(crate) fn start(tx: &mut Transaction<'_>, request: StartNetworkInsightsAnalysis) -> Reply {
    let path = own_path(tx, &request.network_insights_path_id)?.clone();
    let id = SmolStr::new(tx.new_text_id("nia"));
    let analysis = Analysis {
        arn: arn(tx, "network-insights-analysis", &id),
        path: path.id.clone(),
        started: tx.utc(),
        done_at: tx.state.now + tx.config.delays.network_insights,
        outcome: Err("nobody has answered".to_owned()),
        tags: new_tags(tx, "network-insights-analysis")?,
        id: id.clone(),
    };
    let shown = show_analysis(&analysis, tx.state.now);
    tx.state.insights.analyses.insert(id.clone(), analysis);
    match question(tx, &path, &id) {
        Ok(question) => tx.question = Some(question),
        Err(why) => tx.state.insights.answer(&id, Err(why.message)),
    }
    Ok(json!({ "NetworkInsightsAnalysis": shown }))
}

/// Somebody on the internet (RFC 5737).
const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 200));

fn question(tx: &Transaction<'_>, path: &Path, analysis: &str) -> Result<Question, ApiError> {
    let from_address = path.source_ip.or(path.at_source.source_address);
    let source = end(tx, &path.source, "source")?;
    let is_outside = matches!(source, End::Internet);
    let from = match source {
        End::Interface(id) => QuestionSource::Interface(id, from_address),
        End::Internet => QuestionSource::Internet(from_address.unwrap_or(STRANGER)),
    };
    let named = path.destination_ip.or(path.at_source.destination_address);
    let target = match &path.destination {
        Some(id) => Some(end(tx, id, "destination")?),
        None => None,
    };
    let interface = match &target {
        Some(End::Interface(id)) => Some(tx.get::<NetworkInterface>(id)?.clone()),
        _ => None,
    };
    let of_interface = interface.as_ref().map(|it| {
        let first = it.private_ip_addresses.first();
        let public = first.and_then(|it| it.association.as_ref());
        let public = public.filter(|_| is_outside).map(|it| it.public_ip);
        IpAddr::V4(public.unwrap_or(it.private_ip_address))
    });
    let to = named.or(of_interface).unwrap_or(STRANGER);
    let udp = path.protocol == "udp";
    let range = path.at_source.destination_port_range.as_ref();
    let range = range.or(path.at_destination.destination_port_range.as_ref());
    let wanted = path
        .destination_port
        .or_else(|| range.map(|it| it.from_port));
    let ports = match wanted {
        Some(port) => vec![port],
        None => likely_ports(tx, interface.as_deref(), udp),
    };
    let source_port = path.at_source.source_port_range.as_ref();
    Ok(Question {
        analysis: analysis.into(),
        ends: (path.source.clone(), path.destination.clone()),
        from,
        to,
        udp,
        source_port: source_port.map(|it| it.from_port),
        ports,
    })
}

/// Where no port is named, any will do: those that the groups of the interface speak of, and those
/// that most services have.
fn likely_ports(tx: &Transaction<'_>, interface: Option<&NetworkInterface>, udp: bool) -> Vec<u16> {
    let protocol = if udp {
        IpProtocol::UDP
    } else {
        IpProtocol::TCP
    };
    let groups = interface.into_iter().flat_map(|it| &it.groups);
    let groups = groups.filter_map(|id| tx.resources().security_groups.get(id));
    let rules = groups.flat_map(|it| &it.rules);
    let own = rules.filter(|it| !it.is_egress && it.ip_protocol == protocol);
    let own = own.filter_map(|it| Some(it.ports()?.from.max(1)));
    let mut ports: Vec<u16> = own.chain([443, 80, 22]).collect();
    let mut seen = std::collections::BTreeSet::new();
    ports.retain(|port| seen.insert(*port));
    ports
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteNetworkInsightsAnalysis {
    network_insights_analysis_id: SmolStr,
}

pub(crate) fn delete_analysis(
    tx: &mut Transaction<'_>,
    request: DeleteNetworkInsightsAnalysis,
) -> Reply {
    let id = request.network_insights_analysis_id;
    let is_there = tx.state.insights.analyses.contains_key(&id) && tx.owns(&id);
    if !is_there {
        return Err(error::insights_analysis_not_found(&id));
    }
    tx.state.insights.analyses.remove(&id);
    Ok(json!({ "NetworkInsightsAnalysisId": id }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeNetworkInsightsPaths {
    #[serde(default)]
    network_insights_path_ids: Vec<SmolStr>,
}

const PATH_FIELDS: &[Field<Path>] = &[
    ("destination", |it, _| maybe(it.destination.as_ref())),
    ("filter-at-source.source-address", |it, _| {
        maybe(it.at_source.source_address)
    }),
    ("filter-at-source.destination-address", |it, _| {
        maybe(it.at_source.destination_address)
    }),
    ("filter-at-source.destination-port-range", |it, _| {
        maybe(it.at_source.destination_port_range.as_ref().map(range_text))
    }),
    ("filter-at-destination.destination-address", |it, _| {
        maybe(it.at_destination.destination_address)
    }),
    ("protocol", |it, _| one(&it.protocol)),
    ("source", |it, _| one(&it.source)),
];

fn range_text(range: &Ports) -> SmolStr {
    format_smolstr!("{}-{}", range.from_port, range.to_port)
}

pub(crate) fn describe_paths(reader: &Reader<'_>, request: DescribeNetworkInsightsPaths) -> Reply {
    reader.check_filters(PATH_FIELDS)?;
    let ids = &request.network_insights_path_ids;
    let paths = &reader.state.insights.paths;
    let is_there = |id: &&SmolStr| paths.contains_key(id.as_str()) && reader.owns(id);
    if let Some(missing) = ids.iter().find(|id| !is_there(id)) {
        return Err(error::insights_path_not_found(missing));
    }
    let mut chosen = Vec::new();
    for path in paths.values().filter(|it| reader.owns(&it.id)) {
        let named = ids.is_empty() || ids.contains(&path.id);
        if named && reader.passes(path, &path.tags, PATH_FIELDS)? {
            chosen.push(path);
        }
    }
    let (region, account) = (reader.region(), reader.account());
    let show = |it: &Path| show_path(it, region, account);
    reader.page("NetworkInsightsPaths", chosen, |it| it.id.to_string(), show)
}

fn show_path(path: &Path, region: &str, account: &str) -> Value {
    let arn_of = |id: &SmolStr| {
        let kind = match id.split_once('-').map_or("", |(prefix, _)| prefix) {
            "eni" => "network-interface",
            "i" => "instance",
            _ => "internet-gateway",
        };
        format!("arn:aws:ec2:{region}:{account}:{kind}/{id}")
    };
    let filter = |it: &PathFilter| (*it != PathFilter::default()).then(|| json!(it));
    json!({
        "NetworkInsightsPathId": path.id,
        "NetworkInsightsPathArn": path.arn,
        "CreatedDate": iso8601(path.created),
        "Source": path.source,
        "Destination": path.destination,
        "SourceArn": arn_of(&path.source),
        "DestinationArn": path.destination.as_ref().map(arn_of),
        "SourceIp": path.source_ip,
        "DestinationIp": path.destination_ip,
        "Protocol": path.protocol,
        "DestinationPort": path.destination_port,
        "FilterAtSource": filter(&path.at_source),
        "FilterAtDestination": filter(&path.at_destination),
        "Tags": tags(&path.tags),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeNetworkInsightsAnalyses {
    #[serde(default)]
    network_insights_analysis_ids: Vec<SmolStr>,
    network_insights_path_id: Option<SmolStr>,
    /// Texts of ISO 8601, which sort as the moments do.
    analysis_start_time: Option<SmolStr>,
    analysis_end_time: Option<SmolStr>,
}

type Dated = (Analysis, SimTime);

const ANALYSIS_FIELDS: &[Field<Dated>] = &[
    ("path-found", |(it, now), _| {
        let found = shown_outcome(it, *now).and_then(|it| it["NetworkPathFound"].as_bool());
        maybe(found)
    }),
    ("status", |(it, now), _| one(status(it, *now))),
];

pub(crate) fn describe_analyses(
    reader: &Reader<'_>,
    request: DescribeNetworkInsightsAnalyses,
) -> Reply {
    reader.check_filters(ANALYSIS_FIELDS)?;
    let ids = &request.network_insights_analysis_ids;
    let analyses = &reader.state.insights.analyses;
    let is_there = |id: &&SmolStr| analyses.contains_key(id.as_str()) && reader.owns(id);
    if let Some(missing) = ids.iter().find(|id| !is_there(id)) {
        return Err(error::insights_analysis_not_found(missing));
    }
    let of_path = request.network_insights_path_id;
    let (begin, end) = (request.analysis_start_time, request.analysis_end_time);
    let now = reader.state.now;
    let mut chosen = Vec::new();
    for analysis in analyses.values().filter(|it| reader.owns(&it.id)) {
        let started = iso8601(analysis.started);
        let named = (ids.is_empty() || ids.contains(&analysis.id))
            && of_path.as_ref().is_none_or(|path| *path == analysis.path)
            && begin.as_ref().is_none_or(|begin| *begin <= started)
            && end.as_ref().is_none_or(|end| started <= *end);
        let dated = (analysis.clone(), now);
        if named && reader.passes(&dated, &analysis.tags, ANALYSIS_FIELDS)? {
            chosen.push(analysis);
        }
    }
    let show = |it: &Analysis| show_analysis(it, now);
    reader.page(
        "NetworkInsightsAnalyses",
        chosen,
        |it| it.id.to_string(),
        show,
    )
}

fn status(analysis: &Analysis, now: SimTime) -> &'static str {
    match &analysis.outcome {
        _ if now < analysis.done_at => "running",
        Ok(_) => "succeeded",
        Err(_) => "failed",
    }
}

/// The answer, once the analysis has ended.
fn shown_outcome(analysis: &Analysis, now: SimTime) -> Option<Value> {
    let text = analysis.outcome.as_ref().ok()?;
    let outcome = || serde_json::from_str(text).expect("we wrote it");
    (now >= analysis.done_at).then(outcome)
}

fn show_analysis(analysis: &Analysis, now: SimTime) -> Value {
    let mut shown = json!({
        "NetworkInsightsAnalysisId": analysis.id,
        "NetworkInsightsAnalysisArn": analysis.arn,
        "NetworkInsightsPathId": analysis.path,
        "StartDate": iso8601(analysis.started),
        "Status": status(analysis, now),
        "Tags": tags(&analysis.tags),
    });
    if let Some(Value::Object(members)) = shown_outcome(analysis, now) {
        for (name, value) in members {
            shown[name] = value;
        }
    }
    if let Err(why) = &analysis.outcome
        && now >= analysis.done_at
    {
        shown["StatusMessage"] = why.as_str().into();
    }
    shown
}
