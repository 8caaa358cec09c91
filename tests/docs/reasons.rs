//! The list of reasons is written from the code; the cures below it are written by people.

use std::fs;

use entra_access_operator::api::Reason;

use crate::text;

const PLACE: &str = "docs/reasons.md";
const BEGIN: &str = "<!-- Written from src/api/reason.rs; do not edit. -->\n";
const END: &str = "<!-- End of what is written from src/api/reason.rs. -->\n";
const WRITE: &str = "cargo test --test docs write_the_reasons -- --ignored";

fn table() -> String {
    let rows = Reason::ALL.iter().map(|reason| {
        let name = reason.name();
        let stalled = if reason.is_stalled() { "`Stalled`" } else { "" };
        format!(
            "| [{name}](#{}) | {} | {stalled} |\n",
            name.to_lowercase(),
            reason.meaning()
        )
    });
    format!("| reason | means | |\n|---|---|---|\n{}", rows.collect::<String>())
}

/// What is before, within and after the marks.
fn parts(page: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (written, after) = rest.split_once(END)?;
    Some((before, written, after))
}

#[test]
fn the_list_of_reasons_is_that_of_the_code() {
    let page = text::read(PLACE);
    let (_, written, _) = parts(&page).expect("the marks around the list");
    assert_eq!(written.trim(), table().trim(), "{PLACE} is not current; run `{WRITE}`");
}

#[test]
#[ignore = "it writes the list of reasons"]
fn write_the_reasons() {
    let page = text::read(PLACE);
    let (before, _, after) = parts(&page).expect("the marks around the list");
    let page = format!("{before}{BEGIN}\n{}\n{END}{after}", table());
    fs::write(text::root().join(PLACE), page).expect("the page can be written");
}
