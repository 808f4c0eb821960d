//! Groth16 over BN254 (eprint 2016/260) with committed weights.
//!
//! An R1CS in iden3's format has a setup in snarkjs' format ([`setup::generate`], or a ceremony's),
//! whose prover ([`prove::prove`]) is snarkjs' too. The public signals are n values and then m
//! weights and a blinding; a model's key takes the latter into its first point as the commitment
//! `D = sum_i w_i IC_i + b IC_b` ([`key::Key::model`]), so it is an ordinary key of n values
//! ([`verify::verify`]). [`opening`] proves that D was made from weights.
//!
//! Every byte string ends in acceptance or in a typed [`error::Error`]; the lints of this crate
//! exclude indexing, unwrapping, panics and lossy casts.

pub mod batch;
pub mod error;
pub mod field;
pub mod fold;
pub mod key;
pub mod msm;
pub mod opening;
pub mod points;
pub mod prove;
pub mod qap;
pub mod r1cs;
pub mod random;
pub mod sections;
pub mod setup;
pub mod stop;
pub mod verify;
pub mod zkey;
