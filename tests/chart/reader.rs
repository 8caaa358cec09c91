//! Somebody who has never seen the product, and does what the documents say.
//!
//! Every command is taken from the text and run as it stands: one shell, in the order of the text, until one fails. A
//! block that could not be run, since it is not of `sh`, is a failure too. What a test cannot have is replaced:
//!
//! | in the world | here |
//! |---|---|
//! | lines `export NAME=…` under "What is yours" | [`YOURS`] |
//! | `az` and the tenant | [`AZ`], a script with the answers of `az`; the emulator |
//! | `docker`, `kind`, the registry | [`IMAGES`], a script that notes what it is asked; what runs is this checkout's binary |
//! | `openssl` | [`OPENSSL`], a script that copies a certificate of the test's own |
//! | the node; the webhook of Azure Workload Identity | `kubelet` |
//! | `kubectl logs`, which asks the node | [`KUBECTL`], what the operator has written |
//! | the names `graph.microsoft.com` and `login.microsoftonline.com` | the node's environment, which leads to the emulator |
//!
//! All else is real: `helm`, `kubectl`, the API server.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use stage::emulator::is_token_request;
use stage::{Program, Supervised, binaries, wait_for, workspace, world};

use crate::cluster::{Cluster, Outcome, RELEASE};
use crate::kubelet;
use crate::leaving::held;

/// No step waits for anything but itself.
const DEADLINE: Duration = Duration::from_secs(300);

/// What the reader puts in the place of the document's examples.
const YOURS: [(&str, &str); 7] = [
    ("TENANT_ID", "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"),
    ("DOMAIN", world::DOMAIN),
    ("IMAGE", "registry.test/somebody/operator"),
    ("CATALOG_ID", world::GENERAL_CATALOG_ID),
    ("GROUP_ID", world::AUDITORS_GROUP_ID),
    ("APPROVER", "carol@contoso.com"),
    ("TEAM", "marketing-team"),
];
/// The application that `az` makes.
const CLIENT_ID: &str = "bbbbbbbb-0c0c-4b43-9a53-bbbbbbbbbbbb";

/// What Microsoft's program answers to exactly these commands; others are noted as unknown.
const AZ: &str = r#"
case "$*" in
'ad app create --display-name entra-access-operator --query appId --output tsv') echo "$STAND_IN_CLIENT" ;;
"ad app list --display-name entra-access-operator --query [0].appId --output tsv") echo "$STAND_IN_CLIENT" ;;
"ad sp create --id $STAND_IN_CLIENT") ;;
"ad sp show --id 00000003-0000-0000-c000-000000000000 --query appRoles[?value=='"*".All'].id --output tsv") echo role ;;
"ad app permission add --id $STAND_IN_CLIENT --api 00000003-0000-0000-c000-000000000000 --api-permissions role=Role") ;;
"ad app permission admin-consent --id $STAND_IN_CLIENT") ;;
"ad app credential reset --id $STAND_IN_CLIENT --append --display-name kubernetes --query password --output tsv")
  echo "$STAND_IN_SECRET" ;;
"ad app credential reset --id $STAND_IN_CLIENT --append --cert @tls.crt") test -s tls.crt ;;
"ad app federated-credential create --id $STAND_IN_CLIENT --parameters "*) ;;
*) echo "az $*" >>"$STAND_IN/unknown"; exit 1 ;;
esac
"#;
/// `docker` and `kind`.
const IMAGES: &str = r#"
case "$1 $2" in
'buildx build') for last in "$@"; do :; done; test -f "$last/Dockerfile" ;;
'load docker-image') ;;
*) echo "$*" >>"$STAND_IN/unknown"; exit 1 ;;
esac
"#;
/// `kubectl`, but for the one question that it does not ask the API server.
const KUBECTL: &str = r#"
case "$*" in
'-n entra-access-operator logs deployment/entra-access-operator --tail=20') tail -n 20 "$STAND_IN"/../entra-access-operator-*/log ;;
*) exec "$STAND_IN/kubectl" "$@" ;;
esac
"#;
/// `openssl req`, which writes to the two files that its last arguments name.
const OPENSSL: &str = r#"
case "$*" in
'req -x509 '*' -keyout tls.key -out tls.crt') cp "$STAND_IN/certificate.key" tls.key; cp "$STAND_IN/certificate.crt" tls.crt ;;
*) echo "openssl $*" >>"$STAND_IN/unknown"; exit 1 ;;
esac
"#;

