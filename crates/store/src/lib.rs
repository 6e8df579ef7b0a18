//! A content-addressed store of container images on disk.
