use ply_image::{Draft, History};
use ply_tar::{Entry, Writer};

use super::*;
use crate::watch::{Silent, TaskProgress, Watch};

/// Goes on, or stops at once.
struct Stopping(bool);

impl Watch for Stopping {
    fn advance(&self, _: usize, _: u64) -> ControlFlow<()> {
        if self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn engine(folder: &tempfile::TempDir) -> Engine<'static> {
    Engine::open(folder.path()).unwrap()
}

fn tar(name: &str) -> Vec<u8> {
    let mut tar = Writer::new(Vec::new());
    tar.append(&Entry::file(name, 3), &b"hi\n"[..]).unwrap();
    tar.finish().unwrap()
}

fn write(new: &NewImage<'_>, bytes: &[u8]) -> Result<NewLayer, Error> {
    let progress = TaskProgress { watch: &Silent, task: 0 };
    new.layer(&progress, |out| out.write_all(bytes).map_err(Error::within("writing")))
}

fn name(text: &str) -> Reference {
    Reference::parse(text).unwrap().with_default_tag()
}

fn blobs(engine: &Engine<'_>) -> usize {
    engine.store.blobs().unwrap().len()
}

#[test]
fn an_image_is_made_and_another_on_top_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder);

    let new = NewImage::begin(&engine).unwrap();
    let bottom = write(&new, &tar("motd")).unwrap();
    assert_eq!(bottom.diff_id.0, Digest::of(&tar("motd")));
    assert_eq!((bottom.blob.digest, bottom.blob.size), (bottom.diff_id.0, tar("motd").len() as u64));
    let mut draft = Draft::fresh(&Platform::host()).unwrap();
    draft.push_layer(bottom.diff_id, &History::default()).unwrap();
    let config = draft.finish().unwrap();
    let made = new.publish(&config, std::slice::from_ref(&bottom.blob), &[name("base")]).unwrap();
    assert_eq!(made, Made { id: config.digest, moved: Vec::new() });

    let new = NewImage::begin(&engine).unwrap();
    let parent = new.parent("base", None).unwrap();
    assert_eq!(parent.layers, std::slice::from_ref(&bottom.blob));
    let top = write(&new, &tar("issue")).unwrap();
    let mut draft = Draft::of(&parent.config).unwrap();
    draft.push_layer(top.diff_id, &History::default()).unwrap();
    let layers = [bottom.blob, top.blob];
    let second = new.publish(&draft.finish().unwrap(), &layers, &[name("base"), name("app:2")]).unwrap();
    assert_eq!(second.moved, [(name("base"), made.id)]);

    let view = engine.view("app:2", None).unwrap();
    assert!(view.made);
    assert_eq!(view.size(), Some(6), "counted as the bytes went past");
    let files = engine.files("app:2", None).unwrap();
    let stack = files.stack(None).unwrap();
    assert!(files.find(&stack, b"motd", ply_tree::Last::Keep).is_ok());
    // The one that lost its name is still there.
    assert!(engine.view(&made.id.to_string(), None).is_ok());
}

#[test]
fn a_nameless_image_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder);
    let new = NewImage::begin(&engine).unwrap();
    let config = Draft::fresh(&Platform::host()).unwrap().finish().unwrap();
    let made = new.publish(&config, &[], &[]).unwrap();
    assert!(engine.view(&made.id.to_string(), None).unwrap().names.is_empty());
}

#[test]
fn compressed_layers_of_a_parent_stay_so_in_the_words_of_oci() {
    let check = |kind: &str, expect: &str| {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(&folder);
        let new = NewImage::begin(&engine).unwrap();
        let plain = tar("motd");
        let encoding = ply_layer::Encoding::GZIP;
        let mut gzip = ply_layer::encoder(encoding, 1, Vec::new()).unwrap();
        gzip.write_all(&plain).unwrap();
        let gzip = gzip.finish().unwrap();
        let digest = new.ingest.put(&gzip).unwrap();
        let blob = Descriptor::new(MediaType::new(kind), digest, gzip.len() as u64);
        let mut draft = Draft::fresh(&Platform::host()).unwrap();
        draft.push_layer(DiffId(Digest::of(&plain)), &History::default()).unwrap();
        new.publish(&draft.finish().unwrap(), &[blob], &[name("base")]).unwrap();

        let parent = NewImage::begin(&engine).unwrap().parent("base", None).unwrap();
        assert_eq!(parent.layers.len(), 1);
        let layer = parent.layers.first().unwrap();
        assert_eq!((layer.media_type.as_str(), layer.digest), (expect, digest), "{kind}");
    };
    check("application/vnd.docker.image.rootfs.diff.tar.gzip", MediaType::LAYER_GZIP);
    check("", MediaType::LAYER_GZIP);
    check(MediaType::LAYER_GZIP, MediaType::LAYER_GZIP);
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder);
    let check = |fail: fn(&NewImage<'_>) -> Result<NewLayer, Error>, expect: &str| {
        let new = NewImage::begin(&engine).unwrap();
        let error = fail(&new).unwrap_err();
        assert!(crate::error::chain(&error).contains(expect), "{}", crate::error::chain(&error));
        drop(new);
        assert_eq!(blobs(&engine), 0);
        assert_eq!(std::fs::read_dir(folder.path().join("ply/ingest")).unwrap().count(), 0);
    };
    check(|new| write(new, &[b'x'; 1024]), "the new layer");
    check(|new| write(new, &tar("motd")[..514]), "the new layer");
    check(
        |new| {
            let progress = TaskProgress { watch: &Stopping(true), task: 0 };
            new.layer(&progress, |out| out.write_all(&tar("motd")).map_err(Error::within("writing")))
        },
        "stopped",
    );
    check(
        |new| {
            let progress = TaskProgress { watch: &Stopping(false), task: 0 };
            new.layer(&progress, |_| Err(Error::Misuse("not so".to_owned())))
        },
        "not so",
    );
}

#[test]
fn a_parent_must_be_whole_and_here() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&folder);
    let new = NewImage::begin(&engine).unwrap();
    let layer = write(&new, &tar("motd")).unwrap();
    let mut draft = Draft::fresh(&Platform::host()).unwrap();
    draft.push_layer(layer.diff_id, &History::default()).unwrap();
    new.publish(&draft.finish().unwrap(), std::slice::from_ref(&layer.blob), &[name("base")]).unwrap();

    let check = |wanted: &str, platform: Option<&str>, expect: &str| {
        let platform: Option<Platform> = platform.map(|text| text.parse().unwrap());
        let error = NewImage::begin(&engine).unwrap().parent(wanted, platform.as_ref()).unwrap_err();
        assert!(crate::error::chain(&error).contains(expect), "{wanted}: {}", crate::error::chain(&error));
    };
    check("other", None, "No such image: other");
    check("base", Some("linux/s390x"), "no manifest for platform linux/s390x");
    let hex = layer.blob.digest.hex();
    std::fs::remove_file(folder.path().join("blobs/sha256").join(hex)).unwrap();
    check("base", None, "is missing");
}