/// Part of a document: what stands between two headings.
pub(crate) struct Page {
    pub(crate) place: &'static str,
    pub(crate) from: &'static str,
    pub(crate) until: &'static str,
}

/// A fenced block of commands, and where it stands.
pub(crate) struct Block {
    place: String,
    pub(crate) text: String,
}

impl Page {
    /// Its commands.
    pub(crate) fn blocks(&self) -> Outcome<Vec<Block>> {
        let content = fs::read_to_string(workspace::root().join(self.place))?;
        let lines = content.lines().enumerate();
        let mut lines = lines
            .skip_while(|(_, line)| *line != self.from)
            .take_while(|(_, line)| *line != self.until);
        let mut blocks = Vec::new();
        while let Some((number, line)) = lines.next() {
            let Some(language) = line.trim_start().strip_prefix("```") else {
                continue;
            };
            let place = format!("{}:{}", self.place, number + 1);
            assert_eq!(language, "sh", "{place}: only commands stand in the way of a reader");
            let text = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| line.trim_start() != "```");
            let text = text.map(|line| format!("{line}\n")).collect();
            blocks.push(Block { place, text });
        }
        assert!(!blocks.is_empty(), "{}: {}", self.place, self.from);
        assert!(
            content.lines().any(|line| line == self.until),
            "{}: {}",
            self.place,
            self.until
        );
        Ok(blocks)
    }
}

/// One of [`YOURS`] in the place of each example.
fn with_yours(block: &Block) -> Outcome<String> {
    let mut text = String::new();
    for line in block.text.lines() {
        let export = line.strip_prefix("export ").and_then(|rest| rest.split_once('='));
        match export.filter(|(_, value)| !value.starts_with("$(")) {
            Some((name, _)) => {
                let yours = YOURS.iter().find(|(known, _)| *known == name);
                let (_, value) = yours.ok_or_else(|| format!("{}: what is {name} to be?", block.place))?;
                text.push_str(&format!("export {name}={value}\n"));
            }
            None => text.push_str(&format!("{line}\n")),
        }
    }
    Ok(text)
}

/// The tenant of the stage under other ids, with an application that holds these permissions.
fn tenant(permissions: &[&str]) -> String {
    let list = |permissions: &[&str]| -> String {
        let lines = permissions.iter().map(|permission| format!("  - {permission}\n"));
        format!("  appPermissions:\n{}", lines.collect::<String>())
    };
    let all = list(&[
        "EntitlementManagement.ReadWrite.All",
        "Group.ReadWrite.All",
        "GroupMember.Read.All",
        "Application.ReadWrite.All",
        "Sites.FullControl.All",
        "User.Read.All",
    ]);
    assert!(world::WORLD.contains(&all));
    world::WORLD
        .replace(&all, &list(permissions))
        .replace(world::TENANT_ID, YOURS[0].1)
        .replace(world::CLIENT_ID, CLIENT_ID)
}

/// The permissions that the README's own commands ask for.
fn permissions_of(blocks: &[Block]) -> Vec<&str> {
    let lines = blocks.iter().flat_map(|block| block.text.lines());
    let list = lines.filter_map(|line| line.strip_prefix("for permission in ")?.strip_suffix("; do"));
    list.flat_map(str::split_whitespace).collect()
}

/// What a reader has before them: a clone, and the programs that the page asks for.
pub(crate) struct Desk {
    clone: PathBuf,
    stand_in: PathBuf,
    environment: Vec<String>,
}

