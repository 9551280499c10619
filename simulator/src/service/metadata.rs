//! The instance metadata service (EC2 User Guide, "Use IMDS", "How IMDSv2 works").
//!
//! | request | answer |
//! | --- | --- |
//! | anything, the endpoint disabled | 403 |
//! | PUT of a token: no TTL header, or one beyond 1 to 21600 | 400 |
//! | PUT of a token with `X-Forwarded-For`, or below another version than `latest` | 403 |
//! | GET with a token that is unknown or has expired | 401 |
//! | GET without one where tokens are required | 401 |
//! | GET of an item that does not exist | 404 |
//! | other methods | 405 |
//! | more than 100 requests in a second | 503 (the number is ours: AWS does not tell it) |
//!
//! The answer to a PUT bears the instance's hop limit as its TTL, and no other answer does: behind
//! a router on the machine, such as a container's bridge, it never arrives, and the client waits.

mod tree;

use serde::{Deserialize, Serialize};
use wirelab_model::{HttpTokens, Instance, SimDuration, SimTime};

use super::Context;
use super::http::{Request, Response};

/// Longest life of a token in seconds: six hours.
const TTL_MAX: u64 = 21_600;
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
/// Requests in a second beyond which an instance is throttled (ours).
const RATE: u32 = 100;
/// Tokens that are kept; the oldest go first (ours).
const TOKENS: usize = 64;

/// What the service of one instance remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Metadata {
    tokens: Vec<Token>,
    second: SimTime,
    requests: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Token {
    text: String,
    expires: SimTime,
}

impl Metadata {
    /// The answer to a request of the instance's machine, at the IPv6 address or the other one.
    /// `word` is random.
    pub(super) fn answer(
        &mut self,
        instance: &Instance,
        ipv6: bool,
        request: &Request,
        word: u64,
        context: Context<'_>,
    ) -> Response {
        let options = instance.metadata_options;
        let now = context.now;
        if request.broken {
            return Response::empty(400);
        }
        if !options.http_endpoint || (ipv6 && !options.http_protocol_ipv6) {
            return Response::empty(403);
        }
        if self.is_throttled(now) {
            return Response::empty(503);
        }
        match request.method.as_str() {
            "PUT" => self.put(request, word, now),
            "GET" | "HEAD" => {
                let token = request.header(TOKEN_HEADER);
                let admitted = match token {
                    Some(token) => self.is_valid(&token, now),
                    None => options.http_tokens == HttpTokens::Optional,
                };
                if !admitted {
                    return Response::empty(401);
                }
                tree::get(&request.path, instance, context)
                    .map_or_else(|| Response::empty(404), Response::text)
            }
            _ => Response::empty(405),
        }
    }

    fn is_throttled(&mut self, now: SimTime) -> bool {
        if self.requests == 0 || now.since(self.second) >= SimDuration::from_secs(1) {
            self.second = now;
            self.requests = 0;
        }
        self.requests += 1;
        self.requests > RATE
    }

    fn is_valid(&self, token: &str, now: SimTime) -> bool {
        let mut tokens = self.tokens.iter();
        tokens.any(|it| it.text == token && it.expires > now)
    }

    fn put(&mut self, request: &Request, word: u64, now: SimTime) -> Response {
        let Some(version) = request.path.strip_suffix("/api/token") else {
            return Response::empty(405);
        };
        if version != "/latest" || request.header("x-forwarded-for").is_some() {
            return Response::empty(403);
        }
        let wanted = request.header(TTL_HEADER);
        let seconds = wanted.and_then(|it| it.parse().ok());
        let Some(seconds) = seconds.filter(|it| (1..=TTL_MAX).contains(it)) else {
            return Response::empty(400);
        };
        self.tokens.retain(|it| it.expires > now);
        if self.tokens.len() >= TOKENS {
            self.tokens.remove(0);
        }
        let text = token_text(word, self.tokens.len() as u64);
        self.tokens.push(Token {
            text: text.clone(),
            expires: now + SimDuration::from_secs(seconds),
        });
        Response::text(text)
            .with_header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", seconds.to_string())
    }
}

/// 56 characters, the first of which are always the same, as EC2's tokens look.
fn token_text(word: u64, salt: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = word ^ salt.rotate_left(32);
    let mut text = "AQAEA".to_owned();
    while text.len() < 54 {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        text.push(char::from(LETTERS[(mixed >> 58) as usize]));
    }
    text + "=="
}
