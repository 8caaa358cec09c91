//! Stands in for the kubelet: a process for a pod.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use stage::{Supervised, wait_for};

use crate::cluster::{Cluster, Outcome, RELEASE, SOON};

/// The operator's binary, running as its pod says.
pub(crate) struct Container {
    /// The pod as it was when the container was started.
    pub(crate) pod: Value,
    pub(crate) process: Supervised,
    /// What is `0.0.0.0` with the pod's port inside the pod; none where it has no port.
    address: Option<String>,
}

/// Waits for a pod of the release that is neither going nor one of `known`.
pub(crate) fn new_pod(cluster: &Cluster, known: &[&Container]) -> Outcome<Value> {
    let pod = wait_for("a pod to be made", SOON, || {
        let pods = cluster
            .list("pods", Some(RELEASE))
            .map_err(|error| json!(error.to_string()))?;
        let is_new = |pod: &&Value| {
            !is_going(pod)
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

fn is_going(pod: &Value) -> bool {
    !pod["metadata"]["deletionTimestamp"].is_null()
}

fn has_ended(pod: &Value) -> bool {
    ["Succeeded", "Failed"].contains(&text(&pod["status"]["phase"]).as_str())
}

/// Starts the container of this pod, with the rights of its service account.
pub(crate) fn start(cluster: &Cluster, pod: Value) -> Outcome<Container> {
    start_with(cluster, pod, &[])
}

/// Likewise, in an environment that has these variables unless the pod says otherwise.
pub(crate) fn start_with(cluster: &Cluster, pod: Value, outside: &[(String, String)]) -> Outcome<Container> {
    let spec = &pod["spec"];
    let container = &spec["containers"][0];
    let account = text(&spec["serviceAccountName"]);
    let folder = cluster.folder().join(text(&pod["metadata"]["name"]));
    fs::create_dir_all(&folder)?;
    bind(cluster, &pod)?;
    let mounts = mount(cluster, &pod, &folder)?;

    let mut environment: BTreeMap<String, String> = outside.iter().cloned().collect();
    // In the place of the API server's address and of the token that are mounted into a pod.
    let kubeconfig = cluster.service_account(RELEASE, &account)?.kubeconfig().to_owned();
    environment.insert("KUBECONFIG".to_owned(), kubeconfig.display().to_string());
    environment.insert("NO_COLOR".to_owned(), "1".to_owned());
    // As the webhook of Azure Workload Identity does.
    if pod["metadata"]["labels"]["azure.workload.identity/use"] == "true" {
        let token = cluster.service_account_token(RELEASE, &account, Some("api://AzureADTokenExchange"))?;
        let file = folder.join("federated-token");
        fs::write(&file, token)?;
        environment.insert("AZURE_FEDERATED_TOKEN_FILE".to_owned(), file.display().to_string());
    }
    for variable in array(&container["env"]) {
        let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some(path) => text(path.split('.').fold(&pod, |value, name| &value[name])),
            None => text(&variable["value"]),
        };
        environment.insert(text(&variable["name"]), inside(&mounts, &value));
    }
    // A bundle that an image has and this machine may not have.
    environment.retain(|name, value| name != "SSL_CERT_FILE" || Path::new(value).exists());

    let port = container["ports"][0]["containerPort"].as_u64();
    let address = port.map(|_| free_address()).transpose()?;
    let mut listens = 0;
    let arguments: Vec<String> = array(&container["args"])
        .iter()
        .map(|argument| match (text(argument), port, &address) {
            // Every pod has an address of its own; here they share one, so each has a port of its own.
            (listen, Some(port), Some(address)) if listen == format!("--listen=0.0.0.0:{port}") => {
                listens += 1;
                format!("--listen={address}")
            }
            (other, _, _) => other,
        })
        .collect();
    assert_eq!(listens, usize::from(port.is_some()), "{container:#}");

    let process = Supervised::start(
        Path::new(env!("CARGO_BIN_EXE_entra-access-operator")),
        arguments,
        &environment.into_iter().collect::<Vec<_>>(),
        &folder.join("log"),
    )?;
    Ok(Container { pod, process, address })
}

/// Runs every pod of the release's namespace, as long as `until` is false: starts it, calls its probes, ends it when it is
/// deleted, says how it ended.
pub(crate) fn attend(cluster: &Cluster, outside: &[(String, String)], until: &AtomicBool) -> Outcome {
    let mut running: BTreeMap<String, Container> = BTreeMap::new();
    while !until.load(Ordering::Relaxed) {
        for pod in cluster.list("pods", Some(RELEASE))? {
            let uid = text(&pod["metadata"]["uid"]);
            match running.get_mut(&uid) {
                Some(_) if is_going(&pod) => {
                    if let Some(container) = running.remove(&uid) {
                        container.end_with_its_pod(cluster)?;
                    }
                }
                Some(container) => container.report(cluster, &pod)?,
                // One that ran when the node was last attended to is started again.
                None if !has_ended(&pod) && !is_going(&pod) => {
                    running.insert(uid, start_with(cluster, pod, outside)?);
                }
                None => {}
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

impl Container {
    /// Calls this probe until it succeeds.
    pub(crate) fn probe(&mut self, name: &str) -> Outcome {
        let url = self.url(name);
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

    fn url(&self, probe: &str) -> String {
        let probe = &self.pod["spec"]["containers"][0][probe]["httpGet"];
        assert_eq!(probe["port"], "http", "{probe}");
        let address = self.address.as_deref().unwrap_or_default();
        format!("http://{address}{}", probe["path"].as_str().unwrap_or_default())
    }

    /// What `/metrics` says to whoever shows this token, asked as the chart's ServiceMonitor has it asked.
    pub(crate) fn metrics(&self, token: Option<&str>) -> Outcome<(u16, String)> {
        let address = self.address.as_deref().unwrap_or_default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let http = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .no_proxy()
            .build()?;
        runtime.block_on(async {
            let mut request = http.get(format!("https://{address}/metrics"));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let answer = request.send().await?;
            Ok((answer.status().as_u16(), answer.text().await?))
        })
    }

    /// Says at the API server that the pod runs and is ready, as a kubelet does once its probes succeed.
    pub(crate) fn report_ready(&self, cluster: &Cluster) -> Outcome {
        let conditions: Vec<Value> = ["Initialized", "ContainersReady", "Ready"]
            .map(|kind| json!({"type": kind, "status": "True", "lastTransitionTime": "2000-01-01T00:00:00Z"}))
            .to_vec();
        self.say(cluster, &json!({"phase": "Running", "conditions": conditions}))
    }

    /// Waits until the process has ended by itself, and says at the API server how.
    pub(crate) fn report_end(&mut self, cluster: &Cluster) -> Outcome<String> {
        let ended = self.process.wait(SOON).ok_or("it did not end")?;
        let phase = if ended.success() { "Succeeded" } else { "Failed" };
        self.say(cluster, &json!({"phase": phase}))?;
        Ok(self.process.log())
    }

    /// Whatever there is to say now.
    fn report(&mut self, cluster: &Cluster, pod: &Value) -> Outcome {
        let is_new = pod["status"]["phase"] == "Pending";
        if is_new && self.address.is_some() && matches!(get(&self.url("readinessProbe")), Ok((200, _))) {
            self.report_ready(cluster)?;
        }
        if !has_ended(pod) && self.process.ended().is_some() {
            self.report_end(cluster)?;
        }
        Ok(())
    }

    fn say(&self, cluster: &Cluster, status: &Value) -> Outcome {
        let name = text(&self.pod["metadata"]["name"]);
        match cluster.patch("pods", &name, Some(RELEASE), &json!({"status": status})) {
            // Deleted meanwhile.
            Err(error) if error.code() == Some(404) => Ok(()),
            outcome => Ok(outcome.map(drop)?),
        }
    }

    /// SIGTERM, and the pod's grace.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let grace = self.pod["spec"]["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap_or_default();
        let ended = self.process.stop(Duration::from_secs(grace));
        assert!(
            ended.is_some_and(|status| status.success()),
            "{ended:?}\n{}",
            self.process.log()
        );
    }

    /// Waits until the pod is being deleted, ends the process, and only then lets the pod go.
    pub(crate) fn end_with_its_pod(mut self, cluster: &Cluster) -> Outcome {
        let name = text(&self.pod["metadata"]["name"]);
        // One that has ended by itself goes at once, without waiting for its node.
        stage::wait_for(&format!("pod {name} to be deleted"), SOON, || {
            match cluster.get("pods", &name, Some(RELEASE)) {
                Ok(None) => Ok(()),
                Ok(Some(pod)) if is_going(&pod) => Ok(()),
                Ok(Some(pod)) => Err(pod["status"].to_string()),
                Err(error) => Err(error.to_string()),
            }
        })?;
        self.end();
        let path = format!("/api/v1/namespaces/{RELEASE}/pods/{name}?gracePeriodSeconds=0");
        // One that ended before it was deleted is gone already.
        match cluster.request("DELETE", &path, "", None) {
            Err(error) if error.code() != Some(404) => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// Says which node has the pod. From then on a deletion waits for that node.
fn bind(cluster: &Cluster, pod: &Value) -> Outcome {
    if pod["spec"]["nodeName"].is_string() {
        return Ok(());
    }
    let name = text(&pod["metadata"]["name"]);
    let path = format!("/api/v1/namespaces/{RELEASE}/pods/{name}/binding");
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "stand-in"},
    });
    cluster.request("POST", &path, "application/json", Some(&binding))?;
    Ok(())
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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
