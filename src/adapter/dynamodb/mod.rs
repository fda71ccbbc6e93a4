//! DynamoDB: items and schemas to `dynamodb/` (`dynamodb.md`).

mod attribute;
mod canonical;
mod item;
mod message;
mod number;
mod parser;
mod wire;

use super::{Context, Scope};
use crate::error::Result;

/// Writes all tables in scope; returns their names.
pub fn dump(context: &mut Context<'_, '_>) -> Result<Scope> {
    let _ = context;
    todo!()
}
