//! What is refused: with exit 1, a message that names the member and the reason, and a store that is as before to
//! the byte.

mod damage;
mod documents;
mod layers;
mod layouts;
mod links;
