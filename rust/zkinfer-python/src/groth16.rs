//! Groth16 over BN254, for Python.

use crate::{compute, digest, refused};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PySlice};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use zeroize::Zeroizing;
use zkinfer_groth16::error::Error;
use zkinfer_groth16::field::{Scalar, scalars};
use zkinfer_groth16::key::{Key, read_commitment};
use zkinfer_groth16::points::compress;
use zkinfer_groth16::r1cs::R1cs;
use zkinfer_groth16::sections::Source;
use zkinfer_groth16::verify::{Proof, Verifier};
use zkinfer_groth16::zkey::Zkey;
use zkinfer_groth16::{opening, prove, setup};

/// A view of a buffer of Python's, such as a file that is mapped into memory.
struct Buffer {
    view: Py<PyMemoryView>,
    size: usize,
}

impl Buffer {
    fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyBuffer::<u8>::get(object)?;
        match buffer.dimensions() {
            1 => {
                Ok(Buffer { view: PyMemoryView::from(object)?.unbind(), size: buffer.item_count() })
            }
            axes => Err(refused(format!("a buffer of bytes has one axis, not {axes}"))),
        }
    }
}

impl Source for Buffer {
    fn size(&self) -> usize {
        self.size
    }

    fn read(&self, range: Range<usize>) -> Option<Vec<u8>> {
        let (start, stop) = (isize::try_from(range.start).ok()?, isize::try_from(range.end).ok()?);
        Python::try_attach(|py| {
            let part = self.view.bind(py).get_item(PySlice::new(py, start, stop, 1)).ok()?;
            PyBuffer::<u8>::get(&part).ok()?.to_vec(py).ok()
        })?
        .filter(|bytes| bytes.len() == range.len())
    }
}

/// Runs without the interpreter's lock; a refusal is a `RefusedError`.
fn run<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce(&AtomicBool) -> Result<T, Error> + Send + 'static,
) -> PyResult<T> {
    compute(py, work)?.map_err(refused)
}

/// The `.zkey` of a development setup of a circuit.
#[pyfunction]
fn groth16_setup<'py>(py: Python<'py>, r1cs: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let r1cs = Buffer::new(r1cs)?;
    let zkey = run(py, move |stop| setup::generate(&R1cs::read(&r1cs)?, stop))?;
    Ok(PyBytes::new(py, &zkey))
}

/// A setup of a circuit, ready to prove.
#[pyclass(frozen)]
struct Groth16Setup {
    setup: Arc<Zkey>,
    /// Wires, public signals, and points of the domain.
    #[pyo3(get)]
    constants: (usize, usize, usize),
    /// Contributions that the file records of a ceremony.
    #[pyo3(get)]
    contributions: usize,
}

#[pymethods]
impl Groth16Setup {
    #[new]
    fn new(py: Python<'_>, zkey: &Bound<'_, PyAny>, r1cs: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (zkey, r1cs) = (Buffer::new(zkey)?, Buffer::new(r1cs)?);
        let setup = run(py, move |_| Zkey::read(Box::new(zkey), R1cs::read(&r1cs)?))?;
        let circuit = &setup.circuit;
        Ok(Groth16Setup {
            constants: (circuit.wires, circuit.public, circuit.domain),
            contributions: setup.contributions,
            setup: Arc::new(setup),
        })
    }

    /// The setup's key.
    #[getter]
    fn key(&self) -> Groth16Key {
        Groth16Key(Arc::new(self.setup.key.clone()))
    }
}

/// A proof for an assignment of all wires.
#[pyfunction]
fn groth16_prove<'py>(
    py: Python<'py>,
    setup: &Groth16Setup,
    assignment: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let assignment = scalars(assignment, "the assignment").map_err(refused)?;
    let setup = Arc::clone(&setup.setup);
    let proof = run(py, move |stop| prove::prove(&setup, &assignment, stop))?;
    Ok(PyBytes::new(py, &proof.to_bytes()))
}

/// A key that was read and checked: of a setup, or of a model.
#[pyclass(frozen)]
struct Groth16Key(Arc<Key>);

#[pymethods]
impl Groth16Key {
    #[new]
    fn new(py: Python<'_>, key: Vec<u8>) -> PyResult<Self> {
        run(py, move |_| Key::read(&key)).map(|key| Groth16Key(Arc::new(key)))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let key = Arc::clone(&self.0);
        let bytes = run(py, move |_| Ok(key.to_bytes()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The commitment to weights and a blinding.
    fn commit<'py>(
        &self,
        py: Python<'py>,
        n_pub: usize,
        scalars: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (key, scalars) = (Arc::clone(&self.0), weights(scalars)?);
        let commitment = run(py, move |_| key.commit(n_pub, &scalars))?;
        Ok(PyBytes::new(py, &compress(&commitment)))
    }

    /// A proof that the commitment to weights and a blinding opens.
    fn open<'py>(
        &self,
        py: Python<'py>,
        n_pub: usize,
        scalars: &[u8],
        seed: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (key, scalars, seed) = (Arc::clone(&self.0), weights(scalars)?, digest(seed)?);
        let proof = run(py, move |stop| opening::open(&key, n_pub, &scalars, &seed, stop))?;
        Ok(PyBytes::new(py, &proof))
    }

    /// Returns when the proof shows that the commitment opens.
    fn check_opening(
        &self,
        py: Python<'_>,
        n_pub: usize,
        commitment: Vec<u8>,
        seed: &[u8],
        proof: Vec<u8>,
    ) -> PyResult<()> {
        let (key, seed) = (Arc::clone(&self.0), digest(seed)?);
        run(py, move |_| {
            let commitment = read_commitment(&commitment)?;
            opening::check(&key, n_pub, &commitment, &seed, &proof)
        })
    }

    /// The key of the model that a commitment belongs to.
    fn model(&self, py: Python<'_>, n_pub: usize, commitment: Vec<u8>) -> PyResult<Self> {
        let key = Arc::clone(&self.0);
        let model = run(py, move |_| key.model(n_pub, &read_commitment(&commitment)?))?;
        Ok(Groth16Key(Arc::new(model)))
    }
}

/// A model's key, ready to verify.
#[pyclass(frozen)]
struct Groth16Verifier(Arc<Verifier>);

#[pymethods]
impl Groth16Verifier {
    #[new]
    fn new(py: Python<'_>, model: &Groth16Key) -> PyResult<Self> {
        let key = Arc::clone(&model.0);
        let verifier = run(py, move |_| Ok(Verifier::new(&key)))?;
        Ok(Groth16Verifier(Arc::new(verifier)))
    }

    /// Returns when the proof of the public values is valid.
    fn verify(&self, py: Python<'_>, public: Vec<u8>, proof: Vec<u8>) -> PyResult<()> {
        let verifier = Arc::clone(&self.0);
        run(py, move |_| {
            let public = scalars(&public, "the public values")?;
            verifier.verify(&public, &Proof::read(&proof)?)
        })
    }
}

fn weights(bytes: &[u8]) -> PyResult<Zeroizing<Vec<Scalar>>> {
    scalars(bytes, "the weights and their blinding").map_err(refused)
}

/// Adds all this to the module.
pub fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Groth16Key>()?;
    module.add_class::<Groth16Setup>()?;
    module.add_class::<Groth16Verifier>()?;
    module.add_function(wrap_pyfunction!(groth16_setup, module)?)?;
    module.add_function(wrap_pyfunction!(groth16_prove, module)?)
}
