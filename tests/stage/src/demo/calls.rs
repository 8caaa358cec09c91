//! One line for each call to Microsoft Graph.

use serde_json::Value;
use stage::emulator::is_write;

use crate::screen::{Screen, shorten, width};

/// Method, path, status and time; reads dimmed, writes not.
pub(crate) fn line(call: &Value, screen: &Screen) -> String {
    let method = call["method"].as_str().unwrap_or_default();
    let status = call["status"].as_u64().unwrap_or_default();
    let milliseconds = match call["milliseconds"].as_f64().unwrap_or_default() {
        short if short < 1.0 => "<1".to_owned(),
        long => format!("{long:.0}"),
    };
    let columns = width().saturating_sub(34);
    let path = shorten(&path(call), columns);
    let text = format!("{method:<6} {path:<columns$} {status:>3} {milliseconds:>5} ms");
    let text = match (status, is_write(call)) {
        (400.., _) => screen.yellow(&text),
        (_, true) => text,
        (_, false) => screen.dim(&text),
    };
    format!("      {text}")
}

/// The path as a person reads it: no version, no percent signs, and how many requests a batch holds.
fn path(call: &Value) -> String {
    let whole = call["path"].as_str().unwrap_or_default();
    let path = whole.strip_prefix("/v1.0").unwrap_or(whole);
    let path = path.replacen("/identityGovernance/entitlementManagement", "…", 1);
    let inner = call["requestBody"]["requests"].as_array().map_or(0, Vec::len);
    if inner > 0 {
        format!("{path} of {inner}")
    } else {
        without_tails(&decoded(&path))
    }
}

/// Each GUID by its first eight digits: enough to tell them apart here.
fn without_tails(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest
            .find(|letter: char| !letter.is_ascii_hexdigit() && letter != '-')
            .unwrap_or(rest.len());
        let (token, after) = rest.split_at(run);
        let guid = token.len() == 36 && token.match_indices('-').map(|(at, _)| at).eq([8, 13, 18, 23]);
        short.push_str(if guid { &token[..8] } else { token });
        short.push_str(if guid { "…" } else { "" });
        let other = after.chars().next();
        short.extend(other);
        rest = &after[other.map_or(0, char::len_utf8)..];
    }
    short
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = after;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_without_version_escapes_and_tails_of_ids() {
        let call = |whole: &str| path(&serde_json::json!({"path": whole}));
        let catalog =
            "/v1.0/identityGovernance/entitlementManagement/catalogs/9ae69e36-e7c4-43f5-99ac-647be1aa75af/resources";
        assert_eq!(call(catalog), "…/catalogs/9ae69e36…/resources");
        assert_eq!(
            call("/v1.0/groups?$filter=displayName%20eq%20'B%C3%A4r'"),
            "/groups?$filter=displayName eq 'Bär'"
        );
        let batch = serde_json::json!({"path": "/v1.0/$batch", "requestBody": {"requests": [{}, {}]}});
        assert_eq!(path(&batch), "/$batch of 2");
    }
}
