//! What the running operator tells: its lines, its traces, its refusals of wrong flags.

use std::{
    fs,
    io::Read as _,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::Command,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Any, trace::v1::Span,
};
use prost::Message as _;
use serde_json::{Value, json};
use stage::{Stage, StageBuilder, wait_for};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const SOON: Duration = Duration::from_secs(45);

fn builder() -> StageBuilder {
    Stage::builder(env!("CARGO_BIN_EXE_entra-access-operator")).argument("--log-format=json")
}

/// Applies a tenant and a catalog and waits until both are Ready.
fn furnish(stage: &Stage) -> Outcome {
    stage.apply(&stage.tenant_manifest("default"))?;
    stage.apply_object(&json!({
        "apiVersion": "access.entra-operator.io/v1alpha1",
        "kind": "Catalog",
        "metadata": {"name": "marketing"},
        "spec": {"displayName": "Marketing", "description": "For marketing", "deletionPolicy": "Delete"},
    }))?;
    stage.wait_ready("EntraTenant", "default", None, SOON)?;
    stage.wait_ready("Catalog", "marketing", None, SOON)?;
    Ok(())
}

/// The lines of the log that visits to this object left, at whatever level.
fn lines_of(stage: &Stage, object: &str) -> Vec<Value> {
    let log = stage.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["span"]["object"] == object && line["ms"].is_u64())
        .collect()
}

#[test]
fn a_visit_leaves_one_line_that_says_what_was_done_and_by_which_requests() -> Outcome {
    let stage = builder().start()?;
    furnish(&stage)?;
    let lines = wait_for("the line of the visit that made the catalog", SOON, || {
        let lines = lines_of(&stage, "Catalog marketing");
        let told = lines.iter().any(|line| line["writes"].as_u64() > Some(0));
        if told { Ok(lines) } else { Err(stage.log()) }
    })?;
    let wrote: Vec<&Value> = lines.iter().filter(|line| line["writes"].as_u64() > Some(0)).collect();
    assert_eq!(wrote.len(), 1, "{lines:#?}");
    let line = wrote[0];
    let message = line["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("created catalog \"Marketing\" ("), "{line:#}");
    assert_eq!(
        (&line["level"], &line["reason"]),
        (&json!("INFO"), &json!("InSync")),
        "{line:#}"
    );
    // By the id the request is found where Graph keeps its own.
    let id = line["request_ids"].as_str().unwrap_or_default();
    let served = stage.emulator().requests();
    let create = served.iter().find(|request| request["requestId"] == id);
    assert_eq!(
        create.map(|request| &request["method"]),
        Some(&json!("POST")),
        "{id}: {served:#?}"
    );
    Ok(())
}

const AUDIT: &str = "entra_access_operator::audit";

#[test]
fn each_write_to_entra_leaves_a_record_of_who_asked_for_it_what_was_sent_and_what_came_of_it() -> Outcome {
    let stage = builder().argument("--log-level=warn").start()?;
    furnish(&stage)?;
    let patch = json!({"spec": {"description": "Said by a person"}});
    stage.patch("Catalog", "marketing", None, &patch)?;
    let records = || -> Vec<Value> {
        let log = stage.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["target"] == AUDIT).collect()
    };
    let record = wait_for("the record of the change", SOON, || {
        let all = records();
        let change = all.iter().find(|record| record["changes"].is_string());
        change.cloned().ok_or_else(|| stage.log())
    })?;
    let uid = stage.get("Catalog", "marketing", None)?.unwrap_or_default()["metadata"]["uid"].clone();
    for (field, value) in [
        ("object", json!("Catalog marketing")),
        ("uid", uid),
        ("generation", json!(2)),
        ("is_deleted", json!(false)),
        ("cause", json!("spec")),
        ("changes", json!("description: For marketing -> Said by a person")),
        ("result", json!("done")),
    ] {
        assert_eq!(record[field], value, "{field}: {record:#}");
    }
    assert!(
        record["changed_by"].is_string() && record["changed_at"].is_string(),
        "{record:#}"
    );
    let id = record["request_ids"].as_str().unwrap_or_default();
    let served = stage.emulator().requests();
    let change = served.iter().find(|request| request["requestId"] == id);
    assert_eq!(
        change.map(|request| &request["method"]),
        Some(&json!("PATCH")),
        "{id}: {served:#?}"
    );
    let made = records();
    let made = made
        .iter()
        .find(|record| record["message"] == "audit: create catalog \"Marketing\"");
    assert_eq!(
        made.map(|record| &record["result"]),
        Some(&json!("done")),
        "{:#?}",
        records()
    );
    Ok(())
}

