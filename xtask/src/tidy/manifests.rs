//! Each dependency is declared once, in `[workspace.dependencies]`.
//!
//! `cargo metadata` gives manifests with inheritance resolved, so this reads their text.

use crate::Outcome;
use crate::workspace::Workspace;
use std::fs;

pub(super) fn check(workspace: &Workspace) -> Outcome<Vec<String>> {
    let mut faults = Vec::new();
    for package in workspace.members() {
        let path = &package.manifest_path;
        let text = fs::read_to_string(path).map_err(|why| format!("reading {}: {why}", path.display()))?;
        let own = own_declarations(&text);
        faults.extend(own.into_iter().map(|dependency| {
            format!(
                "{}: {dependency} is not `workspace = true`: declare it in [workspace.dependencies]",
                package.name
            )
        }));
    }
    Ok(faults)
}

/// The dependencies of a manifest that do not inherit from the workspace.
fn own_declarations(manifest: &str) -> Vec<String> {
    let mut own = Vec::new();
    let mut table = Table::Other;
    // A value may go on over lines while a bracket is open.
    let mut open = String::new();
    let mut finished = Vec::new();
    for line in manifest.lines().map(without_comment) {
        if open.is_empty() && line.starts_with('[') {
            finished.push(std::mem::replace(&mut table, Table::of(line)));
            continue;
        }
        open.push_str(line);
        let depth = |opening, closing| open.matches(opening).count() > open.matches(closing).count();
        if depth('[', ']') || depth('{', '}') {
            continue;
        }
        let statement: String = std::mem::take(&mut open).split_whitespace().collect();
        match &mut table {
            Table::Dependencies if !statement.is_empty() => {
                let (key, value) = statement.split_once('=').unwrap_or((&statement, ""));
                let inherits = key.ends_with(".workspace") && value == "true"
                    || value.starts_with('{')
                        && value.trim_matches(['{', '}']).split(',').any(|pair| pair == "workspace=true");
                if !inherits {
                    own.push(key.to_owned());
                }
            }
            Table::Dependency(_, inherits) => *inherits |= statement == "workspace=true",
            Table::Dependencies | Table::Other => {}
        }
    }
    finished.push(table);
    own.extend(finished.into_iter().filter_map(|table| match table {
        Table::Dependency(name, false) => Some(name),
        Table::Dependency(..) | Table::Dependencies | Table::Other => None,
    }));
    own
}

enum Table {
    /// `[dependencies]` and its kin: a dependency a line.
    Dependencies,
    /// `[dependencies.NAME]`, and whether it has said `workspace = true`.
    Dependency(String, bool),
    Other,
}

impl Table {
    fn of(header: &str) -> Self {
        let name = header.trim().trim_matches(['[', ']']);
        // `target.'cfg(…)'.dependencies`: what is in quotes may hold dots.
        let last_quote = name.rfind(['\'', '"']).map_or(0, |at| at + 1);
        let mut parts = name[last_quote..].split('.').filter(|part| !part.is_empty() && *part != "target");
        let is_dependencies =
            |part: &str| matches!(part.trim(), "dependencies" | "dev-dependencies" | "build-dependencies");
        match (parts.next(), parts.next()) {
            (Some(kind), None) if is_dependencies(kind) => Self::Dependencies,
            (Some(kind), Some(name)) if is_dependencies(kind) => Self::Dependency(name.to_owned(), false),
            _ => Self::Other,
        }
    }
}

/// Good enough for manifests: no dependency's line has a `#` in a string.
fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or(line).trim()
}

#[cfg(test)]
mod tests {
    use super::own_declarations;

    #[test]
    fn what_does_not_inherit_is_named() {
        let check =
            |manifest: &str, expect: &[&str]| assert_eq!(own_declarations(manifest), expect, "{manifest}");
        check("[package]\nname = \"a\"\n[dependencies]\nserde.workspace = true\n", &[]);
        check("[dependencies]\nserde = { workspace = true, optional = true } # why\n", &[]);
        check("[dependencies]\nserde = \"1\"\nlibc.workspace = true\n", &["serde"]);
        check("[dependencies]\nserde = { version = \"1\" }\n", &["serde"]);
        check(
            "[dependencies]\na = { workspace = true, features = [\n  \"x\",\n  \"y\",\n] }\nb = \"2\"\n",
            &["b"],
        );
        check("[dev-dependencies.tempfile]\nversion = \"3\"\n[lints]\nworkspace = true\n", &["tempfile"]);
        check("[dev-dependencies.tempfile]\nworkspace = true\n", &[]);
        check(
            "[target.'cfg(target_arch = \"x86_64\")'.dependencies]\ncpufeatures = \"0.3\"\n",
            &["cpufeatures"],
        );
        check("[target.wasm.build-dependencies]\ncc = \"1\"\n", &[]);
        check("[features]\ndefault = [\"a\"]\n[[bench]]\nname = \"b\"\n", &[]);
        check("[dependencies]\na = { path = \"../workspace=true\" }\n", &["a"]);
    }
}
