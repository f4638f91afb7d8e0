//! Secrets are the user's own: owner, mode and links of the key directory and of what is in it.
#![cfg(unix)]

mod directory;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
    process::{Command, Output},
};

use crate::directory::Directory;

/// Somebody else: `nobody`.
const OTHER: u32 = 65_534;
/// Every command that opens a key directory.
const COMMANDS: [&[&str]; 7] = [
    &["status", "keys"],
    &["rotate", "keys"],
    &["revoke", "keys", "--jti", "a"],
    &["unrevoke", "keys", "--jti", "a"],
    &["issue", "--key", "keys", "--issuer", "i", "--audience", "a"],
    &["replace", "--key", "keys", "--issuer", "i", "--audience", "a", "--workspace", "w", "--grace", "now"],
    &PUBLISH,
];
const PUBLISH: [&str; 6] = ["publish", "keys", "--issuer", "i", "--out", "public"];

fn keys(name: &str) -> Directory {
    let directory = Directory::new(name);
    assert!(directory.output(&["keygen", "--out", "keys"]).status.success());
    directory
}

impl Directory {
    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_datakit-token"));
        command.args(arguments).current_dir(&self.0).output().unwrap()
    }

    fn refused(&self, arguments: &[&str], words: &str) {
        let output = self.output(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty() && said.contains(words), "{arguments:?}: expected {words}, found {said}");
    }

    fn mode(&self, name: &str) -> u32 {
        fs::symlink_metadata(self.0.join(name)).unwrap().mode() & 0o7777
    }

    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.0.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Puts a link in the place of what is there, which moves.
    fn link(&self, name: &str) {
        fs::rename(self.0.join(name), self.0.join("elsewhere")).unwrap();
        symlink(self.0.join("elsewhere"), self.0.join(name)).unwrap();
    }

    fn unlink(&self, name: &str) {
        fs::remove_file(self.0.join(name)).unwrap();
        fs::rename(self.0.join("elsewhere"), self.0.join(name)).unwrap();
    }
}

#[test]
fn links_are_not_followed() {
    let directory = keys("links");
    for name in ["keys/keys.json", "keys/lock", "keys"] {
        directory.link(name);
        for command in COMMANDS {
            directory.refused(command, "symbolic link");
        }
        directory.unlink(name);
    }
    directory.link("keys");
    directory.refused(&["status", "keys/"], "symbolic link");
    directory.refused(&["keygen", "--out", "keys"], "symbolic link");
    directory.unlink("keys");
    directory.link("keys/root.jwk");
    directory.refused(&PUBLISH, "symbolic link");
    directory.refused(&["publish", "keys", "--issuer", "i", "--out", "p", "--root", "keys/root.jwk"], "symbolic link");
    directory.refused(&["issue", "--key", "keys/root.jwk", "--issuer", "i", "--audience", "a"], "symbolic link");
    directory.unlink("keys/root.jwk");
    // Nothing is made where a link points to.
    fs::remove_file(directory.0.join("keys/lock")).unwrap();
    symlink(directory.0.join("made"), directory.0.join("keys/lock")).unwrap();
    directory.refused(&["status", "keys"], "symbolic link");
    assert!(!directory.0.join("made").exists());
    fs::remove_file(directory.0.join("keys/lock")).unwrap();
    for command in COMMANDS.into_iter().filter(|command| command[0] != "unrevoke") {
        assert!(directory.output(command).status.success(), "{command:?}");
    }
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let directory = keys("pipes");
    for name in ["keys/root.jwk", "keys/lock", "keys/keys.json"] {
        fs::rename(directory.0.join(name), directory.0.join("elsewhere")).unwrap();
        assert!(Command::new("mkfifo").args(["-m", "600"]).arg(directory.0.join(name)).status().unwrap().success());
        let output = directory.output(&PUBLISH);
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        fs::remove_file(directory.0.join(name)).unwrap();
        fs::create_dir(directory.0.join(name)).unwrap();
        assert_eq!(directory.output(&PUBLISH).status.code(), Some(2), "{name}");
        fs::remove_dir(directory.0.join(name)).unwrap();
        fs::rename(directory.0.join("elsewhere"), directory.0.join(name)).unwrap();
    }
    assert!(directory.output(&PUBLISH).status.success());
}

#[test]
fn a_key_directory_that_others_may_write_to_is_refused() {
    let directory = keys("writable");
    for mode in [0o720, 0o702, 0o770, 0o775, 0o777, 0o1777, 0o2770] {
        directory.set_mode("keys", mode);
        for command in COMMANDS {
            directory.refused(command, "expected mode 0700");
        }
    }
    for mode in [0o700, 0o750, 0o755] {
        directory.set_mode("keys", mode);
        assert!(directory.output(&PUBLISH).status.success(), "{mode:o}");
    }
    fs::create_dir(directory.0.join("open")).unwrap();
    directory.set_mode("open", 0o777);
    directory.refused(&["keygen", "--out", "open"], "expected mode 0700");
    assert_eq!(fs::read_dir(directory.0.join("open")).unwrap().count(), 0);
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    for umask in ["000", "002", "022", "077"] {
        let directory = Directory::new(&format!("umask-{umask}"));
        let script = format!(
            "umask {umask} && \"$0\" keygen --out outer/keys && \"$0\" publish outer/keys --issuer i --out public && \
             \"$0\" rotate outer/keys"
        );
        let shell = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_datakit-token")])
            .current_dir(&directory.0)
            .output();
        let shell = shell.unwrap();
        assert!(shell.status.success(), "{shell:?}");
        assert_eq!(directory.mode("outer/keys"), 0o700, "{umask}");
        for name in ["keys.json", "root.jwk", "lock"] {
            assert_eq!(directory.mode(&format!("outer/keys/{name}")), 0o600, "{umask} {name}");
        }
        assert_eq!(directory.mode("public") & 0o022, 0, "{umask}");
        for name in ["jwks.json", "bundle.jwt"] {
            assert_eq!(directory.mode(&format!("public/{name}")) & 0o022, 0, "{umask} {name}");
        }
    }
    // A lock that others can open could be kept by them.
    let directory = keys("lock-mode");
    directory.set_mode("keys/lock", 0o666);
    assert!(directory.output(&["status", "keys"]).status.success());
    assert_eq!(directory.mode("keys/lock"), 0o600);
}

/// Root gives files away; whoever is not root has files of root's before him. Both are refused for their owner.
#[test]
fn what_is_somebody_elses_is_refused() {
    let directory = keys("owner");
    let own = fs::metadata(&directory.0).unwrap().uid();
    if own == 0 {
        for name in ["keys/keys.json", "keys/lock", "keys", "keys/root.jwk"] {
            chown(directory.0.join(name), Some(OTHER), None).unwrap();
            for command in COMMANDS.into_iter().filter(|command| name != "keys/root.jwk" || command[0] == "publish") {
                directory.refused(command, "expected the owner to be the user who runs this, 0, found 65534");
            }
            chown(directory.0.join(name), Some(own), None).unwrap();
            assert!(directory.output(&PUBLISH).status.success());
        }
    } else {
        let words = format!("expected the owner to be the user who runs this, {own}, found 0");
        directory.refused(&["keygen", "--out", "/"], &words);
        assert_eq!(fs::metadata("/etc/passwd").unwrap().uid(), 0);
        directory.refused(&["issue", "--key", "/etc/passwd", "--issuer", "i", "--audience", "a"], &words);
        assert!(!Path::new("/lock").exists());
    }
}
