// More combinations than can be exposed at zero.
use pytheus::counter;

#[derive(Clone, Copy, pytheus::LabelValue)]
enum Digit {
    A,
    B,
    C,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
}

const ALL: [Digit; 11] = {
    use Digit::*;
    [A, B, C, D, E, F, G, H, I, J, K]
};

#[counter(
    name = "jobs_total",
    help = "Jobs.",
    labels(one: Digit = ALL[0], two: Digit = ALL[1], three: Digit = ALL[2])
)]
fn run() {}

fn main() {}