#[test]
fn the_log_level_follows_its_file_and_a_level_that_makes_no_sense_changes_nothing() -> Outcome {
    let folder = std::env::temp_dir().join(format!("log-level-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let file = folder.join("level");
    fs::write(&file, "warn\n")?;
    let stage = builder()
        .argument(&format!("--log-level-file={}", file.display()))
        .start()?;
    furnish(&stage)?;
    // But for the records of what is written in Entra, which no level silences.
    let log = stage.log();
    let mut told = log.lines().filter(|line| line.contains("\"INFO\""));
    assert!(told.all(|line| line.contains(AUDIT)), "{log}");

    fs::write(&file, "loud=very\n")?;
    let says = |words: &str| {
        wait_for(words, SOON, || {
            let log = stage.log();
            if log.contains(words) { Ok(()) } else { Err(log) }
        })
    };
    says("log level not changed")?;
    fs::write(&file, "info,entra_access_operator=debug\n")?;
    says("log level changed")?;
    stage.kubectl(&[
        "annotate",
        "catalog",
        "marketing",
        "access.entra-operator.io/reconcile-requested-at=now",
    ])?;
    says("Graph request")?;
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Head and body of a request.
type Request = (String, Vec<u8>);

/// A collector that takes traces and hands them over; its address first.
fn collector() -> Outcome<(String, Receiver<Request>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = format!("http://{}", listener.local_addr()?);
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(request) = take(stream)
                && sender.send(request).is_err()
            {
                return;
            }
        }
    });
    Ok((address, receiver))
}

/// Reads one request, head and body, and answers that all is well.
fn take(mut stream: TcpStream) -> Option<Request> {
    use std::io::Write as _;
    let mut read = Vec::new();
    let mut buffer = [0_u8; 8_192];
    let end = loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&buffer[..count]);
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse().ok())?;
    let mut body = read.split_off(end + 4);
    while body.len() < length {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        body.extend_from_slice(&buffer[..count]);
    }
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .ok()?;
    Some((head, body))
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text.clone()),
        Any::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The request that made the catalog, and the visit that sent it.
fn create_within_visit(spans: &[Span]) -> Option<(Span, Span)> {
    let create = spans.iter().find(|span| {
        attribute(span, "http.request.method").as_deref() == Some("POST")
            && attribute(span, "http.response.status_code").as_deref() == Some("201")
    })?;
    let visit = spans.iter().find(|span| span.span_id == create.parent_span_id)?;
    Some((create.clone(), visit.clone()))
}

#[test]
fn a_trace_shows_a_visit_with_each_of_its_requests_and_no_token() -> Outcome {
    let (address, received) = collector()?;
    let stage = builder().argument(&format!("--otlp-endpoint={address}")).start()?;
    furnish(&stage)?;
    let mut spans: Vec<Span> = Vec::new();
    let mut bytes = Vec::new();
    // A parent is sent after its children.
    let (create, visit) = loop {
        let (head, body) = received.recv_timeout(SOON)?;
        assert!(head.starts_with("post /v1/traces "), "{head}");
        let request = ExportTraceServiceRequest::decode(body.as_slice())?;
        bytes.extend_from_slice(&body);
        let batches = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
        spans.extend(batches.flat_map(|scope| scope.spans));
        if let Some(found) = create_within_visit(&spans) {
            break found;
        }
    };
    assert!(
        attribute(&create, "request_id").is_some_and(|id| !id.is_empty()),
        "{create:#?}"
    );
    assert_eq!(visit.name, "reconcile");
    assert_eq!(attribute(&visit, "object").as_deref(), Some("Catalog marketing"));
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        !text.contains("eyJ") && !text.contains("Bearer"),
        "a token left the process"
    );
    Ok(())
}

#[test]
fn wrong_flags_are_refused_with_the_flag_and_what_it_takes() -> Outcome {
    for (argument, words) in [
        ("--log-level=loud=very", "use error, warn, info, debug, trace"),
        ("--listen=8080", "--listen <ADDRESS>"),
        ("--visibility-seconds=0", "1..=3600"),
        ("--graph-url=graph", "--graph-url <URL>"),
        ("--log-format=xml", "possible values: text, json"),
        ("--otlp-endpoint=ftp://collector", "must begin with http:// or https://"),
    ] {
        let refused = Command::new(env!("CARGO_BIN_EXE_entra-access-operator"))
            .args(["run", argument])
            .output()?;
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && told.contains(words), "{argument}: {told}");
    }
    Ok(())
}

#[test]
fn help_is_in_groups_and_names_the_variable_of_each_flag() -> Outcome {
    let help = Command::new(env!("CARGO_BIN_EXE_entra-access-operator"))
        .args(["run", "--help"])
        .output()?;
    let help = String::from_utf8(help.stdout)?;
    for heading in ["In the cluster:", "Microsoft Graph:", "Signals:"] {
        assert!(help.contains(heading), "{help}");
    }
    let flags = help.lines().filter(|line| line.trim_start().starts_with("--")).count();
    let twins = help.matches("[env: ").count();
    assert_eq!(flags, twins, "{help}");
    Ok(())
}
