//! The keys themselves: made, read and written by the libraries for them.
//!
//! Made from 32 octets that nobody else draws, an RSA pair has 2048 bits and is written as
//! PKCS #1 in PEM; an ED25519 pair is written as OpenSSH does. Fingerprints are those of the EC2
//! User Guide, "Verify the fingerprint of your key pair": of an RSA pair that EC2 has made SHA-1
//! over the private key in PKCS #8, of an imported one MD5 over the public key, and of ED25519
//! SHA-256 over the public key as SSH sends it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, PrivateKey};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use smol_str::SmolStr;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::public::{KeyData, RsaPublicKey};
use ssh_key::{Mpint, PublicKey};

use super::KeyType;

const BITS: usize = 2048;

/// What is kept of a pair.
#[derive(Debug)]
pub(super) struct Public {
    pub(super) key_type: KeyType,
    pub(super) fingerprint: SmolStr,
    /// A line of `authorized_keys` whose comment is the pair's name.
    pub(super) line: SmolStr,
}

/// Makes a pair: what is kept of it, and the private key as a file.
pub(super) fn make(key_type: KeyType, name: &str, seed: [u8; 32]) -> (Public, String) {
    match key_type {
        KeyType::Rsa => make_rsa(name, seed),
        KeyType::Ed25519 => make_ed25519(name, seed),
    }
}

fn make_rsa(name: &str, seed: [u8; 32]) -> (Public, String) {
    let mut numbers = ChaCha20Rng::from_seed(seed);
    let key = PrivateKey::new(&mut numbers, BITS).expect("the numbers never end");
    let octets = |it: &BoxedUint| Mpint::from_positive_bytes(&it.to_be_bytes());
    let public = RsaPublicKey::new(octets(key.e()), octets(key.n()));
    let public = public.expect("neither is negative");
    let pkcs8 = key.to_pkcs8_der().expect("it has two primes");
    let fingerprint = with_colons(&Sha1::digest(pkcs8.as_bytes()));
    let file = key.to_pkcs1_pem(LineEnding::LF);
    let file = file.expect("it has two primes");
    let kept = Public {
        key_type: KeyType::Rsa,
        fingerprint: fingerprint.into(),
        line: line(KeyData::Rsa(public), name),
    };
    (kept, file.trim_end().to_owned())
}

fn make_ed25519(name: &str, seed: [u8; 32]) -> (Public, String) {
    let pair = Ed25519Keypair::from_seed(&seed);
    let key = KeyData::Ed25519(pair.public);
    let private = ssh_key::PrivateKey::new(KeypairData::Ed25519(pair), name);
    let file = private.and_then(|it| it.to_openssh(LineEnding::LF));
    let file = file.expect("it has no passphrase");
    let kept = Public {
        key_type: KeyType::Ed25519,
        fingerprint: of_blob(&key),
        line: line(key, name),
    };
    (kept, file.trim_end().to_owned())
}

/// The pair of a line as OpenSSH writes it (RFC 4253, section 6.6); `None` if it is no such line,
/// or of a type or length that EC2 does not take.
pub(super) fn read(text: &str, name: &str) -> Option<Public> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let key = PublicKey::from_openssh(&words.join(" ")).ok()?;
    let key = key.key_data().clone();
    let (key_type, fingerprint) = match &key {
        KeyData::Rsa(it) => (KeyType::Rsa, of_public(it)?),
        KeyData::Ed25519(_) => (KeyType::Ed25519, of_blob(&key)),
        _ => return None,
    };
    Some(Public {
        key_type,
        fingerprint,
        line: line(key, name),
    })
}

fn of_public(key: &RsaPublicKey) -> Option<SmolStr> {
    let number = |it: &Mpint| it.as_positive_bytes().map(BoxedUint::from_be_slice_vartime);
    let key = rsa::PublicKey::new(number(key.n())?, number(key.e())?).ok()?;
    let info = key.to_public_key_der().ok()?;
    Some(with_colons(&Md5::digest(info.as_bytes())).into())
}

fn of_blob(key: &KeyData) -> SmolStr {
    let blob = PublicKey::from(key.clone()).to_bytes();
    let blob = blob.expect("a key is short");
    STANDARD.encode(Sha256::digest(blob)).into()
}

fn line(key: KeyData, name: &str) -> SmolStr {
    let line = PublicKey::new(key, name).to_openssh();
    line.expect("a key is short").into()
}

/// `ab:cd:...`.
fn with_colons(octets: &[u8]) -> String {
    let all: Vec<_> = octets.iter().map(|it| format!("{it:02x}")).collect();
    all.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: &str = "ssh-rsa \
        AAAAB3NzaC1yc2EAAAADAQABAAAAgQCw5BJb/IJtSL8+w1HRKpPIuT3J5wA+S5CWuvIlmZAU\
        ScE+gz4SOgKyNT+eadjYdixxmK5rogVVQpGmV6KhyhIolttlg9P80g9brFLP7FMFhzVDXzIa\
        1g22fFMntxU8bRSg/3Wlb8x3+hkAvZFEop8znmL3543DVAVjZCc/fTtW4Q== x";
    const ED25519: &str = "ssh-ed25519 \
        AAAAC3NzaC1lZDI1NTE5AAAAIC6QnokuDAh7QBgyfSmToLB/Lg8r1Yp/pFglMmDLdbBL x";

    #[test]
    fn fingerprints_of_imported_keys_are_what_openssl_and_ssh_keygen_say() {
        let rsa = read(RSA, "x").expect("a key");
        assert_eq!(
            rsa.fingerprint,
            "54:00:cc:dc:3d:3f:50:79:b1:a8:49:11:87:15:b5:0e"
        );
        assert_eq!(rsa.line, RSA);
        let other = read(&ED25519.replace(' ', "\t"), "mine").expect("a key");
        assert_eq!(
            other.fingerprint,
            "deyeEpmmSJyLM2mhlxCH6bvGVkLXTZhvHLbLd2DKQIY="
        );
        assert_eq!(other.line, ED25519.replace(" x", " mine"));
        for bad in ["", "ssh-rsa", "ssh-rsa AAAA", &RSA[..90], "ssh-dss AAAA x"] {
            assert!(read(bad, "x").is_none(), "{bad}");
        }
    }

    #[test]
    fn a_pair_that_is_made_reads_back_and_follows_from_its_seed() {
        for key_type in [KeyType::Rsa, KeyType::Ed25519] {
            let (public, file) = make(key_type, "mine", [7; 32]);
            let again = make(key_type, "mine", [7; 32]);
            assert_eq!((&again.0.line, &again.1), (&public.line, &file));
            assert_ne!(make(key_type, "mine", [8; 32]).1, file);
            assert_eq!(read(&public.line, "mine").expect("a key").line, public.line);
            let label = match key_type {
                KeyType::Rsa => "-----BEGIN RSA PRIVATE KEY-----\nMII",
                KeyType::Ed25519 => "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb",
            };
            assert!(file.starts_with(label), "{file}");
        }
    }
}
