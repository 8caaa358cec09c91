//! `$filter`: a small parser, and per collection the properties and operators that a source shows to work.

use serde_json::Value;

use crate::error::GraphError;
use crate::store::Object;

/// A literal of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    Boolean(bool),
    Number(i64),
    /// A date, as it was written.
    Date(String),
    Null,
}

/// How a property is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    StartsWith,
    EndsWith,
    Contains,
    In,
}

impl Operator {
    const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
            Self::Contains => "contains",
            Self::In => "in",
        }
    }
}

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Test {
        path: String,
        lower: bool,
        operator: Operator,
        literals: Vec<Literal>,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
}

fn broken(text: &str) -> GraphError {
    GraphError::bad_request(format!("Invalid filter clause: there is an error in '{text}'."))
}

fn tokens(text: &str) -> Result<Vec<Token>, GraphError> {
    let mut all = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => {}
            '(' => all.push(Token::Open),
            ')' => all.push(Token::Close),
            ',' => all.push(Token::Comma),
            '\'' => {
                let mut value = String::new();
                loop {
                    match letters.next() {
                        // A quote inside is doubled.
                        Some('\'') if letters.peek() == Some(&'\'') => {
                            letters.next();
                            value.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => value.push(other),
                        None => return Err(broken(text)),
                    }
                }
                all.push(Token::Text(value));
            }
            _ => {
                let mut word = letter.to_string();
                while let Some(next) = letters.peek().filter(|next| !" \t(),'".contains(**next)) {
                    word.push(*next);
                    letters.next();
                }
                all.push(Token::Word(word));
            }
        }
    }
    Ok(all)
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn word(&self, wanted: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted))
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), GraphError> {
        if self.next().as_ref() == Some(wanted) {
            Ok(())
        } else {
            Err(broken(self.text))
        }
    }

    fn either(&mut self) -> Result<Filter, GraphError> {
        self.depth += 1;
        if self.depth > 50 {
            return Err(GraphError::bad_request("The filter is nested too deeply."));
        }
        let mut left = self.both()?;
        while self.word("or") {
            self.at += 1;
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.one()?;
        while self.word("and") {
            self.at += 1;
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, GraphError> {
        if self.word("not") {
            self.at += 1;
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        match self.next() {
            Some(Token::Open) => {
                let inner = self.either()?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Some(Token::Word(word)) => self.test(&word),
            _ => Err(broken(self.text)),
        }
    }

    /// `path` or `tolower(path)`, the word already read.
    fn path(&mut self, word: String) -> Result<(String, bool), GraphError> {
        if !word.eq_ignore_ascii_case("tolower") {
            return Ok((word, false));
        }
        self.expect(&Token::Open)?;
        let Some(Token::Word(path)) = self.next() else {
            return Err(broken(self.text));
        };
        self.expect(&Token::Close)?;
        Ok((path, true))
    }

    fn literal(&mut self) -> Result<Literal, GraphError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Literal::Text(text)),
            Some(Token::Word(word)) => Ok(match word.as_str() {
                "true" => Literal::Boolean(true),
                "false" => Literal::Boolean(false),
                "null" => Literal::Null,
                _ if word.parse::<jiff::Timestamp>().is_ok() || word.parse::<jiff::civil::Date>().is_ok() => {
                    Literal::Date(word)
                }
                _ => Literal::Number(word.parse().map_err(|_| broken(self.text))?),
            }),
            _ => Err(broken(self.text)),
        }
    }

    fn test(&mut self, word: &str) -> Result<Filter, GraphError> {
        let function = match word.to_ascii_lowercase().as_str() {
            "startswith" => Some(Operator::StartsWith),
            "endswith" => Some(Operator::EndsWith),
            "contains" => Some(Operator::Contains),
            _ => None,
        };
        if let Some(operator) = function {
            self.expect(&Token::Open)?;
            let Some(Token::Word(first)) = self.next() else {
                return Err(broken(self.text));
            };
            let (path, lower) = self.path(first)?;
            self.expect(&Token::Comma)?;
            let literal = self.literal()?;
            self.expect(&Token::Close)?;
            return Ok(Filter::Test {
                path,
                lower,
                operator,
                literals: vec![literal],
            });
        }
        let (path, lower) = self.path(word.to_owned())?;
        let Some(Token::Word(operator)) = self.next() else {
            return Err(broken(self.text));
        };
        let operator = match operator.to_ascii_lowercase().as_str() {
            "eq" => Operator::Eq,
            "ne" => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            "in" => Operator::In,
            _ => return Err(broken(self.text)),
        };
        let mut literals = Vec::new();
        if operator == Operator::In {
            self.expect(&Token::Open)?;
            loop {
                literals.push(self.literal()?);
                match self.next() {
                    Some(Token::Comma) => {}
                    Some(Token::Close) => break,
                    _ => return Err(broken(self.text)),
                }
            }
        } else {
            literals.push(self.literal()?);
        }
        Ok(Filter::Test {
            path,
            lower,
            operator,
            literals,
        })
    }
}

/// Reads the value of `$filter`.
pub(crate) fn parse(text: &str) -> Result<Filter, GraphError> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    let filter = parser.either()?;
    if parser.at == parser.tokens.len() {
        Ok(filter)
    } else {
        Err(broken(text))
    }
}

