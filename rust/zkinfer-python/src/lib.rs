//! `zkinfer._core`: thin Python classes over the prover and the verifier.
//!
//! Every refusal is a `ValueError` whose text is the Rust error's.

use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;
use zkinfer_prove::prove::{self, Instance, Timings};
use zkinfer_prove::witness::Arrays;
use zkinfer_verify::circuit::{self, SEGMENTS};
use zkinfer_verify::transcript::Kind;
use zkinfer_verify::verify;

type Integers<'py> = PyReadonlyArrayDyn<'py, i64>;

fn value_error(error: impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}

fn arrays(list: &[Integers<'_>]) -> PyResult<Arrays> {
    list.iter()
        .map(|array| match array.as_slice() {
            Ok(values) if array.is_c_contiguous() => Ok(values.to_vec()),
            _ => Err(value_error(format!(
                "an array of shape {:?} is not C-contiguous",
                array.shape()
            ))),
        })
        .collect()
}

fn digest(bytes: &[u8]) -> PyResult<[u8; 32]> {
    bytes.try_into().map_err(|_| value_error("a digest has 32 bytes"))
}

fn chunks(bytes: &[u8], what: &str) -> PyResult<Vec<[u8; 32]>> {
    match bytes.as_chunks::<32>() {
        (chunks, []) => Ok(chunks.to_vec()),
        _ => Err(value_error(format!("{what} must be a multiple of 32 bytes"))),
    }
}

/// Runs on this process's threads, without the interpreter's lock. A fork leaves the threads behind,
/// so a child makes its own.
fn compute<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);
    let process = std::process::id();
    let mut pool = POOL.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let threads = match &*pool {
        Some((owner, threads)) if *owner == process => threads.clone(),
        _ => {
            let threads = Arc::new(ThreadPoolBuilder::new().build().map_err(value_error)?);
            // The parent's pool is not dropped: its threads do not exist here to be joined.
            std::mem::forget(pool.replace((process, threads.clone())));
            threads
        }
    };
    drop(pool);
    Ok(py.detach(|| threads.install(work)))
}

fn kind(certificate: bool) -> Kind {
    if certificate { Kind::Certificate } else { Kind::Proof }
}

/// A parsed and checked circuit.
#[pyclass(frozen)]
struct Circuit {
    circuit: circuit::Circuit,
}

#[pymethods]
impl Circuit {
    #[new]
    fn new(data: &[u8]) -> PyResult<Self> {
        let circuit = circuit::Circuit::parse(data).map_err(value_error)?;
        Ok(Circuit { circuit })
    }

    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.circuit.digest)
    }

    #[getter]
    fn rows(&self) -> usize {
        SEGMENTS.into_iter().skip(1).map(|segment| self.circuit.rows(segment)).sum()
    }

    #[getter]
    fn columns(&self) -> usize {
        self.circuit.columns()
    }

    #[getter]
    fn entries(&self) -> usize {
        1 << self.circuit.entry_variables
    }

    #[getter]
    fn constraints(&self) -> usize {
        1 << self.circuit.row_variables
    }
}

/// Row commitments and their blindings.
#[pyfunction]
fn commit_weights<'py>(
    py: Python<'py>,
    circuit: &Circuit,
    weights: Vec<Integers<'py>>,
    hidden: bool,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let weights = Zeroizing::new(arrays(&weights)?);
    let (rows, blindings) =
        compute(py, || prove::commit_weights(&circuit.circuit, &weights, hidden))?
            .map_err(value_error)?;
    Ok((PyBytes::new(py, rows.as_flattened()), PyBytes::new(py, blindings.as_flattened())))
}

/// A circuit with committed weights, ready to prove.
#[pyclass(frozen)]
struct Prover {
    prover: prove::Prover,
    timings: Mutex<Timings>,
}

#[pymethods]
impl Prover {
    #[new]
    fn new(
        py: Python<'_>,
        circuit: &Circuit,
        weights: Vec<Integers<'_>>,
        rows: &[u8],
        blinds: &[u8],
        key_digest: &[u8],
    ) -> PyResult<Self> {
        Self::make(py, prove::Prover::new, circuit, &weights, rows, blinds, key_digest)
    }

