//! The values of a linear form, row by row, computed through the views.
//!
//! A term is contracted one connected component at a time: the tensor axes of a component are
//! replaced by its row axes. Views that only rename axes cost nothing; a product's matrix is
//! contracted with a challenge vector axis by axis, integers times scalars first.

use crate::wide::{Digits, IntegerSum, ScalarSum, small};
use crate::witness::{Data, Witness, mask};
use ark_ff::Field;
use rayon::prelude::*;
use std::borrow::Cow;
use zkinfer_verify::circuit::{Block, Circuit, Component, Term, Weight};
use zkinfer_verify::matrix::{axis_vector, visit_component};
use zkinfer_verify::scalar::Scalar;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Axis {
    Tensor(usize),
    Row(usize),
}

enum Values<'a> {
    Integers(Cow<'a, [i64]>),
    Scalars(Cow<'a, [Scalar]>),
}

struct Array<'a> {
    axes: Vec<(Axis, usize)>,
    values: Values<'a>,
}

/// What a linear form is at every row of a block, row-major.
pub fn evaluate(
    circuit: &Circuit,
    block: &Block,
    terms: &[Term],
    witness: &Witness<'_>,
    challenges: &[Vec<Scalar>],
) -> Vec<Scalar> {
    let count = block.grid.count();
    let mut integers: Vec<i128> = Vec::new();
    let mut scalars: Vec<Scalar> = Vec::new();
    // The sum of the factors so far: times 2^63 it stays within 127 bits.
    let mut factors = 0u64;
    let mut fits = |factor: &i64| {
        let total = factors.saturating_add(factor.unsigned_abs());
        let fits = total <= i64::MAX as u64;
        factors = if fits { total } else { factors };
        fits
    };
    for term in terms {
        let values = evaluate_term(circuit, block, term, witness, challenges);
        match (values, small(&term.coefficient).filter(&mut fits)) {
            (Values::Integers(values), Some(factor)) => {
                integers.resize(count, 0);
                for (sum, value) in integers.iter_mut().zip(values.iter()) {
                    *sum += i128::from(factor) * i128::from(*value);
                }
            }
            (Values::Integers(values), None) => {
                scalars.resize(count, Scalar::default());
                for (sum, value) in scalars.iter_mut().zip(values.iter()) {
                    *sum += term.coefficient * Scalar::from(*value);
                }
            }
            (Values::Scalars(values), _) => {
                scalars.resize(count, Scalar::default());
                for (sum, value) in scalars.iter_mut().zip(values.iter()) {
                    *sum += term.coefficient * value;
                }
            }
        }
    }
    if integers.is_empty() {
        scalars.resize(count, Scalar::default());
        return scalars;
    }
    scalars.resize(count, Scalar::default());
    scalars
        .par_iter_mut()
        .with_min_len(4096)
        .zip(integers)
        .for_each(|(sum, value)| *sum += Scalar::from(value));
    scalars
}

fn evaluate_term<'a>(
    circuit: &Circuit,
    block: &Block,
    term: &Term,
    witness: &'a Witness<'_>,
    challenges: &[Vec<Scalar>],
) -> Values<'a> {
    let grid = &circuit.tensors[term.tensor].grid;
    let rows = block.grid.extents.len();
    let mut components = term.components();
    let data = &witness.tensors[term.tensor];
    let mut array = load(term, rows, &grid.extents, data, &mut components);
    // Components that shrink the array most come first; integers stay integers as long as they can.
    let is_challenge = |component: &Component| {
        component.axes.iter().any(|axis| matches!(term.weights[*axis], Weight::Challenge(_)))
    };
    let ratio = |component: &Component| {
        let from: usize = component.tensor_axes.iter().map(|a| grid.extents[*a]).product();
        let to: usize =
            component.axes.iter().filter(|a| **a < rows).map(|a| term.extents[*a]).product();
        (to as f64) / (from as f64)
    };
    components
        .sort_by(|a, b| is_challenge(a).cmp(&is_challenge(b)).then(ratio(a).total_cmp(&ratio(b))));
    for component in &components {
        array = contract(array, term, component, &grid.extents, rows, challenges);
    }
    order(array, rows)
}

