//! placeholder
mod json;
mod value;
mod attributes;
mod line;
mod message;
