//! Image archives: docker-archive, OCI archive, OCI layout.
