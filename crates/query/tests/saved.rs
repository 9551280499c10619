//! The saved queries answer, over records that have something for each of them.

use crate::support;
use wirelab_query::SAVED_QUERIES;

#[test]
fn each_is_understood_and_says_what_it_answers() {
    for saved in SAVED_QUERIES {
        let result = support::ask(saved.insights);
        let result = result.unwrap_or_else(|error| panic!("{}: {}", saved.name, error.report()));
        assert!(
            result.warnings.is_empty(),
            "{}: {:?}",
            saved.name,
            result.warnings
        );
        assert!(saved.about().len() > 10, "{}", saved.name);
        assert!(saved.sql.starts_with("-- "), "{}", saved.name);
    }
}
