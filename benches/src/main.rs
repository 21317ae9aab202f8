//! pytheus side by side with its peers, and with what the hardware allows. See README.md.

mod allocator;
mod cores;
mod limits;
mod options;
mod peer;
mod peers;
mod plot;
mod race;
mod report;
mod rows;
mod targets;
mod values;

use std::process::ExitCode;
use std::time::Instant;
use std::{fs, io};

use options::Options;
use rows::Mode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == rows::memory::ARGUMENT).is_some() {
        let Some(answer) = rows::memory::answer(arguments) else { return ExitCode::FAILURE };
        println!("{answer}");
        return ExitCode::SUCCESS;
    }
    #[cfg(unix)]
    if arguments.next_if(|argument| argument == rows::backend::ARGUMENT).is_some() {
        return rows::backend::serve();
    }
    let options = match Options::read(arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::FAILURE;
        }
    };
    let done = if options.mode == Mode::Compile { compile(&options) } else { measure(&options) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compile(options: &Options) -> io::Result<()> {
    let built = rows::compile::measure(&options.here, if options.quick { 1 } else { 3 })?;
    println!("{}", rows::compile::table(&built));
    if let Some(out) = &options.out {
        fs::write(out, rows::compile::csv(&built))?;
        println!("figures: {}", out.display());
    }
    Ok(())
}

fn measure(options: &Options) -> io::Result<()> {
    let started = Instant::now();
    let run = options.run();
    let mut groups = Vec::new();
    for rows in run.rows() {
        rows(&run, &mut |group| {
            println!("{}", report::table(&group));
            groups.push(group);
        });
    }
    println!("{}\n{}", report::ratios(&groups), report::markdown(&groups));
    println!("{:.0} s in all", started.elapsed().as_secs_f64());
    if let Some(out) = &options.out {
        report::write(&groups, out)?;
        println!("figures: {}", out.display());
    }
    if let Some(plot) = &options.plot {
        fs::write(plot, plot::svg(&groups))?;
        println!("plot: {}", plot.display());
    }
    Ok(())
}
