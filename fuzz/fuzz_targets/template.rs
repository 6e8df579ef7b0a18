//! Go templates of `-f` and `--format`: an answer or an error, within the limits, and the same again.
#![no_main]
#![allow(dead_code, unused_imports, reason = "the modules of ply-cli are taken whole")]

/// As they lie there, since ply-cli is no library.
#[path = "../../crates/cli/src"]
mod cli {
    pub(crate) mod escape;
    pub(crate) mod table;
    pub(crate) mod template;
    pub(crate) mod units;
    pub(crate) mod when;
}

use std::sync::LazyLock;

use cli::template::{Data, IMAGE, Template};
use cli::{escape, table, units, when};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static IMAGES: LazyLock<[Value; 2]> = LazyLock::new(|| {
    [
        include_str!("../../crates/cli/src/template/tests/full.json"),
        include_str!("../../crates/cli/src/template/tests/plain.json"),
    ]
    .map(|text| serde_json::from_str(text).expect("it is JSON"))
});

/// The most a rendering gives, and the most a last piece goes beyond it.
const MOST: usize = 16 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(template) = Template::parse(text) else { return };
    let row = [("ID", "0123456789ab"), ("Tag", "{{.ID}}"), ("Size", "5.6MB")];
    let row = || Data::row(row.map(|(name, value)| (name, value.to_owned())));
    let document = &IMAGES[text.len() % 2];
    render(&template, text, &Data::document(document, &IMAGE));
    let first = render(&template, text, &row());
    assert_eq!(first, render(&template, text, &row()), "it depends on something else");
});

fn render(template: &Template, text: &str, data: &Data<'_>) -> Option<String> {
    match template.render(data) {
        Ok(rendered) => {
            assert!(rendered.len() <= MOST, "{} bytes", rendered.len());
            assert!(text.contains("{{") || rendered == text, "text is not as it stands");
            Some(rendered)
        }
        Err(error) => {
            assert!(error.to_string().len() <= MOST, "a long error");
            None
        }
    }
}
