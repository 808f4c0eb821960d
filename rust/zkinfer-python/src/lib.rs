//! `zkinfer._core`: thin Python classes over the prover and the verifier.
//!
//! A refusal is a `RefusedError` whose text is the Rust error's; what it means the call site knows. Nothing
//! else may pass for one: a panic is an `InternalError`, a system without threads a `UsageError`, and
//! a caller who is interrupted gets its `KeyboardInterrupt` at once.

mod groth16;
mod work;

use numpy::{PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use work::Failure;
use zeroize::Zeroizing;
use zkinfer_prove::membership::Hidden;
use zkinfer_prove::prove::{self, Instance, Opened, Timings};
use zkinfer_prove::witness::Arrays;
use zkinfer_verify::circuit::{self, Binding};
use zkinfer_verify::group::{Point, decode_points};
use zkinfer_verify::membership;
use zkinfer_verify::transcript::Kind;
use zkinfer_verify::verify;

pyo3::create_exception!(zkinfer._core, RefusedError, PyValueError, "What was given is refused.");
pyo3::import_exception!(zkinfer.errors, InternalError);
pyo3::import_exception!(zkinfer.errors, UsageError);

type Integers<'py> = PyReadonlyArrayDyn<'py, i64>;

fn refused(error: impl ToString) -> PyErr {
    RefusedError::new_err(error.to_string())
}

fn arrays(list: &[Integers<'_>]) -> PyResult<Arrays> {
    list.iter()
        .map(|array| match array.as_slice() {
            Ok(values) if array.is_c_contiguous() => Ok(values.to_vec()),
            _ => Err(refused(format!("an array of shape {:?} is not C-contiguous", array.shape()))),
        })
        .collect()
}

fn digest(bytes: &[u8]) -> PyResult<[u8; 32]> {
    bytes.try_into().map_err(|_| refused("a digest has 32 bytes"))
}

fn chunks(bytes: &[u8], what: &str) -> PyResult<Vec<[u8; 32]>> {
    match bytes.as_chunks::<32>() {
        (chunks, []) => Ok(chunks.to_vec()),
        _ => Err(refused(format!("{what} must be a multiple of 32 bytes"))),
    }
}

/// Runs on this process's threads, without the interpreter's lock, and minds signals meanwhile.
fn compute<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce(&AtomicBool) -> T + Send + 'static,
) -> PyResult<T> {
    let listen = || Python::attach(|py| py.check_signals());
    py.detach(|| work::run(work, listen)).map_err(|failure| match failure {
        Failure::Panic(words) => InternalError::new_err(words),
        Failure::Threads(error) => {
            UsageError::new_err(format!("the system gives no threads to work on: {error}"))
        }
        Failure::GivenUp(raised) => raised,
    })
}

fn kind(certificate: bool) -> Kind {
    if certificate { Kind::Certificate } else { Kind::Proof }
}

/// A parsed and checked circuit.
#[pyclass(frozen)]
struct Circuit {
    circuit: Arc<circuit::Circuit>,
    /// Committed rows of all segments.
    #[pyo3(get)]
    rows: usize,
    /// Entries of one committed row.
    #[pyo3(get)]
    columns: usize,
    /// Witness entries, padded to a power of two.
    #[pyo3(get)]
    entries: usize,
    /// Constraint rows, padded to a power of two.
    #[pyo3(get)]
    constraints: usize,
}

#[pymethods]
impl Circuit {
    #[new]
    fn new(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let data = data.to_vec();
        compute(py, move |_| {
            circuit::Circuit::parse(&data).map(|circuit| Circuit {
                rows: circuit.segments.iter().skip(1).map(|segment| circuit.rows(segment)).sum(),
                columns: circuit.columns(),
                entries: 1 << circuit.entry_variables,
                constraints: 1 << circuit.row_variables,
                circuit: Arc::new(circuit),
            })
        })?
        .map_err(refused)
    }

    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.circuit.digest)
    }
}

/// Row commitments to a committed segment, and their blindings.
#[pyfunction]
fn commit<'py>(
    py: Python<'py>,
    circuit: &Circuit,
    segment: String,
    arrays: Vec<Integers<'py>>,
    hidden: bool,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let entries = Zeroizing::new(self::arrays(&arrays)?);
    let circuit = Arc::clone(&circuit.circuit);
    let (rows, blindings) =
        compute(py, move |_| prove::commit_segment(&circuit, &segment, &entries, hidden))?
            .map_err(refused)?;
    Ok((PyBytes::new(py, rows.as_flattened()), PyBytes::new(py, blindings.as_flattened())))
}

