//! Disks that are full, that fail, that may only be read.
