//! Every kind of archive that must load: from a file and from a pipe, with a thread a core and with one, to the same
//! image, which saves to the same bytes.
//!
//! What real engines wrote is in `peers`. The archives here are made by the formats' descriptions: those of writers
//! that are not at hand (kaniko, bazel, jib), and what the formats allow and engines seldom write.

mod compression;
mod disagreements;
mod docker;
mod oci;
mod packing;
mod platforms;
mod writers;
