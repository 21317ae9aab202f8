// The type is misspelt.
use pytheus::metric;

metric! {
    /// Jobs.
    static JOB_SECONDS: Histgram = "job_seconds";
}

fn main() {}
