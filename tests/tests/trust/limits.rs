//! What it costs at most: memory for any layer, time in proportion to the entries.
