//! placeholder
mod json;
mod value;
