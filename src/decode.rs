//! One run of `decode`: sources to a finished tree.
