//! Every shape of function compiles and runs, and every mistake gets its message.

#[test]
fn every_shape_of_function_compiles_and_runs() {
    trybuild::TestCases::new().pass("ui/pass/*/*.rs");
}

#[test]
fn every_mistake_gets_its_message() {
    trybuild::TestCases::new().compile_fail("ui/fail/*/*.rs");
}
