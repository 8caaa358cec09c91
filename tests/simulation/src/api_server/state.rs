//! The server's state, and the way of a request through it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use entra_access_operator::clock::Clock;
use http::request::Parts;
use serde_json::Value;

use super::{
    admission::Admission,
    calls::Call,
    chance::Chance,
    definition::Definitions,
    namespace::NamespaceController,
    refusal::Refusal,
    request::{PatchType, Request, User, Verb},
    resource::Resources,
    schema::Evaluator,
    store::{Key, Store},
    watch::Watch,
};

/// What the server reads of a request's body, at most.
const LONGEST_BODY: usize = 3 * 1024 * 1024;

/// An answer that is no refusal.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) code: u16,
    pub(super) body: Value,
    /// What follows, line by line, in place of a body.
    pub(super) watch: Option<Watch>,
}

impl Reply {
    fn new(code: u16, body: Value) -> Self {
        Self {
            code,
            body,
            watch: None,
        }
    }

    pub(super) fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    pub(super) fn created(body: Value) -> Self {
        Self::new(201, body)
    }

    pub(super) fn watched(watch: Watch) -> Self {
        Self {
            watch: Some(watch),
            ..Self::ok(Value::Null)
        }
    }
}

/// What comes of a request.
pub(super) type Outcome = Result<Reply, Refusal>;

/// All that there is of a server.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) chance: Chance,
    pub(super) store: Store,
    pub(super) resources: Resources,
    pub(super) evaluator: Evaluator,
    pub(super) admission: Admission,
    pub(super) namespace_controller: NamespaceController,
    /// What was applied last, by the object's uid and the field manager.
    pub(super) applied: BTreeMap<(String, String), Value>,
    /// Objects that were stored without a default that reading adds: the first write stores it, and is one, even where it
    /// changes nothing else.
    pub(super) incomplete: BTreeSet<Key>,
    pub(super) calls: Vec<Call>,
}

impl State {
    pub(super) fn new(clock: Clock, seed: u64, definitions: &Definitions) -> Self {
        let mut state = Self {
            clock,
            chance: Chance::new(seed),
            store: Store::default(),
            resources: Resources::new(definitions),
            evaluator: Evaluator::new(),
            admission: Admission::default(),
            namespace_controller: NamespaceController::default(),
            applied: BTreeMap::new(),
            incomplete: BTreeSet::new(),
            calls: Vec::new(),
        };
        state.make_first_namespaces();
        state
    }

    /// Answers a request whose body has been read, and writes it down.
    pub(super) fn answer(&mut self, parts: &Parts, body: &[u8], user: &User) -> Outcome {
        let outcome = self.do_request(parts, body, user);
        let code = match &outcome {
            Ok(reply) => reply.code,
            Err(refusal) => refusal.code,
        };
        self.calls.push(Call {
            at: self.clock.now(),
            user: user.name.clone(),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(), // none is an empty one
            code,
        });
        outcome
    }

    fn do_request(&mut self, parts: &Parts, body: &[u8], user: &User) -> Outcome {
        let mut request = Request::understand(&self.resources, parts, user.clone())?;
        if body.len() > LONGEST_BODY {
            return Err(Refusal::body_too_large(LONGEST_BODY));
        }
        if !body.is_empty() {
            request.body = read_body(&request, body)?;
        }
        match request.verb {
            Verb::Get => self.get(&request),
            Verb::List => self.list(&request),
            Verb::Watch => self.watch(&request),
            Verb::Create => self.create(&request),
            Verb::Update => self.update(&request),
            Verb::Patch(patch_type) => self.patch(&request, patch_type),
            Verb::Delete => self.delete(&request),
            Verb::DeleteCollection => self.delete_collection(&request),
        }
    }

    /// Where the object of the request is.
    pub(super) fn key(&self, request: &Request) -> Key {
        Key::new(request.resource.storage(), request.namespace.as_deref(), &request.name)
    }

    pub(super) fn stored(&self, request: &Request) -> Result<(Key, Arc<Value>), Refusal> {
        let key = self.key(request);
        match self.store.get(&key) {
            Some(object) => {
                let object = Arc::clone(object);
                Ok((key, object))
            }
            None => Err(Refusal::not_found(&request.resource, &request.name)),
        }
    }
}

/// JSON, or the YAML of an apply, of which JSON is a part.
fn read_body(request: &Request, body: &[u8]) -> Result<Value, Refusal> {
    let kind = &request.resource.kind;
    let unreadable = |error: &dyn std::fmt::Display| match request.verb {
        Verb::Patch(_) => Refusal::bad_request(&format!("error decoding patch: {error}")),
        _ => Refusal::bad_request(&format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {error}"
        )),
    };
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        Err(error) if request.verb == Verb::Patch(PatchType::Apply) => {
            serde_saphyr::from_slice(body).map_err(|_| unreadable(&error))
        }
        Err(error) => Err(unreadable(&error)),
    }
}
