//! An expression in CEL.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use kube_cel::{
    KubeCelExt,
    cel::{Context, ExecutionError, Value as Cel, extractors::This, parser},
};
use regex::Regex;

/// `.?field`. The cel crate (0.13) takes a field that is missing there for an error; it does not so with `[?"field"]`, which
/// means the same. Texts within an expression that look like it would be changed too: none of ours does.
static OPTIONAL_FIELD: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a constant")]
    Regex::new(r"\.\?([A-Za-z_][A-Za-z0-9_]*)").expect("a pattern")
});

/// An expression, parsed. With the syntax of optionals, which Kubernetes has and `Program::compile` has not.
pub(super) struct Expression {
    source: String,
    parsed: parser::Expression,
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl Expression {
    /// Parses it.
    ///
    /// # Errors
    /// With the expression, and what is wrong with it.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        let indexed = OPTIONAL_FIELD.replace_all(source, r#"[?"$1"]"#);
        let parsed = parser::Parser::default().enable_optional_syntax(true).parse(&indexed);
        let parsed = parsed.map_err(|error| format!("{source}: {error}"))?;
        Ok(Self {
            source: source.to_owned(),
            parsed,
        })
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it asks for this variable.
    pub(super) fn asks_for(&self, variable: &str) -> bool {
        self.parsed.references().has_variable(variable)
    }

    pub(super) fn value(&self, context: &Context<'_>) -> Result<Cel, ExecutionError> {
        Cel::resolve(&self.parsed, context)
    }

    /// A text; none where it is none, or cannot be told.
    pub(super) fn text(&self, context: &Context<'_>) -> Option<String> {
        match self.value(context) {
            Ok(Cel::String(text)) => Some(text.trim().to_owned()),
            Ok(_) | Err(_) => None,
        }
    }
}

/// What expressions may call: CEL's own, and Kubernetes'.
pub(super) fn functions() -> Context<'static> {
    let mut context = Context::default().with_all();
    context.add_function("matches", matches);
    context
}

/// As the cel crate's, which compiles the pattern at each call: most of the time that a rule takes.
fn matches(This(text): This<Arc<String>>, pattern: Arc<String>) -> Result<bool, ExecutionError> {
    static COMPILED: LazyLock<Mutex<HashMap<Arc<String>, Regex>>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = compiled.get(&pattern) {
        return Ok(regex.is_match(&text));
    }
    let regex = Regex::new(&pattern).map_err(|error| ExecutionError::function_error("matches", error))?;
    let is_match = regex.is_match(&text);
    compiled.insert(pattern, regex);
    Ok(is_match)
}
