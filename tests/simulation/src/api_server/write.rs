//! Creating and changing.

use std::sync::Arc;

use serde_json::Value;

use super::{
    admission::Operation,
    kinds::strict_words,
    metadata,
    patch::patched,
    refusal::Refusal,
    request::{PatchType, Request, Verb},
    resource::{Nature, Resource},
    state::{Outcome, Reply, State},
    store::Key,
};

/// etcd takes no request that is longer.
const LARGEST_OBJECT: usize = 1_536 * 1024;
/// The parts of a generated name: what the client gave, no longer than this, and five letters.
const LONGEST_BASE: usize = 58;

impl State {
    pub(super) fn create(&mut self, request: &Request) -> Outcome {
        let (object, unknown) = request.resource.read(request.body.clone())?;
        if request.is_strict() {
            request.resource.refuse_unknown(&unknown)?;
        }
        self.create_read(request, object)
    }

    /// Creates an object that has been read.
    fn create_read(&mut self, request: &Request, mut object: Value) -> Outcome {
        let resource = &request.resource;
        check_namespace(request, &mut object)?;
        self.check_lifecycle(request, metadata::text(&object, "name"))?;
        if !metadata::text(&object, "resourceVersion").is_empty() {
            return Err(Refusal::internal(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        let now = self.clock.now();
        metadata::begin(&mut object, self.chance.uid(), resource.has_generation(), now);
        if metadata::text(&object, "name").is_empty() {
            let base: String = metadata::text(&object, "generateName")
                .chars()
                .take(LONGEST_BASE)
                .collect();
            if !base.is_empty() {
                object["metadata"]["name"] = format!("{base}{}", self.chance.suffix()).into();
            }
        }
        resource.prepare_create(&mut object);
        resource.validate(&self.evaluator, &object, None, false)?;
        self.admission.admit(request, Operation::Create, &object, None, now)?;
        let name = metadata::text(&object, "name").to_owned();
        let key = Key::new(resource.storage(), request.namespace.as_deref(), &name);
        if let Some(there) = self.store.get(&key) {
            return Err(Refusal::already_exists(resource, &name, metadata::is_going(there)));
        }
        check_size(&object)?;
        let as_stored = object.clone();
        resource.complete(&mut object);
        if request.is_dry_run() {
            return Ok(Reply::created(resource.show(&object)));
        }
        self.remember_applied(request, &object);
        if object != as_stored {
            self.incomplete.insert(key.clone());
        }
        let stored = self.store.put(&resource.kind, key, object);
        self.was_written(resource);
        Ok(Reply::created(resource.show(&stored)))
    }

    pub(super) fn update(&mut self, request: &Request) -> Outcome {
        let resource = &request.resource;
        let (mut object, unknown) = resource.read(request.body.clone())?;
        if request.is_strict() {
            resource.refuse_unknown(&unknown)?;
        }
        check_name(request, &mut object)?;
        check_namespace(request, &mut object)?;
        let (key, old) = self.stored(request)?;
        check_uid(resource, &key, &object, &old)?;
        self.replace(request, key, &old, object)
    }

    pub(super) fn patch(&mut self, request: &Request, patch_type: PatchType) -> Outcome {
        let resource = &request.resource;
        let (key, old) = match self.stored(request) {
            Err(_) if patch_type == PatchType::Apply && !request.is_of_status => return self.apply_new(request),
            stored => stored?,
        };
        let applied = self.applied.get(&manager(request, &old)).cloned();
        let object = patched(request, patch_type, &resource.show(&old), applied.as_ref())?;
        let (mut read, unknown) = resource.read(object.clone()).map_err(|refusal| {
            let words = refusal.body["message"].as_str().unwrap_or_default(); // every refusal has one
            let words = words.split_once(": ").map_or(words, |(_, words)| words);
            if words.starts_with("json: ") {
                Refusal::unreadable_patch(&object, words)
            } else {
                refusal
            }
        })?;
        if request.is_strict() && !unknown.is_empty() {
            return Err(Refusal::unreadable_patch(&object, &strict_words(&unknown)));
        }
        check_name(request, &mut read)?;
        check_namespace(request, &mut read)?;
        self.replace(request, key, &old, read)
    }

    /// Server-side apply of what is not there yet.
    fn apply_new(&mut self, request: &Request) -> Outcome {
        let (mut object, unknown) = request.resource.read(request.body.clone())?;
        if request.is_strict() {
            request.resource.refuse_unknown(&unknown)?;
        }
        check_name(request, &mut object)?;
        self.create_read(request, object)
    }

    /// Stores the object in place of the old one, as far as this door writes it.
    fn replace(&mut self, request: &Request, key: Key, old: &Arc<Value>, mut object: Value) -> Outcome {
        let resource = &request.resource;
        check_version(resource, &request.name, &object, old)?;
        // Which version it was to replace has been seen to.
        object["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
        resource.prepare_update(&mut object, old, request.is_of_status);
        resource.validate(&self.evaluator, &object, Some(old), request.is_of_status)?;
        let now = self.clock.now();
        self.admission
            .admit(request, Operation::Update, &object, Some(old), now)?;
        check_size(&object)?;
        resource.complete(&mut object);
        if request.is_dry_run() {
            return Ok(Reply::ok(resource.show(&object)));
        }
        self.remember_applied(request, &object);
        if object == **old && !self.incomplete.remove(&key) {
            return Ok(Reply::ok(resource.show(old)));
        }
        if metadata::is_going(&object) && metadata::finalizers(&object).is_empty() && !self.is_held(resource, &object) {
            // Watches see it as it was stored last; who took the finalizer off sees it without.
            self.remove(resource, &key, old);
            return Ok(Reply::ok(resource.show(&object)));
        }
        self.incomplete.remove(&key);
        let stored = self.store.put(&resource.kind, key, object);
        self.was_written(resource);
        Ok(Reply::ok(resource.show(&stored)))
    }

    /// What a field manager applies is its own from now on.
    fn remember_applied(&mut self, request: &Request, object: &Value) {
        if request.verb == Verb::Patch(PatchType::Apply) {
            self.applied.insert(manager(request, object), request.body.clone());
        }
    }

    /// Whether something other than finalizers of metadata keeps an object that goes.
    fn is_held(&self, resource: &Resource, object: &Value) -> bool {
        matches!(resource.nature, Nature::Namespace) && object["spec"]["finalizers"][0].is_string()
    }

    /// Policies are in force when they are stored.
    fn was_written(&mut self, resource: &Resource) {
        if resource.group == "admissionregistration.k8s.io" {
            self.bind_policies();
        }
    }

    /// Takes the object away.
    pub(super) fn remove(&mut self, resource: &Resource, key: &Key, last: &Value) {
        let uid = metadata::text(last, "uid").to_owned();
        self.applied.retain(|(of, _), _| *of != uid);
        self.incomplete.remove(key);
        self.store.remove(&resource.kind, key, last);
        self.was_written(resource);
        self.content_is_gone();
    }
}

/// The object, and who applies; status is applied apart from the rest.
fn manager(request: &Request, object: &Value) -> (String, String) {
    let manager = request.asks("fieldManager").unwrap_or_default(); // without one it is refused in a real cluster
    let door = if request.is_of_status { "/status" } else { "" };
    (metadata::text(object, "uid").to_owned(), format!("{manager}{door}"))
}

fn check_name(request: &Request, object: &mut Value) -> Result<(), Refusal> {
    let (name, wanted) = (metadata::text(object, "name"), request.name.as_str());
    if name.is_empty() {
        return Err(Refusal::bad_request(&format!(
            "the name of the object ({wanted} based on URL) was undeterminable: name must be provided"
        )));
    }
    if name != wanted {
        return Err(Refusal::bad_request(&format!(
            "the name of the object ({name}) does not match the name on the URL ({wanted})"
        )));
    }
    Ok(())
}

/// The namespace of the path, where the object names none; no other.
fn check_namespace(request: &Request, object: &mut Value) -> Result<(), Refusal> {
    let named = metadata::text(object, "namespace");
    match &request.namespace {
        Some(namespace) if named.is_empty() => {
            object["metadata"]["namespace"] = namespace.clone().into();
            Ok(())
        }
        Some(namespace) if named == namespace => Ok(()),
        // An object of the cluster is in none, whatever it says.
        None => {
            object["metadata"]
                .as_object_mut()
                .map(|metadata| metadata.remove("namespace"));
            Ok(())
        }
        Some(_) => Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        )),
    }
}

/// A uid in what is written is a precondition.
fn check_uid(resource: &Resource, key: &Key, object: &Value, old: &Value) -> Result<(), Refusal> {
    let (asked, there) = (metadata::text(object, "uid"), metadata::text(old, "uid"));
    if asked.is_empty() || asked == there {
        return Ok(());
    }
    let group = if resource.group.is_empty() {
        String::new()
    } else {
        format!("{}/", resource.group)
    };
    let words = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{group}{}/{}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {asked}, UID in object meta: {there}",
        resource.plural, key.path
    );
    Err(Refusal::conflict(resource, metadata::text(old, "name"), &words))
}

fn check_version(resource: &Resource, name: &str, object: &Value, old: &Value) -> Result<(), Refusal> {
    match metadata::text(object, "resourceVersion") {
        "" if resource.takes_blind_updates() => Ok(()),
        "" => Err(Refusal::no_resource_version(resource, name)),
        version if version == metadata::text(old, "resourceVersion") => Ok(()),
        version if version.parse::<u64>().is_err() => Err(Refusal::internal(&format!(
            "strconv.ParseUint: parsing {version:?}: invalid syntax"
        ))),
        _ => Err(Refusal::modified(resource, name)),
    }
}

fn check_size(object: &Value) -> Result<(), Refusal> {
    /// Counts without keeping.
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, object) {
        Ok(()) if count.0 <= LARGEST_OBJECT => Ok(()),
        _ => Err(Refusal::object_too_large()),
    }
}
