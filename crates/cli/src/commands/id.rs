//! `wirelab id`: which id a name stands for, and whose an id is.

use crate::args::{Json, TEMPLATE};

/// Say which id a name stands for, and what an id is called; without any, list everything
///
/// Ids differ from seed to seed, names do not. `wirelab call` takes names; `aws` wants ids.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab id                              every resource with a name
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

use serde::Serialize;
use wirelab_scenario::Names;

use crate::failure::{Code, Failure};
use crate::{folder, output};

#[derive(Serialize)]
struct Resource<'n> {
    name: &'n str,
    id: &'n str,
}

#[derive(Serialize)]
struct Resources<'n> {
    resources: Vec<Resource<'n>>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let session = folder::open()?;
    let names = session.names();
    let found = match &arguments.words[..] {
        [] => all(&names, arguments.kind.as_deref())?,
        words => {
            let found = words.iter().map(|word| find(&names, word));
            found.collect::<Result<_, _>>()?
        }
    };
    if arguments.json.json {
        output::json(&Resources { resources: found })?;
        return Ok(Code::Passed);
    }
    let wide = found.iter().map(|it| it.name.len()).max().unwrap_or(0);
    let line = |(at, it): (usize, &Resource<'_>)| match arguments.words.get(at) {
        Some(word) if word == it.id => format!("{}\n", it.name),
        Some(_) => format!("{}\n", it.id),
        None => format!("{:<wide$}  {}\n", it.name, it.id),
    };
    let lines = found.iter().enumerate().map(line);
    output::text(&lines.collect::<String>())?;
    Ok(Code::Passed)
}

/// Everything that has a name, by kind and name.
fn all<'n>(names: &'n Names, kind: Option<&str>) -> Result<Vec<Resource<'n>>, Failure> {
    let of_kind = |name: &str| {
        let its = name.split_once('.').map_or(name, |(kind, _)| kind);
        kind.is_none_or(|it| it.trim_end_matches('s') == its)
    };
    let found: Vec<_> = named(names).filter(|it| of_kind(it.name)).collect();
    if found.is_empty()
        && let Some(kind) = kind
    {
        let kinds = named(names).filter_map(|it| Some(it.name.split_once('.')?.0));
        let mut kinds: Vec<&str> = kinds.collect();
        kinds.dedup();
        return Err(
            Failure::usage(format!("nothing here is of the kind `{kind}`"))
                .did_you_mean(kind, &kinds)
                .hint(format!("there are: {}", kinds.join(", "))),
        );
    }
    Ok(found)
}

fn named(names: &Names) -> impl Iterator<Item = Resource<'_>> {
    names.iter().map(|(name, id)| Resource { name, id })
}

/// What a word means: an id, a whole name, or the last part of one.
fn find<'n>(names: &'n Names, word: &str) -> Result<Resource<'n>, Failure> {
    if let Some(it) = named(names).find(|it| it.id == word) {
        // The name that it is printed with everywhere.
        let name = names.name_of(it.id).unwrap_or(it.name);
        return Ok(Resource { name, id: it.id });
    }
    if let Some(it) = named(names).find(|it| it.name == word) {
        return Ok(it);
    }
    let short = |it: &Resource<'_>| it.name.split_once('.').is_some_and(|(_, it)| it == word);
    let mut found: Vec<_> = named(names).filter(short).collect();
    if found.len() > 1 {
        let several: Vec<_> = found.iter().map(|it| it.name).collect();
        return Err(Failure::usage(format!(
            "`{word}` may be any of: {}",
            several.join(", ")
        )));
    }
    let known: Vec<&str> = named(names).map(|it| it.name).collect();
    found.pop().ok_or_else(|| {
        let is_id = word
            .rsplit_once('-')
            .is_some_and(|(_, digits)| digits.len() >= 8);
        let what = if is_id {
            "nothing with a name has the id"
        } else {
            "nothing is called"
        };
        Failure::usage(format!("{what} `{word}`"))
            .did_you_mean(word, &known)
            .hint("`wirelab id` lists what there is")
    })
}
