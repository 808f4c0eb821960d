//! Callers who give up.

use crate::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};

/// Refuses to go on once `stop` is true.
///
/// # Errors
/// [`Error::Stopped`].
pub fn go_on(stop: &AtomicBool) -> Result<(), Error> {
    match stop.load(Ordering::Relaxed) {
        false => Ok(()),
        true => Err(Error::Stopped("stopped".into())),
    }
}
