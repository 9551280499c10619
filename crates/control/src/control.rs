//! The contract: [`Control`] and what goes in and out.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{
    Call, Caller, Changes, IdSpace, InstanceId, Metric, Observation, Reply, Resources, SimDuration,
    SimTime, UnixTime, VpcId, is_region,
};

use crate::arguments::Arguments;
use crate::athena::{self, WorkGroup};
use crate::cloudtrail::Logging;
use crate::cloudwatch::{AlarmEvent, PutDatum};
use crate::describe::Reader;
use crate::ec2::{Question, default_vpc, launch_template, prefix_list};
use crate::iam::{AssumeRefusal, AssumeRequest};
use crate::logs::{self, LogGroup, MetricPublication};
use crate::operation::{self, Handler, Operation};
use crate::quota::Quotas;
use crate::realm::Realm;
use crate::ssm::{Ended, Script};
use crate::state::{Remembered, State};
use crate::timer::Delays;
use crate::transaction::Transaction;
use crate::{ec2, error, iam, reconcile, view};

/// What is fixed for the life of a [`Control`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlConfig {
    /// What ids are derived from.
    pub ids: IdSpace,
    /// The 12-digit id of the scenario's own account.
    pub account: SmolStr,
    /// The scenario's own Region. Callers of other accounts and Regions see and make their own
    /// resources.
    pub region: SmolStr,
    /// UTC at virtual time zero.
    pub starts: UnixTime,
    /// How long transitions take.
    pub delays: Delays,
    /// How many of each are allowed.
    pub quotas: Quotas,
    /// Whether an account has a default VPC in every Region, from its first call there on.
    pub default_vpcs: bool,
    /// The accounts that the scenario names beside its own.
    pub accounts: Vec<SmolStr>,
}

impl ControlConfig {
    /// A configuration with AWS's delays and default quotas.
    #[must_use]
    pub fn new(ids: IdSpace, account: SmolStr, region: SmolStr, starts: UnixTime) -> Self {
        Self {
            ids,
            account,
            region,
            starts,
            delays: Delays::default(),
            quotas: Quotas::default(),
            default_vpcs: false,
            accounts: Vec::new(),
        }
    }
}

/// Where a call's new resources get their ids from, and how soon the call works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallIds<'a> {
    /// The scenario's structure: ids derive from this name, states are settled and the data plane
    /// obeys at once. Calls may share a name; ids stay distinct.
    Named(&'a str),
    /// Entry `seq` of the journal: states and the data plane take their time.
    Journal(u64),
    /// Event `n` of the scenario's timeline: as for the journal, with ids of its own.
    Event(u64),
}

/// What [`Control::handle`] takes.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// An API call.
    Call {
        /// Who calls.
        caller: &'a Caller,
        /// What is called.
        call: &'a Call,
        /// Where new ids come from.
        ids: CallIds<'a>,
    },
    /// A fact of the data plane.
    Observation(Observation),
    /// The data plane's answer to a [`Question`].
    Answer {
        /// The analysis that asks.
        analysis: &'a str,
        /// The members of the answer, by the API's names, or why there is none.
        outcome: Result<Value, String>,
    },
}

/// What [`Control::handle`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The response's members, or the error. `null` for an observation.
    pub reply: Reply,
    /// What the data plane must do; `None` if nothing changed for it.
    pub changes: Option<Changes>,
    /// What the call wants to know of the data plane, answered by [`Input::Answer`].
    pub question: Option<Question>,
}

/// The control plane of a world: of every account and Region in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Control {
    config: ControlConfig,
    state: State,
}

impl Control {
    /// An empty account; whether it has default VPCs is the configuration's to say.
    #[must_use]
    pub fn new(config: ControlConfig) -> Self {
        Self {
            config,
            state: State::default(),
        }
    }

