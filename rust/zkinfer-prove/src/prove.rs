//! The prover, in the steps of docs/protocol.md section 3.

use crate::boolean::Boolean;
use crate::commit::{CommitmentKey, Half, encode};
use crate::inner::{self, BitClaim};
use crate::matrix::{self, RowVectors};
use crate::messages::Messages;
use crate::opening::{self, Claims, Committed, Image};
use crate::products;
use crate::random::Randomness;
use crate::witness::{Arrays, Witness, weighted_integers};
use crate::zerocheck::{self, Outer, SplitEq};
use ark_ff::Field;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use zeroize::Zeroizing;
use zkinfer_verify::circuit::{Circuit, SEGMENTS, Segment};
use zkinfer_verify::group::{Generators, decode_points, multiscalar};
use zkinfer_verify::matrix::challenge_tables;
use zkinfer_verify::proof::{Encoding, Proof};
use zkinfer_verify::scalar::{Scalar, from_bytes, to_bytes};
use zkinfer_verify::transcript::{self, Kind, Transcript, label};
use zkinfer_verify::verify::{
    Statement, absorb_points, absorb_statement, check_statement, draw_challenges,
    matrix_evaluation, public_evaluation,
};

/// What one proof is about, besides the weights.
pub struct Instance {
    /// Public tensors after the constant one.
    pub public: Arrays,
    /// Tensors of `input`.
    pub input: Arrays,
    /// Tensors of `bits`, without their last axis.
    pub bits: Arrays,
    /// Tensors of `trace`.
    pub trace: Arrays,
}

/// A prover with its commitment key and the committed weights.
pub struct Prover {
    circuit: Circuit,
    key: CommitmentKey,
    key_digest: [u8; 32],
    checked: bool,
    rows: Vec<Encoding>,
    weights: Zeroizing<Arrays>,
    weights_image: Zeroizing<Vec<i64>>,
    blindings: Zeroizing<Vec<Scalar>>,
}

