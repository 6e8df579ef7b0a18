//! What stands in a folder, to be compared with what stands there later.

use std::collections::BTreeMap;
use std::path::Path;

/// Every file by its path, with what its bytes hash to; every link, with what it leads to; every folder.
pub type Listing = BTreeMap<String, String>;

/// What a store keeps and can make again at any time: looking into an image is not a change.
const DERIVED: [&str; 2] = ["ply/layers", "ply/sums"];

/// Lists a folder, and all below it but what a store in it could make again.
pub fn listing(folder: &Path) -> Listing {
    let mut found = Listing::new();
    list(folder, "", &mut found);
    found
}

/// The path of everything below a folder.
pub(crate) fn all_paths(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(folder.join(&at)).into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap();
            let path = if at.is_empty() { name } else { format!("{at}/{name}") };
            if entry.file_type().unwrap().is_dir() {
                folders.push(path.clone());
            }
            found.push(path);
        }
    }
    found
}

fn list(folder: &Path, prefix: &str, found: &mut Listing) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if DERIVED.iter().any(|derived| format!("/{name}").ends_with(&format!("/{derived}"))) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            list(&entry.path(), &format!("{name}/"), found);
            found.insert(format!("{name}/"), String::new());
        } else if entry.file_type().unwrap().is_symlink() {
            let target = std::fs::read_link(entry.path()).unwrap();
            found.insert(name, format!("-> {}", target.display()));
        } else {
            found.insert(name, crate::sha256(&std::fs::read(entry.path()).unwrap()));
        }
    }
}
