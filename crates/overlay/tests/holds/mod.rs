//! What holds of any stack: `merge` is what the model says; a stack looked at is what is merged; a part squashed does what
//! its layers do; a changeset leads from any tree to any other; trees that differ in nothing are equal; histories end with
//! what is there; what is hidden is what is not shown.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ply_overlay::{
    Action, ChangeKind, DifferenceOptions, Merged, Origin, OverlayError, Stack, changeset, difference,
    hidden, history, keep, merge, same_extents, squash, usage,
};
use ply_tree::{Kind, Last, Node, NodeId, Presence, Tree, TreeView, find, walk};

use crate::naive::{Entry, Model, apply, print_model};
use crate::notation::{self, print, views};

/// The model after no layer, after the lowest, and so on.
fn models(layers: &[Tree]) -> Vec<Model> {
    let mut all = vec![Model::new()];
    for (number, layer) in layers.iter().enumerate() {
        let mut next = all.last().unwrap().clone();
        apply(&mut next, number, layer);
        all.push(next);
    }
    all
}

fn same(a: &Node, b: &Node) -> Result<bool, OverlayError> {
    Ok(same_extents(a, b))
}

fn is_broken(model: &Model) -> bool {
    model.values().any(|entry| matches!(entry, Entry::Leaf { file: None, .. }))
}

pub(crate) fn what_holds(layers: &[Tree], other: &[Tree]) {
    let views = views(layers);
    let models = models(layers);
    let merged = merge(&views, keep);
    hidden_is_what_is_not_shown(layers, &models);
    histories(layers, &models);
    let last = models.last().unwrap();
    if is_broken(last) {
        assert!(matches!(merged, Err(OverlayError::Link { .. })), "a broken link was merged");
        assert!(matches!(usage(&views), Err(OverlayError::Link { .. })), "a broken link was counted");
        return;
    }
    let merged = merged.unwrap();
    assert_eq!(print(&merged.tree), print_model(last));
    let stack = Stack::new(&views).unwrap();
    assert_eq!(print(&stack), print(&merged.tree));
    assert_eq!(print(&merge(&[&stack], keep).unwrap().tree), print(&merged.tree));
    origins_and_names(&merged, &stack, last);
    bytes(layers, last);
    squashed(layers, &models, &merged.tree);
    // Trees that have much in common and such that have little.
    let more = [layers, other].concat();
    for other in [other, &more, layers] {
        if let Ok(other) = merge(&notation::views(other), keep) {
            between(&merged.tree, &other.tree);
            between(&stack, &other.tree);
            between(&other.tree, &merged.tree);
        }
    }
}

fn origins_and_names(merged: &Merged, stack: &Stack<'_>, last: &Model) {
    let mut names: HashMap<NodeId, u32> = HashMap::new();
    for step in walk(&merged.tree, Tree::ROOT).unwrap() {
        let step = step.unwrap();
        *names.entry(step.id).or_default() += 1;
        let seen = find(stack, &step.path, Last::Keep).unwrap().unwrap().id;
        assert_eq!(stack.origin(seen), merged.origin(step.id));
        match last.get(&step.path).unwrap() {
            Entry::Leaf { file, .. } => {
                assert_eq!(merged.origin(step.id), file.as_ref().map(|(origin, _)| *origin));
            }
            Entry::Directory { attributes, .. } => {
                assert_eq!(merged.origin(step.id), Some(*attributes));
            }
        }
    }
    for (id, names) in names {
        assert_eq!(merged.tree.get(id).unwrap().links, names);
    }
}

/// The layer that hid an entry is the one after which the model has it no more.
fn hidden_is_what_is_not_shown(layers: &[Tree], models: &[Model]) {
    let mut expect = BTreeMap::new();
    for (number, layer) in layers.iter().enumerate() {
        for step in walk(layer, Tree::ROOT).unwrap() {
            let step = step.unwrap();
            let counts = match layer.get(step.id).unwrap().kind {
                Kind::Whiteout => false,
                Kind::Directory(own) => own.presence == Presence::Explicit,
                _ => true,
            };
            let own = Origin { layer: number, id: step.id };
            let shows = |model: &Model| model.get(&step.path).is_some_and(|entry| entry.is_by(own));
            let hider = models.iter().enumerate().skip(number + 1).find(|(_, model)| !shows(model));
            if let Some((layers, _)) = hider.filter(|_| counts) {
                expect.insert((step.path.clone(), number), layers - 1);
            }
        }
    }
    let got = hidden(&views(layers)).unwrap().map(Result::unwrap);
    let got: BTreeMap<_, _> = got.map(|entry| ((entry.path, entry.origin.layer), entry.by)).collect();
    assert_eq!(got, expect);
}

