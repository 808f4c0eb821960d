//! The verifier, in the steps of docs/protocol.md section 3.
//!
//! What acceptance means: the prover knows weights, an input and advice, the rows of which open the
//! commitments of the statement, such that every row of the circuit holds and every entry of `bits`
//! is 0 or 1. Scalars are never opened: each round's claim is a known linear combination of
//! commitments, kept as a [`Combination`], and all group equations end in one multi-scalar
//! multiplication.

use crate::circuit::{Binding, Circuit, Segment};
use crate::error::Error;
use crate::group::{Generators, Point, decode_points, multiscalar};
use crate::matrix::{challenge_tables, evaluate};
use crate::membership::{Data, Membership, SEGMENT};
use crate::proof::{EQUATIONS, Encoding, Proof};
use crate::scalar::{Scalar, eq_range, eq_table, powers};
use crate::transcript::{Kind, Transcript, label};
use ark_ff::{AdditiveGroup, Field, Zero, batch_inversion};
use curve25519_dalek::traits::IsIdentity;
use std::sync::Arc;

/// What one proof states about a circuit and a key.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// What the proof is for.
    pub kind: Kind,
    /// Digest of the verifying key, which binds the graph and the commitment to the weights.
    pub key_digest: &'a [u8; 32],
    /// The caller's context.
    pub context: &'a [u8],
    /// Values of the public tensors after the constant one, in order.
    pub public: &'a [i64],
    /// What the rows in it are the commitments to, where there are any.
    pub data: &'a [u8],
    /// Rows of the committed segments of which the verifier holds none, in order.
    pub rows: &'a [Vec<Encoding>],
    /// The data that hidden records are of: then the rows are theirs, blinded afresh.
    pub hidden: Option<Data<'a>>,
}

/// A circuit and what is committed for it, ready to verify any number of proofs.
#[derive(Debug)]
pub struct Verifier {
    circuit: Circuit,
    generators: Arc<Generators>,
    rows: Rows,
    points: Vec<Option<Vec<Point>>>,
}

/// Encoded rows of each committed segment of a circuit, in order; None where every statement has
/// its own.
pub type Rows = Vec<Option<Vec<Encoding>>>;

/// A commitment as `sum_i weights_i * (i-th scalar commitment sent)`.
#[derive(Debug, Clone)]
struct Combination {
    weights: Vec<Scalar>,
}

impl Verifier {
    /// Takes over a circuit and the rows of its committed segments, as far as they are known.
    ///
    /// # Errors
    /// [`Error::Statement`] when the rows are not as many as the circuit fixes, or are no points.
    pub fn new(circuit: Circuit, rows: Rows) -> Result<Self, Error> {
        let counts: Vec<_> = rows.iter().map(|rows| rows.as_ref().map(Vec::len)).collect();
        check_rows(&circuit, &counts).map_err(Error::Statement)?;
        let decode = |rows: &Option<Vec<Encoding>>| {
            rows.as_ref().map(|rows| decode_points(rows, "committed row")).transpose()
        };
        let points = rows.iter().map(decode).collect::<Result<_, _>>().map_err(Error::Statement)?;
        let generators = Generators::shared(circuit.columns_log2);
        Ok(Verifier { circuit, generators, rows, points })
    }

    /// The circuit.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Checks a proof.
    ///
    /// # Errors
    /// [`Error::Statement`], [`Error::Malformed`] or [`Error::Rejected`], with the failing check.
    pub fn verify(&self, statement: &Statement<'_>, bytes: &[u8]) -> Result<(), Error> {
        let circuit = &self.circuit;
        // 1. The statement fits the circuit, the proof has its length.
        check_statement(circuit, statement)?;
        let given = statement.rows;
        let rows = all_rows(circuit, &self.rows, given).map_err(Error::Statement)?;
        let (membership, bytes) = self.membership(statement, bytes)?;
        let proof = Proof::parse(bytes, circuit)?;
        // 2. to 6. need encodings only, so the points are decoded beside them.
        let decode = |rows: &Vec<Encoding>| decode_points(rows, "row of the statement");
        let (points, replay) = rayon::join(
            || (Points::decode(&proof), given.iter().map(decode).collect::<Result<Vec<_>, _>>()),
            || replay(circuit, &rows, statement, membership.as_ref(), &proof),
        );
        let (points, given) = points;
        let (points, given) = (points.map_err(Error::Malformed)?, given.map_err(Error::Statement)?);
        // 7. The closing equations, in one multi-scalar multiplication.
        self.check_closing(&proof, &points, &completed(&self.points, &given), replay?)
    }

