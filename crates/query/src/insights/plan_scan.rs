//! What of a condition the scan of a file settles on the text of a line, before a value is copied.
//!
//! The language's comparisons are functions of our own, into which a scan cannot look. Where one
//! means just what DataFusion's means, the condition is said a second time in its words:
//! `action = "REJECT" and dstPort = 22` becomes `c3 = 'REJECT' AND condition(...)`, and the scan
//! drops nineteen lines of twenty after a look at one field.

use datafusion::logical_expr::{Expr as DfExpr, ident, lit};

use super::ast::{Comparison, Expr, ExprKind};
use super::plan::Planner;
use super::value::parse_number;
use crate::ColumnKind;

impl Planner<'_> {
    /// Over a plan that reads files.
    pub(super) fn reading_files(mut self) -> Self {
        self.reads_files = true;
        self
    }

    /// A condition that holds wherever `condition` does, of comparisons that a scan understands.
    pub(super) fn told_to_scans(&self, condition: &Expr) -> Option<DfExpr> {
        if !self.reads_files || !self.events {
            return None;
        }
        match &condition.kind {
            ExprKind::And(parts) => {
                let parts = parts.iter().filter_map(|part| self.told_to_scans(part));
                parts.reduce(DfExpr::and)
            }
            ExprKind::Or(parts) => {
                let parts = parts.iter().map(|part| self.told_to_scans(part));
                let parts: Option<Vec<DfExpr>> = parts.collect();
                parts?.into_iter().reduce(DfExpr::or)
            }
            ExprKind::Compare(Comparison::Equal, left, right) => self
                .is_text(left, right)
                .or_else(|| self.is_text(right, left)),
            ExprKind::In { value, list } => {
                let equal = list.iter().map(|element| self.is_text(value, element));
                let equal: Option<Vec<DfExpr>> = equal.collect();
                equal?.into_iter().reduce(DfExpr::or)
            }
            _ => None,
        }
    }

    /// `field = 'text'`; text that is a number equals other texts as well.
    fn is_text(&self, field: &Expr, text: &Expr) -> Option<DfExpr> {
        let (ExprKind::Field(name), ExprKind::Text(text)) = (&field.kind, &text.kind) else {
            return None;
        };
        let slot = self.find(name)?;
        let as_text = slot.kind == ColumnKind::Text && parse_number(text).is_none();
        as_text.then(|| ident(&slot.column).eq(lit(text)))
    }

    /// A condition that is the same for every event is never meant.
    pub(super) fn doubt_constant(&mut self, condition: &Expr) {
        let (message, hint) = match &condition.kind {
            ExprKind::Text(_) => (
                "a text is no condition: no event passes",
                "`filter @message like \"text\"` looks for it in the event",
            ),
            _ => {
                let mut reads = false;
                condition.walk(&mut |expr| {
                    reads |= matches!(expr.kind, ExprKind::Field(_) | ExprKind::Call { .. });
                });
                if reads {
                    return;
                }
                (
                    "the condition reads no field: it is the same for every event",
                    "compare a field: `filter dstPort = 22`",
                )
            }
        };
        self.warn(condition.span, message, Some(hint));
    }
}
