//! A proof that a commitment opens: compressed Schnorr (Attema and Cramer, eprint 2020/152).
//!
//! For `D = <w, G>` over n bases, padded with identities to a power of two:
//!
//! ```text
//! t uniform, A = <t, G>; c from the transcript; z = t + c w, P = A + c D
//! while z has more than one entry, by halves z = (z0, z1) and G = (G0, G1):
//!     L = <z0, G1>, R = <z1, G0>; c from the transcript
//!     z <- z0 + c z1, G <- c G0 + G1, P <- L + c P + c^2 R
//! the last z, of one entry: z G = P
//! ```
//!
//! The bytes: A, then L and R of each round, compressed, then z. The transcript:
//!
//! ```text
//! state = SHA3-256("zkinfer/groth16/opening" | seed | n | bases | D | A), n in 4 bytes
//! state = SHA3-256(state | L | R) in each round
//! c = SHAKE256(state), 64 bytes little-endian, modulo r; zero ends the proof
//! ```

use crate::error::Error;
use crate::field::{BYTES, Scalar, from_bytes, from_wide, to_bytes};
use crate::fold::fold;
use crate::key::Key;
use crate::msm::msm;
use crate::points::{compress, decompress};
use crate::random::Randomness;
use crate::stop::go_on;
use ark_bn254::{G1Affine, g1};
use ark_ec::CurveGroup;
use ark_ff::{Field, Zero};
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Digest, Sha3_256, Shake256};
use std::sync::atomic::AtomicBool;
use zeroize::Zeroizing;

/// What the challenges are drawn from.
struct Transcript([u8; 32]);

impl Transcript {
    fn new(seed: &[u8; 32], bases: &[G1Affine], commitment: &G1Affine, a: &G1Affine) -> Self {
        let mut hash = Sha3_256::new();
        let mut absorb = |bytes: &[u8]| Update::update(&mut hash, bytes);
        absorb(b"zkinfer/groth16/opening");
        absorb(seed);
        absorb(&u32::try_from(bases.len()).unwrap_or(u32::MAX).to_le_bytes());
        bases.iter().chain([commitment, a]).for_each(|point| absorb(&compress(point)));
        Transcript(hash.finalize().into())
    }

    fn round(&mut self, l: &G1Affine, r: &G1Affine) {
        let parts = [self.0.to_vec(), compress(l), compress(r)];
        self.0 = Sha3_256::digest(parts.concat()).into();
    }

    /// The challenge of this state; None for zero.
    fn challenge(&self) -> Option<Scalar> {
        let mut bytes = [0; 64];
        let mut hash = Shake256::default();
        hash.update(&self.0);
        hash.finalize_xof().read(&mut bytes);
        Some(from_wide(&bytes)).filter(|challenge| !challenge.is_zero())
    }
}

/// The blocks of bases that are folded at a time: sums over all of them are cheaper at first.
const BLOCKS: usize = 4;

const ZERO: Error = Error::Rejected("a challenge of the opening is zero");

/// The commitment to weights and a blinding, and a proof that it opens, bound to a seed. `stop` is
/// looked at in each round.
///
/// # Errors
/// [`Error::Statement`] as [`Key::commit`] has it, [`Error::Stopped`] when the system gives no
/// entropy or `stop` becomes true.
pub fn open(
    key: &Key,
    public: usize,
    scalars: &[Scalar],
    seed: &[u8; 32],
    stop: &AtomicBool,
) -> Result<Vec<u8>, Error> {
    let commitment = key.commit(public, scalars)?;
    let bases = key.bases(public)?;
    let mut random = {
        let secrets: Zeroizing<Vec<_>> = Zeroizing::new(scalars.iter().map(to_bytes).collect());
        Randomness::new([secrets.as_flattened(), &compress(&commitment), seed])?
    };
    let mut z: Zeroizing<Vec<Scalar>> =
        Zeroizing::new(bases.iter().map(|_| random.scalar()).collect());
    let a = msm(bases, &z).into_affine();
    let mut bytes = compress(&a);
    let mut transcript = Transcript::new(seed, bases, &commitment, &a);
    let c = transcript.challenge().ok_or(ZERO)?;
    z.iter_mut().zip(scalars).for_each(|(z, w)| *z += c * w);

    let size = bases.len().next_power_of_two();
    let mut g = bases.to_vec();
    g.resize(size, G1Affine::identity());
    z = Zeroizing::new(
        z.iter().copied().chain(std::iter::repeat(Scalar::zero())).take(size).collect(),
    );
    // G is the sum of the blocks of g, one for each factor, times these.
    let mut factors = vec![Scalar::ONE];
    while z.len() > 1 {
        go_on(stop)?;
        let Some((z0, z1)) = z.split_at_checked(z.len() / 2) else { break };
        let none = vec![Scalar::zero(); z0.len()];
        let l = msm(&g, &multiples(&factors, &none, z0)).into_affine();
        let r = msm(&g, &multiples(&factors, z1, &none)).into_affine();
        [l, r].iter().for_each(|point| bytes.extend(compress(point)));
        transcript.round(&l, &r);
        let c = transcript.challenge().ok_or(ZERO)?;
        z = Zeroizing::new(z0.iter().zip(z1).map(|(z0, z1)| c * z1 + z0).collect());
        factors = factors.iter().flat_map(|factor| [*factor * c, *factor]).collect();
        if factors.len() == BLOCKS {
            g = fold(&g, &factors);
            factors = vec![Scalar::ONE];
        }
    }
    z.iter().for_each(|z| bytes.extend(to_bytes(z)));
    check(key, public, &commitment, seed, &bytes)?;
    Ok(bytes)
}