/// The tensor as an array; a bit axis that is summed with place values is read as an integer.
fn load<'a>(
    term: &Term,
    rows: usize,
    extents: &[usize],
    data: &'a Data<'_>,
    components: &mut Vec<Component>,
) -> Array<'a> {
    let mut axes: Vec<(Axis, usize)> =
        extents.iter().enumerate().map(|(axis, extent)| (Axis::Tensor(axis), *extent)).collect();
    let values = match data {
        Data::Integers(values) => Values::Integers(Cow::Borrowed(values)),
        Data::Scalars(values) => Values::Scalars(Cow::Borrowed(values)),
        Data::Bits(values) => {
            let bit_axis = extents.len() - 1;
            let width = extents[bit_axis];
            let whole = |c: &Component| reads_integer(term, c, rows, bit_axis, width);
            match components.iter().position(whole) {
                Some(found) => {
                    let component = components.remove(found);
                    axes.pop();
                    Values::Integers(read_integers(term, &component, bit_axis, values).into())
                }
                None => {
                    let bits = values.iter().flat_map(|v| (0..width).map(move |k| v >> k & 1));
                    Values::Integers(bits.collect())
                }
            }
        }
    };
    Array { axes, values }
}

/// Whether a component reads a stretch of a bit axis as an unsigned or two's complement integer, by
/// a sum over it, or one bit of it.
fn reads_integer(
    term: &Term,
    component: &Component,
    rows: usize,
    bit_axis: usize,
    width: usize,
) -> bool {
    if component.tensor_axes != [bit_axis] {
        return false;
    }
    let index = &term.index[bit_axis];
    let inside = |count: usize| {
        usize::try_from(index.base).is_ok_and(|base| count <= 62 && base + count <= width)
    };
    match component.axes[..] {
        [] => inside(1),
        [axis] if axis >= rows && index.strides[axis] == 1 && inside(term.extents[axis]) => {
            match &term.weights[axis] {
                Weight::Power => true,
                Weight::Constant(constants) => twos_complement(constants),
                _ => false,
            }
        }
        _ => false,
    }
}

fn twos_complement(constants: &[Scalar]) -> bool {
    let top = constants.len() - 1;
    constants.iter().enumerate().all(|(k, constant)| {
        let place = 1i64 << k;
        *constant == Scalar::from(if k == top { -place } else { place })
    })
}

fn read_integers(term: &Term, component: &Component, bit_axis: usize, values: &[i64]) -> Vec<i64> {
    let base = term.index[bit_axis].base;
    let (width, signed) = match component.axes[..] {
        [axis] => (term.extents[axis], matches!(term.weights[axis], Weight::Constant(_))),
        _ => (1, false),
    };
    let mask = mask(width) as i64;
    let sign = if signed { 1i64 << (width - 1) } else { 0 };
    values.iter().map(|v| ((v >> base & mask) ^ sign) - sign).collect()
}

/// Replaces the tensor axes of a component by its row axes.
fn contract<'a>(
    array: Array<'a>,
    term: &Term,
    component: &Component,
    tensor_extents: &[usize],
    rows: usize,
    challenges: &[Vec<Scalar>],
) -> Array<'a> {
    if let Some(axes) = renamed(&array, term, component, rows) {
        return Array { axes, values: array.values };
    }
    let strides = strides(&array.axes);
    let (mut rest, mut rest_strides) = (Vec::new(), Vec::new());
    let mut tensor_strides = vec![0usize; component.tensor_axes.len()];
    for ((axis, extent), stride) in array.axes.iter().zip(&strides) {
        match component.tensor_axes.iter().position(|a| Axis::Tensor(*a) == *axis) {
            Some(position) => tensor_strides[position] = *stride,
            None => {
                rest.push((*axis, *extent));
                rest_strides.push((*extent, *stride));
            }
        }
    }
    // For every row position of the component: where it reads, and with which weight.
    let row_axes: Vec<usize> = component.axes.iter().copied().filter(|a| *a < rows).collect();
    let row_count: usize = row_axes.iter().map(|axis| term.extents[*axis]).product();
    let vectors: Vec<Vec<Scalar>> =
        component.axes.iter().map(|axis| axis_vector(term, *axis, None, challenges)).collect();
    let mut taps: Vec<Vec<(usize, Scalar)>> = vec![Vec::new(); row_count];
    visit_component(term, component, tensor_extents, |position, reads| {
        let on_rows = component.axes.iter().zip(position).filter(|(axis, _)| **axis < rows);
        let row = on_rows.fold(0, |row, (axis, at)| row * term.extents[*axis] + at);
        let weights = vectors.iter().zip(position).map(|(vector, at)| vector[*at]);
        let weight = weights.reduce(|a, b| a * b).unwrap_or(Scalar::ONE);
        let offset = reads.iter().zip(&tensor_strides).map(|(i, stride)| i * stride).sum();
        taps[row].push((offset, weight));
    });
    let starts = offsets(&rest_strides);
    let values = apply(&array.values, &starts, &taps);
    rest.extend(row_axes.iter().map(|axis| (Axis::Row(*axis), term.extents[*axis])));
    Array { axes: rest, values }
}

