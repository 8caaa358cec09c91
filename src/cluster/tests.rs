//! Who has to look, row by row of the table on top of `wake`; and what is not lost, and what tells nobody anything.

use serde_json::{Value, json};

use super::*;

/// A cluster, and a counter for versions.
#[derive(Default)]
struct Stage {
    cluster: Cluster,
    versions: u64,
}

const CATALOG: &str = "b1bf99ed-99ed-b1bf-ed99-bfb1ed99bfb1";

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn entra(id: &str, owner: &str) -> Value {
    json!({"cloud": "Global", "tenantId": "T", "catalogId": CATALOG, "id": id, "ownerUid": owner})
}

fn tenant() -> Value {
    json!({
        "metadata": {"name": "default", "uid": "tenant"},
        "spec": {"tenantId": "t", "credentials": {"managedIdentity": {}}},
    })
}

fn catalog() -> Value {
    json!({
        "metadata": {"name": "marketing", "uid": "catalog", "finalizers": ["access.entra-operator.io/finalizer"]},
        "spec": {
            "displayName": "Marketing",
            "resources": [{"name": "crm", "application": {"displayName": "CRM"}, "roles": ["Reader"]}],
            "grants": [{"name": "marketing", "namespaces": {"names": ["marketing"]}}],
        },
        "status": {"entra": entra(CATALOG, "catalog")},
    })
}

fn package(namespace: &str) -> Value {
    let uid = format!("package-{namespace}");
    json!({
        "metadata": {
            "name": "campaign", "namespace": namespace, "uid": uid, "generation": 1,
            "finalizers": ["access.entra-operator.io/finalizer"],
        },
        "spec": {"catalogRef": {"name": "marketing"}, "displayName": "Campaign"},
    })
}

fn policy(namespace: &str) -> Value {
    json!({
        "metadata": {
            "name": "open", "namespace": namespace, "uid": format!("policy-{namespace}"),
            "finalizers": ["access.entra-operator.io/finalizer"],
        },
        "spec": {
            "accessPackageRef": {"name": "campaign"}, "displayName": "Open",
            "requestors": {"scope": "None"}, "approval": {"notRequired": {}}, "expiration": {"afterDuration": "P1D"},
        },
    })
}

fn with(mut object: Value, change: Value) -> Value {
    merge(&mut object, &change);
    object
}

fn ready(status: &str, reason: &str, message: &str) -> Value {
    json!({"status": {"conditions": [{
        "type": "Ready", "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-11-25T10:00:00Z", "observedGeneration": 1,
    }]}})
}

impl Stage {
    /// Two namespaces with a package and a policy each, and a Catalog that grants one of them something.
    fn new() -> Self {
        let mut stage = Self::default();
        stage.labels("marketing", json!({}));
        stage.labels("curious", json!({}));
        stage.apply::<EntraTenant>(tenant());
        stage.apply::<Catalog>(catalog());
        for namespace in ["marketing", "curious"] {
            stage.apply::<AccessPackage>(package(namespace));
            stage.apply::<AssignmentPolicy>(policy(namespace));
        }
        stage
    }

    fn read<K: Tracked>(&mut self, mut object: Value) -> Lookup<K> {
        self.versions += 1;
        merge(
            &mut object,
            &json!({"metadata": {"resourceVersion": self.versions.to_string()}}),
        );
        object["apiVersion"] = json!("access.entra-operator.io/v1alpha1");
        object["kind"] = json!(K::KIND.name());
        serde_json::from_value(object).unwrap()
    }

    fn news<K: Tracked>(&mut self, object: Value) -> Aftermath {
        let object = self.read::<K>(object);
        self.cluster.apply(News::Applied(object))
    }

    fn apply<K: Tracked>(&mut self, object: Value) -> Vec<String> {
        let object = self.read::<K>(object);
        assert!(object.readable().is_some(), "{object:?}");
        names(&self.cluster.apply(News::Applied(object)))
    }

    fn delete<K: Tracked>(&mut self, object: Value) -> Aftermath {
        let object = self.read::<K>(object);
        self.cluster.apply(News::Deleted(object))
    }

    fn labels(&mut self, namespace: &str, labels: Value) -> Vec<String> {
        let labels = serde_json::from_value(labels).unwrap();
        names(
            &self
                .cluster
                .apply_namespaces(NamespaceNews::Applied(namespace.into(), labels)),
        )
    }
}

