use grep_regex::{RegexMatcher, RegexMatcherBuilder};

use super::Want;
use crate::Error;
use crate::error::shown;

/// How lines are matched, as the letters of grep(1) have it.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of grep's")]
pub struct GrepOptions {
    /// Capital or not is the same.
    pub ignore_case: bool,
    /// The pattern is text, not a regular expression.
    pub fixed: bool,
    /// Only whole words.
    pub word: bool,
    /// Lines that do not match.
    pub invert: bool,
    /// Binary files are text too.
    pub text: bool,
    /// What later layers hid as well.
    pub all_layers: bool,
    /// Lines are counted; else each is number 0.
    pub numbers: bool,
    /// What is wanted of a file that matches.
    pub want: Want,
}

impl GrepOptions {
    /// The pattern as a matcher: a regular expression as ripgrep has it.
    pub(super) fn matcher(&self, pattern: &str) -> Result<RegexMatcher, Error> {
        RegexMatcherBuilder::new()
            .case_insensitive(self.ignore_case)
            .fixed_strings(self.fixed)
            .word(self.word)
            .multi_line(true)
            .line_terminator(Some(b'\n'))
            .build(pattern)
            .map_err(|error| {
                // A parser's message is a picture of several lines, of which the last says what is wrong.
                let text = error.to_string();
                let why = text.rsplit_once("error: ").map_or(&*text, |(_, why)| why);
                Error::Misuse(format!("{}: {why}", shown(pattern)))
            })
    }

    /// Whether a line that matches would still hold a match with something more before or behind it: then it does not
    /// matter, for whether there is one, where lines end. Sure where it says yes.
    pub(super) fn ignores_line_ends(&self, pattern: &str) -> bool {
        let anchors = ["^", "$", "\\A", "\\z"];
        !self.invert && !self.text && (self.fixed || !anchors.iter().any(|anchor| pattern.contains(anchor)))
    }
}
