//! Aggregate functions: which there are, with what types, and what of DataFusion answers them.
//!
//! Those that DataFusion has with Trino's meaning are taken from it (`count`, `min`, …); exact sums
//! are [`Sum`](super::sum::Sum), shares of a distribution
//! [`Percentile`](super::percentile::Percentile); the rest is [`Collect`](super::collect::Collect),
//! which keeps rows of values.

use std::sync::Arc;

use datafusion::functions_aggregate as native;
use datafusion::logical_expr::AggregateUDF;

use super::collect::{Collect, Kind};
use super::percentile::Percentile;
use super::sum::Sum;
use super::types::Type;

/// All names.
pub(super) const NAMES: &[&str] = &[
    "any_value",
    "approx_distinct",
    "approx_percentile",
    "arbitrary",
    "array_agg",
    "avg",
    "bitwise_and_agg",
    "bitwise_or_agg",
    "bitwise_xor_agg",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "count_if",
    "covar_pop",
    "covar_samp",
    "every",
    "geometric_mean",
    "grouping",
    "histogram",
    "kurtosis",
    "listagg",
    "map_agg",
    "max",
    "max_by",
    "min",
    "min_by",
    "multimap_agg",
    "regr_intercept",
    "regr_slope",
    "skewness",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
];

/// An aggregate function for arguments of given types.
pub(super) struct Aggregate {
    pub(super) function: Arc<AggregateUDF>,
    /// Types of the arguments after coercion.
    pub(super) args: Vec<Type>,
    /// Of the function's value as DataFusion gives it.
    pub(super) raw: Type,
    /// Of its value in Trino.
    pub(super) returns: Type,
    /// Whether the function itself sorts its rows: keys are passed behind the arguments.
    pub(super) sorts: bool,
}

impl Aggregate {
    fn native(function: Arc<AggregateUDF>, args: Vec<Type>, raw: Type, returns: Type) -> Self {
        Self {
            function,
            args,
            raw,
            returns,
            sorts: false,
        }
    }

    fn same(function: Arc<AggregateUDF>, args: Vec<Type>, returns: Type) -> Self {
        Self::native(function, args, returns.clone(), returns)
    }

    fn collect(kind: Kind, args: Vec<Type>, returns: Type) -> Self {
        let function = Collect::new(kind, args.clone(), returns.clone());
        Self {
            function: Arc::new(AggregateUDF::new_from_impl(function)),
            args,
            raw: returns.clone(),
            returns,
            sorts: matches!(kind, Kind::Array | Kind::ListAgg),
        }
    }
}

