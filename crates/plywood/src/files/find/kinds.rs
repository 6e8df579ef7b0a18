use std::str::FromStr;

use ply_tree::Kind;

use crate::Error;
use crate::error::shown;

/// What an entry may be: the letters of find(1), joined by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinds(Vec<char>);

const LETTERS: [char; 7] = ['b', 'c', 'd', 'f', 'l', 'p', 's'];

impl FromStr for Kinds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let kinds = text.split(',').map(|kind| {
            let mut letters = kind.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) if LETTERS.contains(&letter) => Ok(letter),
                _ => Err(Error::Misuse(format!(
                    "{}: a type is one of f (file), d (directory), l (link), b, c (devices), p (pipe), s (socket)",
                    shown(text)
                ))),
            }
        });
        Ok(Self(kinds.collect::<Result<_, _>>()?))
    }
}

impl Kinds {
    pub(super) fn has(&self, kind: &Kind) -> bool {
        letter(kind).is_some_and(|letter| self.0.contains(&letter))
    }
}

const fn letter(kind: &Kind) -> Option<char> {
    Some(match kind {
        Kind::Directory(_) => 'd',
        // A hard link is the file that it is a name of.
        Kind::File { .. } | Kind::LinkBelow { .. } => 'f',
        Kind::Symlink { .. } => 'l',
        Kind::CharDevice(_) => 'c',
        Kind::BlockDevice(_) => 'b',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::Whiteout => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read() {
        let check = |text: &str, expect: Option<&str>| {
            let found = text.parse::<Kinds>().ok().map(|kinds| kinds.0.into_iter().collect::<String>());
            assert_eq!(found.as_deref(), expect, "{text}");
        };
        check("f", Some("f"));
        check("f,l,d", Some("fld"));
        check("", None);
        check("f,", None);
        check("fl", None);
        check("w", None);
        check("D", None);
    }
}
