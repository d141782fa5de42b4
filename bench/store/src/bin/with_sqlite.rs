//! Its size is measured.

use store_trial::{Commit, Outcome, open};

fn main() -> Outcome {
    let dir = std::env::args().nth(1).ok_or("no directory")?;
    let mut store = open("sqlite", dir.as_ref())?;
    store.commit(Commit { put: vec![(1, vec![0; 100])], remove: vec![2] })?;
    println!("{}", store.read().len());
    Ok(())
}