fn names(aftermath: &Aftermath) -> Vec<String> {
    let name = |key: &Key| {
        let namespace = key.place.namespace.as_ref().map(|namespace| format!("{namespace}/"));
        format!(
            "{} {}{}",
            key.kind.name(),
            namespace.unwrap_or_default(),
            key.place.name
        )
    };
    aftermath.wake.iter().map(name).collect()
}

const PACKAGE: &str = "AccessPackage marketing/campaign";
const POLICY: &str = "AssignmentPolicy marketing/open";

#[test]
fn a_tenant_that_changes_wakes_what_is_in_it() {
    let mut stage = Stage::new();
    let observes = with(tenant(), json!({"spec": {"mode": "Observe"}}));
    let all = ["EntraTenant default", "Catalog marketing", PACKAGE, POLICY];
    assert_eq!(stage.apply::<EntraTenant>(observes.clone()), all);
    let connected = with(observes, ready("True", "Connected", "connected"));
    assert_eq!(stage.apply::<EntraTenant>(connected.clone()), all);
    // The list of its permissions is its own.
    let counted = with(
        connected,
        json!({"status": {"permissions": ["a"], "observedGeneration": 3}}),
    );
    assert_eq!(stage.apply::<EntraTenant>(counted), ["EntraTenant default"]);
}

#[test]
fn whether_graph_answers_wakes_nobody_below_and_who_is_below_is_known_by_catalog() {
    let mut stage = Stage::new();
    let (only, all) = (
        ["EntraTenant default"],
        ["EntraTenant default", "Catalog marketing", PACKAGE, POLICY],
    );
    let connected = with(tenant(), ready("True", "Connected", "connected"));
    let away = with(tenant(), ready("False", "Unreachable", "no route"));
    let refused = with(tenant(), ready("False", "TokenRefused", "no secret"));
    stage.apply::<EntraTenant>(connected.clone());
    assert_eq!(stage.apply::<EntraTenant>(away.clone()), only);
    assert_eq!(
        stage.apply::<EntraTenant>(connected.clone()),
        only,
        "they are woken in turn"
    );
    assert_eq!(stage.apply::<EntraTenant>(refused), all);
    assert_eq!(
        stage.apply::<EntraTenant>(away),
        all,
        "what it was before is no weather"
    );
    let slower = with(connected, json!({"spec": {"driftInterval": "PT1H"}}));
    assert_eq!(stage.apply::<EntraTenant>(slower), all, "the spec is no weather");

    let groups = stage.cluster.below_tenant("default");
    let below = |group: &Vec<Key>| {
        let wake = group.iter().cloned().collect();
        names(&Aftermath {
            wake,
            departed: Vec::new(),
        })
    };
    let curious = ["AccessPackage curious/campaign", "AssignmentPolicy curious/open"];
    assert_eq!(
        below(&groups[0]),
        ["Catalog marketing", curious[0], PACKAGE, curious[1], POLICY]
    );
    for key in groups.iter().flatten() {
        let interval = stage.cluster.drift_interval(key);
        assert_eq!(interval, Some(std::time::Duration::from_secs(3_600)), "{key:?}");
    }
    let nobody = Key {
        kind: KindName::AssignmentPolicy,
        place: Place::new(Some("marketing"), "unknown"),
    };
    assert_eq!(stage.cluster.drift_interval(&nobody), None);
}

#[test]
fn what_has_lost_its_catalog_is_woken_by_any_tenant_that_it_can_go_by() {
    let mut stage = Stage::new();
    let made = json!({"status": {"entra": entra("p", "package-marketing")}});
    stage.apply::<AccessPackage>(with(package("marketing"), made));
    stage.delete::<Catalog>(catalog());
    let connected = with(tenant(), ready("True", "Connected", "connected"));
    assert_eq!(stage.apply::<EntraTenant>(connected), ["EntraTenant default", PACKAGE]);
}

#[test]
fn a_catalog_wakes_those_whom_it_grants_something_and_nobody_else() {
    let mut stage = Stage::new();
    let changed = with(catalog(), json!({"spec": {"resources": []}}));
    assert_eq!(stage.apply::<Catalog>(changed), ["Catalog marketing", PACKAGE, POLICY]);
}

