//! Addresses of SharePoint sites: many spellings, one site.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What is written with a percent sign in the path of an address, beside what is no ASCII.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?');

/// Host and path, the path decoded and without a slash at its end.
fn parts(address: &str) -> (String, String) {
    let rest = match address.get(..8) {
        Some(scheme) if scheme.eq_ignore_ascii_case("https://") => &address[8..],
        _ => address,
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = percent_decode_str(path).decode_utf8_lossy();
    (host.to_lowercase(), path.trim_end_matches('/').to_owned())
}

/// The address as the service writes it. Which spelling that is no source says.
pub(crate) fn canonical(address: &str) -> String {
    let (host, path) = parts(address);
    if path.is_empty() {
        return format!("https://{host}");
    }
    format!("https://{host}/{}", utf8_percent_encode(&path, ENCODED))
}

/// Whether two addresses are of one site: neither case, percent-encoding nor a slash at the end tell sites apart.
pub(crate) fn same_site(one: &str, other: &str) -> bool {
    let ((host, path), (other_host, other_path)) = (parts(one), parts(other));
    host == other_host && path.to_lowercase() == other_path.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_site_has_many_spellings() {
        let canonical_one = "https://contoso.sharepoint.com/sites/M%C3%A4rkte";
        for spelling in [
            "https://contoso.sharepoint.com/sites/Märkte",
            "https://contoso.sharepoint.com/sites/m%c3%a4rkte/",
            "HTTPS://Contoso.SharePoint.com/Sites/MÄRKTE",
        ] {
            assert!(same_site(spelling, canonical_one), "{spelling}");
        }
        assert_eq!(canonical("https://contoso.sharepoint.com/sites/Märkte/"), canonical_one);
        assert_eq!(
            canonical("https://contoso.sharepoint.com/sites/Sales EMEA"),
            "https://contoso.sharepoint.com/sites/Sales%20EMEA"
        );
        assert_eq!(
            canonical("https://Contoso.sharepoint.com/"),
            "https://contoso.sharepoint.com"
        );
        assert!(!same_site(canonical_one, "https://contoso.sharepoint.com/sites/Markte"));
    }
}
