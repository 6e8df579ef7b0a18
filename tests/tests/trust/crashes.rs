//! Killed at random moments, and at every system call that changes the store.
