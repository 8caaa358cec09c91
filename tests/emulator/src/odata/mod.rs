//! The part of OData that entitlement management was seen to take.

pub(crate) mod expand;
pub(crate) mod filter;
pub(crate) mod page;

use percent_encoding::percent_decode_str;

use crate::error::GraphError;
use expand::Expand;

/// The options of a request.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) filter: Option<String>,
    pub(crate) select: Vec<String>,
    pub(crate) expand: Vec<Expand>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: usize,
    pub(crate) skip_token: Option<String>,
    pub(crate) count: bool,
    /// All but the token, to build the next link from.
    pub(crate) rest: String,
}

/// `+` is a space and `%27` a quote in a query, as Microsoft's own examples write them.
pub(crate) fn decoded(part: &str) -> String {
    percent_decode_str(&part.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

fn number(name: &str, value: &str) -> Result<usize, GraphError> {
    value
        .parse()
        .map_err(|_| GraphError::bad_request(format!("Invalid value '{value}' for {name} query option found.")))
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Result<Self, GraphError> {
        let mut query = Self::default();
        let mut kept = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name), decoded(value));
            if name.eq_ignore_ascii_case("$skiptoken") {
                query.skip_token = Some(value);
                continue;
            }
            kept.push(pair);
            match name.to_ascii_lowercase().as_str() {
                "$filter" => query.filter = Some(value),
                "$select" => query.select = value.split(',').map(|part| part.trim().to_owned()).collect(),
                "$expand" => query.expand = expand::parse(&value)?,
                "$top" => {
                    let top = number("$top", &value)?;
                    if top == 0 {
                        return Err(GraphError::bad_request(
                            "Invalid page size specified: '0'. Must be between 1 and 999 inclusive.",
                        ));
                    }
                    query.top = Some(top);
                }
                "$skip" => query.skip = number("$skip", &value)?,
                "$count" => query.count = value.eq_ignore_ascii_case("true"),
                _ => return Err(GraphError::not_emulated(format!("the query option '{name}={value}'"))),
            }
        }
        query.rest = kept.join("&");
        Ok(query)
    }
}
