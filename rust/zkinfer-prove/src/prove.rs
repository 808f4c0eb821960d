//! The prover, in the steps of docs/protocol.md section 3.

use crate::boolean::Boolean;
use crate::commit::{CommitmentKey, Half, encode};
use crate::inner::{self, BitClaim};
use crate::matrix::{self, RowVectors};
use crate::membership::{self, Hidden};
use crate::messages::Messages;
use crate::opening::{self, Claims, Committed};
use crate::products;
use crate::random::Randomness;
use crate::witness::{Arrays, Image, Witness, weighted_integers};
use crate::zerocheck::{self, Outer, SplitEq};
use ark_ff::Field;
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use zeroize::{Zeroize, Zeroizing};
use zkinfer_verify::circuit::{Binding, Circuit};
use zkinfer_verify::group::{decode_points, multiscalar};
use zkinfer_verify::matrix::challenge_tables;
use zkinfer_verify::membership::SEGMENT;
use zkinfer_verify::proof::{Encoding, Proof};
use zkinfer_verify::scalar::{Scalar, from_bytes, to_bytes};
use zkinfer_verify::transcript::{self, Kind, Transcript, label};
use zkinfer_verify::verify::{
    Statement, absorb_rows, absorb_statement, check_rows, check_statement, draw_challenges,
    matrix_evaluation, public_evaluation,
};

/// What one proof is about, besides what is committed.
pub struct Instance {
    /// Public tensors after the constant one.
    pub public: Arrays,
    /// Tensors of each segment that is sent before the challenges, in the circuit's order; those of
    /// bits without their last axis.
    pub sent: Vec<Arrays>,
    /// What the rows of `opened` are the commitments to.
    pub data: Vec<u8>,
    /// The committed segments of which the prover holds none, in order.
    pub opened: Vec<Opened>,
    /// Which records of which data these are, where a proof does not say.
    pub hidden: Option<Hidden>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.sent.zeroize();
    }
}

/// A committed segment and what opens its rows. Wiped when dropped.
#[derive(Clone)]
pub struct Opened {
    /// Its tensors.
    pub arrays: Arrays,
    /// Its rows.
    pub rows: Vec<Encoding>,
    /// A blinding a row.
    pub blindings: Vec<[u8; 32]>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.arrays.zeroize();
        self.blindings.zeroize();
    }
}

/// A prover with its commitment key and the committed segments of a circuit that do not change.
pub struct Prover {
    circuit: Circuit,
    key: Arc<CommitmentKey>,
    key_digest: [u8; 32],
    checked: bool,
    committed: Vec<Option<Held>>,
}

/// A committed segment as the prover holds it.
struct Held {
    /// The tensors, but those without padding, which are read in the image, are empty.
    arrays: Zeroizing<Arrays>,
    image: Image,
    blindings: Zeroizing<Vec<Scalar>>,
    rows: Vec<Encoding>,
}