#[test]
fn a_catalog_that_begins_or_stops_to_grant_wakes_those_who_win_and_those_who_lose() {
    let mut stage = Stage::new();
    let other = json!([{"name": "curious", "namespaces": {"names": ["curious"]}}]);
    let changed = with(catalog(), json!({"spec": {"grants": other}}));
    assert_eq!(
        stage.apply::<Catalog>(changed),
        [
            "Catalog marketing",
            "AccessPackage curious/campaign",
            PACKAGE,
            "AssignmentPolicy curious/open",
            POLICY
        ]
    );
}

#[test]
fn what_only_tells_of_a_visit_of_the_catalog_wakes_nobody_else() {
    let mut stage = Stage::new();
    let told = with(catalog(), ready("False", "GraphRefused", "request id 1"));
    assert_eq!(stage.apply::<Catalog>(told).len(), 3, "Ready is read by those who wait");
    for (count, words) in ["request id 2", "request id 3"].into_iter().enumerate() {
        let told = with(catalog(), ready("False", "GraphRefused", words));
        let told = with(
            told,
            json!({"status": {"observedGeneration": count, "lastHandledReconcileAt": words},
                   "metadata": {"annotations": {"access.entra-operator.io/reconcile-requested-at": words}}}),
        );
        assert_eq!(stage.apply::<Catalog>(told), ["Catalog marketing"]);
    }
}

#[test]
fn a_resource_that_arrives_in_the_catalog_wakes_the_packages() {
    let mut stage = Stage::new();
    let resource = json!({
        "name": "crm", "originId": "o", "originSystem": "AadApplication", "added": true, "state": "Added", "id": "r",
        "scopeId": "s", "roles": [],
    });
    let arrived = with(catalog(), json!({"status": {"resources": [resource]}}));
    assert_eq!(stage.apply::<Catalog>(arrived), ["Catalog marketing", PACKAGE, POLICY]);
}

#[test]
fn forty_annotations_on_a_package_wake_no_catalog() {
    let mut stage = Stage::new();
    for namespace in ["marketing", "curious"] {
        for count in 0..40 {
            let noted = with(
                package(namespace),
                json!({"metadata": {"annotations": {"note": count.to_string()}}}),
            );
            assert_eq!(
                stage.apply::<AccessPackage>(noted),
                [format!("AccessPackage {namespace}/campaign")]
            );
        }
    }
}

/// Whatever a namespace does that no grant speaks of: who is woken does not depend on the Catalog's being there.
#[test]
fn whether_a_catalog_exists_shows_in_no_visit_of_anybody() {
    let deeds = |stage: &mut Stage, name: &str| -> Vec<Vec<String>> {
        let named = |text: &str| {
            let spec = json!({"catalogRef": {"name": name}, "displayName": text});
            with(package("curious"), json!({"spec": spec}))
        };
        let mut woken = vec![
            stage.apply::<AccessPackage>(named("one")),
            stage.apply::<AccessPackage>(named("two")),
        ];
        woken.push(stage.apply::<AccessPackage>(with(named("two"), ready("False", "CatalogNotGranted", "no"))));
        woken.push(stage.apply::<AssignmentPolicy>(with(policy("curious"), json!({"spec": {"displayName": "x"}}))));
        woken.push(stage.labels("curious", json!({"team": "curious"})));
        woken.push(names(&stage.delete::<AssignmentPolicy>(policy("curious"))));
        woken.push(names(&stage.delete::<AccessPackage>(named("two"))));
        woken
    };
    let (mut there, mut absent) = (Stage::new(), Stage::new());
    assert_eq!(deeds(&mut there, "marketing"), deeds(&mut absent, "nonesuch"));
    // Nor whether it changes.
    let mut stage = Stage::new();
    let changed = with(catalog(), json!({"spec": {"description": "other"}}));
    assert!(
        !stage
            .apply::<Catalog>(changed)
            .iter()
            .any(|name| name.contains("curious")),
        "visits of one's own objects can be counted as well"
    );
    let gone = stage.delete::<Catalog>(catalog());
    assert!(!names(&gone).iter().any(|name| name.contains("curious")));
}

#[test]
fn what_is_in_entra_follows_its_catalog_also_without_a_grant() {
    let mut stage = Stage::new();
    stage.apply::<AccessPackage>(with(
        package("curious"),
        json!({"status": {"entra": entra("p", "package-curious")}}),
    ));
    let gone = stage.delete::<Catalog>(catalog());
    assert_eq!(
        names(&gone),
        [
            "AccessPackage curious/campaign",
            PACKAGE,
            "AssignmentPolicy curious/open",
            POLICY
        ]
    );
}

