//! The argument on a small circuit that has every segment: completeness, and rejections.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use zkinfer_prove::membership::Hidden;
use zkinfer_prove::prove::{Instance, Opened, Prover, commit_rows, commit_segment};
use zkinfer_verify::circuit::Circuit;
use zkinfer_verify::error::Error;
use zkinfer_verify::group::decode_points;
use zkinfer_verify::membership::{Data, SEGMENT};
use zkinfer_verify::transcript::Kind;
use zkinfer_verify::verify::{Statement, Verifier};

/// Nobody stops a prover here.
static GO: AtomicBool = AtomicBool::new(false);

const PUBLIC: u8 = 0;
const WEIGHTS: u8 = 1;
const INPUT: u8 = 2;
const BITS: u8 = 3;
const TRACE: u8 = 4;
const SKETCH: u8 = 5;

#[derive(Clone)]
enum W {
    One,
    Power,
    Challenge(u32),
    Constants(Vec<i64>),
}

struct T {
    tensor: u32,
    coefficient: i64,
    sums: Vec<(u32, W)>,
    index: Vec<(i64, Vec<i64>)>,
}

fn term(tensor: u32, coefficient: i64, sums: &[(u32, W)], index: &[(i64, &[i64])]) -> T {
    let index = index.iter().map(|(base, strides)| (*base, strides.to_vec())).collect();
    T { tensor, coefficient, sums: sums.to_vec(), index }
}