    /// What is proved of hidden records, if there are any, and the bytes after it.
    fn membership<'a, 'b>(
        &self,
        statement: &Statement<'a>,
        bytes: &'b [u8],
    ) -> Result<(Option<Membership<'a>>, &'b [u8]), Error> {
        let Some(data) = statement.hidden else { return Ok((None, bytes)) };
        let segments = self.circuit.bound(Binding::Committed).zip(&self.rows);
        let missing = segments.filter(|(_, rows)| rows.is_none()).map(|(segment, _)| segment);
        let mut given = missing.zip(statement.rows);
        let Some(((segment, _), fresh)) = given.find(|((_, s), _)| s.name == SEGMENT) else {
            return Err(Error::Statement("the circuit reads no records".into()));
        };
        let (membership, rest) = Membership::parse(&self.circuit, (segment, fresh), data, bytes)?;
        Ok((Some(membership), rest))
    }
}

/// What is held of each committed segment, or given for it in the order of what is missing.
fn completed<'a, T>(held: &'a [Option<Vec<T>>], given: &'a [Vec<T>]) -> Vec<&'a [T]> {
    let mut given = given.iter();
    let mut next = |held: &'a Option<Vec<T>>| held.as_ref().or_else(|| given.next());
    held.iter().map(|held| next(held).map(Vec::as_slice).unwrap_or_default()).collect()
}

/// The rows of every committed segment, some of which come with the statement.
///
/// # Errors
/// A sentence when those are not as many as the circuit fixes.
pub fn all_rows<'a>(
    circuit: &Circuit,
    held: &'a Rows,
    given: &'a [Vec<Encoding>],
) -> Result<Vec<&'a [Encoding]>, String> {
    let missing = held.iter().filter(|rows| rows.is_none()).count();
    if given.len() != missing {
        return Err(format!("rows of {} segments, and {missing} have none yet", given.len()));
    }
    let rows = completed(held, given);
    check_rows(circuit, &rows.iter().map(|rows| Some(rows.len())).collect::<Vec<_>>())?;
    Ok(rows)
}

/// Checks that the committed rows are as many as the circuit fixes; those that are not known yet
/// (None) may be any number.
///
/// # Errors
/// A sentence that names the segment.
pub fn check_rows(circuit: &Circuit, counts: &[Option<usize>]) -> Result<(), String> {
    let segments: Vec<&Segment> = circuit.bound(Binding::Committed).map(|(_, s)| s).collect();
    if counts.len() != segments.len() {
        return Err(format!(
            "rows of {} segments, and the circuit has {} committed ones",
            counts.len(),
            segments.len()
        ));
    }
    for (segment, count) in segments.into_iter().zip(counts) {
        let (name, expected) = (&segment.name, circuit.rows(segment));
        if let Some(count) = count.filter(|count| *count != expected) {
            return Err(format!("{count} rows of {name}, and the circuit fixes {expected}"));
        }
    }
    Ok(())
}

/// What the conversation comes to: every challenge, and the claims as combinations.
struct Replay {
    ry: Vec<Scalar>,
    /// `M~(ry)`.
    matrix: Scalar,
    /// The public segment's part of `z~(ry)`.
    public: Scalar,
    gamma: Scalar,
    challenge: Scalar,
    fold: Vec<Scalar>,
    /// Positions of vA, vB, vA vB and vb among the scalar commitments.
    positions: [usize; 4],
    bit_claim: Combination,
    final_claim: Combination,
}

