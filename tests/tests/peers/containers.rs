//! Containers beside Docker's: the same command lines on a container of the same image, and afterwards the same files,
//! the same lines of `diff` and the same image.

mod commit;
mod copy;
mod mounted;
mod pair;
mod run;