    /// Takes one input at `now`. Timers due by then must have been handled before.
    pub fn handle(&mut self, now: SimTime, input: Input<'_>) -> Output {
        self.state.now = self.state.now.max(now);
        match input {
            Input::Call { caller, call, ids } => self.call(caller, call, ids),
            Input::Observation(observation) => self.observe(observation),
            Input::Answer { analysis, outcome } => {
                self.state.insights.answer(analysis, outcome);
                Output {
                    reply: Ok(Value::Null),
                    changes: None,
                    question: None,
                }
            }
        }
    }

    /// When [`Self::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        self.state.timers.next_at()
    }

    /// Makes every transition that is due by `now`.
    pub fn handle_timeout(&mut self, now: SimTime) -> Option<Changes> {
        self.state.now = self.state.now.max(now);
        let before = self.state.resources.clone();
        while let Some(timer) = self.state.timers.pop_due(now) {
            timer.fire(&mut self.state, &self.config);
        }
        reconcile::all(&mut self.state.resources);
        self.changes(&before, now)
    }

    /// The resources as the API shows them now. The data plane may be up to a second behind.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.state.resources
    }

    /// The account and the Region that a resource belongs to; those of the scenario itself for an
    /// id that nothing has.
    #[must_use]
    pub fn owner_of(&self, id: &str) -> (&SmolStr, &SmolStr) {
        self.state.realms.owner(id, &self.config)
    }

    /// Takes the scripts that calls have sent to instances since the last time.
    pub fn take_scripts(&mut self) -> Vec<Script> {
        match self.state.ssm.waiting.is_empty() {
            true => Vec::new(),
            false => std::mem::take(&mut Arc::make_mut(&mut self.state.ssm).waiting),
        }
    }

    /// In periods of which length CloudWatch publishes the minutes of a metric of the network:
    /// those of instances in five minutes, unless their monitoring is detailed; packets in five
    /// minutes in any case (EC2 User Guide, "CloudWatch metrics that are available for your
    /// instances").
    #[must_use]
    pub fn metric_period(&self, metric: &Metric) -> SimDuration {
        const BASIC: SimDuration = SimDuration::from_secs(300);
        const DETAILED: SimDuration = SimDuration::from_secs(60);
        let name = metric.metric_name.as_str();
        if metric.namespace != "AWS/EC2" || !name.starts_with("Network") {
            return DETAILED;
        }
        let mut dimensions = metric.dimensions.iter();
        let id = dimensions.find(|it| it.name == "InstanceId");
        let launch = id.and_then(|it| self.state.launches.get(&InstanceId::new(it.value.clone())));
        let is_detailed = launch.is_some_and(|it| it.attributes.is_monitored);
        match is_detailed && !name.starts_with("NetworkPackets") {
            true => DETAILED,
            false => BASIC,
        }
    }

    /// The user data with which an instance was launched, in base64.
    #[must_use]
    pub fn launched_with(&self, id: &InstanceId) -> Option<&str> {
        self.state.launches.get(id)?.user_data.as_deref()
    }

    /// Whether somebody may put a role on.
    ///
    /// # Errors
    /// There is no such role, it does not trust them, or not for so long.
    pub fn may_assume(
        &self,
        caller: &Caller,
        request: AssumeRequest<'_>,
    ) -> Result<(), AssumeRefusal> {
        iam::may_assume(caller, request, &self.state, &self.config)
    }

    /// The log groups that there are now for an account in a Region, by name.
    pub fn log_groups(&self, account: &str, region: &str) -> impl Iterator<Item = &LogGroup> {
        let groups = self.state.logs.0.get(&realm_of(account, region));
        let groups = groups.into_iter().flat_map(|it| it.groups.values());
        groups.filter(|it| it.exists(self.state.now))
    }

    /// What was said of the alarms of an account in a Region, by name: of deleted ones, too.
    pub fn alarms(
        &self,
        account: &str,
        region: &str,
    ) -> impl Iterator<Item = (&SmolStr, &[AlarmEvent])> {
        let own = self.state.cloudwatch.0.get(&realm_of(account, region));
        let alarms = own.into_iter().flat_map(|it| &it.alarms);
        alarms.map(|(name, events)| (name, events.as_slice()))
    }

    /// The metric data that clients of an account have put in a Region.
    pub fn put_metrics(
        &self,
        account: &str,
        region: &str,
    ) -> impl Iterator<Item = (&Metric, &[PutDatum])> {
        let own = self.state.cloudwatch.0.get(&realm_of(account, region));
        let data = own.into_iter().flat_map(|it| &it.data);
        data.map(|(metric, data)| (metric, data.as_slice()))
    }

    /// What metric filters have published, or do, of the flow logs of an account in a Region.
    pub fn metric_publications(
        &self,
        account: &str,
        region: &str,
    ) -> impl Iterator<Item = MetricPublication> {
        let own = self.state.logs.0.get(&realm_of(account, region));
        own.into_iter().flat_map(logs::publications)
    }

    /// When trails have logged, and where their files go: of deleted ones, too.
    #[must_use]
    pub fn trail_loggings(&self) -> &[Logging] {
        &self.state.cloudtrail.loggings
    }

    /// A workgroup of Athena's, of an account in a Region.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn work_group(
        &self,
        account: &str,
        region: &str,
        name: &str,
    ) -> Result<WorkGroup, wirelab_model::ApiError> {
        let realm = realm_of(account, region);
        athena::work_group(&self.state, &self.config, &realm, name)
    }

    /// The text of a prepared statement of Athena.
    ///
    /// # Errors
    /// There is none of that name in the workgroup.
    pub fn prepared_statement(
        &self,
        account: &str,
        region: &str,
        (work_group, name): (&str, &str),
    ) -> Result<String, wirelab_model::ApiError> {
        let realm = realm_of(account, region);
        athena::prepared(&self.state, &realm, work_group, name)
    }

    /// What was configured.
    #[must_use]
    pub fn config(&self) -> &ControlConfig {
        &self.config
    }

    /// Lets the status checks of instances take their time, a few minutes (EC2 User Guide, "Status
    /// checks for Amazon EC2 instances").
    pub fn take_time_for_status_checks(&mut self) {
        self.config.delays.status_checks = SimDuration::from_secs(120);
    }

    /// When everything that is now in a transitional state, or on its way to the data plane, will
    /// have settled; `None` if nothing is.
    #[must_use]
    pub fn settled_at(&self) -> Option<SimTime> {
        let effective = Some(self.state.last_effective).filter(|at| *at > self.state.now);
        let (state, now) = (&self.state, self.state.now);
        let by_time = [
            state.insights.settled_at(now),
            state.profile_associations.settled_at(now),
            state.volumes.settled_at(now),
        ];
        let by_time = by_time.into_iter().flatten().max();
        state.timers.settled_at().max(effective).max(by_time)
    }

    /// Services by their names in calls, each with its operations sorted by name.
    pub fn services() -> impl Iterator<Item = (&'static str, &'static [Operation])> {
        operation::SERVICES.into_iter()
    }

    /// EC2's operations, sorted by name.
    pub fn operations() -> impl Iterator<Item = &'static Operation> {
        operation::all().iter()
    }

    fn call(&mut self, caller: &Caller, call: &Call, ids: CallIds<'_>) -> Output {
        match self.dispatch(caller, call, ids) {
            Ok((reply, changes, question)) => Output {
                reply: Ok(view::without_nulls(reply)),
                changes,
                question,
            },
            Err(error) => Output {
                reply: Err(error::of_service(&call.service, error)),
                changes: None,
                question: None,
            },
        }
    }

    fn dispatch(
        &mut self,
        caller: &Caller,
        call: &Call,
        ids: CallIds<'_>,
    ) -> Result<(Value, Option<Changes>, Option<Question>), wirelab_model::ApiError> {
        let operation = operation::find(&call.service, &call.operation)?;
        let (name, realm) = (operation.name, Realm::of(caller));
        let expanded = launch_template::expanded(name, &call.parameters, &self.state, &realm)?;
        let parameters = expanded.as_ref().unwrap_or(&call.parameters);
        let (arguments, rest) = Arguments::split(operation, parameters)?;
        match operation.handler {
            Handler::Read(handler) => {
                let mut state = Cow::Borrowed(&self.state);
                if !is_prepared(&state, &self.config, &realm) {
                    prepare(state.to_mut(), &self.config, &realm);
                }
                let reader = Reader::new(&self.config, &state, caller, &arguments);
                let reply = handler(&reader, rest)?;
                arguments.refuse_dry_run()?;
                Ok((reply, None, None))
            }
            Handler::Write(handler) => {
                if let Some(reply) = self.remembered(&arguments, caller, call)? {
                    return Ok((reply, None, None));
                }
                let before = self.state.clone();
                prepare(&mut self.state, &self.config, &realm);
                if let Some(peer) = peer(caller, call) {
                    default_vpc::prepare(&mut self.state, &self.config, &peer);
                }
                self.prepare_zone_vpc(call);
                let mut transaction =
                    Transaction::new(&self.config, &mut self.state, caller, ids, &arguments);
                let result = handler(&mut transaction, rest)
                    .and_then(|reply| transaction.finish().map(|()| reply))
                    .and_then(|reply| arguments.refuse_dry_run().map(|()| reply));
                let question = transaction.question.take();
                match result {
                    Ok(reply) => {
                        if call.service == "iam" {
                            ec2::heed_roles(&mut self.state, &self.config);
                        }
                        reconcile::all(&mut self.state.resources);
                        self.remember(&arguments, caller, call, &reply);
                        let effective = self.effective_at(ids);
                        let changes = self.changes(&before.resources, effective);
                        Ok((reply, changes, question))
                    }
                    Err(error) => {
                        self.state = before;
                        Err(error)
                    }
                }
            }
        }
    }

    /// The VPC that a call of Route 53's names may be a default one to which nobody has written
    /// yet, in any account.
    fn prepare_zone_vpc(&mut self, call: &Call) {
        let vpc = call
            .parameters
            .get("VPC")
            .filter(|_| call.service == "route53");
        let text = |name: &str| vpc.and_then(|it| it.get(name)).and_then(Value::as_str);
        let (Some(id), Some(region)) = (text("VPCId"), text("VPCRegion")) else {
            return;
        };
        let id = VpcId::new(id);
        if !is_region(region) || self.state.resources.vpcs.contains_key(&id) {
            return;
        }
        for account in std::iter::once(&self.config.account).chain(&self.config.accounts) {
            let realm = realm_of(account, region);
            if is_prepared(&self.state, &self.config, &realm) {
                continue;
            }
            let mut tried = self.state.clone();
            prepare(&mut tried, &self.config, &realm);
            if tried.resources.vpcs.contains_key(&id) {
                self.state = tried;
                return;
            }
        }
    }

    fn observe(&mut self, observation: Observation) -> Output {
        let before = self.state.resources.clone();
        match observation {
            Observation::FirstFlowRecord {
                flow_log,
                interface,
            } => {
                logs::begin(&mut self.state, &self.config, &flow_log);
                self.state.flow_log_streams.insert((flow_log, interface));
            }
            // CloudWatch's, which the session keeps.
            Observation::MetricData(_) => {}
            Observation::ManagedInstances(ids) => {
                let managed = ids.into_iter().collect();
                if self.state.ssm.managed != managed {
                    Arc::make_mut(&mut self.state.ssm).managed = managed;
                }
            }
            Observation::ScriptEnded {
                command_id,
                instance,
                status,
                stdout,
                stderr,
                timed_out,
            } => {
                let ended = Ended {
                    at: self.config.starts.at(self.state.now),
                    status,
                    stdout,
                    stderr,
                    timed_out,
                };
                Arc::make_mut(&mut self.state.ssm).end(&command_id, &instance, ended);
            }
            Observation::VpnTunnel {
                vpn_connection,
                outside_ip_address,
                up,
            } => {
                let at = self.config.starts.at(self.state.now);
                let state = &mut self.state;
                ec2::observe_vpn_tunnel(&vpn_connection, outside_ip_address, up, at, state);
                reconcile::all(&mut state.resources);
            }
        }
        let effective = self.state.now + self.config.delays.propagation;
        Output {
            reply: Ok(Value::Null),
            changes: self.changes(&before, effective),
            question: None,
        }
    }

    fn effective_at(&self, ids: CallIds<'_>) -> SimTime {
        match ids {
            CallIds::Named(_) => self.state.now,
            CallIds::Journal(_) | CallIds::Event(_) => {
                self.state.now + self.config.delays.propagation
            }
        }
    }

    /// Changes carry whole resources, so they must reach the data plane in the order in which they
    /// were made: none takes effect before an earlier one.
    fn changes(&mut self, before: &Resources, effective_at: SimTime) -> Option<Changes> {
        let changes = before.diff(&self.state.resources);
        if changes.is_empty() {
            return None;
        }
        self.state.last_effective = self.state.last_effective.max(effective_at);
        Some(Changes {
            effective_at: self.state.last_effective,
            changes,
        })
    }

    /// The reply to an earlier call with the same `ClientToken` (Amazon EC2 API Reference,
    /// "Ensuring idempotency").
    fn remembered(
        &self,
        arguments: &Arguments,
        caller: &Caller,
        call: &Call,
    ) -> Result<Option<Value>, wirelab_model::ApiError> {
        let known = arguments
            .client_token
            .as_ref()
            .and_then(|token| self.state.tokens.get(&token_key(caller, call, token)));
        match known {
            None => Ok(None),
            Some(earlier) if earlier.request == request_text(call) => Ok(Some(earlier.reply())),
            Some(_) => Err(error::idempotent_parameter_mismatch()),
        }
    }

    fn remember(&mut self, arguments: &Arguments, caller: &Caller, call: &Call, reply: &Value) {
        if let Some(token) = &arguments.client_token {
            let remembered = Remembered::new(request_text(call), reply);
            self.state
                .tokens
                .insert(token_key(caller, call, token), remembered);
        }
    }
}