/// The function of a name for arguments of given types; `None` if they do not fit.
pub(super) fn resolve(name: &str, args: &[Type]) -> Option<Aggregate> {
    use Type::{BigInt, Boolean, Double};
    let first = args.first();
    let double = |f: Arc<AggregateUDF>, n: usize| {
        let fits = args.len() == n && args.iter().all(|ty| ty.coerces_to(&Double));
        fits.then(|| Aggregate::same(f, vec![Double; n], Double))
    };
    let bits = |f: Arc<AggregateUDF>| {
        let fits = args.len() == 1 && first?.coerces_to(&BigInt);
        fits.then(|| Aggregate::same(f, vec![BigInt], BigInt))
    };
    let truth = |f: Arc<AggregateUDF>| {
        let fits = args.len() == 1 && first?.coerces_to(&Boolean);
        fits.then(|| Aggregate::same(f, vec![Boolean], Boolean))
    };
    match name {
        "count" if args.len() <= 1 => {
            let f = native::count::count_udaf();
            Some(Aggregate::same(f, args.to_vec(), BigInt))
        }
        "count_if" if args.len() == 1 && first?.coerces_to(&Boolean) => {
            // The caller turns false into NULL, which `count` leaves out.
            let f = native::count::count_udaf();
            Some(Aggregate::same(f, vec![Boolean], BigInt))
        }
        "sum" if args.len() == 1 => sum(first?),
        "avg" if args.len() == 1 => average(first?),
        "min" | "max" if args.len() == 1 && first?.is_orderable() => {
            let f = if name == "min" {
                native::min_max::min_udaf
            } else {
                native::min_max::max_udaf
            };
            Some(Aggregate::same(f(), args.to_vec(), first?.clone()))
        }
        "min" | "max" if args.len() == 2 && args[1].coerces_to(&BigInt) => {
            let kind = if name == "min" {
                Kind::MinN
            } else {
                Kind::MaxN
            };
            let types = vec![args[0].clone(), BigInt];
            Some(Aggregate::collect(
                kind,
                types,
                Type::array(args[0].clone()),
            ))
        }
        "stddev" | "stddev_samp" => double(native::stddev::stddev_udaf(), 1),
        "stddev_pop" => double(native::stddev::stddev_pop_udaf(), 1),
        "variance" | "var_samp" => double(native::variance::var_samp_udaf(), 1),
        "var_pop" => double(native::variance::var_pop_udaf(), 1),
        "corr" => double(native::correlation::corr_udaf(), 2),
        "covar_samp" => double(native::covariance::covar_samp_udaf(), 2),
        "covar_pop" => double(native::covariance::covar_pop_udaf(), 2),
        "regr_slope" => double(native::regr::regr_slope_udaf(), 2),
        "regr_intercept" => double(native::regr::regr_intercept_udaf(), 2),
        "bool_and" | "every" => truth(native::bool_and_or::bool_and_udaf()),
        "bool_or" => truth(native::bool_and_or::bool_or_udaf()),
        "bitwise_and_agg" => bits(native::bit_and_or_xor::bit_and_udaf()),
        "bitwise_or_agg" => bits(native::bit_and_or_xor::bit_or_udaf()),
        "bitwise_xor_agg" => bits(native::bit_and_or_xor::bit_xor_udaf()),
        "approx_distinct" if (1..=2).contains(&args.len()) => {
            let f = native::approx_distinct::approx_distinct_udaf();
            // The second argument is the error that one accepts.
            Some(Aggregate::native(f, args[..1].to_vec(), BigInt, BigInt))
        }
        _ => collected(name, args),
    }
}

fn sum(ty: &Type) -> Option<Aggregate> {
    let f = native::sum::sum_udaf();
    let exact = |ty: Type| {
        let function = AggregateUDF::new_from_impl(Sum::new(ty.clone()));
        Aggregate::same(Arc::new(function), vec![ty.clone()], ty)
    };
    Some(match ty {
        ty if ty.is_integer() => exact(Type::BigInt),
        Type::Real => Aggregate::native(f, vec![Type::Double], Type::Double, Type::Real),
        Type::Double => Aggregate::same(f, vec![Type::Double], Type::Double),
        Type::Decimal(_, scale) => exact(Type::Decimal(38, *scale)),
        Type::DayTime => Aggregate::collect(Kind::SumInterval, vec![ty.clone()], ty.clone()),
        _ => return None,
    })
}

fn average(ty: &Type) -> Option<Aggregate> {
    let f = native::average::avg_udaf();
    Some(match ty {
        ty if ty.is_integer() => Aggregate::same(f, vec![Type::Double], Type::Double),
        Type::Double => Aggregate::same(f, vec![Type::Double], Type::Double),
        Type::Real => Aggregate::native(f, vec![Type::Double], Type::Double, Type::Real),
        Type::Decimal(precision, scale) => {
            let raw = Type::Decimal((precision + 4).min(38), (scale + 4).min(38));
            Aggregate::native(f, vec![ty.clone()], raw, ty.clone())
        }
        _ => return None,
    })
}

