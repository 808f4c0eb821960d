//! A setup for development: one machine draws the secrets of which a ceremony would know no one.
//!
//! Whoever has tau, alpha, beta and delta proves anything. They come from the system's entropy and,
//! like all that is computed from them, are erased here; who does not trust the machine needs a
//! ceremony. gamma is the generator, as in snarkjs.

use crate::error::Error;
use crate::field::Scalar;
use crate::points::{self, Curve};
use crate::qap::domains;
use crate::r1cs::{Entry, R1cs, at};
use crate::random::Randomness;
use crate::stop::go_on;
use crate::zkey;
use ark_bn254::{G1Projective, G2Projective};
use ark_ec::scalar_mul::BatchMulPreprocessing;
use ark_ec::short_weierstrass::Projective;
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::{Field, Zero};
use ark_poly::EvaluationDomain;
use rayon::prelude::*;
use std::sync::atomic::AtomicBool;
use zeroize::Zeroizing;

/// Scalars whose points are made at a time.
const SHARE: usize = 1024;

/// Secret scalars.
type Secrets = Zeroizing<Vec<Scalar>>;

/// The setup of a circuit, as a `.zkey` file. `stop` is looked at between steps.
///
/// # Errors
/// [`Error::Stopped`] when the system gives no entropy or `stop` becomes true.
pub fn generate(circuit: &R1cs, stop: &AtomicBool) -> Result<Vec<u8>, Error> {
    let mut random = Randomness::new([])?;
    let secrets = Zeroizing::new([(); 3].map(|()| random.unit()));
    let [alpha, beta, delta] = &*secrets;
    let over_delta = Zeroizing::new(delta.inverse().unwrap_or_default());
    let (basis, mut odd) = lagrange(circuit.domain, &mut random)?;
    let signals = circuit.public.saturating_add(1);
    let a = combine(circuit.wires, &circuit.a, &basis);
    let b = combine(circuit.wires, &circuit.b, &basis);
    let mut mixed = combine(circuit.wires, &circuit.c, &basis);
    for ((mixed, a), b) in mixed.iter_mut().zip(a.iter()).zip(b.iter()) {
        *mixed += *beta * a + *alpha * b;
    }
    mixed.iter_mut().skip(signals).chain(odd.iter_mut()).for_each(|value| *value *= *over_delta);
    let (public, private) = mixed.split_at_checked(signals).unwrap_or_default();
    go_on(stop)?;

    let (one, two) = (G1Projective::generator(), G2Projective::generator());
    let g1 = [alpha, beta, delta].map(|scalar| (one * scalar).into_affine());
    let g2 = [beta, &Scalar::ONE, delta].map(|scalar| (two * scalar).into_affine());
    let mut out = zkey::begin_file(circuit, &g1, &g2);
    let table = BatchMulPreprocessing::new(one, circuit.domain);
    let lists =
        [(zkey::IC, public), (zkey::A, &a), (zkey::B1, &b), (zkey::C, private), (zkey::H, &odd)];
    for (kind, scalars) in lists {
        zkey::add_points(&mut out, kind, &encoded(&table, scalars));
        go_on(stop)?;
    }
    let table = BatchMulPreprocessing::new(two, circuit.domain);
    zkey::add_points(&mut out, zkey::B2, &encoded(&table, &b));
    Ok(out)
}

/// The Lagrange basis over the domain, and over twice the domain at its odd points, both at a
/// secret tau outside of these.
fn lagrange(domain: usize, random: &mut Randomness) -> Result<(Secrets, Secrets), Error> {
    let (once, twice) = domains(domain)?;
    loop {
        let tau = Zeroizing::new(random.scalar());
        if !twice.evaluate_vanishing_polynomial(*tau).is_zero() {
            let all = Zeroizing::new(twice.evaluate_all_lagrange_coefficients(*tau));
            let odd = all.iter().skip(1).step_by(2).copied().collect();
            let basis = once.evaluate_all_lagrange_coefficients(*tau);
            return Ok((Zeroizing::new(basis), Zeroizing::new(odd)));
        }
    }
}

/// By wires, the sums of a matrix's entries times their rows' polynomials.
fn combine(wires: usize, matrix: &[Entry], basis: &[Scalar]) -> Secrets {
    let mut sums = Zeroizing::new(vec![Scalar::zero(); wires]);
    for Entry { row, wire, value } in matrix {
        if let (Some(sum), Some(basis)) = (sums.get_mut(at(*wire)), basis.get(at(*row))) {
            *sum += *value * basis;
        }
    }
    sums
}

/// Multiples of a table's point as setups encode them, in shares.
fn encoded<P: Curve>(
    table: &BatchMulPreprocessing<Projective<P>>,
    scalars: &[Scalar],
) -> Vec<Vec<u8>> {
    let share = |scalars: &[Scalar]| {
        let mut out = Vec::with_capacity(scalars.len() * 2 * P::BYTES);
        table.batch_mul(scalars).iter().for_each(|point| points::write(&mut out, point));
        out
    };
    scalars.par_chunks(SHARE).map(share).collect()
}
