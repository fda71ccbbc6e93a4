//! Typed keys of the sqs families.
