//! `--adapter` and `--scope` on a snapshot of all services.

use std::collections::BTreeSet;

use crate::tool::{Run, Work, testdata};

fn shop() -> Work {
    Work::with(&std::fs::read(testdata("live/shop/000000000000016e.fsm")).expect("the capture is there"))
}

fn services(run: &Run, work: &Work) -> BTreeSet<String> {
    run.exits(0);
    let first = |path: &Vec<u8>| {
        let parts: Vec<_> = path.split(|&byte| byte == b'/').take(2).map(String::from_utf8_lossy).collect();
        parts.join("/")
    };
    work.dump().files.keys().filter(|path| path.contains(&b'/')).map(first).collect()
}

#[test]
fn a_scope_alone_selects_what_it_names_and_nothing_else() {
    let work = shop();
    let run = work.decode(&["--scope", "dynamodb=orders", "--no-extra"]);
    assert_eq!(services(&run, &work), BTreeSet::from(["dynamodb/orders".to_owned()]));
}

#[test]
fn adapters_add_whole_services_to_a_scope() {
    let work = shop();
    let run = work.decode(&["--scope", "dynamodb=orders", "--adapter", "dynamodb, sqs,", "--no-extra"]);
    let found = services(&run, &work);
    assert!(found.contains("dynamodb/orders") && !found.contains("dynamodb/users"), "{found:?}");
    assert!(found.iter().any(|path| path.starts_with("sqs/")), "{found:?}");
    assert!(!found.iter().any(|path| path.starts_with("redis/") || path.starts_with("s3/")), "{found:?}");
}

#[test]
fn a_name_that_is_not_there_is_refused_with_those_that_are() {
    let work = shop();
    for (options, said) in [
        (&["--scope", "dynamodb=order,users"][..], "error: dynamodb has no order; there are orders, "),
        (&["--scope", "s3=images"], "error: s3 has no images; there are invoices, product-images"),
        (&["--scope", "redis=5"], "error: redis has no 5; there is db_0"),
        (&["--scope", "sqs=x", "--adapter", "redis"], "error: --scope sqs=...: --adapter selects redis only"),
        (&["--adapter", ""], "expected dynamodb, s3, redis or sqs"),
    ] {
        let run = work.decode(options);
        assert!(run.exits(2).err.contains(said), "{options:?}: {run:?}");
    }
    assert_eq!(work.names(), ["snapshot.fsm"]);
}
