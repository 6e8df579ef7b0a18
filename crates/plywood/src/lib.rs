//! The operations on container images: load, list, inspect, save.
