//! The boolean skeleton of an expression.
pub(crate) fn lints(_: &str, _: crate::LinkType) -> Vec<crate::Lint> {
    Vec::new()
}
