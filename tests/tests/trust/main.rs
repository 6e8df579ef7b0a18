//! The contracts of the store and of the reader under crashes, power loss, full disks, crowds, damage and attack.

mod crashes;
mod crowds;
mod damage;
mod disks;
mod hostile;
mod limits;
mod power;
