//! One of many: hidden records are among those of committed data (docs/protocol.md section 12).
//!
//! The rows R of a hidden record are the rows C_i of some record i of N, blinded afresh. With a
//! challenge gamma, `T = sum_j gamma^j R_j` and `D_i = sum_j gamma^j C_ij`, one of `T - D_i` commits
//! to zero: it is a multiple of H. The argument for that (Groth, Kohlweiss, Eurocrypt 2015, with
//! digits of base eight as in Bootle et al., ESORICS 2015) is checked in one multi-scalar
//! multiplication over all rows of the data, for any number of hidden records.

use crate::circuit::Circuit;
use crate::error::Error;
use crate::group::{Generators, POINT_BYTES, Point, decode_points, multiscalar};
use crate::proof::Encoding;
use crate::reader::Reader;
use crate::scalar::{SCALAR_BYTES, Scalar, from_bytes, powers, to_bytes};
use crate::transcript::{Transcript, label};
use crate::verify::absorb_points;
use ark_ff::{AdditiveGroup, Field};
use curve25519_dalek::traits::IsIdentity;
use std::iter::once;

/// The segment whose rows are those of records.
pub const SEGMENT: &str = "record";

/// Bits of a digit.
pub const BITS: usize = 3;

/// The base in which records are numbered.
pub const BASE: usize = 1 << BITS;

/// The commitments to a number's digits are rows of `2^DIGITS_LOG2` columns at most.
pub const DIGITS_LOG2: u32 = 8;

/// Equations of each hidden record.
const EQUATIONS: usize = 3;

/// Committed data, of which records are hidden.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// How many records there are.
    pub records: usize,
    /// The rows of record 0, 1, ..., as many of each. What names the data in the statement binds
    /// them.
    pub rows: &'a [Point],
}

/// How much there is of everything, and where.
#[derive(Debug, Clone)]
pub struct Shape {
    /// How many records the data have.
    pub records: usize,
    /// Rows of a record.
    pub each: usize,
    /// Digits of a record's number.
    pub digits: usize,
    /// By hidden record the places of its rows among those of the segment.
    pub places: Vec<Vec<usize>>,
}

impl Shape {
    /// That of the hidden records whose rows are a segment's, tensor by tensor.
    ///
    /// # Errors
    /// A sentence when the segment is not made of as many rows of each record.
    pub fn new(circuit: &Circuit, segment: usize, data: &Data<'_>) -> Result<Self, String> {
        let extents = circuit.members(segment).map(|(_, tensor)| tensor.grid.extents.first());
        let extents: Vec<usize> = extents.map(|extent| extent.copied().unwrap_or(1)).collect();
        let total: usize = extents.iter().sum();
        let rows = circuit.segments.get(segment).map(|segment| circuit.rows(segment));
        let fits = || {
            rows.filter(|rows| *rows == total)?;
            let each = share(data.rows.len(), data.records)?;
            let mut places = vec![Vec::new(); share(total, each)?];
            let mut start = 0usize;
            for extent in &extents {
                let own = share(*extent, places.len())?;
                for places in &mut places {
                    places.extend((start..).take(own));
                    start = start.saturating_add(own);
                }
            }
            Some((each, places))
        };
        let (each, places) = fits().ok_or_else(|| {
            let (rows, records) = (data.rows.len(), data.records);
            format!("{total} rows of hidden records do not fit {rows} rows of {records} records")
        })?;
        let mut digits = 1;
        let mut reach = BASE;
        while reach < data.records {
            (digits, reach) = (digits + 1, reach.saturating_mul(BASE));
        }
        Ok(Shape { records: data.records, each, digits, places })
    }

    /// Points of each hidden record: A, B, C, D, and one a digit.
    fn points(&self) -> usize {
        self.digits + 4
    }

    /// Scalars of each hidden record: all digits but the lowest, and three blindings.
    fn scalars(&self) -> usize {
        (BASE - 1) * self.digits + EQUATIONS
    }

    /// The argument's length in bytes.
    pub fn length(&self) -> usize {
        let each = self.points() * POINT_BYTES + self.scalars() * SCALAR_BYTES;
        each.saturating_mul(self.places.len())
    }
}