fn replay(
    circuit: &Circuit,
    committed: &[&[Encoding]],
    statement: &Statement<'_>,
    membership: Option<&Membership<'_>>,
    proof: &Proof,
) -> Result<Replay, Error> {
    let mut transcript = Transcript::default();
    absorb_statement(&mut transcript, circuit, statement);

    // 2. Commitments and what is proved of them, then the circuit's challenges, then the sketch.
    let before = circuit.bound(Binding::Committed).zip(committed.iter().copied());
    let (sketch, first): (Vec<_>, Vec<_>) = circuit
        .sent()
        .zip(proof.rows.iter().map(Vec::as_slice))
        .partition(|((_, segment), _)| segment.binding == Binding::Sketch);
    for ((_, segment), rows) in before {
        absorb_rows(&mut transcript, segment, rows);
    }
    membership.map_or(Ok(()), |membership| membership.verify(&mut transcript))?;
    for ((_, segment), rows) in first {
        absorb_rows(&mut transcript, segment, rows);
    }
    let challenges = challenge_tables(&draw_challenges(&mut transcript, circuit));
    for ((_, segment), rows) in sketch {
        absorb_rows(&mut transcript, segment, rows);
    }

    let mut sent = 0usize;
    let total = proof.scalar_commitments().count();

    // 3. Outer zero-check of A~ B~ - C~.
    let tau = transcript.draw(label::TAU, circuit.row_variables);
    let (rx, outer_claim) = zero_check(
        &mut transcript,
        &tau,
        &proof.outer,
        (label::OUTER_ROUND, label::OUTER_POINT),
        &mut sent,
        total,
    )?;
    absorb_points(&mut transcript, label::OUTER_VALUES, &proof.outer_values);
    let (v_a, v_b, v_ab) = (sent, sent + 1, sent + 2);
    sent += 3;

    // 4. Booleanity of the bits.
    let sigma = transcript.draw(label::SIGMA, circuit.bit_variables());
    let (bit_point, bit_claim) = zero_check(
        &mut transcript,
        &sigma,
        &proof.boolean,
        (label::BOOLEAN_ROUND, label::BOOLEAN_POINT),
        &mut sent,
        total,
    )?;
    absorb_points(&mut transcript, label::BOOLEAN_VALUE, &proof.boolean_value);
    let v_bit = sent;
    sent += 1;

    // 5. Inner sum-check of M z~ over the claim vA + rho vB + rho^2 vC + omega vb.
    let rho = transcript.draw_one(label::RHO);
    let omega = transcript.draw_one(label::OMEGA);
    // The commitment to vC is that to vA vB minus that to the outer claim.
    let mut claim = Combination::zero(total);
    claim.add(v_a, Scalar::ONE);
    claim.add(v_b, rho);
    claim.add(v_ab, rho.square());
    claim.add(v_bit, omega);
    claim.add_scaled(&outer_claim, -rho.square());
    let mut ry = Vec::with_capacity(circuit.entry_variables);
    for round in &proof.inner {
        absorb_points(&mut transcript, label::INNER_ROUND, round);
        let r = transcript.draw_one(label::INNER_POINT);
        // g(r) = g(0) + r (claim - 2 g(0) - lead) + r^2 lead.
        claim.scale(r);
        claim.add(sent, Scalar::ONE - r.double());
        claim.add(sent + 1, r.square() - r);
        sent += 2;
        ry.push(r);
    }

    // 6. M~(ry) and the public part of z~(ry).
    let matrix = matrix_evaluation(circuit, &challenges, (&rho, &omega), (&rx, &bit_point), &ry);
    let public = public_evaluation(circuit, statement.public, &ry);

    // 7. The closing proof's challenges.
    let gamma = transcript.draw_one(label::GAMMA);
    absorb_points(&mut transcript, label::ANNOUNCEMENTS, &proof.announcements);
    let challenge = transcript.draw_one(label::OPENING_CHALLENGE);
    let responses: Vec<u8> = proof.responses.iter().flat_map(crate::scalar::to_bytes).collect();
    transcript.absorb(label::RESPONSES, &responses);
    let fold = transcript.draw(label::FOLD, EQUATIONS);

    Ok(Replay {
        ry,
        matrix,
        public,
        gamma,
        challenge,
        fold,
        positions: [v_a, v_b, v_ab, v_bit],
        bit_claim,
        final_claim: claim,
    })
}

