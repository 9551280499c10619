//! `wirelab id`: which id a name stands for, and whose an id is.

use crate::args::{Json, TEMPLATE};

/// Say which id a name stands for, and what an id is called; without any, list everything
///
/// Ids differ from seed to seed, names do not. `wirelab call` takes names; `aws` wants ids.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab id                              everything there is
  wirelab id --kind security_group
  wirelab id route_table.private
  aws ec2 describe-network-acls --network-acl-ids $(wirelab id network_acl.app)
  wirelab id eni-3f57f65c4b451b5f6        whose is it?

")]
pub(crate) struct Arguments {
    /// Names (`route_table.private`, or `private` where one resource has it), or ids
    #[arg(value_name = "NAME|ID")]
    words: Vec<String>,
    /// List only this kind: `subnet`, `network_interface`
    #[arg(long, value_name = "KIND", conflicts_with = "words")]
    kind: Option<String>,
    #[command(flatten)]
    json: Json,
}

use std::collections::BTreeSet;

use serde::Serialize;
use wirelab_scenario::Names;
use wirelab_session::Nameless;

use crate::failure::{Code, Failure};
use crate::{folder, output};

#[derive(Clone, Serialize)]
struct Resource {
    /// `instance.web`; of what no name means alone, the kind, and the `Name` tag in quotes.
    name: String,
    id: String,
}

#[derive(Serialize)]
struct Resources {
    resources: Vec<Resource>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let session = folder::open()?;
    let (names, nameless) = (session.names(), session.nameless());
    let found = match &arguments.words[..] {
        [] => all(&names, &nameless, arguments.kind.as_deref())?,
        words => {
            let found = words.iter().map(|word| find(&names, &nameless, word));
            found.collect::<Result<Vec<_>, _>>()?
        }
    };
    if arguments.json.json {
        output::json(&Resources { resources: found })?;
        return Ok(Code::Passed);
    }
    let wide = found.iter().map(|it| it.name.len()).max().unwrap_or(0);
    let line = |(at, it): (usize, &Resource)| match arguments.words.get(at) {
        Some(word) if *word == it.id => format!("{}\n", it.name),
        Some(_) => format!("{}\n", it.id),
        None => format!("{:<wide$}  {}\n", it.name, it.id),
    };
    let lines = found.iter().enumerate().map(line);
    output::text(&lines.collect::<String>())?;
    Ok(Code::Passed)
}

/// Everything, by kind and name; what has no name comes last.
fn all(names: &Names, nameless: &[Nameless], kind: Option<&str>) -> Result<Vec<Resource>, Failure> {
    let of_kind = |its: &str| kind.is_none_or(|it| it.trim_end_matches('s') == its);
    let with_name = named(names).filter(|it| of_kind(kind_of(&it.name)));
    let without = nameless.iter().filter(|it| of_kind(&it.kind)).map(shown);
    let found: Vec<_> = with_name.chain(without).collect();
    if found.is_empty()
        && let Some(kind) = kind
    {
        let named: Vec<_> = named(names).collect();
        let kinds = named.iter().map(|it| kind_of(&it.name));
        let kinds: BTreeSet<&str> = kinds.chain(nameless.iter().map(|it| &*it.kind)).collect();
        let kinds: Vec<&str> = kinds.into_iter().collect();
        return Err(
            Failure::usage(format!("nothing here is of the kind `{kind}`"))
                .did_you_mean(kind, &kinds)
                .hint(format!("there are: {}", kinds.join(", "))),
        );
    }
    Ok(found)
}

fn named(names: &Names) -> impl Iterator<Item = Resource> {
    names.iter().map(|(name, id)| Resource {
        name: name.to_owned(),
        id: id.to_string(),
    })
}

fn kind_of(name: &str) -> &str {
    name.split_once('.').map_or(name, |(kind, _)| kind)
}

fn shown(it: &Nameless) -> Resource {
    Resource {
        name: match &it.tag {
            Some(tag) => format!("{} \"{tag}\"", it.kind),
            None => it.kind.clone(),
        },
        id: it.id.clone(),
    }
}

/// What a word means: an id, a whole name, or the last part of one.
fn find(names: &Names, nameless: &[Nameless], word: &str) -> Result<Resource, Failure> {
    if let Some(mut it) = named(names).find(|it| it.id == word) {
        // The name that it is printed with everywhere.
        it.name = names.name_of(word).unwrap_or(&it.name).to_owned();
        return Ok(it);
    }
    if let Some(it) = nameless.iter().find(|it| it.id == word) {
        return Ok(shown(it));
    }
    if let Some(it) = named(names).find(|it| it.name == word) {
        return Ok(it);
    }
    let short = |it: &Resource| it.name.split_once('.').is_some_and(|(_, it)| it == word);
    let mut found: Vec<_> = named(names).filter(short).collect();
    if found.len() > 1 {
        let several: Vec<_> = found.iter().map(|it| &*it.name).collect();
        return Err(Failure::usage(format!(
            "`{word}` may be any of: {}",
            several.join(", ")
        )));
    }
    if let Some(it) = found.pop() {
        return Ok(it);
    }
    let is_called = |it: &&Nameless| {
        let tag = it.tag.as_deref();
        tag == Some(word) || tag.is_some_and(|tag| format!("{}.{tag}", it.kind) == word)
    };
    match &nameless.iter().filter(is_called).collect::<Vec<_>>()[..] {
        [] => Err(unknown(names, word)),
        [one] => Ok(shown(one)),
        several => {
            let ids: Vec<_> = several.iter().map(|it| &*it.id).collect();
            Err(Failure::usage(format!(
                "{} resources have the Name tag `{word}`: {}",
                ids.len(),
                ids.join(", ")
            )))
        }
    }
}

fn unknown(names: &Names, word: &str) -> Failure {
    let known: Vec<_> = named(names).map(|it| it.name).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let is_id = word
        .rsplit_once('-')
        .is_some_and(|(_, digits)| digits.len() >= 8);
    let what = if is_id {
        "nothing has the id"
    } else {
        "nothing is called"
    };
    Failure::usage(format!("{what} `{word}`"))
        .did_you_mean(word, &known)
        .hint("`wirelab id` lists what there is")
}