/// A whole number of parts, at least one; None where there is no such number.
fn share(total: usize, parts: usize) -> Option<usize> {
    let whole = total.checked_rem(parts) == Some(0) && total > 0;
    if whole { total.checked_div(parts) } else { None }
}

/// What is sent about one hidden record.
#[derive(Debug, Clone, Default)]
pub struct Slot {
    /// A, B, C, D, then `G_0, G_1, ...`.
    pub points: Vec<Encoding>,
    /// Of each digit, the lowest first, what belongs to 1, 2, ... 7; `z_A`, `z_C`, z.
    pub scalars: Vec<Scalar>,
}

/// The bytes of an argument: all points, then all scalars.
pub fn to_argument(slots: &[Slot]) -> Vec<u8> {
    let points = slots.iter().flat_map(|slot| &slot.points).flatten().copied();
    let scalars = slots.iter().flat_map(|slot| &slot.scalars).flat_map(to_bytes);
    points.chain(scalars).collect()
}

/// An argument about hidden records, ready to be checked.
pub struct Membership<'a> {
    shape: Shape,
    data: Data<'a>,
    fresh: &'a [Encoding],
    slots: Vec<Slot>,
}

impl<'a> Membership<'a> {
    /// Reads the argument off the front of some bytes; returns the rest too. fresh: the rows of the
    /// hidden records, which are a segment's.
    ///
    /// # Errors
    /// [`Error::Statement`] where rows do not fit, [`Error::Malformed`] for other bytes.
    pub fn parse<'b>(
        circuit: &Circuit,
        (segment, fresh): (usize, &'a [Encoding]),
        data: Data<'a>,
        bytes: &'b [u8],
    ) -> Result<(Self, &'b [u8]), Error> {
        let shape = Shape::new(circuit, segment, &data).map_err(Error::Statement)?;
        let length = shape.length();
        let Some((head, rest)) = bytes.split_at_checked(length) else {
            let found = bytes.len();
            return Err(Error::Malformed(format!(
                "{found} bytes, and hidden records take {length}"
            )));
        };
        let mut reader = Reader::new(head);
        let mut read = || -> Result<Vec<Slot>, String> {
            let mut slots = vec![Slot::default(); shape.places.len()];
            for slot in &mut slots {
                let points = (0..shape.points()).map(|_| reader.array("point"));
                slot.points = points.collect::<Result<_, _>>()?;
            }
            for slot in &mut slots {
                for _ in 0..shape.scalars() {
                    let scalar = from_bytes(&reader.array("scalar")?);
                    slot.scalars.push(scalar.ok_or("a hidden record has no canonical scalar")?);
                }
            }
            Ok(slots)
        };
        let slots = read().map_err(Error::Malformed)?;
        Ok((Membership { shape, data, fresh, slots }, rest))
    }

