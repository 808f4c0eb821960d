//! Setups, proofs and openings of circuits that are drawn: what holds is proved, and nothing else.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::cast_possible_truncation)]

mod common;

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine, g2};
use ark_ec::short_weierstrass::SWCurveConfig;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInteger, Field, PrimeField};
use common::Draw;
use std::sync::atomic::AtomicBool;
use zkinfer_groth16::error::Error;
use zkinfer_groth16::field::{order, to_bytes};
use zkinfer_groth16::key::{Key, read_commitment};
use zkinfer_groth16::opening;
use zkinfer_groth16::points::{compress, decompress};
use zkinfer_groth16::prove::prove;
use zkinfer_groth16::r1cs::R1cs;
use zkinfer_groth16::setup::generate;
use zkinfer_groth16::verify::{Proof, Verifier, verify};
use zkinfer_groth16::zkey::Zkey;

/// Nobody gives up here.
static GO: AtomicBool = AtomicBool::new(false);
static STOP: AtomicBool = AtomicBool::new(true);

impl Draw {
    /// One of the small integers, of both signs, or any element.
    fn scalar(&mut self) -> Fr {
        match self.below(3) {
            0 => Fr::from(self.below(40) as u64) - Fr::from(20),
            1 => Fr::from(self.word()) - Fr::from(self.word()),
            _ => (0..4).fold(Fr::ZERO, |sum, _| sum * Fr::from(u64::MAX) + Fr::from(self.word())),
        }
    }
}

type Combination = Vec<(u32, Fr)>;

/// A circuit whose rows each define a wire, and an assignment that satisfies it.
struct Case {
    public: usize,
    signals: usize,
    rows: Vec<[Combination; 3]>,
    assignment: Vec<Fr>,
}

fn sum(combination: &Combination, assignment: &[Fr]) -> Fr {
    combination.iter().map(|(wire, value)| assignment[*wire as usize] * value).sum()
}

impl Case {
    fn draw(seed: u64) -> Case {
        let draw = &mut Draw(seed);
        let (public, weights, hidden) = (draw.below(4), draw.below(7), draw.below(4));
        let signals = public + weights + 1;
        let mut assignment = vec![Fr::ONE];
        assignment.extend((0..signals + hidden).map(|_| draw.scalar()));
        let rows = (0..1 + draw.below(30)).map(|_| {
            let mut combination = |most: usize| -> Combination {
                let terms = draw.below(most + 1);
                (0..terms).map(|_| (draw.below(assignment.len()) as u32, draw.scalar())).collect()
            };
            let (a, b, mut c) = (combination(3), combination(3), combination(2));
            let made = sum(&a, &assignment) * sum(&b, &assignment) - sum(&c, &assignment);
            c.push((assignment.len() as u32, Fr::ONE));
            assignment.push(made);
            [a, b, c]
        });
        let rows = rows.collect();
        Case { public, signals, rows, assignment }
    }

    fn circuit(&self) -> R1cs {
        R1cs::read(&self.bytes()).unwrap()
    }

    /// iden3's format, as its specification has it.
    fn bytes(&self) -> Vec<u8> {
        let word = |word: usize| (word as u32).to_le_bytes();
        let wires = self.assignment.len();
        let mut header = [&word(32)[..], &order()].concat();
        [wires, 0, self.signals, 0].iter().for_each(|count| header.extend(word(*count)));
        header.extend((wires as u64).to_le_bytes());
        header.extend(word(self.rows.len()));
        let mut constraints = Vec::new();
        for combination in self.rows.iter().flatten() {
            constraints.extend(word(combination.len()));
            for (wire, value) in combination {
                constraints.extend(wire.to_le_bytes());
                constraints.extend(to_bytes(value));
            }
        }
        let labels = (0..wires as u64).flat_map(u64::to_le_bytes).collect();
        let mut bytes = [&b"r1cs"[..], &word(1), &word(3)].concat();
        for (kind, section) in [(1, header), (2, constraints), (3, labels)] {
            bytes.extend(word(kind));
            bytes.extend((section.len() as u64).to_le_bytes());
            bytes.extend(section);
        }
        bytes
    }

    /// The first row that an assignment does not satisfy.
    fn broken(&self, assignment: &[Fr]) -> Option<usize> {
        let holds = |[a, b, c]: &[Combination; 3]| {
            sum(a, assignment) * sum(b, assignment) == sum(c, assignment)
        };
        self.rows.iter().position(|row| !holds(row))
    }

