//! Layers that real engines take differently: that they still do. What we make of them is in `formats`.

use std::path::Path;

use ply_tests::{DISAGREEMENTS, Docker, Engines, Filesystem, Ply, Verdict, archive_of, needs, run};

use crate::{CTR, DOCKER, PODMAN, SKOPEO, UMOCI};

#[test]
fn engines_do_as_is_said_of_them() {
    if !needs(&[CTR, DOCKER, PODMAN, SKOPEO, UMOCI]) {
        return;
    }
    let (ply, engines, mut wrong) = (Ply::new(), Engines::new(), Vec::new());
    for (at, case) in DISAGREEMENTS.iter().enumerate() {
        let name = format!("case:{at}");
        let archive = ply.write("case.tar", archive_of(&case.image(), &name).finish());
        let mut check = |engine: &str, shown: Result<Filesystem, String>, expect: Verdict| {
            let as_said = match (&shown, expect) {
                (Err(_), Verdict::Refused) => true,
                (Ok(shown), Verdict::Shows(expect)) => shown.told() == expect,
                _ => false,
            };
            if !as_said {
                let shown = shown.map(|shown| shown.told());
                wrong.push(format!("{}: {engine}: {shown:?}, not {expect:?}", case.about));
            }
        };
        check("docker", docker(&archive, &name), case.docker);
        let containerd = Docker::shared().mounted_by_containerd(&archive, &name);
        check("containerd", containerd, case.containerd);
        check("umoci", engines.unpacked_by_umoci(&engines.layout(&archive)), case.umoci);
        // Its root is 0555 whatever the image says, which is a row of its own in `trees`.
        let podman = engines.mounted_by_podman(&archive).map(|(mut shown, _)| {
            shown.entries.remove(&b""[..]);
            shown
        });
        check("podman", podman, case.podman);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn docker(archive: &Path, name: &str) -> Result<Filesystem, String> {
    let docker = Docker::shared();
    let loaded = run(&mut docker.command(&["load", "-i", archive.to_str().unwrap()]));
    if loaded.code == Some(0) { Ok(docker.merged(name)) } else { Err(loaded.stderr) }
}
