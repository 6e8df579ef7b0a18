//! `commit`, and what Docker makes of the image.

use std::process::Command;

use ply_tests::{Filesystem, needs, run};
use serde_json::Value;

use super::pair::{Pair, both_or_none, differences, shown};
use crate::DOCKER;

fn ours(pair: &Pair, image: &str) -> Value {
    let all: Value = serde_json::from_str(&pair.ply.ok(["inspect", "-f", "json", image])).unwrap();
    all[0].clone()
}

/// The last step of a history, as `history` shows it.
fn last_step(said: &str) -> String {
    said.lines().next().unwrap_or_default().to_owned()
}

const STEP: &str = "{{.CreatedBy}}|{{.Comment}}|{{.Size}}";

/// What Docker's own config is, byte by byte: the engine saves it.
fn saved_config(pair: &Pair, image: &str) -> Value {
    let path = pair.file("docker-saved.tar");
    pair.docker.ok(&["save", "-o", path.to_str().unwrap(), image]);
    config_in(&std::fs::read(&path).unwrap())
}

fn config_in(archive: &[u8]) -> Value {
    let members = ply_tests::members(archive);
    let manifest: Value = serde_json::from_slice(&members["manifest.json"]).unwrap();
    serde_json::from_slice(&members[manifest[0]["Config"].as_str().unwrap()]).unwrap()
}

#[test]
fn commits_are_dockers() {
    if !needs(&[DOCKER]) {
        return;
    }
    for (at, (command, flags)) in [
        (&[][..], &[][..]),
        (&["ls", "-l", "a b"], &["-m", "by hand", "-a", "me <me@example.com>"]),
        (&["ls"], &["-c", r#"CMD ["app","-v"]"#, "-c", "ENV MODE=fast", "--change", "WORKDIR /srv"]),
        (&["ls"], &["-c", "ENTRYPOINT [\"e\"]", "-c", "EXPOSE 80 443/udp", "-c", "USER 7:8"]),
        (&[], &["-c", "LABEL a=b made=anew", "-c", "VOLUME /data", "-c", "ONBUILD RUN x"]),
        (&[], &["-c", "ENV PATH=$PATH:/opt", "-m", "a\nb \"c\"", "-p"]),
        (&["x"], &["-c", "CMD y", "-c", "HEALTHCHECK --interval=5s CMD probe"]),
        (&[], &["-c", "RUN x"]),
        (&[], &["-c", "COPY a b"]),
    ]
    .into_iter()
    .enumerate()
    {
        for is_changed in [true, false] {
            let name = format!("commit-{at}-{is_changed}");
            let pair = Pair::new(&name, command);
            if is_changed {
                pair.cp("src/d CT:/srv/d");
                pair.cp("src/merge/. CT:/srv");
            }
            let image = format!("{name}:1");
            let line = [&["commit"], flags, &[&*name, &*image]].concat();
            let theirs = run(&mut pair.docker.command(&line));
            let made = pair.ply.run(&line);
            let what = format!("{command:?} {flags:?}, changed: {is_changed}");
            both_or_none(&made, &theirs, &what);
            if made.code != Some(0) {
                continue;
            }
            let step = |mut command: Command| last_step(run(&mut command).text());
            let said = ["history", "--no-trunc", "--format", STEP, &image];
            assert_eq!(step(pair.ply.command(said)), step(pair.docker.command(&said)), "{what}: history");

            let saved = pair.ply.save("docker", &[&image]);
            let (own, dockers) = (config_in(&saved), saved_config(&pair, &image));
            let steps = |config: &Value| config["history"].as_array().unwrap().clone();
            let (own_steps, dockers_steps) = (steps(&own), steps(&dockers));
            assert_eq!(own_steps.len(), dockers_steps.len(), "{what}");
            let (own_last, dockers_last) = (own_steps.last().unwrap(), dockers_steps.last().unwrap());
            for key in ["created_by", "comment", "author", "empty_layer"] {
                assert_eq!(own_last[key], dockers_last[key], "{what}: the last step's {key}");
            }
            for key in ["author", "comment", "os", "architecture"] {
                assert_eq!(own[key], dockers[key], "{what}: {key}");
            }
            let layers = |config: &Value| config["rootfs"]["diff_ids"].as_array().unwrap().len();
            assert_eq!(layers(&own), layers(&dockers), "{what}: layers");

            // What Docker says of its own image it says of ours, and it shows the files that we do.
            let config = pair.docker.inspect(&image)["Config"].clone();
            let exported = pair.ours();
            pair.docker.ok(&["rmi", &image]);
            let archive = pair.ply.write("ours.tar", &saved);
            pair.docker.load(&archive);
            let mut of_ours = pair.docker.inspect(&image)["Config"].clone();
            let mut config = config;
            // Said of the container: its name on the network, and what the client that made it was attached to.
            for config in [&mut config, &mut of_ours] {
                let said = config.as_object_mut().unwrap();
                for key in ["Hostname", "AttachStdout", "AttachStderr", "Image"] {
                    said.remove(key);
                }
            }
            assert_eq!(of_ours, config, "{what}: Config");
            let theirs = pair.docker.exported(&image);
            let found = differences(&exported, &theirs);
            assert!(found.is_empty(), "{what}: Docker shows of our image: {:#?}", shown(&found));
            let again = Filesystem::in_tar(&pair.ply.run(["export", &image]).stdout[..]);
            assert_eq!(shown(&again.differences(&exported)), [""; 0], "{what}: image and container");
            assert_eq!(ours(&pair, &image)["Parent"], pair.docker.inspect(&image)["Parent"], "{what}");
            pair.docker.ok(&["rmi", &image]);
        }
    }
}
