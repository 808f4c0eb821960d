//! The values of A.z and B.z on every block, and the sketch that follows from them.

use crate::rows::evaluate;
use crate::witness::{Data, Witness};
use ark_ff::batch_inversion;
use rayon::prelude::*;
use zkinfer_verify::circuit::{Block, Circuit, Defines, Term};
use zkinfer_verify::scalar::Scalar;

/// The values of A.z and B.z on one block, row-major.
pub struct Products {
    /// First row of the block, and its grid.
    pub block: usize,
    /// A.z.
    pub a: Vec<Scalar>,
    /// B.z.
    pub b: Vec<Scalar>,
}

/// Evaluates every block with terms in A or B, and sets what each block defines. Blocks of C alone
/// hold when C.z = 0 and add nothing to A, B and C.
pub fn products(
    circuit: &Circuit,
    witness: &mut Witness<'_>,
    challenges: &[Vec<Scalar>],
) -> Vec<Products> {
    let evaluated: Vec<Products> = circuit
        .blocks
        .par_iter()
        .enumerate()
        .filter(|(_, block)| block.matrices[..2].iter().any(|terms| !terms.is_empty()))
        .map(|(index, block)| {
            let [a, b, c] = &block.matrices;
            let a = evaluate(circuit, block, a, witness, challenges);
            let b = match block.defines {
                Defines::Quotient => {
                    quotients(&a, evaluate(circuit, block, c, witness, challenges))
                }
                _ => evaluate(circuit, block, b, witness, challenges),
            };
            Products { block: index, a, b }
        })
        .collect();
    for product in &evaluated {
        let block = &circuit.blocks[product.block];
        let Some(term) = block.defined() else { continue };
        let values = match block.defines {
            Defines::Quotient => product.b.clone(),
            _ => product.a.iter().zip(&product.b).map(|(a, b)| *a * b).collect(),
        };
        set_sketch(circuit, block, term, values, witness);
    }
    evaluated
}

/// The first block with a row that does not hold.
pub fn unsatisfied<'a>(
    circuit: &'a Circuit,
    witness: &Witness<'_>,
    challenges: &[Vec<Scalar>],
) -> Option<&'a Block> {
    circuit.blocks.iter().find(|block| {
        let side = |terms| evaluate(circuit, block, terms, witness, challenges);
        let [a, b, c] = block.matrices.each_ref().map(|terms| side(terms));
        a.iter().zip(&b).zip(&c).any(|((a, b), c)| *a * b != *c)
    })
}

/// `c / a`; an `a` of zero, which no honest challenge meets, gives zero.
fn quotients(a: &[Scalar], c: Vec<Scalar>) -> Vec<Scalar> {
    let mut quotients = a.to_vec();
    quotients.par_chunks_mut(1 << 14).for_each(batch_inversion);
    quotients.par_iter_mut().zip(c).for_each(|(inverse, c)| *inverse *= c);
    quotients
}

fn set_sketch(
    circuit: &Circuit,
    block: &Block,
    term: &Term,
    values: Vec<Scalar>,
    witness: &mut Witness<'_>,
) {
    let grid = &circuit.tensors[term.tensor].grid;
    let mut entries = vec![Scalar::default(); grid.count()];
    for (place, value) in places(term, &grid.extents, &block.grid.extents).into_iter().zip(values) {
        entries[place] = value;
    }
    witness.tensors[term.tensor] = Data::Scalars(entries);
}

/// Row-major places in the tensor that the rows of a plain view read, in row order.
fn places(term: &Term, extents: &[usize], rows: &[usize]) -> Vec<usize> {
    let mut strides = vec![1i64; extents.len()];
    for axis in (1..extents.len()).rev() {
        strides[axis - 1] = strides[axis] * extents[axis] as i64;
    }
    let mut places: Vec<i64> =
        vec![term.index.iter().zip(&strides).map(|(index, stride)| index.base * stride).sum()];
    for (axis, extent) in rows.iter().enumerate() {
        let step: i64 =
            term.index.iter().zip(&strides).map(|(i, stride)| i.strides[axis] * stride).sum();
        places =
            places.iter().flat_map(|p| (0..*extent as i64).map(move |i| p + i * step)).collect();
    }
    places.into_iter().map(|place| place as usize).collect()
}
