//! Labs in motion: each is made and run once, however many pictures show it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use wirelab_model::{Seed, SimTime};
use wirelab_scenario::Plan;
use wirelab_session::{Content, Run};
use wirelab_simulator::Observe;
use wirelab_simulator::path::{Origin, PathReport, Probe, ProbeProtocol, explain};

/// What can be shown of the labs.
#[derive(Debug)]
pub struct Stage {
    content: Content,
    quizzes: PathBuf,
    plans: BTreeMap<(String, u64), Plan>,
    runs: BTreeMap<(String, u64, SimTime), Run>,
}

/// A lab, the seed it is drawn from, and the moment.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'s> {
    /// Name of the lab.
    pub lab: &'s str,
    /// The whole seed.
    pub seed: u64,
    /// Virtual time; the moment at which the lab opens if none.
    pub at: Option<SimTime>,
}

/// What to ask the path engine, in `wirelab path`'s words.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// A machine, an address outside, or an interface by its capture's name.
    pub from: &'q str,
    /// `HOST:PORT/tcp`, `ADDRESS:PORT/udp`, `HOST/icmp`.
    pub to: &'q str,
    /// IP length in octets.
    pub size: Option<u16>,
    /// Source port; one of the sender's ephemeral range if none.
    pub source_port: Option<u16>,
}

impl Stage {
    /// An empty one; labs are found in `content`, quizzes in the folder `quizzes`.
    #[must_use]
    pub const fn new(content: Content, quizzes: PathBuf) -> Self {
        Self {
            content,
            quizzes,
            plans: BTreeMap::new(),
            runs: BTreeMap::new(),
        }
    }

    /// Where quizzes lie.
    #[must_use]
    pub fn quizzes(&self) -> &Path {
        &self.quizzes
    }

    /// The plan of a lab's scenario.
    ///
    /// # Errors
    /// A lab that is not there or has mistakes.
    pub fn plan(&mut self, lab: &str, seed: u64) -> Result<&Plan, String> {
        let key = (lab.to_owned(), seed);
        if !self.plans.contains_key(&key) {
            if !self.content.has_lab(lab) {
                return Err(format!("there is no lab `{lab}`"));
            }
            let scenario = self.content.lab(lab).map_err(said)?.scenario;
            let scenario = self.content.scenario(&scenario).map_err(said)?;
            let plan = scenario.compile(Seed::whole(seed)).map_err(said)?;
            self.plans.insert(key.clone(), plan);
        }
        Ok(&self.plans[&key])
    }

    /// The moment that a scene shows.
    ///
    /// # Errors
    /// As [`Stage::plan`].
    pub fn moment(&self, scene: Scene<'_>) -> Result<SimTime, String> {
        match scene.at {
            Some(at) => Ok(at),
            None => Ok(self.content.lab(scene.lab).map_err(said)?.opens_at),
        }
    }

    /// The lab, run up to the scene's moment.
    ///
    /// # Errors
    /// As [`Stage::plan`]; a plan that cannot be run.
    pub fn run(&mut self, scene: Scene<'_>) -> Result<&Run, String> {
        let plan = self.plan(scene.lab, scene.seed)?.clone();
        let at = self.moment(scene)?;
        let key = (scene.lab.to_owned(), scene.seed, at);
        if !self.runs.contains_key(&key) {
            // Nobody looks at packets and records here, and what is observed changes no packet.
            let unseen = Observe {
                captures: false,
                flow_records: false,
                drops: false,
                metrics: false,
            };
            let mut run = Run::new(plan, unseen).map_err(said)?;
            run.advance(at).map_err(said)?;
            self.runs.insert(key.clone(), run);
        }
        Ok(&self.runs[&key])
    }

    /// What `wirelab path` would say.
    ///
    /// # Errors
    /// As [`Stage::run`]; ends that mean nothing, a probe that cannot be sent.
    pub fn path(&mut self, scene: Scene<'_>, ask: Question<'_>) -> Result<PathReport, String> {
        let run = self.run(scene)?;
        let from = origin(run, ask.from)?;
        let (to, protocol) = target(run, &from, ask.to)?;
        let probe = Probe {
            from,
            to,
            protocol,
            source_port: ask.source_port,
            size: ask.size,
        };
        explain(run.world(), &probe).map_err(said)
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A machine by its name, or somebody on the internet by an address.
fn origin(run: &Run, text: &str) -> Result<Origin, String> {
    match text.parse::<IpAddr>() {
        Ok(source) => Ok(Origin::Internet { source }),
        Err(_) if run.world().host(text).is_some() => Ok(Origin::from(text)),
        Err(_) => Err(format!("there is no machine `{text}`")),
    }
}

fn target(run: &Run, from: &Origin, text: &str) -> Result<(IpAddr, ProbeProtocol), String> {
    let wrong = || format!("`{text}` is no HOST:PORT/tcp, HOST:PORT/udp or HOST/icmp");
    let (place, protocol) = text.rsplit_once('/').ok_or_else(wrong)?;
    if protocol == "icmp" {
        return Ok((address(run, from, place)?, ProbeProtocol::Icmp));
    }
    let (place, port) = place.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let protocol = match protocol {
        "tcp" => ProbeProtocol::Tcp(port),
        "udp" => ProbeProtocol::Udp(port),
        _ => return Err(wrong()),
    };
    Ok((address(run, from, place)?, protocol))
}

/// An address as it stands, or what the sender itself finds for a name; whoever is no machine
/// means the public address.
fn address(run: &Run, from: &Origin, name: &str) -> Result<IpAddr, String> {
    if let Ok(address) = name.parse() {
        return Ok(address);
    }
    let found = match from {
        Origin::Host(host) => {
            let argv = ["getent", "ahosts", name].map(str::to_owned);
            let asked = run.clone().exec(host, &argv).map_err(said)?;
            asked.stdout.split_whitespace().next().map(str::to_owned)
        }
        _ => {
            let public = run.plan().resolve(&format!("instance.{name}.public_ip"));
            public.ok().and_then(|it| it.as_str().map(str::to_owned))
        }
    };
    let found = found.and_then(|it| it.parse().ok());
    found.ok_or_else(|| format!("{from} finds no address for `{name}`"))
}
