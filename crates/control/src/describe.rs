//! What every describe call does: choose by id, filter, page, show.

use std::sync::Arc;

use serde_json::{Map, Value};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Caller, Reply, Resources, Tag, fits_wildcards};

use crate::arguments::{Arguments, Filter};
use crate::control::ControlConfig;
use crate::error;
use crate::kind::Kind;
use crate::page::{start_of, token_of};
use crate::quota::Quotas;
use crate::realm::{self, Realm};
use crate::shown_filter;
use crate::state::State;

/// A filter's name and how to get the values it is compared with.
pub(crate) type Field<T> = (&'static str, fn(&T, &Resources) -> Vec<String>);

/// What a handler that only reads works on.
pub(crate) struct Reader<'a> {
    pub(crate) config: &'a ControlConfig,
    pub(crate) state: &'a State,
    pub(crate) arguments: &'a Arguments,
    realm: Realm,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        config: &'a ControlConfig,
        state: &'a State,
        caller: &Caller,
        arguments: &'a Arguments,
    ) -> Self {
        Self {
            config,
            state,
            arguments,
            realm: Realm::of(caller),
        }
    }

    /// The same reader for other shared parameters.
    pub(crate) fn with<'b>(&'b self, arguments: &'b Arguments) -> Reader<'b> {
        Reader {
            arguments,
            realm: self.realm.clone(),
            ..*self
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
    pub(crate) fn resources(&self) -> &'a Resources {
        &self.state.resources
    }

    /// The caller's Region.
    pub(crate) fn region(&self) -> &SmolStr {
        &self.realm.region
    }

    /// The caller's account.
    pub(crate) fn account(&self) -> &SmolStr {
        &self.realm.account
    }

    /// Whether `id` belongs to the caller's account and Region.
    pub(crate) fn owns(&self, id: &str) -> bool {
        self.state.realms.is_of(id, &self.realm, self.config)
    }

    fn sees<T: Kind>(&self, it: &T) -> bool {
        realm::sees(it, &self.realm, self.state, self.config)
    }

    /// All resources of a type that the caller sees, by id.
    pub(crate) fn each<T: Kind>(&self) -> impl Iterator<Item = &'a T> {
        let all = T::all(&self.state.resources).values().map(Arc::as_ref);
        all.filter(|it| self.sees(*it))
    }

    /// The resource `id`, or EC2's error for one that is not there for this caller.
    pub(crate) fn get<T: Kind>(&self, id: &T::Id) -> Result<&'a Arc<T>, ApiError> {
        let it = T::all(&self.state.resources).get(id);
        it.filter(|it| self.sees(it.as_ref()))
            .ok_or_else(|| T::missing(id))
    }

    /// The whole of a describe call on resources of type `T`: the reply's list is named `member`.
    pub(crate) fn describe<T: Kind>(
        &self,
        member: &str,
        ids: &[T::Id],
        fields: &[Field<T>],
        show: impl Fn(&T) -> Value,
    ) -> Reply {
        let chosen = self.select_shown(ids, fields, &show)?;
        self.page(member, chosen, |it| it.id().to_string(), show)
    }

    /// Resources with one of `ids` (all, if there are none) that pass the call's filters.
    pub(crate) fn select<T: Kind>(
        &self,
        ids: &[T::Id],
        fields: &[Field<T>],
    ) -> Result<Vec<&'a T>, ApiError> {
        self.select_shown(ids, fields, &|_| Value::Null)
    }

    /// As [`Self::select`], with filters that are compared with what is shown.
    pub(crate) fn select_shown<T: Kind>(
        &self,
        ids: &[T::Id],
        fields: &[Field<T>],
        show: &dyn Fn(&T) -> Value,
    ) -> Result<Vec<&'a T>, ApiError> {
        for id in ids {
            self.get::<T>(id)?;
        }
        let named = self
            .each::<T>()
            .filter(|it| ids.is_empty() || ids.contains(it.id()));
        let mut chosen = Vec::new();
        for it in named {
            if self.passes_shown(it, T::tags(it), fields, show)? {
                chosen.push(it);
            }
        }
        self.check_filters(fields)?;
        Ok(chosen)
    }

    /// Whether `it` passes all filters of the call.
    pub(crate) fn passes<T>(
        &self,
        it: &T,
        tags: &[Tag],
        fields: &[Field<T>],
    ) -> Result<bool, ApiError> {
        self.passes_shown(it, tags, fields, &|_| Value::Null)
    }

    /// As [`Self::passes`], with filters that are compared with what is shown.
    pub(crate) fn passes_shown<T>(
        &self,
        it: &T,
        tags: &[Tag],
        fields: &[Field<T>],
        show: &dyn Fn(&T) -> Value,
    ) -> Result<bool, ApiError> {
        for filter in &self.arguments.filters {
            let values = match shown_filter::of(self.arguments.operation, &filter.name) {
                Some(shown) => shown.values(&filter.name, || show(it))?,
                None => values_of(filter, it, tags, fields, self.resources())?,
            };
            if !values.iter().any(|value| matches_any(filter, value)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Unknown filters are errors even when there is nothing to filter.
    pub(crate) fn check_filters<T>(&self, fields: &[Field<T>]) -> Result<(), ApiError> {
        for filter in &self.arguments.filters {
            let operation = self.arguments.operation;
            if let Some(shown) = shown_filter::of(operation, &filter.name) {
                shown.values(&filter.name, || Value::Null)?;
                continue;
            }
            let known = fields.iter().map(|field| field.0);
            if !is_tag_filter(&filter.name) && !known.clone().any(|name| name == filter.name) {
                let known = known.chain(["tag-key", "tag-value"]);
                let known = known.chain(shown_filter::names(operation));
                return Err(error::unknown_filter(
                    &filter.name,
                    error::nearest(&filter.name, known),
                ));
            }
        }
        Ok(())
    }

    /// One page of `items`; `key` orders them and is in the token of the page that follows.
    pub(crate) fn page<T: Copy>(
        &self,
        member: &str,
        mut items: Vec<T>,
        key: impl Fn(T) -> String,
        show: impl Fn(T) -> Value,
    ) -> Reply {
        if let Some(token) = &self.arguments.next_token {
            let start = start_of(items.iter().map(|it| key(*it)), token);
            let start = start.ok_or_else(error::pagination_token)?;
            items.drain(..start);
        }
        let limit = self
            .arguments
            .max_results
            .map_or(usize::MAX, |limit| limit as usize);
        let next = items
            .get(limit)
            .map(|it| Value::String(token_of(&key(*it)).to_string()));
        let shown = items.into_iter().take(limit).map(show).collect();
        let mut reply = Map::new();
        reply.insert(member.to_owned(), Value::Array(shown));
        if let Some(next) = next {
            reply.insert("NextToken".to_owned(), next);
        }
        Ok(Value::Object(reply))
    }
}

fn is_tag_filter(name: &str) -> bool {
    name.starts_with("tag:") || matches!(name, "tag-key" | "tag-value")
}

fn values_of<T>(
    filter: &Filter,
    it: &T,
    tags: &[Tag],
    fields: &[Field<T>],
    resources: &Resources,
) -> Result<Vec<String>, ApiError> {
    if let Some((_, values)) = fields.iter().find(|field| field.0 == filter.name) {
        return Ok(values(it, resources));
    }
    let texts =
        |get: fn(&Tag) -> &str, tags: &[Tag]| tags.iter().map(|tag| get(tag).to_owned()).collect();
    match filter.name.as_str() {
        "tag-key" => Ok(texts(|tag| &tag.key, tags)),
        "tag-value" => Ok(texts(|tag| &tag.value, tags)),
        name => match name.strip_prefix("tag:") {
            Some(key) => Ok(tags
                .iter()
                .filter(|tag| tag.key == key)
                .map(|tag| tag.value.to_string())
                .collect()),
            None => {
                let known = fields.iter().map(|field| field.0);
                Err(error::unknown_filter(name, error::nearest(name, known)))
            }
        },
    }
}

fn matches_any(filter: &Filter, value: &str) -> bool {
    filter
        .values
        .iter()
        .any(|pattern| fits_wildcards(pattern, value, true))
}

#[cfg(test)]
mod tests {
    use super::fits_wildcards;

    #[test]
    fn wildcards_are_ec2s() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("vpc-*", "vpc-1", true),
            ("*-1", "vpc-1", true),
            ("a*b*c", "a--b-bc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "a", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("ab", "abc", false),
        ] {
            assert_eq!(
                fits_wildcards(pattern, text, true),
                fits,
                "{pattern} {text}"
            );
        }
    }
}
