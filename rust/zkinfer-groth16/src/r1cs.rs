//! R1CS in iden3's binary format, version 1: rows `<A, z> <B, z> = <C, z>` over the scalar field.

use crate::error::Error;
use crate::field::{BYTES, Scalar, from_bytes, order};
use crate::sections::{Sections, Source, count, number};
use ark_ff::Zero;
use zkinfer_verify::reader::Reader;

const MAGIC: [u8; 4] = *b"r1cs";
const VERSION: u32 = 1;
const HEADER: u32 = 1;
const CONSTRAINTS: u32 = 2;
const LABELS: u32 = 3;
const LABEL_BYTES: usize = 8;

/// Largest domain: the prover needs roots of unity of twice its size, and the field has 2^28.
pub const MAX_DOMAIN: usize = 1 << 27;

/// A coefficient of a matrix that is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its row.
    pub row: u32,
    /// Its column.
    pub wire: u32,
    /// Its value.
    pub value: Scalar,
}

/// A circuit: its matrices by their entries, rows ascending.
pub struct R1cs {
    /// Entries of an assignment; the first is one.
    pub wires: usize,
    /// Public signals, which follow the one.
    pub public: usize,
    /// Rows of constraints.
    pub rows: usize,
    /// Points of the domain: the least power of two above the rows and the public signals.
    pub domain: usize,
    /// A and, below the rows of constraints, rows `z_s * 0 = 0` for the one and every public
    /// signal: without these the IC points need not be independent.
    pub a: Vec<Entry>,
    /// B.
    pub b: Vec<Entry>,
    /// C.
    pub c: Vec<Entry>,
}

impl R1cs {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`Error::Circuit`].
    pub fn read(source: &dyn Source) -> Result<Self, Error> {
        read(source).map_err(Error::Circuit)
    }

    /// `<M, z>` for all rows of a matrix, padded with zeros to the domain.
    pub fn evaluate(&self, matrix: &[Entry], assignment: &[Scalar]) -> Vec<Scalar> {
        let mut sums = vec![Scalar::zero(); self.domain];
        for Entry { row, wire, value } in matrix {
            if let (Some(sum), Some(z)) = (sums.get_mut(at(*row)), assignment.get(at(*wire))) {
                *sum += *value * z;
            }
        }
        sums
    }
}

/// A row or a wire as an index.
pub fn at(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn read(source: &dyn Source) -> Result<R1cs, String> {
    let sections = Sections::find(source, MAGIC, VERSION)?;
    if let Some(kind) = sections.kinds().find(|kind| !(HEADER..=LABELS).contains(kind)) {
        return Err(format!("section {kind} is not known; custom gates are not supported"));
    }
    let section = |kind| {
        let bytes = source.read(sections.get(kind)?);
        bytes.ok_or_else(|| format!("section {kind} cannot be read"))
    };
    let bytes = section(HEADER)?;
    let mut reader = Reader::new(&bytes);
    let field_bytes = count(&mut reader, "the field's size")?;
    if field_bytes != BYTES || reader.array::<BYTES>("the field's order")? != order() {
        return Err("the field must be the scalar field of BN254".into());
    }
    let wires = number(&mut reader, "the number of wires")?;
    let outputs = count(&mut reader, "the number of public outputs")?;
    let inputs = count(&mut reader, "the number of public inputs")?;
    let private = count(&mut reader, "the number of private inputs")?;
    reader.array::<LABEL_BYTES>("the number of labels")?;
    let rows = number(&mut reader, "the number of rows")?;
    reader.finish("header")?;

    let public = outputs.saturating_add(inputs);
    if public.saturating_add(private) >= at(wires) {
        return Err(format!("{wires} wires cannot hold one, {public} public and {private} inputs"));
    }
    let domain = at(rows).checked_add(public).and_then(|sum| sum.checked_add(1));
    let domain = domain.and_then(usize::checked_next_power_of_two);
    let domain = domain.filter(|domain| *domain <= MAX_DOMAIN);
    let domain = domain.ok_or_else(|| {
        format!("{rows} rows and {public} public signals need a domain above {MAX_DOMAIN} points")
    })?;
    if rows == 0 {
        return Err("there are no rows".into());
    }
    // Every wire has a label, so memory for wires is bounded by the file's size.
    sections.sized(LABELS, at(wires).checked_mul(LABEL_BYTES))?;

    let bytes = section(CONSTRAINTS)?;
    let mut reader = Reader::new(&bytes);
    let [mut a, mut b, mut c] = [const { Vec::new() }; 3];
    for row in 0..rows {
        for matrix in [&mut a, &mut b, &mut c] {
            for _ in 0..count(&mut reader, "the number of a row's terms")? {
                matrix.push(entry(&mut reader, row, wires)?);
            }
        }
    }
    reader.finish("constraints")?;
    for (row, wire) in (rows..).zip(0..wires).take(public.saturating_add(1)) {
        a.push(Entry { row, wire, value: Scalar::from(1u8) });
    }
    Ok(R1cs { wires: at(wires), public, rows: at(rows), domain, a, b, c })
}

fn entry(reader: &mut Reader<'_>, row: u32, wires: u32) -> Result<Entry, String> {
    let wire = number(reader, "a term's wire")?;
    if wire >= wires {
        return Err(format!("row {row} names wire {wire} of {wires}"));
    }
    let value = from_bytes(&reader.array("a coefficient")?);
    let value = value.ok_or_else(|| format!("a coefficient of row {row} exceeds the field"))?;
    Ok(Entry { row, wire, value })
}
