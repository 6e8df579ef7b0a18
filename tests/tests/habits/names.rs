//! Names, and what removing them does: Docker's rules (moby, daemon/image_delete.go).

use ply_tests::{Input, Layout, Made, Ply, family, named};

#[test]
fn an_id_with_two_tags_needs_force() {
    let ply = Ply::with_family();
    ply.ok(["rmi", "app:1.0"]);
    // Both are of one repository, and Docker refuses all the same.
    let ran = ply.run(["rmi", "d177382a3ddc"]);
    assert_eq!((ran.code, ran.text()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("(must be forced)"), "{}", ran.stderr);
    assert_eq!(ply.ok(["inspect", "-f", "{{.RepoTags}}", "d177382a3ddc"]), "[app:1.1 app:latest]");
}

/// An image whose manifest somebody gave, under two tags of one repository and one of another.
fn given() -> (Ply, String) {
    let ply = Ply::new();
    let mut layout = Layout::default();
    let manifest = layout.plain(&Made::of(&["one"]));
    let digest = manifest["digest"].as_str().unwrap().to_owned();
    for name in ["app:1", "app:2", "team/other:1"] {
        let name = format!("docker.io/{}{name}", if name.contains('/') { "" } else { "library/" });
        layout = layout.list(named(manifest.clone(), "io.containerd.image.name", &name));
    }
    let path = ply.write("archive", layout.tar().finish());
    assert_eq!(ply.load(Input::File, &path, &[]).code, Some(0));
    (ply, digest)
}

#[test]
fn a_digest_goes_with_the_last_tag_of_its_repository() {
    let (ply, digest) = given();
    assert_eq!(
        ply.ok(["inspect", "-f", "{{.RepoDigests}}", "app:1"]),
        format!("[app@{digest} team/other@{digest}]")
    );
    let ran = ply.run(["rmi", &format!("app@{digest}")]);
    assert_eq!((ran.code, ran.text()), (Some(1), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("remove app:1, app:2"), "{}", ran.stderr);
    assert_eq!(ply.ok(["rmi", "app:1"]), "Untagged: app:1");
    assert_eq!(ply.ok(["rmi", "app:2"]), format!("Untagged: app:2\nUntagged: app@{digest}"));
    assert!(ply.ok(["rmi", "team/other:1"]).starts_with("Untagged: team/other:1\n"));
}

/// Two manifests of one image, one of them compressed: to whoever looks it is one image with both names.
#[test]
fn an_image_has_the_names_of_all_its_manifests() {
    let ply = Ply::with_family();
    let id = ply.id("base:1");
    ply.ok(["save", "--format", "oci", "-o", "base.tar", "base:1"]);
    let copied = ply.run(["load", "-i", family().to_str().unwrap(), "--only", "base:1", "--tag", "copy:1"]);
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    assert_eq!(ply.ok(["inspect", "-f", "{{.RepoTags}}", &id]), "[base:1 copy:1]");
}

#[test]
fn lists_of_layers_in_any_form() {
    let ply = Ply::with_family();
    let layers = ply.ok(["layers", "-q", "lang:3"]);
    let on_one_line = layers.replace('\n', " ");
    let table = ply.ok(["layers", "--no-trunc", "lang:3"]);
    let travels = |list: &str| {
        ply.write("list", list);
        ply.ok(["save", "--dry-run", "--without", "list", "app:1.1"])
    };
    let expect = travels(&layers);
    assert!(expect.contains("4 of 6 layers would travel"), "{expect}");
    assert_eq!(travels(&on_one_line), expect);
    assert_eq!(travels(&table), expect);
    ply.write("list", format!("{on_one_line} garbage"));
    assert_eq!(ply.run(["save", "--dry-run", "--without", "list", "app:1.1"]).code, Some(2));
}

#[test]
fn what_was_meant_is_guessed_with_care() {
    let ply = Ply::with_family();
    let check = |wanted: &str, expect: Option<&str>| {
        let stderr = ply.run(["inspect", wanted]).stderr;
        let hint = stderr.split_once("Did you mean ").map(|(_, hint)| hint.trim_end().trim_end_matches('?'));
        assert_eq!(hint, expect, "{wanted}: {stderr}");
    };
    check("bsae:1", Some("base:1"));
    check("lagn", Some("lang:3"));
    check("nope", None);
    check("base:2", Some("base:1"));
    check("x:1", None);
    ply.write("app.tar", "");
    assert!(ply.run(["inspect", "app.tar"]).stderr.contains("write ./app.tar"));
}
