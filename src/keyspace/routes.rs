//! The Raft group of a key: ranges of routing keys, and partitions of queues (`format/keys.md#internal-families`, `reading/groups.md#several-groups`).
//!
//! A snapshot's catalog has the ranges; partitions are placed by a map that the cluster's nodes are started with.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Family, routing_key, sqs};
use crate::{cursor, limits};

/// Routing key of queues and their rows, but for partitioned ones.
const QUEUES: &[u8] = b"!sqs|route|";
/// Routing prefix of the chunks of a filesystem.
const CHUNKS: &[u8] = b"!fs|route|chk|";
/// Length of home slot and inode, bytes.
const CHUNK: usize = 16;

/// A range of routing keys and its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// First routing key.
    #[serde(with = "as_hex")]
    pub start: Vec<u8>,
    /// First routing key beyond the range; `None` when there is no end.
    #[serde(with = "as_hex::option")]
    pub end: Option<Vec<u8>>,
    /// Raft group.
    pub group: u64,
    /// What becomes of the range.
    #[serde(default)]
    pub state: State,
}

/// What becomes of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It stays where it is.
    #[default]
    Active,
    /// Nothing is written meanwhile.
    WriteFenced,
    /// It is on its way to another group.
    MigratingSource,
    /// It is on its way to this group: another one still owns it.
    MigratingTarget,
}

/// Which group owns which keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// Ascending by start.
    pub ranges: Vec<Route>,
    /// Groups by queue and partition.
    pub partitions: BTreeMap<(String, u32), u64>,
}

impl Routes {
    /// Returns ranges in their order.
    #[must_use]
    pub fn new(mut ranges: Vec<Route>) -> Self {
        ranges.sort_by(|one, other| one.start.cmp(&other.start));
        Self { ranges, partitions: BTreeMap::new() }
    }

    /// Reads routes as `inspect --json` prints them: all of it, or its member `routes` alone.
    ///
    /// # Errors
    ///
    /// Why it cannot be read, in words.
    pub fn read(from: impl Read) -> Result<Self, String> {
        let mut text = Vec::new();
        from.take(limits::ROUTES_FILE + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
        if u64::try_from(text.len()).is_ok_and(|length| length > limits::ROUTES_FILE) {
            return Err(format!("over the limit of {} bytes", limits::ROUTES_FILE));
        }
        let whole: serde_json::Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        match whole.get("routes").unwrap_or(&whole) {
            serde_json::Value::Null => {
                Err("the snapshots that were inspected hold no route catalog".to_owned())
            }
            routes => Self::deserialize(routes).map_err(|error| error.to_string()),
        }
    }

    /// Returns the group that owns a user key; `None` when ranges alone do not place it, or no route covers it.
    #[must_use]
    pub fn owner(&self, user_key: &[u8]) -> Option<u64> {
        self.covering(&routing_key(user_key)?)
    }

    fn covering(&self, key: &[u8]) -> Option<u64> {
        let behind = self.ranges.partition_point(|route| *route.start <= *key);
        let owns = |route: &&Route| route.state != State::MigratingTarget;
        let route = self.ranges.get(..behind)?.iter().rev().find(owns)?;
        route.end.as_ref().is_none_or(|end| *key < **end).then_some(route.group)
    }

    /// Returns the group that holds a row, of queues and filesystems too; `None` where the routes do not tell.
    #[must_use]
    pub fn place(&self, user_key: &[u8]) -> Option<u64> {
        match Family::of(user_key) {
            Family::SqsQueueMeta
            | Family::SqsQueueGeneration
            | Family::SqsQueueSequence
            | Family::SqsQueueTombstone => self.covering(QUEUES),
            Family::SqsData
            | Family::SqsVisibility
            | Family::SqsByAge
            | Family::SqsDedup
            | Family::SqsGroup => match sqs::partition(user_key) {
                Some((queue, partition)) => self.partitions.get(&(queue.name()?, partition)).copied(),
                None => self.covering(QUEUES),
            },
            Family::FsChunk => {
                let place = user_key.strip_prefix(Family::FsChunk.prefix())?.get(..CHUNK)?;
                self.covering(&[CHUNKS, place].concat())
            }
            _ => self.owner(user_key),
        }
    }

    /// Lists the groups that hold rows.
    #[must_use]
    pub fn groups(&self) -> BTreeSet<u64> {
        let owning = self.ranges.iter().filter(|route| route.state != State::MigratingTarget);
        owning.map(|route| route.group).chain(self.partitions.values().copied()).collect()
    }

    /// Looks whether each routing key has one owner, which is no timestamp oracle, of not too many.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let groups = self.groups();
        if groups.len() > limits::ENCODE_GROUPS {
            return Err(format!("{} groups, over the limit of {}", groups.len(), limits::ENCODE_GROUPS));
        }
        if groups.contains(&0) {
            return Err("group 0 is the timestamp oracle's, which holds no keys".to_owned());
        }
        let mut reached = Some(&[][..]);
        for route in self.ranges.iter().filter(|route| route.state != State::MigratingTarget) {
            let start = hex::encode(&route.start);
            match reached {
                Some(end) if end == route.start => {}
                Some(end) if *end < *route.start => {
                    return Err(format!("no range has the keys from '{}' to '{start}'", hex::encode(end)));
                }
                _ => return Err(format!("two ranges have the keys from '{start}' on")),
            }
            if route.end.as_ref().is_some_and(|end| *end <= route.start) {
                return Err(format!("the range from '{start}' has no keys"));
            }
            reached = route.end.as_deref();
        }
        reached.map_or(Ok(()), |end| Err(format!("no range has the keys from '{}' on", hex::encode(end))))
    }
}

