//! What a handler that changes something works on: the state, the call's circumstances, new ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Caller, IdSource, Resources, SimDuration, Tag, UnixTime};

use crate::arguments::Arguments;
use crate::control::{CallIds, ControlConfig};
use crate::ec2::{self, Question};
use crate::error;
use crate::kind::Kind;
use crate::quota::Quotas;
use crate::realm::{self, Realm};
use crate::state::State;
use crate::timer::{self, Transition};

/// One mutating call under way. If its handler fails, the state is put back as it was.
pub(crate) struct Transaction<'a> {
    pub(crate) config: &'a ControlConfig,
    pub(crate) state: &'a mut State,
    /// Owner of what is made: the caller's account.
    pub(crate) owner: SmolStr,
    /// The caller's ARN.
    pub(crate) principal: SmolStr,
    /// Where it is made: the caller's Region.
    pub(crate) region: SmolStr,
    realm: Realm,
    arguments: &'a Arguments,
    ids: CallIds<'a>,
    ordinals: BTreeMap<&'static str, u32>,
    tagged: Vec<&'static str>,
    /// What the call asks of the data plane.
    pub(crate) question: Option<Question>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(
        config: &'a ControlConfig,
        state: &'a mut State,
        caller: &Caller,
        ids: CallIds<'a>,
        arguments: &'a Arguments,
    ) -> Self {
        Self {
            config,
            state,
            owner: caller.account.clone(),
            principal: caller.principal.clone(),
            region: caller.region.clone(),
            realm: Realm::of(caller),
            arguments,
            ids,
            ordinals: BTreeMap::new(),
            tagged: Vec::new(),
            question: None,
        }
    }

    /// Account and Region of the caller.
    pub(crate) const fn realm(&self) -> &Realm {
        &self.realm
    }

    /// How many of each the caller may have.
    pub(crate) fn quotas(&self) -> Quotas {
        let raised = &self.state.service_quotas;
        raised.applied(&self.config.quotas, &self.realm)
    }

    /// The resources of all accounts and Regions.
    pub(crate) fn resources(&self) -> &Resources {
        &self.state.resources
    }

    /// Whether `id` belongs to the caller's account and Region.
    pub(crate) fn owns(&self, id: &str) -> bool {
        self.state.realms.is_of(id, &self.realm, self.config)
    }

    fn sees<T: Kind>(&self, it: &T) -> bool {
        realm::sees(it, &self.realm, self.state, self.config)
    }

    /// The resource `id`, or EC2's error for one that is not there for this caller.
    pub(crate) fn get<T: Kind>(&self, id: &T::Id) -> Result<&Arc<T>, ApiError> {
        let it = T::all(&self.state.resources).get(id);
        it.filter(|it| self.sees(it.as_ref()))
            .ok_or_else(|| T::missing(id))
    }

    /// The resource `id` to be changed, or EC2's error for one that is not there for this caller.
    pub(crate) fn edit<T: Kind>(&mut self, id: &T::Id) -> Result<&mut T, ApiError> {
        self.get::<T>(id)?;
        let it = T::all_mut(&mut self.state.resources).get_mut(id);
        Ok(Arc::make_mut(it.expect("it was there just now")))
    }

    /// Adds a resource, or replaces it.
    pub(crate) fn put<T: Kind>(&mut self, it: T) {
        T::all_mut(&mut self.state.resources).insert(it.id().clone(), Arc::new(it));
    }

    /// Removes a resource.
    pub(crate) fn remove<T: Kind>(&mut self, id: &T::Id) {
        T::all_mut(&mut self.state.resources).remove(id);
    }

    /// All resources of a type that the caller sees, by id.
    pub(crate) fn each<T: Kind>(&self) -> impl Iterator<Item = &T> {
        let all = T::all(&self.state.resources).values().map(Arc::as_ref);
        all.filter(|it| self.sees(*it))
    }

    /// A new id for a resource of type `T`.
    pub(crate) fn new_id<T: Kind>(&mut self) -> T::Id {
        T::new_id(self.new_text_id(T::PREFIX))
    }

    /// A new id with `prefix`, for what is no resource of its own: associations, rules.
    pub(crate) fn new_text_id(&mut self, prefix: &'static str) -> String {
        loop {
            let source = self.next_source(prefix);
            let hex = self.hex17(prefix, &source);
            let id = format!("{prefix}-{hex}");
            if self.state.taken.insert(SmolStr::new(&id)) {
                self.state.realms.note(&id, &self.realm, self.config);
                return id;
            }
        }
    }

    /// A new UUID, for services that call their things so.
    pub(crate) fn new_uuid(&mut self, kind: &'static str) -> SmolStr {
        loop {
            let source = self.next_source(kind);
            let (head, tail) = (self.hex17(kind, &source), self.hex17("uuid", &source));
            let (a, b, c) = (&head[..8], &head[8..12], &head[12..15]);
            let id = format_smolstr!("{a}-{b}-4{c}-8{}-{}", &tail[..3], &tail[3..15]);
            if self.state.taken.insert(id.clone()) {
                return id;
            }
        }
    }

    fn hex17(&self, prefix: &str, source: &Source) -> String {
        self.config
            .ids
            .hex17(&self.owner, &self.region, prefix, &source.as_id_source())
    }

    /// 64 bits that depend on what `salt` names, for addresses.
    pub(crate) fn bits(&self, kind: &str, salt: &str) -> u64 {
        self.config
            .ids
            .bits(&self.owner, &self.region, kind, &IdSource::Named(salt))
    }

    fn next_source(&mut self, prefix: &'static str) -> Source {
        let ordinal = self.ordinals.entry(prefix).or_default();
        let source = match self.ids {
            CallIds::Named(name) if *ordinal == 0 => Source::Named(name.into()),
            CallIds::Named(name) => Source::Named(format_smolstr!("{name}#{ordinal}")),
            CallIds::Event(event) => Source::Named(format_smolstr!("event {event}#{ordinal}")),
            CallIds::Journal(seq) => Source::Journal(seq, *ordinal),
        };
        *ordinal += 1;
        source
    }

    /// Whether this call builds the scenario, so that everything settles at once.
    pub(crate) fn is_structural(&self) -> bool {
        matches!(self.ids, CallIds::Named(_))
    }

    /// Ends the transitional state of `id` after `delay`, or at once in a scenario's structure.
    pub(crate) fn settle_after<T: Kind>(&mut self, id: &T::Id, delay: SimDuration) {
        let resource = T::reference(id);
        if self.is_structural() {
            timer::settle(&resource, self.state.now, self.state, self.config);
        } else {
            let at = self.state.now + delay;
            self.state.timers.add(at, resource, Transition::Settle);
        }
    }

    /// Virtual UTC.
    pub(crate) fn utc(&self) -> UnixTime {
        self.config.starts.at(self.state.now)
    }

    /// The tags that the call gives to new resources of type `T`.
    pub(crate) fn tags<T: Kind>(&mut self) -> Result<Vec<Tag>, ApiError> {
        self.tags_of(T::TAG_TYPE)
    }

    /// As [`Self::tags`], for what is no resource of the data plane.
    pub(crate) fn tags_of(&mut self, kind: &'static str) -> Result<Vec<Tag>, ApiError> {
        self.tagged.push(kind);
        let mut tags = Vec::new();
        for specification in &self.arguments.tag_specifications {
            if specification.resource_type == kind {
                tags.extend(specification.tags.iter().cloned());
            }
        }
        ec2::tag::check(&tags)?;
        if tags.len() > self.config.quotas.tags_per_resource {
            return Err(error::tag_limit(kind));
        }
        Ok(tags)
    }

    /// Refuses tags for types that the call makes none of.
    pub(crate) fn finish(&self) -> Result<(), ApiError> {
        let stray = self
            .arguments
            .tag_specifications
            .iter()
            .find(|it| !self.tagged.contains(&it.resource_type.as_str()));
        stray.map_or(Ok(()), |it| {
            Err(error::invalid_parameter_value(format_args!(
                "'{}' is not a valid taggable resource type for this operation.",
                it.resource_type
            )))
        })
    }
}

enum Source {
    Named(SmolStr),
    Journal(u64, u32),
}

impl Source {
    fn as_id_source(&self) -> IdSource<'_> {
        match self {
            Self::Named(name) => IdSource::Named(name),
            Self::Journal(seq, ordinal) => IdSource::Journal {
                seq: *seq,
                ordinal: *ordinal,
            },
        }
    }
}
