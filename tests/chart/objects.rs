//! A tenant and catalogs from values.

use serde_json::{Value, json};
use stage::world;

use crate::cluster::{Cluster, Outcome};

fn with_objects(cluster: &Cluster, description: &str) -> Value {
    let mut values = cluster.values();
    values["replicas"] = json!(0);
    values["tenant"] = json!({"name": "default", "spec": {
        "tenantId": world::TENANT_ID,
        "credentials": {"clientSecret": {
            "clientId": world::CLIENT_ID, "secretRef": {"name": "entra-credentials", "key": "clientSecret"},
        }},
    }});
    values["catalogs"] = json!([
        {"name": "marketing", "spec": {"displayName": "Marketing", "description": description}},
        {"name": "finance", "spec": {"displayName": "Finance", "grants": [{"name": "all", "namespaces": {"all": {}}}]}},
    ]);
    values
}

#[test]
fn a_tenant_and_catalogs_come_with_the_first_install_follow_the_values_and_stay() -> Outcome {
    let cluster = Cluster::start()?;
    let uids = || -> Outcome<Vec<Value>> {
        let mut uids = Vec::new();
        for (kind, name) in [
            ("EntraTenant", "default"),
            ("Catalog", "marketing"),
            ("Catalog", "finance"),
        ] {
            let object = cluster
                .get(kind, name, None)?
                .ok_or_else(|| format!("no {kind} {name}"))?;
            assert!(object["metadata"]["deletionTimestamp"].is_null(), "{object:#}");
            uids.push(object["metadata"]["uid"].clone());
        }
        Ok(uids)
    };
    let description = || -> Outcome<Value> {
        let catalog = cluster
            .get("Catalog", "marketing", None)?
            .ok_or("no Catalog marketing")?;
        Ok(catalog["spec"]["description"].clone())
    };
    cluster.install(&with_objects(&cluster, "First"))?;
    let before = uids()?;
    assert_eq!(description()?, "First");

    for turn in ["Second", "Third"] {
        cluster.upgrade(&with_objects(&cluster, turn))?;
        assert_eq!(description()?, turn);
        assert_eq!(uids()?, before, "changed in place, not made anew");
    }

    // Out of the values, out of the release, into the release again.
    let mut without = cluster.values();
    without["replicas"] = json!(0);
    cluster.upgrade(&without)?;
    assert_eq!(uids()?, before);
    cluster.uninstall()?;
    assert_eq!(uids()?, before);
    cluster.install(&with_objects(&cluster, "Fourth"))?;
    assert_eq!(uids()?, before);
    assert_eq!(description()?, "Fourth");
    Ok(())
}
