// `ret` is the returned value, and here also an argument.
use pytheus::counter;

struct Code(u16);

impl Code {
    fn code(&self) -> u16 {
        self.0
    }
}

#[counter(name = "jobs_total", help = "Jobs.", labels(code = ret.code()))]
fn run(ret: Code) -> Code {
    ret
}

fn main() {}