    /// Goes on with the conversation, in which the hidden records' rows are absorbed, and checks
    /// the equations of each of them, folded into one:
    ///
    /// 1. `x B + A = Row(f; z_A)`
    /// 2. `x C + D = Row(f (x - f); z_C)`
    /// 3. `sum_i p_i (T - D_i) - sum_k x^k G_k = z H`
    ///
    /// # Errors
    /// [`Error::Statement`], [`Error::Malformed`] or [`Error::Rejected`].
    pub fn verify(&self, transcript: &mut Transcript) -> Result<(), Error> {
        let Shape { records, each, digits, .. } = self.shape;
        let gammas = powers(transcript.draw_one(label::MEMBERSHIP_GAMMA), each);
        let encodings: Vec<Encoding> = self.slots.iter().flat_map(|s| s.points.clone()).collect();
        let x = answer(transcript, &encodings);
        let responses = self.slots.iter().flat_map(|slot| &slot.scalars).flat_map(to_bytes);
        transcript.absorb(label::MEMBERSHIP_RESPONSES, &responses.collect::<Vec<u8>>());
        let fold = transcript.draw(label::MEMBERSHIP_FOLD, EQUATIONS * self.slots.len());

        let fresh = decode_points(self.fresh, "row of the statement").map_err(Error::Statement)?;
        let known =
            decode_points(&encodings, "point of a hidden record").map_err(Error::Malformed)?;
        let mut weights = vec![Scalar::ZERO; records];
        let mut digit_sums = vec![Scalar::ZERO; BASE * digits];
        let mut fresh_sums = vec![Scalar::ZERO; fresh.len()];
        let mut blinding = Scalar::ZERO;
        let mut sent = Vec::with_capacity(encodings.len());
        let powers = powers(x, digits + 1);
        let top = powers.last().copied().unwrap_or(Scalar::ONE);
        let slots = self.slots.iter().zip(&self.shape.places);
        for ((slot, places), fold) in slots.zip(fold.as_chunks::<EQUATIONS>().0) {
            let [first, second, third] = *fold;
            let (f, blindings) = slot.digits(x);
            let [z_a, z_c, z] = blindings;
            for (sum, f) in digit_sums.iter_mut().zip(&f) {
                *sum -= *f * (first + second * (x - f));
            }
            blinding -= first * z_a + second * z_c + third * z;
            sent.extend([first, first * x, second * x, second]);
            sent.extend(powers.iter().take(digits).map(|power| -third * power));
            for (weight, p) in weights.iter_mut().zip(products(&f, records, top)) {
                *weight -= third * p;
            }
            for (place, gamma) in places.iter().zip(&gammas) {
                if let Some(sum) = fresh_sums.get_mut(*place) {
                    *sum += third * top * gamma;
                }
            }
        }

        let generators = Generators::shared(DIGITS_LOG2);
        let rows = weights.iter().flat_map(|weight| gammas.iter().map(move |g| *weight * g));
        let rows = multiscalar(&rows.collect::<Vec<Scalar>>(), self.data.rows);
        let (mut points, mut scalars) = (fresh, fresh_sums);
        points.extend(known);
        scalars.extend(sent);
        points.extend(generators.columns.iter().take(digit_sums.len()));
        scalars.extend(digit_sums);
        points.push(generators.blinding);
        scalars.push(blinding);
        if (rows + multiscalar(&scalars, &points)).is_identity() {
            Ok(())
        } else {
            Err(Error::Rejected("a hidden record is none of the data"))
        }
    }
}

/// Absorbs the points of all hidden records and draws the challenge x.
pub fn answer(transcript: &mut Transcript, points: &[Encoding]) -> Scalar {
    absorb_points(transcript, label::MEMBERSHIP_POINTS, points);
    transcript.draw_one(label::MEMBERSHIP_CHALLENGE)
}

impl Slot {
    /// f of each digit, the lowest first, at 0 to 7, of which that at 0 makes the sum x; then the
    /// blindings.
    fn digits(&self, x: Scalar) -> (Vec<Scalar>, [Scalar; EQUATIONS]) {
        let (digits, blindings) =
            self.scalars.split_at(self.scalars.len().saturating_sub(EQUATIONS));
        let others = digits.as_chunks::<{ BASE - 1 }>().0.iter();
        let all = others.flat_map(|some| once(x - some.iter().sum::<Scalar>()).chain(*some));
        (all.collect(), blindings.try_into().unwrap_or_default())
    }
}

/// For each record the product of what belongs to the digits of its number; the last one has what
/// belongs to all numbers from it on, so that the sum over all of them is `total`.
fn products(f: &[Scalar], records: usize, total: Scalar) -> Vec<Scalar> {
    let mut table = vec![Scalar::ONE];
    let mut place = f.len() / BASE;
    for digit in f.as_chunks::<BASE>().0.iter().rev() {
        place = place.saturating_sub(1);
        // Prefixes of the numbers below `records`.
        let below =
            u32::try_from(BITS * place).ok().and_then(|shift| (records - 1).checked_shr(shift));
        let next = table.iter().flat_map(|value| digit.iter().map(move |f| *value * f));
        table = next.take(below.unwrap_or(0).saturating_add(1)).collect();
    }
    let last = table.pop().map(|_| total - table.iter().sum::<Scalar>());
    table.extend(last);
    table
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_digits() {
        let f: Vec<Scalar> = (2u64..18).map(Scalar::from).collect();
        let total: Scalar = f.chunks(BASE).map(|digit| digit.iter().sum::<Scalar>()).product();
        let of = |i: usize| f[i % BASE] * f[BASE + i / BASE];
        for records in 1..=64 {
            let found = products(&f, records, total);
            let mut expected: Vec<Scalar> = (0..records - 1).map(of).collect();
            expected.push((records - 1..64).map(of).sum());
            assert_eq!(found, expected);
        }
    }
}