    /// A prover that also proves what is false, for tests.
    #[staticmethod]
    fn unchecked(
        py: Python<'_>,
        circuit: &Circuit,
        weights: Vec<Integers<'_>>,
        rows: &[u8],
        blinds: &[u8],
        key_digest: &[u8],
    ) -> PyResult<Self> {
        Self::make(py, prove::Prover::unchecked, circuit, &weights, rows, blinds, key_digest)
    }

    #[pyo3(signature = (context, public, input, bits, trace, *, certificate = false))]
    fn prove<'py>(
        &self,
        py: Python<'py>,
        context: &[u8],
        public: Vec<Integers<'py>>,
        input: Vec<Integers<'py>>,
        bits: Vec<Integers<'py>>,
        trace: Vec<Integers<'py>>,
        certificate: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let instance = Instance {
            public: arrays(&public)?,
            input: arrays(&input)?,
            bits: arrays(&bits)?,
            trace: arrays(&trace)?,
        };
        let (proof, timings) =
            compute(py, || self.prover.prove(kind(certificate), context, &instance))?
                .map_err(value_error)?;
        *self.timings.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = timings;
        Ok(PyBytes::new(py, &proof))
    }

    #[getter]
    fn timings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let timings = self.timings.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let dict = PyDict::new(py);
        for (step, seconds) in timings.iter() {
            dict.set_item(step, seconds)?;
        }
        Ok(dict)
    }
}

type MakeProver = fn(
    circuit::Circuit,
    Arrays,
    &[[u8; 32]],
    &[[u8; 32]],
    [u8; 32],
) -> Result<prove::Prover, String>;

impl Prover {
    fn make(
        py: Python<'_>,
        make: MakeProver,
        circuit: &Circuit,
        weights: &[Integers<'_>],
        rows: &[u8],
        blinds: &[u8],
        key_digest: &[u8],
    ) -> PyResult<Self> {
        let weights = arrays(weights)?;
        let rows = chunks(rows, "row commitments")?;
        let blinds = Zeroizing::new(chunks(blinds, "blindings")?);
        let key_digest = digest(key_digest)?;
        let circuit = circuit.circuit.clone();
        let prover = compute(py, || make(circuit, weights, &rows, &blinds, key_digest))?
            .map_err(value_error)?;
        Ok(Prover { prover, timings: Mutex::default() })
    }
}

/// A circuit and the commitments to its weights, ready to verify.
#[pyclass(frozen)]
struct Verifier {
    verifier: verify::Verifier,
    key_digest: [u8; 32],
}

#[pymethods]
impl Verifier {
    #[new]
    fn new(py: Python<'_>, circuit: &Circuit, rows: &[u8], key_digest: &[u8]) -> PyResult<Self> {
        let rows = chunks(rows, "row commitments")?;
        let key_digest = digest(key_digest)?;
        let circuit = circuit.circuit.clone();
        let verifier =
            compute(py, || verify::Verifier::new(circuit, &rows))?.map_err(value_error)?;
        Ok(Verifier { verifier, key_digest })
    }

    /// Returns when the proof is valid.
    #[pyo3(signature = (context, public, proof, *, certificate = false))]
    fn verify(
        &self,
        py: Python<'_>,
        context: &[u8],
        public: Vec<Integers<'_>>,
        proof: &[u8],
        certificate: bool,
    ) -> PyResult<()> {
        let public = arrays(&public)?.concat();
        let statement = verify::Statement {
            kind: kind(certificate),
            key_digest: &self.key_digest,
            context,
            public: &public,
        };
        compute(py, || self.verifier.verify(&statement, proof))?.map_err(value_error)
    }
}

#[pymodule(name = "_core")]
fn core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Circuit>()?;
    module.add_class::<Prover>()?;
    module.add_class::<Verifier>()?;
    module.add_function(wrap_pyfunction!(commit_weights, module)?)
}