/// Row commitments to rows of integers, one an entry of the first axis, and their blindings. The rest
/// of the shape is the row, of a power of two of entries. Blindings are fresh unless given.
#[pyfunction]
fn commit_rows<'py>(
    py: Python<'py>,
    rows: Integers<'py>,
    blindings: Option<Vec<u8>>,
) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let columns = rows.shape().iter().skip(1).product();
    let image = Zeroizing::new(arrays(&[rows])?);
    let blindings = blindings.map(Zeroizing::new);
    let given = blindings.as_ref().map(|b| chunks(b, "blindings").map(Zeroizing::new));
    let given = given.transpose()?;
    let (rows, blindings) = compute(py, move |_| {
        let given = given.as_ref().map(|given| given.as_slice());
        prove::commit_rows(&image.concat(), columns, given)
    })?
    .map_err(refused)?;
    Ok((PyBytes::new(py, rows.as_flattened()), PyBytes::new(py, blindings.as_flattened())))
}

/// By the name of a segment.
type BySegment<T> = BTreeMap<String, T>;

/// Segments whose rows come with each statement; those of the other committed ones do not change.
const GIVEN: [&str; 2] = ["record", "output"];

/// Whether a segment's rows were committed before the proof, and do not change.
fn is_held(segment: &circuit::Segment) -> bool {
    segment.binding == Binding::Committed && !GIVEN.contains(&segment.name.as_str())
}

/// Whether a segment's rows were committed before the proof, and come with the statement.
fn is_given(segment: &circuit::Segment) -> bool {
    segment.binding == Binding::Committed && GIVEN.contains(&segment.name.as_str())
}

/// What is given by name, in the circuit's order.
fn in_order<T>(
    circuit: &circuit::Circuit,
    mut given: BySegment<T>,
    wanted: impl Fn(&circuit::Segment) -> bool,
) -> PyResult<Vec<T>> {
    let mut list = Vec::new();
    for segment in circuit.segments.iter().filter(|segment| wanted(segment)) {
        let found = given.remove(&segment.name);
        list.push(found.ok_or_else(|| refused(format!("{} is missing", segment.name)))?);
    }
    match given.keys().next() {
        Some(name) => Err(refused(format!("the circuit takes no {name}"))),
        None => Ok(list),
    }
}

/// What is held of each committed segment, in the circuit's order; None where it is given later.
fn held<T>(circuit: &circuit::Circuit, list: Vec<T>) -> Vec<Option<T>> {
    let mut list = list.into_iter();
    let committed = circuit.bound(Binding::Committed);
    committed.map(|(_, segment)| if is_held(segment) { list.next() } else { None }).collect()
}

/// A committed segment and what opens its rows.
fn opened((list, rows, blinds): Committed<'_>) -> PyResult<Opened> {
    Ok(Opened {
        arrays: arrays(&list)?,
        rows: chunks(&rows, "row commitments")?,
        blindings: chunks(&Zeroizing::new(blinds), "blindings")?,
    })
}

/// The tensors of a committed segment, its rows and their blindings.
type Committed<'py> = (Vec<Integers<'py>>, Vec<u8>, Vec<u8>);

/// Committed data that records are hidden among: their rows, ready to be used.
#[pyclass(frozen)]
struct Data {
    records: usize,
    rows: Arc<Vec<Point>>,
}

#[pymethods]
impl Data {
    #[new]
    fn new(py: Python<'_>, records: usize, rows: &[u8]) -> PyResult<Self> {
        let rows = chunks(rows, "rows of data")?;
        let rows = compute(py, move |_| decode_points(&rows, "row of the data"))?;
        Ok(Data { records, rows: Arc::new(rows.map_err(refused)?) })
    }
}

/// A circuit with its committed segments, ready to prove.
#[pyclass(frozen)]
struct Prover {
    prover: Arc<prove::Prover>,
    timings: Mutex<Timings>,
}

#[pymethods]
impl Prover {
    #[new]
    fn new(
        py: Python<'_>,
        circuit: &Circuit,
        committed: BySegment<Committed<'_>>,
        key_digest: &[u8],
    ) -> PyResult<Self> {
        Self::make(py, prove::Prover::new, circuit, committed, key_digest)
    }

    /// A prover that also proves what is false, for tests.
    #[staticmethod]
    fn unchecked(
        py: Python<'_>,
        circuit: &Circuit,
        committed: BySegment<Committed<'_>>,
        key_digest: &[u8],
    ) -> PyResult<Self> {
        Self::make(py, prove::Prover::unchecked, circuit, committed, key_digest)
    }

