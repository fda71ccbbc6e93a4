//! Typed keys of the dynamodb families.
