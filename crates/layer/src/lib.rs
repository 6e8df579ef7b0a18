//! Layers of container images: compression now, whiteouts and trees as they come.
