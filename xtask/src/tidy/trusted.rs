//! Where the compiler has to believe us, and why there.

use super::sources::Source;

/// The only files that may have `unsafe` in them, each with the reason.
const TRUSTED: [(&str, &str); 2] = [
    ("crates/digest/src/x86.rs", "the SHA extensions: instructions that not every processor has"),
    ("crates/rootfs/src/mount/loops.rs", "two ioctls of loop devices, which have no safe wrapper"),
];

// Taken apart, so that this file passes its own rule.
const WORD: &str = concat!("un", "safe");
const LEAVE: &str = concat!("un", "safe_code");

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let path = source.path.to_string_lossy();
        let reason = TRUSTED.iter().find(|(trusted, _)| *trusted == path).map(|(_, reason)| *reason);
        let found = places(&source.text);
        match reason {
            Some(reason) if found.is_empty() => {
                faults.push(format!("{path}: has no `{WORD}` any more: take it off the list ({reason})"));
            }
            Some(_) => {}
            None => {
                faults.extend(found.iter().map(|line| {
                    format!("{path}:{line}: `{WORD}`, and not one of the files that may have it")
                }))
            }
        }
    }
    faults
}

/// The lines of code with the word in them, or with leave for it.
fn places(text: &str) -> Vec<usize> {
    let is_word = |word: &str| [WORD, LEAVE].contains(&word);
    let lines = text.lines().zip(1..).filter(|(line, _)| {
        let code = line.split("//").next().unwrap_or(line);
        code.split(|c: char| !c.is_alphanumeric() && c != '_').any(is_word)
    });
    lines.map(|(_, number)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_words_about_it() {
        let word = WORD;
        let check = |text: &str, expect: &[usize]| assert_eq!(places(text), expect, "{text}");
        check("fn a() {}\n", &[]);
        check(&format!("a();\n{word} {{ b() }}\n"), &[2]);
        check(&format!("{word} fn a() {{}}\n"), &[1]);
        check(&format!("#![allow({word}_code)]\n"), &[1]);
        check(&format!("// {word}\n//! {word}\n"), &[]);
        check(&format!("un{word}(); let is_{word} = 1;\n"), &[]);
    }

    #[test]
    fn only_the_files_of_the_list_may() {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.to_owned() };
        let faults = |sources: &[Source]| check(sources).len();
        assert_eq!(faults(&[source(TRUSTED[0].0, WORD), source("crates/a/src/lib.rs", "")]), 0);
        assert_eq!(faults(&[source("crates/a/src/lib.rs", WORD)]), 1);
        assert_eq!(faults(&[source(TRUSTED[0].0, "")]), 1);
    }
}
