//! The programs of the control plane: found in `KUBEBUILDER_ASSETS`, or built once by the Go toolchain.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result, workspace};

/// A program that the stage can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// The store of the API server.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// Deletes namespaces, collects garbage, makes service accounts and the pods of Deployments.
    KubeControllerManager,
    /// The command line client.
    Kubectl,
    /// The package manager; only built where a test asks for it.
    Helm,
    /// Computes what kstatus, Kubernetes' library for waiting, makes of objects; only built where a test asks for it.
    Kstatus,
}

impl Program {
    /// What [`ControlPlane`](crate::ControlPlane) needs.
    pub const CONTROL_PLANE: [Self; 4] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::Kubectl,
        Self::KubeControllerManager,
    ];

    /// Its file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
            Self::Helm => "helm",
            Self::Kstatus => "kstatus",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
            Self::Helm => "helm.sh/helm/v4/cmd/helm",
            Self::Kstatus => "./kstatus",
        }
    }

    /// How long the first build takes on two cores, once the sources are there.
    fn first_build(self) -> &'static str {
        match self {
            Self::KubeApiserver => "about 4 minutes",
            Self::KubeControllerManager => "about 1½ minutes",
            Self::Etcd => "about 40 seconds",
            Self::Kubectl | Self::Helm => "about 20 seconds",
            Self::Kstatus => "about 5 seconds",
        }
    }

    /// Whether it is asked for in `KUBEBUILDER_ASSETS`, which holds a control plane and nothing more.
    fn is_of_control_plane(self) -> bool {
        Self::CONTROL_PLANE.contains(&self)
    }
}

/// Where the programs are.
#[derive(Clone, Debug, Default)]
pub struct Binaries {
    paths: BTreeMap<Program, PathBuf>,
}

impl Binaries {
    /// Where this program is; none where `KUBEBUILDER_ASSETS` is set and lacks it.
    #[must_use]
    pub fn get(&self, program: Program) -> Option<&Path> {
        self.paths.get(&program).map(PathBuf::as_path)
    }

    /// Where this program is.
    ///
    /// # Errors
    /// [`Error::Build`] where it is not there.
    pub fn path(&self, program: Program) -> Result<&Path> {
        self.get(program)
            .ok_or_else(|| Error::Build(format!("{} is not in KUBEBUILDER_ASSETS", program.name())))
    }
}

/// Finds these programs, or builds what is missing and says so on standard error.
///
/// Where `KUBEBUILDER_ASSETS` is set, its programs are used; kube-controller-manager may be absent there (then
/// namespaces are never gone); helm and kstatus are built in any case.
///
/// # Errors
/// [`Error::Build`] where Go is missing or the build fails.
pub fn ensure(programs: &[Program]) -> Result<Binaries> {
    let mut found = Binaries::default();
    let mut missing = Vec::new();
    let assets = env::var_os("KUBEBUILDER_ASSETS")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from);
    for &program in programs {
        match assets.as_ref().map(|folder| folder.join(program.name())) {
            Some(path) if path.is_file() => {
                found.paths.insert(program, path);
            }
            Some(_) if program == Program::KubeControllerManager => {}
            Some(path) if program.is_of_control_plane() => {
                return Err(Error::Build(format!(
                    "KUBEBUILDER_ASSETS is set, but there is no {}; correct it, or unset it to have the programs built",
                    path.display()
                )));
            }
            _ => missing.push(program),
        }
    }
    if !missing.is_empty() {
        let recipe = Recipe::read()?;
        for (program, path) in recipe.build_all(&missing)? {
            found.paths.insert(program, path);
        }
    }
    Ok(found)
}

/// How the programs are built, and the folder that this very recipe fills.
struct Recipe {
    module: PathBuf,
    linker_flags: String,
    folder: PathBuf,
}

