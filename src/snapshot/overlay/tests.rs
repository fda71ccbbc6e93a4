//! Overlays in memory and on disk.

use super::*;
use crate::container::fixture::encoded;

fn overlay(edits: &[(&[u8], u64, Edit)]) -> Overlay {
    let directory = tempfile::tempdir().unwrap();
    let mut builder = OverlayBuilder::new(&Scratch::new(directory.path().to_owned()));
    for (key, ts, edit) in edits {
        builder.push(key, Hlc(*ts), *edit).unwrap();
    }
    builder.finish().unwrap()
}

fn place(offset: u64) -> RowLocation {
    RowLocation::new(1, offset)
}

#[test]
fn edits_come_in_row_order_those_of_one_row_together() {
    let overlay = overlay(&[
        (b"b", 9, Edit::Hide(3)),
        (b"a", 5, Edit::Hide(0)),
        (b"ab", 7, Edit::Put(place(8))),
        (b"a", 5, Edit::Put(place(7))),
    ]);
    let mut edits = overlay.edits(b"");
    for (key, ts, group) in [
        (&b"ab"[..], 7, &[Edit::Put(place(8))][..]),
        (b"a", 5, &[Edit::Hide(0), Edit::Put(place(7))]),
        (b"b", 9, &[Edit::Hide(3)]),
    ] {
        assert_eq!(edits.next().unwrap().unwrap(), encoded(key, ts));
        assert_eq!((edits.key(), edits.group()), (encoded(key, ts).as_slice(), group));
    }
    assert_eq!(edits.next().unwrap(), None);
    assert_eq!(edits.next().unwrap(), None);
    assert_eq!(overlay.edits(b"b").next().unwrap().unwrap(), encoded(b"b", 9));
    assert_eq!(overlay.edits(b"c").next().unwrap(), None);
    assert_eq!(
        overlay.of_key(b"a", Hlc(9)).unwrap(),
        KeyEdits { put: Some((Hlc(5), place(7))), hidden: vec![0] }
    );
    assert_eq!(overlay.of_key(b"", Hlc(9)).unwrap(), KeyEdits::default());
    assert_eq!(Overlay::default().of_key(b"a", Hlc(9)).unwrap(), KeyEdits::default());
}

#[test]
fn many_edits_go_to_the_disk_and_are_all_found() {
    let key = |number: u32| [&b"key"[..], &[b'x'; 90], &number.to_be_bytes()].concat();
    let keys: Vec<_> = (0..50_000).map(key).collect();
    let edits: Vec<_> = keys.iter().rev().map(|key| (key.as_slice(), 5, Edit::Hide(2))).collect();
    let overlay = overlay(&edits);
    assert!(overlay.file.is_on_disk());
    let mut walk = overlay.edits(b"");
    for key in &keys {
        assert_eq!(walk.next().unwrap().unwrap(), encoded(key, 5));
    }
    assert_eq!(walk.next().unwrap(), None);
    for key in keys.iter().step_by(977) {
        assert_eq!(overlay.of_key(key, Hlc(7)).unwrap().hidden, [2]);
        assert_eq!(overlay.of_key(&[key, &b"y"[..]].concat(), Hlc(7)).unwrap(), KeyEdits::default());
    }
}

#[test]
fn edits_that_end_within_a_record_are_a_fault_of_the_program() {
    let mut writer = file::Writer::new(&Scratch::default());
    writer.push(&encoded(b"a", 5), &Edit::Hide(1).to_bytes()).unwrap();
    let mut file = writer.finish().unwrap();
    file.cut();
    let overlay = Overlay { file, ..Overlay::default() };
    assert!(
        matches!(overlay.edits(b"").next(), Err(crate::snapshot::Error::Internal(bug)) if bug.place().is_some())
    );
}

#[test]
fn a_damaged_edit_is_a_fault_of_the_program() {
    let mut writer = file::Writer::new(&Scratch::default());
    writer.push(&encoded(b"a", 5), &[0xff; Edit::LEN]).unwrap();
    let overlay = Overlay { file: writer.finish().unwrap(), ..Overlay::default() };
    assert!(
        matches!(overlay.edits(b"").next(), Err(crate::snapshot::Error::Internal(bug)) if bug.place().is_some())
    );
}
