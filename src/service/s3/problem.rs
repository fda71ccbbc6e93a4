//! What is said about objects that are missing from the tree.

use crate::bug::Bug;
use crate::codec::gojson::read::{self as json, ErrorKind};
use crate::error::Result;
use crate::event::{Event, Warning};
use crate::excerpt::name_or_length;
use crate::keyspace::Family;
pub(super) use crate::model::s3::{Class, Fault};
use crate::report::Problem;
use crate::service::Context;
use crate::snapshot::RowLocation;

/// A record of the adapter's sorters is not as it was written.
pub(super) const RECORD: Bug = Bug::new("a record of an S3 object does not read back");
/// The steps of the adapter are not in their order.
pub(super) const ORDER: Bug = Bug::new("an S3 object was not open when its rows came");

impl Fault {
    /// Returns the fault of a value that is not the JSON of its record.
    #[must_use]
    pub fn unreadable(class: Class, value: &[u8], json::Error { kind, at }: json::Error) -> Self {
        let (expected, at) = match kind {
            ErrorKind::Integer { signed: true } => ("signed 64-bit integer", at),
            ErrorKind::Integer { signed: false } => ("unsigned 64-bit integer", at),
            ErrorKind::Trailing => ("end of the value", at),
            ErrorKind::Unclosed { at } => ("character of a string", at),
            ErrorKind::Character { at, expected } => (expected, at),
            ErrorKind::Expected("an object" | "an array" | "a number" | "a boolean") if at == value.len() => {
                ("value", at)
            }
            ErrorKind::Expected("a string")
                if at == value.len() && value.trim_ascii_end().ends_with(b":") =>
            {
                ("value", at)
            }
            ErrorKind::Expected("a boolean" | "a literal") => ("true or false", at),
            ErrorKind::Expected(what) => {
                let what = what.strip_prefix("an ").or(what.strip_prefix("a ")).unwrap_or(what);
                (what.split_once(" or ").map_or(what, |(what, _)| what), at)
            }
            _ => return Self::new(class, format!("{kind} at byte {at} of the value")),
        };
        Self::new(class, format!("{expected} expected at byte {at} of the value"))
    }

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
pub(super) fn warn_bad_key(context: &mut Context<'_, '_>, family: Family, key: &[u8]) {
    context.report.warn(bad_record(family, Class::S3_MALFORMED_KEY).with_key(key));
}

/// Warns of a malformed value of an object that no emitted one needs.
pub(super) fn warn_bad_value(
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

#[cfg(test)]
mod tests {
    use crate::service::s3::manifest::Manifest;

    #[test]
    fn unreadable_values_are_told_in_the_words_of_the_format() {
        for (json, expected) in [
            ("x", "object expected at byte 0 of the value"),
            (r#"{"parts":1}"#, "array expected at byte 9 of the value"),
            (r#"{"etag":nul}"#, "string expected at byte 8 of the value"),
            (r#"{"etag":"a""#, "comma expected at byte 11 of the value"),
            (r#"{"etag" 1}"#, "colon expected at byte 8 of the value"),
            (r#"{"size_bytes":"5"}"#, "number expected at byte 14 of the value"),
            (r#"{"size_bytes":1e1}"#, "signed 64-bit integer expected at byte 14 of the value"),
            (r#"{"last_modified_hlc":-1}"#, "unsigned 64-bit integer expected at byte 21 of the value"),
            (r#"{"parts":[{"offloaded":1}]}"#, "true or false expected at byte 23 of the value"),
            (r#"{"other":x}"#, "value expected at byte 9 of the value"),
            ("{}\nx", "end of the value expected at byte 3 of the value"),
            (r#"{"etag":"\x"}"#, "escape expected at byte 10 of the value"),
            (r#"{"etag":"\u00x0"}"#, "four hex digits expected at byte 10 of the value"),
            (r#"{"etag":"\"#, "escape expected at byte 10 of the value"),
            (r#"{"etag":"ab"#, "character of a string expected at byte 11 of the value"),
            ("{\"etag\":\"a\n", "character of a string expected at byte 10 of the value"),
            ("{\"etag\":\"\\na\nb\"", "character of a string expected at byte 12 of the value"),
            (r#"{"etag":"#, "value expected at byte 8 of the value"),
            (r#"{"size_bytes":1,"#, "string expected at byte 16 of the value"),
            (r#"{"parts":["#, "value expected at byte 10 of the value"),
            ("", "value expected at byte 0 of the value"),
        ] {
            assert_eq!(Manifest::parse(json.as_bytes()).unwrap_err().message, expected, "{json}");
        }
    }
}
