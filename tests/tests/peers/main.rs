//! The engines that are here: what they write is loaded, what we write they load, and both say the same of it.

mod containers;
mod disagreements;
mod docker;
mod inspect;
mod made;
mod oci;
mod others;
mod podman;
mod registries;
mod trees;

/// Program and Debian package.
pub(crate) const DOCKER: (&str, &str) = ("dockerd", "docker.io");
/// Comes with Docker, which starts a containerd of its own.
pub(crate) const CTR: (&str, &str) = ("ctr", "containerd");
/// The distribution project's registry.
pub(crate) const REGISTRY: (&str, &str) = ("docker-registry", "docker-registry");
pub(crate) const SKOPEO: (&str, &str) = ("skopeo", "skopeo");
pub(crate) const PODMAN: (&str, &str) = ("podman", "podman");
pub(crate) const UMOCI: (&str, &str) = ("umoci", "umoci");
pub(crate) const BUILDAH: (&str, &str) = ("buildah", "buildah");
/// What `real-images/build.sh` wants.
pub(crate) const BUILD: [(&str, &str); 6] = [
    DOCKER,
    SKOPEO,
    ("debootstrap", "debootstrap"),
    ("busybox", "busybox-static"),
    ("setfattr", "attr"),
    ("setcap", "libcap2-bin"),
];
