//! Docker Engine and what is made here: the same layers and configs as `docker import` makes, and images that it runs.

use std::collections::BTreeMap;
use std::io::Read;

use ply_tests::{Docker, Input, Ply, Tarball, bzip2, edge, gzip, needs, sha256, xz};
use serde_json::Value;

use crate::{BUILD, DOCKER};

fn root() -> Vec<u8> {
    Tarball::new().folder("etc/").file("etc/motd", "hello\n").symlink("bin", "usr/bin").finish()
}

/// Without zstd, which 20.10 does not know.
#[test]
fn imports_make_the_same_layer() {
    if !needs(&[DOCKER]) {
        return;
    }
    let docker = Docker::shared();
    let ply = Ply::new();
    let trailed = [root(), b"what follows the end is the layer's, too".to_vec()].concat();
    for (name, bytes) in [
        ("plain.tar", root()),
        ("gzip.tar", gzip(&root())),
        ("xz.tar", xz(&root())),
        ("bzip2.tar", bzip2(&root())),
        ("trailed.tar", trailed),
    ] {
        let path = ply.write(name, bytes);
        let theirs = docker.ok(&["import", path.to_str().unwrap(), "made:1"]);
        ply.ok(["import", name, "made:1"]);
        let theirs = docker.inspect(&theirs);
        let ours: Value = serde_json::from_str(&ply.ok(["inspect", "-f", "json", "made:1"])).unwrap();
        for key in ["RootFS", "Size", "Comment", "Os", "Architecture", "Author"] {
            assert_eq!(ours[0][key], theirs[key], "{name}: {key}");
        }
    }
}

