//! Filter patterns: what `FilterLogEvents`, metric filters and subscription filters look for.
//!
//! Three languages share the name (Amazon CloudWatch Logs User Guide, "Filter pattern syntax for
//! metric filters, subscription filters, filter log events, and Live Tail"):
//!
//! - terms, `REJECT -"10.0.1.5" ?22 ?23`: words that a message must have, must not have, or must
//!   have one of (`terms`);
//! - fields, `[version, account, eni, src, dst, srcport, dstport="22", ...]`: a message cut at
//!   blanks, and conditions on the pieces (`fields`);
//! - JSON, `{ $.action = "REJECT" && $.bytes > 1000 }` (`object`).
//!
//! `[..., dstport=22, protocol, packets, bytes, start, end, action=REJECT, status]` over the record
//! `2 123456789012 eni-1 10.0.1.5 10.0.2.9 40000 22 6 3 180 1709596800 1709596830 REJECT OK`: the
//! record has fourteen pieces and eight of them have names here, so `...` stands for the first six;
//! the seventh is `22`, the thirteenth `REJECT`, and the event matches, with `$dstport` as `22`.
//!
//! What the guide leaves open is decided so: a term matches whole words, so that `ERROR` is not in
//! `ERRORS` (a `%regular expression%` finds parts of words); beside other terms, `?` terms do not
//! count; a member that is not there satisfies `NOT EXISTS` alone.

mod compare;
mod fields;
mod lex;
mod object;
mod terms;

use std::collections::BTreeMap;

use compare::Regexes;

/// Longest pattern (`FilterPattern` of the service model).
const LONGEST: usize = 1024;

/// A filter pattern, ready to be asked.
#[derive(Clone, Debug)]
pub struct FilterPattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Everything,
    Terms(terms::Terms),
    Fields(fields::Fields),
    Object(object::Object),
}

/// Why a text is no filter pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter pattern: {0}")]
pub struct PatternError(pub(crate) String);