#[test]
fn a_package_wakes_its_policies_and_its_catalog_when_something_changes_that_they_read() {
    let mut stage = Stage::new();
    let all = ["Catalog marketing", PACKAGE, POLICY];
    let made = with(
        package("marketing"),
        json!({"status": {"entra": entra("p", "package-marketing")}}),
    );
    assert_eq!(stage.apply::<AccessPackage>(made.clone()), all);
    let whole = with(made.clone(), ready("True", "InSync", "two roles"));
    assert_eq!(stage.apply::<AccessPackage>(whole), all);
    let words = with(made.clone(), ready("True", "InSync", "three roles"));
    assert_eq!(stage.apply::<AccessPackage>(words.clone()), [PACKAGE]);
    let roles = json!([{"resource": "crm", "role": "Reader", "state": "Assigned"}]);
    assert_eq!(
        stage.apply::<AccessPackage>(with(words, json!({"status": {"resourceRoles": roles}}))),
        all,
        "policies are judged by the roles that Entra has"
    );
    assert_eq!(
        names(&stage.delete::<AccessPackage>(made)),
        ["Catalog marketing", POLICY]
    );
}

#[test]
fn a_catalog_is_told_what_stands_outside_its_grants_and_woken_when_that_changes() {
    let mut stage = Stage::new();
    let made = json!({"status": {"entra": entra("p", "policy-marketing")}});
    let exceeds = |of: &str, reason: &str| {
        json!({"status": {"conditions": [
            {"type": "Ready", "status": "False", "reason": "RoleNotFound", "message": "",
                "lastTransitionTime": "2026-11-25T10:00:00Z"},
            {"type": of, "status": "False", "reason": reason, "message": "",
                "lastTransitionTime": "2026-11-25T10:00:00Z"},
        ]}})
    };
    // What is refused and was never made stands nowhere.
    let refused = with(policy("marketing"), exceeds("Synced", "LimitExceeded"));
    stage.apply::<AssignmentPolicy>(refused.clone());
    assert_eq!(stage.cluster.outside_grants("marketing"), [""; 0]);
    stage.apply::<AssignmentPolicy>(with(
        policy("marketing"),
        with(exceeds("Synced", "DriftHeld"), made.clone()),
    ));
    assert_eq!(stage.cluster.outside_grants("marketing"), [""; 0]);
    // What Ready says first may be something else.
    let woken = stage.apply::<AssignmentPolicy>(with(refused, made));
    assert!(woken.contains(&"Catalog marketing".to_owned()), "{woken:?}");
    assert_eq!(stage.cluster.outside_grants("marketing"), [POLICY]);
    // A namespace that was never granted anything is nobody's count.
    stage.apply::<AccessPackage>(with(package("curious"), exceeds("Synced", "CatalogNotGranted")));
    assert_eq!(stage.cluster.outside_grants("marketing"), [POLICY]);
}

#[test]
fn a_policy_wakes_its_package() {
    let mut stage = Stage::new();
    let begun = json!({"nonce": "n", "displayName": "Open", "parentId": "p", "startedAt": "2026-11-25T10:00:00Z"});
    let begun = with(policy("marketing"), json!({"status": {"intent": begun}}));
    assert_eq!(
        stage.apply::<AssignmentPolicy>(begun.clone()),
        ["Catalog marketing", PACKAGE, POLICY],
        "one that is being created counts"
    );
    let visited = with(begun, json!({"status": {"observedGeneration": 4}}));
    assert_eq!(stage.apply::<AssignmentPolicy>(visited.clone()), [POLICY]);
    assert_eq!(
        names(&stage.delete::<AssignmentPolicy>(visited)),
        ["Catalog marketing", PACKAGE]
    );
}

#[test]
fn labels_wake_the_objects_of_their_namespace() {
    let mut stage = Stage::new();
    assert_eq!(
        stage.labels("marketing", json!({"team": "marketing"})),
        ["Catalog marketing", PACKAGE, POLICY]
    );
    assert_eq!(
        stage.labels("marketing", json!({"team": "marketing"})),
        Vec::<String>::new()
    );
    assert_eq!(
        stage.labels("curious", json!({"a": "b"})),
        ["AccessPackage curious/campaign", "AssignmentPolicy curious/open"]
    );
}

