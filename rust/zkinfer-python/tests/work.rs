//! Work that panics, and callers who give up. Nothing here needs Python.

#[path = "../src/work.rs"]
mod work;

use rayon::prelude::*;
use std::convert::Infallible;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use work::{Failure, keep_panics, run};

fn patient() -> Result<(), Infallible> {
    Ok(())
}

fn panic_words<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> String {
    match run(|_| work(), patient) {
        Ok(_) => unreachable!("the work should have panicked"),
        Err(Failure::Panic(words)) => words,
        Err(Failure::Threads(error)) => unreachable!("{error}"),
    }
}

#[test]
fn a_panic_is_an_error_that_says_where_and_why() {
    keep_panics(|| std::env::var_os("LOUD").is_some());
    let (empty, index) = (Vec::<u8>::new(), 3);
    let line = line!() + 1;
    let words = panic_words(move || empty[index]);
    assert!(words.contains(&format!("work.rs:{line}:")), "{words}");
    assert!(words.contains("index is 3"), "{words}");

    // On whichever of the threads it happens, and on one line.
    let line = line!() + 1;
    let deep = || (0..1000).into_par_iter().for_each(|i| assert_ne!(i, 777));
    let words = panic_words(deep);
    assert!(words.contains(&format!("work.rs:{line}:")), "{words}");
    assert!(!words.contains('\n'), "{words}");

    // The threads go on working.
    assert_eq!(run(|_| (0..1000u64).into_par_iter().sum::<u64>(), patient).ok(), Some(499_500));
}

/// The test above in a process of its own, and what that prints.
#[test]
fn a_panic_prints_nothing_unless_asked_to() {
    let printed = |loud: &[(&str, &str)]| {
        let test = "a_panic_is_an_error_that_says_where_and_why";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env_remove("LOUD").envs(loud.to_vec());
        let output = command.output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(printed(&[]), "");
    assert_eq!(printed(&[("LOUD", "1")]).matches("panicked at").count(), 2);
}

/// Says through a channel that it is dropped, as a secret is erased.
struct Secret(mpsc::Sender<()>);

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn who_gives_up_returns_at_once_and_the_work_ends() {
    let (sender, receiver) = mpsc::channel();
    let secret = Secret(sender);
    let (go_on, may_end) = mpsc::channel();
    let work = move |stop: &AtomicBool| {
        // This work cannot end before its caller has returned.
        may_end.recv().unwrap();
        assert!(stop.load(Ordering::Relaxed));
        drop(secret);
    };
    assert!(matches!(run(work, || Err("a signal")), Err(Failure::GivenUp("a signal"))));
    go_on.send(()).unwrap();
    receiver.recv().unwrap();
}

#[test]
fn who_is_patient_gets_the_result() {
    let mut heard = 0;
    let (sender, receiver) = mpsc::channel();
    let listen = || {
        heard += 1;
        if heard == 3 {
            sender.send(7).unwrap();
        }
        patient()
    };
    assert_eq!(run(move |_| receiver.recv().unwrap(), listen).ok(), Some(7));
    assert!(heard >= 3);
}
