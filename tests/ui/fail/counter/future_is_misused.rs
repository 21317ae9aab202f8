// The option `future` where there is none, where it is seen anyway, and with a word that it doesn't know.
fn main() {}

use pytheus::counter;

/// Calls.
#[counter(name = "a_total", future = boxed)]
async fn lazy() {}

/// Calls.
#[counter(name = "b_total", future = untracked)]
fn nothing() {}

/// Calls.
#[counter(name = "c_total", future = boxed)]
fn opaque() -> impl Future<Output = ()> {
    async {}
}

/// Calls.
#[counter(name = "d_total", future = "boxed")]
fn quoted() -> std::future::Ready<()> {
    std::future::ready(())
}
