//! The group G: ristretto255 (RFC 9496), and the generators that nobody chose.
//!
//! `Com(v; b) = v U + b H` commits to a scalar, `Row(w; b) = sum_j w_j G_j + b H` to a row of C
//! scalars: perfectly hiding, and binding under the discrete logarithm assumption.

use crate::scalar::{Scalar, to_group};
use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use rayon::prelude::*;
use sha3::Shake128;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// An element of G.
pub type Point = RistrettoPoint;

/// Bytes of an encoded point.
pub const POINT_BYTES: usize = 32;

const GENERATOR_DOMAIN: &[u8] = b"zkinfer/v1/generator/";

/// The commitment key for rows of C entries.
#[derive(Debug, Clone)]
pub struct Generators {
    /// `G_0 .. G_{C-1}`, one per column.
    pub columns: Vec<Point>,
    /// `U`, which carries values.
    pub value: Point,
    /// `H`, which carries blindings.
    pub blinding: Point,
}

impl Generators {
    /// Derives the generators: RFC 9496's element derivation from 64 bytes of SHAKE128 over the
    /// domain, the letter and the index.
    pub fn new(columns: u32) -> Self {
        Generators {
            columns: (0..columns).into_par_iter().map(|j| generator(b'G', u64::from(j))).collect(),
            value: generator(b'U', 0),
            blinding: generator(b'H', 0),
        }
    }

    /// The generators for `2^columns_log2` columns, derived once in a process.
    pub fn shared(columns_log2: u32) -> Arc<Self> {
        static MADE: Made<Generators> = Mutex::new(BTreeMap::new());
        once(&MADE, columns_log2, || Generators::new(1 << columns_log2))
    }

    /// `v U + b H`.
    pub fn commit(&self, value: &Scalar, blinding: &Scalar) -> Point {
        RistrettoPoint::vartime_multiscalar_mul(
            [to_group(value), to_group(blinding)],
            [self.value, self.blinding],
        )
    }
}

/// What has been made in this process, by the logarithm of the number of columns.
pub type Made<T> = Mutex<BTreeMap<u32, Arc<T>>>;

/// What `make` makes, at the first call for a size. Whoever makes it holds no lock, so that a thread
/// may do other work meanwhile; of what is made at the same time one is kept.
pub fn once<T>(made: &Made<T>, columns_log2: u32, make: impl FnOnce() -> T) -> Arc<T> {
    let known = || made.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(value) = known().get(&columns_log2) {
        return Arc::clone(value);
    }
    let value = Arc::new(make());
    Arc::clone(known().entry(columns_log2).or_insert(value))
}

fn generator(letter: u8, index: u64) -> Point {
    let mut hash = Shake128::default();
    hash.update(GENERATOR_DOMAIN);
    hash.update(&[letter]);
    hash.update(&index.to_le_bytes());
    let mut bytes = [0u8; 64];
    hash.finalize_xof().read(&mut bytes);
    RistrettoPoint::from_uniform_bytes(&bytes)
}

/// Decodes canonical points; the error names the first that is none.
pub fn decode_points(bytes: &[[u8; 32]], what: &str) -> Result<Vec<Point>, String> {
    let decoded: Vec<Option<Point>> = bytes
        .par_iter()
        .with_min_len(32)
        .map(|encoding| CompressedRistretto(*encoding).decompress())
        .collect();
    let mut points = Vec::with_capacity(decoded.len());
    for (index, point) in decoded.into_iter().enumerate() {
        points.push(
            point.ok_or_else(|| format!("{what} {index} is no canonical ristretto255 encoding"))?,
        );
    }
    Ok(points)
}

/// `sum_i scalars_i points_i` on every core, in variable time: for public values only.
pub fn multiscalar(scalars: &[Scalar], points: &[Point]) -> Point {
    let share = scalars.len().div_ceil(rayon::current_num_threads()).max(256);
    scalars
        .par_chunks(share)
        .zip(points.par_chunks(share))
        .map(|(s, p)| RistrettoPoint::vartime_multiscalar_mul(s.iter().map(to_group), p))
        .sum()
}
