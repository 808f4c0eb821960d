//! Points of the two groups as bytes: our own compressed encoding, and that of setups.
//!
//! Compressed: x, little-endian (c0, then c1), and in the two highest bits of the last byte 0x80
//! where y is the larger of y and -y (compared by c1 first), 0x40 for the identity, whose x is zero.
//! In setups: x and y, each coordinate times 2^256 modulo q; zeros for the identity.

use crate::field::{BYTES, Scalar, integer, integer_bytes};
use ark_bn254::Fq;
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{Field, PrimeField, Zero};

const LARGER: u8 = 0x80;
const IDENTITY: u8 = 0x40;

/// A curve over the base field or its quadratic extension.
pub trait Curve:
    SWCurveConfig<BaseField: Field<BasePrimeField = Fq>, ScalarField = Scalar>
{
    /// Bytes of x, and of a compressed point.
    const BYTES: usize;
}

impl Curve for ark_bn254::g1::Config {
    const BYTES: usize = BYTES;
}

impl Curve for ark_bn254::g2::Config {
    const BYTES: usize = 2 * BYTES;
}

/// The compressed point.
pub fn compress<P: Curve>(point: &Affine<P>) -> Vec<u8> {
    let coordinates = point.x.to_base_prime_field_elements();
    let mut bytes: Vec<u8> =
        coordinates.flat_map(|coordinate| integer_bytes(&coordinate.into_bigint())).collect();
    if let Some(last) = bytes.last_mut() {
        *last |= if point.is_zero() {
            IDENTITY
        } else if point.y > -point.y {
            LARGER
        } else {
            0
        };
    }
    bytes
}

/// Reads a compressed point. `None` unless it is canonical, on the curve and in the subgroup.
pub fn decompress<P: Curve>(bytes: &[u8]) -> Option<Affine<P>> {
    let mut bytes = bytes.to_vec();
    let last = bytes.last_mut()?;
    let flags = *last & (LARGER | IDENTITY);
    *last ^= flags;
    let x = element::<P>(&bytes, |bytes| Fq::from_bigint(integer(bytes)))?;
    if flags & IDENTITY != 0 {
        return (flags == IDENTITY && x.is_zero()).then(Affine::identity);
    }
    let (smaller, larger) = Affine::<P>::get_ys_from_x_unchecked(x)?;
    let y = if flags == LARGER { larger } else { smaller };
    let point = Affine::new_unchecked(x, y);
    P::is_in_correct_subgroup_assuming_on_curve(&point).then_some(point)
}

/// Adds the point in the encoding of setups.
pub fn write<P: Curve>(out: &mut Vec<u8>, point: &Affine<P>) {
    for coordinate in [point.x, point.y] {
        let coordinates = coordinate.to_base_prime_field_elements();
        coordinates.for_each(|coordinate| out.extend(integer_bytes(&coordinate.0)));
    }
}

/// Reads the encoding of setups. `None` unless it is canonical and on the curve; the subgroup is
/// not checked.
pub fn read<P: Curve>(bytes: &[u8]) -> Option<Affine<P>> {
    let montgomery = |bytes: &[u8; BYTES]| {
        let integer = integer(bytes);
        (integer < Fq::MODULUS).then(|| Fq::new_unchecked(integer))
    };
    let (x, y) = bytes.split_at_checked(P::BYTES)?;
    let point = Affine::new_unchecked(element::<P>(x, montgomery)?, element::<P>(y, montgomery)?);
    point.is_on_curve().then_some(point)
}

/// The element of the curve's field whose coordinates `read` finds; `None` for any other length.
fn element<P: Curve>(
    bytes: &[u8],
    read: impl Fn(&[u8; BYTES]) -> Option<Fq>,
) -> Option<P::BaseField> {
    let (chunks, []) = bytes.as_chunks::<BYTES>() else { return None };
    let mut canonical = true;
    let coordinates = chunks.iter().map(|chunk| {
        read(chunk).unwrap_or_else(|| {
            canonical = false;
            Fq::zero()
        })
    });
    P::BaseField::from_base_prime_field_elems(coordinates).filter(|_| canonical)
}
