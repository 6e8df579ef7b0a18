//! Every dependency comes under a licence that asks for no more than to be named.

use crate::workspace::Workspace;

/// SPDX identifiers.
const ALLOWED: [&str; 9] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
    "bzip2-1.0.6",
];

pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    let refused =
        workspace.packages.iter().filter(|package| !package.license.as_deref().is_some_and(allowed));
    refused
        .map(|package| {
            let licence = package.license.as_deref().unwrap_or("none stated");
            format!("{} {}: licence {licence}", package.name, package.version)
        })
        .collect()
}

/// Whether an SPDX expression can be met with the allowed licences alone.
/// The older spelling of OR with a slash is understood too.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) == Some(true) && rest.is_empty()
}

/// Terms joined by OR, which binds least (SPDX 2.3, annex D). None: no expression.
fn either(rest: &mut &[&str]) -> Option<bool> {
    let mut fine = both(rest)?;
    while let [first, tail @ ..] = *rest
        && *first == "OR"
    {
        *rest = tail;
        fine |= both(rest)?;
    }
    Some(fine)
}

fn both(rest: &mut &[&str]) -> Option<bool> {
    let mut fine = one(rest)?;
    while let [first, tail @ ..] = *rest
        && *first == "AND"
    {
        *rest = tail;
        fine &= one(rest)?;
    }
    Some(fine)
}

fn one(rest: &mut &[&str]) -> Option<bool> {
    match *rest {
        ["(", tail @ ..] => {
            *rest = tail;
            let fine = either(rest)?;
            let [")", tail @ ..] = *rest else { return None };
            *rest = tail;
            Some(fine)
        }
        // An exception only gives more rights.
        [licence, "WITH", _, tail @ ..] | [licence, tail @ ..] => {
            *rest = tail;
            Some(ALLOWED.contains(licence))
        }
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn an_expression_is_met_or_not() {
        let check = |expression, expect| assert_eq!(allowed(expression), expect, "{expression}");
        check("MIT", true);
        check("GPL-3.0-only", false);
        check("MIT OR GPL-3.0-only", true);
        check("GPL-3.0-only/MIT", true);
        check("MIT AND GPL-3.0-only", false);
        check("(MIT OR Apache-2.0) AND Unicode-3.0", true);
        check("MIT AND (GPL-2.0-only OR LGPL-2.1-only)", false);
        check("GPL-2.0-only OR MIT AND Zlib", true);
        check("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true);
        check("", false);
        check("MIT OR", false);
        check("(MIT", false);
        check("MIT Zlib", false);
    }
}