impl Route {
    /// Reads a route descriptor (`format/keys.md#internal-families`).
    #[must_use]
    pub fn parse(mut descriptor: &[u8]) -> Option<Self> {
        let rest = &mut descriptor;
        cursor::take_u8(rest).filter(|version| matches!(version, 1 | 2))?;
        let _route = cursor::take_u64_be(rest)?;
        let group = cursor::take_u64_be(rest)?;
        let state = match cursor::take_u8(rest)? {
            1 => State::WriteFenced,
            2 => State::MigratingSource,
            3 => State::MigratingTarget,
            _ => State::Active,
        };
        let _parent = cursor::take_u64_be(rest)?;
        let start = key(rest)?.to_vec();
        let end = match cursor::take_u8(rest)? {
            0 => None,
            1 => Some(key(rest)?.to_vec()),
            _ => return None,
        };
        Some(Self { start, end, group, state })
    }
}

/// Reads bytes after their be8 length.
fn key<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(cursor::take_u64_be(rest)?).ok()?;
    cursor::take(rest, length)
}

/// Routes as they are written down (`docs/tree/commands.md`).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    ranges: Vec<Route>,
    #[serde(default)]
    partitions: Vec<Partition>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Partition {
    queue: String,
    #[serde(rename = "partition")]
    number: u32,
    group: u64,
}

impl Serialize for Routes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let partition = |((queue, partition), group): (&(String, u32), &u64)| Partition {
            queue: queue.clone(),
            number: *partition,
            group: *group,
        };
        let partitions = self.partitions.iter().map(partition).collect();
        Document { ranges: self.ranges.clone(), partitions }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Routes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Document { ranges, partitions } = Document::deserialize(deserializer)?;
        let mut routes = Self::new(ranges);
        for Partition { queue, number, group } in partitions {
            let twice = format!("two groups have partition {number} of {queue}");
            if routes.partitions.insert((queue, number), group).is_some_and(|other| other != group) {
                return Err(de::Error::custom(twice));
            }
        }
        Ok(routes)
    }
}

