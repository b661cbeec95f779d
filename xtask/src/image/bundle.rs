//! What a container runtime is told (OCI runtime specification): the image's
//! files, read-only; the image's user, without any capability; two folders of
//! this machine in the places of its volumes.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// The user of the image.
pub const USER: u32 = 10001;
/// Where the image has its configuration and its data.
pub const PLACES: [&str; 2] = ["/etc/sealpost", "/var/lib/sealpost"];

/// A folder with the files of the image, its two volumes and the descriptions of containers.
pub struct Bundle {
    root: PathBuf,
    folder: tempfile::TempDir,
}

impl Bundle {
    /// Over the files of an image, with empty volumes.
    pub fn new(root: PathBuf) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let bundle = Self { root, folder };
        for place in PLACES {
            let volume = bundle.volume(place);
            fs::create_dir_all(&volume)?;
            std::os::unix::fs::chown(&volume, Some(USER), Some(USER)).context("chown")?;
        }
        Ok(bundle)
    }

    /// The description of a container that runs this; `writable` are the places that it may write.
    pub fn describe(&self, name: &str, command: &[String], writable: &[&str]) -> Result<PathBuf> {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder)?;
        let text = serde_json::to_vec_pretty(&self.description(command, writable))?;
        fs::write(folder.join("config.json"), text)?;
        Ok(folder)
    }

    fn volume(&self, place: &str) -> PathBuf {
        self.folder.path().join("volumes").join(place.replace('/', "-"))
    }

    fn description(&self, command: &[String], writable: &[&str]) -> Value {
        let mut mounts = vec![
            json!({ "destination": "/proc", "type": "proc", "source": "proc" }),
            json!({ "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] }),
        ];
        mounts.extend(PLACES.map(|place| {
            let right = if writable.contains(&place) { "rw" } else { "ro" };
            json!({ "destination": place, "type": "bind", "source": self.volume(place), "options": ["rbind", right] })
        }));
        let namespaces = ["pid", "network", "ipc", "uts", "mount"].map(|kind| json!({ "type": kind }));
        let none: [&str; 0] = [];
        json!({
            "ociVersion": "1.0.0",
            "process": {
                "terminal": false,
                "user": { "uid": USER, "gid": USER },
                "args": command,
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
                "cwd": "/",
                "capabilities": { "bounding": none, "effective": none, "permitted": none,
                    "inheritable": none, "ambient": none },
                "noNewPrivileges": true,
            },
            "root": { "path": self.root, "readonly": true },
            "mounts": mounts,
            "linux": {
                "namespaces": namespaces,
                // The ports below 1024 are any user's in a network of one's own.
                "sysctl": { "net.ipv4.ip_unprivileged_port_start": "0" },
            },
        })
    }
}
