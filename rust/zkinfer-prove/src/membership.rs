//! One of many, the prover's side: hidden records are among those of committed data.
//!
//! A record's number has digits; `s_kj` says whether digit k is j, and `a_kj` masks it, so that
//! `p_i(X) = prod_k (s_kj X + a_kj)`, j being digit k of i, has degree d for the record and less
//! for all others. Its lower coefficients weigh the records in `G_k`. As these sum to zero over all
//! numbers, what belongs to the record itself drops out, and so does one record: that whose number
//! stands for all from it on.
//!
//! None of this is constant time.

use crate::commit::{CommitmentKey, encode};
use crate::messages::Messages;
use crate::random::Randomness;
use ark_ff::{AdditiveGroup, Field, Zero};
use rayon::prelude::*;
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};
use zkinfer_verify::circuit::Circuit;
use zkinfer_verify::group::{Generators, Point, decode_points, multiscalar};
use zkinfer_verify::membership::{BASE, BITS, DIGITS_LOG2, Data, Shape, Slot, answer, to_argument};
use zkinfer_verify::proof::Encoding;
use zkinfer_verify::scalar::{Scalar, from_bytes, powers, to_group};
use zkinfer_verify::transcript::label;

/// Records whose coefficients there are at a time.
const RECORDS: usize = 1 << 14;

/// Hidden records that are few enough to weigh each row of the data for each of them.
const FEW: usize = 2;

/// As many rows of each record of the data, which powers of gamma combine.
#[derive(Clone, Copy)]
struct Rows<'a> {
    points: &'a [Point],
    gammas: &'a [Scalar],
}

/// Which records of committed data the rows of a segment are, blinded afresh. Wiped when dropped.
pub struct Hidden {
    /// How many records the data have.
    pub records: usize,
    /// Their rows.
    pub rows: Arc<Vec<Point>>,
    /// The records' numbers, from 0.
    pub numbers: Vec<usize>,
    /// What these records' rows are blinded with in the data, in the order of the segment's rows.
    pub blindings: Vec<[u8; 32]>,
}

impl Drop for Hidden {
    fn drop(&mut self) {
        self.numbers.zeroize();
        self.blindings.zeroize();
    }
}

/// What is known of one hidden record. Wiped when dropped.
struct Secret {
    number: usize,
    /// `T - D_i = delta H`.
    delta: Scalar,
    /// `a_kj`, the masks of the digits.
    masks: Zeroizing<Vec<Scalar>>,
    /// The blindings of A, B, C and D.
    blindings: Zeroizing<Vec<Scalar>>,
    /// Those of `G_0, G_1, ...`.
    rhos: Zeroizing<Vec<Scalar>>,
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.number.zeroize();
        self.delta.zeroize();
    }
}

/// Proves that the records are of the data, once their rows are absorbed: the argument's bytes.
/// rows, blindings: of the segment, which `segment` numbers. If `checked`, nothing is sent about
/// rows that are not the records'.
///
/// # Errors
/// A sentence where counts do not fit or, if `checked`, the rows are others.
pub fn prove(
    messages: &mut Messages<'_>,
    circuit: &Circuit,
    segment: usize,
    (rows, blindings): (&[Encoding], &[Scalar]),
    hidden: &Hidden,
    checked: bool,
) -> Result<Vec<u8>, String> {
    let shape =
        Shape::new(circuit, segment, &Data { records: hidden.records, rows: &hidden.rows })?;
    let known: Option<Vec<Scalar>> = hidden.blindings.iter().map(from_bytes).collect();
    let known = Zeroizing::new(known.ok_or("a blinding of the data is no canonical scalar")?);
    let slots = shape.places.len();
    let fits = hidden.numbers.iter().all(|number| *number < shape.records);
    if !fits || hidden.numbers.len() != slots || known.len() != blindings.len() {
        return Err(format!("{slots} hidden records have numbers below {}", shape.records));
    }
    let gammas = powers(messages.transcript.draw_one(label::MEMBERSHIP_GAMMA), shape.each);
    let combine = |rows: &[Point]| multiscalar(&gammas, rows);
    // For many hidden records it pays to combine the rows of each record of the data first.
    let combined: Vec<Point>;
    let mut records = Rows { points: &hidden.rows, gammas: &gammas };
    if slots > FEW {
        combined = hidden.rows.par_chunks_exact(shape.each).map(combine).collect();
        records = Rows { points: &combined, gammas: &gammas[..1] };
    }
    let fresh = decode_points(rows, "committed row")?;

    let mut secrets = Vec::with_capacity(slots);
    for (places, number) in shape.places.iter().zip(&hidden.numbers) {
        let own: Vec<Point> = places.iter().map(|place| fresh[*place]).collect();
        let apart = places.iter().zip(&gammas).map(|(i, g)| (blindings[*i] - known[*i]) * g);
        let secret = Secret::new(*number, apart.sum(), &shape, &mut messages.randomness);
        let blinding = Generators::shared(DIGITS_LOG2).blinding;
        let theirs = &hidden.rows[number * shape.each..][..shape.each];
        if checked && combine(&own) - combine(theirs) != blinding * to_group(&secret.delta) {
            return Err("a hidden record has other rows in the data".into());
        }
        secrets.push(secret);
    }
    let mut sent: Vec<Slot> = Vec::with_capacity(slots);
    for secret in &secrets {
        sent.push(Slot { points: secret.points(records), scalars: Vec::new() });
    }
    let all: Vec<Encoding> = sent.iter().flat_map(|slot| slot.points.clone()).collect();
    let x = answer(&mut messages.transcript, &all);
    for (slot, secret) in sent.iter_mut().zip(&secrets) {
        slot.scalars = secret.scalars(x);
    }
    let argument = to_argument(&sent);
    messages.transcript.absorb(label::MEMBERSHIP_RESPONSES, &argument[32 * all.len()..]);
    messages.transcript.draw(label::MEMBERSHIP_FOLD, 3 * slots);
    Ok(argument)
}

