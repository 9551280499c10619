//! Size budgets: a function fits a screen, a file has one subject, a line fits beside another.
//! Lines with a text between quotes may be longer, since a message broken in two cannot be searched
//! for, and so may rows of tables in comments, which cannot be broken at all. In test files, which
//! hold whole inputs and outputs, only functions are measured.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::Visit;

use crate::exceptions::{self, Budget};
use crate::source::{Source, is_cfg_test};

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 600;
const LINE_COLUMNS: usize = 100;

pub(crate) fn violations(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        long_functions(source, &mut found);
        long_file(source, &mut found);
        long_lines(source, &mut found);
    }
    exceptions::apply(&found)
}

fn long_functions(source: &Source, found: &mut Vec<Budget>) {
    let mut functions = Functions::default();
    functions.visit_file(&source.syntax);
    for (name, lines) in functions.0 {
        if lines > FUNCTION_LINES {
            found.push(Budget::new(&source.path, &name, lines, FUNCTION_LINES));
        }
    }
}

fn long_file(source: &Source, found: &mut Vec<Budget>) {
    let tests: usize = source
        .syntax
        .items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Mod(module) if is_cfg_test(&module.attrs) => Some(lines(module.span())),
            _ => None,
        })
        .sum();
    let shipped = source.text.lines().count() - tests;
    if shipped > FILE_LINES && !source.is_test() {
        found.push(Budget::new(&source.path, "(file)", shipped, FILE_LINES));
    }
}

fn long_lines(source: &Source, found: &mut Vec<Budget>) {
    for (index, line) in source.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > LINE_COLUMNS && !source.is_test() && !may_be_long(line) {
            let place = format!("(line {})", index + 1);
            found.push(Budget::new(&source.path, &place, columns, LINE_COLUMNS));
        }
    }
}

/// A text between quotes, or a row of a table in a comment.
fn may_be_long(line: &str) -> bool {
    let comment = line.trim_start().trim_start_matches(['/', '!']);
    line.contains('"') || comment.trim_start().starts_with('|')
}

/// Name and length of every function, test or not, nested ones counted in their parents too.
#[derive(Default)]
struct Functions(Vec<(String, usize)>);

impl Functions {
    fn add(&mut self, name: &syn::Ident, block: &syn::Block) {
        self.0.push((name.to_string(), lines(block.span())));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig.ident, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig.ident, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }
}

fn lines(span: Span) -> usize {
    span.end().line - span.start().line + 1
}
