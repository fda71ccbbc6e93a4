//! What is said about objects that are missing from the tree.

use crate::error::{Error, Result};
use crate::event::{Event, Warning};
use crate::excerpt::name_or_length;
use crate::keyspace::Family;
pub use crate::model::s3::{Class, Fault};
use crate::report::Problem;
use crate::service::Context;
use crate::snapshot::RowLocation;

/// A record of the adapter's sorters is not as it was written.
pub const RECORD: Error = Error::Internal { what: "a record of an S3 object does not read back" };
/// The steps of the adapter are not in their order.
pub const ORDER: Error = Error::Internal { what: "an S3 object was not open when its rows came" };

impl Fault {
    /// Reports the fault of something in `bucket`; `key` is the object's key, or the row's where there is none.
    pub fn report(
        &self,
        context: &mut Context<'_, '_>,
        bucket: &[u8],
        key: &[u8],
        place: Option<RowLocation>,
    ) -> Result<()> {
        context.report.problem(&Problem {
            adapter: "s3",
            scope: bucket,
            key,
            class: self.class,
            message: self.message.clone(),
            place,
        })
    }

    /// Reports an object that is not in the tree, with a warning beside the problem.
    pub fn report_object(
        &self,
        context: &mut Context<'_, '_>,
        bucket: &[u8],
        object: &[u8],
        place: Option<RowLocation>,
    ) -> Result<()> {
        context.report.warn(
            Warning::new(Event::S3_OBJECT_FAILED)
                .with("bucket", name_or_length(bucket))
                .with("object", name_or_length(object))
                .with("class", self.class.name())
                .with("message", &*self.message),
        );
        self.report(context, bucket, object, place)
    }
}

/// Warns of a row that no emitted object needs, and whose key does not parse.
pub fn warn_bad_key(context: &mut Context<'_, '_>, family: Family, key: &[u8]) {
    context.report.warn(bad_record(family, Class::S3_MALFORMED_KEY).with_key(key));
}

/// Warns of a malformed value of an object that no emitted one needs.
pub fn warn_bad_value(
    context: &mut Context<'_, '_>,
    (family, class): (Family, Class),
    bucket: &[u8],
    object: &[u8],
) {
    let warning = bad_record(family, class).with("bucket", name_or_length(bucket));
    context.report.warn(warning.with("object", name_or_length(object)));
}

fn bad_record(family: Family, class: Class) -> Warning {
    Warning::new(Event::S3_SKIPPED_BAD_RECORD).with("family", family.name()).with("class", class.name())
}
