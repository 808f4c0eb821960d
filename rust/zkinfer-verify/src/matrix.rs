//! The multilinear extensions of A, B and C in closed form.
//!
//! `M~(rx, ry) = sum_{row, address} M[row, address] eq(rx, row) eq(ry, address)`. Addresses are
//! made of axis indices, so for one term the sum is a product over its connected components
//! ([`Term::components`]): the cost is the sum of the components' sizes, not the number of rows.

use crate::circuit::{Block, Circuit, Component, Grid, Projection, Term, Weight, log2};
use crate::scalar::{Scalar, eq_range, eq_table};
use crate::transcript::expand;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;

/// `eq(point, address)` as one vector per axis of a grid: their product, at an index, is eq at the
/// index's address. Entry i of the vector of axis a belongs to index i.
pub fn grid_eq(grid: &Grid, start: usize, point: &[Scalar]) -> Vec<Vec<Scalar>> {
    let base = start.saturating_add(grid.offset);
    let mut vectors = Vec::with_capacity(grid.extents.len());
    let mut upper = point.len();
    for (axis, (extent, stride)) in grid.extents.iter().zip(&grid.strides).enumerate() {
        let low = log2(*stride).min(point.len());
        let coordinates = point.get(low..upper).unwrap_or_default();
        let first = if axis == 0 { base / stride } else { 0 };
        vectors.push(eq_range(coordinates, first, *extent));
        upper = low;
    }
    vectors
}

/// The challenge vectors of a circuit, as tables.
pub fn challenge_tables(points: &[Vec<Scalar>]) -> Vec<Vec<Scalar>> {
    points.iter().map(|point| eq_table(point)).collect()
}

/// The weight vector of one axis, multiplied into the row vector for a row axis.
pub fn axis_vector(
    term: &Term,
    axis: usize,
    rows: Option<&Vec<Scalar>>,
    challenges: &[Vec<Scalar>],
) -> Vec<Scalar> {
    let extent = term.extents.get(axis).copied().unwrap_or(0);
    let weights = match term.weights.get(axis) {
        Some(Weight::Power) => {
            std::iter::successors(Some(Scalar::ONE), |x| Some(x.double())).take(extent).collect()
        }
        Some(Weight::Challenge(id)) => challenges
            .get(*id)
            .map(|v| v.iter().take(extent).copied().collect())
            .unwrap_or_default(),
        Some(Weight::Constant(constants)) => constants.clone(),
        Some(Weight::Projection(projection)) => challenges
            .get(projection.challenge)
            .map(|v| projection.weights(v, extent))
            .unwrap_or_default(),
        Some(Weight::One) | None => match rows {
            Some(rows) => return rows.clone(),
            None => vec![Scalar::ONE; extent],
        },
    };
    match rows {
        Some(rows) => weights.iter().zip(rows).map(|(w, r)| *w * r).collect(),
        None => weights,
    }
}

impl Projection {
    /// `sum_h challenge(h) sign(h, i)` for every i below `extent`. The signs of i are `count`
    /// pairs of bits, the lowest of a byte first: 0 and 1 stand for 0, 2 for 1 and 3 for -1.
    fn weights(&self, challenge: &[Scalar], extent: usize) -> Vec<Scalar> {
        let group = |challenge: &[Scalar]| -> Vec<Scalar> {
            // For every byte the sum of its four signs times their entries.
            let mut table = vec![Scalar::ZERO];
            for entry in challenge.iter().rev() {
                let signs = [Scalar::ZERO, Scalar::ZERO, *entry, -*entry];
                table = table.iter().flat_map(|rest| signs.map(|sign| *rest + sign)).collect();
            }
            table
        };
        let used = challenge.get(..self.count).unwrap_or_default();
        let tables: Vec<Vec<Scalar>> = used.chunks_exact(4).map(group).collect();
        let size = self.count / 4;
        let weight = |bytes: &[u8]| -> Scalar {
            let read = |(table, byte): (&Vec<Scalar>, &u8)| table.get(usize::from(*byte)).copied();
            tables.iter().zip(bytes).filter_map(read).sum()
        };
        expand(&self.seed, extent.saturating_mul(size))
            .par_chunks_exact(size.max(1))
            .with_min_len(256)
            .map(weight)
            .collect()
    }
}

