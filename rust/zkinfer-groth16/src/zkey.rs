//! A circuit's setup in snarkjs' format `.zkey`: Groth16, version 1.
//!
//! Its sections, by number: 1 the protocol; 2 sizes and the key's points; 3 IC; 4 the entries of A
//! and B, each value v as v 2^512 modulo r; 5 to 9 the points of A, B in G1, B in G2, C and H;
//! 10 the record of a ceremony.
//! The sections of points stay where they are until a proof needs them.

use crate::error::Error;
use crate::field::{BYTES, Scalar, integer, integer_bytes, order};
use crate::key::Key;
use crate::points::{self, Curve};
use crate::r1cs::{Entry, R1cs};
use crate::sections::{Sections, Source, begin, count, number, section};
use ark_bn254::{Fq, FrConfig, G1Affine, G2Affine, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::{MontConfig, PrimeField};
use rayon::prelude::*;
use std::ops::Range;
use zkinfer_verify::reader::Reader;

const MAGIC: [u8; 4] = *b"zkey";
const VERSION: u32 = 1;
const GROTH16: u32 = 1;

const PROTOCOL: u32 = 1;
const HEADER: u32 = 2;
/// The points `(beta A_s + alpha B_s + C_s)(tau) / gamma` of the one and all public signals.
pub const IC: u32 = 3;
const COEFFICIENTS: u32 = 4;
/// The points `A_s(tau)` of all wires.
pub const A: u32 = 5;
/// The points `B_s(tau)` of all wires, in G1.
pub const B1: u32 = 6;
/// The points `B_s(tau)` of all wires, in G2.
pub const B2: u32 = 7;
/// The points `(beta A_s + alpha B_s + C_s)(tau) / delta` of all private wires.
pub const C: u32 = 8;
/// The points `L_{2i+1}(tau) / delta`, L the Lagrange basis over twice the domain.
pub const H: u32 = 9;
const CEREMONY: u32 = 10;
const SECTIONS: u32 = 10;

const G1_BYTES: usize = 2 * g1::Config::BYTES;
const G2_BYTES: usize = 2 * g2::Config::BYTES;
/// A matrix, a row, a wire and a value.
const ENTRY_BYTES: usize = 3 * 4 + BYTES;
/// Bytes of the hash that a ceremony's record begins with.
const HASH_BYTES: usize = 64;

/// 2^256 modulo r.
const RADIX: Scalar = Scalar::new_unchecked(FrConfig::R2);

/// A setup and its circuit.
pub struct Zkey {
    source: Box<dyn Source>,
    sections: Sections,
    /// The circuit.
    pub circuit: R1cs,
    /// The verifying key, weights and blinding among its public values.
    pub key: Key,
    /// beta in G1.
    pub beta: G1Affine,
    /// delta in G1.
    pub delta: G1Affine,
    /// Contributions that the file records; zero, for good, where a setup was not begun from the
    /// powers of tau of a ceremony.
    pub contributions: usize,
}

impl Zkey {
    /// Reads a file: checks all but the points of sections 5 to 9, which are checked when read.
    ///
    /// # Errors
    /// [`Error::Setup`] when it is malformed or of another circuit, [`Error::Key`] when its key
    /// proves nothing.
    pub fn read(source: Box<dyn Source>, circuit: R1cs) -> Result<Self, Error> {
        let sections = Sections::find(source.as_ref(), MAGIC, VERSION).map_err(Error::Setup)?;
        let zkey = parse(source, sections, circuit).map_err(Error::Setup)?;
        zkey.key.check()?;
        Ok(zkey)
    }

    /// The points of one of the sections [`A`] to [`H`].
    ///
    /// # Errors
    /// [`Error::Setup`] when one is not on the curve.
    pub fn points<P: Curve>(&self, kind: u32) -> Result<Vec<Affine<P>>, Error> {
        self.sections
            .get(kind)
            .and_then(|range| points_of(self.source.as_ref(), range, kind))
            .map_err(Error::Setup)
    }
}

fn bytes_of(source: &dyn Source, range: Range<usize>, kind: u32) -> Result<Vec<u8>, String> {
    source.read(range).ok_or_else(|| format!("section {kind} cannot be read"))
}

fn points_of<P: Curve>(
    source: &dyn Source,
    range: Range<usize>,
    kind: u32,
) -> Result<Vec<Affine<P>>, String> {
    let bytes = bytes_of(source, range, kind)?;
    let read = |(index, bytes)| {
        points::read(bytes)
            .ok_or_else(|| format!("point {index} of section {kind} is not on the curve"))
    };
    bytes.par_chunks(2 * P::BYTES).enumerate().map(read).collect()
}

fn parse(source: Box<dyn Source>, sections: Sections, circuit: R1cs) -> Result<Zkey, String> {
    let file = source.as_ref();
    let bytes = bytes_of(file, sections.sized(PROTOCOL, Some(4))?, PROTOCOL)?;
    let protocol = number(&mut Reader::new(&bytes), "the protocol")?;
    if protocol != GROTH16 {
        return Err(format!("the protocol must be {GROTH16}, Groth16, and is {protocol}"));
    }
    let bytes = bytes_of(file, sections.get(HEADER)?, HEADER)?;
    let mut reader = Reader::new(&bytes);
    for (name, modulus) in [("base", integer_bytes(&Fq::MODULUS)), ("scalar", order())] {
        let size = count(&mut reader, "a field's size")?;
        if size != BYTES || reader.array::<BYTES>("a field's order")? != modulus {
            return Err(format!("the {name} field must be that of BN254"));
        }
    }
    for (what, want) in [
        ("wires", circuit.wires),
        ("public signals", circuit.public),
        ("points in the domain", circuit.domain),
    ] {
        let got = count(&mut reader, what)?;
        if got != want {
            return Err(format!("the circuit has {want} {what} and the setup {got}"));
        }
    }
    let alpha = point::<g1::Config>(&mut reader, "alpha")?;
    let beta = point::<g1::Config>(&mut reader, "beta in G1")?;
    let beta2 = point::<g2::Config>(&mut reader, "beta in G2")?;
    let gamma = point::<g2::Config>(&mut reader, "gamma")?;
    let delta = point::<g1::Config>(&mut reader, "delta in G1")?;
    let delta2 = point::<g2::Config>(&mut reader, "delta in G2")?;
    reader.finish("header")?;

    let signals = circuit.public.saturating_add(1);
    let ic = points_of(file, sections.sized(IC, signals.checked_mul(G1_BYTES))?, IC)?;
    if let Some(index) = ic.iter().position(Affine::is_zero) {
        return Err(format!("IC {index} is the identity, so that signal is not bound"));
    }
    let private = circuit.wires.saturating_sub(signals);
    let sizes = [
        (A, circuit.wires, G1_BYTES),
        (B1, circuit.wires, G1_BYTES),
        (B2, circuit.wires, G2_BYTES),
        (C, private, G1_BYTES),
        (H, circuit.domain, G1_BYTES),
    ];
    for (kind, count, size) in sizes {
        sections.sized(kind, count.checked_mul(size))?;
    }
    check_coefficients(&circuit, &bytes_of(file, sections.get(COEFFICIENTS)?, COEFFICIENTS)?)?;
    let contributions = contributions(&bytes_of(file, sections.get(CEREMONY)?, CEREMONY)?)?;
    let key = Key { alpha, beta: beta2, gamma, delta: delta2, ic };
    Ok(Zkey { source, sections, circuit, key, beta, delta, contributions })
}

/// A point of the header: in the subgroup, and not the identity.
fn point<P: Curve>(reader: &mut Reader<'_>, what: &str) -> Result<Affine<P>, String> {
    points::read(reader.take(2 * P::BYTES, what)?)
        .filter(|point: &Affine<P>| !point.is_zero())
        .filter(P::is_in_correct_subgroup_assuming_on_curve)
        .ok_or_else(|| format!("{what} is no point of the group other than the identity"))
}

/// Checks that the entries of A and B are the circuit's, those of each matrix in its order.
fn check_coefficients(circuit: &R1cs, bytes: &[u8]) -> Result<(), String> {
    let mut reader = Reader::new(bytes);
    let total = count(&mut reader, "the number of coefficients")?;
    let (mut a, mut b) = (circuit.a.iter(), circuit.b.iter());
    for _ in 0..total {
        let matrix = number(&mut reader, "a coefficient's matrix")?;
        let row = number(&mut reader, "a coefficient's row")?;
        let wire = number(&mut reader, "a coefficient's wire")?;
        let value = integer(&reader.array("a coefficient")?);
        let next = if matrix == 0 { a.next() } else { b.next() };
        let same = |entry: &Entry| {
            matrix < 2 && (entry.row, entry.wire) == (row, wire) && (entry.value * RADIX).0 == value
        };
        if !next.is_some_and(same) {
            return Err(format!("the coefficients of row {row} are not the circuit's"));
        }
    }
    reader.finish("coefficients")?;
    match a.chain(b).next() {
        Some(entry) => Err(format!("the coefficients of row {} are missing", entry.row)),
        None => Ok(()),
    }
}

/// The number of contributions; zero without the hash that a ceremony begins with.
fn contributions(bytes: &[u8]) -> Result<usize, String> {
    let mut reader = Reader::new(bytes);
    let hash = reader.take(HASH_BYTES, "the hash of a ceremony's circuit")?;
    let contributions = count(&mut reader, "the number of contributions")?;
    Ok(if hash == [0; HASH_BYTES] { 0 } else { contributions })
}

/// A file up to its sections of points, from alpha, beta, delta in G1 and beta, gamma, delta in G2.
/// It records no ceremony.
pub fn begin_file(circuit: &R1cs, g1: &[G1Affine; 3], g2: &[G2Affine; 3]) -> Vec<u8> {
    let mut out = Vec::new();
    begin(&mut out, MAGIC, VERSION, SECTIONS);
    section(&mut out, PROTOCOL, 4);
    out.extend(GROTH16.to_le_bytes());

    let mut header = Vec::new();
    for modulus in [integer_bytes(&Fq::MODULUS), order()] {
        header.extend(word(BYTES));
        header.extend(modulus);
    }
    let sizes = [circuit.wires, circuit.public, circuit.domain];
    sizes.iter().for_each(|count| header.extend(word(*count)));
    let ([alpha, beta, delta], [beta2, gamma, delta2]) = (g1, g2);
    [alpha, beta].iter().for_each(|point| points::write(&mut header, point));
    [beta2, gamma].iter().for_each(|point| points::write(&mut header, point));
    points::write(&mut header, delta);
    points::write(&mut header, delta2);
    section(&mut out, HEADER, header.len());
    out.extend(header);

    let entries = circuit.a.len().saturating_add(circuit.b.len());
    section(&mut out, COEFFICIENTS, entries.saturating_mul(ENTRY_BYTES).saturating_add(4));
    out.extend(word(entries));
    // Row by row, as readers that share the rows among threads expect.
    let (mut a, mut b) = (circuit.a.iter().peekable(), circuit.b.iter().peekable());
    while let Some(row) = a.peek().into_iter().chain(b.peek()).map(|entry| entry.row).min() {
        for (matrix, entries) in [(0u32, &mut a), (1, &mut b)] {
            while let Some(entry) = entries.next_if(|entry| entry.row == row) {
                [matrix, row, entry.wire].iter().for_each(|word| out.extend(word.to_le_bytes()));
                out.extend(integer_bytes(&(entry.value * RADIX).0));
            }
        }
    }
    section(&mut out, CEREMONY, HASH_BYTES + 4);
    out.extend([0; HASH_BYTES + 4]);
    out
}

/// Adds a section of encoded points, in shares.
pub fn add_points(out: &mut Vec<u8>, kind: u32, shares: &[Vec<u8>]) {
    section(out, kind, shares.iter().map(Vec::len).sum());
    shares.iter().for_each(|share| out.extend(share));
}

/// A count as a file states it.
fn word(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
}
