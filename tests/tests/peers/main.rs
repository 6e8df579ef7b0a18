//! The engines that are here: what they write is loaded, what we write they load, and both say the same of it.

mod docker;
mod inspect;
mod made;
mod oci;
mod others;
mod podman;

/// Program and Debian package.
pub(crate) const DOCKER: (&str, &str) = ("dockerd", "docker.io");
pub(crate) const SKOPEO: (&str, &str) = ("skopeo", "skopeo");
pub(crate) const PODMAN: (&str, &str) = ("podman", "podman");
pub(crate) const BUILDAH: (&str, &str) = ("buildah", "buildah");
/// What `real-images/build.sh` wants.
pub(crate) const BUILD: [(&str, &str); 4] =
    [DOCKER, SKOPEO, ("debootstrap", "debootstrap"), ("busybox", "busybox-static")];
