//! Addresses of SharePoint sites: which are one, how one is written, and which are no site's.

use percent_encoding::percent_decode_str;
use url::Url;

/// An address in its parts, decoded.
struct Address {
    host: String,
    segments: Vec<String>,
}

impl Address {
    fn read(url: &str) -> Option<Self> {
        let url = Url::parse(url.trim()).ok().filter(|url| url.scheme() == "https")?;
        let host = match (url.host_str()?, url.port()) {
            (host, None) => host.to_owned(),
            (host, Some(port)) => format!("{host}:{port}"),
        };
        let segments = url
            .path_segments()?
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8().ok().map(Into::into))
            .collect::<Option<_>>()?;
        Some(Self { host, segments })
    }

    /// The address of what stands this many segments down, as SharePoint writes it.
    fn write(host: &str, segments: &[String]) -> Option<String> {
        let mut url = Url::parse(&format!("https://{host}")).ok()?;
        url.path_segments_mut().ok()?.clear().extend(segments);
        Some(url.as_str().trim_end_matches('/').to_owned())
    }

    fn is(&self, other: &Self) -> bool {
        self.host == other.host
            && self.segments.len() == other.segments.len()
            && self
                .segments
                .iter()
                .zip(&other.segments)
                .all(|(one, other)| one.to_lowercase() == other.to_lowercase())
    }

    /// How many segments at the front may have any name: those of a site collection's own address.
    fn free(&self) -> usize {
        match self.segments.first().map(|first| first.to_lowercase()).as_deref() {
            Some("sites" | "teams" | "personal" | "portals") => 2,
            Some(_) | None => 0,
        }
    }
}

/// The address as SharePoint writes it: host in lower case, what is not ASCII percent-encoded, no slash at the end; the
/// case of the path is kept. `None` for what is no https address.
#[must_use]
pub fn canonical(url: &str) -> Option<String> {
    let address = Address::read(url)?;
    Address::write(&address.host, &address.segments)
}

/// Whether two addresses are of one site: compared without case, percent-encoding and last slash.
#[must_use]
pub fn same_site(one: &str, other: &str) -> bool {
    match (Address::read(one), Address::read(other)) {
        (Some(one), Some(other)) => one.is(&other),
        // What cannot be read is itself, and nothing else.
        (None, Some(_)) | (Some(_), None) => false,
        (None, None) => one == other,
    }
}

/// Whether two origin ids are of one resource: addresses as sites are, ids without case.
#[must_use]
pub fn same_origin(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || same_site(one, other)
}

/// What an address is that is no site's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSite {
    /// A page in a site.
    Page,
    /// A library or a list of a site, or something in it.
    Library,
    /// Something that every site has for its own use.
    System,
    /// A link by which something was shared.
    SharingLink,
}

impl NoSite {
    /// The words for it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Page => "the address of a page",
            Self::Library => "the address of a library or list",
            Self::System => "the address of a settings page",
            Self::SharingLink => "a sharing link",
        }
    }
}

/// Why this address is no site's, and the address of the site that is probably meant; `None` where it may be one.
#[must_use]
pub fn no_site(url: &str) -> Option<(NoSite, String)> {
    let mut address = Address::read(url)?;
    let mut kind = None;
    // https://host/:u:/r/sites/marketing/…, https://host/:f:/s/marketing/…
    if let [link, form, rest @ ..] = address.segments.as_slice()
        && link.starts_with(':')
        && link.ends_with(':')
    {
        kind = Some((NoSite::SharingLink, rest.len()));
        address.segments = match (form.as_str(), rest) {
            ("s", [site, ..]) => vec!["sites".to_owned(), site.clone()],
            ("t", [site, ..]) => vec!["teams".to_owned(), site.clone()],
            _ => rest.to_vec(), // other links keep the path as it is
        };
    }
    let inner = address
        .segments
        .iter()
        .enumerate()
        .skip(address.free())
        .find_map(|(at, segment)| part(segment).map(|kind| (kind, at)));
    let (kind, end) = match (kind, inner) {
        (Some((kind, _)), Some((_, at))) => (kind, at),
        (Some((kind, _)), None) => (kind, address.segments.len()),
        (None, Some(found)) => found,
        (None, None) => return None,
    };
    let site = Address::write(&address.host, address.segments.get(..end)?)?;
    Some((kind, site))
}

