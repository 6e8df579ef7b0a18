//! `docker inspect` and `ply inspect`, field by field.

use std::collections::BTreeSet;

use ply_tests::{Docker, Input, Ply, edge, family, needs};
use serde_json::{Map, Value};

use crate::BUILD;

/// Fields that differ, and why. Debian's engine is 20.10; ours are the fields of Engine 28.
const DIFFERENT: [(&str, &str); 7] = [
    ("GraphDriver", "where the engine's storage driver keeps it"),
    ("Metadata", "when the engine that is asked tagged it"),
    ("Parent", "known only to the engine that built it; 28 leaves it empty too, once an image was loaded"),
    ("Container", "dropped by 28: the container it was committed from"),
    ("ContainerConfig", "dropped by 28: that container's config"),
    ("VirtualSize", "dropped by 28: the same as Size"),
    ("RepoDigests", "20.10 forgets them on save"),
];

#[test]
fn field_by_field() {
    if !needs(&BUILD) {
        return;
    }
    let docker = Docker::shared();
    let ply = Ply::new();
    for archive in [family(), edge().join("edge.docker.tar")] {
        docker.load(&archive);
        assert_eq!(ply.load(Input::File, &archive, &[]).code, Some(0));
    }
    for image in ["base:1", "lang:3", "app:1.0", "app:1.1", "edge:1"] {
        let (theirs, ours) = (fields(docker.inspect(image)), fields(inspect(&ply, image)));
        let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
        for name in names {
            if DIFFERENT.iter().all(|(different, _)| different != name) {
                assert_eq!(ours.get(name), theirs.get(name), "{image}: {name}");
            }
        }
        let order = |fields: &Map<String, Value>| -> Vec<String> {
            let shared = fields.keys().filter(|key| DIFFERENT.iter().all(|(name, _)| name != key));
            shared.cloned().collect()
        };
        assert_eq!(order(&ours), order(&theirs), "{image}: fields in another order");
    }
}

/// The same template, the same text. `{{.Config}}` and `{{.RootFS}}` as a whole are not here: 28 has dropped fields of
/// both.
#[test]
fn templates() {
    if !needs(&BUILD) {
        return;
    }
    let docker = Docker::shared();
    docker.load(&family());
    let ply = Ply::with_family();
    for template in [
        "{{.Id}}",
        "{{.ID}}",
        "{{len .RootFS.Layers}} {{.RootFS.Type}} {{.RootFS.Layers}}",
        "{{json .Config.Env}} {{json .Config.Labels}} {{json .Config.Healthcheck}}",
        "{{range .Config.Env}}{{println .}}{{end}}",
        "{{range $key, $value := .Config.Labels}}{{$key}}={{$value}};{{end}}",
        r#"{{index .Config.Labels "org.opencontainers.image.version"}}"#,
        r#"{{.Config.Labels.absent}} [{{index .Config.Labels "absent"}}]"#,
        r#"{{if eq .Os "linux"}}{{upper .Os}}{{else}}no{{end}}"#,
        r#"{{join .Config.Cmd " "}} {{printf "%d %q" .Size .Architecture}}"#,
        "{{.Created}} {{.Author}}|{{.Comment}}",
        "{{with .Config.Healthcheck}}{{.Interval}} {{.Retries}}{{end}}",
        "{{.Config.ExposedPorts}} {{.Config.Volumes}}",
        r"a\tb\n",
    ] {
        let args = ["inspect", "-f", template, "app:1.1"];
        assert_eq!(ply.ok(args), docker.ok(&args), "{template}");
    }
}

/// What fails there fails here, with the same code and the words people look for.
#[test]
fn failures() {
    if !needs(&BUILD) {
        return;
    }
    let docker = Docker::shared();
    docker.load(&family());
    let ply = Ply::with_family();
    for args in [
        &["image", "inspect", "no-such"] as &[&str],
        &["image", "inspect", "app:1.1", "no-such:1"],
        &["image", "inspect", "-f", "{{.NoSuchField}}", "app:1.1"],
        &["image", "inspect", "-f", "{{", "app:1.1"],
        &["history", "no-such"],
        &["tag", "no-such", "x:1"],
        &["rmi", "no-such"],
        &["save", "no-such"],
    ] {
        let (ours, theirs) = (ply.run(args), ply_tests::run(&mut docker.command(args)));
        // A template that is none is a misuse for their client of 20.10 (64).
        assert_eq!(
            ours.code == Some(0),
            theirs.code == Some(0),
            "{args:?}: {} | {}",
            ours.stderr,
            theirs.stderr
        );
        if theirs.stderr.contains("No such image") {
            assert!(ours.stderr.contains("No such image: "), "{args:?}: {}", ours.stderr);
        }
        let images = |text: &str| {
            serde_json::from_str::<Value>(text).map(|v| v.as_array().map_or(0, Vec::len)).unwrap_or(0)
        };
        assert_eq!(images(ours.text()), images(theirs.text()), "{args:?}");
    }
}

fn inspect(ply: &Ply, image: &str) -> Value {
    let all: Value = serde_json::from_str(&ply.ok(["inspect", image])).unwrap();
    all[0].clone()
}

fn fields(inspected: Value) -> Map<String, Value> {
    let Value::Object(mut fields) = inspected else { panic!("not an object: {inspected}") };
    if let Some(tags) = fields.get_mut("RepoTags").and_then(Value::as_array_mut) {
        tags.sort_by_key(ToString::to_string);
    }
    fields
}