/// Absorbs what both parties know before the first message.
pub fn absorb_statement(transcript: &mut Transcript, circuit: &Circuit, statement: &Statement<'_>) {
    transcript.absorb(label::PROTOCOL, statement.kind.protocol());
    transcript.absorb(label::CIRCUIT, &circuit.digest);
    transcript.absorb(label::KEY, statement.key_digest);
    transcript.absorb(label::CONTEXT, statement.context);
    let public: Vec<u8> = statement.public.iter().flat_map(|v| v.to_le_bytes()).collect();
    transcript.absorb(label::PUBLIC, &public);
    if !statement.data.is_empty() {
        transcript.absorb(label::DATA, statement.data);
    }
}

/// Absorbs the rows of a segment.
pub fn absorb_rows(transcript: &mut Transcript, segment: &Segment, rows: &[Encoding]) {
    absorb_points(transcript, &format!("{}{}", label::ROWS, segment.name), rows);
}

/// Absorbs encoded points as one message.
pub fn absorb_points(transcript: &mut Transcript, label: &str, points: &[Encoding]) {
    transcript.absorb(label, points.as_flattened());
}

/// Draws the challenge vectors that the circuit lists, in its order.
pub fn draw_challenges(transcript: &mut Transcript, circuit: &Circuit) -> Vec<Vec<Scalar>> {
    circuit
        .challenges
        .iter()
        .map(|coordinates| transcript.draw(label::CIRCUIT_CHALLENGE, *coordinates))
        .collect()
}

/// `M~(ry)`, the claim about bits included: rho and omega, then rx and the point of booleanity.
pub fn matrix_evaluation(
    circuit: &Circuit,
    challenges: &[Vec<Scalar>],
    (rho, omega): (&Scalar, &Scalar),
    (rx, bit_point): (&[Scalar], &[Scalar]),
    ry: &[Scalar],
) -> Scalar {
    evaluate(circuit, challenges, rho, rx, ry) + *omega * bits_indicator(circuit, bit_point, ry)
}

/// The public segment's part of `z~(ry)`; `public` holds the tensors after the constant one.
pub fn public_evaluation(circuit: &Circuit, public: &[i64], ry: &[Scalar]) -> Scalar {
    let Some(place) = circuit.segments.first() else { return Scalar::ZERO };
    let eq = eq_range(ry, place.start, place.used);
    let mut values = public.iter();
    let mut sum = eq.first().copied().unwrap_or(Scalar::ZERO);
    for tensor in circuit.public_tensors() {
        let grid = &tensor.grid;
        for index in 0..grid.count() {
            let Some(value) = values.next() else { return sum };
            let mut rest = index;
            let mut address = grid.offset;
            for (extent, stride) in grid.extents.iter().zip(&grid.strides).rev() {
                address = address.saturating_add((rest % extent).saturating_mul(*stride));
                rest /= extent;
            }
            sum += eq.get(address).copied().unwrap_or(Scalar::ZERO) * Scalar::from(*value);
        }
    }
    sum
}