/// What a segment below a site stands for that no site can be called.
fn part(segment: &str) -> Option<NoSite> {
    match segment.to_lowercase().as_str() {
        "sitepages" => Some(NoSite::Page),
        "shared documents" | "siteassets" | "lists" | "forms" => Some(NoSite::Library),
        "_layouts" | "_vti_bin" | "_api" | "_catalogs" => Some(NoSite::System),
        page if page.ends_with(".aspx") => Some(NoSite::Page),
        _ => None, // a part of the site's own address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_one_however_it_is_written() {
        for (one, other) in [
            (
                "https://Contoso.SharePoint.com/Sites/MARKETING/",
                "https://contoso.sharepoint.com/sites/marketing",
            ),
            (
                "https://contoso.sharepoint.com/sites/Sales EMEA",
                "https://contoso.sharepoint.com/sites/sales%20emea/",
            ),
            (
                "https://contoso.sharepoint.com/sites/Märkte",
                "https://contoso.sharepoint.com/sites/M%c3%a4rkte",
            ),
            (
                "https://contoso.sharepoint.com/sites/MÄRKTE",
                "https://contoso.sharepoint.com/sites/m%C3%A4rkte",
            ),
            ("https://contoso.sharepoint.com/", "https://contoso.sharepoint.com"),
            (
                "https://contoso.sharepoint.com:443//sites//marketing",
                "https://contoso.sharepoint.com/sites/marketing",
            ),
        ] {
            assert!(same_site(one, other), "{one} {other}");
        }
    }

    #[test]
    fn sites_that_differ_in_more_than_spelling_are_two() {
        for (one, other) in [
            (
                "https://contoso.sharepoint.com/sites/a",
                "https://fabrikam.sharepoint.com/sites/a",
            ),
            (
                "https://contoso.sharepoint.com/sites/a",
                "https://contoso.sharepoint.com/teams/a",
            ),
            (
                "https://contoso.sharepoint.com/sites/a%2Fb",
                "https://contoso.sharepoint.com/sites/a/b",
            ),
            (
                "https://contoso.sharepoint.com/sites/a%2520b",
                "https://contoso.sharepoint.com/sites/a%20b",
            ),
            (
                "https://contoso.sharepoint.com",
                "https://contoso.sharepoint.com/sites/a",
            ),
        ] {
            assert!(!same_site(one, other), "{one} {other}");
        }
    }

    #[test]
    fn an_address_is_sent_as_the_service_writes_it() {
        let canonical = |url| canonical(url).unwrap();
        assert_eq!(
            canonical("https://Contoso.SharePoint.com/sites/Sales EMEA/"),
            "https://contoso.sharepoint.com/sites/Sales%20EMEA"
        );
        assert_eq!(
            canonical("https://contoso.sharepoint.com/sites/M%c3%a4rkte"),
            "https://contoso.sharepoint.com/sites/M%C3%A4rkte"
        );
        assert_eq!(
            canonical("https://contoso.sharepoint.com/"),
            "https://contoso.sharepoint.com"
        );
    }

    #[test]
    fn ids_are_compared_without_case_and_never_taken_for_addresses() {
        assert!(same_origin(
            "0282E19D-bf41-435d-92a4-99bab93af305",
            "0282e19d-BF41-435d-92a4-99bab93af305"
        ));
        assert!(!same_origin("4", "5"));
    }

    #[test]
    fn a_page_a_library_and_a_link_are_no_sites_and_the_site_is_named() {
        let site = "https://contoso.sharepoint.com/sites/marketing".to_owned();
        for (url, kind) in [
            (
                "https://contoso.sharepoint.com/sites/marketing/SitePages/Home.aspx",
                NoSite::Page,
            ),
            (
                "https://contoso.sharepoint.com/sites/marketing/default.aspx",
                NoSite::Page,
            ),
            (
                "https://contoso.sharepoint.com/sites/marketing/Shared%20Documents/Forms/AllItems.aspx",
                NoSite::Library,
            ),
            (
                "https://contoso.sharepoint.com/sites/marketing/_layouts/15/user.aspx",
                NoSite::System,
            ),
            (
                "https://contoso.sharepoint.com/:u:/r/sites/marketing/SitePages/Home.aspx",
                NoSite::SharingLink,
            ),
            (
                "https://contoso.sharepoint.com/:f:/s/marketing/EaB1",
                NoSite::SharingLink,
            ),
        ] {
            assert_eq!(no_site(url), Some((kind, site.clone())), "{url}");
        }
        assert_eq!(
            no_site("https://contoso.sharepoint.com/SitePages/Home.aspx"),
            Some((NoSite::Page, "https://contoso.sharepoint.com".to_owned()))
        );
        // A site collection may have any name, also a library's.
        for url in [
            "https://contoso.sharepoint.com/sites/lists",
            "https://contoso.sharepoint.com/sites/marketing/emea",
            "https://contoso.sharepoint.com",
        ] {
            assert_eq!(no_site(url), None, "{url}");
        }
    }
}