/// What a property is, for comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Compared exactly.
    Exact,
    /// Compared without case: ids, enum members, names in the directory.
    CaseLess,
    Boolean,
    Date,
}

/// A property that can be filtered: its path in lower case, where the value lies in the stored object, how it is
/// compared, and the operators that a source shows.
pub(crate) type Rule = (&'static str, &'static str, Sort, &'static [Operator]);

/// What can be filtered in a collection.
pub(crate) struct Rules {
    pub(crate) type_name: &'static str,
    pub(crate) rules: &'static [Rule],
    /// Directory objects refuse in their own words, and want advanced-query headers for more.
    pub(crate) directory: bool,
}

impl Filter {
    /// Refuses what no source shows to work.
    pub(crate) fn admit(&self, rules: &Rules) -> Result<(), GraphError> {
        match self {
            Self::And(one, other) | Self::Or(one, other) => {
                one.admit(rules)?;
                other.admit(rules)
            }
            Self::Not(_) if rules.directory => Err(unsupported()),
            Self::Not(_) => Err(GraphError::not_emulated("'not' in a $filter of entitlement management")),
            Self::Test { path, operator, .. } => {
                let Some(rule) = rules.rules.iter().find(|rule| rule.0.eq_ignore_ascii_case(path)) else {
                    let first = path.split('/').next().unwrap_or(path);
                    if crate::schema::declares(rules.type_name, first) && !rules.directory {
                        return Err(GraphError::not_emulated(format!(
                            "a $filter on '{path}' of {}",
                            rules.type_name
                        )));
                    }
                    if crate::schema::declares(rules.type_name, first) {
                        return Err(unsupported());
                    }
                    return Err(GraphError::bad_request(format!(
                        "Could not find a property named '{first}' on type 'microsoft.graph.{}'.",
                        rules.type_name
                    )));
                };
                if rule.3.contains(operator) {
                    return Ok(());
                }
                if rules.directory {
                    return Err(unsupported());
                }
                Err(GraphError::not_emulated(format!(
                    "'{}' on '{path}' of {}",
                    operator.name(),
                    rules.type_name
                )))
            }
        }
    }

    /// Whether `path eq literal` stands in it where it binds every result.
    pub(crate) fn requires(&self, wanted: &str) -> Option<&str> {
        match self {
            Self::And(one, other) => one.requires(wanted).or_else(|| other.requires(wanted)),
            Self::Test {
                path,
                operator: Operator::Eq,
                literals,
                ..
            } if path.eq_ignore_ascii_case(wanted) => match literals.first() {
                Some(Literal::Text(text)) => Some(text),
                _ => None,
            },
            Self::Or(..) | Self::Not(_) | Self::Test { .. } => None,
        }
    }

    /// Whether an object passes.
    pub(crate) fn admits(&self, rules: &Rules, object: &Object) -> bool {
        match self {
            Self::And(one, other) => one.admits(rules, object) && other.admits(rules, object),
            Self::Or(one, other) => one.admits(rules, object) || other.admits(rules, object),
            Self::Not(inner) => !inner.admits(rules, object),
            Self::Test {
                path,
                lower,
                operator,
                literals,
            } => {
                let Some(rule) = rules.rules.iter().find(|rule| rule.0.eq_ignore_ascii_case(path)) else {
                    return false;
                };
                let value = lookup(object, rule.1);
                literals
                    .iter()
                    .any(|literal| passes(value, *lower, rule.2, *operator, literal))
            }
        }
    }
}

/// The value at a pointer like `/target/objectId`.
fn lookup<'a>(object: &'a Object, pointer: &str) -> &'a Value {
    let mut steps = pointer.split('/').skip(1);
    let first = steps.next().and_then(|step| object.get(step));
    steps
        .fold(first, |value, step| value?.get(step))
        .unwrap_or(&Value::Null)
}

