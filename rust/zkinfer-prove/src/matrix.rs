//! `M(y) = (A~ + rho B~ + rho^2 C~)(rx, y)` restricted to one tensor.
//!
//! A term's share of M is an outer product over its connected components, so on a tensor M is a
//! short sum of `rest(i) last(k)`, k being the index along the last axis. Terms with equal `last`
//! share a class; a bit axis is read with few different place values, whatever reads it.

use ark_ff::{AdditiveGroup, Field};
use zkinfer_verify::circuit::{Circuit, Component, Term};
use zkinfer_verify::matrix::{axis_vector, grid_eq, visit_component};
use zkinfer_verify::scalar::Scalar;

/// One summand of M on a tensor, over true extents.
pub struct Class {
    /// Over the axes but the last, row-major.
    pub rest: Vec<Scalar>,
    /// Over the last axis.
    pub last: Vec<Scalar>,
}

/// M on one tensor.
pub enum Matrix {
    /// `sum_c rest_c(i) last_c(k)`.
    Classes(Vec<Class>),
    /// Every entry, row-major: a term couples the last axis with another.
    Entries(Vec<Scalar>),
}

/// The row point's eq vectors of every block, computed once.
pub struct RowVectors(Vec<Vec<Vec<Scalar>>>);

impl RowVectors {
    /// One vector per row axis of each block.
    pub fn new(circuit: &Circuit, rx: &[Scalar]) -> Self {
        RowVectors(circuit.blocks.iter().map(|block| grid_eq(&block.grid, 0, rx)).collect())
    }
}

/// Terms that read each tensor: (block, power of rho, term).
pub fn readers(circuit: &Circuit) -> Vec<Vec<(usize, usize, &Term)>> {
    let mut readers = vec![Vec::new(); circuit.tensors.len()];
    for (index, block) in circuit.blocks.iter().enumerate() {
        for (power, terms) in block.matrices.iter().enumerate() {
            for term in terms {
                readers[term.tensor].push((index, power, term));
            }
        }
    }
    readers
}

/// M on a tensor; `powers` are 1, rho, rho^2.
pub fn on_tensor(
    circuit: &Circuit,
    tensor: usize,
    readers: &[(usize, usize, &Term)],
    rows: &RowVectors,
    powers: &[Scalar; 3],
    challenges: &[Vec<Scalar>],
) -> Matrix {
    let extents = &circuit.tensors[tensor].grid.extents;
    let last = extents.len() - 1;
    let separate = readers.iter().all(|(_, _, term)| {
        term.components().iter().all(|c| !c.tensor_axes.contains(&last) || c.tensor_axes == [last])
    });
    let separate = separate && last > 0;
    let axes = if separate { last } else { last + 1 };
    let mut classes: Vec<Class> = Vec::new();
    for (block, power, term) in readers {
        let mut factor = term.coefficient * powers[*power];
        let mut parts = Vec::new();
        let mut along = vec![Scalar::ONE];
        for component in term.components() {
            let vector = component_vector(term, &component, extents, &rows.0[*block], challenges);
            match component.tensor_axes[..] {
                [] => factor *= vector[0],
                [axis] if separate && axis == last => along = vector,
                _ => parts.push((component.tensor_axes.clone(), vector)),
            }
        }
        let share = outer_product(factor, &parts, &extents[..axes]);
        match classes.iter_mut().find(|class| class.last == along) {
            Some(class) => class.rest.iter_mut().zip(share).for_each(|(sum, x)| *sum += x),
            None => classes.push(Class { rest: share, last: along }),
        }
    }
    if separate {
        return Matrix::Classes(classes);
    }
    let entries = extents.iter().product();
    Matrix::Entries(classes.pop().map_or(vec![Scalar::default(); entries], |class| class.rest))
}

/// For every index along a component's tensor axes, the weight with which the component reads it.
fn component_vector(
    term: &Term,
    component: &Component,
    extents: &[usize],
    rows: &[Vec<Scalar>],
    challenges: &[Vec<Scalar>],
) -> Vec<Scalar> {
    let vectors: Vec<Vec<Scalar>> = component
        .axes
        .iter()
        .map(|axis| axis_vector(term, *axis, rows.get(*axis), challenges))
        .collect();
    let count = component.tensor_axes.iter().map(|axis| extents[*axis]).product();
    let mut result = vec![Scalar::ZERO; count];
    if let ([axis], [tensor_axis], [vector]) =
        (&component.axes[..], &component.tensor_axes[..], &vectors[..])
    {
        let index = &term.index[*tensor_axis];
        let places = (0..).map(|i: i64| index.base + index.strides[*axis] * i);
        for (weight, place) in vector.iter().zip(places) {
            if let Some(slot) = usize::try_from(place).ok().and_then(|at| result.get_mut(at)) {
                *slot += weight;
            }
        }
        return result;
    }
    visit_component(term, component, extents, |position, reads| {
        let place = component
            .tensor_axes
            .iter()
            .zip(reads)
            .fold(0, |place, (axis, index)| place * extents[*axis] + index);
        let weights = vectors.iter().zip(position).map(|(v, at)| v[*at]);
        result[place] += weights.reduce(|a, b| a * b).unwrap_or(Scalar::ONE);
    });
    result
}

/// `factor * prod_parts part(its axes)` at every index, row-major: one product an entry.
fn outer_product(
    factor: Scalar,
    parts: &[(Vec<usize>, Vec<Scalar>)],
    extents: &[usize],
) -> Vec<Scalar> {
    // Parts by the axis that completes them; within the index so far, a part is a strided read.
    let mut result = vec![factor];
    let mut indices: Vec<Vec<usize>> = vec![Vec::new()];
    let coupled = parts.iter().any(|(axes, _)| axes.len() > 1);
    for (axis, extent) in extents.iter().enumerate() {
        let complete: Vec<&(Vec<usize>, Vec<Scalar>)> =
            parts.iter().filter(|(axes, _)| axes.last() == Some(&axis)).collect();
        let mut next = Vec::with_capacity(result.len() * extent);
        let mut next_indices = Vec::new();
        for (position, value) in result.iter().enumerate() {
            for i in 0..*extent {
                let mut product = *value;
                for (axes, vector) in &complete {
                    let place = if coupled {
                        let index = &indices[position];
                        axes.iter().fold(0, |place, a| {
                            place * extents[*a] + if *a == axis { i } else { index[*a] }
                        })
                    } else {
                        i
                    };
                    product *= vector[place];
                }
                next.push(product);
                if coupled {
                    let mut index = indices[position].clone();
                    index.push(i);
                    next_indices.push(index);
                }
            }
        }
        result = next;
        indices = next_indices;
    }
    result
}
