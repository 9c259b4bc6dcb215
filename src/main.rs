//! Parses the command line, starts, and maps the outcome to an exit code.

fn main() {}