/// Seconds spent in each step of a proof.
pub type Timings = Vec<(&'static str, f64)>;

/// Encoded rows and their blindings, 32 bytes each.
pub type Commitment = (Vec<Encoding>, Zeroizing<Vec<[u8; 32]>>);

/// Commits to weights: the rows, and their blindings (zero for public weights). A blinding depends
/// on the system's entropy, the circuit and all weights: with bad entropy it is as secret as these.
///
/// # Errors
/// A sentence when the arrays do not fit the circuit, or the system gives no entropy.
pub fn commit_weights(
    circuit: &Circuit,
    weights: &[Vec<i64>],
    hidden: bool,
) -> Result<Commitment, String> {
    let image = weights_image(circuit, weights)?;
    let count = circuit.rows(Segment::Weights);
    let blindings = if hidden {
        let digests = Zeroizing::new(row_digests(&image, circuit.columns()));
        let secrets: [&[u8]; 3] = [b"weights", &circuit.digest, digests.as_flattened()];
        Randomness::new(&secrets).map_err(entropy)?.scalars(count)
    } else {
        Zeroizing::new(vec![Scalar::default(); count])
    };
    let key = CommitmentKey::new(Generators::new(1 << circuit.columns_log2));
    let points: Vec<Half> = image
        .par_chunks_exact(circuit.columns())
        .zip(blindings.par_iter())
        .map(|(row, blinding)| key.integers(row, blinding))
        .collect();
    Ok((encode(&points), Zeroizing::new(blindings.iter().map(to_bytes).collect())))
}

/// SHA3-256 of each row of integers.
fn row_digests(image: &[i64], columns: usize) -> Vec<[u8; 32]> {
    image
        .par_chunks_exact(columns)
        .map(|row| {
            let bytes: Zeroizing<Vec<u8>> =
                Zeroizing::new(row.iter().flat_map(|value| value.to_le_bytes()).collect());
            transcript::digest(&bytes)
        })
        .collect()
}

fn entropy(error: getrandom::Error) -> String {
    format!("the system gives no entropy: {error}")
}

fn weights_image(circuit: &Circuit, weights: &[Vec<i64>]) -> Result<Vec<i64>, String> {
    let grids = circuit.tensors.iter().filter(|t| t.segment == Segment::Weights).map(|t| &t.grid);
    let mut image = vec![0i64; circuit.rows(Segment::Weights) * circuit.columns()];
    let mut arrays = weights.iter();
    for (index, grid) in grids.enumerate() {
        match arrays.next() {
            Some(values) if values.len() == grid.count() => {
                crate::witness::scatter(grid, values, &mut image);
            }
            Some(values) => {
                return Err(format!(
                    "weight tensor {index} has {} values, and the circuit has {}",
                    values.len(),
                    grid.count()
                ));
            }
            None => return Err(format!("weight tensor {index} is missing")),
        }
    }
    match arrays.next() {
        Some(_) => Err("there are more weight tensors than the circuit has".into()),
        None => Ok(image),
    }
}

impl Prover {
    /// Takes over a model's weights and the openings of their rows.
    ///
    /// # Errors
    /// A sentence when counts do not fit the circuit, a blinding is no canonical scalar, or weights
    /// and blindings do not open the rows.
    pub fn new(
        circuit: Circuit,
        weights: Arrays,
        rows: &[Encoding],
        blindings: &[[u8; 32]],
        key_digest: [u8; 32],
    ) -> Result<Self, String> {
        let prover = Self::unchecked(circuit, weights, rows, blindings, key_digest)?;
        let opens = prover.opens_rows()?;
        opens
            .then_some(Prover { checked: true, ..prover })
            .ok_or_else(|| "the weights do not open the rows".into())
    }

    /// A prover that checks neither the openings of its rows nor what it is about to announce: for
    /// tests of verifiers. What it makes of a false witness shows hidden values to the receiver.
    ///
    /// # Errors
    /// A sentence when counts do not fit the circuit or a blinding is no canonical scalar.
    pub fn unchecked(
        circuit: Circuit,
        weights: Arrays,
        rows: &[Encoding],
        blindings: &[[u8; 32]],
        key_digest: [u8; 32],
    ) -> Result<Self, String> {
        let weights = Zeroizing::new(weights);
        let weights_image = Zeroizing::new(weights_image(&circuit, &weights)?);
        let count = circuit.rows(Segment::Weights);
        if rows.len() != count || blindings.len() != count {
            return Err(format!(
                "{} rows and {} blindings of weights, and the circuit has {count} rows",
                rows.len(),
                blindings.len()
            ));
        }
        let blindings: Option<Vec<Scalar>> = blindings.iter().map(from_bytes).collect();
        let blindings =
            Zeroizing::new(blindings.ok_or("a blinding of the weights is no canonical scalar")?);
        let key = CommitmentKey::new(Generators::new(1 << circuit.columns_log2));
        let rows = rows.to_vec();
        Ok(Prover {
            circuit,
            key,
            key_digest,
            checked: false,
            rows,
            weights,
            weights_image,
            blindings,
        })
    }

    /// Whether weights and blindings open the rows: a random combination of them does.
    fn opens_rows(&self) -> Result<bool, String> {
        let points = decode_points(&self.rows, "weight commitment")?;
        let factors = Randomness::new(&[]).map_err(entropy)?.scalars(points.len());
        let columns = self.circuit.columns();
        let row = Zeroizing::new(weighted_integers(&self.weights_image, &factors, columns, 16));
        let blinding = factors.iter().zip(self.blindings.iter()).map(|(f, b)| *f * b).sum();
        let opened = encode(&[self.key.scalars(&row, &blinding)]);
        Ok(opened == [multiscalar(&factors, &points).compress().to_bytes()])
    }

    /// The circuit.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Proves an instance under a context, and checks before it announces anything that the
    /// verifier's equations will hold. `stop` is looked at between steps: once true, there is no
    /// proof.
    ///
    /// # Errors
    /// A sentence when the arrays do not fit the circuit, a public value leaves its bounds, a block
    /// is not satisfied (with its name), the system gives no entropy, or `stop` is true.
    pub fn prove(
        &self,
        kind: Kind,
        context: &[u8],
        instance: &Instance,
        stop: &AtomicBool,
    ) -> Result<(Vec<u8>, Timings), String> {
        let circuit = &self.circuit;
        let mut clock = Clock::start(stop);
        let mut witness = Witness::new(
            circuit,
            &instance.public,
            &self.weights,
            &instance.input,
            &instance.bits,
            &instance.trace,
        )?;
        let public = instance.public.concat();
        let statement = Statement { kind, key_digest: &self.key_digest, context, public: &public };
        if self.checked {
            check_statement(circuit, &statement).map_err(|error| error.to_string())?;
        }
        let mut transcript = Transcript::default();
        absorb_statement(&mut transcript, circuit, &statement);
        let mut messages = self.messages(transcript, instance)?;
        let mut proof = Proof::default();
        clock.lap("witness")?;

        // Commitments to input, bits and trace; the circuit's challenges; the sketch.
        let input = Zeroizing::new(witness.padded_integers(circuit, Segment::Input));
        let bits = Zeroizing::new(witness.padded_bits(circuit));
        let trace = Zeroizing::new(witness.padded_integers(circuit, Segment::Trace));
        let randomness = &mut messages.randomness;
        let input_blindings = randomness.scalars(circuit.rows(Segment::Input));
        let bits_blindings = randomness.scalars(circuit.rows(Segment::Bits));
        let trace_blindings = randomness.scalars(circuit.rows(Segment::Trace));
        let columns = circuit.columns();
        proof.input = commit(&input, columns, &input_blindings, |r, b| self.key.integers(r, b));
        proof.bits = commit(&bits, columns / 8, &bits_blindings, |r, b| self.key.bits(r, b));
        proof.trace = commit(&trace, columns, &trace_blindings, |r, b| self.key.integers(r, b));
        absorb_points(&mut messages.transcript, label::ROWS_WEIGHTS, &self.rows);
        absorb_points(&mut messages.transcript, label::ROWS_INPUT, &proof.input);
        absorb_points(&mut messages.transcript, label::ROWS_BITS, &proof.bits);
        absorb_points(&mut messages.transcript, label::ROWS_TRACE, &proof.trace);
        let challenges = challenge_tables(&draw_challenges(&mut messages.transcript, circuit));
        clock.lap("commit")?;
        let products = products::products(circuit, &mut witness, &challenges);
        clock.lap("rows")?;
        let sketch = Zeroizing::new(witness.padded_scalars(circuit, Segment::Sketch));
        let sketch_blindings = messages.randomness.scalars(circuit.rows(Segment::Sketch));
        proof.sketch = commit(&sketch, columns, &sketch_blindings, |r, b| self.key.scalars(r, b));
        absorb_points(&mut messages.transcript, label::ROWS_SKETCH, &proof.sketch);
        clock.lap("commit")?;

        // Outer zero-check.
        let tau = messages.transcript.draw(label::TAU, circuit.row_variables);
        let mut outer = Outer::new(circuit, &products);
        drop(products);
        let labels = (label::OUTER_ROUND, label::OUTER_POINT);
        let (rounds, rx, outer_claim) = zerocheck::prove(&mut messages, &tau, &mut outer, labels);
        proof.outer = rounds;
        let (a, b) = outer.values();
        let (encodings, values) = messages.send(label::OUTER_VALUES, &[a, b, a * b]);
        proof.outer_values = encodings;
        drop(outer);
        clock.lap("outer")?;

        // Booleanity.
        let sigma = messages.transcript.draw(label::SIGMA, circuit.bit_variables());
        let mut boolean = Boolean::new(&bits, &sigma);
        let labels = (label::BOOLEAN_ROUND, label::BOOLEAN_POINT);
        let (rounds, bit_point, bit_claim) =
            zerocheck::prove(&mut messages, &sigma, &mut boolean, labels);
        proof.boolean = rounds;
        let (encodings, bit) = messages.send(label::BOOLEAN_VALUE, &[boolean.value()]);
        proof.boolean_value = encodings;
        drop(boolean);
        clock.lap("booleanity")?;

        // Inner sum-check.
        let rho = messages.transcript.draw_one(label::RHO);
        let omega = messages.transcript.draw_one(label::OMEGA);
        let claim = values[0]
            .plus(values[1].scaled(rho))
            .plus(values[2].scaled(rho.square()))
            .plus(outer_claim.scaled(-rho.square()))
            .plus(bit[0].scaled(omega));
        let row_vectors = RowVectors::new(circuit, &rx);
        let powers = [Scalar::ONE, rho, rho.square()];
        let matrices = matrix::readers(circuit)
            .par_iter()
            .enumerate()
            .map(|(i, r)| matrix::on_tensor(circuit, i, r, &row_vectors, &powers, &challenges))
            .collect();
        clock.lap("matrix")?;
        let bit_eq =
            BitClaim { omega, point: &bit_point, eq: SplitEq::new(&bit_point), bytes: &bits };
        let (rounds, ry, last) =
            inner::prove(&mut messages, circuit, &witness, matrices, &bit_eq, claim);
        proof.inner = rounds;
        clock.lap("inner")?;

        // Closing proof.
        let segment = |segment: Segment| -> Option<Committed<'_>> {
            let (image, blindings) = match segment {
                Segment::Public => return None,
                Segment::Weights => (Image::Integers(&self.weights_image), &self.blindings),
                Segment::Input => (Image::Integers(&input), &input_blindings),
                Segment::Bits => (Image::Bits(&bits), &bits_blindings),
                Segment::Trace => (Image::Integers(&trace), &trace_blindings),
                Segment::Sketch => (Image::Scalars(&sketch), &sketch_blindings),
            };
            let first_row = circuit.placement(segment).start / columns;
            Some(Committed { first_row, image, blindings })
        };
        let segments: Vec<_> = SEGMENTS.into_iter().filter_map(segment).collect();
        let claims = Claims {
            a: values[0],
            b: values[1],
            ab: values[2],
            bit: bit[0],
            bit_square: bit_claim.plus(bit[0]),
            last,
            public: public_evaluation(circuit, &public, &ry),
        };
        let points = (&rx[..], &bit_point[..]);
        let matrix = || matrix_evaluation(circuit, &challenges, (&rho, &omega), points, &ry);
        let Some((announcements, responses)) =
            opening::prove(&mut messages, &segments, &claims, &ry, columns, self.checked, matrix)
        else {
            return Err(unsatisfied(circuit, &witness, &challenges));
        };
        proof.announcements = announcements;
        proof.responses = responses;
        clock.lap("opening")?;
        Ok((proof.to_bytes(), clock.laps))
    }

    fn messages(
        &self,
        transcript: Transcript,
        instance: &Instance,
    ) -> Result<Messages<'_>, String> {
        let input: Zeroizing<Vec<u8>> = Zeroizing::new(
            instance.input.iter().flatten().flat_map(|value| value.to_le_bytes()).collect(),
        );
        let blindings: Zeroizing<Vec<u8>> =
            Zeroizing::new(self.blindings.iter().flat_map(to_bytes).collect());
        let state = transcript.state();
        let randomness = Randomness::new(&[&state, &blindings, &input]).map_err(entropy)?;
        Ok(Messages {
            key: &self.key,
            transcript,
            randomness,
            sent: Zeroizing::new(Vec::new()),
            blindings: Zeroizing::new(Vec::new()),
        })
    }
}