/// Checks that the public values are as many as the circuit fixes, and within their bounds.
///
/// # Errors
/// [`Error::Statement`], naming the value.
pub fn check_statement(circuit: &Circuit, statement: &Statement<'_>) -> Result<(), Error> {
    let fail = |why: String| Err(Error::Statement(why));
    let expected: usize = circuit.public_tensors().map(|tensor| tensor.grid.count()).sum();
    if statement.public.len() != expected {
        return fail(format!(
            "{} public values, and the circuit fixes {expected}",
            statement.public.len()
        ));
    }
    let mut values = statement.public.iter();
    for (position, tensor) in circuit.public_tensors().enumerate() {
        let (low, high) = tensor.bounds;
        for (index, value) in values.by_ref().take(tensor.grid.count()).enumerate() {
            if *value < low || *value > high {
                return fail(format!(
                    "entry {index} of public tensor {position} is {value}, outside of {low} to {high}"
                ));
            }
        }
    }
    Ok(())
}

/// A zero-check of degree two with the eq factor split off (Gruen, eprint 2024/108): round i is
/// about `t(X)`, `T = (1 - tau_i) t(0) + tau_i t(1)`, and the next claim is t(r).
fn zero_check(
    transcript: &mut Transcript,
    tau: &[Scalar],
    rounds: &[Vec<Encoding>],
    (round_label, point_label): (&str, &str),
    sent: &mut usize,
    total: usize,
) -> Result<(Vec<Scalar>, Combination), Error> {
    let mut inverses = tau.to_vec();
    if inverses.iter().any(Zero::is_zero) {
        return Err(Error::Rejected("a coordinate of the zero-check's point is zero"));
    }
    batch_inversion(&mut inverses);
    let mut claim = Combination::zero(total);
    let mut point = Vec::with_capacity(tau.len());
    for (round, inverse) in rounds.iter().zip(&inverses) {
        absorb_points(transcript, round_label, round);
        let r = transcript.draw_one(point_label);
        // t(r) = a + b r + c r^2 with b = (T - a) / tau_i - c.
        let slope = r * inverse;
        claim.scale(slope);
        if round.len() == 2 {
            claim.add(*sent, Scalar::ONE - slope);
            *sent += 1;
        }
        claim.add(*sent, r.square() - r);
        *sent += 1;
        point.push(r);
    }
    Ok((point, claim))
}

/// `[y in bits] eq(s, low beta bits of y)` at ry: the segment is aligned to its size.
fn bits_indicator(circuit: &Circuit, bit_point: &[Scalar], ry: &[Scalar]) -> Scalar {
    let low = ry.iter().zip(bit_point).map(|(y, s)| {
        let both = *y * s;
        both + both - y - s + Scalar::ONE
    });
    let Some((_, place)) = circuit.bits() else { return Scalar::ZERO };
    let high = ry.get(bit_point.len()..).unwrap_or_default();
    let prefix = place.start.checked_div(place.padded).unwrap_or(0);
    low.chain(eq_range(high, prefix, 1)).product()
}

impl Combination {
    fn zero(total: usize) -> Self {
        Combination { weights: vec![Scalar::ZERO; total] }
    }

    fn add(&mut self, position: usize, weight: Scalar) {
        if let Some(slot) = self.weights.get_mut(position) {
            *slot += weight;
        }
    }

    fn scale(&mut self, factor: Scalar) {
        self.weights.iter_mut().for_each(|weight| *weight *= factor);
    }

    fn add_scaled(&mut self, other: &Combination, factor: Scalar) {
        for (slot, weight) in self.weights.iter_mut().zip(&other.weights) {
            *slot += *weight * factor;
        }
    }
}

/// Every point of a proof, decoded.
struct Points {
    /// Rows of each segment that is sent.
    rows: Vec<Vec<Point>>,
    sent: Vec<Point>,
    announcements: Vec<Point>,
}

impl Points {
    fn decode(proof: &Proof) -> Result<Self, String> {
        let decode = |rows: &Vec<Encoding>| decode_points(rows, "row commitment");
        let sent: Vec<Encoding> = proof.scalar_commitments().copied().collect();
        Ok(Points {
            rows: proof.rows.iter().map(decode).collect::<Result<_, _>>()?,
            sent: decode_points(&sent, "scalar commitment")?,
            announcements: decode_points(&proof.announcements, "announcement")?,
        })
    }
}

