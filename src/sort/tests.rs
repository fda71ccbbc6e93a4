//! Sorters against slow models, in memory and on disk.

use proptest::prelude::*;

use super::*;

type Records = Vec<(Vec<u8>, Vec<u8>)>;

fn scratch() -> (tempfile::TempDir, Scratch) {
    let directory = tempfile::tempdir().unwrap();
    let scratch = Scratch::new(directory.path().to_owned());
    (directory, scratch)
}

fn drain(sorter: &mut Sorter) -> Records {
    let mut lent = sorter.sort().unwrap();
    let mut records = Vec::new();
    while let Some((key, value)) = lent.next().unwrap() {
        records.push((key.to_vec(), value.to_vec()));
    }
    assert!(lent.next().unwrap().is_none());
    records
}

fn fill(sorter: &mut Sorter, records: &Records) {
    for (key, value) in records {
        sorter.push(key, value).unwrap();
    }
}

#[test]
fn a_record_that_is_lost_on_the_way_is_an_error() {
    let (_directory, scratch) = scratch();
    for memory in [1 << 20, 1 << 10] {
        let mut sorter = Sorter::new(&scratch, memory);
        for number in 0..200_u32 {
            sorter.push(&number.to_be_bytes(), b"value").unwrap();
        }
        assert_eq!(sorter.levels.is_empty(), memory == 1 << 20);
        // As if one more had come and was dropped.
        sorter.length += 1;
        let mut lent = sorter.sort().unwrap();
        let error = loop {
            match lent.next() {
                Ok(record) => assert!(record.is_some(), "the end came without a word"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error.kind, ErrorKind::Internal(_)));
        assert!(matches!(crate::Error::from(error), crate::Error::Internal { .. }));
    }
}

#[test]
fn several_levels_of_runs_lose_nothing_and_keep_the_order_of_equal_keys() {
    let (directory, scratch) = scratch();
    let mut sorter = Sorter::new(&scratch, 1 << 10);
    let mut state = 1_u32;
    let mut records: Records = (0..5000_u32)
        .map(|number| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 20).to_be_bytes().to_vec(), number.to_be_bytes().to_vec())
        })
        .collect();
    fill(&mut sorter, &records);
    assert!(sorter.levels.len() > 3, "{} levels", sorter.levels.len());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "runs have no name");
    records.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(sorter.len(), 5000);
    assert_eq!(drain(&mut sorter), records);
    assert!(sorter.is_empty());
    assert_eq!(drain(&mut sorter), []);
}

#[test]
fn a_record_longer_than_the_memory_is_kept() {
    let (_directory, scratch) = scratch();
    let mut sorter = Sorter::new(&scratch, 1 << 10);
    let records: Records =
        [9_u8, 3, 7, 1, 5].iter().map(|&byte| (vec![byte; 100_000], vec![byte; 70_000])).collect();
    fill(&mut sorter, &records);
    let keys: Vec<u8> = drain(&mut sorter).iter().map(|(key, _)| key[99_999]).collect();
    assert_eq!(keys, [1, 3, 5, 7, 9]);
}

#[test]
fn a_scratch_directory_that_is_gone_is_an_error_with_its_path() {
    let (directory, scratch) = scratch();
    let path = directory.path().to_owned();
    drop(directory);
    let mut sorter = Sorter::new(&scratch, 100);
    let error = (0..100).find_map(|_| sorter.push(b"key", b"value").err()).unwrap();
    assert_eq!(error.path, path);
}

#[test]
fn an_interrupt_ends_pushing_sorting_and_reading() {
    use std::sync::atomic::Ordering;

    let (_directory, scratch) = scratch();
    for memory in [300, 1 << 20] {
        let interrupt = Interrupt::default();
        let mut sorter = Sorter::new(&scratch.clone().polling(&interrupt), memory);
        let is_interrupted =
            |error: Error| matches!(error.kind, ErrorKind::Interrupted(interrupted) if interrupted.0 == 15);
        fill(&mut sorter, &vec![(b"k".to_vec(), b"v".to_vec()); 100]);
        let mut lent = sorter.sort().unwrap();
        assert!(lent.next().unwrap().is_some());
        interrupt.flag().store(15, Ordering::Relaxed);
        assert!(lent.next().is_err_and(is_interrupted));
        drop(lent);
        assert!(sorter.push(b"k", b"v").is_err_and(is_interrupted));
    }
}

#[test]
fn a_result_that_is_not_read_to_its_end_empties_the_sorter() {
    let (_directory, scratch) = scratch();
    for memory in [300, 1 << 20] {
        let mut sorter = Sorter::new(&scratch, memory);
        fill(&mut sorter, &vec![(b"k".to_vec(), b"v".to_vec()); 100]);
        assert!(sorter.sort().unwrap().next().unwrap().is_some());
        sorter.push(b"one", b"").unwrap();
        assert_eq!(drain(&mut sorter), [(b"one".to_vec(), Vec::new())]);
    }
}

proptest! {
    #[test]
    fn sorting_agrees_with_a_stable_sort(
        lots in proptest::collection::vec(
            proptest::collection::vec(
                (proptest::collection::vec(0_u8..3, 0..6), proptest::collection::vec(any::<u8>(), 0..40)),
                0..300,
            ),
            1..3,
        ),
        memory in prop_oneof![Just(1_usize), Just(600), Just(5000), Just(1 << 20)],
    ) {
        let (_directory, scratch) = scratch();
        let mut sorter = Sorter::new(&scratch, memory);
        for mut records in lots {
            fill(&mut sorter, &records);
            records.sort_by(|one, other| one.0.cmp(&other.0));
            prop_assert_eq!(drain(&mut sorter), records);
        }
    }
}
