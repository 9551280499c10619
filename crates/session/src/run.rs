//! A run: one plan carried through virtual time, with everything that is done to it.
//!
//! Control plane, data plane and timeline are three sources of things that happen. The run always
//! does what comes first; at equal times the timeline, then the control plane, then the data plane.
//! Changes go from control to world and observations back at the moment they arise.

mod commands;
mod files;
mod forget;
mod scripts;
mod shells;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_control::{CallIds, Control, Input as ControlInput};
use wirelab_model::{
    ApiError, ApiErrorKind, Call, Caller, Change, Changes, Observation, Reply, Resource, SimTime,
    UnixTime,
};
use wirelab_scenario::{Plan, TimedKind};
use wirelab_shell::Files;
use wirelab_simulator::host::{ExecId, OutputStream};
use wirelab_simulator::{Event, Input, InputError, Observe, World, WorldConfig};

use crate::evidence::{ApiEvent, Evidence};
use crate::{insights, script, servers};
use commands::Running;

/// So many packets, records and other observations a run may keep: about as much as fits into the
/// memory of a small machine. Time does not go on beyond.
pub(crate) const OBSERVED_AT_MOST: u64 = 5_000_000;

/// Why something could not be done to a run. The run is unchanged unless said so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The data plane refused it.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The time asked for is over.
    #[error("virtual time is {now} already; it cannot go back to {until}")]
    Past {
        /// The moment reached.
        now: SimTime,
        /// The moment asked for.
        until: SimTime,
    },
    /// The command did not end.
    #[error("`{command}` did not end within an hour of virtual time")]
    Endless {
        /// Program and arguments.
        command: String,
    },
    /// There is no room for more evidence. Time has passed up to `now`.
    #[error(
        "time stops at {now}: this lab has recorded {OBSERVED_AT_MOST} packets and records, and \
         keeps no more"
    )]
    Full {
        /// The moment reached.
        now: SimTime,
    },
    /// Whoever watches has had enough. Time has passed up to `now`.
    #[error("stopped at {now}, before {until}")]
    Stopped {
        /// The moment reached.
        now: SimTime,
        /// The moment asked for.
        until: SimTime,
    },
}

/// What a command on a machine printed, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecResult {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Both, in the order in which they were printed.
    pub combined: String,
    /// Of which stream each part of `combined` is, and how many octets it has.
    pub order: Vec<(OutputStream, usize)>,
    /// Exit status.
    pub status: i32,
    /// When it ended.
    pub ended_at: SimTime,
    /// Whether it was a script that has changed files or settings of its machine.
    pub changes: bool,
    /// Whether it was a script that was killed since its time was over.
    pub timed_out: bool,
}

/// A plan in motion.
#[derive(Clone, Debug)]
pub struct Run {
    plan: Arc<Plan>,
    state: State,
    evidence: Evidence,
    /// Whether `evidence` begins at the start of virtual time.
    pub(crate) partial: bool,
}

/// What a checkpoint holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    control: Control,
    world: World,
    now: SimTime,
    next_event: usize,
    next_exec: u64,
    running: BTreeMap<ExecId, Running>,
    /// Shell scripts at work, by the command that each is.
    shells: BTreeMap<ExecId, shells::AtWork>,
    /// What scripts have written, by machine.
    files: BTreeMap<SmolStr, Files>,
    /// Scripts that Systems Manager has sent.
    scripts: Vec<script::Running>,
    /// How much has been observed.
    observed: u64,
}

impl Run {
    /// A run at the start of virtual time. What is observed changes no packet.
    ///
    /// # Errors
    /// A plan that the data plane refuses.
    pub fn new(plan: impl Into<Arc<Plan>>, observe: Observe) -> Result<Self, RunError> {
        let plan = plan.into();
        let mut world = World::new(WorldConfig {
            seed: plan.seed,
            starts: plan.starts,
            region: plan.region.clone(),
            fabric: plan.fabric.clone(),
            observe,
        });
        for input in initial_inputs(&plan) {
            world.handle(SimTime::ZERO, input)?;
        }
        let state = State {
            control: plan.control.clone(),
            world,
            now: SimTime::ZERO,
            next_event: 0,
            next_exec: 0,
            running: BTreeMap::new(),
            shells: BTreeMap::new(),
            files: BTreeMap::new(),
            scripts: Vec::new(),
            observed: 0,
        };
        let mut run = Self::resume(plan, state);
        run.partial = false;
        run.drain();
        Ok(run)
    }

    /// Goes on from a checkpoint; the evidence before it is not there.
    pub(crate) fn resume(plan: Arc<Plan>, state: State) -> Self {
        Self {
            plan,
            state,
            evidence: Evidence::default(),
            partial: true,
        }
    }

    /// What a checkpoint keeps.
    pub(crate) const fn state(&self) -> &State {
        &self.state
    }

    /// As if so much had been observed that there is room for `more`.
    #[cfg(test)]
    pub(crate) const fn leave_room_for(&mut self, more: u64) {
        self.state.observed = OBSERVED_AT_MOST - more;
    }