/// An event is where the model changes: each begins with what the one before left, and the last leaves what is there.
fn histories(layers: &[Tree], models: &[Model]) {
    let paths: BTreeSet<&Vec<u8>> = models.iter().flat_map(BTreeMap::keys).collect();
    for path in paths {
        let broken =
            models.iter().any(|model| matches!(model.get(path), Some(Entry::Leaf { file: None, .. })));
        let events = history(&views(layers), path, |a, b| same(&a.node, &b.node));
        if broken {
            assert!(events.is_err());
            continue;
        }
        let at = |model: &Model| model.get(path).map(Entry::origin);
        let (mut layer, mut state) = (0, None);
        for event in events.unwrap().into_iter().rev() {
            for model in &models[layer..=event.layer] {
                // A directory may get the same attributes from somewhere else.
                assert!(at(model) == state || is_directory(model.get(path)) && state.is_some());
            }
            let before = event.before.as_ref().map(|version| version.origin);
            assert_eq!(before, at(&models[event.layer]));
            let action = match (&event.before, &event.after) {
                (None, Some(_)) => matches!(event.action, Action::Added),
                (Some(_), None) => matches!(event.action, Action::Deleted(_)),
                (Some(_), Some(_)) => matches!(event.action, Action::Changed(_) | Action::Replaced),
                (None, None) => false,
            };
            assert!(action, "{event:?}");
            state = at(&models[event.layer + 1]);
            assert_eq!(&event.after.as_ref().map(|version| version.origin), &state);
            layer = event.layer + 1;
        }
        for model in &models[layer..] {
            assert!(at(model) == state || is_directory(model.get(path)) && state.is_some());
        }
    }
}

fn is_directory(entry: Option<&Entry>) -> bool {
    matches!(entry, Some(Entry::Directory { .. }))
}

fn bytes(layers: &[Tree], last: &Model) {
    let usage = usage(&views(layers)).unwrap();
    for (number, layer) in usage.layers.iter().enumerate() {
        let files = last.values().filter_map(|entry| match entry {
            Entry::Leaf { file: Some((origin, node)), .. } if origin.layer == number => Some((*origin, node)),
            Entry::Leaf { .. } | Entry::Directory { .. } => None,
        });
        let files: BTreeMap<Origin, u64> = files
            .filter(|(_, node)| matches!(node.kind, Kind::File { .. }))
            .map(|(origin, node)| (origin, node.size()))
            .collect();
        assert_eq!(layer.adds - layer.hidden, files.values().sum::<u64>());
    }
    assert_eq!(usage.layers.iter().map(|layer| layer.hides).sum::<u64>(), usage.hidden());
    assert!(usage.efficiency.minimum <= usage.efficiency.cumulative);
}

/// Any layers of the stack squashed into one leave the whole as it was.
fn squashed(layers: &[Tree], models: &[Model], merged: &Tree) {
    for from in 0..=layers.len() {
        for to in from..=layers.len() {
            let Ok(one) = squash(&views(&layers[from..to]), keep) else {
                assert!(models.iter().any(is_broken));
                continue;
            };
            let mut stack = layers[..from].to_vec();
            stack.push(one);
            stack.extend_from_slice(&layers[to..]);
            assert_eq!(print(&merge(&views(&stack), keep).unwrap().tree), print(merged));
        }
    }
}

/// A changeset leads from one tree to the other, and there is a difference where they are not the same.
fn between(a: &dyn TreeView, b: &dyn TreeView) {
    let layer = changeset(a, b, same).unwrap();
    assert_eq!(print(&merge(&[a, &layer], keep).unwrap().tree), print(b));
    let whole = DifferenceOptions { below_deleted: true, ..DifferenceOptions::default() };
    let changes = difference(a, b, whole, same).unwrap();
    let (a, b) = (flat(a), flat(b));
    let mut paths: BTreeSet<Vec<u8>> = changes
        .into_iter()
        .filter(|change| change.kind != ChangeKind::Changed(ply_overlay::Differences::default()))
        .map(|change| change.path)
        .collect();
    for path in a.keys().chain(b.keys()) {
        assert_eq!(a.get(path) != b.get(path), paths.contains(path));
    }
    paths.retain(|path| !a.contains_key(path) && !b.contains_key(path));
    assert!(paths.is_empty());
}

/// A tree without the knowledge which names are links to each other.
fn flat(tree: &dyn TreeView) -> BTreeMap<Vec<u8>, Node> {
    let node = |id| Node { links: 0, ..tree.node(id).unwrap().into_owned() };
    let mut flat: BTreeMap<_, _> = walk(tree, tree.root())
        .unwrap()
        .map(|step| step.map(|step| (step.path, node(step.id))).unwrap())
        .collect();
    flat.insert(Vec::new(), node(tree.root()));
    flat
}
