// A block with a `const fn`, and blocks without a name, a function, or a mark that is known.
use pytheus::counter;

struct Store;

/// Calls.
#[counter(name = "a_total")]
impl Store {
    const fn size() -> usize {
        3
    }

    fn get(&self) {}
}

#[counter(labels(outcome))]
impl Store {
    fn put(&self) {}
}

/// Calls.
#[counter(name = "c_total")]
impl Store {
    const SIZE: usize = 3;
}

/// Calls.
#[counter(name = "d_total")]
impl Store {
    #[pytheus(leave_out)]
    fn remove(&self) {}
}

/// Calls.
#[counter(name = "e total")]
impl Store {
    fn clear(&self) {}

    fn list(&self) {}
}

fn main() {}