    /// Takes the evidence out, e.g. to store it; the run goes on without it.
    pub(crate) fn take_evidence(&mut self) -> Evidence {
        self.partial = true;
        std::mem::take(&mut self.evidence)
    }

    /// Puts the evidence of everything before in front.
    pub(crate) fn with_earlier(mut self, mut earlier: Evidence) -> Self {
        earlier.extend(std::mem::take(&mut self.evidence));
        self.evidence = earlier;
        self.partial = false;
        self
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The control plane.
    #[must_use]
    pub const fn control(&self) -> &Control {
        &self.state.control
    }

    /// The data plane.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.state.world
    }

    /// What has been observed so far.
    #[must_use]
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// How many packets, records and other observations there have been.
    #[must_use]
    pub const fn observed(&self) -> u64 {
        self.state.observed
    }

    /// The moment reached.
    #[must_use]
    pub const fn now(&self) -> SimTime {
        self.state.now
    }

    /// The moment reached, in virtual UTC.
    #[must_use]
    pub fn utc(&self) -> UnixTime {
        self.plan.starts.at(self.state.now)
    }

    /// Lets time pass, up to and including `until`.
    ///
    /// # Errors
    /// A moment that is over.
    pub fn advance(&mut self, until: SimTime) -> Result<(), RunError> {
        self.not_over(until)?;
        while self.step(until) {}
        self.stand(until);
        Ok(())
    }

    /// Lets time pass, and asks `goes_on` at each moment at which something happens on the way.
    ///
    /// # Errors
    /// A moment that is over; no room for more evidence, or no wish to go on: then time has passed
    /// up to [`Run::now`], where everything that is due has happened.
    pub fn advance_watched(
        &mut self,
        until: SimTime,
        goes_on: &mut dyn FnMut(SimTime) -> ControlFlow<()>,
    ) -> Result<(), RunError> {
        self.not_over(until)?;
        self.has_room()?;
        while self.step(until) {
            let now = self.state.now;
            let stops = goes_on(now).is_break() && now < until;
            let room = self.has_room();
            if stops || room.is_err() {
                self.advance(now)?;
                return room.and(Err(RunError::Stopped { now, until }));
            }
        }
        self.stand(until);
        Ok(())
    }

    const fn not_over(&self, until: SimTime) -> Result<(), RunError> {
        let now = self.state.now;
        if until.as_nanos() < now.as_nanos() {
            return Err(RunError::Past { now, until });
        }
        Ok(())
    }

    const fn has_room(&self) -> Result<(), RunError> {
        if self.state.observed >= OBSERVED_AT_MOST {
            return Err(RunError::Full {
                now: self.state.now,
            });
        }
        Ok(())
    }

    /// Nothing more is due by `until`, the moment that is reached now.
    fn stand(&mut self, until: SimTime) {
        self.state.now = until;
        self.state.world.handle_timeout(until);
        self.drain();
        self.go_on_with_shells();
        self.end_commands_of_scripts();
    }

    /// Makes a call. `seq` is the journal's number of it: new ids derive from that. Time stays.
    pub fn call(&mut self, caller: &Caller, call: &Call, seq: u64) -> Reply {
        self.control_call(caller, call, CallIds::Journal(seq))
    }

    /// Makes a call that only reads; changes nothing, whatever is called. Where time passes by
    /// itself (`paced`), status checks are shown to take theirs.
    pub fn read(&self, caller: &Caller, call: &Call, paced: bool) -> Reply {
        if !call.is_read_only() {
            let message = format!("{call} changes resources and was not made here.");
            return Err(ApiError {
                code: "InternalError".into(),
                message,
                kind: ApiErrorKind::Server,
            });
        }
        let input = ControlInput::Call {
            caller,
            call,
            ids: CallIds::Journal(u64::MAX),
        };
        let mut control = self.state.control.clone();
        if paced {
            control.take_time_for_status_checks();
        }
        if let Some(managed) = self.managed(caller, call) {
            control.handle(self.state.now, ControlInput::Observation(managed));
        }
        control.handle(self.state.now, input).reply
    }

    /// Starts a client program beyond those of the plan: what a grader probes with.
    ///
    /// # Errors
    /// An unknown machine, a name that is taken.
    pub fn start_traffic(
        &mut self,
        spec: wirelab_simulator::host::TrafficSpec,
    ) -> Result<(), RunError> {
        self.input(Input::Traffic(spec))
    }

    fn input(&mut self, input: Input) -> Result<(), RunError> {
        self.state.world.handle(self.state.now, input)?;
        self.drain();
        Ok(())
    }

