//! All rows of the catalogue of attacks, and that none is left out.

use std::collections::BTreeSet;

use ply_tests::tried;

use super::Verdict::Contained;
use super::{Case, controls, documents, exhaustion, metadata, names, numbers, outer, races, runs};

/// What is known to attack image tools, by advisory where there is one.
const ROWS: &[&str] = &[
    // Names and links that leave the root.
    "CVE-2014-9356",
    "CVE-2014-6407",
    "CVE-2018-15664",
    "CVE-2021-29136",
    "RUSTSEC-2018-0002",
    "RUSTSEC-2021-0080",
    "CVE-2026-33056",
    "containerd TestBreakouts",
    "CVE-2026-17106",
    "ggcr #2227",
    "CVE-2024-1753",
    "CVE-2024-21626",
    "CVE-2024-45593",
    "nix GHSA-gr92-w2r5-qw5p",
    // Tars that two readers read differently, and numbers.
    "CVE-2025-62518",
    "CVE-2026-33055",
    "RUSTSEC-2026-0112",
    "RUSTSEC-2026-0066",
    "tokio-tar 0.6.3",
    "composefs honggfuzz",
    "number classics",
    "CVE-2022-2879",
    "sparse lies",
    "links with a size",
    "containerd 0205398ac",
    "moby #18170",
    "CVE-2017-14992",
    // Documents.
    "CVE-2014-9358",
    "manifest.json paths",
    "symlinked layer.tar",
    "containerd #12890",
    "CVE-2014-8179",
    "CVE-2014-8178",
    "CVE-2024-3727",
    "ggcr #2304",
    "CVE-2021-41190",
    "ggcr #2306",
    "size lies",
    "JSON keys twice",
    "CVE-2020-1702",
    "index fan-out",
    "hybrid archives",
    "CVE-2024-40635",
    "CVE-2026-53488",
    "CVE-2026-50195",
    "tag grammar",
    "terminal injection",
    "template DoS",
    "time ranges",
    // Whiteouts and metadata.
    "whiteouts of nothing",
    "opaque after siblings",
    "whiteout beside its file",
    "GHSA-rp3h-jf77-q9p4",
    "containerd #13030",
    "aufs left-overs",
    "overlay attributes",
    "host attributes",
    "devices and owners",
    "names",
    // Exhaustion.
    "gzip bomb",
    "zstd bomb",
    "xz bomb",
    "bzip2 bomb",
    "zstd window",
    "xz dictionary",
    "gzip name",
    "120,000 entries",
    "70,000 hard links",
    "300 layers",
    "3,000 attributes",
    "CVE-2021-20291",
    "CVE-2026-39396",
    "GHSA-x494-mj8g-cj27",
];

/// Rows that one load of bytes cannot show, and the test that does.
const ELSEWHERE: &[(&str, fn())] = &[
    ("CVE-2018-15664", races::a_folder_swapped_while_it_is_copied),
    ("CVE-2024-1753", runs::files_that_are_read_for_a_run),
    ("CVE-2024-21626", runs::directories_to_work_in),
    ("CVE-2024-40635", runs::users_that_are_numbers),
    ("CVE-2026-50195", documents::a_name_that_is_taken),
    ("ggcr #2306", outer::blobs_that_are_links),
    ("template DoS", documents::templates_have_an_end),
    ("terminal injection", crate::limits::text::no_text_of_an_image_reaches_a_terminal_as_it_is),
];

#[test]
fn no_row_is_left_out() {
    let tables =
        [names::CASES, outer::CASES, numbers::CASES, documents::CASES, metadata::CASES, exhaustion::CASES];
    let attacks: Vec<&Case> = tables.into_iter().flatten().collect();
    let tested: BTreeSet<&str> =
        attacks.iter().map(|case| case.threat).chain(ELSEWHERE.iter().map(|(row, _)| *row)).collect();
    let rows: BTreeSet<&str> = ROWS.iter().copied().collect();
    assert_eq!(tested, rows);
    let contained = attacks.iter().filter(|case| matches!(case.verdict, Contained(_))).count();
    tried(
        "attacks that are refused, by a message and with the store as it was",
        (attacks.len() - contained) as u64,
        "nothing outside changed",
    );
    tried(
        "attacks that are contained: loaded, unpacked, exported, copied out, mounted, saved",
        contained as u64,
        "nothing outside changed",
    );
    tried(
        "odd but real images that must load",
        controls::CASES.len() as u64,
        "all give the tree they should",
    );
}
