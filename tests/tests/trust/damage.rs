//! Bits flipped, files cut, pages zeroed, blobs swapped: found, never handed out, healed.
