//! The proof's bytes: encoded points and scalars in a fixed order, their counts set by the circuit.

use crate::circuit::Circuit;
use crate::error::Error;
use crate::group::POINT_BYTES;
use crate::reader::Reader;
use crate::scalar::{SCALAR_BYTES, Scalar, from_bytes, to_bytes};

/// An encoded point.
pub type Encoding = [u8; POINT_BYTES];

/// Equations of the closing Sigma protocol.
pub const EQUATIONS: usize = 7;

/// A proof, its points still encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// Rows of each segment that is sent ([`Circuit::sent`]), in order.
    pub rows: Vec<Vec<Encoding>>,
    /// Outer sum-check: `[c]` in the first round, then `[a, c]`.
    pub outer: Vec<Vec<Encoding>>,
    /// `vA`, `vB`, `vA vB`.
    pub outer_values: Vec<Encoding>,
    /// Booleanity sum-check, like `outer`.
    pub boolean: Vec<Vec<Encoding>>,
    /// `vb`.
    pub boolean_value: Vec<Encoding>,
    /// Inner sum-check: `[g(0), leading coefficient]`.
    pub inner: Vec<Vec<Encoding>>,
    /// First messages of the Sigma protocol.
    pub announcements: Vec<Encoding>,
    /// Its responses: vA, vb, the C entries of the combined row, q, seven blindings.
    pub responses: Vec<Scalar>,
}

impl Proof {
    /// The length that a circuit fixes, in bytes.
    pub fn length(circuit: &Circuit) -> usize {
        let rows: usize = circuit.sent().map(|(_, segment)| circuit.rows(segment)).sum();
        let rounds = circuit.row_variables + circuit.bit_variables() + circuit.entry_variables;
        let points = rows + (2 * rounds).saturating_sub(2) + 4 + EQUATIONS;
        points * POINT_BYTES + responses(circuit) * SCALAR_BYTES
    }

    /// Reads a proof of a circuit.
    pub fn parse(bytes: &[u8], circuit: &Circuit) -> Result<Self, Error> {
        let length = Self::length(circuit);
        if bytes.len() != length {
            return Err(Error::Malformed(format!(
                "{} bytes, and the circuit fixes {length}",
                bytes.len()
            )));
        }
        let mut reader = Reader::new(bytes);
        let proof = read(&mut reader, circuit).map_err(Error::Malformed)?;
        reader.finish("proof").map_err(Error::Malformed)?;
        Ok(proof)
    }

    /// Every scalar commitment in the order in which it was sent.
    pub fn scalar_commitments(&self) -> impl Iterator<Item = &Encoding> {
        self.outer
            .iter()
            .flatten()
            .chain(&self.outer_values)
            .chain(self.boolean.iter().flatten())
            .chain(&self.boolean_value)
            .chain(self.inner.iter().flatten())
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self
            .rows
            .iter()
            .flatten()
            .chain(self.scalar_commitments())
            .chain(&self.announcements)
            .flatten()
            .copied()
            .collect();
        for response in &self.responses {
            bytes.extend(to_bytes(response));
        }
        bytes
    }
}

fn responses(circuit: &Circuit) -> usize {
    circuit.columns() + 10
}

fn read(reader: &mut Reader<'_>, circuit: &Circuit) -> Result<Proof, String> {
    let mut points = |count: usize, what: &str| -> Result<Vec<Encoding>, String> {
        (0..count).map(|_| reader.array(what)).collect()
    };
    let mut rows = Vec::new();
    for (_, segment) in circuit.sent() {
        rows.push(points(circuit.rows(segment), "row")?);
    }
    let outer = rounds(circuit.row_variables, 1, |n| points(n, "outer round"))?;
    let outer_values = points(3, "outer value")?;
    let boolean = rounds(circuit.bit_variables(), 1, |n| points(n, "boolean round"))?;
    let boolean_value = points(1, "boolean value")?;
    let inner = rounds(circuit.entry_variables, 2, |n| points(n, "inner round"))?;
    let announcements = points(EQUATIONS, "announcement")?;
    let mut scalars = Vec::new();
    for index in 0..responses(circuit) {
        let scalar = from_bytes(&reader.array("response")?);
        scalars.push(scalar.ok_or_else(|| format!("response {index} is no canonical scalar"))?);
    }
    Ok(Proof {
        rows,
        outer,
        outer_values,
        boolean,
        boolean_value,
        inner,
        announcements,
        responses: scalars,
    })
}

fn rounds(
    count: usize,
    first: usize,
    mut points: impl FnMut(usize) -> Result<Vec<Encoding>, String>,
) -> Result<Vec<Vec<Encoding>>, String> {
    (0..count).map(|round| points(if round == 0 { first } else { 2 })).collect()
}