fn realm_of(account: &str, region: &str) -> Realm {
    Realm {
        account: account.into(),
        region: region.into(),
    }
}

/// Whether everything is there that a Region has before anybody makes something.
fn is_prepared(state: &State, config: &ControlConfig, realm: &Realm) -> bool {
    prefix_list::has_aws_lists(&state.resources, &realm.region)
        && default_vpc::is_ready(state, config, realm)
}

fn prepare(state: &mut State, config: &ControlConfig, realm: &Realm) {
    prefix_list::add_aws_lists(&mut state.resources, &realm.region);
    default_vpc::prepare(state, config, realm);
}

/// The other account or Region that a call names: what it has there is wanted now.
fn peer(caller: &Caller, call: &Call) -> Option<Realm> {
    let text = |name: &str| call.parameters.get(name).and_then(Value::as_str);
    let (account, region) = (text("PeerOwnerId"), text("PeerRegion"));
    let named = account.is_some() || region.is_some();
    let region = region.map_or_else(|| caller.region.clone(), SmolStr::from);
    (named && is_region(&region)).then(|| Realm {
        account: account.map_or_else(|| caller.account.clone(), SmolStr::from),
        region,
    })
}

fn token_key(caller: &Caller, call: &Call, token: &str) -> String {
    let (account, region) = (&caller.account, &caller.region);
    format!("{account}:{region}:{}:{token}", call.operation)
}

fn request_text(call: &Call) -> String {
    json!(call.parameters).to_string()
}
