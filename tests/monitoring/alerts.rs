use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use stage::workspace;

use crate::{Outcome, folder, programs::program};

fn alerts() -> Outcome<Vec<Value>> {
    let file: Value = serde_saphyr::from_str(&fs::read_to_string(folder().join("alerts.yaml"))?)?;
    let rules = file["groups"][0]["rules"].as_array().cloned().unwrap_or_default();
    assert!(!rules.is_empty(), "alerts.yaml has no rules");
    Ok(rules)
}

#[test]
fn every_alert_fires_when_it_should_and_only_then() -> Outcome {
    let Some(promtool) = program("promtool")? else {
        return Ok(());
    };
    for arguments in [
        &["check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"][..],
        &["test", "rules", "alerts.test.yaml"][..],
    ] {
        let output = Command::new(&promtool).current_dir(folder()).args(arguments).output()?;
        assert!(
            output.status.success(),
            "promtool {}:\n{}{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> Outcome {
    let tests: Value = serde_saphyr::from_str(&fs::read_to_string(folder().join("alerts.test.yaml"))?)?;
    let (mut firing, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for test in tests["tests"].as_array().into_iter().flatten() {
        for case in test["alert_rule_test"].as_array().into_iter().flatten() {
            let name = case["alertname"].as_str().unwrap_or_default().to_owned();
            let fires = case["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty());
            if fires { &mut firing } else { &mut silent }.insert(name);
        }
    }
    let names: BTreeSet<String> = alerts()?
        .iter()
        .map(|alert| alert["alert"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(firing, names);
    assert_eq!(silent, names);
    Ok(())
}

#[test]
fn every_alert_says_how_bad_it_is_what_it_means_and_what_to_read() -> Outcome {
    let overview = fs::read_to_string(workspace::root().join("docs/monitoring.md"))?;
    for alert in alerts()? {
        let name = alert["alert"].as_str().unwrap_or_default();
        let severity = alert["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        for words in ["summary", "description"] {
            assert!(alert["annotations"][words].is_string(), "{name} has no {words}");
        }
        let runbook = format!("docs/runbooks/{name}.md");
        assert_eq!(alert["annotations"]["runbook_url"], *runbook);
        let text =
            fs::read_to_string(workspace::root().join(&runbook)).map_err(|error| format!("{runbook}: {error}"))?;
        assert!(text.starts_with(&format!("# {name}\n")), "{runbook}");
        for heading in ["## What it means", "## What to do"] {
            assert!(text.contains(&format!("\n{heading}\n")), "{runbook}: {heading}");
        }
        let row = format!("| [{name}](runbooks/{name}.md) | {severity} |");
        assert!(overview.contains(&row), "docs/monitoring.md: {row}");
    }
    Ok(())
}
