//! What bytes are called: digests, hashing readers and writers, many SHA-256 streams at once.
