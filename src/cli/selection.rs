//! `--adapter`, `--scope`, `--only` and `--exclude`: what is selected (`tree/commands.md#command-line`).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use ekv_backup::keyspace::Namespace;
use ekv_backup::name::{Pattern, Selection as Names};

use super::args::{self, ADAPTERS, Adapters};
use super::print;

/// What is selected, as it is typed: by every command that makes something of a part.
#[derive(Debug, clap::Args)]
pub(super) struct Selected {
    /// Services: all, or names separated by commas of dynamodb,s3,redis,sqs [default: all]
    #[arg(long, value_name = "NAMES", value_parser = args::adapters)]
    pub adapter: Option<Adapters>,
    /// Only these names, for example dynamodb=orders,users; repeatable. Alone it selects nothing else, with --adapter
    /// the other services named there stay whole
    #[arg(long, value_name = "ADAPTER=NAMES")]
    pub scope: Vec<OsString>,
    /// Only objects whose names match, for example 's3/images/2024/**' or 'redis/cart:*'; repeatable. Names are as `list`
    /// prints them
    #[arg(long, value_name = "PATTERN")]
    pub only: Vec<String>,
    /// No objects whose names match; repeatable
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
}

impl Selected {
    /// Reads the services and their names.
    pub(super) fn services(&self) -> Result<Selection, String> {
        Selection::of(self.adapter.as_ref(), &self.scope)
    }

    /// Reads the patterns.
    pub(super) fn names(&self) -> Result<Names, String> {
        let patterns = |option: &str, texts: &[String]| {
            let pattern = |text: &String| {
                Pattern::glob(text).map_err(|error| format!("{option} {text}: {}", print::chain(&error)))
            };
            texts.iter().map(pattern).collect::<Result<Vec<_>, _>>()
        };
        Ok(Names::new(patterns("--only", &self.only)?, patterns("--exclude", &self.exclude)?))
    }
}

/// What is left out, and which names of an adapter are wanted.
#[derive(Debug)]
pub(super) struct Selection {
    /// Adapters of which nothing is written.
    pub excluded: BTreeSet<Namespace>,
    /// Names by adapter; an adapter without an entry is whole.
    pub scopes: BTreeMap<Namespace, BTreeSet<Vec<u8>>>,
}

impl Selection {
    /// Selects what the options say. Scopes alone select nothing else, keys outside the adapters included.
    pub(super) fn of(adapters: Option<&Adapters>, options: &[OsString]) -> Result<Self, String> {
        let mut scopes: BTreeMap<Namespace, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for option in options {
            let (owner, names) = scope_of(option)?;
            scopes.entry(owner).or_default().extend(names);
        }
        let excluded = match adapters {
            Some(adapters) => {
                if let Some(owner) = scopes.keys().find(|owner| !adapters.contains(owner)) {
                    let (name, list) =
                        (owner.name(), adapters.iter().map(|owner| owner.name()).collect::<Vec<_>>());
                    return Err(format!("--scope {name}=...: --adapter selects {} only", list.join(",")));
                }
                ADAPTERS.into_iter().filter(|owner| !adapters.contains(owner)).collect()
            }
            None if scopes.is_empty() => BTreeSet::new(),
            None => {
                let others = ADAPTERS.into_iter().chain([Namespace::Fs, Namespace::Kv]);
                others.filter(|owner| !scopes.contains_key(owner)).collect()
            }
        };
        Ok(Self { excluded, scopes })
    }
}

/// Reads `ADAPTER=NAME,NAME`; names are bytes. Redis has one database: `db_0` as in the tree, `0` as in the manifest.
fn scope_of(text: &OsStr) -> Result<(Namespace, Vec<Vec<u8>>), String> {
    let usage = || format!("--scope {}: expected ADAPTER=NAME,NAME", text.to_string_lossy());
    let bytes = text.as_bytes();
    let at = bytes.iter().position(|&byte| byte == b'=').ok_or_else(usage)?;
    let (name, names) = bytes.split_at(at);
    let owner = std::str::from_utf8(name).ok().and_then(|name| args::adapter(name).ok()).ok_or_else(usage)?;
    let name = |name: &[u8]| match (owner, name) {
        (Namespace::Redis, b"0") => b"db_0".to_vec(),
        _ => name.to_vec(),
    };
    let names: Vec<Vec<u8>> =
        names.get(1..).unwrap_or_default().split(|&byte| byte == b',').map(name).collect();
    if names.iter().any(Vec::is_empty) {
        return Err(usage());
    }
    Ok((owner, names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_names_one_adapter_and_its_objects() {
        let (owner, names) = scope_of(OsStr::new("dynamodb=orders,users")).unwrap();
        assert_eq!(owner, Namespace::Dynamodb);
        assert_eq!(names, [b"orders".to_vec(), b"users".to_vec()]);
        let (_, names) = scope_of(OsStr::from_bytes(b"s3=a=b\xff")).unwrap();
        assert_eq!(names, [b"a=b\xff".to_vec()]);
        assert_eq!(scope_of(OsStr::new("redis=0,db_0")).unwrap().1, [b"db_0", b"db_0"]);
        for bad in ["", "dynamodb", "dynamodb=", "sql=a", "s3=a,,b"] {
            assert!(scope_of(OsStr::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn scopes_alone_select_nothing_else_and_adapters_add_to_them() {
        let orders = [OsString::from("dynamodb=orders"), OsString::from("dynamodb=users")];
        let alone = Selection::of(None, &orders).unwrap();
        assert_eq!(
            alone.excluded,
            BTreeSet::from([Namespace::S3, Namespace::Redis, Namespace::Sqs, Namespace::Fs, Namespace::Kv])
        );
        assert_eq!(alone.scopes[&Namespace::Dynamodb].len(), 2);
        let with =
            Selection::of(Some(&Adapters::from([Namespace::Dynamodb, Namespace::Sqs])), &orders).unwrap();
        assert_eq!(with.excluded, BTreeSet::from([Namespace::S3, Namespace::Redis]));
        let error =
            Selection::of(Some(&Adapters::from([Namespace::Sqs, Namespace::S3])), &orders).unwrap_err();
        assert_eq!(error, "--scope dynamodb=...: --adapter selects s3,sqs only");
        assert!(Selection::of(None, &[]).unwrap().excluded.is_empty());
    }
}
