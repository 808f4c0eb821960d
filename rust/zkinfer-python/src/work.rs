//! Work on this process's threads, for a caller that wants to hear signals meanwhile and to whom a
//! panic is an error.

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a caller waits before it looks for signals.
const PATIENCE: Duration = Duration::from_millis(50);

/// Why there is no result.
#[derive(Debug)]
pub enum Failure<E> {
    /// The work panicked: the panic's place and message on one line.
    Panic(String),
    /// The system gives no threads to work on.
    Threads(ThreadPoolBuildError),
    /// The caller gave up.
    GivenUp(E),
}

/// What the last panic of this process said. Of two at once either may get the other's words.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Lets panics print only if `loud` says so; what they say is kept for the error that they become.
pub fn keep_panics(loud: fn() -> bool) {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if loud() {
            print(panic);
        }
        let words = panic.to_string();
        let mut last = LAST_PANIC.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *last = words.split_whitespace().collect::<Vec<_>>().join(" ");
    }));
}

/// The result of `work`, which runs on all threads. The caller waits in a thread of its own and
/// calls `listen` about twenty times a second. When that fails the caller returns at once; the
/// work, which owns all that it needs, is told by its flag and drops its secrets when it ends.
///
/// # Errors
/// [`Failure`], for whichever of its reasons comes first.
pub fn run<T: Send + 'static, E>(
    work: impl FnOnce(&AtomicBool) -> T + Send + 'static,
    mut listen: impl FnMut() -> Result<(), E>,
) -> Result<T, Failure<E>> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let (sender, receiver) = mpsc::channel();
    threads().map_err(Failure::Threads)?.spawn(move || {
        let result = panic::catch_unwind(AssertUnwindSafe(|| work(&seen)));
        // Nobody receives it if the caller has given up.
        let _ = sender.send(result.map_err(|_| last_panic()));
    });
    loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(result) => return result.map_err(Failure::Panic),
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::Panic(last_panic())),
            Err(RecvTimeoutError::Timeout) => {
                if let Err(reason) = listen() {
                    stop.store(true, Ordering::Relaxed);
                    return Err(Failure::GivenUp(reason));
                }
            }
        }
    }
}

fn last_panic() -> String {
    LAST_PANIC.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}

/// This process's threads. A fork leaves them behind, so a child makes its own.
fn threads() -> Result<Arc<ThreadPool>, ThreadPoolBuildError> {
    static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);
    let process = std::process::id();
    let mut pool = POOL.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some((owner, threads)) = &*pool
        && *owner == process
    {
        return Ok(Arc::clone(threads));
    }
    let threads = Arc::new(ThreadPoolBuilder::new().build()?);
    // The parent's pool is not dropped: its threads do not exist here to be joined.
    std::mem::forget(pool.replace((process, Arc::clone(&threads))));
    Ok(threads)
}
