//! The simulated stage as such.

use simulation::stage::{Setting, Stage};

const SAMPLES: [&str; 5] = [
    include_str!("../../../docs/samples/0-namespace.yaml"),
    include_str!("../../../docs/samples/1-tenant.yaml"),
    include_str!("../../../docs/samples/2-catalog.yaml"),
    include_str!("../../../docs/samples/3-marketing-campaign.yaml"),
    include_str!("../../../docs/samples/4-marketing-campaign-policy.yaml"),
];

#[tokio::test(start_paused = true)]
async fn the_samples_become_ready() {
    let begun = std::time::Instant::now();
    let mut stage = Stage::new(&Setting::default());
    for sample in SAMPLES {
        stage.cluster.apply_yaml(sample).unwrap();
    }
    stage.settle().await.unwrap();
    for seen in stage.trace() {
        println!("{seen}");
    }
    for kind in ["EntraTenant", "Catalog", "AccessPackage", "AssignmentPolicy"] {
        for object in stage.cluster.list(kind, None) {
            println!(
                "{kind} {}: {}",
                object["metadata"]["name"], object["status"]["conditions"][0]
            );
        }
    }
    println!(
        "{:?} simulated in {:?}; {:?}",
        stage.age(),
        begun.elapsed(),
        stage
            .entra
            .state()
            .as_object()
            .map(|o| o.keys().cloned().collect::<Vec<_>>())
    );
    println!("{}", serde_json::to_string_pretty(&stage.entra.state()).unwrap());
}
