//! Secret randomness, hedged, so that neither weak entropy nor a copied key repeats it.
//!
//! SHAKE256 over 32 fresh bytes of system entropy and the secrets that what is drawn will hide.

use crate::error::Error;
use crate::field::{Scalar, from_wide};
use ark_ff::Zero;
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use zeroize::Zeroizing;

/// A stream of uniform scalars.
pub struct Randomness {
    reader: <Shake256 as ExtendableOutput>::Reader,
}

impl Randomness {
    /// Seeds the stream.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the system gives no entropy.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Error> {
        let mut entropy = Zeroizing::new([0u8; 32]);
        getrandom::fill(entropy.as_mut_slice())
            .map_err(|error| Error::Stopped(format!("the system gives no entropy: {error}")))?;
        let mut hash = Shake256::default();
        hash.update(b"zkinfer/groth16/randomness");
        hash.update(entropy.as_slice());
        for secret in secrets {
            hash.update(&(secret.len() as u64).to_le_bytes());
            hash.update(secret);
        }
        Ok(Randomness { reader: hash.finalize_xof() })
    }

    /// The next scalar: 64 bytes modulo r.
    pub fn scalar(&mut self) -> Scalar {
        let mut bytes = Zeroizing::new([0u8; 64]);
        self.reader.read(bytes.as_mut_slice());
        from_wide(&bytes)
    }

    /// The next scalar that is not zero.
    pub fn unit(&mut self) -> Scalar {
        loop {
            let scalar = self.scalar();
            if !scalar.is_zero() {
                return scalar;
            }
        }
    }
}
