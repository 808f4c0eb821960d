//! The prover.
//!
//! With r and s uniform:
//!
//! ```text
//! A = alpha + sum_i z_i A_i + r delta
//! B = beta + sum_i z_i B_i + s delta
//! C = sum_private z_i C_i + sum_j P_j H_j + s A + r B - r s delta
//! ```
//!
//! A and B are uniform and the verifier's equation fixes C, so a proof that verifies shows nothing,
//! whoever made the setup. A proof that does not is not released.

use crate::error::Error;
use crate::field::{Scalar, to_bytes};
use crate::msm::msm;
use crate::qap::quotient;
use crate::random::Randomness;
use crate::stop::go_on;
use crate::verify::{Proof, verify};
use crate::zkey::{self, Zkey};
use ark_bn254::{g1, g2};
use ark_ec::CurveGroup;
use ark_ff::Field;
use std::sync::atomic::AtomicBool;
use zeroize::Zeroizing;

/// Proves for an assignment of all wires, the one first. `stop` is looked at between steps.
///
/// # Errors
/// [`Error::Statement`] when the assignment does not fit the circuit, [`Error::Unsatisfied`] with
/// the first row that does not hold, [`Error::Setup`] when the setup's points are damaged or not
/// the circuit's, [`Error::Stopped`] when the system gives no entropy or `stop` becomes true.
pub fn prove(setup: &Zkey, assignment: &[Scalar], stop: &AtomicBool) -> Result<Proof, Error> {
    let (want, got) = (setup.circuit.wires, assignment.len());
    if want != got {
        return Err(Error::Statement(format!("the circuit has {want} wires, not {got}")));
    }
    if assignment.first() != Some(&Scalar::ONE) {
        return Err(Error::Statement("the first wire must be one".into()));
    }
    let signals = setup.circuit.public.saturating_add(1);
    let (public, private) = assignment.split_at_checked(signals).unwrap_or_default();
    let quotient = quotient(&setup.circuit, assignment)?;
    let blinds = blinds(setup, assignment)?;
    let [r, s] = &*blinds;

    go_on(stop)?;
    let a = msm::<g1::Config>(&setup.points(zkey::A)?, assignment);
    let a = a + setup.key.alpha + setup.delta * r;
    go_on(stop)?;
    let b = msm::<g2::Config>(&setup.points(zkey::B2)?, assignment);
    let b = b + setup.key.beta + setup.key.delta * s;
    go_on(stop)?;
    let b1 = msm::<g1::Config>(&setup.points(zkey::B1)?, assignment);
    let b1 = b1 + setup.beta + setup.delta * s;
    go_on(stop)?;
    let c = msm::<g1::Config>(&setup.points(zkey::C)?, private);
    go_on(stop)?;
    let h = msm::<g1::Config>(&setup.points(zkey::H)?, &quotient);
    let c = c + h + a * s + b1 * r - setup.delta * (*r * s);

    let proof = Proof { a: a.into_affine(), b: b.into_affine(), c: c.into_affine() };
    go_on(stop)?;
    let released = Proof::read(&proof.to_bytes());
    let public = public.get(1..).unwrap_or_default();
    match released.and_then(|proof| verify(&setup.key, public, &proof)) {
        Ok(()) => Ok(proof),
        Err(_) => {
            Err(Error::Setup("a proof made with it does not verify: its points are wrong".into()))
        }
    }
}

/// r and s, which no other assignment or setup shares.
fn blinds(setup: &Zkey, assignment: &[Scalar]) -> Result<Zeroizing<[Scalar; 2]>, Error> {
    let secrets: Zeroizing<Vec<[u8; 32]>> =
        Zeroizing::new(assignment.iter().map(to_bytes).collect());
    let mut random = Randomness::new([secrets.as_flattened(), &setup.key.to_bytes()])?;
    Ok(Zeroizing::new([random.scalar(), random.scalar()]))
}
