//! OData literals and the encoding of URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::{GraphError, GraphErrorKind};

/// A string literal of a `$filter`: quoted, with quotes doubled. The only way a value gets into a filter.
pub fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// `{left} eq '{right}'`.
pub(super) fn eq(left: &str, right: &str) -> String {
    format!("{left} eq {}", literal(right))
}

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What a segment of a path must not hold as it is.
const SEGMENT: &AsciiSet = &RESERVED.remove(b'$').remove(b':').remove(b'@').remove(b',');
/// What a value of a query must not hold as it is.
const VALUE: &AsciiSet = &RESERVED
    .remove(b'$')
    .remove(b',')
    .remove(b'(')
    .remove(b')')
    .remove(b'/')
    .remove(b':')
    .remove(b'@');

/// A path below the Graph root, each segment encoded, with a leading slash.
///
/// An empty or dot segment would silently address something else (the collection, the parent), so it is refused.
pub(super) fn path(operation: &'static str, segments: &[&str]) -> Result<String, GraphError> {
    let mut path = String::new();
    for segment in segments {
        if segment.is_empty() || *segment == "." || *segment == ".." {
            return Err(GraphError::new(
                GraphErrorKind::BadRequest,
                operation,
                "an id is empty: nothing was sent",
            ));
        }
        path.push('/');
        path.extend(utf8_percent_encode(segment, SEGMENT));
    }
    Ok(path)
}

/// The segment of a path that calls a function with these texts; its own signs are left as they are, since that is how it is
/// documented.
pub(super) fn function(name: &str, arguments: &[(&str, &str)]) -> String {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|(name, value)| {
            let value = value.replace('\'', "''");
            format!("{name}='{}'", utf8_percent_encode(&value, SEGMENT))
        })
        .collect();
    format!("{name}({})", arguments.join(","))
}

/// A query of name and value pairs; names are ours (`$filter`), values are encoded.
pub(super) fn query(pairs: &[(&str, String)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        query.extend(utf8_percent_encode(value, VALUE));
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_cannot_end_a_literal() {
        assert_eq!(literal("O'Neil"), "'O''Neil'");
        assert_eq!(
            literal("' or 1 eq 1 or displayName eq '"),
            "''' or 1 eq 1 or displayName eq '''"
        );
        assert_eq!(
            query(&[("$filter", eq("displayName", "O'Neil & +"))]),
            "$filter=displayName%20eq%20%27O%27%27Neil%20%26%20%2B%27"
        );
    }

    #[test]
    fn a_guests_hash_does_not_cut_the_url() {
        assert_eq!(
            path("users.get", &["users", "a_b.com#EXT#@c.onmicrosoft.com"]).unwrap(),
            "/users/a_b.com%23EXT%23@c.onmicrosoft.com"
        );
        assert_eq!(query(&[("$filter", "a#b".to_owned())]), "$filter=a%23b");
    }

    #[test]
    fn an_id_cannot_climb_out_of_its_path() {
        for id in ["", ".", ".."] {
            assert!(path("catalogs.get", &["catalogs", id]).is_err());
        }
        assert_eq!(
            path("catalogs.get", &["catalogs", "a/../b?c"]).unwrap(),
            "/catalogs/a%2F..%2Fb%3Fc"
        );
    }
}