    fn setup(&self) -> Zkey {
        let file = generate(&self.circuit(), &GO).unwrap();
        Zkey::read(Box::new(file), self.circuit()).unwrap()
    }

    fn values(&self) -> &[Fr] {
        &self.assignment[1..=self.public]
    }

    /// The weights and the blinding.
    fn weights(&self) -> &[Fr] {
        &self.assignment[1 + self.public..=self.signals]
    }

    fn model(&self, key: &Key) -> Key {
        key.model(self.public, &key.commit(self.public, self.weights()).unwrap()).unwrap()
    }
}

#[test]
fn what_holds_is_proved_and_nothing_else() {
    for seed in 0..40 {
        let (case, draw) = (Case::draw(seed), &mut Draw(!seed));
        let setup = case.setup();
        assert_eq!((setup.circuit.wires, setup.contributions), (case.assignment.len(), 0));
        let model = case.model(&setup.key);
        let proof = prove(&setup, &case.assignment, &GO).unwrap();
        assert_eq!(verify(&model, case.values(), &proof), Ok(()));
        assert_eq!(Proof::read(&proof.to_bytes()), Ok(proof));
        assert_eq!(Key::read(&model.to_bytes()).as_ref(), Ok(&model));
        assert_ne!(prove(&setup, &case.assignment, &GO).unwrap(), proof, "nothing is drawn");

        // Other public values, each alone, and another number of them.
        let verifier = Verifier::new(&model);
        assert_eq!(verifier.verify(case.values(), &proof), Ok(()));
        for index in 0..case.public {
            let mut values = case.values().to_vec();
            values[index] += Fr::ONE;
            let refused = verifier.verify(&values, &proof);
            assert_eq!(refused, Err(Error::Rejected("the pairing equation")));
        }
        let more = [case.values(), &[Fr::ZERO]].concat();
        assert!(matches!(verifier.verify(&more, &proof), Err(Error::Statement(_))));
        assert_eq!(verifier.verify(case.values(), &proof), Ok(()));

        // Other weights, each alone: another model.
        for index in 0..case.weights().len() {
            let mut weights = case.weights().to_vec();
            weights[index] += Fr::ONE;
            let commitment = setup.key.commit(case.public, &weights).unwrap();
            let other = setup.key.model(case.public, &commitment).unwrap();
            assert!(verify(&other, case.values(), &proof).is_err(), "signal {index} is not bound");
        }

        // Other assignments.
        for wire in 0..case.assignment.len() {
            let mut assignment = case.assignment.clone();
            assignment[wire] += draw.scalar();
            let result = prove(&setup, &assignment, &GO);
            match case.broken(&assignment) {
                _ if assignment[0] != Fr::ONE => {
                    assert!(matches!(result, Err(Error::Statement(_))));
                }
                Some(row) => assert_eq!(result, Err(Error::Unsatisfied(row))),
                None => assert!(result.is_ok()),
            }
        }
        let short = &case.assignment[1..];
        assert!(matches!(prove(&setup, short, &GO), Err(Error::Statement(_))));
    }
}

#[test]
fn a_setup_belongs_to_one_circuit() {
    for seed in 0..20 {
        let (case, draw) = (Case::draw(seed), &mut Draw(!seed));
        let file = generate(&case.circuit(), &GO).unwrap();
        let row = draw.below(case.rows.len());
        for matrix in 0..2 {
            let mut other = Case::draw(seed);
            other.rows[row][matrix].push((draw.below(case.signals) as u32, Fr::ONE));
            let refused = Zkey::read(Box::new(file.clone()), other.circuit()).err();
            assert!(matches!(refused, Some(Error::Setup(_))), "{refused:?}");
        }
        // What A and B do not show, the finished proof does.
        let mut other = Case::draw(seed);
        other.rows[row][2].push((0, Fr::ONE));
        let made = case.assignment.len() - case.rows.len() + row;
        let setup = Zkey::read(Box::new(file), other.circuit()).unwrap();
        let mut assignment = case.assignment[..made].to_vec();
        for [a, b, c] in &other.rows[row..] {
            let z = sum(a, &assignment) * sum(b, &assignment);
            let rest: Combination =
                c.iter().filter(|t| (t.0 as usize) < assignment.len()).copied().collect();
            assignment.push(z - sum(&rest, &assignment));
        }
        assert_eq!(other.broken(&assignment), None);
        assert!(matches!(prove(&setup, &assignment, &GO), Err(Error::Setup(_))));
    }
}

