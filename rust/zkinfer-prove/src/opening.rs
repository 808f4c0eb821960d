//! The closing Sigma proof: seven equations, one challenge (docs/protocol.md section 3).

use crate::commit::{Half, encode};
use crate::messages::{Messages, Opening};
use crate::witness::{Image, parallel_sum, weighted_integers};
use ark_ff::{AdditiveGroup, Field};
use zeroize::Zeroizing;
use zkinfer_verify::proof::{EQUATIONS, Encoding};
use zkinfer_verify::scalar::{Scalar, eq_range, eq_table, powers};
use zkinfer_verify::transcript::label;
use zkinfer_verify::verify::absorb_points;

/// A committed segment: where its rows start, its entries and its blindings.
pub struct Committed<'a> {
    /// Index of its first row among all rows.
    pub first_row: usize,
    /// Its entries.
    pub image: &'a Image,
    /// One blinding per row.
    pub blindings: &'a [Scalar],
}

/// The values whose products are proved.
pub struct Claims {
    /// `vA`.
    pub a: Opening,
    /// `vB`.
    pub b: Opening,
    /// `vA vB`.
    pub ab: Opening,
    /// `vb`.
    pub bit: Opening,
    /// `vb^2`: the last booleanity claim plus `vb`.
    pub bit_square: Opening,
    /// The last inner claim, with the share of the public segment.
    pub last: Opening,
    /// `z_pub`: that share is `M~(ry)` times it.
    pub public: Scalar,
}

impl Claims {
    /// Whether the equations between what is committed hold, `product` being `<w, e>`. The others
    /// hold by the way in which their sides are made.
    fn hold(&self, matrix: Scalar, product: Scalar) -> bool {
        self.ab.value == self.a.value * self.b.value
            && self.bit_square.value == self.bit.value.square()
            && self.last.value - matrix * self.public == matrix * product
    }
}

/// Proves the seven equations; `matrix` gives `M~(ry)` as the verifier computes it.
///
/// Returns the announcements and the responses, or None, before anything is announced, if an
/// equation is false: an announcement would show by how much, and that is a known combination of
/// hidden values. Unless `checked`, it announces all the same.
pub fn prove(
    messages: &mut Messages<'_>,
    segments: &[Committed<'_>],
    claims: &Claims,
    ry: &[Scalar],
    columns: usize,
    checked: bool,
    matrix: impl FnOnce() -> Scalar + Send,
) -> Option<(Vec<Encoding>, Vec<Scalar>)> {
    let gamma = messages.transcript.draw_one(label::GAMMA);
    let (column_part, row_part) = ry.split_at(columns.trailing_zeros() as usize);
    let e = eq_table(column_part);
    let (matrix, (row, row_blinding)) =
        rayon::join(matrix, || combine(segments, row_part, columns));
    let gammas = powers(gamma, messages.sent.len());
    let dot = |x: &[Scalar], y: &[Scalar]| -> Scalar { x.iter().zip(y).map(|(x, y)| *x * y).sum() };
    let q = dot(&messages.sent, &gammas);
    let q_blinding = dot(&messages.blindings, &gammas);
    if checked && !claims.hold(matrix, dot(&row, &e)) {
        return None;
    }

    // The openings: values, then the blinding of each equation.
    let secrets = [claims.a.value, claims.bit.value];
    let blindings = Zeroizing::new([
        claims.a.blinding,
        claims.ab.blinding - claims.a.value * claims.b.blinding,
        claims.bit.blinding,
        claims.bit_square.blinding - claims.bit.value * claims.bit.blinding,
        row_blinding,
        claims.last.blinding,
        q_blinding,
    ]);

    let masks = messages.randomness.scalars(2);
    let row_mask = messages.randomness.scalars(columns);
    let q_mask = messages.randomness.scalar();
    let blinding_masks = messages.randomness.scalars(EQUATIONS);
    let key = messages.key;
    let times = |opening: &Opening, factor: Scalar| {
        key.scalar(&(opening.value * factor), &(opening.blinding * factor))
    };
    let points: Vec<Half> = vec![
        key.scalar(&masks[0], &blinding_masks[0]),
        times(&claims.b, masks[0]) + key.blind(&blinding_masks[1]),
        key.scalar(&masks[1], &blinding_masks[2]),
        times(&claims.bit, masks[1]) + key.blind(&blinding_masks[3]),
        key.scalars(&row_mask, &blinding_masks[4]),
        key.scalar(&(matrix * dot(&row_mask, &e)), &blinding_masks[5]),
        key.scalar(&q_mask, &blinding_masks[6]),
    ];
    let announcements = encode(&points);
    absorb_points(&mut messages.transcript, label::ANNOUNCEMENTS, &announcements);
    let c = messages.transcript.draw_one(label::OPENING_CHALLENGE);

    let mut responses: Vec<Scalar> =
        masks.iter().zip(&secrets).map(|(mask, secret)| *mask + c * secret).collect();
    responses.extend(row_mask.iter().zip(row.iter()).map(|(mask, w)| *mask + c * w));
    responses.push(q_mask + c * q);
    responses.extend(blinding_masks.iter().zip(blindings.iter()).map(|(mask, b)| *mask + c * b));
    Some((announcements, responses))
}

/// `sum_i eq(row_part, i) row_i` over every committed row, and the same of the blindings.
fn combine(
    segments: &[Committed<'_>],
    row_part: &[Scalar],
    columns: usize,
) -> (Zeroizing<Vec<Scalar>>, Scalar) {
    let mut row = Zeroizing::new(vec![Scalar::ZERO; columns]);
    let mut blinding = Scalar::ZERO;
    for segment in segments {
        let eq = eq_range(row_part, segment.first_row, segment.blindings.len());
        blinding += eq.iter().zip(segment.blindings).map(|(e, b)| *e * b).sum::<Scalar>();
        let part = match segment.image {
            Image::Integers(image) => weighted_integers(image, &eq, columns, 16),
            Image::Bits(image) => combine_bits(image, &eq, columns),
            Image::Scalars(image) => {
                let mut sums = vec![Scalar::ZERO; columns];
                for (values, e) in image.chunks_exact(columns).zip(&eq) {
                    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += *value * e);
                }
                sums
            }
        };
        row.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    (row, blinding)
}

fn combine_bits(image: &[u8], eq: &[Scalar], columns: usize) -> Vec<Scalar> {
    parallel_sum(
        eq.len(),
        16,
        || vec![Scalar::ZERO; columns],
        |sums, range| {
            for i in range {
                let bytes = &image[i * columns / 8..(i + 1) * columns / 8];
                for (byte, sums) in bytes.iter().zip(sums.chunks_exact_mut(8)) {
                    let mut rest = *byte;
                    while rest != 0 {
                        sums[rest.trailing_zeros() as usize] += &eq[i];
                        rest &= rest - 1;
                    }
                }
            }
        },
        |mut x, y| {
            x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
            x
        },
    )
}