impl Desk {
    pub(crate) fn new(cluster: &Cluster) -> Outcome<Self> {
        let (clone, stand_in) = (cluster.folder().join("clone"), cluster.folder().join("stand-in"));
        fs::create_dir_all(&clone)?;
        fs::create_dir_all(stand_in.join("bin"))?;
        // Of links: what is written into it does not land in the checkout.
        for entry in fs::read_dir(workspace::root())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if name != "target" && name != ".git" {
                symlink(&path, clone.join(name))?;
            }
        }
        let programs = binaries::ensure(&[Program::Kubectl, Program::Helm])?;
        symlink(programs.path(Program::Kubectl)?, stand_in.join("kubectl"))?;
        symlink(programs.path(Program::Helm)?, stand_in.join("bin/helm"))?;
        for (name, script) in [
            ("az", AZ),
            ("docker", IMAGES),
            ("kind", IMAGES),
            ("kubectl", KUBECTL),
            ("openssl", OPENSSL),
        ] {
            let file = stand_in.join("bin").join(name);
            let note = format!("#!/bin/sh\necho \"{name} $*\" >>\"$STAND_IN/calls\"{script}");
            fs::write(&file, note)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        }
        let certificate = rcgen::generate_simple_self_signed(["entra-access-operator".to_owned()])?;
        fs::write(stand_in.join("certificate.crt"), certificate.cert.pem())?;
        fs::write(
            stand_in.join("certificate.key"),
            certificate.signing_key.serialize_pem(),
        )?;
        let environment = [
            ("PATH", format!("{}/bin:/usr/bin:/bin", stand_in.display())),
            ("HOME", cluster.folder().display().to_string()),
            ("KUBECONFIG", cluster.kubeconfig().display().to_string()),
            ("KUBERC", "off".to_owned()),
            ("STAND_IN", stand_in.display().to_string()),
            ("STAND_IN_CLIENT", CLIENT_ID.to_owned()),
            ("STAND_IN_SECRET", world::CLIENT_SECRET.to_owned()),
        ];
        let environment = environment.map(|(name, value)| format!("{name}={value}")).to_vec();
        Ok(Self {
            clone,
            stand_in,
            environment,
        })
    }

    /// What the programs that are only played were asked.
    fn calls(&self) -> String {
        fs::read_to_string(self.stand_in.join("calls")).unwrap_or_default()
    }

    /// Writes a file into the clone.
    pub(crate) fn write(&self, name: &str, text: &str) -> Outcome {
        Ok(fs::write(self.clone.join(name), text)?)
    }

    /// Runs these commands, and meanwhile whatever pods they make. Answers what was printed.
    pub(crate) fn follow(&self, cluster: &Cluster, commands: &str) -> Outcome<String> {
        let script = self.stand_in.join("commands");
        fs::write(&script, commands)?;
        let place = self.clone.display().to_string();
        let arguments = ["-i".to_owned()]
            .into_iter()
            .chain(self.environment.iter().cloned())
            .chain(["bash", "-c", "cd \"$1\" && exec bash -eu -o pipefail \"$2\"", "reader"].map(str::to_owned))
            .chain([place, script.display().to_string()]);
        let network = [
            ("GRAPH_URL", cluster.emulator.graph_url()),
            ("AZURE_AUTHORITY_HOST", cluster.emulator.authority()),
            ("SSL_CERT_FILE", &cluster.emulator.ca_file().display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let ended = AtomicBool::new(false);
        thread::scope(|scope| -> Outcome<String> {
            let node = scope.spawn(|| kubelet::attend(cluster, &network, &ended).map_err(|error| error.to_string()));
            let log = self.stand_in.join("printed");
            let mut shell = Supervised::start(Path::new("/usr/bin/env"), arguments, &[], &log)?;
            let status = wait_for("the commands to end", DEADLINE, || match shell.ended() {
                None if !node.is_finished() => Err(shell.log()),
                status => Ok(status),
            });
            ended.store(true, Ordering::Relaxed);
            node.join().map_err(|_| "the node ended")??;
            let (status, printed) = (status?, shell.log());
            assert!(status.is_some_and(|status| status.success()), "{status:?}\n{printed}");
            Ok(printed)
        })
    }
}

/// Follows this page from its first block to its last, in one shell.
fn follow(cluster: &Cluster, desk: &Desk, blocks: &[Block]) -> Outcome<String> {
    let mut commands = String::new();
    for block in blocks {
        commands.push_str(&format!("echo '==> {}'\n{}", block.place, with_yours(block)?));
    }
    let printed = desk.follow(cluster, &commands)?;
    let unknown = fs::read_to_string(desk.stand_in.join("unknown")).unwrap_or_default();
    assert_eq!(unknown, "", "commands that nobody plays\n{printed}");
    for block in blocks {
        assert!(
            printed.contains(&format!("==> {}\n", block.place)),
            "{} was not run",
            block.place
        );
    }
    Ok(printed)
}

/// What was built has the version of the chart, which asks for no other.
fn assert_image(desk: &Desk) {
    let image = format!("--tag {}:{} ", YOURS[2].1, env!("CARGO_PKG_VERSION"));
    assert!(desk.calls().contains(&image), "{image}: {}", desk.calls());
}

/// What was asked of Graph to make the package.
fn package_made(cluster: &Cluster) -> Outcome<Value> {
    let writes = cluster.emulator.graph_writes();
    let made = writes.iter().find(|write| {
        let path = write["path"].as_str().unwrap_or_default();
        write["method"] == "POST" && path.ends_with("/accessPackages")
    });
    Ok(made
        .cloned()
        .ok_or_else(|| format!("no package was made: {writes:#?}"))?)
}

#[test]
fn whoever_copies_the_commands_of_the_readme_comes_to_a_ready_package_and_back() -> Outcome {
    let blocks = Page {
        place: "README.md",
        from: "## The real thing in ten minutes",
        until: "## The words",
    }
    .blocks()?;
    let cluster = Cluster::empty(&tenant(&permissions_of(&blocks)))?;
    let desk = Desk::new(&cluster)?;

    let printed = follow(&cluster, &desk, &blocks)?;
    for ready in [
        "accesspackage.access.entra-operator.io/campaign",
        "assignmentpolicy.access.entra-operator.io/campaign",
    ] {
        assert!(printed.contains(&format!("{ready} condition met\n")), "{printed}");
    }
    assert_image(&desk);
    let package = package_made(&cluster)?;
    assert_eq!(
        package["requestBody"]["catalog"]["id"],
        world::GENERAL_CATALOG_ID,
        "{package:#}"
    );

    // Gone again, and the catalog is not.
    assert_eq!(cluster.list("accesspackages", None)?, Vec::<Value>::new());
    assert_eq!(cluster.emulator.collection("accessPackages")?, Vec::<Value>::new());
    assert_eq!(cluster.emulator.collection("catalogs")?.len(), 1);
    assert_eq!(cluster.get("deployments", RELEASE, Some(RELEASE))?, None);
    Ok(())
}

#[test]
fn whoever_copies_the_commands_of_the_installation_comes_to_a_ready_package_without_any_secret_and_can_leave() -> Outcome
{
    let readme = Page {
        place: "README.md",
        from: "### 2. An application with the permissions that it needs",
        until: "### 3. The operator",
    };
    let blocks = Page {
        place: "docs/install.md",
        from: "## 1. What is yours",
        until: "## Taking over what kubectl applied",
    }
    .blocks()?;
    let cluster = Cluster::empty(&tenant(&permissions_of(&readme.blocks()?)))?;
    let desk = Desk::new(&cluster)?;

    let printed = follow(&cluster, &desk, &blocks)?;
    assert!(
        printed.contains("accesspackage.access.entra-operator.io/campaign condition met\n"),
        "{printed}"
    );
    assert_image(&desk);
    let deployment = cluster.get("deployments", RELEASE, Some(RELEASE))?.unwrap_or_default();
    let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(*image, format!("{}:{}", YOURS[2].1, env!("CARGO_PKG_VERSION")));
    let federated = desk.calls();
    for word in [
        "\"issuer\": \"https://kubernetes.default.svc\"",
        "\"subject\": \"system:serviceaccount:entra-access-operator:entra-access-operator\"",
    ] {
        assert!(federated.contains(word), "{federated}");
    }
    let requests = cluster.emulator.requests();
    let tokens: Vec<&Value> = requests.iter().filter(|request| is_token_request(request)).collect();
    assert!(!tokens.is_empty());
    for request in tokens {
        assert!(
            request.to_string().contains("jwt-bearer"),
            "by a token of its own: {request:#}"
        );
    }
    // The team has the right that the page gives it, and no other.
    let ann = cluster.user("ann")?;
    assert_eq!(ann.list("accesspackages", Some("marketing"))?.len(), 1);
    assert!(ann.list("catalogs", None).is_err());

    // The operator goes as the other page says, and lets its objects go.
    let parting = Page {
        place: "docs/upgrade.md",
        from: "### Letting the objects go, too",
        until: "### By hand",
    };
    assert_eq!(held(&cluster)?.len(), 4);
    follow(&cluster, &desk, &parting.blocks()?)?;
    assert_eq!(held(&cluster)?, Vec::<String>::new());
    assert_eq!(cluster.list("accesspackages", Some("marketing"))?.len(), 1);
    assert_eq!(cluster.emulator.collection("accessPackages")?.len(), 1);
    assert_eq!(cluster.get("deployments", RELEASE, Some(RELEASE))?, None);
    Ok(())
}
