//! `count(DISTINCT x)` by group, of whole numbers of up to 32 bits and of codes.
//!
//! A port scan is a source with many of 65,536 ports. A set of so few values is kept as it is while
//! it is small, and as a bit each once it is large: 8 KiB a source, however often a port comes.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, UInt32Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int32Type, UInt32Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::codes::{NULL, NUMBERS};

/// Values of a set that are looked through one by one.
const FEW: usize = 16;

/// Values of a set from which on it has a bit for each of 65,536.
const MANY: usize = 512;

/// Words of the bits.
const WORDS: usize = (1 << 16) / 64;

/// The function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct CountDistinct {
    /// Whether the values are codes and not numbers.
    coded: bool,
    signature: Signature,
}

impl CountDistinct {
    /// Of codes, or of numbers of a type that [`CountDistinct::takes`].
    pub(crate) fn new(coded: bool) -> Self {
        Self {
            coded,
            signature: Signature::any(1, Volatility::Immutable),
        }
    }

    /// Whether numbers of the type are counted here.
    pub(crate) fn takes(data_type: &DataType) -> bool {
        matches!(
            data_type,
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16
        )
    }

    fn sets(&self) -> Sets {
        Sets {
            coded: self.coded,
            sets: Vec::new(),
            bytes: 0,
        }
    }
}

impl AggregateUDFImpl for CountDistinct {
    fn name(&self) -> &str {
        "count_distinct"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _args: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One(self.sets())))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format!("{}[count distinct]", args.name);
        Ok(vec![Arc::new(Field::new(
            name,
            DataType::List(item()),
            true,
        ))])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.sets()))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::UInt32, true))
}

/// A set of values, each below 65,536 as a rule.
#[derive(Debug)]
enum Set {
    Few(Vec<u32>),
    Some(HashSet<u32>),
    Many(Box<Bits>),
}

#[derive(Debug)]
struct Bits {
    words: [u64; WORDS],
    count: usize,
    /// Values that have no bit.
    others: HashSet<u32>,
}

impl Default for Set {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Set {
    /// Adds a value; the bytes by which the set has grown.
    #[inline]
    fn add(&mut self, value: u32) -> usize {
        match self {
            Self::Few(few) => {
                if few.contains(&value) {
                    return 0;
                }
                if few.len() < FEW {
                    few.push(value);
                    return size_of::<u32>();
                }
                let mut set: HashSet<u32> = few.iter().copied().collect();
                set.insert(value);
                *self = Self::Some(set);
                FEW * size_of::<u64>()
            }
            Self::Some(set) => {
                if !set.insert(value) {
                    return 0;
                }
                if set.len() < MANY {
                    return size_of::<u64>();
                }
                let mut bits = Box::new(Bits {
                    words: [0; WORDS],
                    count: 0,
                    others: HashSet::new(),
                });
                for value in set.drain() {
                    bits.add(value);
                }
                *self = Self::Many(bits);
                WORDS * size_of::<u64>()
            }
            Self::Many(bits) => bits.add(value),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Few(few) => few.len(),
            Self::Some(set) => set.len(),
            Self::Many(bits) => bits.count + bits.others.len(),
        }
    }

    fn append(&self, to: &mut Vec<u32>) {
        match self {
            Self::Few(few) => to.extend_from_slice(few),
            Self::Some(set) => to.extend(set),
            Self::Many(bits) => {
                for (at, word) in bits.words.iter().enumerate() {
                    let mut rest = *word;
                    while rest != 0 {
                        to.push(at as u32 * 64 + rest.trailing_zeros());
                        rest &= rest - 1;
                    }
                }
                to.extend(&bits.others);
            }
        }
    }
}

impl Bits {
    #[inline]
    fn add(&mut self, value: u32) -> usize {
        let Some(word) = self.words.get_mut(value as usize / 64) else {
            return if self.others.insert(value) { 8 } else { 0 };
        };
        let bit = 1 << (value % 64);
        self.count += usize::from(*word & bit == 0);
        *word |= bit;
        0
    }
}

/// The sets of many groups.
#[derive(Debug)]
struct Sets {
    coded: bool,
    sets: Vec<Set>,
    bytes: usize,
}

impl Sets {
    /// The values as numbers that are small where ports are; NULL where a code says so.
    fn values(&self, values: &ArrayRef) -> Result<UInt32Array> {
        if self.coded {
            let codes = values.as_primitive::<UInt32Type>();
            let is_null = |code: &u32| *code == NULL;
            if codes.values().iter().any(is_null) {
                let codes = codes.values().iter();
                let present = codes.map(|code| (*code != NULL).then(|| code ^ NUMBERS));
                return Ok(present.collect());
            }
            let codes = codes.values().iter().map(|code| code ^ NUMBERS);
            return Ok(UInt32Array::from_iter_values(codes));
        }
        let numbers = cast(values, &DataType::Int32)?;
        let numbers = numbers.as_primitive::<Int32Type>();
        Ok(numbers.unary(|number| number as u32))
    }