#[test]
fn a_selector_that_begins_to_match_wakes_whom_it_chooses_when_the_catalog_changes() {
    let mut stage = Stage::new();
    stage.labels("curious", json!({"team": "curious"}));
    let grants = json!([{"name": "g", "namespaces": {"selector": {"matchLabels": {"team": "curious"}}}}]);
    let woken = stage.apply::<Catalog>(with(catalog(), json!({"spec": {"grants": grants}})));
    assert!(
        woken.contains(&"AccessPackage curious/campaign".to_owned()),
        "{woken:?}"
    );
}

#[test]
fn a_tenant_that_is_going_looks_when_something_of_it_goes() {
    let mut stage = Stage::new();
    let made = with(
        package("marketing"),
        json!({"status": {"entra": entra("p", "package-marketing")}}),
    );
    stage.apply::<AccessPackage>(made.clone());
    let going = json!({"metadata": {"deletionTimestamp": "2026-11-25T10:00:00Z"}});
    stage.apply::<EntraTenant>(with(tenant(), going));
    let gone = names(&stage.delete::<AccessPackage>(made));
    assert!(gone.contains(&"EntraTenant default".to_owned()), "{gone:?}");
    let gone = names(&stage.delete::<Catalog>(catalog()));
    assert!(gone.contains(&"EntraTenant default".to_owned()), "{gone:?}");
}

#[test]
fn a_policy_that_cannot_be_read_is_known_to_belong_to_its_package() {
    let mut stage = Stage::new();
    let later = with(
        policy("marketing"),
        json!({"metadata": {"name": "later", "uid": "later"}, "spec": {"management": "Later"},
               "status": {"entra": entra("x", "later")}}),
    );
    let news = stage.news::<AssignmentPolicy>(later.clone());
    assert_eq!(
        names(&news),
        ["Catalog marketing", PACKAGE, "AssignmentPolicy marketing/later"]
    );
    let policies = stage.cluster.policies_of_package("marketing", "campaign");
    let titles: Vec<(String, bool)> = policies
        .iter()
        .map(|policy| (policy.title(), policy.readable().is_some()))
        .collect();
    assert_eq!(
        titles,
        [
            ("AssignmentPolicy marketing/later".to_owned(), false),
            (POLICY.to_owned(), true)
        ]
    );
    assert_eq!(stage.cluster.policies_of_package("marketing", "other").len(), 0);
    assert_eq!(stage.cluster.of_namespace::<AssignmentPolicy>("marketing").len(), 2);
    assert!(stage.cluster.policy("marketing", "later").is_some());
    assert!(matches!(policies[0].own_identity(), Identity::Known(entra) if entra.id == "x"));
    assert_eq!(
        stage.cluster.holders("Global", "t", "X").len(),
        1,
        "it holds what it stands for"
    );
    assert_eq!(
        names(&stage.delete::<AssignmentPolicy>(later)),
        ["Catalog marketing", PACKAGE]
    );
}

#[test]
fn a_policy_whose_package_cannot_be_told_counts_for_every_package_of_its_namespace_and_of_no_other() {
    let mut stage = Stage::new();
    let riddle = json!({
        "metadata": {"name": "riddle", "namespace": "marketing", "uid": "riddle"},
        "spec": {"accessPackageRef": {"id": 7}}, "status": {"entra": 7},
    });
    let news = stage.news::<AssignmentPolicy>(riddle);
    assert!(names(&news).contains(&PACKAGE.to_owned()));
    for package in ["campaign", "other"] {
        let policies = stage.cluster.policies_of_package("marketing", package);
        let riddle = policies.iter().find(|policy| policy.uid() == "riddle").unwrap();
        assert_eq!(riddle.own_identity(), Identity::Unclear);
        assert!(riddle.is_made());
    }
    let others = stage.cluster.policies_of_package("curious", "campaign");
    assert!(others.iter().all(|policy| policy.uid() != "riddle"));
}

#[test]
fn a_catalog_that_cannot_be_read_exists_and_is_found_by_what_is_in_it() {
    let mut stage = Stage::new();
    let later = with(catalog(), json!({"spec": {"state": "Later"}}));
    let news = stage.news::<Catalog>(later);
    assert_eq!(
        names(&news),
        ["Catalog marketing", PACKAGE, POLICY],
        "those who knew of it look"
    );
    let found = stage.cluster.catalog("marketing").unwrap();
    assert!(found.read().is_err());
    assert_eq!(
        found.parent_name(),
        Some("default"),
        "the tenant that is meant where none is named"
    );
    let entra: EntraObject = serde_json::from_value(entra("p", "u")).unwrap();
    assert_eq!(stage.cluster.catalogs_of_entra(&entra).len(), 1);
    assert_eq!(stage.cluster.catalogs_of_tenant("default").len(), 1);
    assert_eq!(stage.cluster.packages_of_catalog("marketing").len(), 2);
}

