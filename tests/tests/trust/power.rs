//! The states a disk may be in after the power went.
