use super::*;

const A: &str = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
const B: &str = "sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";
const NEW: &str = "sha256:2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6";

fn parse(text: &str) -> Document<Config> {
    let text = text.replace("$A", A).replace("$B", B);
    Document::parse(text.into_bytes()).unwrap()
}

fn step(created_by: &str) -> History {
    History { created_by: created_by.to_owned(), ..History::default() }
}

/// What `edit` makes of a config.
fn check(before: &str, edit: fn(&mut Draft) -> Result<(), DocumentError>, expect: &str) {
    let mut draft = Draft::of(&parse(before)).unwrap();
    edit(&mut draft).unwrap();
    let after = draft.finish().unwrap();
    let expect = expect.replace("$A", A).replace("$B", B).replace("$NEW", NEW);
    assert_eq!(String::from_utf8_lossy(&after.raw), expect, "{before}");
    assert_eq!(after.digest, Digest::of(expect.as_bytes()));
}

#[test]
fn what_is_not_touched_stays_as_it_was() {
    let whole = r#"{"x.unknown":[1.0e5, 2],"os":"linux","config":{"Odd":123456789012345678901234567890,"Env":null},"rootfs":{"type":"layers","more":{ "a":1 },"diff_ids":["$A"]},"history":[{"created_by":"COPY","by.hand":1.50}],"docker_version":"28.5","id":"0123"}"#;
    check(whole, |_| Ok(()), whole);
    // What speaks of a container is another one's.
    check(
        r#"{"container":"77","container_config":{"Cmd":[]},"rootfs":{"diff_ids":null},"history":null}"#,
        |_| Ok(()),
        r#"{"rootfs":{"diff_ids":[]},"history":[]}"#,
    );
    check(
        r#"{"config":null,"rootfs":{}}"#,
        |_| Ok(()),
        r#"{"config":{},"rootfs":{"diff_ids":[]},"history":[]}"#,
    );
}

#[test]
fn values_are_set_in_their_places() {
    check(
        r#"{"created":"2020-01-01T00:00:00Z","author":"me","comment":"old","rootfs":{"diff_ids":[]},"history":[]}"#,
        |draft| {
            draft.set_created(Timestamp { seconds: 1_795_461_278, nanoseconds: 784_617_927 })?;
            draft.set_author("somebody")?;
            draft.set_comment("")
        },
        r#"{"created":"2026-11-23T19:14:38.784617927Z","author":"somebody","rootfs":{"diff_ids":[]},"history":[]}"#,
    );
    check(
        r#"{"rootfs":{"diff_ids":[]},"history":[]}"#,
        |draft| {
            draft.run_mut().set("Cmd", &["sh"]).unwrap();
            Ok(())
        },
        r#"{"rootfs":{"diff_ids":[]},"history":[],"config":{"Cmd":["sh"]}}"#,
    );
}

#[test]
fn layers_and_their_steps_go_together() {
    let push = |draft: &mut Draft| draft.push_layer(DiffId(NEW.parse().unwrap()), &step("new"));
    check(
        r#"{"rootfs":{"diff_ids":["$A"]},"history":[{"created_by":"one"},{"created_by":"ENV","empty_layer":true}]}"#,
        push,
        r#"{"rootfs":{"diff_ids":["$A","$NEW"]},"history":[{"created_by":"one"},{"created_by":"ENV","empty_layer":true},{"created_by":"new"}]}"#,
    );
    // Layers that no step speaks of get one: else the step would be theirs.
    check(
        r#"{"rootfs":{"diff_ids":["$A","$B"]},"history":[{"created_by":"one"}]}"#,
        push,
        r#"{"rootfs":{"diff_ids":["$A","$B","$NEW"]},"history":[{"created_by":"one"},{},{"created_by":"new"}]}"#,
    );
    check(
        r#"{"rootfs":{"diff_ids":["$A"]},"history":[{}]}"#,
        |draft| draft.push_empty(&step("LABEL")),
        r#"{"rootfs":{"diff_ids":["$A"]},"history":[{},{"created_by":"LABEL","empty_layer":true}]}"#,
    );
    // Squashed: the steps stay, their layers do not.
    check(
        r#"{"rootfs":{"diff_ids":["$A","$B"]},"history":[{"created_by":"one"},{"empty_layer":true},{"created_by":"two","odd":1.0}]}"#,
        |draft| {
            draft.drop_layers_above(1)?;
            draft.push_layer(DiffId(NEW.parse().unwrap()), &step("merge"))
        },
        r#"{"rootfs":{"diff_ids":["$A","$NEW"]},"history":[{"created_by":"one"},{"empty_layer":true},{"created_by":"two","odd":1.0,"empty_layer":true},{"created_by":"merge"}]}"#,
    );
}

#[test]
fn a_fresh_one_has_its_platform() {
    let platform: Platform = "linux/arm/v7".parse().unwrap();
    let fresh = Draft::fresh(&platform).unwrap().finish().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&fresh.raw),
        r#"{"architecture":"arm","variant":"v7","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]},"history":[]}"#
    );
    assert_eq!(fresh.value.platform(), platform);
}

#[test]
fn what_is_written_must_be_readable() {
    let mut draft = Draft::fresh(&Platform::host()).unwrap();
    for _ in 0..5000 {
        draft.push_empty(&step("ENV")).unwrap();
        draft.layers.push(DiffId(A.parse().unwrap()));
    }
    assert!(matches!(draft.finish(), Err(DocumentError::Rule { .. })));
    // How to run it must be an object to be edited.
    assert!(Draft::of(&parse(r#"{"config":5,"rootfs":{"diff_ids":[]}}"#)).is_err());
}
