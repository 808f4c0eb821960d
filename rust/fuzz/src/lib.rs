//! What the fuzzers run: the readers of hostile bytes and the verifiers, on any bytes.
//!
//! A target returns or panics. It panics if the code under test does, if that takes more memory than
//! docs/formats.md allows, or if something is accepted that is not what an honest prover made. Seeds and inputs
//! that once did harm lie in `corpus/`, a folder a target; `seeds.py` writes the seeds.
//!
//! ```text
//! cargo +nightly fuzz run --fuzz-dir rust/fuzz --features libfuzzer verify -- -timeout=5
//! ```

mod memory;
mod pairing;

use memory::peak;
pub use pairing::{opening, pairing, r1cs, setup};
use std::sync::OnceLock;
use zkinfer_verify::circuit::{Binding, Circuit};
use zkinfer_verify::proof::Proof;
use zkinfer_verify::transcript::Kind;
use zkinfer_verify::verify::{Statement, Verifier};

/// Bytes that reading may take besides ten times the file.
const READING: usize = 16 << 20;
/// Bytes of memory for a byte of a circuit, and of what pairing proofs are made with.
const EXPANDED: usize = 64;
/// Bytes that verifying may take besides that.
const VERIFYING: usize = 512 << 20;
/// Larger C are left out, so that time goes into the verifier and not into its generators.
const MAX_COLUMNS_LOG2: u32 = 10;
/// Proofs up to this length are completed with zeros.
const MAX_PROOF: usize = 1 << 18;
/// A case with an honest proof.
const HONEST: &[u8] = include_bytes!("../corpus/verify/matmul");

/// A statement and a proof: the circuit's length (u32), the circuit, the key's digest, the rows of
/// what is committed, the public values, the proof. What is missing is zero.
struct Case {
    verifier: Verifier,
    key_digest: [u8; 32],
    public: Vec<i64>,
    proof: Vec<u8>,
}

/// Reads a circuit.
pub fn circuit(data: &[u8]) {
    bounded(EXPANDED * data.len() + READING, || drop(Circuit::parse(data)));
}

/// Verifies any proof of any statement about any circuit.
pub fn verify(data: &[u8]) {
    bounded(EXPANDED * data.len() + READING + VERIFYING, || {
        if let Some(case) = Case::read(data) {
            case.accepts(&case.proof);
        }
    });
}

/// Verifies any proof of one statement.
///
/// # Panics
/// If a proof is accepted that is not the one which was made.
pub fn proof(data: &[u8]) {
    static CASE: OnceLock<Case> = OnceLock::new();
    let case = CASE.get_or_init(|| Case::read(HONEST).expect("the honest case is readable"));
    let accepted = bounded(10 * data.len() + READING, || case.accepts(data));
    assert_eq!(accepted, data == case.proof, "only the honest proof is accepted");
}

/// Runs a target's work.
///
/// # Panics
/// If it takes more than `limit` bytes.
fn bounded<T>(limit: usize, work: impl FnOnce() -> T) -> T {
    let (result, taken) = peak(work);
    assert!(taken <= limit, "{taken} bytes of memory; at most {limit} are allowed");
    result
}

impl Case {
    fn read(data: &[u8]) -> Option<Case> {
        let (length, data) = data.split_at_checked(4)?;
        let length = u32::from_le_bytes(length.try_into().ok()?);
        let (circuit, mut data) = data.split_at_checked(usize::try_from(length).ok()?)?;
        let circuit = Circuit::parse(circuit).ok()?;
        let values: usize = circuit.public_tensors().map(|tensor| tensor.grid.count()).sum();
        let rows: Vec<usize> =
            circuit.bound(Binding::Committed).map(|(_, segment)| circuit.rows(segment)).collect();
        let most = rows.iter().fold(values, |most, rows| most.max(*rows));
        if circuit.columns_log2 > MAX_COLUMNS_LOG2 || most > MAX_PROOF / 32 {
            return None;
        }
        let key_digest = take(&mut data);
        let rows = rows.iter().map(|count| Some((0..*count).map(|_| take(&mut data)).collect()));
        let rows = rows.collect();
        let public = (0..values).map(|_| i64::from_le_bytes(take(&mut data))).collect();
        let mut proof = data.to_vec();
        let length = Proof::length(&circuit);
        if length <= MAX_PROOF {
            proof.resize(length, 0);
        }
        let verifier = Verifier::new(circuit, rows).ok()?;
        Some(Case { verifier, key_digest, public, proof })
    }

    fn accepts(&self, proof: &[u8]) -> bool {
        let statement = Statement {
            kind: Kind::Proof,
            key_digest: &self.key_digest,
            context: b"",
            public: &self.public,
            data: b"",
            rows: &[],
            hidden: None,
        };
        self.verifier.verify(&statement, proof).is_ok()
    }
}

/// The next N bytes; zeros after the end.
fn take<const N: usize>(data: &mut &[u8]) -> [u8; N] {
    let mut array = [0; N];
    let (head, rest) = data.split_at(N.min(data.len()));
    array[..head.len()].copy_from_slice(head);
    *data = rest;
    array
}
