//! `labs/course.toml`: in which order the labs are best taken.
//!
//! Parts have titles and name their labs. A lab that no part names is not lost: it comes after all
//! others. Content without the file (somebody's own labs) is one part, sorted by name.

use std::path::Path;
use std::sync::Arc;

use crate::error::{ContentErrors, Source};
use crate::fields::{Fields, Sink};
use crate::lab::read::format;
use crate::node;

/// The order of a folder of labs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CourseOrder {
    /// Its parts, in order.
    pub parts: Vec<CoursePart>,
}

/// Labs that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoursePart {
    /// What lists print above them; empty for labs that no part names.
    pub title: String,
    /// Their names, in order.
    pub labs: Vec<String>,
}

impl CourseOrder {
    /// The order of `labs`, which are in the folder `dir`: by its `course.toml`, if it has one.
    ///
    /// # Errors
    /// Mistakes in the file; a lab in it that is not there, or twice.
    pub fn load(dir: &Path, labs: &[String]) -> Result<Self, ContentErrors> {
        let path = dir.join("course.toml");
        if path.is_file() {
            Self::parse(&Source::read(&path)?, labs)
        } else {
            Ok(Self::default().with_others(labs))
        }
    }

    /// The same of a text that stands for the file.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn parse(source: &Arc<Source>, labs: &[String]) -> Result<Self, ContentErrors> {
        Ok(read(source, labs)?.with_others(labs))
    }

    fn with_others(mut self, labs: &[String]) -> Self {
        let named: Vec<&str> = self.labs().collect();
        let others = labs.iter().filter(|lab| !named.contains(&lab.as_str()));
        let others: Vec<String> = others.cloned().collect();
        if !others.is_empty() {
            self.parts.push(CoursePart {
                title: String::new(),
                labs: others,
            });
        }
        self
    }

    /// Every lab, in order.
    pub fn labs(&self) -> impl Iterator<Item = &str> {
        let all = self.parts.iter().flat_map(|part| &part.labs);
        all.map(String::as_str)
    }
}

fn read(source: &Arc<Source>, known: &[String]) -> Result<CourseOrder, ContentErrors> {
    let table = node::parse(source)?;
    let sink = Sink::new(source);
    let start = 0..0;
    let fields = Fields::new(&table, &start, "course.toml", &sink);
    format(&fields);
    let mut seen = Vec::new();
    let tables = fields.tables("part");
    let parts = tables.iter().filter_map(|part| {
        let title = part.required_text("title")?.text;
        let mut labs = Vec::new();
        for lab in part.texts("labs") {
            if !known.contains(&lab.text) {
                let message = format!("there is no lab `{}`", lab.text);
                sink.error(&lab.span, message);
            } else if seen.contains(&lab.text) {
                let message = format!("`{}` stands here a second time", lab.text);
                sink.error(&lab.span, message);
            }
            seen.push(lab.text.clone());
            labs.push(lab.text);
        }
        part.finish();
        Some(CoursePart { title, labs })
    });
    let order = CourseOrder {
        parts: parts.collect(),
    };
    fields.finish();
    sink.finish(Some(order))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<CourseOrder, String> {
        let labs = ["a", "b", "c"].map(String::from);
        let source = Source::new("course.toml", text);
        CourseOrder::parse(&source, &labs).map_err(|errors| errors.to_string())
    }

    #[test]
    fn parts_come_in_their_order_and_a_lab_that_none_names_comes_last() {
        let text = "format = 1\n[[part]]\ntitle = \"One\"\nlabs = [\"c\", \"a\"]\n";
        let order = load(text).expect("a good file");
        assert_eq!(order.labs().collect::<Vec<_>>(), ["c", "a", "b"]);
        assert_eq!(order.parts[1].title, "");
        let none = CourseOrder::load(Path::new("nowhere"), &["b".to_owned()]);
        assert_eq!(none.expect("no file is no mistake").parts.len(), 1);
    }

    #[test]
    fn a_lab_that_is_not_there_or_twice_is_a_mistake_with_its_place() {
        let text = "format = 1\n[[part]]\ntitle = \"One\"\nlabs = [\"a\", \"x\", \"a\"]\n";
        let errors = load(text).expect_err("two mistakes");
        assert!(errors.contains("there is no lab `x`"), "{errors}");
        assert!(errors.contains("`a` stands here a second time"), "{errors}");
        assert!(errors.contains("course.toml:4"), "{errors}");
    }
}
