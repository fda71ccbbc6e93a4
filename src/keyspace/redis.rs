//! Typed keys of the redis families.
