//! Access keys: which account a key is of.
//!
//! A key id is its account's, not a session's: it is made from the account's id alone and read back
//! from, so that any process that serves a session knows every key without a file. The form is
//! AWS's own, in which the account is 40 bits of the base-32 digits; `GetAccessKeyInfo` and the
//! scripts that decode key ids find the account.
//!
//! For people who type, an account's 12 digits or its name in the scenario are key ids too:
//! `AWS_ACCESS_KEY_ID=partner aws ec2 describe-vpcs`.

use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use crate::identity::Identity;

/// RFC 4648, section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A pair of an id and a secret, as `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` take them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// `AKIA` or `ASIA` and 16 base-32 digits.
    pub id: String,
    /// 40 characters.
    pub secret: String,
}

impl AccessKey {
    /// The long-lived key of the learner in `account`, 12 digits.
    #[must_use]
    pub fn of_account(account: &str) -> Self {
        Self::with_prefix("AKIA", account, "")
    }

    /// The key that a principal signs with, who is called `arn`: the learner's, a role's, or one of
    /// somebody who works in the account while the lab runs.
    pub(crate) fn of_principal(account: &str, arn: &str) -> Self {
        let who = arn.rsplit(':').next().unwrap_or(arn);
        match who.split('/').collect::<Vec<_>>()[..] {
            ["user", "learner"] => Self::of_account(account),
            ["assumed-role", role, session] => {
                let identity = Identity::Role {
                    role: role.into(),
                    session: session.into(),
                };
                Self::temporary(account, &identity.token())
            }
            _ => Self::with_prefix("AKIA", account, arn),
        }
    }

    /// A key that only works with a session token.
    pub(crate) fn temporary(account: &str, token: &str) -> Self {
        Self::with_prefix("ASIA", account, token)
    }

    fn with_prefix(prefix: &str, account: &str, what: &str) -> Self {
        let digest = Sha256::digest(format!("wirelab access key {prefix} {account} {what}"));
        let number: u64 = account.parse().unwrap_or(0);
        // The topmost of 48 bits is set, so that ids do not begin with a row of A.
        let head = (1 << 47) | ((number & ((1 << 40) - 1)) << 7) | u64::from(digest[0] & 0x7f);
        let mut octets = head.to_be_bytes()[2..].to_vec();
        octets.extend(&digest[1..5]);
        let secret: String = digest[8..]
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        Self {
            id: format!("{prefix}{}", base32(&octets)),
            secret: secret[..40].to_owned(),
        }
    }
}

/// Whether a key id has AWS's form, rather than being an account's digits or name.
pub(crate) fn has_form(id: &str) -> bool {
    id.len() == 20 && (id.starts_with("AKIA") || id.starts_with("ASIA"))
}

/// Whether a key id only works with a session token.
pub(crate) fn is_temporary(id: &str) -> bool {
    id.starts_with("ASIA")
}

/// The account that a key id names: in its digits if it has AWS's form, else as it stands.
pub(crate) fn account_of(id: &str) -> SmolStr {
    let digits = id.strip_prefix("AKIA").or_else(|| id.strip_prefix("ASIA"));
    let Some(octets) = digits.filter(|it| it.len() == 16).and_then(unbase32) else {
        return id.into();
    };
    let mut head = [0; 8];
    head[2..].copy_from_slice(&octets[..6]);
    let number = (u64::from_be_bytes(head) >> 7) & ((1 << 40) - 1);
    format!("{number:012}").into()
}

/// A principal's unique id: `AIDA` for a user, `AROA` for a role, and 17 digits of the ARN's hash.
pub(crate) fn unique_id(prefix: &str, arn: &str) -> String {
    let digest = Sha256::digest(format!("wirelab unique id {arn}"));
    format!("{prefix}{}", &base32(&digest[..15])[..17])
}

fn base32(octets: &[u8]) -> String {
    let bits = octets
        .iter()
        .flat_map(|octet| (0..8).rev().map(move |bit| (octet >> bit) & 1));
    let bits: Vec<u8> = bits.collect();
    let digits = bits.chunks(5).map(|five| {
        let value = five
            .iter()
            .fold(0, |value, bit| value << 1 | usize::from(*bit));
        char::from(BASE32[value << (5 - five.len())])
    });
    digits.collect()
}

fn unbase32(text: &str) -> Option<Vec<u8>> {
    let mut bits = Vec::new();
    for digit in text.bytes() {
        let value = BASE32.iter().position(|it| *it == digit)?;
        bits.extend((0..5).rev().map(|bit| (value >> bit) & 1));
    }
    let octet = |eight: &[usize]| {
        eight
            .iter()
            .fold(0_u8, |value, bit| value << 1 | *bit as u8)
    };
    Some(bits.chunks_exact(8).map(octet).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_back_to_its_account() {
        for account in ["123456789012", "000000000001", "999999999999"] {
            let long = AccessKey::of_account(account);
            let short = AccessKey::temporary(account, "a token");
            assert_eq!((long.id.len(), long.secret.len()), (20, 40));
            assert_eq!(account_of(&long.id), account);
            assert_eq!(account_of(&short.id), account);
            assert_ne!(long.id[4..], short.id[4..]);
        }
    }

    /// The key of a published worked example of the encoding, and its account.
    #[test]
    fn the_form_is_awss() {
        assert_eq!(account_of("ASIAQNZGKIQY56JQ7WML"), "029608264753");
        assert_eq!(account_of("partner"), "partner");
        assert_eq!(account_of("AKIA12"), "AKIA12");
    }
}
