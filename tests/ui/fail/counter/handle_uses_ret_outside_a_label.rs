// The returned value is used outside a label of the metric.
use pytheus::counter;
use pytheus::metrics::Counter;

fn metric_of(size: usize) -> &'static Counter {
    let _ = size;
    unimplemented!()
}

#[counter(metric_of(ret.len()))]
fn run() -> String {
    String::new()
}

fn main() {
    run();
}
