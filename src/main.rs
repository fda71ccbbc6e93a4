//! The `ekv-backup` command.
fn main() {}
