//! Stands in for the container.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use stage::{OPERATOR_NAMESPACE, Stage, Supervised};

use crate::recipe::{Recipe, program};
use crate::{Outcome, say};

const ACCOUNT: &str = "entra-access-operator";
const ACCOUNT_FOLDER: &str = "var/run/secrets/kubernetes.io/serviceaccount";
const DEVICES: [&str; 3] = ["null", "random", "urandom"];

/// Binds the devices that every container has, and becomes the program, in its root and as its user.
const ENTER: &str = r#"
set -e
root=$1; shift
for device in null random urandom; do mount --bind "/dev/$device" "$root/dev/$device"; done
exec "$@"
"#;

/// Programs that give a process another root.
pub(crate) struct Walls {
    unshare: PathBuf,
    chroot: PathBuf,
    environment: PathBuf,
    is_root: bool,
}

impl Walls {
    /// None, and a word about it, where this machine does not let us.
    pub(crate) fn look() -> Option<Self> {
        let (Some(unshare), Some(chroot), Some(environment)) = (program("unshare"), program("chroot"), program("env"))
        else {
            say("skipped: `unshare`, `chroot` and `env` are needed to start the binary in an empty root");
            return None;
        };
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let walls = Self {
            unshare,
            chroot,
            environment,
            is_root,
        };
        let mut trial = Command::new(&walls.unshare);
        trial.args(walls.rights()).args(["sh", "-c", "mount --bind /dev /dev"]);
        let allowed = trial.stdin(Stdio::null()).output();
        if allowed.is_ok_and(|output| output.status.success()) {
            return Some(walls);
        }
        say("skipped: this machine lets nobody but root, or not even root, mount anything in a namespace of its own");
        None
    }

    pub(crate) fn is_root(&self) -> bool {
        self.is_root
    }

    fn rights(&self) -> &'static [&'static str] {
        if self.is_root {
            &["--mount"]
        } else {
            &["--map-root-user", "--mount"]
        }
    }
}

/// The image's binary, running.
pub(crate) struct Container {
    pub(crate) process: Supervised,
    /// Where it listens.
    pub(crate) address: String,
    /// Every file that it can see, apart from the devices.
    pub(crate) files: Vec<String>,
}

impl Container {
    /// Starts it beside this stage, as the chart's pod would, with these further arguments.
    pub(crate) fn start(
        walls: &Walls,
        recipe: &Recipe,
        binary: &Path,
        stage: &Stage,
        arguments: &[&str],
    ) -> Outcome<Self> {
        let root = stage.folder().join("root");
        let lay = |place: &str, content: &[u8]| -> Outcome {
            let path = root.join(place.trim_start_matches('/'));
            fs::create_dir_all(path.parent().ok_or("a file in no folder")?)?;
            Ok(fs::write(path, content)?)
        };
        // What the image holds. Its bundle trusts the emulator here, in the place of the world's authorities.
        let inside = root.join(recipe.installed.trim_start_matches('/'));
        fs::create_dir_all(&root)?;
        fs::copy(binary, inside)?;
        lay(
            "etc/ssl/certs/ca-certificates.crt",
            &fs::read(stage.emulator().ca_file())?,
        )?;
        // What a kubelet lays beside it.
        lay("etc/hosts", b"127.0.0.1 localhost\n")?;
        let token = account_token(stage)?;
        lay(&format!("{ACCOUNT_FOLDER}/token"), token.as_bytes())?;
        lay(&format!("{ACCOUNT_FOLDER}/ca.crt"), stage.authority().as_bytes())?;
        lay(&format!("{ACCOUNT_FOLDER}/namespace"), OPERATOR_NAMESPACE.as_bytes())?;
        let files = files(&root)?;
        for device in DEVICES {
            lay(&format!("dev/{device}"), b"")?;
        }

        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
        let (host, port) = api_server(stage)?;
        let mut line: Vec<String> = walls.rights().iter().map(|&right| right.to_owned()).collect();
        let mut add = |word: &dyn AsRef<Path>| line.push(word.as_ref().display().to_string());
        for word in ["sh", "-c", ENTER, "enter"] {
            add(&word);
        }
        add(&root);
        // Nothing of this machine's environment.
        add(&walls.environment);
        add(&"-i");
        for (name, value) in [
            ("KUBERNETES_SERVICE_HOST", host.as_str()),
            ("KUBERNETES_SERVICE_PORT", &port),
            ("POD_NAMESPACE", OPERATOR_NAMESPACE),
            ("POD_NAME", "image"),
            ("AZURE_AUTHORITY_HOST", stage.emulator().authority()),
            ("LOG_FORMAT", "text"),
            ("NO_COLOR", "1"),
        ] {
            add(&format!("{name}={value}"));
        }
        add(&walls.chroot);
        if walls.is_root {
            add(&format!("--userspec={}", recipe.user));
        } else {
            say("not root: the binary runs as this user instead of the image's");
        }
        add(&root);
        for word in &recipe.command {
            add(word);
        }
        add(&format!("--listen={address}"));
        add(&format!("--graph-url={}", stage.emulator().graph_url()));
        for argument in arguments {
            add(argument);
        }
        let process = Supervised::start(&walls.unshare, line, &[], &stage.folder().join("image.log"))?;
        Ok(Self {
            process,
            address,
            files,
        })
    }

    /// A line of `/proc/PID/status`, in kilobytes.
    pub(crate) fn memory(&self, line: &str) -> Outcome<u64> {
        let status = self.status(line)?;
        let number = status.split_whitespace().next().unwrap_or_default();
        Ok(number.parse()?)
    }

    /// A line of `/proc/PID/status`.
    pub(crate) fn status(&self, line: &str) -> Outcome<String> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process.pid()))?;
        let found = text
            .lines()
            .find_map(|row| row.strip_prefix(line)?.strip_prefix(':'))
            .ok_or_else(|| format!("the kernel does not tell {line}"))?;
        Ok(found.trim().to_owned())
    }

    /// What it answers to a GET.
    pub(crate) fn get(&self, path: &str) -> Outcome<String> {
        let url = format!("http://{}{path}", self.address);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().build()?;
        Ok(runtime.block_on(async { http.get(url).send().await?.error_for_status()?.text().await })?)
    }

    /// SIGTERM, and the grace that a pod has.
    pub(crate) fn stop(&mut self) -> Option<ExitStatus> {
        self.process.stop(Duration::from_secs(30))
    }
}

/// A token of the operator's service account, which may do everything: rights are what the tests of the chart are about.
fn account_token(stage: &Stage) -> Outcome<String> {
    stage.apply_object(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": OPERATOR_NAMESPACE}],
    }))?;
    Ok(stage.service_account_token(OPERATOR_NAMESPACE, ACCOUNT, None)?)
}

/// Host and port of the API server.
fn api_server(stage: &Stage) -> Outcome<(String, String)> {
    let config: Value = serde_json::from_str(&fs::read_to_string(stage.kubeconfig())?)?;
    let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap_or_default();
    let (host, port) = server
        .strip_prefix("https://")
        .and_then(|address| address.split_once(':'))
        .ok_or_else(|| format!("the API server's address: {server}"))?;
    Ok((host.to_owned(), port.to_owned()))
}

/// Every file below this folder, by its path from there.
fn files(root: &Path) -> Outcome<Vec<String>> {
    let (mut found, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root)?.display().to_string());
            }
        }
    }
    found.sort();
    Ok(found)
}