mod as_hex {
    use super::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        hex::encode(bytes).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }

    pub(super) mod option {
        use super::{Deserialize, Deserializer, Serialize, Serializer, de};

        #[expect(clippy::ref_option, reason = "as serde calls it")]
        pub(in super::super) fn serialize<S: Serializer>(
            bytes: &Option<Vec<u8>>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            bytes.as_ref().map(hex::encode).serialize(serializer)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Vec<u8>>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| hex::decode(text).map_err(de::Error::custom)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(start: &str, end: Option<&str>, group: u64, arriving: bool) -> Route {
        let state = if arriving { State::MigratingTarget } else { State::Active };
        Route { start: start.into(), end: end.map(Into::into), group, state }
    }

    #[test]
    fn a_route_names_its_group_and_range() {
        // `format/keys.md#example-a-route`.
        let hex = "02000000000000000100000000000000010000000000000000000000000000000000000000000000000000";
        let descriptor = hex::decode(hex).unwrap();
        assert_eq!(Route::parse(&descriptor), Some(route("", None, 1, false)));
        for length in 0..35 {
            assert_eq!(Route::parse(&descriptor[..length]), None, "{length}");
        }
        assert_eq!(Route::parse(&[3; 80]), None);
        let hex =
            "01000000000000000100000000000000070300000000000000000000000000000001620100000000000000016d";
        assert_eq!(Route::parse(&hex::decode(hex).unwrap()), Some(route("b", Some("m"), 7, true)));
        let endless = [&descriptor[..26], &u64::MAX.to_be_bytes(), b"x"].concat();
        assert_eq!(Route::parse(&endless), None);
    }

    #[test]
    fn the_owner_is_the_group_of_the_range_that_covers_the_routing_key() {
        let routes = vec![
            route("", Some("b"), 1, false),
            route("b", Some("m"), 2, false),
            route("d", Some("f"), 3, true),
            route("n", None, 3, false),
        ];
        let catalog = Routes::new(routes);
        let owner = |key: &str| catalog.owner(format!("!redis|str|{key}").as_bytes());
        assert_eq!((owner(""), owner("a"), owner("b"), owner("e")), (Some(1), Some(1), Some(2), Some(2)));
        assert_eq!((owner("m"), owner("n"), owner("z")), (None, Some(3), Some(3)));
        assert_eq!(catalog.owner(b"!hs|fld|x"), Some(1));
        assert_eq!(catalog.owner(b"!sqs|queue|meta|x"), None);
        assert_eq!(Vec::from_iter(catalog.groups()), [1, 2, 3]);
    }

    #[test]
    fn queues_partitions_and_chunks_have_a_place() {
        let mut routes = Routes::new(vec![
            route("", Some("!fs|route|chk|\0\0\0\0\0\0\0\x05"), 1, false),
            route("!fs|route|chk|\0\0\0\0\0\0\0\x05", Some("!sqs|"), 2, false),
            route("!sqs|", None, 3, false),
        ]);
        assert_eq!(routes.check(), Ok(()));
        routes.partitions.insert(("p".to_owned(), 1), 9);
        assert_eq!(routes.place(b"!sqs|queue|meta|cA"), Some(3));
        assert_eq!(routes.place(&sqs::data_key(b"p", None, 1, b"m")), Some(3));
        assert_eq!(routes.place(&sqs::data_key(b"p", Some(1), 1, b"m")), Some(9));
        assert_eq!(routes.place(&sqs::dedup_key(b"p", Some(1), 1, (b"g", b"d"))), Some(9));
        assert_eq!(routes.place(&sqs::data_key(b"p", Some(0), 1, b"m")), None);
        let chunk = |slot: u8| [&b"!fs|chk|\0\0\0\0\0\0\0"[..], &[slot], &[0; 16]].concat();
        assert_eq!((routes.place(&chunk(4)), routes.place(&chunk(5))), (Some(1), Some(2)));
        assert_eq!(routes.place(b"!fs|chk|short"), None);
        assert_eq!((routes.place(b"!hs|fld|x"), routes.place(b"!redis|str|z")), (Some(2), Some(3)));
    }

    #[test]
    fn each_key_has_one_owner() {
        let check = |routes: Vec<Route>| Routes::new(routes).check().unwrap_err();
        assert_eq!(check(vec![]), "no range has the keys from '' on");
        assert_eq!(check(vec![route("b", None, 1, false)]), "no range has the keys from '' to '62'");
        let open = vec![route("", Some("b"), 1, false), route("b", None, 2, true)];
        assert_eq!(check(open), "no range has the keys from '62' on");
        for twice in ["a", "", "b"] {
            let routes = vec![
                route("", Some("b"), 1, false),
                route("b", None, 1, false),
                route(twice, None, 2, false),
            ];
            assert!(check(routes).starts_with("two ranges have the keys"), "{twice}");
        }
        assert_eq!(check(vec![route("", Some(""), 1, false)]), "the range from '' has no keys");
        assert!(check(vec![route("", None, 0, false)]).contains("oracle"));
    }

    #[test]
    fn routes_read_back_as_they_were_written() {
        let mut routes = Routes::new(vec![route("", Some("m"), 1, false), route("m", None, 2, false)]);
        routes.partitions.insert(("p.fifo".to_owned(), 3), 2);
        let text = serde_json::to_string(&routes).unwrap();
        let expected = concat!(
            r#"{"ranges":[{"start":"","end":"6d","group":1,"state":"active"},"#,
            r#"{"start":"6d","end":null,"group":2,"state":"active"}],"#,
            r#""partitions":[{"queue":"p.fifo","partition":3,"group":2}]}"#
        );
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Routes>(&text).unwrap(), routes);
        let read = |text: &str| serde_json::from_str::<Routes>(text);
        assert_eq!(read(r#"{"ranges":[{"start":"","end":null,"group":1}]}"#).unwrap().groups().len(), 1);
        for bad in [
            "{}",
            r#"{"ranges":[{"start":"x","end":null,"group":1}]}"#,
            r#"{"ranges":[{"start":"","end":null,"group":1,"state":"gone"}]}"#,
            r#"{"ranges":[],"partitions":[{"queue":"q","partition":1,"group":1},{"queue":"q","partition":1,"group":2}]}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