/// The axes after a component that maps one whole tensor axis to one row axis unchanged.
fn renamed(
    array: &Array<'_>,
    term: &Term,
    component: &Component,
    rows: usize,
) -> Option<Vec<(Axis, usize)>> {
    let ([axis], [tensor_axis]) = (&component.axes[..], &component.tensor_axes[..]) else {
        return None;
    };
    let index = &term.index[*tensor_axis];
    let whole = *axis < rows
        && term.weights[*axis] == Weight::One
        && index.base == 0
        && index.strides[*axis] == 1;
    let at = array.axes.iter().position(|(a, _)| *a == Axis::Tensor(*tensor_axis))?;
    if !whole || array.axes[at].1 != term.extents[*axis] {
        return None;
    }
    let mut axes = array.axes.clone();
    axes[at].0 = Axis::Row(*axis);
    Some(axes)
}

fn apply(values: &Values<'_>, starts: &[usize], taps: &[Vec<(usize, Scalar)>]) -> Values<'static> {
    match values {
        Values::Integers(values) => {
            let small_taps: Option<Vec<Vec<(usize, i64)>>> = taps
                .iter()
                .map(|row| row.iter().map(|(o, w)| Some((*o, small(w)?))).collect())
                .collect();
            if let Some(taps) = small_taps
                && let Some(result) = apply_integers(values, starts, &taps)
            {
                return Values::Integers(result.into());
            }
            let digits = |(offset, weight): &(usize, Scalar)| (*offset, Digits::from(weight));
            let taps: Vec<Vec<(usize, Digits)>> =
                taps.iter().map(|row| row.iter().map(digits).collect()).collect();
            Values::Scalars(Cow::Owned(apply_with(starts, &taps, |start, row| {
                let mut sum = IntegerSum::default();
                for (offset, weight) in row {
                    sum.add(values[start + offset], weight);
                }
                sum.reduce()
            })))
        }
        Values::Scalars(values) => {
            Values::Scalars(Cow::Owned(apply_with(starts, taps, |start, row| {
                let mut sum = ScalarSum::default();
                for (offset, weight) in row {
                    sum.add(&values[start + offset], weight);
                }
                sum.reduce()
            })))
        }
    }
}

fn apply_with<W: Sync>(
    starts: &[usize],
    taps: &[Vec<(usize, W)>],
    dot: impl Fn(usize, &[(usize, W)]) -> Scalar + Sync,
) -> Vec<Scalar> {
    let mut result = vec![Scalar::default(); starts.len() * taps.len()];
    result.par_chunks_mut(taps.len()).zip(starts).with_min_len(16).for_each(|(out, start)| {
        for (slot, row) in out.iter_mut().zip(taps) {
            *slot = dot(*start, row);
        }
    });
    result
}

/// The same over integers; `None` when a sum does not fit, or might not fit 127 bits.
fn apply_integers(
    values: &[i64],
    starts: &[usize],
    taps: &[Vec<(usize, i64)>],
) -> Option<Vec<i64>> {
    let bounded = |row: &Vec<(usize, i64)>| {
        row.iter().map(|(_, w)| u128::from(w.unsigned_abs())).sum::<u128>() < 1 << 63
    };
    if !taps.iter().all(bounded) {
        return None;
    }
    let mut result = Vec::with_capacity(starts.len() * taps.len());
    for start in starts {
        for row in taps {
            let sum: i128 = row
                .iter()
                .map(|(offset, w)| i128::from(values[start + offset]) * i128::from(*w))
                .sum();
            result.push(i64::try_from(sum).ok()?);
        }
    }
    Some(result)
}

/// Sorts the row axes; axes that no component touched cannot remain.
fn order(array: Array<'_>, rows: usize) -> Values<'_> {
    let strides = strides(&array.axes);
    let sorted: Vec<(usize, usize)> = (0..rows)
        .filter_map(|row| array.axes.iter().position(|(axis, _)| *axis == Axis::Row(row)))
        .map(|at| (array.axes[at].1, strides[at]))
        .collect();
    if sorted.windows(2).all(|pair| pair[0].1 >= pair[1].1) {
        return array.values;
    }
    let places = offsets(&sorted);
    match array.values {
        Values::Integers(values) => Values::Integers(places.iter().map(|at| values[*at]).collect()),
        Values::Scalars(values) => Values::Scalars(places.iter().map(|at| values[*at]).collect()),
    }
}

fn strides(axes: &[(Axis, usize)]) -> Vec<usize> {
    let mut strides = vec![1; axes.len()];
    for i in (1..axes.len()).rev() {
        strides[i - 1] = strides[i] * axes[i].1;
    }
    strides
}

/// Offsets of all indices over (extent, stride) pairs, row-major.
fn offsets(axes: &[(usize, usize)]) -> Vec<usize> {
    let mut list = vec![0usize];
    for (extent, stride) in axes {
        list = list.iter().flat_map(|base| (0..*extent).map(move |i| base + i * stride)).collect();
    }
    list
}