#[test]
fn a_copied_status_makes_nobody_a_catalog_that_may_be_asked() {
    let mut stage = Stage::new();
    stage.apply::<Catalog>(with(catalog(), json!({"metadata": {"name": "copy", "uid": "copy"}})));
    let entra: EntraObject = serde_json::from_value(entra("p", "u")).unwrap();
    let found = stage.cluster.catalogs_of_entra(&entra);
    assert_eq!(
        found.iter().map(Lookup::title).collect::<Vec<_>>(),
        ["Catalog marketing"]
    );
}

#[test]
fn a_listing_wakes_what_changed_and_loses_nothing_that_went_meanwhile() {
    let mut stage = Stage::new();
    let made = with(
        package("curious"),
        json!({"status": {"entra": entra("p", "package-curious")}}),
    );
    stage.apply::<AccessPackage>(made);
    let same = stage.cluster.package("marketing", "campaign").unwrap();
    let aftermath = stage.cluster.apply(News::Listed(vec![same]));
    assert_eq!(
        names(&aftermath),
        ["Catalog marketing", "AssignmentPolicy curious/open"],
        "what is as it was wakes nobody"
    );
    assert_eq!(aftermath.departed.len(), 1);
    assert_eq!(aftermath.departed[0].uid, "package-curious");
    assert_eq!(stage.cluster.all::<AccessPackage>().len(), 1);
    assert_eq!(stage.cluster.holders("Global", "T", "p"), []);
}

#[test]
fn the_cluster_is_filled_when_every_kind_has_been_listed() {
    let cluster = Cluster::default();
    let is_filled = || *cluster.is_filled.borrow();
    cluster.apply::<EntraTenant>(News::Listed(Vec::new()));
    cluster.apply::<Catalog>(News::Listed(Vec::new()));
    cluster.apply::<ConnectedOrganization>(News::Listed(Vec::new()));
    cluster.apply::<AccessPackage>(News::Listed(Vec::new()));
    cluster.apply::<AssignmentPolicy>(News::Listed(Vec::new()));
    assert!(!is_filled());
    cluster.apply_namespaces(NamespaceNews::Listed(Vec::new()));
    assert!(is_filled());
}

#[test]
fn another_object_of_the_same_name_is_the_end_of_the_first() {
    let mut stage = Stage::new();
    let made = with(
        package("marketing"),
        json!({"status": {"entra": entra("p", "package-marketing")}}),
    );
    stage.apply::<AccessPackage>(made.clone());
    let second = with(package("marketing"), json!({"metadata": {"uid": "second"}}));
    let aftermath = stage.news::<AccessPackage>(second);
    let [departed] = aftermath.departed.as_slice() else {
        panic!("{aftermath:?}")
    };
    assert!(departed.is_gone && departed.was_held);
    assert_eq!(departed.uid, "package-marketing");
    assert!(matches!(&departed.identity, Identity::Known(entra) if entra.id == "p"));
    assert_eq!(departed.catalog.as_deref(), Some("marketing"));
    assert_eq!(stage.cluster.of_uid("package-marketing"), None);
    // A late word about the first is no end of the second.
    let late = stage.delete::<AccessPackage>(made);
    assert_eq!(late, Aftermath::default());
    assert!(stage.cluster.package("marketing", "campaign").is_some());
}

#[test]
fn a_finalizer_that_is_taken_off_is_a_departure_once() {
    let mut stage = Stage::new();
    let going = json!({"metadata": {"deletionTimestamp": "2026-11-25T10:00:00Z"}});
    let made = with(
        policy("marketing"),
        json!({"status": {"entra": entra("x", "policy-marketing")}}),
    );
    assert!(
        stage
            .news::<AssignmentPolicy>(with(made.clone(), going.clone()))
            .departed
            .is_empty()
    );
    let freed = with(
        with(made, going),
        json!({"metadata": {"finalizers": ["somebody.else/holds"]}}),
    );
    let first = stage.news::<AssignmentPolicy>(freed.clone()).departed;
    assert_eq!((first.len(), first[0].is_gone, first[0].was_held), (1, false, true));
    assert_eq!(first[0].catalog.as_deref(), Some("marketing"));
    let last = stage.delete::<AssignmentPolicy>(freed).departed;
    assert_eq!((last.len(), last[0].is_gone, last[0].was_held), (1, true, false));
}

