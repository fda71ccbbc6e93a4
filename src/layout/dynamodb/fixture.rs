//! Items without rows.

use crate::model::dynamodb::{Attributes, Item, KeyValues};
use crate::snapshot::RowLocation;
use crate::time::Hlc;

/// Returns an item of table `t`.
pub(super) fn item<'a>(keys: KeyValues<'a>, message: &'a [u8], row_key: &'a [u8]) -> Item<'a> {
    Item {
        table: b"t",
        keys,
        attributes: Attributes { message, unknown_fields: 0 },
        unservable: None.into(),
        row_key,
        place: RowLocation::take(&mut &[0; 64][..]),
        commit_ts: Hlc(1),
    }
}
