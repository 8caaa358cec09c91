//! `$expand` with its nested options: `resourceRoleScopes($expand=role($expand=resource),scope;$select=id)`.

use crate::error::GraphError;

/// One navigation property to expand.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Expand {
    pub(crate) name: String,
    pub(crate) select: Vec<String>,
    pub(crate) expand: Vec<Expand>,
}

/// Splits at a separator that stands outside parentheses and quotes.
fn split(text: &str, separator: char) -> Result<Vec<&str>, GraphError> {
    let (mut depth, mut quoted, mut start, mut parts) = (0_i32, false, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ if letter == separator && depth == 0 && !quoted => {
                parts.push(&text[start..at]);
                start = at + letter.len_utf8();
            }
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    if depth != 0 || quoted {
        return Err(GraphError::bad_request(format!(
            "Parsing OData Select and Expand failed: unbalanced '{text}'."
        )));
    }
    parts.push(&text[start..]);
    Ok(parts)
}

/// Reads the value of `$expand`.
pub(crate) fn parse(text: &str) -> Result<Vec<Expand>, GraphError> {
    let mut all = Vec::new();
    for part in split(text, ',')? {
        let part = part.trim();
        let (name, options) = match part.split_once('(') {
            Some((name, rest)) => (name.trim(), rest.strip_suffix(')').unwrap_or(rest)),
            None => (part, ""),
        };
        if name.is_empty() {
            return Err(GraphError::bad_request(format!(
                "Parsing OData Select and Expand failed: '{text}'."
            )));
        }
        let mut one = Expand {
            name: name.to_owned(),
            ..Expand::default()
        };
        for option in split(options, ';')?
            .into_iter()
            .map(str::trim)
            .filter(|option| !option.is_empty())
        {
            match option.split_once('=') {
                Some(("$expand", value)) => one.expand = parse(value)?,
                Some(("$select", value)) => one.select = value.split(',').map(|part| part.trim().to_owned()).collect(),
                _ => {
                    return Err(GraphError::not_emulated(format!(
                        "the option '{option}' in $expand={text}"
                    )));
                }
            }
        }
        all.push(one);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_options_are_read() {
        let read = parse("resourceRoleScopes($expand=role($expand=resource),scope;$select=id),catalog").unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].expand[0].expand[0].name, "resource");
        assert_eq!(read[0].expand[1].name, "scope");
        assert_eq!(read[0].select, ["id"]);
    }

    #[test]
    fn an_unbalanced_parenthesis_is_refused() {
        assert!(parse("a($expand=b").is_err());
        assert!(parse("a)").is_err());
    }
}
