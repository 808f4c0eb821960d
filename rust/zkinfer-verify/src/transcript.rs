//! The Fiat-Shamir transcript: SHAKE128 over framed items, and every label of the protocol.
//!
//! An item is a frame: kind (0 message, 1 draw), label length (1 byte), label, data length (8 bytes
//! little-endian), data. A draw of n scalars absorbs a frame with n as data and then reads 64 n
//! bytes: each 64 are a little-endian integer modulo l. Prover and verifier share this file.

use crate::scalar::{Scalar, from_wide};
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Digest, Sha3_256, Shake128};

/// What a proof is for; its protocol name is absorbed first, so neither kind passes for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A prediction of a network.
    Proof,
    /// That a key's weights are small integers.
    Certificate,
}

impl Kind {
    /// Protocol name, version and kind.
    pub fn protocol(self) -> &'static [u8] {
        match self {
            Kind::Proof => b"zkinfer/v2/transparent/proof",
            Kind::Certificate => b"zkinfer/v2/transparent/certificate",
        }
    }
}

/// Every label, in the order of the protocol.
pub mod label {
    #![allow(missing_docs)]
    pub const PROTOCOL: &str = "protocol";
    pub const CIRCUIT: &str = "circuit";
    pub const KEY: &str = "key";
    pub const CONTEXT: &str = "context";
    pub const PUBLIC: &str = "public";
    pub const DATA: &str = "data";
    /// Followed by the segment's name.
    pub const ROWS: &str = "rows/";
    pub const MEMBERSHIP_GAMMA: &str = "membership/gamma";
    pub const MEMBERSHIP_POINTS: &str = "membership/points";
    pub const MEMBERSHIP_CHALLENGE: &str = "membership/challenge";
    pub const MEMBERSHIP_RESPONSES: &str = "membership/responses";
    pub const MEMBERSHIP_FOLD: &str = "membership/fold";
    pub const CIRCUIT_CHALLENGE: &str = "circuit/challenge";
    pub const TAU: &str = "outer/tau";
    pub const OUTER_ROUND: &str = "outer/round";
    pub const OUTER_POINT: &str = "outer/point";
    pub const OUTER_VALUES: &str = "outer/values";
    pub const SIGMA: &str = "boolean/sigma";
    pub const BOOLEAN_ROUND: &str = "boolean/round";
    pub const BOOLEAN_POINT: &str = "boolean/point";
    pub const BOOLEAN_VALUE: &str = "boolean/value";
    pub const RHO: &str = "inner/rho";
    pub const OMEGA: &str = "inner/omega";
    pub const INNER_ROUND: &str = "inner/round";
    pub const INNER_POINT: &str = "inner/point";
    pub const GAMMA: &str = "opening/gamma";
    pub const ANNOUNCEMENTS: &str = "opening/announcements";
    pub const OPENING_CHALLENGE: &str = "opening/challenge";
    pub const RESPONSES: &str = "opening/responses";
    pub const FOLD: &str = "opening/fold";
}

/// The running hash of everything said so far.
#[derive(Clone, Default)]
pub struct Transcript {
    hash: Shake128,
}

impl Transcript {
    /// Absorbs a message.
    pub fn absorb(&mut self, label: &str, data: &[u8]) {
        self.frame(0, label, data);
    }

    /// Draws `count` scalars that depend on everything absorbed.
    pub fn draw(&mut self, label: &str, count: usize) -> Vec<Scalar> {
        let declared = u64::try_from(count).unwrap_or(u64::MAX);
        self.frame(1, label, &declared.to_le_bytes());
        let mut reader = self.hash.clone().finalize_xof();
        (0..count)
            .map(|_| {
                let mut bytes = [0u8; 64];
                reader.read(&mut bytes);
                from_wide(&bytes)
            })
            .collect()
    }

    /// Draws one scalar.
    pub fn draw_one(&mut self, label: &str) -> Scalar {
        self.draw(label, 1).into_iter().sum()
    }

    /// 32 bytes that depend on everything absorbed: for seeding the prover's randomness.
    pub fn state(&self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        self.hash.clone().finalize_xof().read(&mut bytes);
        bytes
    }

    fn frame(&mut self, kind: u8, label: &str, data: &[u8]) {
        let label_length = u8::try_from(label.len()).unwrap_or(u8::MAX);
        let data_length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.hash.update(&[kind, label_length]);
        self.hash.update(label.as_bytes());
        self.hash.update(&data_length.to_le_bytes());
        self.hash.update(data);
    }
}

/// So many bytes of SHAKE128 over a seed.
pub fn expand(seed: &[u8], count: usize) -> Vec<u8> {
    let mut hash = Shake128::default();
    hash.update(seed);
    let mut bytes = vec![0u8; count];
    hash.finalize_xof().read(&mut bytes);
    bytes
}

/// SHA3-256, the digest of canonical bytes.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha3_256::digest(bytes).into()
}