fn collected(name: &str, args: &[Type]) -> Option<Aggregate> {
    use Type::{BigInt, Double};
    let types = args.to_vec();
    let first = args.first()?.clone();
    Some(match (name, args.len()) {
        ("max_by" | "min_by", 2 | 3) => {
            let kind = if name == "max_by" {
                Kind::MaxBy
            } else {
                Kind::MinBy
            };
            if !args[1].is_orderable() || args.get(2).is_some_and(|n| !n.coerces_to(&BigInt)) {
                return None;
            }
            let mut types = types;
            if types.len() == 3 {
                types[2] = BigInt;
                return Some(Aggregate::collect(kind, types, Type::array(first)));
            }
            Aggregate::collect(kind, types, first)
        }
        ("arbitrary" | "any_value", 1) => Aggregate::collect(Kind::Arbitrary, types, first),
        ("array_agg", 1) => Aggregate::collect(Kind::Array, types, Type::array(first)),
        ("listagg", 1 | 2) if first.is_text() => {
            Aggregate::collect(Kind::ListAgg, vec![Type::TEXT; 2], Type::TEXT)
        }
        ("histogram", 1) => {
            let returns = Type::Map(Box::new(first), Box::new(BigInt));
            Aggregate::collect(Kind::Histogram, types, returns)
        }
        ("map_agg", 2) => {
            let returns = Type::Map(Box::new(first), Box::new(args[1].clone()));
            Aggregate::collect(Kind::MapAgg, types, returns)
        }
        ("multimap_agg", 2) => {
            let values = Type::array(args[1].clone());
            let returns = Type::Map(Box::new(first), Box::new(values));
            Aggregate::collect(Kind::MultimapAgg, types, returns)
        }
        ("geometric_mean", 1) if first.coerces_to(&Double) => {
            Aggregate::collect(Kind::GeometricMean, vec![Double], Double)
        }
        ("skewness", 1) if first.coerces_to(&Double) => {
            Aggregate::collect(Kind::Skewness, vec![Double], Double)
        }
        ("kurtosis", 1) if first.coerces_to(&Double) => {
            Aggregate::collect(Kind::Kurtosis, vec![Double], Double)
        }
        ("approx_percentile", 2..=4) if first.is_number() => return percentile(args),
        _ => return None,
    })
}

/// `(x, p)`, `(x, weight, p)`; `p` may be an array of percentages.
fn percentile(args: &[Type]) -> Option<Aggregate> {
    let value = match &args[0] {
        ty if ty.is_integer() => Type::BigInt,
        Type::Decimal(..) => Type::Double,
        ty => ty.clone(),
    };
    let is_share = |ty: &Type| ty.coerces_to(&Type::Double);
    let (weighted, share) = match args {
        [_, share] => (false, share),
        [_, weight, share] if is_share(weight) => (true, share),
        _ => return None,
    };
    let (share, returns) = match share {
        Type::Array(share) if is_share(share) => {
            (Type::array(Type::Double), Type::array(value.clone()))
        }
        share if is_share(share) => (Type::Double, value.clone()),
        _ => return None,
    };
    let mut types = vec![value];
    if weighted {
        types.push(Type::Double);
    }
    types.push(share);
    let function = Percentile::new(types.clone(), returns.clone());
    let function = Arc::new(AggregateUDF::new_from_impl(function));
    Some(Aggregate::same(function, types, returns))
}

/// Fails if a sub-query that stands for a value gives more than one row.
pub(super) fn single(ty: &Type) -> Arc<AggregateUDF> {
    let function = Collect::new(Kind::Single, vec![ty.clone()], ty.clone());
    Arc::new(AggregateUDF::new_from_impl(function))
}

/// The function again, sorting by further arguments.
pub(super) fn sorting(aggregate: &Aggregate, keys: &[(Type, bool, bool)]) -> Arc<AggregateUDF> {
    let kind = if aggregate.returns == Type::TEXT {
        Kind::ListAgg
    } else {
        Kind::Array
    };
    let mut types = aggregate.args.clone();
    types.extend(keys.iter().map(|(ty, ..)| ty.clone()));
    let directions = keys
        .iter()
        .map(|(_, descending, nulls_first)| (*descending, *nulls_first));
    let function = Collect::new(kind, types, aggregate.returns.clone());
    Arc::new(AggregateUDF::new_from_impl(
        function.sorted(directions.collect()),
    ))
}