#[test]
fn damaged_files_are_refused_or_harmless() {
    for seed in 0..3 {
        let (case, draw) = (Case::draw(seed), &mut Draw(!seed));
        let file = generate(&case.circuit(), &GO).unwrap();
        for _ in 0..300 {
            damage(&case.bytes(), draw, |bytes| drop(R1cs::read(&bytes.to_vec())));
            damage(&file, draw, |bytes| {
                if let Ok(setup) = Zkey::read(Box::new(bytes.to_vec()), case.circuit())
                    && let Ok(proof) = prove(&setup, &case.assignment, &GO)
                {
                    let signals = &case.assignment[1..=case.signals];
                    assert_eq!(verify(&setup.key, signals, &proof), Ok(()));
                }
            });
        }
    }
}

/// Calls with a copy that has a bit changed, is cut off, has bytes added, or a piece overwritten.
fn damage(bytes: &[u8], draw: &mut Draw, check: impl FnOnce(&[u8])) {
    let mut copy = bytes.to_vec();
    let place = draw.below(copy.len());
    match draw.below(4) {
        0 => copy.truncate(place),
        1 => copy.push(draw.word() as u8),
        2 => copy[place..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
        _ => copy[place] ^= 1 << draw.below(8),
    }
    if copy != bytes {
        check(&copy);
    }
}

#[test]
fn damaged_proofs_and_keys_are_refused() {
    for seed in 0..5 {
        let (case, draw) = (Case::draw(seed), &mut Draw(!seed));
        let setup = case.setup();
        let model = case.model(&setup.key);
        let proof = prove(&setup, &case.assignment, &GO).unwrap();
        for _ in 0..100 {
            damage(&proof.to_bytes(), draw, |bytes| {
                let refused = Proof::read(bytes).and_then(|p| verify(&model, case.values(), &p));
                assert!(refused.is_err());
            });
            damage(&model.to_bytes(), draw, |bytes| {
                let refused = Key::read(bytes).and_then(|k| verify(&k, case.values(), &proof));
                assert!(refused.is_err());
            });
        }
    }
}

#[test]
fn a_commitment_opens_for_its_scalars_seed_and_bases() {
    for seed in 0..24 {
        let (case, draw) = (Case::draw(seed), &mut Draw(!seed));
        let (key, other) = (case.setup().key, case.setup().key);
        let (public, weights) = (case.public, case.weights());
        let commitment = key.commit(public, weights).unwrap();
        let bases = key.bases(public).unwrap();
        let naive = bases.iter().zip(weights).map(|(g, w)| *g * w).sum::<ark_bn254::G1Projective>();
        assert_eq!(commitment, naive.into_affine());
        assert_eq!(read_commitment(&compress(&commitment)), Ok(commitment));

        let bound = [seed as u8; 32];
        let proof = opening::open(&key, public, weights, &bound, &GO).unwrap();
        let check = |key: &Key, commitment: &G1Affine, seed: &[u8; 32], proof: &[u8]| {
            opening::check(key, public, commitment, seed, proof)
        };
        assert_eq!(check(&key, &commitment, &bound, &proof), Ok(()));
        let refused = Err(Error::Rejected("the opening of the commitment"));
        assert_eq!(check(&key, &commitment, &[0xff; 32], &proof), refused);
        assert_eq!(check(&other, &commitment, &bound, &proof), refused);
        let shifted = (commitment + bases[0]).into_affine();
        assert_eq!(check(&key, &shifted, &bound, &proof), refused);
        for _ in 0..20 {
            damage(&proof, draw, |proof| {
                assert!(check(&key, &commitment, &bound, proof).is_err());
            });
        }
        let mut parts = proof.chunks(32).map(<[u8]>::to_vec).collect::<Vec<_>>();
        if parts.len() > 2 {
            parts.swap(1, 2);
            assert_eq!(check(&key, &commitment, &bound, &parts.concat()), refused);
        }

        let long = [weights, &[Fr::ONE]].concat();
        assert!(matches!(key.commit(public, &long), Err(Error::Statement(_))));
        assert!(matches!(key.bases(case.signals), Err(Error::Statement(_))));
        let zeros = vec![Fr::ZERO; weights.len()];
        assert!(matches!(key.commit(public, &zeros), Err(Error::Statement(_))));
    }
}

/// Without an opening, whoever chooses the commitment last proves any public values.
#[test]
fn a_commitment_that_cancels_the_values_has_no_opening() {
    let case = (0..).map(Case::draw).find(|case| case.public > 0).unwrap();
    let key = case.setup().key;
    let values: Vec<Fr> = case.values().iter().map(|value| *value + Fr::from(7)).collect();
    let terms = key.ic[1..].iter().zip(&values).map(|(point, value)| *point * value);
    let commitment = -(key.ic[0] + terms.sum::<ark_bn254::G1Projective>()).into_affine();
    let model = key.model(case.public, &commitment).unwrap();
    let proof = Proof { a: key.alpha, b: key.beta, c: G1Affine::identity() };
    assert_eq!(verify(&model, &values, &proof), Ok(()));

    let honest = opening::open(&key, case.public, case.weights(), &[0; 32], &GO).unwrap();
    let refused = opening::check(&key, case.public, &commitment, &[0; 32], &honest);
    assert_eq!(refused, Err(Error::Rejected("the opening of the commitment")));
}

#[test]
fn keys_that_prove_anything_are_refused() {
    let key = Case::draw(1).setup().key;
    let refused = |change: &dyn Fn(&mut Key)| {
        let mut key = key.clone();
        change(&mut key);
        assert!(matches!(Key::read(&key.to_bytes()), Err(Error::Key(_))));
    };
    refused(&|key| key.delta = key.gamma);
    refused(&|key| key.delta = G2Affine::generator());
    refused(&|key| key.gamma = key.delta);
    refused(&|key| key.alpha = G1Affine::generator());
    refused(&|key| key.beta = G2Affine::generator());
    refused(&|key| key.alpha = G1Affine::identity());
    refused(&|key| key.beta = G2Affine::identity());
    refused(&|key| key.gamma = G2Affine::identity());
    refused(&|key| key.delta = G2Affine::identity());
    refused(&|key| key.ic[0] = G1Affine::identity());
    refused(&|key| key.ic.clear());
    refused(&|key| key.delta = outside());
}

/// A point of the twist that is not in the subgroup.
fn outside() -> G2Affine {
    (1u64..)
        .find_map(|x| G2Affine::get_point_from_x_unchecked(Fq2::from(x), true))
        .filter(|point| !g2::Config::is_in_correct_subgroup_assuming_on_curve(point))
        .unwrap()
}

#[test]
fn points_have_one_encoding() {
    let mut one = vec![0u8; 32];
    one[0] = 1;
    assert_eq!(compress(&G1Affine::generator()), one);
    assert_eq!(decompress(&one), Some(G1Affine::generator()));
    one[31] = 0x80;
    assert_eq!(decompress(&one), Some(-G1Affine::generator()));
    one[31] = 0xc0;
    assert_eq!(decompress::<ark_bn254::g1::Config>(&one), None);
    one[31] = 0x40;
    assert_eq!(decompress::<ark_bn254::g1::Config>(&one), None, "an identity with an x");
    one[0] = 0;
    assert_eq!(decompress(&one), Some(G1Affine::identity()));
    assert_eq!(compress(&G1Affine::identity()), one);

    // x + q instead of x, where that has 254 bits.
    let mut large = Fq::MODULUS;
    large.add_with_carry(&1u64.into());
    let large = large.to_bytes_le();
    assert_eq!(decompress::<ark_bn254::g1::Config>(&large), None);
    assert_eq!(decompress::<g2::Config>(&compress(&outside())), None);
    for length in [0, 31, 33, 64] {
        assert_eq!(decompress::<ark_bn254::g1::Config>(&vec![0; length]), None);
    }

    let draw = &mut Draw(0);
    for _ in 0..50 {
        let scalar = draw.scalar();
        let (g1, g2) = (G1Affine::generator() * scalar, G2Affine::generator() * scalar);
        let (g1, g2) = (g1.into_affine(), g2.into_affine());
        assert_eq!(decompress(&compress(&g1)), Some(g1));
        assert_eq!(decompress(&compress(&g2)), Some(g2));
    }
}

#[test]
fn who_gives_up_gets_no_result() {
    let case = Case::draw(3);
    let setup = case.setup();
    let stopped = Error::Stopped("stopped".into());
    assert_eq!(generate(&case.circuit(), &STOP), Err(stopped.clone()));
    assert_eq!(prove(&setup, &case.assignment, &STOP), Err(stopped.clone()));
    let many = (0..).map(Case::draw).find(|case| case.weights().len() > 1).unwrap();
    let refused = opening::open(&many.setup().key, many.public, many.weights(), &[0; 32], &STOP);
    assert_eq!(refused, Err(stopped));
}
