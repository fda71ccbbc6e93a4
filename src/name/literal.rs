//! One object by its name, or by the key of an item.

use super::{ItemKey, Pattern, PatternError, has_scope, unescape};
use crate::error::{Error, Result};
use crate::keyspace::Namespace;

/// The name of one object.
#[derive(Clone, Debug)]
pub struct Literal {
    /// The name in the one spelling that [`super::of`] gives it; of an item that is given by its key, that of its table.
    pub name: String,
    /// The service.
    pub service: Namespace,
    /// Table, bucket or queue; empty where the service has none.
    pub scope: Vec<u8>,
    /// Name below the service or the scope; `None` for the service or the scope itself.
    pub key: Option<Vec<u8>>,
    /// Key of an item.
    pub item: Option<ItemKey>,
}

impl Literal {
    /// Reads a name, and perhaps the key of an item as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] and [`Error::ItemKey`] for what is none.
    pub fn parse(text: &str, item: Option<&str>) -> Result<Self> {
        let name = Pattern::literal(text)?.front().to_owned();
        let service = super::service(text).ok_or_else(|| PatternError::Service(text.to_owned()))?;
        let below = name.split_once('/').map(|(_, below)| below);
        let (scope, key) = match below {
            Some(below) if has_scope(service) => match below.split_once('/') {
                Some((scope, key)) => (unescape(scope), Some(key)),
                None => (unescape(below), None),
            },
            below => (Vec::new(), below),
        };
        let item = match (item, key) {
            (Some(_), Some(_)) => return Err(Error::ItemKey("a key follows the name of a table".to_owned())),
            (Some(_), None) if service != Namespace::Dynamodb => {
                return Err(Error::ItemKey("only items of DynamoDB have one".to_owned()));
            }
            (Some(item), None) => Some(ItemKey::parse(item)?),
            (None, Some(key)) if service == Namespace::Dynamodb => Some(ItemKey::Text(key.to_owned())),
            (None, _) => None,
        };
        let key = key.map(unescape);
        Ok(Self { name, service, scope, key, item })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_parts() {
        let of = |text| {
            let literal = Literal::parse(text, None).unwrap();
            (literal.name, String::from_utf8(literal.scope).unwrap(), literal.key)
        };
        let key = |key: &[u8]| Some(key.to_vec());
        assert_eq!(of("redis/a%2fb/c"), ("redis/a/b/c".into(), String::new(), key(b"a/b/c")));
        assert_eq!(of("redis/"), ("redis/".into(), String::new(), key(b"")));
        assert_eq!(of("s3/b/k/%FF"), ("s3/b/k/%FF".into(), "b".into(), key(b"k/\xff")));
        assert_eq!(of("dynamodb/a%2Fb"), ("dynamodb/a%2Fb".into(), "a/b".into(), None));
        assert_eq!(of("fs"), ("fs".into(), String::new(), None));
    }

    #[test]
    fn a_key_is_one_of_a_table() {
        assert!(matches!(
            Literal::parse("dynamodb/t", Some("{\"a\":1}")).unwrap().item,
            Some(ItemKey::Json(_))
        ));
        for (name, item) in [("s3/b", "{}"), ("dynamodb/t/h", "{}"), ("dynamodb/t", "1")] {
            assert!(matches!(Literal::parse(name, Some(item)), Err(Error::ItemKey(_))), "{name}");
        }
    }
}
