//! The tar format: one strict reader, one reproducible writer.