#[test]
fn what_the_api_server_has_answered_is_not_taken_back_by_a_watch_that_lags() {
    let mut stage = Stage::new();
    let late = stage.read::<AccessPackage>(package("marketing"));
    let made = with(
        package("marketing"),
        json!({"status": {"entra": entra("p", "package-marketing")}}),
    );
    let made = stage.read::<AccessPackage>(made);
    stage.cluster.hears(made.readable().unwrap().as_ref());
    let woken = names(&stage.cluster.take_aftermath());
    assert!(
        woken.contains(&"AssignmentPolicy marketing/open".to_owned()),
        "{woken:?}"
    );
    let knows = |stage: &Stage| {
        let known = stage.cluster.package("marketing", "campaign").unwrap();
        known.identity() != Identity::None
    };
    assert!(knows(&stage));
    let other = stage.cluster.package("curious", "campaign").unwrap();
    for news in [News::Applied(late.clone()), News::Listed(vec![late, other])] {
        stage.cluster.apply(news);
        assert!(knows(&stage));
    }
    // It is told once.
    assert_eq!(stage.cluster.apply(News::Applied(made)), Aftermath::default());
}

#[test]
fn what_was_let_go_does_not_come_back_by_a_late_word() {
    let mut stage = Stage::new();
    let going = with(
        package("marketing"),
        json!({"metadata": {"deletionTimestamp": "2026-11-25T10:00:00Z"}}),
    );
    let late = stage.read::<AccessPackage>(going.clone());
    let free = with(going.clone(), json!({"metadata": {"finalizers": []}}));
    let free = stage.read::<AccessPackage>(free);
    stage.cluster.hears(free.readable().unwrap().as_ref());
    let [departed] = stage.cluster.take_aftermath().departed.try_into().unwrap();
    assert!(departed.is_gone && departed.was_held);
    assert_eq!(stage.cluster.apply(News::Applied(late.clone())), Aftermath::default());
    assert!(stage.cluster.package("marketing", "campaign").is_none());
    // Its successor is another, and once the watch has told of the end, no word is too late.
    assert_eq!(stage.delete::<AccessPackage>(going), Aftermath::default());
    stage.apply::<AccessPackage>(with(package("marketing"), json!({"metadata": {"uid": "second"}})));
    assert_eq!(stage.cluster.package("marketing", "campaign").unwrap().uid(), "second");
}

#[test]
fn a_decision_rests_on_all_that_the_object_belongs_to_and_on_the_labels_of_its_namespace() {
    let mut stage = Stage::new();
    let grounds = |stage: &Stage| {
        let policy = stage.cluster.policy("marketing", "open").unwrap();
        stage.cluster.grounds(policy.readable().unwrap().as_ref())
    };
    let before = grounds(&stage);
    let kinds: Vec<KindName> = before.parents.iter().map(|ground| ground.key.kind).collect();
    assert_eq!(
        kinds,
        [KindName::AccessPackage, KindName::Catalog, KindName::EntraTenant]
    );
    assert!(before.parents.iter().all(|ground| ground.form.is_some()));
    stage.labels("marketing", json!({"team": "other"}));
    assert_ne!(grounds(&stage), before);
    stage.labels("marketing", json!({}));
    // Only what others are decided by: of status this process is the writer.
    stage.apply::<Catalog>(with(catalog(), ready("True", "Ready", "well")));
    assert_eq!(grounds(&stage), before);
    stage.apply::<Catalog>(with(catalog(), json!({"metadata": {"generation": 2}})));
    assert_ne!(grounds(&stage), before);
    stage.delete::<Catalog>(catalog());
    assert_eq!(
        grounds(&stage).parents.len(),
        2,
        "nobody knows the tenant of a Catalog that is gone"
    );
}

const PARTNER: &str = "ConnectedOrganization fabrikam";

fn partner() -> Value {
    json!({
        "metadata": {"name": "fabrikam", "uid": "partner", "finalizers": ["access.entra-operator.io/finalizer"]},
        "spec": {"displayName": "Fabrikam", "identitySource": {"domain": "fabrikam.com"}},
    })
}

