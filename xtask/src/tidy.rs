//! The house rules that a compiler does not check.

mod crates;
mod dependencies;
mod floors;
mod licences;
mod manifests;
mod sources;
mod trusted;

use crate::workspace::Workspace;
use crate::{Outcome, docs};

pub(crate) fn run(_: &[&str]) -> Outcome {
    let workspace = Workspace::read()?;
    let arrows = workspace.normal_arrows();
    let mut faults = Vec::new();
    faults.extend(floors::check(&workspace, &arrows));
    faults.extend(dependencies::forbidden(&workspace, &arrows));
    faults.extend(dependencies::banned(&workspace));
    faults.extend(dependencies::twice(&workspace));
    faults.extend(licences::check(&workspace));
    faults.extend(manifests::check(&workspace)?);
    faults.extend(crates::check(&workspace)?);
    let sources = sources::read(&workspace.workspace_root)?;
    faults.extend(sources::check(&sources));
    faults.extend(trusted::check(&sources));
    faults.extend(docs::broken_links(&workspace.workspace_root)?);

    for fault in &faults {
        println!("{fault}");
    }
    if !faults.is_empty() {
        return Err(format!("{} faults", faults.len()));
    }
    println!(
        "tidy: {} crates with {} arrows between them, {} dependencies, {} source files",
        floors::places(&workspace).len(),
        floors::own_arrows(&workspace, &arrows).len(),
        workspace.packages.len() - workspace.workspace_members.len(),
        sources.len()
    );
    Ok(())
}
