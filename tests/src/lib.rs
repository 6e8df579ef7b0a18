//! Journeys of the real binary, real peers, faults.
