//! What Docker's users have in their fingers, beyond what the transcripts show.

mod completion;
mod faults;
mod names;
mod output;
