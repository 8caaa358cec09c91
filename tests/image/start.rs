use std::fs;
use std::path::Path;
use std::time::Duration;

use stage::{Stage, wait_for, workspace};

use crate::container::{Container, Walls};
use crate::recipe::{Optimised, Recipe};
use crate::{Outcome, say};

const SOON: Duration = Duration::from_secs(60);
/// In a program's table of segments: the path of the loader that has to load it.
const INTERPRETER: u32 = 3;

/// The kinds of a 64-bit ELF file's segments.
fn segments(program: &Path) -> Outcome<Vec<u32>> {
    let bytes = fs::read(program)?;
    assert_eq!(
        bytes.get(..6),
        Some(b"\x7fELF\x02\x01".as_slice()),
        "no 64-bit ELF file"
    );
    let number = |at: usize, length: usize| -> Outcome<usize> {
        let part = bytes.get(at..at + length).ok_or("the file is cut off")?;
        Ok(part
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    (0..count)
        .map(|index| Ok(u32::try_from(number(table + index * size, 4)?)?))
        .collect()
}

#[test]
fn the_image_s_binary_is_static_and_makes_the_samples_ready_in_an_empty_root() -> Outcome {
    let recipe = Recipe::read()?;
    let binary = recipe.build(Optimised::NotAtAll)?;
    assert!(!segments(&binary)?.contains(&INTERPRETER), "it needs a loader");
    // The measure sees it where it is.
    assert!(segments(Path::new("/bin/sh"))?.contains(&INTERPRETER));
    let Some(walls) = Walls::look() else { return Ok(()) };

    let stage = Stage::builder("").without_operator().start()?;
    let mut container = Container::start(&walls, &recipe, &binary, &stage, &[])?;
    assert_eq!(
        container.files,
        [
            "entra-access-operator",
            "etc/hosts",
            "etc/ssl/certs/ca-certificates.crt",
            "var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
            "var/run/secrets/kubernetes.io/serviceaccount/namespace",
            "var/run/secrets/kubernetes.io/serviceaccount/token",
        ]
    );
    wait_for("/readyz", SOON, || {
        if let Err(error) = container.process.must_run() {
            return Ok(Err(error));
        }
        container.get("/readyz").map(Ok).map_err(|error| error.to_string())
    })??;
    let user = recipe.user.split(':').next().unwrap_or_default();
    if walls.is_root() {
        assert!(
            container.status("Uid")?.starts_with(user),
            "{}",
            container.status("Uid")?
        );
    }
    let samples = workspace::root().join("docs/samples");
    stage.kubectl(&["apply", "-f", &samples.display().to_string()])?;
    for (kind, name, namespace) in [
        ("EntraTenant", "default", None),
        ("Catalog", "marketing", None),
        ("AccessPackage", "marketing-campaign", Some("marketing")),
        ("AssignmentPolicy", "marketing-campaign", Some("marketing")),
    ] {
        let ready = stage.wait_ready(kind, name, namespace, SOON);
        ready.map_err(|error| format!("{error}\n{}", container.process.log()))?;
    }
    let (size, memory) = (fs::metadata(&binary)?.len(), container.memory("VmRSS")?);
    let status = container.stop();
    assert!(
        status.is_some_and(|status| status.success()),
        "{status:?}\n{}",
        container.process.log()
    );
    say(&format!(
        "the image's binary: {:.1} MB; resident with the samples Ready: {:.1} MB",
        size as f64 / 1e6,
        memory as f64 / 1024.0
    ));
    Ok(())
}