impl Recipe {
    fn read() -> Result<Self> {
        let module = workspace::root().join("tests/control-plane");
        let read = |name: &str| {
            let path = module.join(name);
            fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))
        };
        let (manifest, sums, ours) = (read("go.mod")?, read("go.sum")?, read("kstatus/main.go")?);
        let version = manifest
            .lines()
            .find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "))
            .and_then(|rest| rest.split_whitespace().next())
            .ok_or_else(|| Error::Build("tests/control-plane/go.mod names no k8s.io/kubernetes version".to_owned()))?;
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        // Without these the server calls itself v0.0.0-master.
        let about = "k8s.io/component-base/version";
        let linker_flags =
            format!("-s -w -X {about}.gitVersion={version} -X {about}.gitMajor={major} -X {about}.gitMinor={minor}");
        let key = fingerprint(&[&manifest, &sums, &ours, &linker_flags]);
        let folder = workspace::target_dir()
            .join("control-plane")
            .join(format!("{version}-{key:016x}"));
        Ok(Self {
            module,
            linker_flags,
            folder,
        })
    }

    fn build_all(&self, programs: &[Program]) -> Result<Vec<(Program, PathBuf)>> {
        let paths: Vec<_> = programs
            .iter()
            .map(|&program| (program, self.folder.join(program.name())))
            .collect();
        if paths.iter().all(|(_, path)| path.is_file()) {
            return Ok(paths);
        }
        let (folder, lock_file) = (self.folder.display(), self.folder.join(".lock"));
        fs::create_dir_all(&self.folder).map_err(Error::io(format!("create {folder}")))?;
        let lock = File::create(&lock_file).map_err(Error::io(format!("create {}", lock_file.display())))?;
        if lock.try_lock().is_err() {
            say("another process is building the control plane; waiting for it");
            lock.lock()
                .map_err(Error::io(format!("lock {}", lock_file.display())))?;
        }
        let absent: Vec<_> = paths.iter().filter(|(_, path)| !path.is_file()).collect();
        for (index, (program, path)) in absent.iter().enumerate() {
            let place = format!("{} of {}", index + 1, absent.len());
            self.build(*program, path, &place)?;
        }
        Ok(paths)
    }

    fn build(&self, program: Program, path: &Path, place: &str) -> Result<()> {
        let name = program.name();
        let partial = self.folder.join(format!(".{name}.partial"));
        let log = self.folder.join(format!("{name}.log"));
        let output = File::create(&log).map_err(Error::io(format!("create {}", log.display())))?;
        let mut command = Command::new("go");
        command
            .current_dir(&self.module)
            .env("CGO_ENABLED", "0")
            .env_remove("GOFLAGS")
            .env_remove("GOWORK");
        command.args([
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            &self.linker_flags,
            "-o",
        ]);
        command.arg(&partial).arg(program.package());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let mut child = command.spawn().map_err(|error| {
            Error::Build(match error.kind() {
                io::ErrorKind::NotFound => {
                    "the Kubernetes control plane is built by Go, and there is no `go` on the PATH; install Go 1.26 or \
                     newer (https://go.dev/doc/install), or set KUBEBUILDER_ASSETS to a folder with etcd, \
                     kube-apiserver and kubectl"
                        .to_owned()
                }
                _ => format!("cannot run `go`: {error}"),
            })
        })?;
        let mut progress = Progress::new(format!(
            "building {name} ({place}), {} the first time",
            program.first_build()
        ));
        let status = loop {
            match child
                .try_wait()
                .map_err(Error::io(format!("wait for the build of {name}")))?
            {
                Some(status) => break status,
                None => thread::sleep(Duration::from_millis(100)),
            }
            progress.tick();
        };
        progress.finish(if status.success() { "done" } else { "failed" });
        if !status.success() {
            let text = fs::read_to_string(&log).unwrap_or_default();
            return Err(Error::Build(format!(
                "`go build {}` failed ({status}):\n{text}",
                program.package()
            )));
        }
        // Renamed last, so that an interrupted build leaves nothing that looks finished.
        fs::rename(&partial, path).map_err(Error::io(format!("rename {}", partial.display())))?;
        let _ = fs::remove_file(&log);
        Ok(())
    }
}

/// One line on standard error that says what is going on and for how long.
struct Progress {
    what: String,
    started: Instant,
    said: Instant,
    terminal: bool,
}

impl Progress {
    fn new(what: String) -> Self {
        let terminal = io::stderr().is_terminal();
        if !terminal {
            say(&format!("{what} …"));
        }
        Self {
            what,
            started: Instant::now(),
            said: Instant::now(),
            terminal,
        }
    }

    fn tick(&mut self) {
        let pause = if self.terminal {
            Duration::from_millis(500)
        } else {
            Duration::from_secs(30)
        };
        if self.said.elapsed() < pause {
            return;
        }
        self.said = Instant::now();
        let line = format!("{} … {}", self.what, elapsed(self.started));
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[2K{line}");
        } else {
            say(&line);
        }
    }

    fn finish(&self, how: &str) {
        let line = format!("{} … {how} in {}", self.what, elapsed(self.started));
        let start = if self.terminal { "\r\x1b[2K" } else { "" };
        let _ = writeln!(io::stderr(), "{start}{line}");
    }
}

fn elapsed(since: Instant) -> String {
    let seconds = since.elapsed().as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

// Straight to standard error: the test harness captures only what the print macros write.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// FNV-1a, 64 bits: the same for every toolchain, unlike the standard library's hashers.
fn fingerprint(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
