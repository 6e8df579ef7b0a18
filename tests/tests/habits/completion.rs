//! Completion as bash asks for it, which takes a name for several words.

use std::process::Command;

use ply_tests::{Ply, Ran, binary, family};

/// What bash would offer for a line that ends where the cursor is.
fn offered(ply: &Ply, line: &str) -> Vec<String> {
    let script = ply.write("ply.bash", ply.ok(["completion", "bash"]) + "\n");
    // As readline splits a line: at blanks, and around each colon and equals sign.
    let ask = format!(
        r#"source {}
        COMP_LINE='{line}' COMP_POINT=${{#COMP_LINE}} COMP_TYPE=9
        COMP_WORDS=($(printf '%s' "$COMP_LINE" | sed 's/[:=]/ & /g'))
        [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _ply; printf '%s\n' "${{COMPREPLY[@]}}""#,
        script.display()
    );
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", &ask]).env("PATH", path).env("PLY_STORE", ply.store()).current_dir(ply.folder());
    let ran: Ran = bash.output().unwrap().into();
    assert_eq!(ran.stderr, "", "{line}");
    ran.text().lines().map(|word| word.trim_end().to_owned()).collect()
}

#[test]
fn names_flags_and_files() {
    let ply = Ply::with_family();
    std::fs::copy(family(), ply.file("family.tar")).unwrap();
    let check = |line: &str, expect: &[&str]| assert_eq!(offered(&ply, line), expect, "{line}");
    check("ply inspect ap", &["app:1.0", "app:1.1", "app:latest"]);
    check("ply inspect app:", &["1.0", "1.1", "latest"]);
    check("ply inspect app:1", &["1.0", "1.1"]);
    check("ply inspect app:1.1 d177", &["d177382a3ddc"]);
    check("ply image r", &["rm"]);
    check("ply save --format=o", &["oci"]);
    check("ply save --format o", &["oci"]);
    check("ply completion z", &["zsh"]);
    check("ply history ./fam", &["./family.tar"]);
    check("ply history docker-archive:fam", &["family.tar"]);
    // The store that is named on the line is asked.
    check("ply --store nowhere inspect ap", &[""]);
}

#[test]
fn every_shell_has_a_script() {
    let ply = Ply::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(ply.ok(["completion", shell]).contains("ply"), "{shell}");
    }
    assert_eq!(ply.run(["completion", "csh"]).code, Some(2));
}
