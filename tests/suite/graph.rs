//! The modules below `src/` and who imports whom: no cycles but those that are on a list, which may only shrink.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Imports that are part of a cycle today, the importing module first. Add nothing; take away what falls out.
const EDGES: &[(&str, &str)] = &[];

type Graph = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_import_one_another_in_one_direction_only() {
    let graph = graph(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(graph.len() > 5 && graph.values().any(|to| !to.is_empty()), "no modules were found");
    let (mut cycles, mut edges) = (BTreeSet::new(), BTreeSet::new());
    for from in graph.keys() {
        let reached = reach(&graph, from);
        let ring: Vec<&str> = graph
            .keys()
            .filter(|to| reached.contains(*to) && reach(&graph, to).contains(from))
            .map(|to| &**to)
            .collect();
        for to in graph[from].iter().filter(|to| ring.contains(&&***to)) {
            edges.insert((from.as_str(), to.as_str()));
        }
        if !ring.is_empty() {
            cycles.insert(ring);
        }
    }
    let allowed: BTreeSet<(&str, &str)> = EDGES.iter().copied().collect();
    assert!(
        edges == allowed,
        "import cycles {cycles:?}; new edges: {:?}; gone, to be taken off the list: {:?}",
        edges.difference(&allowed).collect::<Vec<_>>(),
        allowed.difference(&edges).collect::<Vec<_>>(),
    );
}

#[test]
fn paths_and_groups_are_read() {
    let text = "use crate::{a::b::{self, C}, d, crate_::e};\nfn f() { crate::g::h(); super::i(); super::super::j::k() }\n\
                #[cfg(test)]\nmod tests {\n    use crate::z;\n}\n// crate::comment\nuse super::{super::l, m};\n";
    let found = imports(&code(text), &["top".into(), "inner".into(), "leaf".into()]);
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "crate_", "d", "g", "top"]);
    let found = imports("use super::{super::l, m};", &["top".into(), "inner".into()]);
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), ["l", "top"]);
}

fn reach(graph: &Graph, from: &str) -> BTreeSet<String> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(at) = next.pop() {
        for to in &graph[at] {
            if found.insert(to.clone()) {
                next.push(to);
            }
        }
    }
    found
}

/// Returns the modules directly below `src`, each with those that it names.
fn graph(src: &Path) -> Graph {
    let mut graph = Graph::new();
    read(src, &[], &mut graph);
    // The crate's face names everything.
    graph.remove("lib");
    graph.remove("main");
    let modules: BTreeSet<String> = graph.keys().cloned().collect();
    for (from, to) in &mut graph {
        to.retain(|to| to != from && modules.contains(to));
    }
    graph
}

fn read(directory: &Path, module: &[String], graph: &mut Graph) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["tests", "fixture", "model"].contains(&&*name) && !module.is_empty() {
            continue;
        }
        let mut inner = module.to_vec();
        if name != "mod" {
            inner.push(name);
        }
        if path.is_dir() {
            read(&path, &inner, graph);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let found = imports(&code(&fs::read_to_string(&path).unwrap()), &inner);
            graph.entry(inner[0].clone()).or_default().extend(found);
        }
    }
}

/// Leaves out comments and what is compiled for tests alone.
fn code(text: &str) -> String {
    let (mut out, mut lines) = (String::new(), text.lines());
    while let Some(line) = lines.next() {
        let inner = line.trim_start();
        if inner == "#[cfg(test)]" {
            let indent = &line[..line.len() - inner.len()];
            let mut item = lines.next().unwrap_or_default();
            while item.trim_start().starts_with("#[") {
                item = lines.next().unwrap_or_default();
            }
            if !item.ends_with([';', '}']) {
                let end = format!("{indent}}}");
                let _ = lines.by_ref().find(|line| *line == end);
            }
        } else if !inner.starts_with("//") {
            out += line;
            out.push('\n');
        }
    }
    out
}

/// Returns the top-level modules that the paths of a file lead to; `module` is the file's own path.
fn imports(code: &str, module: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in ["crate::", "super::"] {
        for (at, _) in code.match_indices(word) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            follow(&code[at..], module, &mut found);
        }
    }
    found
}

/// Adds the ends of one path, which may be a group.
fn follow(path: &str, module: &[String], found: &mut BTreeSet<String>) {
    let (mut rest, mut base) = (path, module);
    loop {
        if let Some(inner) = rest.strip_prefix("crate::") {
            (rest, base) = (inner, &[]);
        } else if let Some(inner) = rest.strip_prefix("super::") {
            (rest, base) = (inner, &base[..base.len().saturating_sub(1)]);
        } else {
            break;
        }
    }
    if let Some(top) = base.first() {
        found.insert(top.clone());
        // `super::{super::x}`: the group may lead further out.
        if !rest.starts_with('{') {
            return;
        }
    }
    if let Some(group) = rest.strip_prefix('{') {
        let (mut depth, mut start) = (0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => return,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if c.is_whitespace() => {}
                _ if start && depth == 0 => {
                    start = false;
                    follow(&group[at..], base, found);
                }
                _ => {}
            }
        }
        return;
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    if end > 0 && base.is_empty() {
        found.insert(rest[..end].to_owned());
    }
}
