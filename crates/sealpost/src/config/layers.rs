//! The layers of a configuration, lowest first: files, credentials,
//! environment, flags.

use std::fs;
use std::path::{Path, PathBuf};

use super::tree::{self, Node};
use super::{Inputs, Origin, Problem, Problems};

/// What the name of a variable begins with. Only names with a `__` are keys of the configuration:
/// `SEALPOST_SECTION__KEY`.
pub const PREFIX: &str = "SEALPOST_";

/// Keys whose value is a secret: never shown, and readable from a file named by `…_FILE`.
pub const SECRETS: [&str; 2] = ["store.url", "acme.external_account_key"];

/// Keys that name a file, which a credential of systemd can be.
pub const FILES: [&str; 12] = [
    "acme.anchors",
    "delivery.anchors",
    "smime.anchors",
    "delivery.dnssec_anchors",
    "gateway.anchors",
    "gateway.certificate",
    "gateway.key",
    "portal.certificate",
    "portal.key",
    "submission.certificate",
    "submission.key",
    "vault.root_key_file",
];

/// All layers, laid over each other; or every file that could not be read.
pub fn merged(inputs: &Inputs) -> Result<Node, Problems> {
    let mut tree = Node::empty();
    let mut problems = Vec::new();
    let layers = files(inputs.file.as_deref())
        .into_iter()
        .chain(credentials(inputs.credentials.as_deref()))
        .chain(environment(&inputs.environment))
        .chain(flags(&inputs.flags));
    for layer in layers {
        match layer {
            Ok(layer) => tree.lay(layer),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(tree) } else { Err(Problems(problems)) }
}

type Layer = Result<Node, Problem>;

fn files(main: Option<&Path>) -> Vec<Layer> {
    let Some(main) = main else { return Vec::new() };
    let drop_ins = match drop_ins(main) {
        Ok(paths) => paths,
        Err(problem) => return vec![Err(problem)],
    };
    [main.to_owned()].into_iter().chain(drop_ins).map(|path| tree::parse(&path, &read(&path)?)).collect()
}

/// `conf.d/*.toml` beside the file, in the order of their names.
fn drop_ins(main: &Path) -> Result<Vec<PathBuf>, Problem> {
    let folder = main.with_file_name("conf.d");
    let unreadable = |source| Problem::Unreadable { path: folder.clone(), source };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, Problem> {
    fs::read_to_string(path).map_err(|source| Problem::Unreadable { path: path.to_owned(), source })
}

/// A credential bears the name of its key. For a key that names a file it is that file, for a secret it is the value.
fn credentials(folder: Option<&Path>) -> Vec<Layer> {
    let Some(folder) = folder else { return Vec::new() };
    let present = |key: &&str| folder.join(key).exists();
    let files = FILES.into_iter().filter(present).map(|key| {
        let path = folder.join(key);
        Ok(Node::loose(key, path.to_string_lossy().into_owned(), &Origin::Credential(path.clone())))
    });
    let secrets = SECRETS.into_iter().filter(present).map(|key| {
        let path = folder.join(key);
        Ok(Node::loose(key, secret(&path)?, &Origin::Credential(path)))
    });
    files.chain(secrets).collect()
}

fn environment(variables: &[(String, String)]) -> Vec<Layer> {
    variables.iter().filter_map(|(name, value)| Some(variable(name, &key_of(name)?, value))).collect()
}

/// The dotted key that a variable's name stands for.
fn key_of(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    rest.contains("__").then(|| rest.to_ascii_lowercase().replace("__", "."))
}

fn variable(name: &str, key: &str, value: &str) -> Layer {
    match key.strip_suffix("_file").filter(|secret| SECRETS.contains(secret)) {
        Some(key) => {
            let path = PathBuf::from(value);
            let text = secret(&path)?;
            Ok(Node::loose(key, text, &Origin::EnvironmentFile { name: name.to_owned(), path }))
        }
        None => Ok(Node::loose(key, value.to_owned(), &Origin::Environment(name.to_owned()))),
    }
}

/// A secret's file, without the newline that editors leave at its end.
fn secret(path: &Path) -> Result<String, Problem> {
    Ok(read(path)?.trim_end_matches(['\r', '\n']).to_owned())
}

fn flags(flags: &[(String, String, String)]) -> Vec<Layer> {
    flags.iter().map(|(flag, key, value)| Ok(Node::loose(key, value.clone(), &Origin::Flag(flag.clone())))).collect()
}