/// Why a proof would not verify.
fn unsatisfied(circuit: &Circuit, witness: &Witness, challenges: &[Vec<Scalar>]) -> String {
    match products::unsatisfied(circuit, witness, challenges) {
        Some(block) => format!("the witness does not satisfy {}", block.path),
        None => "the proof would not verify, although the witness satisfies every block".into(),
    }
}

fn commit<T: Sync>(
    image: &[T],
    columns: usize,
    blindings: &[Scalar],
    row: impl Fn(&[T], &Scalar) -> Half + Sync,
) -> Vec<Encoding> {
    let points: Vec<Half> = image
        .par_chunks_exact(columns)
        .zip(blindings)
        .map(|(entries, blinding)| row(entries, blinding))
        .collect();
    encode(&points)
}

struct Clock<'a> {
    stop: &'a AtomicBool,
    last: Instant,
    laps: Timings,
}

impl<'a> Clock<'a> {
    fn start(stop: &'a AtomicBool) -> Self {
        Clock { stop, last: Instant::now(), laps: Vec::new() }
    }

    fn lap(&mut self, step: &'static str) -> Result<(), String> {
        let seconds = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        match self.laps.iter_mut().find(|(name, _)| *name == step) {
            Some((_, total)) => *total += seconds,
            None => self.laps.push((step, seconds)),
        }
        match self.stop.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(format!("stopped after the step {step}")),
        }
    }
}