/// Visits every index of a component that reads inside the tensor: the visitor gets the positions
/// along the component's axes and the indices along its tensor axes.
pub fn visit_component(
    term: &Term,
    component: &Component,
    tensor_extents: &[usize],
    mut visit: impl FnMut(&[usize], &[usize]),
) {
    // What an index reads moves along with the position. It stays far within 64 bits: a circuit has
    // bases and strides of at most 2^34, extents below 2^23, and 16 axes a term.
    let axes: Vec<(usize, Vec<i64>)> = component
        .axes
        .iter()
        .filter_map(|axis| {
            let strides = component.tensor_axes.iter().filter_map(|tensor_axis| {
                term.index.get(*tensor_axis)?.strides.get(*axis).copied()
            });
            Some((*term.extents.get(*axis)?, strides.collect()))
        })
        .collect();
    let (mut reads, extents): (Vec<i64>, Vec<usize>) = component
        .tensor_axes
        .iter()
        .filter_map(|axis| Some((term.index.get(*axis)?.base, *tensor_extents.get(*axis)?)))
        .unzip();
    let mut position = vec![0usize; axes.len()];
    let mut indices = vec![0usize; reads.len()];
    loop {
        let inside = reads.iter().zip(&extents).zip(&mut indices).all(|((read, extent), index)| {
            *index = usize::try_from(*read).unwrap_or(usize::MAX);
            *index < *extent
        });
        if inside {
            visit(&position, &indices);
        }
        // The next position, last axis fastest.
        let mut carried = true;
        for (at, (extent, strides)) in position.iter_mut().zip(&axes).rev() {
            *at += 1;
            carried = *at == *extent;
            let steps = if carried { 1 - i64::try_from(*extent).unwrap_or(1) } else { 1 };
            reads.iter_mut().zip(strides).for_each(|(read, stride)| *read += steps * stride);
            if !carried {
                break;
            }
            *at = 0;
        }
        if carried {
            return;
        }
    }
}

/// `(A~ + rho B~ + rho^2 C~)(rx, ry)`.
pub fn evaluate(
    circuit: &Circuit,
    challenges: &[Vec<Scalar>],
    rho: &Scalar,
    rx: &[Scalar],
    ry: &[Scalar],
) -> Scalar {
    let tensors: Vec<Vec<Vec<Scalar>>> = circuit
        .tensors
        .par_iter()
        .map(|t| grid_eq(&t.grid, circuit.address(t).saturating_sub(t.grid.offset), ry))
        .collect();
    let block_share = |block: &Block| {
        let rows = grid_eq(&block.grid, 0, rx);
        let mut total = Scalar::ZERO;
        let mut power = Scalar::ONE;
        for terms in &block.matrices {
            for term in terms {
                if let Some(tensor) = tensors.get(term.tensor) {
                    total += power * evaluate_term(circuit, block, term, &rows, tensor, challenges);
                }
            }
            power *= rho;
        }
        total
    };
    circuit.blocks.par_iter().map(block_share).sum()
}

fn evaluate_term(
    circuit: &Circuit,
    block: &Block,
    term: &Term,
    rows: &[Vec<Scalar>],
    tensor_eq: &[Vec<Scalar>],
    challenges: &[Vec<Scalar>],
) -> Scalar {
    let Some(tensor) = circuit.tensors.get(term.tensor) else { return Scalar::ZERO };
    let row_axes = block.grid.extents.len();
    let mut product = term.coefficient;
    for component in term.components() {
        let vectors: Vec<Vec<Scalar>> = component
            .axes
            .iter()
            .map(|axis| {
                let rows = if *axis < row_axes { rows.get(*axis) } else { None };
                axis_vector(term, *axis, rows, challenges)
            })
            .collect();
        let reads: Vec<&Vec<Scalar>> =
            component.tensor_axes.iter().filter_map(|axis| tensor_eq.get(*axis)).collect();
        if let ([axis], [tensor_axis]) = (&component.axes[..], &component.tensor_axes[..])
            && let (Some(index), [weights], [reads]) =
                (term.index.get(*tensor_axis), &vectors[..], &reads[..])
        {
            let stride = index.strides.get(*axis).copied().unwrap_or(0);
            product *= strided_dot(weights, reads, index.base, stride);
            continue;
        }
        let mut sum = Scalar::ZERO;
        visit_component(term, &component, &tensor.grid.extents, |position, indices| {
            let factors = vectors
                .iter()
                .zip(position)
                .filter_map(|(v, at)| v.get(*at))
                .chain(reads.iter().zip(indices).filter_map(|(v, at)| v.get(*at)));
            sum += factors.copied().reduce(|a, b| a * b).unwrap_or(Scalar::ONE);
        });
        product *= sum;
    }
    product
}

/// `sum_i x_i y[base + stride i]` over the indices inside y: what most components come to.
fn strided_dot(x: &[Scalar], y: &[Scalar], base: i64, stride: i64) -> Scalar {
    let mut index = base;
    let mut sum = Scalar::ZERO;
    for x in x {
        if let Some(y) = usize::try_from(index).ok().and_then(|index| y.get(index)) {
            sum += *x * y;
        }
        index += stride;
    }
    sum
}