/// Each factor times the scalars of both halves, factor by factor.
fn multiples(factors: &[Scalar], first: &[Scalar], second: &[Scalar]) -> Zeroizing<Vec<Scalar>> {
    let multiples = |factor: &Scalar| {
        let factor = *factor;
        first.iter().chain(second).map(move |z| factor * z)
    };
    Zeroizing::new(factors.iter().flat_map(multiples).collect())
}

/// Checks that a commitment opens.
///
/// # Errors
/// [`Error::Malformed`] for bytes that are no proof of so many bases, [`Error::Rejected`] when the
/// equation does not hold.
pub fn check(
    key: &Key,
    public: usize,
    commitment: &G1Affine,
    seed: &[u8; 32],
    proof: &[u8],
) -> Result<(), Error> {
    let bases = key.bases(public)?;
    let rounds = usize::try_from(bases.len().next_power_of_two().ilog2()).unwrap_or_default();
    let want = BYTES * (2 * rounds + 2);
    let (chunks, []) = proof.as_chunks::<BYTES>() else { return Err(length(want, proof)) };
    let [first, rest @ .., last] = chunks else { return Err(length(want, proof)) };
    if proof.len() != want {
        return Err(length(want, proof));
    }
    let read = |bytes: &[u8; BYTES]| {
        let none = || Error::Malformed("a point of the opening is no canonical point".into());
        decompress::<g1::Config>(bytes).ok_or_else(none)
    };
    let a = read(first)?;
    let z = from_bytes(last).ok_or_else(|| {
        Error::Malformed("the opening's last number is not below the field's order".into())
    })?;
    let points = rest.iter().map(read).collect::<Result<Vec<_>, _>>()?;

    let mut transcript = Transcript::new(seed, bases, commitment, &a);
    let start = transcript.challenge().ok_or(ZERO)?;
    // The last base is the sum of all of them times these: the first round's challenge belongs to
    // the highest bit of an index, where that is zero.
    let mut folds = vec![z];
    let mut challenges = Vec::with_capacity(rounds);
    for pair in points.as_chunks::<2>().0 {
        let [l, r] = pair;
        transcript.round(l, r);
        let c = transcript.challenge().ok_or(ZERO)?;
        folds = folds.iter().flat_map(|fold| [*fold * c, *fold]).collect();
        challenges.push(c);
    }
    // P = sum_j (c_{j+1} .. c_k) (L_j + c_j^2 R_j) + (c_1 .. c_k) (A + c D).
    let mut factor = Scalar::ONE;
    let mut factors = Vec::with_capacity(points.len());
    for c in challenges.iter().rev() {
        factors.extend([factor * c * c, factor]);
        factor *= c;
    }
    factors.reverse();
    let claimed = msm(&points, &factors) + (*commitment * start + a) * factor;
    if msm(bases, &folds) == claimed {
        Ok(())
    } else {
        Err(Error::Rejected("the opening of the commitment"))
    }
}

fn length(want: usize, proof: &[u8]) -> Error {
    let got = proof.len();
    Error::Malformed(format!("the opening must have {want} bytes and has {got}"))
}
