//! The grammar of queries: Trino's, as far as it reads data.
//!
//! A parser of our own, for three reasons. What Trino refuses must be refused here with Trino's
//! words and place, and a lenient SQL parser accepts much that Trino does not (`::`, `&`, QUALIFY,
//! LIMIT before OFFSET, `SELECT end`). Trino has forms that lenient parsers lack or read otherwise
//! (`IPADDRESS '…'`, `x -> …`, AT TIME ZONE on any value). And every operator must know its place
//! for the type errors of the plan.

use super::ast::{
    Body, Cte, Expr, Group, Item, JoinKind, On, Order, Path, Query, Relation, Select, SetOp,
};
use super::cursor::{Cursor, Name};
use super::error::Checked;

impl Cursor<'_> {
    /// A whole query, without what may follow it.
    pub(super) fn query(&mut self) -> Checked<Query> {
        self.deeper()?;
        let with = self.with()?;
        let body = self.body()?;
        let order = self.order_by()?;
        let offset = self.offset()?;
        let limit = self.limit()?;
        self.higher();
        Ok(Query {
            with,
            body,
            order,
            offset,
            limit,
        })
    }

    /// Whether a query begins here.
    pub(super) fn sees_query(&mut self) -> bool {
        let words = ["SELECT", "WITH", "VALUES", "TABLE"];
        let here = words.iter().any(|word| self.sees_all(&[word]));
        if !here {
            self.could_be("<query>");
        }
        here
    }

    fn with(&mut self) -> Checked<Vec<Cte>> {
        let mut tables = Vec::new();
        if !self.takes("WITH") {
            return Ok(tables);
        }
        if self.sees_all(&["RECURSIVE"]) {
            return Err(self
                .mismatch()
                .with_hint("recursive queries are not answered here"));
        }
        loop {
            let name = self.name()?;
            let columns = self.names_if()?;
            self.expects("AS")?;
            self.expects_sign("(")?;
            let query = self.query()?;
            self.expects_sign(")")?;
            tables.push(Cte {
                name,
                columns,
                query,
            });
            if !self.takes_sign(",") {
                return Ok(tables);
            }
        }
    }

    fn names_if(&mut self) -> Checked<Vec<Name>> {
        if !self.takes_sign("(") {
            return Ok(Vec::new());
        }
        let names = self.list(Self::name)?;
        self.expects_sign(")")?;
        Ok(names)
    }

    /// One or more, with commas between.
    pub(super) fn list<T>(&mut self, one: impl Fn(&mut Self) -> Checked<T>) -> Checked<Vec<T>> {
        let mut all = vec![one(self)?];
        while self.takes_sign(",") {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn order_by(&mut self) -> Checked<Vec<Order>> {
        if !self.takes_all(&["ORDER", "BY"]) {
            return Ok(Vec::new());
        }
        self.list(Self::order)
    }

    /// One key of ORDER BY; nulls come last unless it says otherwise.
    pub(super) fn order(&mut self) -> Checked<Order> {
        let expr = self.expr()?;
        let descending = !self.takes("ASC") && self.takes("DESC");
        let mut nulls_first = false;
        if self.takes("NULLS") {
            nulls_first = self.takes("FIRST");
            if !nulls_first {
                self.expects("LAST")?;
            }
        }
        Ok(Order {
            expr,
            descending,
            nulls_first,
        })
    }

    fn offset(&mut self) -> Checked<Option<u64>> {
        if !self.takes("OFFSET") {
            return Ok(None);
        }
        let rows = self.integer()?;
        let _ = self.takes("ROW") || self.takes("ROWS");
        Ok(Some(rows))
    }

    fn limit(&mut self) -> Checked<Option<u64>> {
        if self.takes("LIMIT") {
            if self.takes("ALL") {
                return Ok(None);
            }
            return self.integer().map(Some);
        }
        if self.takes("FETCH") {
            let _ = self.takes("FIRST") || self.takes("NEXT");
            let one = self.sees_all(&["ROW"]) || self.sees_all(&["ROWS"]);
            let rows = if one { 1 } else { self.integer()? };
            let _ = self.takes("ROW") || self.takes("ROWS");
            self.expects("ONLY")?;
            return Ok(Some(rows));
        }
        Ok(None)
    }

    /// UNION and EXCEPT from left to right; INTERSECT binds tighter.
    fn body(&mut self) -> Checked<Body> {
        let mut left = self.intersect()?;
        let mut steps = 0;
        loop {
            let at = self.at();
            let op = if self.takes("UNION") {
                SetOp::Union
            } else if self.takes("EXCEPT") {
                SetOp::Except
            } else {
                return Ok(left);
            };
            let all = self.set_quantifier();
            let right = self.intersect()?;
            if op == SetOp::Union && all {
                // Many parts are usual, such as one an account, and nest no deeper than two.
                let mut parts = match left {
                    Body::All(parts) => parts,
                    first => vec![(at, first)],
                };
                parts.push((at, right));
                left = Body::All(parts);
                continue;
            }
            left = self.set(op, all, at, left, right);
            steps += 1;
            if steps > self.depth_left() {
                return Err(self.too_many());
            }
        }
    }

    fn intersect(&mut self) -> Checked<Body> {
        let mut left = self.term()?;
        let mut steps = 0;
        loop {
            let at = self.at();
            if !self.takes("INTERSECT") {
                return Ok(left);
            }
            let all = self.set_quantifier();
            let right = self.term()?;
            left = self.set(SetOp::Intersect, all, at, left, right);
            steps += 1;
            if steps > self.depth_left() {
                return Err(self.too_many());
            }
        }
    }

    fn set(&self, op: SetOp, all: bool, at: usize, left: Body, right: Body) -> Body {
        Body::Set {
            op,
            all,
            at,
            left: Box::new(left),
            right: Box::new(right),
        }
    }

    fn set_quantifier(&mut self) -> bool {
        self.takes("ALL") || {
            self.takes("DISTINCT");
            false
        }
    }

    fn term(&mut self) -> Checked<Body> {
        if self.takes("SELECT") {
            return Ok(Body::Select(Box::new(self.select()?)));
        }
        if self.takes("VALUES") {
            return Ok(Body::Values(self.list(Self::expr)?));
        }
        if self.takes("TABLE") {
            return Ok(Body::Table(self.path()?));
        }
        if self.takes_sign("(") {
            let query = self.query()?;
            self.expects_sign(")")?;
            return Ok(Body::Query(Box::new(query)));
        }
        Err(self.mismatch())
    }

    fn select(&mut self) -> Checked<Select> {
        let at = self.at();
        let distinct = !self.takes("ALL") && self.takes("DISTINCT");
        let items = self.list(Self::item)?;
        let from = if self.takes("FROM") {
            self.list(Self::relation)?
        } else {
            Vec::new()
        };
        let filter = self.takes("WHERE").then(|| self.expr()).transpose()?;
        let group = if self.takes_all(&["GROUP", "BY"]) {
            let _ = self.takes("ALL") || self.takes("DISTINCT");
            self.list(Self::group)?
        } else {
            Vec::new()
        };
        let having = self.takes("HAVING").then(|| self.expr()).transpose()?;
        let windows = if self.takes("WINDOW") {
            self.list(|cursor| {
                let name = cursor.name()?;
                cursor.expects("AS")?;
                cursor.expects_sign("(")?;
                let window = cursor.window()?;
                cursor.expects_sign(")")?;
                Ok((name, window))
            })?
        } else {
            Vec::new()
        };
        Ok(Select {
            at,
            distinct,
            items,
            from,
            filter,
            group,
            having,
            windows,
        })
    }

    fn item(&mut self) -> Checked<Item> {
        let at = self.at();
        if self.takes_sign("*") {
            return Ok(Item::All(None, at));
        }
        let mark = self.mark();
        if let Some(path) = self.path_star() {
            return Ok(Item::All(Some(path), at));
        }
        self.back_to(mark);
        let expr = self.expr()?;
        if self.takes("AS") {
            return Ok(Item::One(expr, Some(self.name()?)));
        }
        let alias = self.alias_if();
        if let Some(name) = &alias {
            self.is_alias(name);
        }
        Ok(Item::One(expr, alias))
    }

    /// `t.*`.
    fn path_star(&mut self) -> Option<Path> {
        let mut parts = vec![self.name_if()?];
        while self.sign_ahead(0, ".") {
            self.advance();
            if self.sign_ahead(0, "*") {
                self.advance();
                return Some(Path { parts });
            }
            parts.push(self.name_if()?);
        }
        None
    }

    fn alias_if(&mut self) -> Option<Name> {
        self.could_be("<identifier>");
        // Words that begin what may follow, though they are no reserved words.
        let clauses = [
            "LIMIT",
            "OFFSET",
            "FETCH",
            "WINDOW",
            "TABLESAMPLE",
            "QUALIFY",
            "ILIKE",
            "RLIKE",
            "MATCH_RECOGNIZE",
        ];
        if clauses.iter().any(|word| self.sees_all(&[word])) {
            return None;
        }
        self.name_if()
    }

    fn group(&mut self) -> Checked<Group> {
        let in_parens = |cursor: &mut Self| -> Checked<Vec<Expr>> {
            cursor.expects_sign("(")?;
            if cursor.takes_sign(")") {
                return Ok(Vec::new());
            }
            let all = cursor.list(Self::expr)?;
            cursor.expects_sign(")")?;
            Ok(all)
        };
        if self.takes("ROLLUP") {
            return Ok(Group::Rollup(in_parens(self)?));
        }
        if self.takes("CUBE") {
            return Ok(Group::Cube(in_parens(self)?));
        }
        if self.takes_all(&["GROUPING", "SETS"]) {
            self.expects_sign("(")?;
            let sets = self.list(|cursor| {
                if cursor.sign_ahead(0, "(") {
                    in_parens(cursor)
                } else {
                    Ok(vec![cursor.expr()?])
                }
            })?;
            self.expects_sign(")")?;
            return Ok(Group::Sets(sets));
        }
        if self.sign_ahead(0, "(") && self.sign_ahead(1, ")") {
            return Ok(Group::Sets(vec![in_parens(self)?]));
        }
        Ok(Group::One(self.expr()?))
    }

    /// `name[.name[.name]]`.
    pub(super) fn path(&mut self) -> Checked<Path> {
        let mut parts = vec![self.name()?];
        while parts.len() < 3 && self.takes_sign(".") {
            parts.push(self.name()?);
        }
        Ok(Path { parts })
    }

    fn relation(&mut self) -> Checked<Relation> {
        self.deeper()?;
        let mut left = self.sampled()?;
        let mut steps = 0;
        while let Some(kind) = self.join_kind()? {
            let right = self.sampled()?;
            let on = if kind == JoinKind::Cross {
                On::Nothing
            } else if self.takes("USING") {
                On::Using(self.names_if()?)
            } else {
                self.expects("ON")?;
                On::Condition(self.expr()?)
            };
            left = Relation::Join {
                kind,
                left: Box::new(left),
                right: Box::new(right),
                on,
            };
            steps += 1;
            if steps > self.depth_left() {
                return Err(self.too_many());
            }
        }
        self.higher();
        Ok(left)
    }

    fn join_kind(&mut self) -> Checked<Option<JoinKind>> {
        if self.takes("CROSS") {
            self.expects("JOIN")?;
            return Ok(Some(JoinKind::Cross));
        }
        let (kind, outer) = if self.takes("INNER") {
            (JoinKind::Inner, false)
        } else if self.takes("LEFT") {
            (JoinKind::Left, true)
        } else if self.takes("RIGHT") {
            (JoinKind::Right, true)
        } else if self.takes("FULL") {
            (JoinKind::Full, true)
        } else {
            return Ok(self.takes("JOIN").then_some(JoinKind::Inner));
        };
        if outer {
            self.takes("OUTER");
        }
        self.expects("JOIN")?;
        Ok(Some(kind))
    }

    fn sampled(&mut self) -> Checked<Relation> {
        let mut relation = self.aliased()?;
        if self.takes("TABLESAMPLE") {
            if !self.takes("BERNOULLI") {
                self.expects("SYSTEM")?;
            }
            self.expects_sign("(")?;
            let percent = self.expr()?;
            self.expects_sign(")")?;
            relation = Relation::Sample(Box::new(relation), percent);
        }
        Ok(relation)
    }

    fn aliased(&mut self) -> Checked<Relation> {
        let relation = self.primary_relation()?;
        let name = if self.takes("AS") {
            Some(self.name()?)
        } else {
            self.alias_if()
        };
        Ok(match name {
            Some(name) => Relation::Alias(Box::new(relation), name, self.names_if()?),
            None => relation,
        })
    }

    fn primary_relation(&mut self) -> Checked<Relation> {
        let at = self.at();
        if self.takes("UNNEST") {
            self.expects_sign("(")?;
            let arrays = self.list(Self::expr)?;
            self.expects_sign(")")?;
            let ordinality = self.takes_all(&["WITH", "ORDINALITY"]);
            return Ok(Relation::Unnest(arrays, ordinality, at));
        }
        if self.takes("LATERAL") {
            self.expects_sign("(")?;
            let query = self.query()?;
            self.expects_sign(")")?;
            return Ok(Relation::Lateral(Box::new(query), at));
        }
        if !self.takes_sign("(") {
            return self.path().map(Relation::Table);
        }
        if self.sees_query() {
            let query = self.query()?;
            self.expects_sign(")")?;
            return Ok(Relation::Query(Box::new(query)));
        }
        if self.sees_parenthesized_query() {
            let query = self.query()?;
            self.expects_sign(")")?;
            return Ok(Relation::Query(Box::new(query)));
        }
        let relation = self.relation()?;
        self.expects_sign(")")?;
        Ok(relation)
    }
}
