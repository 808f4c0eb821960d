//! The zero-check `0 = sum_x eq(tau, x) t(x)` of degree two, with the eq factor split off
//! (Gruen, eprint 2024/108), each round's coefficients committed instead of sent.

use crate::messages::{Messages, Opening};
use crate::products::Products;
use crate::wide::ScalarSum;
use crate::witness::parallel_sum;
use ark_ff::{Field, batch_inversion};
use rayon::prelude::*;
use zkinfer_verify::circuit::Circuit;
use zkinfer_verify::proof::Encoding;
use zkinfer_verify::scalar::{Scalar, eq_table};

/// What a zero-check is about: coordinate by coordinate, lowest first.
pub trait Polynomial {
    /// `t(0)` and the leading coefficient of the round polynomial of `round`.
    fn coefficients(&self, eq: &SplitEq, round: usize) -> (Scalar, Scalar);
    /// Fixes the coordinate of `round`.
    fn bind(&mut self, round: usize, r: Scalar);
}

/// `eq(tau_{>i}, x)` for every round i, as a low and a high table.
pub struct SplitEq {
    variables: usize,
    middle: usize,
    suffixes: Vec<Vec<Scalar>>,
    high: Vec<Scalar>,
}

impl SplitEq {
    /// Builds the tables, about `2^(n/2)` entries each.
    pub fn new(tau: &[Scalar]) -> Self {
        let middle = tau.len() / 2;
        let suffixes = (0..=tau.len())
            .map(|i| if i <= middle { eq_table(&tau[i..middle]) } else { eq_table(&tau[i..]) })
            .collect();
        SplitEq { variables: tau.len(), middle, suffixes, high: eq_table(&tau[middle..]) }
    }

    /// The tables over the coordinates from `first` up: entry x is `low[x mod] * high[x div]`.
    pub fn from(&self, first: usize) -> (&[Scalar], &[Scalar]) {
        debug_assert!(first <= self.variables);
        if first <= self.middle {
            (&self.suffixes[first], &self.high)
        } else {
            (&self.suffixes[self.variables], &self.suffixes[first])
        }
    }

    /// `sum_x eq(tau_{>=first}, x) term(x)` for x below `count`; `term` gives two values.
    pub fn sum(
        &self,
        first: usize,
        count: usize,
        term: impl Fn(usize) -> (Scalar, Scalar) + Sync + Send,
    ) -> (Scalar, Scalar) {
        let (low, high) = self.from(first);
        let blocks = count.div_ceil(low.len());
        parallel_sum(
            blocks,
            (2048 / low.len()).max(1),
            || (Scalar::default(), Scalar::default()),
            |sum, range| {
                for block in range {
                    let mut inner = (ScalarSum::default(), ScalarSum::default());
                    let start = block * low.len();
                    for (x, eq) in (start..count).zip(low) {
                        let (a, c) = term(x);
                        inner.0.add(&a, eq);
                        inner.1.add(&c, eq);
                    }
                    sum.0 += inner.0.reduce() * high[block];
                    sum.1 += inner.1.reduce() * high[block];
                }
            },
            |x, y| (x.0 + y.0, x.1 + y.1),
        )
    }
}

/// Runs a zero-check. Returns the rounds' messages, the point, and the opening of the last claim.
pub fn prove(
    messages: &mut Messages<'_>,
    tau: &[Scalar],
    polynomial: &mut impl Polynomial,
    (round_label, point_label): (&str, &str),
) -> (Vec<Vec<Encoding>>, Vec<Scalar>, Opening) {
    let eq = SplitEq::new(tau);
    let mut inverses = tau.to_vec();
    batch_inversion(&mut inverses);
    let mut claim = Opening::default();
    let (mut rounds, mut point) = (Vec::new(), Vec::new());
    for (round, inverse) in inverses.iter().enumerate() {
        let (constant, lead) = polynomial.coefficients(&eq, round);
        // In round one t(0) = 0 for every honest witness, and is not sent.
        let values = [constant, lead];
        let (encodings, openings) = messages.send(round_label, &values[usize::from(round == 0)..]);
        let a = if round == 0 { Opening::default() } else { openings[0] };
        let c = openings[openings.len() - 1];
        let r = messages.transcript.draw_one(point_label);
        // b = (T - a) / tau_i - c, and the next claim is a + b r + c r^2.
        let slope = r * inverse;
        claim =
            claim.scaled(slope).plus(a.scaled(Scalar::ONE - slope)).plus(c.scaled(r.square() - r));
        polynomial.bind(round, r);
        rounds.push(encodings);
        point.push(r);
    }
    (rounds, point, claim)
}

/// Fixes the lowest coordinate of a table: `v0 + r (v1 - v0)` per pair, a missing end being zero.
pub fn fold(table: &[Scalar], r: Scalar) -> Vec<Scalar> {
    table
        .par_chunks(2)
        .with_min_len(1024)
        .map(|pair| match pair {
            [zero, one] => *zero + r * (*one - zero),
            [zero, ..] => *zero - r * zero,
            [] => Scalar::default(),
        })
        .collect()
}

/// A pair of a table, a missing end being zero.
pub fn pair(table: &[Scalar], x: usize) -> (Scalar, Scalar) {
    let at = |i: usize| table.get(i).copied().unwrap_or_default();
    (at(2 * x), at(2 * x + 1))
}

/// `A~ B~ - C~` over the rows.
pub struct Outer {
    a: Vec<Scalar>,
    b: Vec<Scalar>,
    c: Vec<Scalar>,
}

impl Outer {
    /// Lays the blocks' values out over the rows; an honest witness has C = A B on every row.
    pub fn new(circuit: &Circuit, products: &[Products]) -> Self {
        let end = |p: &Products| circuit.blocks[p.block].grid.end().unwrap_or(0);
        let rows = products.iter().map(end).max().unwrap_or(0);
        let mut a = vec![Scalar::default(); rows];
        let mut b = a.clone();
        for product in products {
            let grid = &circuit.blocks[product.block].grid;
            crate::witness::scatter(grid, &product.a, &mut a);
            crate::witness::scatter(grid, &product.b, &mut b);
        }
        let c = a.par_iter().zip(&b).with_min_len(4096).map(|(a, b)| *a * b).collect();
        Outer { a, b, c }
    }

    /// `A~(rx)` and `B~(rx)` after the last round.
    pub fn values(&self) -> (Scalar, Scalar) {
        (pair(&self.a, 0).0, pair(&self.b, 0).0)
    }
}

impl Polynomial for Outer {
    fn coefficients(&self, eq: &SplitEq, round: usize) -> (Scalar, Scalar) {
        eq.sum(round + 1, self.a.len().div_ceil(2), |x| {
            let (a0, a1) = pair(&self.a, x);
            let (b0, b1) = pair(&self.b, x);
            let constant =
                if round == 0 { Scalar::default() } else { a0 * b0 - pair(&self.c, x).0 };
            (constant, (a1 - a0) * (b1 - b0))
        })
    }

    fn bind(&mut self, _round: usize, r: Scalar) {
        for table in [&mut self.a, &mut self.b, &mut self.c] {
            *table = fold(table, r);
        }
    }
}
