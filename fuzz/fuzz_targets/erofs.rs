//! Images of trees: what is written is read again the same; and whatever an image holds, looking ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ply_erofs::{Form, Image, Slot, encode};
use ply_fuzz::layers::{tars, trees};
use ply_fuzz::sums::seal;
use ply_fuzz::tree::{Memories, Memory, Shown, shown};
use ply_overlay::{keep, merge};
use ply_tree::{Last, TreeView, find, walk};

fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else { return };
    if *how == b't' {
        written(bytes);
    } else {
        let mut image = bytes.to_vec();
        look(&image);
        seal(&mut image);
        look(&image);
    }
});

fn written(bytes: &[u8]) {
    let tars = tars(bytes);
    let Some(layers) = trees(&tars) else { return };
    let slots: Vec<Slot> = tars.iter().map(|tar| Slot { digest: None, size: tar.len() as u64 }).collect();
    let sources = Memories::of(&tars.iter().map(Vec::as_slice).collect::<Vec<_>>());
    for layer in &layers {
        let image = image(layer, Form::Index, &slots);
        assert_eq!(shown(&image, &sources), shown(layer, &sources));
    }
    let views: Vec<&dyn TreeView> = layers.iter().map(|layer| layer as &dyn TreeView).collect();
    let Ok(merged) = merge(&views, keep) else { return };
    let mounted = image(&merged.tree, Form::Root, &slots);
    assert_eq!(shown(&mounted, &sources), as_mounted(shown(&merged.tree, &sources)));
}

fn image(view: &dyn TreeView, form: Form, slots: &[Slot]) -> Image<Memory> {
    let bytes = encode(view, form, slots).expect("a tree of a layer fits into an image");
    assert!(bytes == encode(view, form, slots).expect("it did before"), "other bytes of the same tree");
    let image = Image::open(Memory(bytes)).expect("what we write we read");
    image.check().expect("it is as it was written");
    image.verify().expect("it is as it was written");
    image
}

/// A kernel knows no mode of symbolic links.
fn as_mounted(mut shown: Shown) -> Shown {
    for (kind, metadata, _) in shown.values_mut() {
        if kind.starts_with("Symlink") {
            metadata.mode = 0o777;
        }
    }
    shown
}

/// All there is, unchecked.
fn look(bytes: &[u8]) {
    let Ok(image) = Image::open(Memory(bytes.to_vec())) else { return };
    let whole = image.check().is_ok();
    assert!(!whole || image.verify().is_ok(), "check is the stricter one");
    let Ok(steps) = walk(&image, image.root()) else { return assert!(!whole) };
    // A name takes 13 bytes.
    let most = image.size() / 13;
    let mut paths = Vec::new();
    for (number, step) in (0..).zip(steps) {
        assert!(number < most, "a walk without an end");
        let Ok(step) = step else { return assert!(!whole) };
        let node = image.node(step.id);
        assert!(node.is_ok() || !whole);
        let _ = image.lookup(step.id, b"a");
        let found = find(&image, &step.path, Last::Keep);
        assert!(!whole || found.is_ok_and(|found| found.is_some_and(|found| found.id == step.id)));
        paths.push(step.path);
    }
    let _ = find(&image, b"a/b/c", Last::Follow);
    if whole {
        // What passes the check is what would be written.
        let again = encode(&image, image.form(), image.slots()).expect("what was read can be written");
        assert!(again == bytes, "another image of the same tree");
    }
}