fn unsupported() -> GraphError {
    GraphError::new(
        400,
        "Request_UnsupportedQuery",
        "Unsupported or invalid query filter clause specified for property.",
    )
}

fn passes(value: &Value, lower: bool, sort: Sort, operator: Operator, literal: &Literal) -> bool {
    let equal = |text: &str, wanted: &str| match sort {
        Sort::Exact if lower => text.to_lowercase() == wanted,
        Sort::Exact => text == wanted,
        Sort::CaseLess | Sort::Boolean | Sort::Date => text.eq_ignore_ascii_case(wanted),
    };
    let folded = |text: &str| {
        if lower || sort == Sort::CaseLess {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    };
    match (value, literal) {
        (Value::Null, Literal::Null) => operator == Operator::Eq,
        (_, Literal::Null) | (Value::Null, _) => operator == Operator::Ne,
        (Value::Bool(value), Literal::Boolean(wanted)) => (value == wanted) == (operator == Operator::Eq),
        (Value::String(text), Literal::Date(wanted)) => {
            let ordering = moment(text).zip(moment(wanted)).map(|(one, other)| one.cmp(&other));
            ordering.is_some_and(|ordering| match operator {
                Operator::Gt => ordering.is_gt(),
                Operator::Ge => ordering.is_ge(),
                Operator::Lt => ordering.is_lt(),
                Operator::Le => ordering.is_le(),
                Operator::Eq => ordering.is_eq(),
                Operator::Ne => ordering.is_ne(),
                Operator::StartsWith | Operator::EndsWith | Operator::Contains | Operator::In => false,
            })
        }
        (Value::String(text), Literal::Text(wanted)) => {
            let wanted_folded = if sort == Sort::CaseLess {
                wanted.to_lowercase()
            } else {
                wanted.clone()
            };
            match operator {
                Operator::Eq | Operator::In => equal(text, wanted),
                Operator::Ne => !equal(text, wanted),
                Operator::StartsWith => folded(text).starts_with(&wanted_folded),
                Operator::EndsWith => folded(text).ends_with(&wanted_folded),
                Operator::Contains => folded(text).contains(&wanted_folded),
                Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => false,
            }
        }
        _ => false,
    }
}

fn moment(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RULES: Rules = Rules {
        type_name: "accessPackage",
        rules: &[
            (
                "displayname",
                "/displayName",
                Sort::Exact,
                &[Operator::Eq, Operator::Contains],
            ),
            ("catalog/id", "/catalogId", Sort::CaseLess, &[Operator::Eq]),
        ],
        directory: false,
    };

    fn holds(filter: &str, object: &Object) -> bool {
        let filter = parse(filter).unwrap();
        filter.admit(&RULES).unwrap();
        filter.admits(&RULES, object)
    }

    #[test]
    fn and_binds_closer_than_or_and_quotes_are_doubled() {
        let object = crate::schema::object(json!({"displayName": "O'Neil", "catalogId": "ab"}));
        assert!(holds("displayName eq 'O''Neil'", &object));
        assert!(holds(
            "catalog/id eq 'x' and displayName eq 'x' or catalog/id eq 'AB'",
            &object
        ));
        assert!(!holds(
            "catalog/id eq 'x' and (displayName eq 'x' or catalog/id eq 'AB')",
            &object
        ));
        assert!(holds("contains(tolower(displayName),'neil')", &object));
    }

    #[test]
    fn what_no_source_shows_is_refused_with_its_name() {
        let refused = parse("isHidden eq true").unwrap().admit(&RULES).unwrap_err();
        assert_eq!(refused.status, 501);
        assert!(refused.message.contains("isHidden"), "{}", refused.message);
        let refused = parse("nonsense eq true").unwrap().admit(&RULES).unwrap_err();
        assert_eq!(refused.status, 400);
        assert!(parse("displayName eq").is_err());
        assert!(parse("displayName eq 'a").is_err());
    }
}