fn number(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn integer(bytes: &mut Vec<u8>, value: i64) {
    number(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

fn extents(bytes: &mut Vec<u8>, extents: &[u32]) {
    number(bytes, extents.len() as u64);
    extents.iter().for_each(|extent| number(bytes, u64::from(*extent)));
}

fn weight(bytes: &mut Vec<u8>, weight: &W) {
    match weight {
        W::One => bytes.push(0),
        W::Power => bytes.push(1),
        W::Challenge(id) => {
            bytes.push(2);
            number(bytes, u64::from(*id));
        }
        W::Constants(list) => {
            bytes.push(3);
            list.iter().for_each(|x| integer(bytes, *x));
        }
    }
}

fn block(bytes: &mut Vec<u8>, path: &str, rows: &[u32], matrices: [Vec<T>; 3]) {
    number(bytes, path.len() as u64);
    bytes.extend(path.as_bytes());
    extents(bytes, rows);
    bytes.push(u8::from(path == "product"));
    for terms in matrices {
        number(bytes, terms.len() as u64);
        for term in terms {
            number(bytes, u64::from(term.tensor));
            integer(bytes, term.coefficient);
            let sums: Vec<u32> = term.sums.iter().map(|(extent, _)| *extent).collect();
            extents(bytes, &sums);
            rows.iter().for_each(|_| weight(bytes, &W::One));
            term.sums.iter().for_each(|(_, w)| weight(bytes, w));
            number(bytes, term.index.len() as u64);
            for (base, strides) in &term.index {
                integer(bytes, *base);
                strides.iter().for_each(|stride| integer(bytes, *stride));
            }
        }
    }
}

const N: u32 = 11;
const K: u32 = 5;
const M: u32 = 6;
const WIDTH: u32 = 20;

/// Y = X W by two-sided Freivalds, Y in two's complement bits, S = Y^2, output = S.
fn circuit_bytes(columns_log2: u8, omit: &str) -> Vec<u8> {
    let mut bytes = b"zkicirc2".to_vec();
    bytes.push(columns_log2);
    let segments =
        [("public", 0), ("weights", 1), ("input", 2), ("bits", 3), ("trace", 2), ("sketch", 4)];
    bytes.push(segments.len() as u8);
    for (name, binding) in segments {
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        bytes.push(binding);
    }
    bytes.extend([2u8, 4, 3]);
    let tensors: [(u8, &[u32]); 8] = [
        (PUBLIC, &[]),
        (PUBLIC, &[N, M]),
        (WEIGHTS, &[K, M]),
        (INPUT, &[N, K]),
        (BITS, &[N, M, WIDTH]),
        (TRACE, &[N, M]),
        (TRACE, &[N, M]),
        (SKETCH, &[K]),
    ];
    bytes.push(tensors.len() as u8);
    for (index, (segment, shape)) in tensors.into_iter().enumerate() {
        bytes.push(segment);
        extents(&mut bytes, shape);
        if segment == PUBLIC {
            let (low, high) = if index == 0 { (1i64, 1i64) } else { (0, 1 << 40) };
            integer(&mut bytes, low);
            integer(&mut bytes, high);
        }
    }
    let (u, v) = (W::Challenge(0), W::Challenge(1));
    let mut place: Vec<i64> = (0..WIDTH).map(|k| 1i64 << k).collect();
    place[WIDTH as usize - 1] *= -1;
    let elementwise =
        |tensor, coefficient| term(tensor, coefficient, &[], &[(0, &[1, 0]), (0, &[0, 1])]);
    type Spec = (&'static str, Vec<u32>, [Vec<T>; 3]);
    let blocks: Vec<Spec> = vec![
        (
            "product",
            vec![K],
            [
                vec![term(3, 1, &[(N, u.clone())], &[(0, &[0, 1]), (0, &[1, 0])])],
                vec![term(2, 1, &[(M, v.clone())], &[(0, &[1, 0]), (0, &[0, 1])])],
                vec![term(7, 1, &[], &[(0, &[1])])],
            ],
        ),
        (
            "product/sum",
            vec![],
            [
                vec![],
                vec![],
                vec![
                    term(7, 1, &[(K, W::One)], &[(0, &[1])]),
                    term(5, -1, &[(N, u), (M, v)], &[(0, &[1, 0]), (0, &[0, 1])]),
                ],
            ],
        ),
        (
            "bits",
            vec![N, M],
            [
                vec![],
                vec![],
                vec![
                    elementwise(5, 1),
                    term(
                        4,
                        -1,
                        &[(WIDTH, W::Constants(place))],
                        &[(0, &[1, 0, 0]), (0, &[0, 1, 0]), (0, &[0, 0, 1])],
                    ),
                ],
            ],
        ),
        (
            "square",
            vec![N, M],
            [vec![elementwise(5, 1)], vec![elementwise(5, 1)], vec![elementwise(6, 1)]],
        ),
        ("output", vec![N, M], [vec![], vec![], vec![elementwise(6, 1), elementwise(1, -1)]]),
        // The low 12 bits twice over: a second class of place values on the bit axis.
        (
            "low",
            vec![N],
            [
                vec![term(4, 1, &[(12, W::Power)], &[(0, &[1, 0]), (2, &[0, 0]), (0, &[0, 1])])],
                vec![term(0, 0, &[], &[])],
                vec![],
            ],
        ),
    ];
    let blocks: Vec<_> = blocks.into_iter().filter(|(path, ..)| *path != omit).collect();
    bytes.push(blocks.len() as u8);
    for (path, rows, matrices) in blocks {
        block(&mut bytes, path, &rows, matrices);
    }
    bytes
}

fn values(count: u32, seed: i64) -> Vec<i64> {
    (0..i64::from(count)).map(|i| (i * i * 31 + seed * 17 + i) % 41 - 20).collect()
}

fn honest() -> (Vec<i64>, Instance) {
    let (x, w) = (values(N * K, 3), values(K * M, 8));
    let mut y = Vec::new();
    for i in 0..N {
        for l in 0..M {
            y.push((0..K).map(|j| x[(i * K + j) as usize] * w[(j * M + l) as usize]).sum());
        }
    }
    let squares: Vec<i64> = y.iter().map(|y: &i64| y * y).collect();
    let instance = Instance {
        public: vec![squares.clone()],
        sent: vec![vec![x], vec![y.clone()], vec![y, squares]],
        data: vec![],
        opened: vec![],
        hidden: None,
    };
    (w, instance)
}

struct Setup {
    prover: Prover,
    unchecked: Prover,
    verifier: Verifier,
    circuit: Circuit,
    rows: Vec<[u8; 32]>,
}

fn opened(weights: Vec<i64>, rows: &[[u8; 32]], blindings: &[[u8; 32]]) -> Vec<Option<Opened>> {
    let (rows, blindings) = (rows.to_vec(), blindings.to_vec());
    vec![Some(Opened { arrays: vec![weights], rows, blindings })]
}

fn setup(columns_log2: u8, omit: &str) -> Setup {
    let circuit = Circuit::parse(&circuit_bytes(columns_log2, omit)).unwrap();
    let (weights, _) = honest();
    let arrays = std::slice::from_ref(&weights);
    let (rows, blindings) = commit_segment(&circuit, "weights", arrays, true).unwrap();
    let opening = || opened(weights.clone(), &rows, &blindings);
    let prover = Prover::new(circuit.clone(), opening(), [7; 32]).unwrap();
    let unchecked = Prover::unchecked(circuit.clone(), opening(), [7; 32]).unwrap();
    let verifier = Verifier::new(circuit.clone(), vec![Some(rows.clone())]).unwrap();
    Setup { prover, unchecked, verifier, circuit, rows }
}

impl Setup {
    fn verify(&self, context: &[u8], public: &[i64], proof: &[u8]) -> Result<(), Error> {
        let (kind, data) = (Kind::Proof, b"");
        let statement = Statement {
            kind,
            key_digest: &[7; 32],
            context,
            public,
            data,
            rows: &[],
            hidden: None,
        };
        self.verifier.verify(&statement, proof)
    }
}

#[test]
fn honest_proofs_verify() {
    for columns_log2 in [4, 5, 6, 8] {
        for omit in ["", "low"] {
            let setup = setup(columns_log2, omit);
            let (_, instance) = honest();
            let (proof, _) = setup.prover.prove(Kind::Proof, b"context", &instance, &GO).unwrap();
            setup.verify(b"context", &instance.public[0], &proof).unwrap();
        }
    }
}

#[test]
fn a_flipped_bit_in_any_point_or_scalar_is_refused() {
    let setup = setup(4, "");
    let (_, instance) = honest();
    let (proof, _) = setup.prover.prove(Kind::Proof, b"", &instance, &GO).unwrap();
    for element in 0..proof.len() / 32 {
        let position = 32 * element + element * 7 % 32;
        let mut changed = proof.clone();
        changed[position] ^= 1 << (element % 8);
        assert!(setup.verify(b"", &instance.public[0], &changed).is_err(), "byte {position}");
    }
    for length in [0, 31, proof.len() - 1] {
        let result = setup.verify(b"", &instance.public[0], &proof[..length]);
        assert!(matches!(result, Err(Error::Malformed(_))));
    }
}

#[test]
fn another_statement_is_refused() {
    let setup = setup(4, "");
    let (_, instance) = honest();
    let (proof, _) = setup.prover.prove(Kind::Proof, b"one", &instance, &GO).unwrap();
    let public = instance.public[0].clone();
    assert!(setup.verify(b"two", &public, &proof).is_err());
    let mut changed = public.clone();
    changed[3] += 1;
    assert_eq!(
        setup.verify(b"one", &changed, &proof),
        Err(Error::Rejected("the closing equations do not hold"))
    );
    changed[3] = -1;
    assert!(matches!(setup.verify(b"one", &changed, &proof), Err(Error::Statement(_))));
    let mut rows = setup.rows.clone();
    rows[0] = setup.rows[1];
    let verifier = Verifier::new(setup.circuit.clone(), vec![Some(rows)]).unwrap();
    let other = Setup { verifier, ..setup };
    assert!(other.verify(b"one", &public, &proof).is_err());
}

#[test]
fn rows_of_weights_are_as_many_points_as_the_circuit_fixes() {
    let setup = setup(4, "");
    let refused = |rows: &[[u8; 32]]| {
        Verifier::new(setup.circuit.clone(), vec![Some(rows.to_vec())]).unwrap_err()
    };
    assert!(matches!(refused(&setup.rows[1..]), Error::Statement(_)));
    assert!(matches!(refused(&vec![[1; 32]; setup.rows.len()]), Error::Statement(_)));
}

#[test]
fn false_witnesses_are_not_proved_and_do_not_verify() {
    let setup = setup(4, "");
    type Lie = fn(&mut Instance);
    let lies: [(&str, Lie); 5] = [
        ("product/sum", |i| {
            i.sent[2][0][5] += 1;
            i.sent[1][0][5] += 1;
            i.sent[2][1][5] = i.sent[2][0][5] * i.sent[2][0][5];
            i.public[0][5] = i.sent[2][1][5];
        }),
        ("product/sum", |i| {
            for (at, error) in [(1, 1), (M as usize, -1)] {
                i.sent[2][0][at] += error;
                i.sent[1][0][at] += error;
                i.sent[2][1][at] = i.sent[2][0][at] * i.sent[2][0][at];
                i.public[0][at] = i.sent[2][1][at];
            }
        }),
        ("bits", |i| i.sent[1][0][0] ^= 1),
        ("square", |i| i.sent[2][1][2] += 1),
        ("output", |i| i.public[0][9] += 1),
    ];
    for (block, lie) in lies {
        let (_, mut instance) = honest();
        lie(&mut instance);
        let refused = setup.prover.prove(Kind::Proof, b"", &instance, &GO).unwrap_err();
        assert_eq!(refused, format!("the witness does not satisfy {block}"));
        let (proof, _) = setup.unchecked.prove(Kind::Proof, b"", &instance, &GO).unwrap();
        let result = setup.verify(b"", &instance.public[0], &proof);
        assert_eq!(result, Err(Error::Rejected("the closing equations do not hold")), "{block}");
    }
}

#[test]
fn public_values_out_of_bounds_are_not_proved() {
    let setup = setup(4, "");
    let (_, mut instance) = honest();
    instance.public[0][3] = -1;
    let refused = setup.prover.prove(Kind::Proof, b"", &instance, &GO).unwrap_err();
    assert!(refused.contains("entry 3 of public tensor 0 is -1"), "{refused}");
}

#[test]
fn rows_may_come_with_each_statement() {
    let setup = setup(4, "");
    let (circuit, key_digest) = (setup.circuit.clone(), [7; 32]);
    let (weights, mut instance) = honest();
    let arrays = std::slice::from_ref(&weights);
    let (rows, blindings) = commit_segment(&circuit, "weights", arrays, true).unwrap();
    let prover = Prover::new(circuit.clone(), vec![None], key_digest).unwrap();
    let verifier = Verifier::new(circuit, vec![None]).unwrap();
    let missing = prover.prove(Kind::Proof, b"", &instance, &GO).unwrap_err();
    assert_eq!(missing, "0 segments opened, 1 to be");
    instance.opened = opened(weights, &rows, &blindings).into_iter().flatten().collect();
    instance.data = b"which".to_vec();
    let (proof, _) = prover.prove(Kind::Proof, b"", &instance, &GO).unwrap();
    let public = &instance.public[0];
    let verify = |rows: &[Vec<[u8; 32]>], data: &[u8], proof: &[u8]| {
        let (kind, context) = (Kind::Proof, b"");
        let statement =
            Statement { kind, key_digest: &key_digest, context, public, data, rows, hidden: None };
        verifier.verify(&statement, proof)
    };
    let rejected = Err(Error::Rejected("the closing equations do not hold"));
    verify(std::slice::from_ref(&rows), b"which", &proof).unwrap();
    assert_eq!(verify(std::slice::from_ref(&rows), b"other", &proof), rejected);
    assert_eq!(verify(std::slice::from_ref(&rows), b"", &proof), rejected);
    assert_eq!(verify(std::slice::from_ref(&setup.rows), b"which", &proof), rejected);
    for rows in [vec![], vec![rows.clone(), rows.clone()], vec![rows[1..].to_vec()]] {
        assert!(matches!(verify(&rows, b"which", &proof), Err(Error::Statement(_))));
    }
    let no_points = vec![vec![[1; 32]; rows.len()]];
    assert!(matches!(verify(&no_points, b"which", &proof), Err(Error::Statement(_))));
    // Whoever proves has to open the rows, unless it is not checked; then nobody accepts it.
    instance.opened[0].blindings[0] = instance.opened[0].blindings[1];
    let refused = prover.prove(Kind::Proof, b"", &instance, &GO).unwrap_err();
    assert_eq!(refused, "the weights do not open the rows");
    let unchecked = Prover::unchecked(setup.circuit, vec![None], key_digest).unwrap();
    let (proof, _) = unchecked.prove(Kind::Proof, b"", &instance, &GO).unwrap();
    assert_eq!(verify(std::slice::from_ref(&rows), b"which", &proof), rejected);
}

#[test]
fn hidden_rows_are_among_those_of_the_data() {
    let mut circuit = Circuit::parse(&circuit_bytes(3, "")).unwrap();
    for segment in circuit.segments.iter_mut().filter(|segment| segment.name == "weights") {
        segment.name = SEGMENT.into();
    }
    let (weights, mut instance) = honest();
    let arrays = std::slice::from_ref(&weights);
    let commit = |count| -> Vec<_> {
        (0..count).map(|_| commit_segment(&circuit, SEGMENT, arrays, true).unwrap()).collect()
    };
    let prover = Prover::new(circuit.clone(), vec![None], [7; 32]).unwrap();
    let verifier = Verifier::new(circuit.clone(), vec![None]).unwrap();
    for records in [1usize, 2, 7, 8, 9, 64, 65] {
        let data = commit(records);
        let rows: Vec<_> = data.iter().flat_map(|(rows, _)| rows.clone()).collect();
        let points = |rows: &[[u8; 32]]| Arc::new(decode_points(rows, "row").unwrap());
        for number in [0, records / 2, records - 1] {
            let (fresh, blindings) = commit(1).remove(0);
            let own = data[number].1.to_vec();
            let hidden = |numbers, blindings| {
                Some(Hidden { records, rows: points(&rows), numbers, blindings })
            };
            instance.opened =
                opened(weights.clone(), &fresh, &blindings).into_iter().flatten().collect();
            instance.hidden = hidden(vec![number], own.clone());
            let (proof, _) = prover.prove(Kind::Proof, b"", &instance, &GO).unwrap();
            let public = &instance.public[0];
            let verify = |records, rows: &[[u8; 32]], proof: &[u8]| {
                let (kind, key_digest, context, data) = (Kind::Proof, &[7; 32], b"", b"");
                let given = [fresh.clone()];
                let rows = points(rows);
                let hidden = Some(Data { records, rows: &rows });
                let rows = &given;
                let statement = Statement { kind, key_digest, context, public, data, rows, hidden };
                verifier.verify(&statement, proof)
            };
            verify(records, &rows, &proof).unwrap();
            let none = Err(Error::Rejected("a hidden record is none of the data"));
            let mut others = rows.clone();
            others[5 * number..][..5].copy_from_slice(&commit(1)[0].0);
            assert_eq!(verify(records, &others, &proof), none);
            others.clone_from(&rows);
            others.swap(5 * number, 5 * number + 1);
            assert_eq!(verify(records, &others, &proof), none);
            for count in [0, records + 1, usize::MAX] {
                let refused = verify(count, &rows, &proof);
                assert!(matches!(refused, Err(Error::Statement(_))), "{count}: {refused:?}");
            }
            assert!(matches!(verify(records, &rows, &proof[32..]), Err(Error::Malformed(_))));
            assert!(matches!(verify(records, &rows, b""), Err(Error::Malformed(_))));
            // Whoever proves has to know how the rows are blinded in the data, and which they are.
            for (numbers, blindings) in [
                (vec![number], vec![[0; 32]; 5]),
                (vec![number], own[1..].to_vec()),
                (vec![number], vec![[255; 32]; 5]),
                (vec![records], own.clone()),
                (vec![], own.clone()),
                (vec![(number + 1) % records; if records > 1 { 1 } else { 2 }], own.clone()),
            ] {
                instance.hidden = hidden(numbers, blindings);
                prover.prove(Kind::Proof, b"", &instance, &GO).unwrap_err();
            }
        }
    }
}

#[test]
fn rows_of_no_circuit_are_those_of_a_wider_one() {
    let image: Vec<i64> = (0..32).map(|i| (i - 9) * 77).collect();
    let (rows, blindings) = commit_rows(&image, 8, None).unwrap();
    let wide: Vec<i64> = image.chunks(8).flat_map(|row| [row, &[0; 24]].concat()).collect();
    assert_eq!(commit_rows(&wide, 32, Some(&blindings)).unwrap().0, rows);
    let (others, _) = commit_rows(&image, 8, None).unwrap();
    assert!(rows.iter().zip(&others).all(|(row, other)| row != other));
    assert!(commit_rows(&image, 8, Some(&blindings[1..])).is_err());
    assert!(commit_rows(&image, 8, Some(&[[255; 32]; 4])).is_err());
    assert!(commit_rows(&image, 6, None).is_err());
    assert!(commit_rows(&image, 64, None).is_err());
}

#[test]
fn weights_that_do_not_open_the_rows_are_refused() {
    let circuit = Circuit::parse(&circuit_bytes(4, "")).unwrap();
    let (weights, _) = honest();
    let arrays = std::slice::from_ref(&weights);
    let (rows, blindings) = commit_segment(&circuit, "weights", arrays, true).unwrap();
    let refused = |weights: Vec<i64>, rows: &[[u8; 32]], blindings: &[[u8; 32]]| {
        Prover::new(circuit.clone(), opened(weights, rows, blindings), [7; 32]).err()
    };
    assert_eq!(refused(weights.clone(), &rows, &blindings), None);
    let mut changed = weights.clone();
    changed[4] += 1;
    let false_opening = Some("the weights do not open the rows".to_string());
    assert_eq!(refused(changed, &rows, &blindings), false_opening);
    let mut swapped = rows.clone();
    swapped.swap(0, 1);
    assert_eq!(refused(weights.clone(), &swapped, &blindings), false_opening);
    let mut swapped = blindings.to_vec();
    swapped.swap(0, 1);
    assert_eq!(refused(weights, &rows, &swapped), false_opening);
}

#[test]
fn an_omitted_block_lets_its_lie_pass() {
    let setup = setup(4, "square");
    let (_, mut instance) = honest();
    instance.sent[2][1][2] += 1;
    instance.public[0][2] += 1;
    let (proof, _) = setup.prover.prove(Kind::Proof, b"", &instance, &GO).unwrap();
    setup.verify(b"", &instance.public[0], &proof).unwrap();
}

#[test]
fn one_kind_does_not_pass_for_the_other() {
    let setup = setup(4, "");
    let (_, instance) = honest();
    let (proof, _) = setup.prover.prove(Kind::Certificate, b"", &instance, &GO).unwrap();
    assert!(setup.verify(b"", &instance.public[0], &proof).is_err());
}

#[test]
fn a_prover_that_is_told_to_stop_makes_no_proof() {
    let setup = setup(4, "");
    let (_, instance) = honest();
    let stop = AtomicBool::new(true);
    let refused = setup.prover.prove(Kind::Proof, b"", &instance, &stop).unwrap_err();
    assert_eq!(refused, "stopped after the step witness");
}

#[test]
fn two_proofs_share_no_commitment() {
    let setup = setup(4, "");
    let (_, instance) = honest();
    let (first, _) = setup.prover.prove(Kind::Proof, b"", &instance, &GO).unwrap();
    let (second, _) = setup.prover.prove(Kind::Proof, b"", &instance, &GO).unwrap();
    for (a, b) in first.chunks(32).zip(second.chunks(32)) {
        assert_ne!(a, b);
    }
}

#[test]
fn damaged_circuits_are_refused_or_differ() {
    let bytes = circuit_bytes(4, "");
    let original = Circuit::parse(&bytes).unwrap();
    for length in 0..bytes.len() {
        assert!(matches!(Circuit::parse(&bytes[..length]), Err(Error::Circuit(_))));
    }
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 0x81;
        if let Ok(circuit) = Circuit::parse(&changed) {
            assert_ne!(circuit.digest, original.digest);
        }
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(Circuit::parse(&longer), Err(Error::Circuit(_))));
}
