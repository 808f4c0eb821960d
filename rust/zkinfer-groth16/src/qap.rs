//! From rows to one polynomial, as circom and snarkjs do it.
//!
//! With A, B and C interpolated over a domain of n points, `P = A B - C` vanishes on it when every
//! row is satisfied. P has degree below 2 n, so it is given by its values on the odd powers of a
//! root of unity of order 2 n, and those are what the points [`crate::zkey::H`] are for.

use crate::error::Error;
use crate::field::Scalar;
use crate::r1cs::R1cs;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;
use zeroize::Zeroizing;

/// The domain, and that of twice as many points.
///
/// # Errors
/// [`Error::Circuit`] when the field has no roots of unity for it.
pub fn domains(
    size: usize,
) -> Result<(Radix2EvaluationDomain<Scalar>, Radix2EvaluationDomain<Scalar>), Error> {
    let none = || Error::Circuit(format!("a domain of {size} points exceeds the field's"));
    let twice = size.checked_mul(2).and_then(Radix2EvaluationDomain::new).ok_or_else(none)?;
    Ok((Radix2EvaluationDomain::new(size).ok_or_else(none)?, twice))
}

/// P at the odd points, for an assignment; the first row that it does not satisfy is an error.
///
/// # Errors
/// [`Error::Unsatisfied`].
pub fn quotient(circuit: &R1cs, assignment: &[Scalar]) -> Result<Zeroizing<Vec<Scalar>>, Error> {
    let mut sides: Vec<Zeroizing<Vec<Scalar>>> = [&circuit.a, &circuit.b, &circuit.c]
        .par_iter()
        .map(|matrix| Zeroizing::new(circuit.evaluate(matrix, assignment)))
        .collect();
    let [a, b, c] = sides.as_slice() else { return Ok(Zeroizing::default()) };
    let products = a.par_iter().zip(b.par_iter()).zip(c.par_iter());
    if let Some(row) = products.position_first(|((a, b), c)| *a * b != *c) {
        return Err(Error::Unsatisfied(row));
    }
    let (once, twice) = domains(circuit.domain)?;
    let coset = once.get_coset(twice.group_gen()).unwrap_or(once);
    sides.par_iter_mut().for_each(|values| {
        once.ifft_in_place(&mut **values);
        coset.fft_in_place(&mut **values);
    });
    let [a, b, c] = sides.as_mut_slice() else { return Ok(Zeroizing::default()) };
    a.par_iter_mut().zip(b.par_iter()).zip(c.par_iter()).for_each(|((a, b), c)| {
        *a *= b;
        *a -= c;
    });
    Ok(std::mem::take(a))
}
