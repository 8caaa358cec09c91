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
async fn the_samples_become_ready_with_eighteen_calls_of_graph_and_no_time_passes() {
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
    let calls: Vec<String> = calls.map(|seen| seen.what).collect();
    assert_eq!(calls.len(), 18, "{calls:#?}");
    assert_eq!(stage.age(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_operator_that_is_stopped_does_nothing_until_it_is_started_again() {
    let mut stage = Stage::new(&Setting::default());
    stage.stop();
    for sample in SAMPLES {
        stage.cluster.apply_yaml(sample).unwrap();
    }
    stage.pass(Duration::from_secs(60)).await.unwrap();
    assert_eq!(stage.trace(), []);
    assert_eq!(stage.age(), Duration::from_secs(60));
    stage.restart();
    stage.settle().await.unwrap();
    assert_ne!(stage.trace(), []);
}

#[tokio::test(start_paused = true)]
async fn time_goes_on_while_more_objects_of_a_kind_are_due_than_are_visited_at_once() {
    let mut stage = Stage::new(&Setting {
        quirks: serde_json::json!({"latency": 500}),
        ..Setting::default()
    });
    for number in 0..40 {
        let mut tenant: serde_json::Value = serde_saphyr::from_str(SAMPLES[1]).unwrap();
        tenant["metadata"]["name"] = format!("tenant-{number}").into();
        stage.cluster.apply(&tenant).unwrap();
    }
    stage.pass(Duration::from_secs(60)).await.unwrap();
    let ready = stage.conditions();
    let ready = ready.iter().filter(|said| said.contains("\"Ready\"=\"True\""));
    assert_eq!(ready.count(), 40, "{:#?}", stage.conditions());
}
