//! Each known attack as a case with its verdict, and as many odd but real images that must load.
