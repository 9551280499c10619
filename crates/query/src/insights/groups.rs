//! The log groups that a query reads, and when.

use wirelab_model::UnixTime;

use super::QueryOptions;
use super::advice::nearest;
use super::ast::{Groups, Moment, Source, Span};
use crate::error::Place;
use crate::{LogGroup, LogGroups, QueryError};

/// The groups that `source` names, or those that were chosen outside the query.
pub(super) fn select<'a>(
    query: &str,
    groups: &LogGroups<'a>,
    source: Option<&Source>,
) -> Result<Vec<&'a LogGroup>, QueryError> {
    let malformed = |span: Span, message: String, hint: Option<String>| QueryError::Malformed {
        message,
        place: Place::new(query, span.start, span.end),
        hint,
    };
    let Some(source) = source else {
        if groups.chosen().is_empty() {
            let message = "no log group is chosen".to_owned();
            return Err(QueryError::InvalidParameter(message));
        }
        return Ok(groups.chosen().to_vec());
    };
    let found: Vec<&LogGroup> = match &source.groups {
        Groups::Named(names) => {
            let mut found = Vec::new();
            for (text, span) in names {
                let (account, name) = name_of(text);
                let is_meant = |group: &&&LogGroup| {
                    group.name == name && account.is_none_or(|account| group.account == account)
                };
                let Some(group) = groups.all().find(is_meant) else {
                    let known = groups.all().map(|group| group.name.as_str());
                    let near = nearest(name, known);
                    let hint = near.map_or_else(
                        || known_groups(groups),
                        |near| format!("did you mean `{near}`?"),
                    );
                    let message = format!("there is no log group `{name}`");
                    return Err(malformed(*span, message, Some(hint)));
                };
                found.push(*group);
            }
            found
        }
        Groups::Matching {
            prefixes,
            accounts,
            standard,
        } => {
            let matches = |group: &&&LogGroup| {
                let begins = |prefix: &String| group.name.starts_with(prefix.as_str());
                *standard
                    && (prefixes.is_empty() || prefixes.iter().any(begins))
                    && (accounts.is_empty() || accounts.iter().any(|a| group.account == a.as_str()))
            };
            groups.all().filter(matches).copied().collect()
        }
    };
    if found.is_empty() {
        let mut hint = known_groups(groups);
        if groups.all().next().is_some() {
            hint.push_str("; all are of the Standard class");
        }
        return Err(malformed(
            source.span,
            "no log group matches".to_owned(),
            Some(hint),
        ));
    }
    Ok(found)
}

/// What there is to choose from.
fn known_groups(groups: &LogGroups<'_>) -> String {
    let known = list(groups.all().map(|group| group.name.as_str()));
    if known.is_empty() {
        return "there are no log groups here: files are asked without SOURCE and without joins"
            .to_owned();
    }
    format!("the log groups are {known}")
}

/// The first few names.
fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let first: Vec<String> = names.take(5).map(|name| format!("`{name}`")).collect();
    first.join(", ")
}

/// Account and name in an ARN (`arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*`), or the name alone.
fn name_of(text: &str) -> (Option<&str>, &str) {
    let Some(rest) = text.strip_prefix("arn:") else {
        return (None, text);
    };
    let mut parts = rest.splitn(6, ':');
    let account = parts.nth(3).filter(|account| !account.is_empty());
    let _kind = parts.next();
    let name = parts.next().unwrap_or_default();
    (account, name.trim_end_matches(":*"))
}

/// The options with the range that `source` gives.
pub(super) fn range(
    query: &str,
    options: &QueryOptions,
    source: Option<&Source>,
) -> Result<QueryOptions, QueryError> {
    let mut options = *options;
    let Some(source) = source else {
        return Ok(options);
    };
    let now = options.now;
    let seconds = |moment: Option<Moment>, default: UnixTime| match moment {
        None => default,
        Some(Moment::Relative(seconds)) => {
            UnixTime::from_secs(now.as_secs().saturating_add_signed(seconds))
        }
        Some(Moment::Absolute(millis)) => {
            UnixTime::from_secs(u64::try_from(millis.max(0) / 1000).unwrap_or_default())
        }
    };
    options.start = seconds(source.start, options.start);
    options.end = seconds(source.end, options.end);
    if options.start > options.end {
        return Err(QueryError::Malformed {
            message: "the query's start is after its end".to_owned(),
            place: Place::new(query, source.span.start, source.span.end),
            hint: None,
        });
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_group_is_named_by_name_or_arn() {
        assert_eq!(name_of("/vpc/flow"), (None, "/vpc/flow"));
        let arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/vpc/flow:*";
        assert_eq!(name_of(arn), (Some("123456789012"), "/vpc/flow"));
        assert_eq!(name_of("arn:aws:logs:us-east-1::logGroup:x"), (None, "x"));
    }
}