    fn control_call(&mut self, caller: &Caller, call: &Call, ids: CallIds<'_>) -> Reply {
        self.ask_for_managed(caller, call);
        let input = ControlInput::Call { caller, call, ids };
        let output = self.state.control.handle(self.state.now, input);
        if !call.is_read_only() {
            self.evidence.calls.push(ApiEvent {
                at: self.state.now,
                caller: caller.clone(),
                call: call.clone(),
                reply: output.reply.clone(),
            });
        }
        self.launch(output.changes.as_ref(), Some(call));
        self.change(output.changes);
        if let Some(question) = output.question {
            let (control, world) = (&self.state.control, &self.state.world);
            let outcome = insights::answer(&question, control, world);
            let answer = ControlInput::Answer {
                analysis: &question.analysis,
                outcome,
            };
            self.state.control.handle(self.state.now, answer);
        }
        self.begin_scripts();
        output.reply
    }

    /// Gives new instances their machines; those of the scenario have theirs already.
    fn launch(&mut self, changes: Option<&Changes>, call: Option<&Call>) {
        for change in changes.iter().flat_map(|it| &it.changes) {
            let Change::Put(Resource::Instance(instance)) = change else {
                continue;
            };
            if !self.state.world.has_machine(&instance.instance_id) {
                let spec = servers::machine(&instance.instance_id, call);
                let made = self.input(Input::Host(Box::new(spec)));
                made.expect("ids are nobody's names, and the firewall was understood");
            }
        }
    }

    fn change(&mut self, changes: Option<Changes>) {
        if let Some(changes) = changes {
            let input = Input::Changes(changes);
            let done = self.state.world.handle(self.state.now, input);
            done.expect("changes name no host, segment or traffic");
            self.drain();
        }
    }

    /// Does what comes first, if it is due by `limit`; time is then the moment of it.
    fn step(&mut self, limit: SimTime) -> bool {
        let timeline = self
            .plan
            .events
            .get(self.state.next_event)
            .map(|event| event.at);
        let control = self.state.control.poll_timeout();
        let world = self.state.world.poll_timeout();
        let limit_of_script = self.next_limit();
        let sources = [timeline, control, world, limit_of_script];
        let next = sources.into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next <= limit) else {
            return false;
        };
        let next = next.max(self.state.now);
        self.state.now = next;
        if timeline.is_some_and(|at| at <= next) {
            self.timeline_event();
        } else if limit_of_script.is_some_and(|at| at <= next) {
            self.kill_late();
        } else if control.is_some_and(|at| at <= next) {
            let changes = self.state.control.handle_timeout(next);
            self.change(changes);
        } else {
            self.state.world.handle_timeout(next);
            self.drain();
        }
        self.go_on_with_shells();
        self.end_commands_of_scripts();
        true
    }

    fn timeline_event(&mut self) {
        let plan = Arc::clone(&self.plan);
        let index = self.state.next_event;
        self.state.next_event += 1;
        let failed = match &plan.events[index].kind {
            TimedKind::Call { caller, call } => {
                let ids = CallIds::Event(index as u64);
                let reply = self.control_call(caller, call, ids);
                reply.err().map(|error| error.to_string())
            }
            TimedKind::Exec(exec) => {
                let started = self.start(&exec.host, &exec.argv, Some(index));
                started.err().map(|error| error.to_string())
            }
            TimedKind::StopTraffic(name) => {
                let stopped = self.input(Input::StopTraffic(name.clone()));
                stopped.err().map(|error| error.to_string())
            }
            TimedKind::VpnTunnel(fault) => {
                let broken = self.input(Input::VpnTunnel(fault.clone()));
                broken.err().map(|error| error.to_string())
            }
        };
        if let Some(why) = failed {
            self.evidence.failed_events.push((index, why));
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.state.world.poll_event() {
            self.observe(event);
        }
    }

    fn observe(&mut self, event: Event) {
        self.state.observed += 1;
        match event {
            Event::Captured(frame) => self.evidence.push_capture(frame),
            Event::FlowRecord(record) => self.evidence.records.push(*record),
            Event::Dropped(dropped) => self.evidence.drops.push(*dropped),
            Event::Traffic(ended) => self.evidence.traffic.push(ended),
            Event::ExecOutput {
                id, stream, text, ..
            } => self.printed(id, stream, &text),
            Event::ExecDone { id, status, at } => self.ended(id, status, at),
            Event::Observation(observation) => {
                if let Observation::MetricData(data) = &observation {
                    let period = |it: &_| self.state.control.metric_period(it);
                    self.evidence.push_metrics(data, period);
                }
                let input = ControlInput::Observation(observation);
                let output = self.state.control.handle(self.state.now, input);
                self.change(output.changes);
            }
        }
    }
}

/// Segments and machines come before the resources that refer to them; traffic comes last.
fn initial_inputs(plan: &Plan) -> Vec<Input> {
    let segments = plan.segments.iter().cloned().map(Input::Segment);
    let hosts = plan
        .hosts
        .iter()
        .cloned()
        .map(|host| Input::Host(Box::new(host)));
    let changes = plan.initial.iter().cloned().map(Input::Changes);
    let traffic = plan.traffic.iter().cloned().map(Input::Traffic);
    let names = plan.public_names.clone();
    let names = (!names.is_empty()).then_some(Input::PublicNames(names));
    segments
        .chain(names)
        .chain(hosts)
        .chain(changes)
        .chain(traffic)
        .collect()
}
