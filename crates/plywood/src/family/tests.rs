use std::fmt::Write;

use super::*;

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// `app:1,app:2 = base run`: names, none for `-`, and layers from the bottom up. A layer `run@zip` is compressed.
fn born(text: &str) -> Born {
    let (names, layers) = text.split_once('=').unwrap();
    let mut names: Vec<Reference> = names
        .trim()
        .split(',')
        .filter(|name| *name != "-")
        .map(|name| Reference::parse(name).unwrap())
        .collect();
    names.sort();
    let layers: Vec<&str> = layers.split_whitespace().collect();
    let plain = |layer: &str| DiffId(digest(layer.split('@').next().unwrap()));
    Born {
        member: Member { id: digest(text), names, platform: None },
        layers: layers.iter().map(|layer| plain(layer)).collect(),
        blobs: layers.iter().map(|layer| BTreeSet::from([digest(layer)])).collect(),
        documents: BTreeSet::from([digest(&format!("manifest of {text}")), digest(text)]),
    }
}

/// Layers take 100 bytes a letter of their names, documents one byte each.
fn of(images: &[&str]) -> Family {
    let born: Vec<Born> = images.iter().map(|image| born(image)).collect();
    let mut sizes = HashMap::new();
    for image in images {
        for layer in image.split_once('=').unwrap().1.split_whitespace() {
            sizes.insert(digest(layer), 100 * layer.len() as u64);
        }
    }
    sizes.extend(born.iter().flat_map(|born| &born.documents).map(|document| (*document, 1)));
    trie::family(&born, &sizes, |_| Some(1))
}

/// A line each: how deep, the first name, layers, own and shared bytes.
fn drawn(family: &Family) -> String {
    let mut text = String::new();
    let mut depths: Vec<usize> = Vec::new();
    for relative in &family.relatives {
        let depth = relative.parent.map_or(0, |parent| depths[parent] + 1);
        depths.push(depth);
        let name = match &relative.image {
            Some(member) if member.names.is_empty() => "-".to_owned(),
            Some(member) => member.names.iter().map(Reference::familiar).collect::<Vec<_>>().join(","),
            None => "?".to_owned(),
        };
        let (layers, own, shared) = (relative.layers.len(), relative.own, relative.shared);
        writeln!(text, "{}{name} {layers} {own} {shared}", "  ".repeat(depth)).unwrap();
    }
    text
}

fn check(images: &[&str], expect: &str, (layers, on_disk, without_sharing): (usize, u64, u64)) {
    // Whatever the order they come in.
    let mut reversed = images.to_vec();
    reversed.reverse();
    for images in [images, &reversed] {
        let family = of(images);
        assert_eq!(drawn(&family), expect);
        assert_eq!(family.images, images.len());
        assert_eq!(
            (family.layers, family.on_disk, family.without_sharing),
            (layers, on_disk, without_sharing)
        );
        let own: u64 = family.relatives.iter().map(|relative| relative.own).sum();
        assert_eq!(own, on_disk, "{expect}");
        let images = family.relatives.iter().filter(|relative| relative.image.is_some());
        assert_eq!(images.map(|r| r.own + r.shared).sum::<u64>(), without_sharing, "{expect}");
    }
}

#[test]
fn each_image_stands_on_what_it_is_built_on() {
    check(&[], "", (0, 0, 0));
    check(&["empty:1 ="], "empty:1 0 2 0\n", (0, 2, 2));
    check(
        &["app:1,app:new = base lang app more", "lang:1 = base lang", "base:1 = base", "other:1 = other"],
        "base:1 1 402 0\n  lang:1 1 402 400\n    app:1,app:new 2 702 800\nother:1 1 502 0\n",
        (5, 2008, 402 + 802 + 1502 + 502),
    );
    // Layers that two images share and that are no image: they belong to neither.
    check(
        &["a:1 = base x", "b:1 = base y", "c:1 = z"],
        "? 1 400 0\n  a:1 1 102 400\n  b:1 1 102 400\nc:1 1 102 0\n",
        (4, 706, 502 + 502 + 102),
    );
    // The same files with another config: siblings, and nobody can say on which of them the next was built.
    check(
        &["a:1 = base", "a:2 = base", "b:1 = base y"],
        "? 1 400 0\n  a:1 0 2 400\n  a:2 0 2 400\n  b:1 1 102 400\n",
        (2, 506, 402 + 402 + 502),
    );
    // Images without a name come last.
    check(&["- = base x", "z:1 = base"], "z:1 1 402 0\n  - 1 102 400\n", (2, 504, 402 + 502));
}

#[test]
fn no_blob_is_told_twice() {
    // The same layer over different ones, and twice in one image.
    check(
        &["a:1 = x same", "b:1 = y same", "c:1 = z same same"],
        "a:1 2 502 0\nb:1 2 102 400\nc:1 3 102 400\n",
        (7, 706, 502 + 502 + 502),
    );
    // One image brought it plain, the other compressed: the store has both.
    check(
        &["a:1 = base x", "b:1 = base@zip x"],
        "? 2 1300 0\n  a:1 0 2 1300\n  b:1 0 2 1300\n",
        (2, 1304, 2604),
    );
}

#[test]
fn only_what_an_image_is_built_on() {
    let images = ["a:1 = base x", "b:1 = base y", "base:1 = base", "c:1 = base x z", "d:1 = base x"];
    let check = |wanted: &[&str], expect: &[&str]| {
        let mut born: Vec<Born> = images.iter().map(|image| born(image)).collect();
        trie::keep_line(&mut born, &wanted.iter().map(|image| digest(image)).collect());
        let names: Vec<String> = born.iter().map(|born| born.member.names[0].familiar()).collect();
        assert_eq!(names, expect);
    };
    check(&[images[2]], &["base:1"]);
    check(&[images[1]], &["b:1", "base:1"]);
    check(&[images[0]], &["a:1", "base:1"]);
    check(&[images[3]], &["a:1", "base:1", "c:1", "d:1"]);
    check(&[images[1], images[2]], &["b:1", "base:1"]);
}

#[test]
fn ten_thousand_images_are_no_matter() {
    // A base, a hundred families on it, a hundred versions of each, every one with layers of its own; and one that is
    // as high as images get.
    let mut images = vec!["base:1 = base".to_owned()];
    images.extend((0..10_000).map(|n| {
        let (family, version) = (n / 100, n % 100);
        format!("f{family}:{version} = base f{family} f{family}-more v{n} w{n}")
    }));
    let high = (0..4096).map(|n| format!(" h{n}")).collect::<String>();
    images.push(format!("high:1 ={high}"));
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let started = std::time::Instant::now();
    let family = of(&images);
    assert_eq!((family.images, family.relatives.len()), (10_002, 10_102));
    assert_eq!(family.relatives.iter().map(|relative| relative.own).sum::<u64>(), family.on_disk);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
