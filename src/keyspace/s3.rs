//! Typed keys of the s3 families.
