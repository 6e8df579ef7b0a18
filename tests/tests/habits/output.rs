//! What is printed, and how: Docker's client 28 was seen to print the same.

use ply_tests::{Ply, archive_of, family, layer, made};
use serde_json::json;

#[test]
fn switches_and_formats_of_scripts() {
    let ply = Ply::with_family();
    let check = |args: &[&str], same: &[&str]| assert_eq!(ply.ok(args), ply.ok(same), "{args:?}");
    check(&["images", "-q=true"], &["images", "-q"]);
    check(&["images", "--quiet=false", "--no-trunc=0"], &["images"]);
    check(&["images", "--format", ""], &["images"]);
    check(&["images", "-q", "--format", "table"], &["images", "-q"]);
    check(&["history", "-q", "--format", "table", "app:1.1"], &["history", "-q", "app:1.1"]);
    check(&["images", "--filter", ""], &["images"]);
    check(&["images", "--filter", " Reference = base "], &["images", "base"]);
    // Two patterns are alternatives.
    assert_eq!(ply.ok(["images", "-q", "base", "-f", "reference=lang"]).lines().count(), 2);
    assert!(ply.ok(["-v"]).starts_with("ply "));
    assert!(ply.ok(["help", "load"]).contains("Usage: ply load"));
}

/// A table holds a line together; a template and JSON give what the image says.
#[test]
fn text_of_images_as_it_is() {
    let text = "RUN <<EOF\n\tone\u{1b}[31m\nEOF # and so on, for more than forty-five letters";
    let image = made(vec![layer("x")]).with("history", json!([{"created_by": text, "comment": "a\nb"}]));
    let ply = Ply::new();
    let path = ply.write("archive", archive_of(&image, "app:1").finish());
    ply.ok(["load", "-i", path.to_str().unwrap()]);
    // Docker itself makes a tab a space here.
    let whole = text.replace('\t', " ");
    assert_eq!(
        ply.ok(["history", "--no-trunc", "--format", "{{.CreatedBy}}|{{.Comment}}", "app:1"]),
        format!("{whole}|a\nb")
    );
    let json: serde_json::Value =
        serde_json::from_str(&ply.ok(["history", "--no-trunc", "--format", "json", "app:1"])).unwrap();
    assert_eq!(json["CreatedBy"], whole);
    let cut = ply.ok(["history", "--format", "{{.CreatedBy}}", "app:1"]);
    assert_eq!(cut, whole.chars().take(44).collect::<String>() + "…");
    let table = ply.ok(["history", "--no-trunc", "app:1"]);
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains("RUN <<EOF\\n one\\x1b[31m\\nEOF"), "{table}");
}

#[test]
fn times_are_told_in_the_users_zone() {
    let ply = Ply::with_family();
    let told = |zone: &str| {
        let mut command = ply.command(["images", "--format", "{{.CreatedAt}}", "base:1"]);
        let ran: ply_tests::Ran = command.env("TZ", zone).output().unwrap().into();
        ran.text().trim_end().to_owned()
    };
    assert_eq!(told("UTC"), "2026-11-24 00:18:32 +0000 UTC");
    assert_eq!(told("EST5EDT,M3.2.0,M11.1.0"), "2026-11-23 19:18:32 -0500 EST");
    if std::path::Path::new("/usr/share/zoneinfo/America/New_York").exists() {
        assert_eq!(told("America/New_York"), "2026-11-23 19:18:32 -0500 EST");
    }
}

#[test]
fn archives_are_listed_as_stores_are() {
    let ply = Ply::new();
    std::fs::copy(family(), ply.file("family.tar")).unwrap();
    let check = |args: &[&str], expect: &str| {
        let mut all = vec!["images", "--format", "{{.Repository}}:{{.Tag}}"];
        all.extend(args);
        all.push("./family.tar");
        assert_eq!(ply.ok(&all).replace('\n', " "), expect, "{args:?}");
    };
    check(&[], "base:1 lang:3 app:1.0 app:1.1 app:latest");
    check(&["-f", "reference=app:1*"], "app:1.0 app:1.1");
    check(&["-f", "since=lang:3"], "app:1.0 app:1.1 app:latest");
    check(&["-f", "dangling=true"], "");
    check(&["-f", "label=no.such"], "");
    check(&["--sort", "created"], "app:1.1 app:latest app:1.0 lang:3 base:1");
    assert!(ply.run(["images", "-f", "before=no-such", "./family.tar"]).stderr.contains("it holds base:1"));
    assert_eq!(ply.run(["images", "-f", "color=red", "./family.tar"]).code, Some(2));
}

/// What only reads takes an image from where it lies: saved from an archive it is what it is saved from the store.
#[test]
fn archives_are_saved_and_checked_unloaded() {
    let ply = Ply::with_family();
    std::fs::copy(family(), ply.file("family.tar")).unwrap();
    let saved = |format: &str, image: &str| ply.save(format, &[image]);
    for format in ["docker", "oci"] {
        for name in ["app:1.1", "lang:3"] {
            let place = format!("docker-archive:family.tar:{name}");
            let (unloaded, stored) = (saved(format, &place), saved(format, name));
            // The archive knows all names of the image, and it is saved with them.
            if name == "lang:3" {
                assert!(unloaded == stored, "{format}: {name} is saved as something else");
            }
            let second = Ply::new();
            let path = second.write("archive", unloaded);
            assert_eq!(second.load(ply_tests::Input::File, &path, &[]).code, Some(0));
            assert_eq!(second.id(name), ply.id(name), "{format}");
        }
    }
    ply.ok(["save", "-o", "all.tar", "./family.tar"]);
    assert_eq!(ply.ok(["images", "-q", "./all.tar"]).lines().count(), 5);
    let thin = ply.ok(["save", "--dry-run", "--without", "lang:3", "docker-archive:family.tar:app:1.1"]);
    assert!(thin.contains("4 of 6 layers would travel"), "{thin}");

    assert!(ply.ok(["check", "./family.tar"]).ends_with("all good"));
    let mut bytes = std::fs::read(family()).unwrap();
    let layer =
        std::fs::read(ply.store().join("blobs/sha256").join(&ply.ok(["layers", "-q", "lang:3"])[79..]))
            .unwrap();
    let at = bytes.windows(layer.len()).position(|window| window == layer).unwrap();
    bytes[at + 5000] ^= 1;
    ply.write("damaged.tar", bytes);
    let ran = ply.run(["check", "./damaged.tar"]);
    assert_eq!(ran.code, Some(1), "{}", ran.text());
    assert!(ran.text().contains("hashes to"), "{}", ran.text());
    // A store that has a good copy would lend it.
    let ran = ply.run(["--store", "empty", "save", "-o", "never.tar", "./damaged.tar"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(!ply.file("never.tar").exists());
    assert!(ply.run(["check", "docker-archive:family.tar:nope"]).stderr.contains("it holds base:1"));
}
