//! The prover's randomness: hedged, so that neither weak entropy nor a copied key repeats it.
//!
//! SHAKE256 over 32 fresh bytes of system entropy, the transcript so far, the secret blindings of
//! the weights and the hidden input. Two proofs share a stream only when all of these agree.

use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use zeroize::Zeroizing;
use zkinfer_verify::scalar::{Scalar, from_wide};

/// A stream of uniform scalars.
pub struct Randomness {
    reader: <Shake256 as ExtendableOutput>::Reader,
}

impl Randomness {
    /// Seeds the stream; the error is the system's.
    pub fn new(secrets: &[&[u8]]) -> Result<Self, getrandom::Error> {
        let mut entropy = Zeroizing::new([0u8; 32]);
        getrandom::fill(entropy.as_mut_slice())?;
        let mut hash = Shake256::default();
        hash.update(b"zkinfer/v1/randomness");
        hash.update(entropy.as_slice());
        for secret in secrets {
            hash.update(&(secret.len() as u64).to_le_bytes());
            hash.update(secret);
        }
        Ok(Randomness { reader: hash.finalize_xof() })
    }

    /// The next scalar: 64 bytes modulo l.
    pub fn scalar(&mut self) -> Scalar {
        let mut bytes = Zeroizing::new([0u8; 64]);
        self.reader.read(bytes.as_mut_slice());
        from_wide(&bytes)
    }

    /// The next `count` scalars, wiped when dropped.
    pub fn scalars(&mut self, count: usize) -> Zeroizing<Vec<Scalar>> {
        Zeroizing::new((0..count).map(|_| self.scalar()).collect())
    }
}