impl PatternError {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// What a pattern has taken out of a message that it matches, by the name that metric filters use:
/// `$dstport`, `$3` for a piece that `...` stands for, `$.user.name`.
pub type Extracted = BTreeMap<String, String>;

impl FilterPattern {
    /// Reads a pattern; an empty one matches everything.
    ///
    /// # Errors
    /// What is no pattern in any of the three languages.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.chars().count() > LONGEST {
            let why = format!("it is longer than {LONGEST} characters");
            return Err(PatternError::new(why));
        }
        let text = text.trim();
        let mut regexes = Regexes::default();
        Ok(Self(match text.chars().next() {
            None => Kind::Everything,
            Some('[') => Kind::Fields(fields::Fields::parse(text, &mut regexes)?),
            Some('{') => Kind::Object(object::Object::parse(text, &mut regexes)?),
            Some(_) => Kind::Terms(terms::Terms::parse(text, &mut regexes)?),
        }))
    }

    /// What the pattern takes out of `message`; `None` if it does not match.
    #[must_use]
    pub fn extract(&self, message: &str) -> Option<Extracted> {
        match &self.0 {
            Kind::Everything => Some(Extracted::new()),
            Kind::Terms(terms) => terms.matches(message).then(Extracted::new),
            Kind::Fields(fields) => fields.extract(message),
            Kind::Object(object) => object.extract(message),
        }
    }

    /// Whether the pattern matches `message`.
    #[must_use]
    pub fn matches(&self, message: &str) -> bool {
        self.extract(message).is_some()
    }

    /// Whether matching messages give a value of that name: see [`Extracted`].
    pub(crate) fn names(&self, name: &str) -> bool {
        match &self.0 {
            Kind::Everything | Kind::Terms(_) => false,
            Kind::Fields(fields) => fields.names(name),
            Kind::Object(object) => object.names(name),
        }
    }

    /// Whether it has a regular expression, of which a log group takes few.
    pub(crate) fn has_regex(&self) -> bool {
        match &self.0 {
            Kind::Everything => false,
            Kind::Terms(terms) => terms.has_regex(),
            Kind::Fields(fields) => fields.has_regex(),
            Kind::Object(object) => object.has_regex(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str =
        "2 123456789012 eni-0a1 10.0.1.5 10.0.2.9 40000 22 6 3 180 1709596800 1709596830 REJECT OK";
    const ACCESS: &str =
        "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534";
    const EVENT: &str = r#"{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"], "objectList": [{"name": "a", "id": 1},
        {"name": "b", "id": 2}], "SomeObject": null, "cluster.name": "c", "ok": true,
        "bandwidth": 50.5}"#;

    fn matches(pattern: &str, message: &str) -> bool {
        let parsed = FilterPattern::parse(pattern);
        parsed.expect(pattern).matches(message)
    }

    #[test]
    fn terms_are_words_that_are_there_or_not() {
        for (pattern, message, expected) in [
            ("", "anything", true),
            ("ERROR", "[ERROR 401] UNAUTHORIZED REQUEST", true),
            ("error", "[ERROR 401] UNAUTHORIZED REQUEST", false),
            ("AUTHORIZED", "[ERROR 401] UNAUTHORIZED REQUEST", false),
            ("%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", true),
            ("ERROR REQUEST", "[ERROR 401] UNAUTHORIZED REQUEST", true),
            ("ERROR ARGUMENTS", "[ERROR 401] UNAUTHORIZED REQUEST", false),
            ("?ERROR ?ARGUMENTS", "[ERROR 401] REQUEST", true),
            ("?WARN ?ARGUMENTS", "[ERROR 401] REQUEST", false),
            ("?WARN ERROR", "[ERROR 401] REQUEST", true),
            ("ERROR -ARGUMENTS", "[ERROR 401] REQUEST", true),
            ("ERROR -REQUEST", "[ERROR 401] REQUEST", false),
            (r#""ERROR 401""#, "[ERROR 401] REQUEST", true),
            (r#""say \"no\"""#, r#"they say "no" again"#, true),
            (r#""10.0.1.5""#, RECORD, true),
            (r#""10.0.1""#, RECORD, true),
            (r#""0.0.1.5""#, RECORD, false),
            (r#"-"10.0.1.5""#, RECORD, false),
            (r"%10\.0\.[12]\.%", RECORD, true),
        ] {
            assert_eq!(matches(pattern, message), expected, "{pattern}: {message}");
        }
    }

    #[test]
    fn fields_are_pieces_between_blanks() {
        for (pattern, message, expected) in [
            (
                r#"[version, account, eni, src, dst, srcport, dstport="22", ...]"#,
                RECORD,
                true,
            ),
            (
                "[v, a, eni, src, dst, sp, dp, protocol, packets, bytes, start, end, act, st]",
                RECORD,
                true,
            ),
            ("[v, a, eni, src, dst]", RECORD, false),
            ("[..., action=ACCEPT, status]", RECORD, false),
            ("[..., action=REJ*, status]", RECORD, true),
            (
                "[v, account, eni, src=10.0.*, ..., bytes>100, start, end, action, status]",
                RECORD,
                true,
            ),
            (
                "[..., bytes>=1000, start, end, action, status]",
                RECORD,
                false,
            ),
            (
                "[..., p=6 || p=17, packets, bytes, start, end, action, status]",
                RECORD,
                true,
            ),
            (
                "[..., p!=6 && p!=17, packets, bytes, start, end, action, status]",
                RECORD,
                false,
            ),
            ("[v, a, eni=%^eni-0a%, ...]", RECORD, true),
            ("[v, a, eni!=%^eni-0a%, ...]", RECORD, false),
            (
                r#"[ip, id, user=frank, time, request="*.html*", status=4*, bytes]"#,
                ACCESS,
                true,
            ),
            (
                "[ip, id, user, time=10/Oct*, request, status, bytes]",
                ACCESS,
                true,
            ),
            ("[]", "", true),
        ] {
            assert_eq!(matches(pattern, message), expected, "{pattern}: {message}");
        }
        let pattern = FilterPattern::parse("[version, ..., action, status]").expect("a pattern");
        let extracted = pattern.extract("2 a b REJECT OK").expect("it matches");
        let expected = [
            ("$2", "a"),
            ("$3", "b"),
            ("$action", "REJECT"),
            ("$status", "OK"),
            ("$version", "2"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(extracted, BTreeMap::from(expected));
    }

    #[test]
    fn objects_are_asked_by_selectors() {
        for (pattern, expected) in [
            (r#"{ $.eventType = "UpdateTrail" }"#, true),
            ("{ $.eventType = Update* }", true),
            ("{ $.eventType = update* }", false),
            ("{ $.sourceIPAddress != 123.123.* }", true),
            (r#"{ $.arrayKey[0] = "value" }"#, true),
            (r#"{ $.arrayKey[5] = "value" }"#, false),
            ("{ $.objectList[1].id = 2 }", true),
            ("{ $.objectList[1].id > 2 || $.ok IS TRUE }", true),
            ("{ $.objectList[1].id > 1 && $.ok IS FALSE }", false),
            (
                "{ ($.objectList[1].id = 7 || $.ok IS TRUE) && $.bandwidth >= 5.05e1 }",
                true,
            ),
            ("{ $.SomeObject IS NULL }", true),
            ("{ $.SomeObject NOT EXISTS }", false),
            ("{ $.Other NOT EXISTS }", true),
            ("{ $.Other IS NULL }", false),
            ("{ $.Other != 1 }", false),
            (r#"{ $.['cluster.name'] = "c" }"#, true),
            (r#"{ $["cluster.name"] = c }"#, true),
            (r"{ $.sourceIPAddress = %1{3}\.% }", true),
            ("{ $.eventType = * }", true),
        ] {
            assert_eq!(matches(pattern, EVENT), expected, "{pattern}");
        }
        assert!(!matches("{ $.a NOT EXISTS }", "no JSON"));
        let pattern = FilterPattern::parse("{ $.bandwidth > 1 && $.ok IS TRUE }");
        let extracted = pattern.expect("a pattern").extract(EVENT);
        let extracted = extracted.expect("it matches");
        assert_eq!(extracted["$.bandwidth"], "50.5");
        assert_eq!(extracted["$.ok"], "true");
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        for (pattern, why) in [
            ("10.0.1.5", "Invalid character(s) in term '10.0.1.5'"),
            ("eni-1", "Invalid character(s) in term 'eni-1'"),
            ("\"open", "no closing"),
            ("%(a)%", "( and )"),
            ("%a", "no closing %"),
            ("[a, b", "no closing ]"),
            ("[a, b=]", "value"),
            ("[a=1 || b=2]", "another field"),
            ("[..., a, ...]", "twice"),
            ("[a>x]", "number"),
            ("{ $.a }", "condition"),
            ("{ a = 1 }", "$"),
            ("{ $.a = 1", "no closing }"),
            ("{ $.a = 1 } x", "behind"),
            ("[a=%x%, b=%y%, c=%z%]", "2 regular expressions"),
        ] {
            let error = FilterPattern::parse(pattern).expect_err(pattern);
            assert!(error.to_string().contains(why), "{pattern}: {error}");
        }
        let deep = format!("{{ {}$.a = 1", "(".repeat(1000));
        FilterPattern::parse(&deep).expect_err("too deep");
        FilterPattern::parse(&"a ".repeat(1000)).expect_err("too long");
    }
}