fn partner_policy(namespace: &str) -> Value {
    with(
        policy(namespace),
        json!({"spec": {"requestors": {"scope": "SpecificConnectedOrganizationUsers",
            "targets": [{"connectedOrganization": {"name": "fabrikam"}}]}}}),
    )
}

#[test]
fn a_connected_organization_wakes_the_policies_that_name_it_where_its_id_changes_and_nobody_who_may_not_know() {
    let mut stage = Stage::new();
    stage.apply::<AssignmentPolicy>(partner_policy("marketing"));
    stage.apply::<AssignmentPolicy>(partner_policy("curious"));
    assert_eq!(stage.apply::<ConnectedOrganization>(partner()), [PARTNER, POLICY]);
    let told = with(partner(), ready("False", "Progressing", "being made"));
    assert_eq!(
        stage.apply::<ConnectedOrganization>(told.clone()),
        [PARTNER],
        "its own affair"
    );
    let made = with(told, json!({"status": {"entra": entra("o", "partner")}}));
    assert_eq!(stage.apply::<ConnectedOrganization>(made.clone()), [PARTNER, POLICY]);
    let renamed = with(made, json!({"spec": {"displayName": "Other"}}));
    assert_eq!(stage.apply::<ConnectedOrganization>(renamed), [PARTNER]);
    assert_eq!(
        stage.apply::<EntraTenant>(with(tenant(), json!({"spec": {"mode": "Observe"}}))),
        ["EntraTenant default", "Catalog marketing", PARTNER, PACKAGE, POLICY]
    );
    let groups = stage.cluster.below_tenant("default");
    assert!(
        groups
            .iter()
            .flatten()
            .any(|key| key.kind == KindName::ConnectedOrganization)
    );
}

#[test]
fn a_connected_organization_that_is_going_looks_when_a_policy_lets_go_of_it() {
    let mut stage = Stage::new();
    let made = with(partner(), json!({"status": {"entra": entra("O", "partner")}}));
    stage.apply::<ConnectedOrganization>(made.clone());
    let in_entra = json!({"status": {"entra": entra("p", "policy-marketing")}});
    let names_it = with(partner_policy("marketing"), in_entra.clone());
    assert!(
        !stage
            .apply::<AssignmentPolicy>(names_it.clone())
            .contains(&PARTNER.to_owned())
    );
    let holders = |stage: &Stage| stage.cluster.policies_of_organization("fabrikam", Some("o"));
    assert_eq!(holders(&stage), [POLICY]);
    let going = with(made, json!({"metadata": {"deletionTimestamp": "2026-11-25T10:00:00Z"}}));
    stage.apply::<ConnectedOrganization>(going);
    // By another name, or by what was looked up, it is the same one.
    let by_id = json!({"spec": {"requestors": {"targets": [{"connectedOrganization": {"id": "o"}}]}}});
    let by_id = with(with(policy("marketing"), in_entra.clone()), by_id);
    assert!(stage.apply::<AssignmentPolicy>(by_id).contains(&PARTNER.to_owned()));
    assert_eq!(holders(&stage), [POLICY]);
    let pinned = json!({"status": {"resolved": [{"reference": "connected organization displayName=F", "id": "o"}]}});
    let pinned = with(with(policy("marketing"), in_entra.clone()), pinned);
    assert!(stage.apply::<AssignmentPolicy>(pinned).contains(&PARTNER.to_owned()));
    assert_eq!(holders(&stage), [POLICY]);
    let lets_go = with(policy("marketing"), in_entra);
    assert!(stage.apply::<AssignmentPolicy>(lets_go).contains(&PARTNER.to_owned()));
    assert!(holders(&stage).is_empty());
}

#[test]
fn a_policy_rests_on_the_connected_organizations_that_it_names() {
    let mut stage = Stage::new();
    stage.apply::<ConnectedOrganization>(partner());
    stage.apply::<AssignmentPolicy>(partner_policy("marketing"));
    let grounds = |stage: &Stage| {
        let policy = stage.cluster.policy("marketing", "open").unwrap();
        stage.cluster.grounds(policy.readable().unwrap().as_ref())
    };
    let before = grounds(&stage);
    let last = before.parents.last().unwrap();
    assert_eq!(last.key.kind, KindName::ConnectedOrganization);
    stage.apply::<ConnectedOrganization>(with(partner(), json!({"metadata": {"uid": "another"}})));
    assert_ne!(grounds(&stage), before);
}
