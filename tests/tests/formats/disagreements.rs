//! Layers that real engines take differently: what we make of them. What the engines do is in `peers`.

use ply_tests::{DISAGREEMENTS, Disagreement, Filesystem, Ply, Verdict, archive_of};

#[test]
fn layers_that_engines_take_differently() {
    for case in DISAGREEMENTS {
        let ply = Ply::new();
        ply.write("image.tar", archive_of(&case.image(), "image:1").finish());
        let image = "docker-archive:image.tar";
        let exported = ply.run(["export", image]);
        let root = ply.run(["stat", "--json", image, "/"]);
        assert_eq!(exported.code, root.code, "{}: {}{}", case.about, exported.stderr, root.stderr);
        match case.ours {
            Verdict::Refused => assert_eq!(exported.code, Some(1), "{}", case.about),
            Verdict::Shows(expect) => {
                assert_eq!(exported.code, Some(0), "{}: {}", case.about, exported.stderr);
                let mut shown = Filesystem::in_tar(&exported.stdout[..]);
                shown.entries.extend(Filesystem::in_json(root.text()).entries);
                assert_eq!(shown.told(), expect, "{}", case.about);
            }
        }
    }
}

#[test]
fn documentation_says_the_same() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/engines.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let missing: Vec<String> = DISAGREEMENTS
        .iter()
        .map(Disagreement::row)
        .filter(|row| !documented.lines().any(|l| l == row))
        .collect();
    assert!(missing.is_empty(), "docs/engines.md lacks these rows:\n{}", missing.join("\n"));
}
