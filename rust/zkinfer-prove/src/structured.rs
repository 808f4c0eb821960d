//! Tensors in the integer rounds of the inner sum-check.
//!
//! Where M is `sum_c rest_c(i) last_c(k)`, a round that fixes a bit of k needs only the sums
//! `S_c(k) = sum_i rest_c(i) z(i, k)`, and folds them as it folds `last_c`. The claim about bits is
//! such a class: a tensor's last axis is aligned, so `eq(s, y)` is a product over i and k.

use crate::inner::BitClaim;
use crate::matrix::Class;
use crate::wide::{Digits, IntegerSum, ScalarSum};
use crate::witness::{Data, for_addresses, last, mask, outer, parallel_sum, weighted_integers};
use crate::zerocheck::{fold, pair};
use rayon::prelude::*;
use zkinfer_verify::circuit::{Grid, log2};
use zkinfer_verify::scalar::{Scalar, eq_table};

/// Rows that a thread takes at a time.
const ROWS: usize = 512;

/// A class together with its sums over the entries.
pub struct Sums {
    /// Over the last axis, as far as it is fixed.
    pub last: Vec<Scalar>,
    /// `S(k)`, likewise.
    pub sums: Vec<Scalar>,
}

/// A tensor in its integer rounds.
pub struct Structured<'a> {
    /// Its place.
    pub grid: &'a Grid,
    /// How many rounds it has.
    pub depth: usize,
    data: &'a Data<'a>,
    rests: Vec<Vec<Scalar>>,
    /// One per class of M, the claim about bits behind the others.
    pub sums: Vec<Sums>,
}

impl Sums {
    /// The share of a round: its constant and its leading coefficient.
    pub fn coefficients(&self) -> (Scalar, Scalar) {
        let mut total = (Scalar::default(), Scalar::default());
        for x in 0..self.last.len().div_ceil(2) {
            let ((w0, w1), (s0, s1)) = (pair(&self.last, x), pair(&self.sums, x));
            total.0 += w0 * s0;
            total.1 += (w1 - w0) * (s1 - s0);
        }
        total
    }

    /// Fixes the lowest coordinate.
    pub fn bind(&mut self, r: Scalar) {
        self.last = fold(&self.last, r);
        self.sums = fold(&self.sums, r);
    }
}

impl<'a> Structured<'a> {
    /// Sums a tensor's entries under every class of M, and under the claim about bits.
    pub fn new(
        grid: &'a Grid,
        data: &'a Data<'a>,
        classes: Vec<Class>,
        claim: Option<&BitClaim<'_>>,
        depth: usize,
    ) -> Self {
        let padded = last(grid).next_power_of_two();
        let summed = |rest: &[Scalar], mut last: Vec<Scalar>| {
            last.resize(padded, Scalar::default());
            let mut sums = entry_sums(grid, data, rest);
            sums.resize(padded, Scalar::default());
            Sums { last, sums }
        };
        let (mut rests, mut sums) = (Vec::new(), Vec::new());
        for class in classes {
            sums.push(summed(&class.rest, class.last));
            rests.push(class.rest);
        }
        if let Some(claim) = claim {
            let fixed = log2(padded);
            let (low, high) = claim.eq.from(fixed);
            let at = |address: usize| low[address % low.len()] * high[address / low.len()];
            let rest: Vec<_> = starts(grid).into_par_iter().map(|a| at(a >> fixed)).collect();
            let last = eq_table(&claim.point[..fixed]).into_iter().map(|eq| eq * claim.omega);
            sums.push(summed(&rest, last.collect()));
        }
        Structured { grid, depth, data, rests, sums }
    }

