//! What holds for any spec, and for any two: written and read back there is nothing left to do; from one to the other takes
//! the writes that their differences call for, and leaves what the other alone would.

use std::{collections::BTreeSet, time::Duration};

use entra_access_operator::{
    api::{
        AccessPackageSpec, AssignmentPolicySpec, CatalogSpec, DriftPolicy, IncompatibleWith, IsoDuration,
        QuestionStatus, ResourceStatus,
    },
    graph::{AccessPackage, AccessPackageId, CatalogId, Cloud, GraphError, IncompatibleKind, PolicyId, Read},
    plan::{
        self, Base, Drift, Found, Memory, Plan, Rules, Waits,
        access_package::{self, Named, PackageAct, RoleKey},
        assignment_policy::{self, PolicyAct, questions},
        bindings::{application_key, group_key, site_key},
        catalog::{self, CatalogAct, DesiredRoles, SeenCatalog},
        desire,
        limits::{well_formed, well_named},
        people,
        resources::ResolvedResource,
        roles::AppRoles,
    },
};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::bench::Bench;

/// How long a request for a resource may take.
const DELIVERY: Duration = Duration::from_secs(60);

fn mistyped(error: serde_json::Error) -> String {
    format!("the spec is not of its type: {error}")
}

fn refused(error: GraphError) -> String {
    format!("Graph refused it: {error}")
}

/// Whether a plan can be carried out whole: nothing of it is held, and nothing was left unread.
fn whole<A: plan::Act>(plan: &Plan<A>) -> Result<(), String> {
    if plan.is_open {
        return Err("something was left unread".to_owned());
    }
    match plan.held.first() {
        Some((step, hold)) => Err(format!("{step} is held: {}", hold.reason().name())),
        None => Ok(()),
    }
}

fn nothing_left<A: plan::Act>(plan: &Plan<A>, after: &str) -> Result<(), String> {
    whole(plan)?;
    match plan.steps.first() {
        Some(step) => Err(format!("{after} there is still to do: {step}")),
        None => Ok(()),
    }
}

/// What an object is in the operator's memory.
struct Remembered<I> {
    id: Option<I>,
    memories: Vec<Memory>,
    /// What was written to get there.
    steps: usize,
}

impl<I> Remembered<I> {
    fn nothing() -> Self {
        Self {
            id: None,
            memories: Vec::new(),
            steps: 0,
        }
    }
}

