//! Typed keys of the fs families.
