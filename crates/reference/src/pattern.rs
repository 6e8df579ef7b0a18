use std::fmt;
use std::str::FromStr;

use crate::error::{ReferenceError, quote};
use crate::reference::Reference;

/// A shell pattern over references, as `docker images --filter reference=PATTERN` takes.
///
/// `*` is any number of characters but `/`, `?` one but `/`, `[a-z]` and `[^a-z]` one of or not of a set,
/// `\` takes the next one literally: the rules of Go's `path.Match`. It is compared with the familiar
/// form whole, then without tag and digest (`FamiliarMatch` of the distribution project).
///
/// ```
/// use ply_reference::{Pattern, Reference};
///
/// let pattern: Pattern = "team/*".parse()?;
/// assert!(pattern.matches(&Reference::parse("team/app:1.0")?));
/// assert!(!pattern.matches(&Reference::parse("nginx")?));
/// # Ok::<(), ply_reference::ReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    source: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Star,
    One,
    Literal(char),
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`ReferenceError::Pattern`] if a bracket does not close, a set is empty, or the last backslash escapes nothing.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let tokens = tokens(text).ok_or_else(|| ReferenceError::Pattern { pattern: quote(text) })?;
        Ok(Self { source: text.to_owned(), tokens })
    }

    /// Whether the reference, with its tag and digest or without, is one of those meant.
    #[must_use]
    pub fn matches(&self, reference: &Reference) -> bool {
        self.matches_text(&reference.familiar()) || self.matches_text(&reference.name().familiar())
    }

    #[expect(clippy::arithmetic_side_effects, reason = "each is at most one more than a place in a slice")]
    /// Only the last star is tried again, so that the time is at most the product of both lengths.
    fn matches_text(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut token) = (0, 0);
        let mut last_star = None;
        while at < text.len() || token < self.tokens.len() {
            match (self.tokens.get(token), text.get(at)) {
                (Some(Token::Star), _) => {
                    last_star = Some((token, at));
                    token += 1;
                }
                (Some(wanted), Some(&c)) if wanted.accepts(c) => (at, token) = (at + 1, token + 1),
                _ => match last_star {
                    Some((star, from)) if text.get(from).is_some_and(|&c| c != '/') => {
                        last_star = Some((star, from + 1));
                        (at, token) = (from + 1, star + 1);
                    }
                    _ => return false,
                },
            }
        }
        true
    }
}

impl Token {
    fn accepts(&self, c: char) -> bool {
        match self {
            Self::Star | Self::One => c != '/',
            Self::Literal(literal) => *literal == c,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(low, high)| (low..=high).contains(&&c)) != *negated
            }
        }
    }
}

/// The pattern's tokens; nothing if it is malformed.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        tokens.push(match c {
            '*' => Token::Star,
            '?' => Token::One,
            '\\' => Token::Literal(rest.next()?),
            '[' => {
                let (set, after) = set(rest.as_str())?;
                rest = after.chars();
                set
            }
            literal => Token::Literal(literal),
        });
    }
    Some(tokens)
}

/// What follows an opening bracket, up to the closing one, and the rest.
fn set(text: &str) -> Option<(Token, &str)> {
    let (negated, mut rest) = text.strip_prefix('^').map_or((false, text), |rest| (true, rest));
    let mut ranges = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(']').filter(|_| !ranges.is_empty()) {
            return Some((Token::Set { negated, ranges }, after));
        }
        let (low, after) = member(rest)?;
        let (high, after) = match after.strip_prefix('-') {
            Some(after) => member(after)?,
            None => (low, after),
        };
        ranges.push((low, high));
        rest = after;
    }
}

/// One character of a set: a bare dash or closing bracket is none.
fn member(text: &str) -> Option<(char, &str)> {
    let mut rest = text.chars();
    let c = match rest.next()? {
        '-' | ']' => return None,
        '\\' => rest.next()?,
        c => c,
    };
    Some((c, rest.as_str()))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

impl FromStr for Pattern {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
