//! `PROBLEMS.jsonl` against the members that a case gives.

use serde_json::Value;

/// Returns the expected lines that no line has, and the lines that nothing expects. An expected line fits a line
/// that has all its members; each takes a line of its own.
pub fn differences(lines: &[Value], expected: &[Value]) -> Vec<String> {
    let fits = |line: &Value, wanted: &Value| match wanted.as_object() {
        Some(members) => members.iter().all(|(name, value)| line.get(name) == Some(value)),
        None => false,
    };
    let candidates: Vec<Vec<usize>> = expected
        .iter()
        .map(|wanted| (0..lines.len()).filter(|&line| fits(&lines[line], wanted)).collect())
        .collect();
    let mut owner = vec![None; lines.len()];
    let mut faults = Vec::new();
    for (number, wanted) in expected.iter().enumerate() {
        if !place(number, &candidates, &mut owner, &mut vec![false; lines.len()]) {
            faults.push(format!("PROBLEMS.jsonl lacks {wanted}"));
        }
    }
    let unowned = lines.iter().zip(&owner).filter(|(_, owner)| owner.is_none());
    faults.extend(unowned.map(|(line, _)| format!("PROBLEMS.jsonl has {line}")));
    faults
}

/// Gives an expected line a line of its own, moving others where they have a choice.
fn place(wanted: usize, candidates: &[Vec<usize>], owner: &mut [Option<usize>], seen: &mut [bool]) -> bool {
    for &line in &candidates[wanted] {
        if std::mem::replace(&mut seen[line], true) {
            continue;
        }
        if owner[line].is_none_or(|other| place(other, candidates, owner, seen)) {
            owner[line] = Some(wanted);
            return true;
        }
    }
    false
}