/// Each line alone, and some of them together: what Docker's parser makes of them is what ours does.
#[test]
fn changes_make_the_same_config() {
    if !needs(&[DOCKER]) {
        return;
    }
    let docker = Docker::shared();
    let ply = Ply::new();
    let path = ply.write("root.tar", root());
    let path = path.to_str().unwrap();
    for changes in [
        &[r#"CMD ["a","b"]"#][..],
        &["CMD ['a']"],
        &["CMD []"],
        &["CMD"],
        &[r#"cmd echo "a  b"   c"#],
        &["CMD [1]"],
        &[r#"CMD ["a",]"#],
        &["ENTRYPOINT e"],
        &["ENTRYPOINT []"],
        &["CMD c", r#"ENTRYPOINT ["e"]"#],
        &[r#"ENTRYPOINT ["e"]"#, "CMD c"],
        &[r#"ENV a=1 b="2 3" c=x\ y"#],
        &["ENV a b  c "],
        &[r#"ENV a "x y"  z"#],
        &["ENV a"],
        &["ENV a=1", "ENV a=2 b=$a c=${a}x d=${z:-q} e=${a:+w}"],
        &["ENV a='$b'"],
        &[r#"ENV a="x\"y" b=\$c"#],
        &[r#"ENV a="x\y" b=x\y c='x\y'"#],
        &[r#"ENV a=x"y"'z'"#],
        &["ENV =x"],
        &["ENV a=1 b"],
        &["ENV a='x"],
        &["ENV a=${"],
        &["ENV a=$ b=$1x c=$?"],
        &["ENV a=${b:?no}"],
        &[r#"LABEL "com.example.x"="y" z="a b""#],
        &["LABEL x y z"],
        &["LABEL x=1", "LABEL X=2"],
        &["EXPOSE 80 443/tcp 8000-8003/udp"],
        &["EXPOSE 80/UDP 90/sctp"],
        &["EXPOSE 8080:80"],
        &["EXPOSE 127.0.0.1:8080:80/udp"],
        &["EXPOSE 80/foo"],
        &["EXPOSE 70000"],
        &["EXPOSE 9-7"],
        &[r#"ENV p="1 2""#, "EXPOSE $p"],
        &["ONBUILD RUN x  y", "onbuild copy a b"],
        &["ONBUILD FROM x"],
        &["ONBUILD"],
        &["USER me:us"],
        &["USER a b"],
        &[r#"USER "a""#],
        &["VOLUME /a /b"],
        &[r#"VOLUME ["/a","/b c"]"#],
        &[r#"VOLUME [""]"#],
        &["WORKDIR /a", "WORKDIR b/../c"],
        &["WORKDIR /a/../b/"],
        &["ENV h=/x", "WORKDIR $h/y"],
        &[r#"WORKDIR """#],
        &["HEALTHCHECK NONE"],
        &[r#"HEALTHCHECK CMD ["a","b"]"#],
        &["HEALTHCHECK --interval=30s --timeout=1m30s --retries=3 --start-period=1.5s CMD x"],
        &["HEALTHCHECK --interval=1us CMD x"],
        &["HEALTHCHECK --interval=1.5.5s CMD x"],
        &["HEALTHCHECK --interval=1h2m3.004s CMD x"],
        &["HEALTHCHECK --interval=.5s CMD x"],
        &["HEALTHCHECK CMD"],
        &["ENV a=1 \\\n b=2\n# no\nUSER x"],
        &["RUN x"],
        &["COPY a b"],
        &["ENV --x a=b"],
        &[""],
    ] {
        let flags = changes.iter().flat_map(|change| ["-c", change]);
        let theirs =
            ply_tests::run(docker.command(&["import"]).args(flags.clone()).args([path, "changed:1"]));
        let ours = ply.run(["import"].into_iter().chain(flags).chain(["root.tar", "changed:1"]));
        assert_eq!(
            ours.code == Some(0),
            theirs.code == Some(0),
            "{changes:?}: {}{}",
            ours.stderr,
            theirs.stderr
        );
        if ours.code != Some(0) {
            continue;
        }
        // The engine that reads ours says of it what it says of its own.
        let expected = docker.inspect("changed:1")["Config"].clone();
        let saved = ply.write("changed.tar", ply.save("docker", &["changed:1"]));
        docker.load(&saved);
        assert_eq!(docker.inspect("changed:1")["Config"], expected, "{changes:?}");
    }
}

/// The files of an image as an engine unpacks them: every attribute that a tar tells, but for what it adds itself.
fn exported(docker: &Docker, image: &str) -> BTreeMap<String, String> {
    let container = docker.ok(&["create", image, "true"]);
    let tar = docker.command(&["export", &container]).output().unwrap();
    assert!(tar.status.success());
    docker.ok(&["rm", &container]);
    let mut found = BTreeMap::new();
    // The first of an inode's names differs with the order of a folder: all are told as one group.
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in tar::Archive::new(&tar.stdout[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8_lossy(&entry.path_bytes()).trim_end_matches('/').to_owned();
        let own =
            [".dockerenv", "dev", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab", "proc", "sys"];
        if own.iter().any(|own| name == *own || name.starts_with(&format!("{own}/"))) || name == "etc" {
            continue;
        }
        let link = entry.link_name_bytes().map(|l| String::from_utf8_lossy(&l).into_owned());
        if entry.header().entry_type().is_hard_link() {
            groups.entry(link.unwrap()).or_default().push(name);
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        let mode = header.mode().unwrap();
        let (kind, uid, gid) = (header.entry_type(), header.uid().unwrap(), header.gid().unwrap());
        let mtime = header.mtime().unwrap();
        found.insert(name, format!("{kind:?} {mode:o} {uid}:{gid} {mtime} {link:?} {}", sha256(&content)));
    }
    for (first, others) in groups {
        let said = found.remove(&first).unwrap();
        let mut names = others;
        names.push(first);
        names.sort();
        found.insert(names.join(" = "), said);
    }
    found
}

/// `edge` has the hard cases of a union filesystem: squashed from any layer on, the engine unpacks the same files.
#[test]
fn squashed_images_are_unpacked_to_the_same_files() {
    if !needs(&BUILD) {
        return;
    }
    let docker = Docker::shared();
    let ply = Ply::new();
    let archive = edge().join("edge.docker.tar");
    assert_eq!(ply.load(Input::File, &archive, &[]).code, Some(0));
    docker.load(&archive);
    let expected = exported(docker, "edge:1");
    assert!(expected.len() > 20, "{expected:?}");
    let ours = ply.run(["export", "edge:1"]).stdout;
    let layers = ply.ok(["layers", "-q", "edge:1"]).lines().count();
    for from in 0..layers {
        let (name, from) = (format!("squashed:{from}"), from.to_string());
        ply.ok(["squash", "edge:1", "--from", &from, "-t", &name]);
        assert!(ply.run(["export", &name]).stdout == ours, "--from {from}: another export");
        let saved = ply.write("squashed.tar", ply.save("docker", &[&name]));
        docker.load(&saved);
        let found = exported(docker, &name);
        for (path, said) in &expected {
            assert_eq!(found.get(path), Some(said), "--from {from}: {path}");
        }
        assert_eq!(found.len(), expected.len(), "--from {from}");
        assert_eq!(docker.inspect(&name)["Config"], docker.inspect("edge:1")["Config"], "--from {from}");
    }
}
