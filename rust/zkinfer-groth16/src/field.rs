//! The scalar field: the integers modulo r, the order of BN254's groups.
//!
//! `r = 21888242871839275222246405745257275088548364400416034343698204186575808495617`, of 254 bits.

use crate::error::Error;
use ark_ff::{BigInt, PrimeField};
use zeroize::Zeroizing;

/// An integer modulo r, in Montgomery form.
pub type Scalar = ark_bn254::Fr;

/// Bytes of a scalar, and of a coordinate.
pub const BYTES: usize = 32;

/// The integer of little-endian bytes.
pub fn integer(bytes: &[u8; BYTES]) -> BigInt<4> {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*chunk);
    }
    BigInt::new(limbs)
}

/// The little-endian bytes of an integer.
pub fn integer_bytes(integer: &BigInt<4>) -> [u8; BYTES] {
    let mut bytes = [0u8; BYTES];
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(integer.0) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
    bytes
}

/// Reads a canonical little-endian scalar; `None` when the integer is not below r.
pub fn from_bytes(bytes: &[u8; BYTES]) -> Option<Scalar> {
    Scalar::from_bigint(integer(bytes))
}

/// The canonical little-endian encoding.
pub fn to_bytes(scalar: &Scalar) -> [u8; BYTES] {
    integer_bytes(&scalar.into_bigint())
}

/// Reduces a 512-bit little-endian integer modulo r.
pub fn from_wide(bytes: &[u8; 64]) -> Scalar {
    Scalar::from_le_bytes_mod_order(bytes)
}

/// Canonical scalars one after the other, wiped when dropped.
///
/// # Errors
/// [`Error::Statement`] when a scalar is cut off or not below r.
pub fn scalars(bytes: &[u8], what: &str) -> Result<Zeroizing<Vec<Scalar>>, Error> {
    let (chunks, []) = bytes.as_chunks::<BYTES>() else {
        return Err(Error::Statement(format!("{what} must be a multiple of {BYTES} bytes")));
    };
    let mut scalars = Zeroizing::new(Vec::with_capacity(chunks.len()));
    for (index, chunk) in chunks.iter().enumerate() {
        scalars.push(from_bytes(chunk).ok_or_else(|| {
            Error::Statement(format!("number {index} of {what} is not below the field's order"))
        })?);
    }
    Ok(scalars)
}

/// The order r, as files state it.
pub fn order() -> [u8; BYTES] {
    integer_bytes(&Scalar::MODULUS)
}
