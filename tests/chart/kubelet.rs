//! Stands in for the kubelet: a process for a pod.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stage::{Supervised, wait_for};

use crate::cluster::{Cluster, Outcome, RELEASE, SOON};

/// The operator's binary, running as its pod says.
pub(crate) struct Container {
    /// The pod as it was when the container was started.
    pub(crate) pod: Value,
    pub(crate) process: Supervised,
    /// What is `0.0.0.0` with the pod's port inside the pod.
    address: String,
}

/// Waits for a pod of the release that is neither going nor one of `known`.
pub(crate) fn new_pod(cluster: &Cluster, known: &[&Container]) -> Outcome<Value> {
    let pod = wait_for("the Deployment to make a pod", SOON, || {
        let pods = cluster
            .list("pods", Some(RELEASE))
            .map_err(|error| json!(error.to_string()))?;
        let is_new = |pod: &&Value| {
            pod["metadata"]["deletionTimestamp"].is_null()
                && known
                    .iter()
                    .all(|known| known.pod["metadata"]["uid"] != pod["metadata"]["uid"])
        };
        match pods.iter().find(is_new) {
            Some(pod) => Ok(pod.clone()),
            None => Err(json!(cluster.list("replicasets", Some(RELEASE)).unwrap_or_default())),
        }
    })?;
    Ok(pod)
}

/// Starts the container of this pod, with the rights of its service account.
pub(crate) fn start(cluster: &Cluster, pod: Value) -> Outcome<Container> {
    let spec = &pod["spec"];
    let container = &spec["containers"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let account = text(&spec["serviceAccountName"]);
    let folder = cluster.folder().join(text(&pod["metadata"]["name"]));
    fs::create_dir_all(&folder)?;
    let mounts = mount(cluster, &pod, &folder)?;

    let mut environment = BTreeMap::from([
        // In the place of the API server's address and of the token that are mounted into a pod.
        (
            "KUBECONFIG".to_owned(),
            cluster
                .service_account(RELEASE, &account)?
                .kubeconfig()
                .display()
                .to_string(),
        ),
        ("NO_COLOR".to_owned(), "1".to_owned()),
    ]);
    for variable in array(&container["env"]) {
        let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some(path) => text(path.split('.').fold(&pod, |value, name| &value[name])),
            None => text(&variable["value"]),
        };
        environment.insert(text(&variable["name"]), inside(&mounts, &value));
    }
    // A bundle that an image has and this machine may not have.
    environment.retain(|name, value| name != "SSL_CERT_FILE" || Path::new(value).exists());

    let port = container["ports"][0]["containerPort"].to_string();
    let address = free_address()?;
    let mut listens = 0;
    let arguments: Vec<String> = array(&container["args"])
        .iter()
        .map(|argument| match text(argument) {
            // Every pod has an address of its own; here they share one, so each has a port of its own.
            listen if listen == format!("--listen=0.0.0.0:{port}") => {
                listens += 1;
                format!("--listen={address}")
            }
            other => other,
        })
        .collect();
    assert_eq!(listens, 1, "{container:#}");

    let process = Supervised::start(
        Path::new(env!("CARGO_BIN_EXE_entra-access-operator")),
        arguments,
        &environment.into_iter().collect::<Vec<_>>(),
        &folder.join("log"),
    )?;
    Ok(Container { pod, process, address })
}

impl Container {
    /// Calls this probe until it succeeds.
    pub(crate) fn probe(&mut self, name: &str) -> Outcome {
        let probe = &self.pod["spec"]["containers"][0][name]["httpGet"];
        assert_eq!(probe["port"], "http", "{name}: {probe}");
        let url = format!("http://{}{}", self.address, probe["path"].as_str().unwrap_or_default());
        let process = &mut self.process;
        wait_for(&format!("{url} to answer 200"), SOON, || {
            if let Err(error) = process.must_run() {
                return Ok(Err(error));
            }
            match get(&url) {
                Ok((200, _)) => Ok(Ok(())),
                Ok((status, body)) => Err(format!("{status}: {body}")),
                Err(error) => Err(error.to_string()),
            }
        })??;
        Ok(())
    }

    /// What `/metrics` says.
    pub(crate) fn metrics(&self) -> Outcome<String> {
        Ok(get(&format!("http://{}/metrics", self.address))?.1)
    }

    /// Says at the API server that the pod runs and is ready, as a kubelet does once its probes succeed.
    pub(crate) fn report_ready(&self, cluster: &Cluster) -> Outcome {
        let name = self.pod["metadata"]["name"].as_str().unwrap_or_default();
        let conditions: Vec<Value> = ["Initialized", "ContainersReady", "Ready"]
            .map(|kind| json!({"type": kind, "status": "True", "lastTransitionTime": "2000-01-01T00:00:00Z"}))
            .to_vec();
        let status = json!({"status": {"phase": "Running", "conditions": conditions}});
        cluster.patch("pods", name, Some(RELEASE), &status)?;
        Ok(())
    }

    /// SIGTERM, and the pod's grace.
    pub(crate) fn stop(mut self) {
        let grace = self.pod["spec"]["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap_or_default();
        let ended = self.process.stop(std::time::Duration::from_secs(grace));
        assert!(
            ended.is_some_and(|status| status.success()),
            "{ended:?}\n{}",
            self.process.log()
        );
    }
}

/// Writes the ConfigMaps that the pod mounts; answers where each path of the container is.
fn mount(cluster: &Cluster, pod: &Value, folder: &Path) -> Outcome<Vec<(String, PathBuf)>> {
    let mut mounts = Vec::new();
    for mount in array(&pod["spec"]["containers"][0]["volumeMounts"]) {
        let volume = array(&pod["spec"]["volumes"])
            .iter()
            .find(|volume| volume["name"] == mount["name"])
            .ok_or("a mount without a volume")?;
        let Some(name) = volume["configMap"]["name"].as_str() else {
            continue;
        };
        let object = cluster
            .get("configmaps", name, Some(RELEASE))?
            .ok_or("no such ConfigMap")?;
        let place = folder.join(name);
        fs::create_dir_all(&place)?;
        for (key, value) in object["data"].as_object().into_iter().flatten() {
            fs::write(place.join(key), value.as_str().unwrap_or_default())?;
        }
        mounts.push((mount["mountPath"].as_str().unwrap_or_default().to_owned(), place));
    }
    Ok(mounts)
}

fn inside(mounts: &[(String, PathBuf)], path: &str) -> String {
    mounts
        .iter()
        .find_map(|(prefix, place)| Some(format!("{}{}", place.display(), path.strip_prefix(prefix.as_str())?)))
        .unwrap_or_else(|| path.to_owned())
}

fn free_address() -> Outcome<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.to_string())
}

fn get(url: &str) -> Outcome<(u16, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build()?;
    runtime.block_on(async {
        let answer = http.get(url).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    })
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
