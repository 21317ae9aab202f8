// Two existing metrics in one attribute.
use pytheus::summary;

pytheus::metric! {
    /// Time a job takes.
    static JOB_SECONDS: Summary = "job_seconds";
    /// Time a task takes.
    static TASK_SECONDS: Summary = "task_seconds";
}

#[summary(JOB_SECONDS, TASK_SECONDS)]
fn run() {}

fn main() {}
