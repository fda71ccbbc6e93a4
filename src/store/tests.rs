//! Whole stores on small snapshots.