    /// Adds M but for the claim about bits, and sets z, of the chunks of `2^depth` entries that the
    /// fixed coordinates fold; `weights` is eq of these coordinates, `start` the first chunk of
    /// both tables.
    pub fn deposit(
        &self,
        weights: &[Scalar],
        start: usize,
        all_matrix: &mut [Scalar],
        all_entries: &mut [Scalar],
    ) {
        let chunks = last(self.grid).next_power_of_two() >> self.depth;
        let width = last(self.grid);
        let tables = match self.data {
            Data::Bits(_) => byte_tables(weights),
            Data::Integers(_) | Data::Scalars(_) => Vec::new(),
        };
        let digits: Vec<Digits> = weights.iter().map(Digits::from).collect();
        let starts: Vec<usize> =
            starts(self.grid).into_iter().map(|address| (address >> self.depth) - start).collect();
        let (mut matrix, mut entries, mut next) = (all_matrix, all_entries, 0);
        let mut jobs = Vec::new();
        for (rows, starts) in (0..).step_by(ROWS).zip(starts.chunks(ROWS)) {
            let (first, end) = (starts[0], starts[starts.len() - 1] + chunks);
            let (m, later) = matrix[first - next..].split_at_mut(end - first);
            let (z, rest) = entries[first - next..].split_at_mut(end - first);
            jobs.push((rows, starts, m, z));
            (matrix, entries, next) = (later, rest, end);
        }
        jobs.into_par_iter().for_each(|(rows, starts, m, z)| {
            for (i, place) in (rows..).zip(starts) {
                for p in 0..chunks {
                    let mut sum = ScalarSum::default();
                    for (rest, sums) in self.rests.iter().zip(&self.sums) {
                        sum.add(&rest[i], &sums.last[p]);
                    }
                    let at = place - starts[0] + p;
                    m[at] += sum.reduce();
                    z[at] = self.entry(i, p, width, (weights, &digits, &tables));
                }
            }
        });
    }

    /// `sum_k weights(k) z(i, p 2^depth + k)`, with the weights in three forms.
    fn entry(
        &self,
        i: usize,
        p: usize,
        width: usize,
        (weights, digits, tables): (&[Scalar], &[Digits], &[Vec<Scalar>]),
    ) -> Scalar {
        // A chunk may begin, and end, in the padding behind the last true entry.
        let first = (p << self.depth).min(width);
        let count = (1usize << self.depth).min(width - first);
        match self.data {
            Data::Bits(values) => {
                let bits = (values[i] as u64 & mask(width)).checked_shr(first as u32).unwrap_or(0);
                tables
                    .iter()
                    .enumerate()
                    .map(|(byte, table)| table[(bits >> (8 * byte)) as usize & 255])
                    .sum()
            }
            Data::Integers(values) => {
                let mut sum = IntegerSum::default();
                for (value, weight) in values[i * width + first..][..count].iter().zip(digits) {
                    sum.add(*value, weight);
                }
                sum.reduce()
            }
            Data::Scalars(values) => values[i * width + first..][..count]
                .iter()
                .zip(weights)
                .map(|(value, weight)| *value * weight)
                .sum(),
        }
    }
}

/// For each byte of a chunk, or what there is of one, the weighted sum of its bits for all values.
fn byte_tables(weights: &[Scalar]) -> Vec<Vec<Scalar>> {
    weights
        .chunks(8)
        .map(|weights| {
            let mut table = vec![Scalar::default()];
            for weight in weights {
                let upper: Vec<Scalar> = table.iter().map(|sum| *sum + weight).collect();
                table.extend(upper);
            }
            table
        })
        .collect()
}

/// `S(k) = sum_i rest(i) z(i, k)`.
fn entry_sums(grid: &Grid, data: &Data<'_>, rest: &[Scalar]) -> Vec<Scalar> {
    let width = last(grid);
    match data {
        Data::Bits(values) => {
            let mask = mask(width);
            let bytes = width.div_ceil(8);
            let histograms = parallel_sum(
                rest.len(),
                4096,
                || vec![Scalar::default(); 256 * bytes],
                |sums, range| {
                    for i in range {
                        let value = (values[i] as u64 & mask).to_le_bytes();
                        for (byte, table) in value.iter().zip(sums.chunks_exact_mut(256)) {
                            table[usize::from(*byte)] += &rest[i];
                        }
                    }
                },
                |mut x, y| {
                    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
                    x
                },
            );
            histograms.chunks_exact(256).flat_map(bit_sums).take(width).collect()
        }
        Data::Integers(values) => weighted_integers(values, rest, width, 256),
        Data::Scalars(values) => (0..width)
            .map(|k| rest.iter().enumerate().map(|(i, r)| *r * values[i * width + k]).sum())
            .collect(),
    }
}

/// For each of eight bits, the sum of a histogram over the byte values that have it.
fn bit_sums(histogram: &[Scalar]) -> [Scalar; 8] {
    let mut table = histogram.to_vec();
    let mut sums = [Scalar::default(); 8];
    for (k, sum) in sums.iter_mut().enumerate().rev() {
        let (without, with) = table.split_at_mut(1 << k);
        for (below, above) in without.iter_mut().zip(with) {
            *sum += *above;
            *below += *above;
        }
    }
    sums
}

/// The address of each first entry along the last axis.
fn starts(grid: &Grid) -> Vec<usize> {
    let places = outer(grid);
    let mut starts = vec![0; places.count()];
    for_addresses(&places, |i, address| starts[i] = address);
    starts
}
