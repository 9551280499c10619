//! From a parsed file and a seed to a plan.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use wirelab_control::{Control, ControlConfig};
use wirelab_model::{IdSpace, Seed};
use wirelab_simulator::host::HostSpec;

use crate::build::{Builder, Header};
use crate::draw::{self, Filler};
use crate::error::ContentErrors;
use crate::fields::{Fields, Keys, Sink};
use crate::node::{Table, Value};
use crate::plan::{Plan, Variant};
use crate::resolve::Resolver;
use crate::scenario::Scenario;
use crate::{host, intent, public_dns, resource, timeline, traffic};

/// Draws, fills in, reads and builds.
pub(crate) fn compile(
    scenario: &Scenario,
    seed: Seed,
    wanted: Option<&str>,
) -> Result<Plan, ContentErrors> {
    compile_noting(scenario, seed, wanted).0
}

/// As [`compile`], with every key that was asked for.
pub(crate) fn compile_noting(
    scenario: &Scenario,
    seed: Seed,
    wanted: Option<&str>,
) -> (Result<Plan, ContentErrors>, Keys) {
    let sink = Sink::new(&scenario.source);
    let drawn = draw(scenario, seed, wanted, &sink);
    let plan = drawn.and_then(|drawn| build(scenario, seed, drawn, &sink));
    let keys = sink.keys();
    (sink.finish(plan), keys)
}

/// The file with nothing left to draw.
struct Drawn {
    table: Table,
    variant: Variant,
    draws: Map<String, Json>,
}

fn draw(scenario: &Scenario, seed: Seed, wanted: Option<&str>, sink: &Sink) -> Option<Drawn> {
    let mut table = scenario.table.clone();
    let chosen = draw::choose(&mut table, seed, wanted, sink)?;
    let mut filler = Filler::new(&table, &chosen.values, seed, sink);
    let draws = filler.draw_all();
    let values = filler.fill_table(&chosen.values);
    let mut rest = Table::default();
    for (key, node) in table.iter() {
        if !matches!(key.name.as_str(), "draw" | "variant") {
            rest.insert(key.clone(), filler.fill(node));
        }
    }
    let variant = Variant {
        name: chosen.name,
        values: json(values),
    };
    let draws = json(draws);
    sink.is_clean().then_some(Drawn {
        table: rest,
        variant,
        draws,
    })
}

fn json(table: Table) -> Map<String, Json> {
    match Value::Table(table).to_json() {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

fn build(scenario: &Scenario, seed: Seed, drawn: Drawn, sink: &Sink) -> Option<Plan> {
    let start = 0..0;
    let root = Fields::new(&drawn.table, &start, "scenario.toml", sink);
    let mut header = Header::read(&scenario.dir, &root)?;
    header.starts = scenario.starts.unwrap_or(header.starts);
    let mut builder = Builder {
        sink,
        table: &drawn.table,
        control: control(&header, seed),
        operator: header.operator(),
        accounts: header.accounts.clone(),
        initial: Vec::new(),
        names: crate::Names::default(),
    };
    resource::all(&mut builder, &root);
    let segments = host::segments(&root);
    let hosts = host::hosts(&builder, &root, &segments);
    let mut plan = Plan {
        name: header.name.clone(),
        title: header.title.clone(),
        hash: scenario.hash.clone(),
        seed,
        starts: header.starts,
        region: header.region.clone(),
        caller: header.learner(),
        operator: header.operator(),
        accounts: header.accounts.named.iter().cloned().collect(),
        control: builder.control,
        initial: builder.initial,
        fabric: header.fabric.clone(),
        segments,
        hosts,
        public_names: Vec::new(),
        traffic: Vec::new(),
        events: Vec::new(),
        expects: Vec::new(),
        intents: Vec::new(),
        variant: drawn.variant,
        draws: drawn.draws,
        names: builder.names,
    };
    for key in ["traffic", "event", "expect", "intent", "public_dns"] {
        let _ = root.has(key);
    }
    // What a missing resource or machine breaks further on is no mistake of its own; a key that
    // nobody knows is one.
    if sink.is_clean() {
        behaviour(&mut plan, &root, scenario, &header);
    } else {
        let aside = Sink::new(&scenario.source);
        let root = Fields::new(&drawn.table, &start, "scenario.toml", &aside);
        behaviour(&mut plan, &root, scenario, &header);
        sink.add_unknown_keys(aside);
    }
    root.finish();
    Some(plan)
}

/// Everything that refers to machines and resources.
fn behaviour(plan: &mut Plan, root: &Fields<'_>, scenario: &Scenario, header: &Header) {
    let resolver = Resolver {
        names: &plan.names,
        resources: plan.control.resources(),
        hosts: &plan.hosts,
        segments: &plan.segments,
        variant: &plan.variant.values,
        draws: &plan.draws,
    };
    let accounts = (&header.accounts, &plan.operator);
    let traffic = traffic::all(root, resolver, plan.seed);
    let public_names = public_dns::all(root, resolver);
    let events = timeline::events(root, resolver, accounts);
    let intents = intent::all(root, resolver);
    (plan.traffic, plan.events, plan.intents) = (traffic, events, intents);
    plan.public_names = public_names;
    check_hosts(&plan.hosts, root.sink());
    if !root.sink().is_clean() {
        return;
    }
    let source = Arc::clone(&scenario.source);
    let expects = timeline::expects(root, plan, |offset| source.line_and_column(offset).0);
    plan.expects = expects;
}

/// What only a machine itself can tell: whether its `iptables` lines are understood.
fn check_hosts(hosts: &[HostSpec], sink: &Sink) {
    let config = wirelab_simulator::host::HostConfig {
        seed: Seed::whole(0),
        starts: wirelab_model::UnixTime::default(),
    };
    for host in hosts {
        if let Err(error) = wirelab_simulator::host::Host::new(host.clone(), config) {
            sink.file(format!("host `{}`: {error}", host.name), None);
        }
    }
}

fn control(header: &Header, seed: Seed) -> Control {
    let ids = IdSpace {
        scenario: header.name.as_str().into(),
        names_seed: seed.names,
    };
    let (account, region) = (header.accounts.home.clone(), header.region.clone());
    Control::new(ControlConfig {
        default_vpcs: header.default_vpcs,
        delays: header.delays.clone(),
        accounts: header
            .accounts
            .named
            .iter()
            .map(|it| it.1.clone())
            .collect(),
        ..ControlConfig::new(ids, account, region, header.starts)
    })
}
