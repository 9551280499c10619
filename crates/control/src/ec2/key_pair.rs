//! Key pairs (Amazon EC2 API Reference: `CreateKeyPair`, `ImportKeyPair`, `DescribeKeyPairs`,
//! `DeleteKeyPair`; EC2 User Guide, "Verify the fingerprint of your key pair").
//!
//! A pair that is made is a real one: `ssh-keygen -y` reads it, and its fingerprint is what
//! `openssl` says. Like an id it follows from the scenario's seed and the call alone, so that a
//! replay gives the same; it protects nothing. Made and imported are RSA and ED25519 pairs.

mod material;

use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply, Tag, UnixTime};

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::error;
use crate::realm::Realm;
use crate::transaction::Transaction;
use crate::view::{one, tags};
use material::Public;

/// The key pairs of all accounts and Regions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeyPairs(BTreeMap<Realm, BTreeMap<SmolStr, KeyPair>>);

/// A pair, of which the service keeps the public half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyPair {
    id: SmolStr,
    name: SmolStr,
    key_type: KeyType,
    fingerprint: SmolStr,
    /// As OpenSSH writes it.
    public_key: SmolStr,
    created: UnixTime,
    tags: Vec<Tag>,
}

impl KeyPair {
    fn new(
        (id, name): (SmolStr, SmolStr),
        public: Public,
        created: UnixTime,
        tags: Vec<Tag>,
    ) -> Self {
        Self {
            id,
            name,
            key_type: public.key_type,
            fingerprint: public.fingerprint,
            public_key: public.line,
            created,
            tags,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyType {
    #[default]
    Rsa,
    Ed25519,
}

impl KeyType {
    const fn word(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }
}

impl KeyPairs {
    /// What ids of key pairs begin with.
    pub(crate) const PREFIX: &'static str = "key";
    /// What they are in tag specifications.
    pub(crate) const TAG_TYPE: &'static str = "key-pair";

    fn of(&self, realm: &Realm) -> impl Iterator<Item = &KeyPair> {
        self.0.get(realm).into_iter().flat_map(BTreeMap::values)
    }

    /// Ids and tags of a realm's.
    pub(crate) fn all_tags(&self, realm: &Realm) -> impl Iterator<Item = (&str, &[Tag])> {
        self.of(realm)
            .map(|it| (it.id.as_str(), it.tags.as_slice()))
    }

    /// The tags of the pair with this id.
    pub(crate) fn tags_mut(&mut self, realm: &Realm, id: &str) -> Option<&mut Vec<Tag>> {
        let mut all = self.0.get_mut(realm)?.values_mut();
        all.find(|it| it.id == id).map(|it| &mut it.tags)
    }
}

/// Refuses a name that no pair of the caller's has.
pub(crate) fn require(tx: &Transaction<'_>, name: &str) -> Result<(), ApiError> {
    let mut all = tx.state.key_pairs.of(tx.realm());
    match all.any(|it| it.name == name) {
        true => Ok(()),
        false => Err(error::key_pair_not_found(name)),
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeyFormat {
    #[default]
    Pem,
    Ppk,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateKeyPair {
    key_name: SmolStr,
    #[serde(default)]
    key_type: KeyType,
    #[serde(default)]
    key_format: KeyFormat,
}

pub(crate) fn create_key_pair(tx: &mut Transaction<'_>, request: CreateKeyPair) -> Reply {
    check_name(tx, &request.key_name)?;
    if let KeyFormat::Ppk = request.key_format {
        return Err(error::unsupported(
            "wirelab writes key pairs as PEM, which puttygen converts to PPK",
        ));
    }
    let id = SmolStr::new(tx.new_text_id(KeyPairs::PREFIX));
    let tags = tx.tags_of(KeyPairs::TAG_TYPE)?;
    let name = request.key_name;
    let (public, file) = material::make(request.key_type, &name, seed(tx, &id));
    let pair = KeyPair::new((id, name), public, tx.utc(), tags);
    let mut shown = show(&pair);
    shown["KeyMaterial"] = file.into();
    insert(tx, pair);
    Ok(shown)
}

/// What a pair is made from.
fn seed(tx: &Transaction<'_>, id: &str) -> [u8; 32] {
    let mut seed = [0; 32];
    for (at, part) in seed.chunks_mut(8).enumerate() {
        let bits = tx.bits("key-pair", &format!("{id}/{at}"));
        part.copy_from_slice(&bits.to_be_bytes());
    }
    seed
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ImportKeyPair {
    key_name: SmolStr,
    /// In base64, as all octets in requests.
    public_key_material: SmolStr,
}

pub(crate) fn import_key_pair(tx: &mut Transaction<'_>, request: ImportKeyPair) -> Reply {
    check_name(tx, &request.key_name)?;
    let text = base64_octets(&request.public_key_material);
    let text = text.and_then(|octets| String::from_utf8(octets).ok());
    let public = text.and_then(|text| material::read(&text, &request.key_name));
    let public = public.ok_or_else(error::key_format)?;
    let id = SmolStr::new(tx.new_text_id(KeyPairs::PREFIX));
    let tags = tx.tags_of(KeyPairs::TAG_TYPE)?;
    let pair = KeyPair::new((id, request.key_name), public, tx.utc(), tags);
    let shown = show(&pair);
    insert(tx, pair);
    Ok(shown)
}

/// Octets of base64 text, white space apart; padding may be there or not.
fn base64_octets(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        NO_PAD.with_decode_allow_trailing_bits(true),
    );
    let letters = text.bytes().filter(|it| !it.is_ascii_whitespace());
    let letters: Vec<_> = letters.take_while(|it| *it != b'=').collect();
    LENIENT.decode(letters).ok()
}

fn check_name(tx: &Transaction<'_>, name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.len() > 255 || !name.is_ascii() {
        return Err(error::invalid_value(
            name,
            "KeyName",
            "1 to 255 ASCII characters",
        ));
    }
    match require(tx, name) {
        Ok(()) => Err(error::key_pair_exists(name)),
        Err(_) => Ok(()),
    }
}

fn insert(tx: &mut Transaction<'_>, pair: KeyPair) {
    let realm = tx.realm().clone();
    let all = std::sync::Arc::make_mut(&mut tx.state.key_pairs);
    let own = all.0.entry(realm).or_default();
    own.insert(pair.name.clone(), pair);
}

fn show(pair: &KeyPair) -> Value {
    json!({
        "KeyPairId": pair.id,
        "KeyName": pair.name,
        "KeyFingerprint": pair.fingerprint,
        "Tags": tags(&pair.tags),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeKeyPairs {
    #[serde(default)]
    key_names: Vec<SmolStr>,
    #[serde(default)]
    key_pair_ids: Vec<SmolStr>,
    #[serde(default)]
    include_public_key: bool,
}

const FIELDS: &[Field<KeyPair>] = &[
    ("key-pair-id", |it, _| one(&it.id)),
    ("key-name", |it, _| one(&it.name)),
    ("key-type", |it, _| one(it.key_type.word())),
    ("fingerprint", |it, _| one(&it.fingerprint)),
];

pub(crate) fn describe_key_pairs(reader: &Reader<'_>, request: DescribeKeyPairs) -> Reply {
    reader.check_filters(FIELDS)?;
    let all: Vec<_> = reader.state.key_pairs.of(reader.realm()).collect();
    for name in &request.key_names {
        if !all.iter().any(|it| it.name == *name) {
            return Err(error::key_pair_not_found(name));
        }
    }
    for id in &request.key_pair_ids {
        if !all.iter().any(|it| it.id == *id) {
            return Err(error::key_pair_not_found(id));
        }
    }
    let any = request.key_names.is_empty() && request.key_pair_ids.is_empty();
    let mut shown = Vec::new();
    for pair in all {
        let named = request.key_names.contains(&pair.name);
        let asked = any || named || request.key_pair_ids.contains(&pair.id);
        if asked && reader.passes(pair, &pair.tags, FIELDS)? {
            let mut it = show(pair);
            it["KeyType"] = pair.key_type.word().into();
            it["CreateTime"] = json!(iso8601(pair.created));
            if request.include_public_key {
                it["PublicKey"] = json!(pair.public_key);
            }
            shown.push(it);
        }
    }
    Ok(json!({ "KeyPairs": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteKeyPair {
    key_name: Option<SmolStr>,
    key_pair_id: Option<SmolStr>,
}

/// A pair that is not there is deleted, too.
pub(crate) fn delete_key_pair(tx: &mut Transaction<'_>, request: DeleteKeyPair) -> Reply {
    if request.key_name.is_none() && request.key_pair_id.is_none() {
        return Err(error::missing_one_of("KeyName, KeyPairId"));
    }
    let meant = |it: &&KeyPair| {
        let by_name = request
            .key_name
            .as_ref()
            .is_none_or(|name| it.name == *name);
        by_name && request.key_pair_id.as_ref().is_none_or(|id| it.id == *id)
    };
    let found = tx.state.key_pairs.of(tx.realm()).find(meant);
    let found = found.map(|it| (it.name.clone(), it.id.clone()));
    let Some((name, id)) = found else {
        return Ok(json!({ "Return": true }));
    };
    let realm = tx.realm().clone();
    let all = std::sync::Arc::make_mut(&mut tx.state.key_pairs);
    all.0.entry(realm).or_default().remove(&name);
    Ok(json!({ "Return": true, "KeyPairId": id }))
}
