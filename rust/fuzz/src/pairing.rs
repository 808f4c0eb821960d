//! The readers of pairing proofs' circuits, setups, keys, openings and proofs.

use crate::{EXPANDED, READING, bounded, take};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use zkinfer_groth16::field::{BYTES, scalars, to_bytes};
use zkinfer_groth16::key::{Key, read_commitment};
use zkinfer_groth16::opening;
use zkinfer_groth16::points::compress;
use zkinfer_groth16::prove::prove;
use zkinfer_groth16::r1cs::R1cs;
use zkinfer_groth16::verify::{Proof, verify};
use zkinfer_groth16::zkey::Zkey;

/// Circuits of more wires are left out, so that time goes into readers and not into sums of points.
const MAX_WIRES: usize = 1 << 8;
/// Nobody gives up here.
static GO: AtomicBool = AtomicBool::new(false);
/// The case with an honest opening.
const OPENING: &[u8] = include_bytes!("../corpus/opening/perceptron");
/// The case with an honest proof.
const PROOF: &[u8] = include_bytes!("../corpus/pairing/perceptron");

/// Reads a circuit.
pub fn r1cs(data: &[u8]) {
    bounded(EXPANDED * data.len() + READING, || drop(R1cs::read(&data.to_vec())));
}

/// Reads a setup of a circuit and proves with it: the circuit's length (u32), the circuit, the
/// setup's length (u32), the setup, the values of the wires.
///
/// # Panics
/// If a key is accepted that is none, or a proof released that does not verify.
pub fn setup(mut data: &[u8]) {
    bounded(EXPANDED * data.len() + READING, || {
        let (circuit, file) = (part(&mut data), part(&mut data));
        let Ok(circuit) = R1cs::read(&circuit.to_vec()) else { return };
        let Ok(setup) = Zkey::read(Box::new(file.to_vec()), circuit) else { return };
        assert_eq!(Key::read(&setup.key.to_bytes()).as_ref(), Ok(&setup.key));
        let (wires, public) = (setup.circuit.wires, setup.circuit.public);
        if wires > MAX_WIRES {
            return;
        }
        let values: Vec<u8> = (0..wires).flat_map(|_| take::<BYTES>(&mut data)).collect();
        let Ok(values) = scalars(&values, "the values") else { return };
        if let Ok(proof) = prove(&setup, &values, &GO) {
            assert_eq!(verify(&setup.key, &values[1..=public], &proof), Ok(()));
        }
    });
}

/// Checks any opening of any commitment: the length (u32) of a setup's key, the key, the number of
/// public values (u32), the commitment, the seed, the opening.
///
/// # Panics
/// If a point has two encodings, or if an opening for the honest case's key is accepted that is not
/// the honest one.
pub fn opening(data: &[u8]) {
    let accepted = bounded(EXPANDED * data.len() + READING, || opens(data).unwrap_or_default());
    if part(&mut &*data) == part(&mut &*OPENING) {
        assert_eq!(accepted, data == OPENING, "only the honest opening is accepted");
    }
}

fn opens(mut data: &[u8]) -> Option<bool> {
    let key = key(part(&mut data))?;
    let public = usize::try_from(u32::from_le_bytes(take(&mut data))).ok()?;
    let commitment: [u8; BYTES] = take(&mut data);
    let point = read_commitment(&commitment).ok()?;
    assert_eq!(compress(&point), commitment);
    if let Ok(model) = key.model(public, &point) {
        assert_eq!(Key::read(&model.to_bytes()), Ok(model));
    }
    let seed = take(&mut data);
    Some(opening::check(&key, public, &point, &seed, data).is_ok())
}

/// Verifies any proof under any model's key: the key's length (u32), the key, the values that it
/// takes, the proof. What is missing is zero.
///
/// # Panics
/// If a number or a point has two encodings, or if other values than the honest ones are proved
/// under the honest case's key.
pub fn pairing(data: &[u8]) {
    static VALUES: OnceLock<Vec<u8>> = OnceLock::new();
    let honest = VALUES.get_or_init(|| proved(PROOF).expect("the honest proof is accepted"));
    let proved = bounded(EXPANDED * data.len() + READING, || proved(data));
    if part(&mut &*data) == part(&mut &*PROOF)
        && let Some(values) = proved
    {
        assert_eq!(values, *honest, "only the honest values are proved");
    }
}

/// The values that a proof is about, if it is accepted.
fn proved(mut data: &[u8]) -> Option<Vec<u8>> {
    let key = key(part(&mut data))?;
    let values: Vec<u8> = key.ic.iter().skip(1).flat_map(|_| take::<BYTES>(&mut data)).collect();
    let read = scalars(&values, "the values").ok()?;
    assert!(read.iter().flat_map(to_bytes).eq(values.iter().copied()));
    let bytes: [u8; Proof::BYTES] = take(&mut data);
    let proof = Proof::read(&bytes).ok()?;
    assert_eq!(proof.to_bytes(), bytes);
    verify(&key, &read, &proof).ok().map(|()| values)
}

/// Reads a key, whose points have one encoding each.
fn key(bytes: &[u8]) -> Option<Key> {
    let key = Key::read(bytes).ok()?;
    assert_eq!(key.to_bytes(), bytes);
    Some(key)
}

/// Bytes behind their length (u32); fewer where the data end.
fn part<'a>(data: &mut &'a [u8]) -> &'a [u8] {
    let length = usize::try_from(u32::from_le_bytes(take(data))).unwrap_or(usize::MAX);
    let (part, rest) = data.split_at(length.min(data.len()));
    *data = rest;
    part
}