fn rules(base: Base<'_>) -> Rules<'_> {
    Rules {
        base,
        drift: Drift {
            policy: DriftPolicy::Cautious,
            requested: false,
        },
        limit: None,
        confirmed: true,
        waits: Waits::NONE,
    }
}

/// That going from one state to the other took as much as it may, and led there.
fn is_led(from: &Value, by: &Value, alone: &Value, took: (usize, usize)) -> Result<(), String> {
    if by != alone {
        return Err(format!("A → B leaves {by}\nB alone leaves {alone}"));
    }
    let (took, calls_for) = took;
    if took != calls_for {
        return Err(format!(
            "A → B took {took} writes, and its differences call for {calls_for}: from {from}\nto {by}"
        ));
    }
    Ok(())
}

// Policies.

struct Policy {
    remembered: Remembered<PolicyId>,
    questions: Vec<QuestionStatus>,
}

impl Policy {
    fn unborn() -> Self {
        Self {
            remembered: Remembered::nothing(),
            questions: Vec::new(),
        }
    }

    /// One visit: what is missing is written, and afterwards nothing is.
    async fn write(&mut self, bench: &mut Bench, spec: &AssignmentPolicySpec) -> Result<(), String> {
        let before = self.visit(bench, spec, true).await?;
        self.remembered.steps = before.steps.len();
        for step in before.steps {
            match &step.act {
                PolicyAct::Create(body) => {
                    let made = bench.graph.create_assignment_policy(&bench.package, body).await;
                    self.remembered.id = Some(made.map_err(refused)?.id);
                }
                PolicyAct::Replace(body) => {
                    let id = self.remembered.id.as_ref().ok_or("there is nothing to replace")?;
                    let replaced = bench.graph.replace_assignment_policy(id, &bench.package, body).await;
                    replaced.map_err(refused)?;
                }
                PolicyAct::Identity(_)
                | PolicyAct::Close { .. }
                | PolicyAct::RemoveAssignments(_)
                | PolicyAct::Delete { .. } => return Err(format!("nobody asked for this: {step}")),
            }
            self.remembered.memories.extend(step.memories);
        }
        nothing_left(&self.visit(bench, spec, true).await?, "written and read back,")?;
        // Nor for a process that knows nothing but what it reads.
        nothing_left(&self.visit(bench, spec, false).await?, "for one that remembers nothing")
    }

    async fn visit(
        &mut self,
        bench: &mut Bench,
        spec: &AssignmentPolicySpec,
        remembers: bool,
    ) -> Result<Plan<PolicyAct>, String> {
        let references = people::references(spec, &bench.catalog_id).map_err(|problem| problem.message())?;
        bench.look_up(references.into_iter().map(|(_, key)| key)).await?;
        let people = people::bound(spec, &bench.catalog_id.clone(), &mut |_, key| {
            let id = bench.id(&key).unwrap_or_default(); // each was looked up
            Ok(id.into())
        });
        let people = people.map_err(|problem| problem.message())?;
        let observed = match &self.remembered.id {
            None => Found::Unborn,
            Some(id) => {
                let read = bench.graph.get_assignment_policy(id).await.map_err(refused)?;
                Found::Present(Box::new(read.ok_or("the policy is not there")?))
            }
        };
        let wanted = |known: &[QuestionStatus]| {
            let desired = desire::policy(spec, people.clone(), known, Cloud::Global);
            desired.map_err(|problem| problem.message())
        };
        let mut desired = wanted(&self.questions)?;
        if let Found::Present(policy) = &observed {
            self.questions = questions::told(&spec.questions, &desired.questions, &policy.fields.questions);
            desired = wanted(&self.questions)?;
        }
        let applied = plan::applied(&self.remembered.memories);
        let base = match remembers && self.remembered.id.is_some() {
            true => Base::of(Some(&applied)),
            false => Base::none(),
        };
        let plan = assignment_policy::plan(&desired, &observed, &rules(base));
        whole(&plan)?;
        if remembers {
            self.remembered.memories.extend(plan.found.clone());
        }
        Ok(plan)
    }

    /// How it is in Entra, what means the same written the same.
    fn picture(&self, bench: &Bench) -> Value {
        let policies = bench.stage.entra.part("assignmentPolicies").unwrap_or_default();
        let id = self.remembered.id.as_ref().map(PolicyId::as_str);
        let mut all = policies.as_array().into_iter().flatten();
        let policy = all.find(|policy| policy["id"].as_str() == id);
        let mut policy = policy.cloned().unwrap_or_default();
        for made in [
            "id",
            "reviewSeries",
            "createdDateTime",
            "modifiedDateTime",
            "accessPackage",
            "catalog",
        ] {
            if let Some(policy) = policy.as_object_mut() {
                policy.remove(made);
            }
        }
        let mut settings = policy["customExtensionStageSettings"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for setting in &mut settings {
            if let Some(setting) = setting.as_object_mut() {
                setting.remove("id");
            }
        }
        settings.sort_by_key(Value::to_string);
        policy["customExtensionStageSettings"] = settings.into();
        for question in policy["questions"].as_array_mut().into_iter().flatten() {
            if let Some(question) = question.as_object_mut() {
                question.remove("id");
            }
        }
        // Where nobody is removed, it means nothing when.
        if policy["automaticRequestSettings"]["removeAccessWhenTargetLeavesAllowedTargets"] == false {
            policy["automaticRequestSettings"]["gracePeriodBeforeAccessRemoval"] = Value::Null;
        }
        normal(&mut policy);
        policy
    }
}

/// Sets in one order; ids in small letters; lengths and times by what they mean.
fn normal(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                normal(field);
                let is_of_subjects = |items: &[Value]| items.iter().any(|item| item.get("@odata.type").is_some());
                match field {
                    Value::Array(items) if name != "questions" && is_of_subjects(items) => {
                        items.sort_by_key(Value::to_string);
                    }
                    Value::String(text) if name.ends_with("Id") => *text = text.to_lowercase(),
                    Value::String(text) if name.ends_with("DateTime") => {
                        if let Ok(time) = text.parse::<Timestamp>() {
                            *text = time.to_string();
                        }
                    }
                    Value::String(text) if name.to_lowercase().contains("duration") => {
                        if let Some(length) = IsoDuration::new(text.as_str()).as_duration() {
                            *text = format!("{} s", length.as_secs());
                        }
                    }
                    _ => {}
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normal),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Without the day on which its reviews began: a series that exists keeps its own.
fn without_beginning(mut picture: Value) -> Value {
    if let Some(schedule) = picture
        .pointer_mut("/reviewSettings/schedule")
        .and_then(Value::as_object_mut)
    {
        schedule.remove("startDateTime");
    }
    picture
}

/// Both laws for two policies with the same way in.
///
/// # Errors
/// What does not hold.
pub async fn policies(bench: &mut Bench, a: &Value, b: &Value) -> Result<(), String> {
    let spec_a: AssignmentPolicySpec = serde_json::from_value(a.clone()).map_err(mistyped)?;
    let spec_b: AssignmentPolicySpec = serde_json::from_value(b.clone()).map_err(mistyped)?;
    for spec in [&spec_a, &spec_b] {
        well_formed(spec).map_err(|problem| format!("the spec is wrong: {}", problem.message()))?;
    }
    let mut one = Policy::unborn();
    one.write(bench, &spec_a).await.map_err(|why| format!("A: {why}"))?;
    if one.remembered.steps != 1 {
        return Err(format!("A took {} steps", one.remembered.steps));
    }
    let from = one.picture(bench);
    let before = bench.writes();
    one.write(bench, &spec_b).await.map_err(|why| format!("A → B: {why}"))?;
    let took = bench.writes() - before;
    let by = one.picture(bench);
    one.write(bench, &spec_a)
        .await
        .map_err(|why| format!("A → B → A: {why}"))?;
    let back = one.picture(bench);
    let mut alone = Policy::unborn();
    alone.write(bench, &spec_b).await.map_err(|why| format!("B: {why}"))?;
    let right = alone.picture(bench);
    for id in [one.remembered.id, alone.remembered.id].iter().flatten() {
        let deleted = bench.graph.delete_assignment_policy(id).await;
        deleted.map(drop).map_err(refused)?;
    }
    let [from, by, back, right] = [from, by, back, right].map(without_beginning);
    let took = usize::try_from(took).unwrap_or(usize::MAX);
    is_led(&from, &by, &right, (took, usize::from(from != right)))?;
    match back == from {
        true => Ok(()),
        false => Err(format!("A → B → A leaves {back}\nA left {from}")),
    }
}

// Packages.

async fn package(bench: &Bench, id: &AccessPackageId) -> Result<AccessPackage, String> {
    let read = bench.graph.get_access_package(id).await.map_err(refused)?;
    read.ok_or_else(|| "the package is not there".to_owned())
}

/// What a spec means by these, which were looked up.
fn incompatible(bench: &Bench, with: &IncompatibleWith) -> Vec<Named> {
    let IncompatibleWith {
        access_packages,
        groups,
    } = with;
    let packages = access_packages.iter().filter_map(|package| package.id.as_deref());
    let packages = packages.map(|id| (IncompatibleKind::AccessPackage, format!("package {id}"), id.to_owned()));
    let groups = groups.iter().filter_map(group_key).map(|key| {
        let id = bench.id(&key).unwrap_or_default().to_owned(); // it was looked up
        (IncompatibleKind::Group, key.to_string(), id)
    });
    let named = packages.chain(groups).map(|(kind, reference, id)| Named {
        reference,
        kind,
        id: id.into(),
    });
    named.collect()
}

async fn package_plan(
    bench: &Bench,
    spec: &AccessPackageSpec,
    of: &Remembered<AccessPackageId>,
    remembers: bool,
) -> Result<Plan<PackageAct>, String> {
    let mut desired = desire::package(spec, &bench.catalog, bench.catalog_id.clone());
    desired.incompatible.named = spec.incompatible_with.as_ref().map(|with| incompatible(bench, with));
    if let Some(problem) = desired.unresolved.first() {
        return Err(problem.message());
    }
    let observed = match &of.id {
        None => Found::Unborn,
        Some(id) => Found::Present(Box::new(package(bench, id).await?)),
    };
    let applied = plan::applied(&of.memories);
    let base = match remembers && of.id.is_some() {
        true => Base::of(Some(&applied)),
        false => Base::none(),
    };
    let plan = access_package::plan(&desired, &observed, &rules(base));
    whole(&plan)?;
    Ok(plan)
}

async fn write_package(
    bench: &Bench,
    spec: &AccessPackageSpec,
    of: &mut Remembered<AccessPackageId>,
) -> Result<(), String> {
    let plan = package_plan(bench, spec, of, true).await?;
    of.memories.extend(plan.found);
    for step in plan.steps {
        match (&step.act, &of.id) {
            (PackageAct::Create(new), None) => {
                of.id = Some(bench.graph.create_access_package(new).await.map_err(refused)?.id);
            }
            (PackageAct::Update(patch), Some(id)) => {
                bench.graph.update_access_package(id, patch).await.map_err(refused)?;
            }
            (PackageAct::AddRole { role_scope, .. }, Some(id)) => {
                let added = bench.graph.add_resource_role_scope(id, role_scope).await;
                added.map(drop).map_err(refused)?;
            }
            (PackageAct::RemoveRole { id: scope, .. }, Some(id)) => {
                let removed = bench.graph.remove_resource_role_scope(id, scope).await;
                removed.map(drop).map_err(refused)?;
            }
            (PackageAct::AddIncompatible { kind, id: other, .. }, Some(id)) => {
                bench.graph.add_incompatible(id, *kind, other).await.map_err(refused)?;
            }
            (PackageAct::RemoveIncompatible { kind, id: other, .. }, Some(id)) => {
                let removed = bench.graph.remove_incompatible(id, *kind, other).await;
                removed.map(drop).map_err(refused)?;
            }
            _ => return Err(format!("nobody asked for this: {step}")),
        }
        of.memories.extend(step.memories);
    }
    let left = package_plan(bench, spec, of, true).await?;
    nothing_left(&left, "written and read back,")?;
    of.memories.extend(left.found);
    nothing_left(
        &package_plan(bench, spec, of, false).await?,
        "for one that remembers nothing",
    )
}

/// Its fields; its roles, and whom it keeps out.
async fn package_picture(bench: &Bench, of: &Remembered<AccessPackageId>) -> Result<(Value, BTreeSet<String>), String> {
    let id = of.id.as_ref().ok_or("there is no package")?;
    let AccessPackage {
        display_name,
        description,
        hidden,
        resource_role_scopes,
        incompatible_packages,
        incompatible_groups,
        ..
    } = package(bench, id).await?;
    let scopes = resource_role_scopes.known().ok_or("its roles are not told")?;
    let mut members: BTreeSet<String> = scopes
        .elements
        .iter()
        .map(|scope| format!("{:?}", RoleKey::of(scope)))
        .collect();
    for list in [incompatible_packages, incompatible_groups] {
        let list = list.known().ok_or("whom it keeps out is not told")?;
        let ids = list
            .elements
            .iter()
            .map(|one| format!("without {}", one.id).to_lowercase());
        members.extend(ids);
    }
    Ok((json!([display_name, description, hidden]), members))
}

/// Both laws for two packages of one catalog.
///
/// # Errors
/// What does not hold.
pub async fn packages(bench: &mut Bench, a: &Value, b: &Value) -> Result<(), String> {
    let spec_a: AccessPackageSpec = serde_json::from_value(a.clone()).map_err(mistyped)?;
    let spec_b: AccessPackageSpec = serde_json::from_value(b.clone()).map_err(mistyped)?;
    for with in [&spec_a, &spec_b]
        .into_iter()
        .filter_map(|spec| spec.incompatible_with.as_ref())
    {
        bench.look_up(with.groups.iter().filter_map(group_key)).await?;
    }
    let mut one = Remembered::nothing();
    write_package(bench, &spec_a, &mut one)
        .await
        .map_err(|why| format!("A: {why}"))?;
    let from = package_picture(bench, &one).await?;
    let before = bench.writes();
    write_package(bench, &spec_b, &mut one)
        .await
        .map_err(|why| format!("A → B: {why}"))?;
    let took = bench.writes() - before;
    let by = package_picture(bench, &one).await?;
    write_package(bench, &spec_a, &mut one)
        .await
        .map_err(|why| format!("A → B → A: {why}"))?;
    let back = package_picture(bench, &one).await?;
    let delete = async |of: &Remembered<AccessPackageId>| match &of.id {
        Some(id) => bench.graph.delete_access_package(id).await.map(drop).map_err(refused),
        None => Ok(()),
    };
    // Names are unique in a catalog.
    delete(&one).await?;
    let mut alone = Remembered::nothing();
    write_package(bench, &spec_b, &mut alone)
        .await
        .map_err(|why| format!("B: {why}"))?;
    let right = package_picture(bench, &alone).await?;
    delete(&alone).await?;
    let calls_for = usize::from(from.0 != right.0) + from.1.symmetric_difference(&right.1).count();
    let took = usize::try_from(took).unwrap_or(usize::MAX);
    let shown = |(fields, members): &(Value, BTreeSet<String>)| json!([fields, members]);
    is_led(&shown(&from), &shown(&by), &shown(&right), (took, calls_for))?;
    match back == from {
        true => Ok(()),
        false => Err(format!("A → B → A leaves {}\nA left {}", shown(&back), shown(&from))),
    }
}

// Catalogs.

/// Between a resource and what requestors are asked for its sake.
const ASKS: &str = " asks ";

struct Catalog {
    remembered: Remembered<CatalogId>,
    known: Vec<ResourceStatus>,
}

impl Catalog {
    fn unborn() -> Self {
        Self {
            remembered: Remembered::nothing(),
            known: Vec::new(),
        }
    }

    async fn seen(&self, bench: &Bench) -> Result<Option<SeenCatalog>, String> {
        let Some(id) = &self.remembered.id else {
            return Ok(None);
        };
        let catalog = bench.graph.get_catalog(id).await.map_err(refused)?;
        let resources = bench.graph.list_resources(id).await.map_err(refused)?;
        Ok(Some(SeenCatalog {
            catalog: catalog.ok_or("the catalog is not there")?,
            unreadable: !resources.unreadable.is_empty(),
            resources: resources.elements,
            roles: Read::Read(bench.graph.list_role_assignments(id).await.map_err(refused)?),
            packages: Read::Unread,
        }))
    }

    async fn visit(
        &mut self,
        bench: &mut Bench,
        spec: &CatalogSpec,
        remembers: bool,
    ) -> Result<Plan<CatalogAct>, String> {
        let mut resolved = Vec::new();
        for (index, resource) in spec.resources.iter().enumerate() {
            let group = resource.group.as_ref().map(|group| (group_key(group), "AadGroup"));
            let application = resource.application.as_ref();
            let application = application.map(|one| (application_key(one), "AadApplication"));
            let site = resource.share_point_site.as_ref();
            let site = site.map(|site| (site_key(site), "SharePointOnline"));
            let (origin_system, origin_id) = match (&resource.directory_role, group.or(application).or(site)) {
                (Some(role), None) => ("DirectoryRole", role.role_template_id.to_lowercase()),
                (None, Some((key, system))) => {
                    let key = key.ok_or("a resource without a name")?;
                    bench.look_up([key.clone()]).await?;
                    (system, bench.id(&key).unwrap_or_default().to_owned()) // it was looked up
                }
                (Some(_), Some(_)) | (None, None) => return Err("a resource is one thing".to_owned()),
            };
            resolved.push(Ok(ResolvedResource {
                index,
                name: resource.name.clone(),
                resource: entra_access_operator::graph::NewResource {
                    origin_system: origin_system.into(),
                    origin_id,
                    display_name: None,
                    description: None,
                    environment: resource.environment.clone(),
                },
                offered: resource.offered_roles(),
                app_roles: AppRoles::Read(Vec::new()),
                is_seen: true,
                attributes: desire::attributes(resource),
            }));
        }
        let mut roles = DesiredRoles::default();
        for named in catalog::named(&spec.role_assignments).map_err(|problem| problem.message())? {
            bench.look_up([named.key.clone()]).await?;
            let id = bench.id(&named.key).unwrap_or_default(); // it was looked up
            roles.assignments.push(named.bound(id));
        }
        let desired = desire::catalog(spec, &resolved, roles);
        let observed = self.seen(bench).await?.map_or(Found::Unborn, Found::Present);
        let applied = plan::applied(&self.remembered.memories);
        let base = match remembers && self.remembered.id.is_some() {
            true => Base::of(Some(&applied)),
            false => Base::none(),
        };
        let known: &[ResourceStatus] = if remembers { &self.known } else { &[] };
        let plan = catalog::plan(&desired, &observed, known, &rules(base));
        whole(&plan)?;
        if remembers {
            self.remembered.memories.extend(plan.found.clone());
        }
        Ok(plan)
    }

    async fn write(&mut self, bench: &mut Bench, spec: &CatalogSpec) -> Result<(), String> {
        let plan = self.visit(bench, spec, true).await?;
        for step in plan.steps {
            match (&step.act, &self.remembered.id) {
                (CatalogAct::Create(fields), None) => {
                    let made = bench.graph.create_catalog(fields).await.map_err(refused)?;
                    self.remembered.id = Some(made.id);
                }
                (CatalogAct::Update(patch), Some(id)) => {
                    bench.graph.update_catalog(id, patch).await.map_err(refused)?;
                }
                (CatalogAct::AddResources(additions), Some(id)) => {
                    for addition in additions {
                        let asked = bench.graph.request_resource_add(id, &addition.resource).await;
                        asked.map_err(refused)?;
                        self.known.push(ResourceStatus {
                            name: addition.name.clone(),
                            id: None,
                            origin_id: addition.resource.origin_id.clone(),
                            origin_system: addition.resource.origin_system.to_string(),
                            scope_id: None,
                            roles: Vec::new(),
                            added: true,
                            state: "Ready".into(),
                            message: None,
                        });
                    }
                }
                (CatalogAct::RemoveResource { id: resource, .. }, Some(id)) => {
                    let asked = bench.graph.request_resource_remove(id, resource).await;
                    asked.map_err(refused)?;
                }
                (
                    CatalogAct::UpdateAttributes {
                        origin_id, attributes, ..
                    },
                    Some(id),
                ) => {
                    let seen = bench.graph.find_resource(id, origin_id).await.map_err(refused)?;
                    let resource = seen.ok_or("what is asked about is not there")?;
                    let asked = bench.graph.request_resource_update(id, &resource.id, attributes).await;
                    asked.map(drop).map_err(refused)?;
                }
                (CatalogAct::AssignRole(wanted), Some(id)) => {
                    let given = bench.graph.assign_role(id, &wanted.role, &wanted.principal).await;
                    given.map(drop).map_err(refused)?;
                }
                (CatalogAct::RemoveRole(assignment), Some(_)) => {
                    let taken = bench.graph.remove_role_assignment(&assignment.id).await;
                    taken.map(drop).map_err(refused)?;
                }
                _ => return Err(format!("nobody asked for this: {step}")),
            }
            self.remembered.memories.extend(step.memories);
        }
        bench.stage.clock().sleep(DELIVERY).await;
        nothing_left(&self.visit(bench, spec, true).await?, "written and read back,")?;
        nothing_left(&self.visit(bench, spec, false).await?, "for one that remembers nothing")
    }

    /// Its fields; the origins of its resources, and who has which role.
    async fn picture(&self, bench: &Bench) -> Result<(Value, BTreeSet<String>), String> {
        let SeenCatalog {
            catalog,
            resources,
            roles,
            ..
        } = self.seen(bench).await?.ok_or("there is no catalog")?;
        let fields = json!([
            catalog.display_name,
            catalog.description,
            catalog.state.map(|state| state.to_string()),
            catalog.externally_visible
        ]);
        let origin = |resource: &entra_access_operator::graph::Resource| resource.origin_id.to_lowercase();
        let held = roles.known().into_iter().flatten();
        let held = held.map(|one| format!("{} of {}", one.role, one.principal).to_lowercase());
        let asked = resources.iter().filter_map(|resource| {
            let attributes = resource
                .attributes
                .known()
                .filter(|attributes| !attributes.is_empty())?;
            let told = catalog::told_attributes("", attributes);
            Some(format!("{}{ASKS}{told:?}", resource.origin_id.to_lowercase()))
        });
        Ok((fields, resources.iter().map(origin).chain(held).chain(asked).collect()))
    }

    async fn delete(self, bench: &mut Bench) -> Result<(), String> {
        // A catalog that has resources cannot be deleted.
        for resource in self.seen(bench).await?.map(|seen| seen.resources).unwrap_or_default() {
            if let Some(id) = &self.remembered.id {
                let asked = bench.graph.request_resource_remove(id, &resource.id).await;
                asked.map_err(refused)?;
            }
        }
        bench.stage.clock().sleep(DELIVERY).await;
        match &self.remembered.id {
            Some(id) => bench.graph.delete_catalog(id).await.map(drop).map_err(refused),
            None => Ok(()),
        }
    }
}

/// Both laws for two catalogs of our own.
///
/// # Errors
/// What does not hold.
pub async fn catalogs(bench: &mut Bench, a: &Value, b: &Value) -> Result<(), String> {
    let mut spec_a: CatalogSpec = serde_json::from_value(a.clone()).map_err(mistyped)?;
    let mut spec_b: CatalogSpec = serde_json::from_value(b.clone()).map_err(mistyped)?;
    for spec in [&mut spec_a, &mut spec_b] {
        spec.id = None;
        well_named(spec.display_name.as_deref(), None).map_err(|problem| problem.message())?;
    }
    let mut one = Catalog::unborn();
    one.write(bench, &spec_a).await.map_err(|why| format!("A: {why}"))?;
    let from = one.picture(bench).await?;
    let before = bench.writes();
    one.write(bench, &spec_b).await.map_err(|why| format!("A → B: {why}"))?;
    let took = bench.writes() - before;
    let by = one.picture(bench).await?;
    one.write(bench, &spec_a)
        .await
        .map_err(|why| format!("A → B → A: {why}"))?;
    let back = one.picture(bench).await?;
    one.delete(bench).await?;
    let mut alone = Catalog::unborn();
    alone.write(bench, &spec_b).await.map_err(|why| format!("B: {why}"))?;
    let right = alone.picture(bench).await?;
    alone.delete(bench).await?;
    // What a resource asks is one write, whatever changes of it; one that goes takes it along.
    let (asks, others): (Vec<&String>, Vec<&String>) = from
        .1
        .symmetric_difference(&right.1)
        .partition(|one| one.contains(ASKS));
    let asks = asks.into_iter().filter_map(|one| Some(one.split_once(ASKS)?.0));
    let asks: BTreeSet<&str> = asks.filter(|origin| right.1.contains(*origin)).collect();
    let calls_for = usize::from(from.0 != right.0) + others.len() + asks.len();
    let took = usize::try_from(took).unwrap_or(usize::MAX);
    let shown = |(fields, resources): &(Value, BTreeSet<String>)| json!([fields, resources]);
    is_led(&shown(&from), &shown(&by), &shown(&right), (took, calls_for))?;
    match back == from {
        true => Ok(()),
        false => Err(format!("A → B → A leaves {}\nA left {}", shown(&back), shown(&from))),
    }
}
