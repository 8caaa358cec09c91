//! The simulated stage as such.

use std::time::Duration;

use simulation::{
    stage::{Setting, Stage},
    wire::Side,
};

const SAMPLES: [&str; 5] = [
    include_str!("../../../docs/samples/0-namespace.yaml"),
    include_str!("../../../docs/samples/1-tenant.yaml"),
    include_str!("../../../docs/samples/2-catalog.yaml"),
    include_str!("../../../docs/samples/3-marketing-campaign.yaml"),
    include_str!("../../../docs/samples/4-marketing-campaign-policy.yaml"),
];

#[tokio::test(start_paused = true)]
async fn the_samples_become_ready_with_seventeen_calls_of_graph_and_no_time_passes() {
    let mut stage = Stage::new(&Setting::default());
    for sample in SAMPLES {
        stage.cluster.apply_yaml(sample).unwrap();
    }
    stage.settle().await.unwrap();
    for kind in ["EntraTenant", "Catalog", "AccessPackage", "AssignmentPolicy"] {
        for object in stage.cluster.list(kind, None) {
            let conditions = object["status"]["conditions"].as_array().unwrap();
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
            assert_eq!(ready.unwrap()["status"], "True", "{kind}: {conditions:?}");
        }
    }
    let of_graph = |what: &str| what.contains("/v1.0/");
    let calls = stage
        .trace()
        .into_iter()
        .filter(|seen| seen.side == Side::Entra && of_graph(&seen.what));
    assert_eq!(calls.count(), 17);
    assert_eq!(stage.age(), Duration::ZERO);
}