    #[pyo3(signature = (context, public, sent, *, data = Vec::new(), committed = BySegment::new(), hidden = None, certificate = false))]
    #[allow(clippy::too_many_arguments)]
    fn prove<'py>(
        &self,
        py: Python<'py>,
        context: &[u8],
        public: Vec<Integers<'py>>,
        sent: BySegment<Vec<Integers<'py>>>,
        data: Vec<u8>,
        committed: BySegment<Committed<'py>>,
        hidden: Option<(Py<Data>, Vec<usize>, Vec<u8>)>,
        certificate: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let is_sent =
            |segment: &circuit::Segment| matches!(segment.binding, Binding::Sent | Binding::Bits);
        let circuit = self.prover.circuit();
        let sent = in_order(circuit, sent, is_sent)?;
        let sent = sent.iter().map(|list| arrays(list)).collect::<PyResult<_>>()?;
        let given = in_order(circuit, committed, is_given)?.into_iter();
        let given = given.map(opened).collect::<PyResult<_>>()?;
        let hidden = match hidden {
            Some((data, numbers, blinds)) => {
                let blindings = chunks(&Zeroizing::new(blinds), "blindings")?;
                let Data { records, rows } = data.get();
                Some(Hidden { records: *records, rows: Arc::clone(rows), numbers, blindings })
            }
            None => None,
        };
        let instance = Instance { public: arrays(&public)?, sent, data, opened: given, hidden };
        let (prover, context) = (Arc::clone(&self.prover), context.to_vec());
        let (proof, timings) =
            compute(py, move |stop| prover.prove(kind(certificate), &context, &instance, stop))?
                .map_err(refused)?;
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

type MakeProver =
    fn(circuit::Circuit, Vec<Option<Opened>>, [u8; 32]) -> Result<prove::Prover, String>;

impl Prover {
    fn make(
        py: Python<'_>,
        make: MakeProver,
        circuit: &Circuit,
        committed: BySegment<Committed<'_>>,
        key_digest: &[u8],
    ) -> PyResult<Self> {
        let key_digest = digest(key_digest)?;
        let circuit = Arc::clone(&circuit.circuit);
        let held = in_order(&circuit, committed, is_held)?.into_iter().map(opened);
        let held = self::held(&circuit, held.collect::<PyResult<Vec<_>>>()?);
        let prover =
            compute(py, move |_| make((*circuit).clone(), held, key_digest))?.map_err(refused)?;
        Ok(Prover { prover: Arc::new(prover), timings: Mutex::default() })
    }
}

/// A circuit and the rows of its committed segments, ready to verify.
#[pyclass(frozen)]
struct Verifier {
    verifier: Arc<verify::Verifier>,
    key_digest: [u8; 32],
}

#[pymethods]
impl Verifier {
    #[new]
    fn new(
        py: Python<'_>,
        circuit: &Circuit,
        rows: BySegment<Vec<u8>>,
        key_digest: &[u8],
    ) -> PyResult<Self> {
        let key_digest = digest(key_digest)?;
        let circuit = Arc::clone(&circuit.circuit);
        let rows = in_order(&circuit, rows, is_held)?.into_iter();
        let rows =
            rows.map(|rows| chunks(&rows, "row commitments")).collect::<PyResult<Vec<_>>>()?;
        let rows = held(&circuit, rows);
        let verifier = compute(py, move |_| verify::Verifier::new((*circuit).clone(), rows))?
            .map_err(refused)?;
        Ok(Verifier { verifier: Arc::new(verifier), key_digest })
    }

    /// Returns when the proof is valid.
    #[pyo3(signature = (context, public, proof, *, data = Vec::new(), rows = BySegment::new(), hidden = None, certificate = false))]
    #[allow(clippy::too_many_arguments)]
    fn verify(
        &self,
        py: Python<'_>,
        context: &[u8],
        public: Vec<Integers<'_>>,
        proof: &[u8],
        data: Vec<u8>,
        rows: BySegment<Vec<u8>>,
        hidden: Option<Py<Data>>,
        certificate: bool,
    ) -> PyResult<()> {
        let public = arrays(&public)?.concat();
        let circuit = self.verifier.circuit();
        let rows = in_order(circuit, rows, is_given)?.into_iter();
        let rows =
            rows.map(|rows| chunks(&rows, "row commitments")).collect::<PyResult<Vec<_>>>()?;
        let hidden = hidden.map(|data| (data.get().records, Arc::clone(&data.get().rows)));
        let (verifier, key_digest) = (Arc::clone(&self.verifier), self.key_digest);
        let (context, proof) = (context.to_vec(), proof.to_vec());
        compute(py, move |_| {
            let statement = verify::Statement {
                kind: kind(certificate),
                key_digest: &key_digest,
                context: &context,
                public: &public,
                data: &data,
                rows: &rows,
                hidden: hidden
                    .as_ref()
                    .map(|(records, rows)| membership::Data { records: *records, rows }),
            };
            verifier.verify(&statement, &proof)
        })?
        .map_err(refused)
    }
}

#[pymodule(name = "_core")]
fn core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    work::keep_panics(|| std::env::var_os("ZKINFER_TRACEBACK").is_some_and(|value| value == "1"));
    module.add("RefusedError", module.py().get_type::<RefusedError>())?;
    module.add_class::<Circuit>()?;
    module.add_class::<Data>()?;
    module.add_class::<Prover>()?;
    module.add_class::<Verifier>()?;
    module.add_function(wrap_pyfunction!(commit, module)?)?;
    module.add_function(wrap_pyfunction!(commit_rows, module)?)?;
    groth16::add(module)
}
