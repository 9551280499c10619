//! Queries that everybody needs sooner or later, in both languages.

/// A saved query; its text begins with a comment that says what it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// What it is called: `top-talkers`.
    pub name: &'static str,
    /// In Logs Insights QL.
    pub insights: &'static str,
    /// In Athena SQL, over a table `flow_logs`.
    pub sql: &'static str,
}

impl SavedQuery {
    /// The saved query of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        SAVED_QUERIES.iter().find(|it| it.name == name)
    }

    /// What it answers, in one line.
    #[must_use]
    pub fn about(&self) -> String {
        let comment = self.insights.lines().map_while(|it| it.strip_prefix('#'));
        comment.map(str::trim).collect::<Vec<_>>().join(" ")
    }
}

macro_rules! saved {
    ($($name:literal),* $(,)?) => {
        &[$(SavedQuery {
            name: $name,
            insights: include_str!(concat!("../saved/", $name, ".insights")),
            sql: include_str!(concat!("../saved/", $name, ".sql")),
        }),*]
    };
}

/// All of them, in the order in which an investigation asks.
pub const SAVED_QUERIES: &[SavedQuery] = saved![
    "accepted-and-refused",
    "why-is-it-blocked",
    "rejects-over-time",
    "top-talkers",
    "excessive-traffic",
    "who-uses-the-database",
    "blocked-ssh",
    "port-scan",
    "no-data",
];