impl Secret {
    fn new(number: usize, delta: Scalar, shape: &Shape, randomness: &mut Randomness) -> Self {
        let mut masks = randomness.scalars(BASE * shape.digits);
        for digit in masks.chunks_exact_mut(BASE) {
            digit[0] = -digit[1..].iter().sum::<Scalar>();
        }
        let (blindings, rhos) = (randomness.scalars(4), randomness.scalars(shape.digits));
        Secret { number, delta, masks, blindings, rhos }
    }

    /// `s_kj`, as the masks are ordered.
    fn digits(&self) -> Zeroizing<Vec<Scalar>> {
        let selects = |at: usize| self.number >> (BITS * (at / BASE)) & (BASE - 1) == at % BASE;
        let digits = (0..self.masks.len()).map(|at| Scalar::from(u64::from(selects(at))));
        Zeroizing::new(digits.collect())
    }

    /// A, B, C and D, then `G_0, G_1, ...`.
    fn points(&self, records: Rows<'_>) -> Vec<Encoding> {
        let key = CommitmentKey::shared(DIGITS_LOG2);
        let digits = self.digits();
        let pairs = || self.masks.iter().zip(digits.iter());
        let committed: [Vec<Scalar>; 4] = [
            self.masks.to_vec(),
            digits.to_vec(),
            pairs().map(|(a, s)| *a * (Scalar::ONE - s.double())).collect(),
            self.masks.iter().map(|a| -a.square()).collect(),
        ];
        let rows = committed.map(Zeroizing::new).into_iter().zip(self.blindings.iter());
        let halves = rows.map(|(mut row, blinding)| {
            row.resize(1 << DIGITS_LOG2, Scalar::ZERO);
            key.scalars(&row, blinding)
        });
        let mut points = encode(&halves.collect::<Vec<_>>());
        let blinding = Generators::shared(DIGITS_LOG2).blinding;
        let sums = self.weighted(records).into_iter().zip(self.rhos.iter());
        points
            .extend(sums.map(|(sum, rho)| (blinding * to_group(rho) - sum).compress().to_bytes()));
        points
    }

    /// The records weighed by each lower coefficient of `p_i`.
    fn weighted(&self, Rows { points, gammas }: Rows<'_>) -> Vec<Point> {
        let (digits, each) = (self.digits(), gammas.len());
        let mut sums = vec![Point::default(); self.rhos.len()];
        let (others, last) = points.split_at(points.len() - each);
        for (place, records) in others.chunks(RECORDS * each).enumerate() {
            let rows = records.chunks_exact(each).flat_map(|rows| rows.iter().zip(last));
            let rows: Vec<Point> = rows.map(|(row, last)| row - last).collect();
            let first = place * RECORDS;
            let numbers = (first..first + rows.len() / each).into_par_iter();
            let coefficients: Zeroizing<Vec<Vec<Scalar>>> =
                Zeroizing::new(numbers.map(|number| self.lower(&digits, number)).collect());
            for (k, sum) in sums.iter_mut().enumerate() {
                let used = coefficients.iter().zip(rows.chunks_exact(each));
                let used = used.filter(|(p, _)| !p[k].is_zero());
                let (weights, rows): (Vec<Scalar>, Vec<Point>) = used
                    .flat_map(|(p, rows)| gammas.iter().map(|g| p[k] * g).zip(rows.to_vec()))
                    .unzip();
                *sum += multiscalar(&Zeroizing::new(weights), &rows);
            }
        }
        sums
    }

    /// The coefficients of `p_i` below `X^d`, the lowest first.
    fn lower(&self, digits: &[Scalar], number: usize) -> Vec<Scalar> {
        let mut product = vec![Scalar::ZERO; self.rhos.len() + 1];
        product[0] = Scalar::ONE;
        for k in 0..self.rhos.len() {
            let at = BASE * k + (number >> (BITS * k) & (BASE - 1));
            for power in (0..=k + 1).rev() {
                let below = if power > 0 { product[power - 1] * digits[at] } else { Scalar::ZERO };
                product[power] = product[power] * self.masks[at] + below;
            }
        }
        product.pop();
        product
    }

    /// The responses to x.
    fn scalars(&self, x: Scalar) -> Vec<Scalar> {
        let digits = self.digits();
        let f: Vec<Scalar> =
            self.masks.iter().zip(digits.iter()).map(|(a, s)| *s * x + a).collect();
        let mut scalars: Vec<Scalar> =
            f.chunks_exact(BASE).flat_map(|digit| &digit[1..]).copied().collect();
        let [a, b, c, d] = [0, 1, 2, 3].map(|place| self.blindings[place]);
        let powers = powers(x, self.rhos.len() + 1);
        let masked = self.rhos.iter().zip(&powers).map(|(rho, power)| *rho * power);
        let z = self.delta * powers[self.rhos.len()] - masked.sum::<Scalar>();
        scalars.extend([b * x + a, c * x + d, z]);
        scalars
    }
}