    fn take(&mut self, groups: usize, emit_to: EmitTo) -> Vec<Set> {
        self.sets
            .resize_with(groups.max(self.sets.len()), Set::default);
        let sets = emit_to.take_needed(&mut self.sets);
        if self.sets.is_empty() {
            self.bytes = 0;
        }
        sets
    }
}

/// The values of each row's set as a list.
fn lists(sets: impl Iterator<Item = Set>) -> ArrayRef {
    let (mut values, mut lengths) = (Vec::new(), Vec::new());
    for set in sets {
        lengths.push(set.len());
        set.append(&mut values);
    }
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(ListArray::new(
        item(),
        offsets,
        Arc::new(UInt32Array::from(values)),
        None,
    ))
}

impl GroupsAccumulator for Sets {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.sets.resize_with(total_num_groups, Set::default);
        let values = self.values(&values[0])?;
        let pairs = group_indices.iter().zip(values.values());
        if opt_filter.is_none() && values.null_count() == 0 {
            for (group, value) in pairs {
                self.bytes += self.sets[*group].add(*value);
            }
            return Ok(());
        }
        for (row, (group, value)) in pairs.enumerate() {
            let wanted = opt_filter.is_none_or(|kept| kept.is_valid(row) && kept.value(row));
            if wanted && values.is_valid(row) {
                self.bytes += self.sets[*group].add(*value);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let sets = self.take(0, emit_to).into_iter();
        Ok(Arc::new(Int64Array::from_iter_values(
            sets.map(|set| set.len() as i64),
        )))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![lists(self.take(0, emit_to).into_iter())])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.sets.resize_with(total_num_groups, Set::default);
        let lists = values[0].as_list::<i32>();
        let values = lists.values().as_primitive::<UInt32Type>().values();
        for (group, bounds) in group_indices.iter().zip(lists.offsets().windows(2)) {
            for value in &values[bounds[0] as usize..bounds[1] as usize] {
                self.bytes += self.sets[*group].add(*value);
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = self.values(&values[0])?;
        let sets = (0..values.len()).map(|row| {
            let wanted = opt_filter.is_none_or(|kept| kept.is_valid(row) && kept.value(row));
            let present = wanted && values.is_valid(row);
            Set::Few(present.then(|| values.value(row)).into_iter().collect())
        });
        Ok(vec![lists(sets)])
    }

    fn size(&self) -> usize {
        self.sets.capacity() * size_of::<Set>() + self.bytes
    }
}

/// The same without groups.
#[derive(Debug)]
struct One(Sets);

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let groups = vec![0; values[0].len()];
        self.0.update_batch(values, &groups, None, 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let count = self.0.sets.first().map_or(0, Set::len);
        Ok(ScalarValue::Int64(Some(count as i64)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let list = lists(self.0.take(1, EmitTo::All).into_iter());
        Ok(vec![ScalarValue::try_from_array(&list, 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let groups = vec![0; states[0].len()];
        self.0.merge_batch(states, &groups, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of two groups: one with every value twice, one with the first few.
    fn counts(values: Vec<i32>) -> (i64, i64) {
        let function = CountDistinct::new(false);
        let (mut first, mut second) = (function.sets(), function.sets());
        let few: Vec<i32> = values.iter().take(3).copied().collect();
        let groups = |length: usize, group: usize| vec![group; length];
        let column = |values: &[i32]| -> Vec<ArrayRef> {
            vec![
                cast(
                    &UInt32Array::from_iter_values(values.iter().map(|v| *v as u32)),
                    &DataType::Int64,
                )
                .and_then(|all| cast(&all, &DataType::Int32))
                .unwrap(),
            ]
        };
        for _ in 0..2 {
            let all = column(&values);
            first
                .update_batch(&all, &groups(values.len(), 0), None, 1)
                .unwrap();
        }
        first
            .update_batch(&column(&few), &groups(few.len(), 1), None, 2)
            .unwrap();
        let state = first.state(EmitTo::All).unwrap();
        second.merge_batch(&state, &[0, 1], 2).unwrap();
        let again = second.convert_to_state(&column(&few), None).unwrap();
        second
            .merge_batch(&again, &groups(few.len(), 1), 2)
            .unwrap();
        let counts = second.evaluate(EmitTo::All).unwrap();
        let counts = counts
            .as_primitive::<datafusion::arrow::datatypes::Int64Type>()
            .clone();
        (counts.value(0), counts.value(1))
    }

    #[test]
    fn sets_of_every_size_count_each_value_once() {
        for size in [3, 16, 17, 511, 512, 513, 70_000] {
            assert_eq!(counts((0..size).collect()), (i64::from(size), 3));
        }
    }
}
