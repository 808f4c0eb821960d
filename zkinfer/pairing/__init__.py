"""The pairing proof's encodings, and the formats in which other programs read and write it.

Pure functions on integers and bytes: points of BN254 (curve), verifying keys and proofs of Groth16
(groth16), circuits and witnesses for a setup elsewhere (r1cs), and what snarkjs, ZoKrates and a
contract of the Ethereum virtual machine take (snarkjs, zokrates, evm, solidity). docs/formats.md,
section "Pairing proofs", is the specification.
"""