/// Seconds spent in each step of a proof.
pub type Timings = Vec<(&'static str, f64)>;

/// Encoded rows and their blindings, 32 bytes each.
pub type Commitment = (Vec<Encoding>, Zeroizing<Vec<[u8; 32]>>);

/// Commits to the tensors of a committed segment: the rows, and their blindings (zero for public
/// ones). A blinding depends on the system's entropy, the circuit and all entries: with bad entropy
/// it is as secret as these.
///
/// # Errors
/// A sentence when the circuit has no such segment, the arrays do not fit it, or the system gives
/// no entropy.
pub fn commit_segment(
    circuit: &Circuit,
    name: &str,
    arrays: &[Vec<i64>],
    hidden: bool,
) -> Result<Commitment, String> {
    let mut committed = circuit.bound(Binding::Committed);
    let (index, segment) = committed
        .find(|(_, segment)| segment.name == name)
        .ok_or_else(|| format!("the circuit has no committed segment {name}"))?;
    let image = Zeroizing::new(segment_image(circuit, index, arrays)?);
    let count = circuit.rows(segment);
    let blindings = if hidden {
        let digests = Zeroizing::new(row_digests(&image, circuit.columns()));
        let secrets: [&[u8]; 3] = [name.as_bytes(), &circuit.digest, digests.as_flattened()];
        Randomness::new(&secrets).map_err(entropy)?.scalars(count)
    } else {
        Zeroizing::new(vec![Scalar::default(); count])
    };
    let key = CommitmentKey::shared(circuit.columns_log2);
    let rows = encode(&key.integers(&image, circuit.columns(), &blindings));
    Ok((rows, Zeroizing::new(blindings.iter().map(to_bytes).collect())))
}

/// Commits to rows of integers, `columns` of each, that belong to no circuit: the rows, and their
/// blindings, which are fresh unless they are given. Fresh ones depend on the system's entropy and
/// on all integers.
///
/// # Errors
/// A sentence when counts do not fit, a blinding is no canonical scalar, or the system gives no
/// entropy.
pub fn commit_rows(
    image: &[i64],
    columns: usize,
    blindings: Option<&[[u8; 32]]>,
) -> Result<Commitment, String> {
    if !columns.is_power_of_two() || columns > 1 << 16 || !image.len().is_multiple_of(columns) {
        return Err(format!("{} integers are no rows of {columns}", image.len()));
    }
    let count = image.len() / columns;
    let blindings = match blindings {
        Some(given) if given.len() == count => {
            let scalars: Option<Vec<Scalar>> = given.iter().map(from_bytes).collect();
            Zeroizing::new(scalars.ok_or("a blinding is no canonical scalar")?)
        }
        Some(given) => return Err(format!("{} blindings of {count} rows", given.len())),
        None => {
            let digests = Zeroizing::new(row_digests(image, columns));
            let secrets: [&[u8]; 2] = [b"rows", digests.as_flattened()];
            Randomness::new(&secrets).map_err(entropy)?.scalars(count)
        }
    };
    let key = CommitmentKey::shared(columns.trailing_zeros());
    let rows = encode(&key.integers(image, columns, &blindings));
    Ok((rows, Zeroizing::new(blindings.iter().map(to_bytes).collect())))
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

/// The padded image of a segment of integers.
fn segment_image(
    circuit: &Circuit,
    segment: usize,
    arrays: &[Vec<i64>],
) -> Result<Vec<i64>, String> {
    let place = &circuit.segments[segment];
    let mut image = vec![0i64; circuit.rows(place) * circuit.columns()];
    let mut arrays = arrays.iter();
    for (index, (_, tensor)) in circuit.members(segment).enumerate() {
        match arrays.next() {
            Some(values) if values.len() == tensor.grid.count() => {
                crate::witness::scatter(&tensor.grid, values, &mut image);
            }
            Some(values) => {
                return Err(format!(
                    "tensor {index} of {} has {} values, and the circuit has {}",
                    place.name,
                    values.len(),
                    tensor.grid.count()
                ));
            }
            None => return Err(format!("tensor {index} of {} is missing", place.name)),
        }
    }
    match arrays.next() {
        Some(_) => Err(format!("{} has more tensors than the circuit", place.name)),
        None => Ok(image),
    }
}

impl Held {
    /// Takes over what opens a committed segment.
    fn new(circuit: &Circuit, index: usize, mut opened: Opened) -> Result<Self, String> {
        let segment = &circuit.segments[index];
        let mut arrays = Zeroizing::new(std::mem::take(&mut opened.arrays));
        let (expected, secrets) = (circuit.rows(segment), &opened.blindings);
        if secrets.len() != expected || opened.rows.len() != expected {
            let (name, given, rows) = (&segment.name, secrets.len(), opened.rows.len());
            return Err(format!("{given} blindings, {rows} rows of {name}; expected {expected}"));
        }
        let blindings: Option<Vec<Scalar>> = secrets.iter().map(from_bytes).collect();
        let blindings = blindings
            .ok_or_else(|| format!("a blinding of {} is no canonical scalar", segment.name))?;
        let image = Image::Integers(segment_image(circuit, index, &arrays)?);
        for ((_, tensor), array) in circuit.members(index).zip(arrays.iter_mut()) {
            if tensor.grid.is_whole() {
                array.zeroize();
                array.shrink_to_fit();
            }
        }
        let rows = std::mem::take(&mut opened.rows);
        Ok(Held { arrays, image, blindings: Zeroizing::new(blindings), rows })
    }

    /// The entries of each tensor, in true extents.
    fn tensors(&self, circuit: &Circuit, index: usize) -> Vec<&[i64]> {
        let Image::Integers(image) = &self.image else { return Vec::new() };
        let members = circuit.members(index).zip(self.arrays.iter());
        let entries = members.map(|((_, tensor), array)| match tensor.grid.is_whole() {
            true => &image[tensor.grid.offset..][..tensor.grid.count()],
            false => array,
        });
        entries.collect()
    }
}

impl Prover {
    /// Takes over the committed segments of a circuit, in order, with their openings; those that
    /// every instance has of its own are None.
    ///
    /// # Errors
    /// A sentence when counts do not fit the circuit, a blinding is no canonical scalar, or
    /// entries and blindings do not open the rows.
    pub fn new(
        circuit: Circuit,
        committed: Vec<Option<Opened>>,
        key_digest: [u8; 32],
    ) -> Result<Self, String> {
        let prover = Self::unchecked(circuit, committed, key_digest)?;
        let segments = prover.circuit.bound(Binding::Committed);
        for ((_, segment), held) in segments.zip(&prover.committed) {
            if let Some(held) = held {
                prover.check_opens(&segment.name, held)?;
            }
        }
        Ok(Prover { checked: true, ..prover })
    }

    /// A prover that checks neither the openings of its rows nor what it is about to announce: for
    /// tests of verifiers. What it makes of a false witness shows hidden values to the receiver.
    ///
    /// # Errors
    /// A sentence when counts do not fit the circuit or a blinding is no canonical scalar.
    pub fn unchecked(
        circuit: Circuit,
        committed: Vec<Option<Opened>>,
        key_digest: [u8; 32],
    ) -> Result<Self, String> {
        let counts: Vec<_> = committed.iter().map(|o| o.as_ref().map(|o| o.rows.len())).collect();
        check_rows(&circuit, &counts)?;
        let mut held = Vec::with_capacity(committed.len());
        for ((index, _), opened) in circuit.bound(Binding::Committed).zip(committed) {
            held.push(opened.map(|opened| Held::new(&circuit, index, opened)).transpose()?);
        }
        let key = CommitmentKey::shared(circuit.columns_log2);
        Ok(Prover { circuit, key, key_digest, checked: false, committed: held })
    }

    /// The segments that an instance has of its own, checked if anything is.
    fn given(&self, instance: &Instance) -> Result<Vec<Held>, String> {
        let (circuit, opened) = (&self.circuit, &instance.opened);
        let missing = circuit.bound(Binding::Committed).zip(&self.committed);
        let missing: Vec<_> = missing.filter(|(_, held)| held.is_none()).collect();
        if opened.len() != missing.len() {
            return Err(format!("{} segments opened, {} to be", opened.len(), missing.len()));
        }
        let mut given = Vec::with_capacity(opened.len());
        for (((index, segment), _), opened) in missing.into_iter().zip(opened) {
            let held = Held::new(circuit, index, opened.clone())?;
            if self.checked {
                self.check_opens(&segment.name, &held)?;
            }
            given.push(held);
        }
        Ok(given)
    }

    /// Checks that entries and blindings open the rows: a random combination of them does.
    fn check_opens(&self, name: &str, held: &Held) -> Result<(), String> {
        match self.opens(held)? {
            true => Ok(()),
            false => Err(format!("the {name} do not open the rows")),
        }
    }

    fn opens(&self, held: &Held) -> Result<bool, String> {
        let Image::Integers(image) = &held.image else { return Ok(false) };
        let points = decode_points(&held.rows, "committed row")?;
        let factors = Randomness::new(&[]).map_err(entropy)?.scalars(points.len());
        let columns = self.circuit.columns();
        let row = Zeroizing::new(weighted_integers(image, &factors, columns, 16));
        let blinding = factors.iter().zip(held.blindings.iter()).map(|(f, b)| *f * b).sum();
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
        let given = self.given(instance)?;
        let mut next = given.iter();
        let committed: Option<Vec<&Held>> =
            self.committed.iter().map(|held| held.as_ref().or_else(|| next.next())).collect();
        let committed = committed.ok_or("a committed segment is missing")?;
        let mut witness = Witness::new(circuit, &self.sources(instance, &committed)?)?;
        let public = instance.public.concat();
        let key_digest = &self.key_digest;
        let data = &instance.data;
        let (rows, hidden) = (&[][..], None);
        let statement =
            Statement { kind, key_digest, context, public: &public, data, rows, hidden };
        if self.checked {
            check_statement(circuit, &statement).map_err(|error| error.to_string())?;
        }
        let mut transcript = Transcript::default();
        absorb_statement(&mut transcript, circuit, &statement);
        let mut messages = self.messages(transcript, instance, &committed)?;
        let mut proof = Proof::default();
        clock.lap("witness")?;

        // The rows that are sent; the circuit's challenges; the sketch.
        let columns = circuit.columns();
        let mut sent = Vec::new();
        for ((_, segment), held) in circuit.bound(Binding::Committed).zip(&committed) {
            absorb_rows(&mut messages.transcript, segment, &held.rows);
        }
        let membership = self.membership(&mut messages, instance, &given, &mut clock)?;
        for (index, segment) in circuit.sent().filter(|(_, s)| s.binding != Binding::Sketch) {
            let (image, blindings, rows) = self.send(&witness, index, &mut messages.randomness);
            absorb_rows(&mut messages.transcript, segment, &rows);
            proof.rows.push(rows);
            sent.push((image, blindings));
        }
        let challenges = challenge_tables(&draw_challenges(&mut messages.transcript, circuit));
        clock.lap("commit")?;
        let products = products::products(circuit, &mut witness, &challenges);
        clock.lap("rows")?;
        for (index, segment) in circuit.bound(Binding::Sketch) {
            let (image, blindings, rows) = self.send(&witness, index, &mut messages.randomness);
            absorb_rows(&mut messages.transcript, segment, &rows);
            proof.rows.push(rows);
            sent.push((image, blindings));
        }
        let is_bits = |(image, _): &&(Image, _)| matches!(image, Image::Bits(_));
        let Some((Image::Bits(bits), _)) = sent.iter().find(is_bits) else {
            return Err("the circuit has no bits".into());
        };
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
        let mut boolean = Boolean::new(bits, &sigma);
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
        let bit_eq = BitClaim { omega, point: &bit_point, eq: SplitEq::new(&bit_point) };
        let (rounds, ry, last) =
            inner::prove(&mut messages, circuit, &witness, matrices, &bit_eq, claim);
        proof.inner = rounds;
        clock.lap("inner")?;

        // Closing proof.
        let committed = circuit.bound(Binding::Committed).zip(&committed);
        let committed = committed.map(|(place, held)| (place, &held.image, &held.blindings));
        let sent = circuit.sent().zip(&sent).map(|(place, (image, b))| (place, image, b));
        let segments: Vec<_> = committed
            .chain(sent)
            .map(|((_, segment), image, blindings)| Committed {
                first_row: segment.start / columns,
                image,
                blindings,
            })
            .collect();
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
        Ok(([membership, proof.to_bytes()].concat(), clock.laps))
    }

    /// That hidden records are of the data, if there are any.
    fn membership(
        &self,
        messages: &mut Messages<'_>,
        instance: &Instance,
        given: &[Held],
        clock: &mut Clock<'_>,
    ) -> Result<Vec<u8>, String> {
        let Some(hidden) = &instance.hidden else { return Ok(Vec::new()) };
        let segments = self.circuit.bound(Binding::Committed).zip(&self.committed);
        let missing = segments.filter(|(_, held)| held.is_none()).map(|(segment, _)| segment);
        let mut given = missing.zip(given);
        let Some(((segment, _), held)) = given.find(|((_, s), _)| s.name == SEGMENT) else {
            return Err("the circuit reads no records".into());
        };
        let fresh = (&held.rows[..], &held.blindings[..]);
        let (circuit, checked) = (&self.circuit, self.checked);
        let argument = membership::prove(messages, circuit, segment, fresh, hidden, checked)?;
        clock.lap("membership")?;
        Ok(argument)
    }

    /// The tensors of every segment, in the circuit's order; none for the sketch.
    fn sources<'a>(
        &self,
        instance: &'a Instance,
        committed: &[&'a Held],
    ) -> Result<Vec<Vec<&'a [i64]>>, String> {
        let slices = |arrays: &'a Arrays| arrays.iter().map(Vec::as_slice).collect();
        let mut committed = committed.iter();
        let mut sent = instance.sent.iter();
        let mut sources: Vec<Vec<&[i64]>> = Vec::new();
        for (index, segment) in self.circuit.segments.iter().enumerate() {
            let tensors = match segment.binding {
                Binding::Public => Some(slices(&instance.public)),
                Binding::Committed => {
                    committed.next().map(|held| held.tensors(&self.circuit, index))
                }
                Binding::Sent | Binding::Bits => sent.next().map(slices),
                Binding::Sketch => Some(Vec::new()),
            };
            sources.push(tensors.ok_or_else(|| format!("the witness lacks {}", segment.name))?);
        }
        Ok(sources)
    }

    /// A segment that is sent: its padded image, the blindings and the rows.
    fn send(
        &self,
        witness: &Witness<'_>,
        segment: usize,
        randomness: &mut Randomness,
    ) -> (Image, Zeroizing<Vec<Scalar>>, Vec<Encoding>) {
        let (circuit, key) = (&self.circuit, &self.key);
        let columns = circuit.columns();
        let image = witness.image(circuit, segment);
        let blindings = randomness.scalars(circuit.rows(&circuit.segments[segment]));
        let points: Vec<Half> = match &image {
            Image::Integers(image) => key.integers(image, columns, &blindings),
            Image::Bits(image) => {
                key.bits(&image.chunks_exact(columns / 8).collect::<Vec<_>>(), &blindings)
            }
            Image::Scalars(image) => {
                let rows = image.par_chunks_exact(columns).zip(blindings.par_iter());
                rows.map(|(row, blinding)| key.scalars(row, blinding)).collect()
            }
        };
        (image, blindings, encode(&points))
    }

    /// Blindings and masks depend on the system's entropy, the statement, the blindings of what is
    /// committed, and the first segment that is sent, where a network has its hidden input.
    fn messages(
        &self,
        transcript: Transcript,
        instance: &Instance,
        committed: &[&Held],
    ) -> Result<Messages<'_>, String> {
        let first = self.circuit.sent().next().filter(|(_, s)| s.binding == Binding::Sent);
        let input = first.and(instance.sent.first()).into_iter().flatten().flatten();
        let input: Zeroizing<Vec<u8>> =
            Zeroizing::new(input.flat_map(|value| value.to_le_bytes()).collect());
        let hidden = instance.hidden.iter().flat_map(|hidden| &hidden.blindings).flatten().copied();
        let blindings = committed.iter().flat_map(|h| h.blindings.iter()).flat_map(to_bytes);
        let blindings: Zeroizing<Vec<u8>> = Zeroizing::new(blindings.chain(hidden).collect());
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
fn unsatisfied(circuit: &Circuit, witness: &Witness<'_>, challenges: &[Vec<Scalar>]) -> String {
    match products::unsatisfied(circuit, witness, challenges) {
        Some(block) => format!("the witness does not satisfy {}", block.path),
        None => "the proof would not verify, although the witness satisfies every block".into(),
    }
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