impl Verifier {
    /// `sum_k fold_k (response side_k - announcement_k - challenge * statement_k) = 0`:
    ///
    /// 1. `[vA] = vA U + . H`            5. `R = Row(w; .)`
    /// 2. `[vA vB] = vA [vB] + . H`      6. `D = M~(ry) <w, e> U + . H`
    /// 3. `[vb] = vb U + . H`            7. `Q = q U + . H`
    /// 4. `[vb^2] = vb [vb] + . H`
    fn check_closing(
        &self,
        proof: &Proof,
        decoded: &Points,
        committed: &[&[Point]],
        replay: Replay,
    ) -> Result<(), Error> {
        let Verifier { circuit, generators, .. } = self;
        let malformed = || Error::Malformed("the responses have another count".into());
        let [f1, f2, f3, f4, f5, f6, f7] = *replay.fold else { return Err(malformed()) };
        let mut responses = proof.responses.iter().copied();
        let mut next = || responses.next().ok_or_else(malformed);
        let (z_a, z_bit) = (next()?, next()?);
        let row: Vec<Scalar> = (0..circuit.columns()).map(|_| next()).collect::<Result<_, _>>()?;
        let z_q = next()?;
        let blindings: Vec<Scalar> = (0..EQUATIONS).map(|_| next()).collect::<Result<_, _>>()?;

        let column_variables = usize::try_from(circuit.columns_log2).unwrap_or(0);
        let (column_part, row_part) =
            replay.ry.split_at_checked(column_variables).ok_or_else(malformed)?;
        let e = eq_table(column_part);
        let dot: Scalar = row.iter().zip(&e).map(|(w, e)| *w * e).sum();

        // Scalar commitments: the statements of equations 1-4, 6, 7, and the bases of 2 and 4.
        let [v_a, v_b, v_ab, v_bit] = replay.positions;
        let c = replay.challenge;
        let mut sent = Combination { weights: powers(replay.gamma, decoded.sent.len()) };
        sent.scale(-c * f7);
        sent.add(v_a, -c * f1);
        sent.add(v_ab, -c * f2);
        sent.add(v_b, z_a * f2);
        sent.add(v_bit, -c * f3 - c * f4 + z_bit * f4);
        sent.add_scaled(&replay.bit_claim, -c * f4);
        sent.add_scaled(&replay.final_claim, -c * f6);

        let value = z_a * f1
            + z_bit * f3
            + replay.matrix * dot * f6
            + z_q * f7
            + c * f6 * replay.matrix * replay.public;
        let blinding: Scalar = blindings.iter().zip(&replay.fold).map(|(b, f)| *b * f).sum();

        let mut scalars: Vec<Scalar> = row.iter().map(|w| *w * f5).collect();
        let mut points: Vec<Point> = generators.columns.clone();
        scalars.extend([value, blinding]);
        points.extend([generators.value, generators.blinding]);
        scalars.extend(replay.fold.iter().map(|f| -*f));
        points.extend(&decoded.announcements);
        scalars.extend(sent.weights);
        points.extend(&decoded.sent);
        let sent = circuit.sent().zip(decoded.rows.iter().map(Vec::as_slice));
        let committed = circuit.bound(Binding::Committed).zip(committed.iter().copied());
        for ((_, segment), rows) in committed.chain(sent) {
            let first = segment.start >> circuit.columns_log2;
            let weight = -c * f5;
            let eq = eq_range(row_part, first, rows.len());
            scalars.extend(eq.iter().map(|eq| *eq * weight));
            points.extend(rows);
        }
        if multiscalar(&scalars, &points).is_identity() {
            Ok(())
        } else {
            Err(Error::Rejected("the closing equations do not hold"))
        }
    }
}
